export { createSimulatedGrpc, type GrpcStats, type SimulatedGrpc, type SimulatedGrpcOptions } from './simulated-grpc.ts';
