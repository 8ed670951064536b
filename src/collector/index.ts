export { type Collector, type CollectorOptions, type CollectorReporter, createCollector } from './collector.ts';
export {
  createEapiShowRunner,
  createEapiSource,
  type EapiCredentials,
  type EapiEndpoint,
  type EapiShowRunnerOptions,
  type EapiSource,
  type EapiSourceOptions,
  type EapiTls,
  parseEapiEndpoint,
} from './eapi/index.ts';
export { type BgpWatchOptions, createBgpWatch } from './grpc/index.ts';
export {
  createSnmpSource,
  createTrapTrigger,
  createTrapWakeUp,
  type IgnoredDatagrams,
  type MibChoice,
  type SnmpSource,
  type SnmpSourceOptions,
  type SnmpUser,
  type SnmpVrf,
  type TrapCounts,
  type TrapTrigger,
  type TrapTriggerOptions,
  type TrapWakeUp,
  type TrapWakeUpOptions,
} from './snmp/index.ts';
export { createSocketsSource, type SocketsSource, type SocketsSourceOptions } from './sockets/index.ts';
export { neighborKeyText, type ShowRunner, type SwitchSource } from './source.ts';
export {
  createTriggers,
  createTriggers as createWakeUps,
  type TriggerEvent,
  type TriggerEvent as WakeUpEvent,
  type TriggerReporter,
  type TriggerReporter as WakeUpReporter,
  type TriggerSource,
  type TriggerSource as WakeUpSource,
  type TriggerState,
  type TriggerState as WakeUpState,
  type Triggers,
  type Triggers as WakeUps,
  type TriggersOptions,
  type TriggersOptions as WakeUpsOptions,
} from './triggers.ts';
