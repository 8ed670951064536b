export type { SnmpCredentials, SnmpUser } from './session.ts';
export { createSnmpSource, type NamedSnmpVrf, type SnmpSourceOptions } from './source.ts';
export { createTrapTrigger, type TrapTrigger, type TrapTriggerOptions } from './traps.ts';
