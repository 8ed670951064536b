export {
  createSimulatedEapi,
  type EapiAddresses,
  type SimulatedEapi,
  type SimulatedEapiOptions,
} from './eapi.ts';
export { createSimulatedGrpc, type SimulatedGrpc } from './grpc.ts';
export { createSimulatedSnmp, type SimulatedSnmp } from './snmp.ts';
export type { SimulatedSnmpUser } from './snmp-usm.ts';
export * from './switch.ts';
