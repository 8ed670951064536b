export * from './eapi/index.ts';
export * from './grpc/index.ts';
export {
  createSimulatedSwitch,
  type NeighborConfiguration,
  type SimulatedNeighbor,
  type SimulatedSwitch,
  type SwitchChange,
} from './simulated-switch.ts';
export * from './snmp/index.ts';
export * from './sockets/index.ts';
export { createSwitchFaults, type SwitchFault, type SwitchFaultKind, type SwitchFaults } from './switch-faults.ts';
