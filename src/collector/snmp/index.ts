export type { IgnoredDatagrams } from './snmp-session.ts';
export { createSnmpSource, type SnmpSource, type SnmpSourceOptions, type SnmpVrf } from './snmp-source.ts';
