// The sources are loaded on demand, each by the index.ts of its folder.
export {
  type Collector,
  type CollectorReporter,
  createCollector,
  neighborKeyText,
  type ShowRunner,
  type SwitchSource,
} from './collector.ts';
export {
  createTriggers,
  type TriggerEvent,
  type TriggerReporter,
  type TriggerSource,
  type TriggerState,
} from './triggers.ts';
