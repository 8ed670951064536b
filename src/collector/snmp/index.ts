export type { NamedSnmpVrf, SnmpCredentials, SnmpVrf } from './access.ts';
export {
  type IgnoredDatagrams,
  SNMP_AUTH_PROTOCOLS,
  SNMP_PRIV_PROTOCOLS,
  type SnmpAuthProtocol,
  type SnmpPrivProtocol,
  type SnmpUser,
} from './session.ts';
export { createSnmpSource, type SnmpSource, type SnmpSourceOptions } from './source.ts';
export {
  createTrapTrigger,
  createTrapTrigger as createTrapWakeUp,
  type TrapCounts,
  type TrapTrigger,
  type TrapTrigger as TrapWakeUp,
  type TrapTriggerOptions,
  type TrapTriggerOptions as TrapWakeUpOptions,
} from './traps.ts';
export type { MibChoice } from './walk.ts';
