export type { DeviceChange, NewDevice } from './device-factory.ts';
export type { NewUser } from './user-factory.ts';
export { createWorldAdmin } from './world-admin.ts';
export type { UserChange, WorldAdmin } from './world-contract.ts';
export { WorldError } from './world-error.ts';
