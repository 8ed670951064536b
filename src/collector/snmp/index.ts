export type { IgnoredDatagrams } from './ignored-datagrams.ts';
export type { NamedSnmpVrf, SnmpCredentials, SnmpVrf } from './snmp-access.ts';
export { createSnmpSource, type SnmpSource, type SnmpSourceOptions } from './snmp-source.ts';
export type { TrapCounts } from './trap-counts.ts';
export { createTrapWakeUp, type TrapWakeUp, type TrapWakeUpOptions } from './trap-wake-up.ts';
export { SNMP_AUTH_PROTOCOLS, SNMP_PRIV_PROTOCOLS, type SnmpAuthProtocol, type SnmpPrivProtocol, type SnmpUser } from './v3-user.ts';
export type { MibChoice } from './vrf-reader.ts';
