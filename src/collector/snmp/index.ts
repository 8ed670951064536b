export type { NamedSnmpVrf, SnmpCredentials, SnmpVrf } from './access.ts';
export type { SnmpUser } from './session.ts';
export { createSnmpSource, type SnmpSourceOptions } from './source.ts';
export { createTrapTrigger, type TrapTrigger, type TrapTriggerOptions } from './traps.ts';
