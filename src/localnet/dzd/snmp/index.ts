export type { SimulatedMib } from './bgp-view.ts';
export { createSimulatedSnmp, type SimulatedSnmp, type SimulatedSnmpOptions, type TrapTarget } from './simulated-snmp.ts';
export type { TrapForm } from './traps.ts';
export type { SimulatedSnmpUser } from './usm/index.ts';
