export {
  type CommandOutcome,
  createSimulatedEapi,
  type EapiAddresses,
  type EapiStats,
  type EapiUser,
  runCommand,
  type SimulatedEapi,
  type SimulatedEapiOptions,
} from './eapi.ts';
export { CURRENT_EOS, type EosQuirks, type Scene } from './eapi-render.ts';
export { createSimulatedGrpc, type GrpcStats, type SimulatedGrpc, type SimulatedGrpcOptions } from './grpc.ts';
export { createSimulatedSnmp, type SimulatedSnmp, type SimulatedSnmpOptions, type TrapForm, type TrapTarget } from './snmp.ts';
export type { SimulatedMib } from './snmp-mibs.ts';
export type { SimulatedSnmpUser } from './snmp-usm.ts';
export * from './switch.ts';
