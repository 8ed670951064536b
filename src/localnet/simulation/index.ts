export { CONVERGENCE_BOUND_MS } from './plan.ts';
export { type SimulationOptions, type SimulationResult, simulate } from './simulate.ts';
export { createSimulationClock, type SimulationClock } from './simulation-clock.ts';
export type { Invariant, Violation } from './verdict.ts';
