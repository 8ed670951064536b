export { type CommandOutcome, runCommand } from './commands.ts';
export { CURRENT_EOS, type EapiOddities } from './oddities.ts';
export type { Scene } from './render-summary.ts';
export type { EapiUser } from './sessions.ts';
export { createSimulatedEapi, type EapiAddresses, type SimulatedEapi, type SimulatedEapiOptions } from './simulated-eapi.ts';
export type { EapiStats } from './stats.ts';
