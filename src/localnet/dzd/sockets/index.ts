export { createSimulatedSs, type SimulatedSs, type SimulatedSsOptions } from './simulated-ss.ts';
