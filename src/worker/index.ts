export type { WorkerReporter } from './reporter.ts';
export { createWorker, type Worker, type WorkerOptions } from './worker.ts';
export type { WorkerTiming } from './worker-context.ts';
