export type { DeviceChange, NewDevice } from './device-factory.ts';
export type { NewUser } from './user-factory.ts';
export { createWorldAdmin, type UserChange, type WorldAdmin } from './world-admin.ts';
export { WorldError } from './world-error.ts';
