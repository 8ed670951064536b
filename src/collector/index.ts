export {
  type Collector,
  type CollectorOptions,
  type CollectorReporter,
  createCollector,
  neighborKeyText,
  type ShowRunner,
  type SwitchSource,
} from './collector.ts';
export {
  createEapiShowRunner,
  createEapiSource,
  type EapiCredentials,
  type EapiShowRunnerOptions,
  type EapiSource,
  type EapiSourceOptions,
  type EapiTls,
} from './eapi/index.ts';
export { type BgpWatchOptions, createBgpWatch } from './grpc/index.ts';
export {
  createSnmpSource,
  createTrapTrigger,
  type SnmpSourceOptions,
  type SnmpUser,
  type TrapTrigger,
  type TrapTriggerOptions,
} from './snmp/index.ts';
export { createSocketsSource, type SocketsSourceOptions } from './sockets/index.ts';
export {
  createTriggers,
  type TriggerEvent,
  type TriggerReporter,
  type TriggerSource,
  type TriggerState,
  type Triggers,
  type TriggersOptions,
} from './triggers.ts';
