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
  type TrapCounts,
  type TrapTrigger,
  type TrapTriggerOptions,
} from './traps.ts';
export type { MibChoice } from './walk.ts';
