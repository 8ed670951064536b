export type { WorkerTiming } from './context.ts';
export { type Allowance, LAMPORTS_PER_TRANSACTION, refreshLamportsPerHour, type SpendLimits, type WorkerReporter } from './gate.ts';
export type { InFlightTransaction as Flight } from './in-flight.ts';
export { createWorker, type LeftInFlight, type Worker, type WorkerOptions } from './worker.ts';
