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
export type { ShowRunner } from './show-runner.ts';
export {
  createSnmpSource,
  createTrapWakeUp,
  type IgnoredDatagrams,
  type MibChoice,
  type SnmpSource,
  type SnmpSourceOptions,
  type SnmpUser,
  type SnmpVrf,
  type TrapCounts,
  type TrapWakeUp,
  type TrapWakeUpOptions,
} from './snmp/index.ts';
export { createSocketsSource, type SocketsSource, type SocketsSourceOptions } from './sockets/index.ts';
export { neighborKeyText, type SwitchSource } from './switch-source.ts';
export type { WakeUpSource, WakeUpState } from './wake-up-source.ts';
export { createWakeUps, type WakeUpEvent, type WakeUpReporter, type WakeUps, type WakeUpsOptions } from './wake-ups.ts';
