export { createSnmpSource, type IgnoredDatagrams, type SnmpSource, type SnmpSourceOptions, type SnmpVrf } from './snmp/index.ts';
export { neighborKeyText, type SwitchSource } from './switch-source.ts';
