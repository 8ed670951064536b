export { LAMPORTS_PER_TRANSACTION, refreshLamportsPerHour, type SpendLimits, type WorkerReporter } from './gate.ts';
export { BlockhashCache, type InFlightTransaction } from './in-flight.ts';
export type { WorkerTiming } from './submit.ts';
export { type Handover, Worker } from './worker.ts';
