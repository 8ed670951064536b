export { createDerivations } from './rfc11/index.ts';
export { createServiceabilityProgram, type Processor } from './serviceability-program.ts';
export { UNUSED_DEVICE } from './unused-device.ts';
