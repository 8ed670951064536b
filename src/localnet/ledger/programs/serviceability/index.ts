export { createServiceabilityProgram, type Processor } from './serviceability-program.ts';
