export * from './eapi/index.ts';
export {
  createSimulatedSwitch,
  type NeighborConfiguration,
  type SimulatedNeighbor,
  type SimulatedSwitch,
} from './simulated-switch.ts';
export { createSwitchFaults, type SwitchFault, type SwitchFaultKind, type SwitchFaults } from './switch-faults.ts';
