export type { IgnoredDatagrams } from './ignored-datagrams.ts';
export { createSnmpSource, type SnmpSource, type SnmpSourceOptions, type SnmpVrf } from './snmp-source.ts';
