export type { Flight } from './flights.ts';
export type { WorkerReporter } from './reporter.ts';
export { type Allowance, LAMPORTS_PER_TRANSACTION, refreshLamportsPerHour, type SpendLimits } from './spend-budget.ts';
export { createWorker, type LeftInFlight, type Worker, type WorkerOptions } from './worker.ts';
export type { WorkerTiming } from './worker-context.ts';
