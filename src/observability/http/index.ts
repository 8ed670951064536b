/*
 * The agent's window for people and programs. Loaded only when the configuration opens it: prom-client costs memory.
 *
 *   reporter events ──► metrics (counters) ──┐
 *   status board ─────► gauges, page, JSON ──┴──► status server
 */
export { createMetrics, type MeasuredSettings, type Metrics, type MetricsOptions } from './metrics.ts';
export { statusPage, statusPageInSlices } from './page/status-page.ts';
export { userPage } from './page/user-page.ts';
export type { ProcessReadings } from './process-metrics.ts';
export { createStatusServer, type StatusServer, type StatusServerOptions } from './status-server.ts';
