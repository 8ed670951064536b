export type { EapiOddities } from './oddities.ts';
export type { EapiUser } from './sessions.ts';
export { createSimulatedEapi, type EapiAddresses, type SimulatedEapi, type SimulatedEapiOptions } from './simulated-eapi.ts';
export type { EapiStats } from './stats.ts';
