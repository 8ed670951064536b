/*
 * The agent's admin server for people and programs. Loaded only if the configuration enables it: prom-client costs memory.
 *
 *   reporter events ──► metrics (counters) ──┐
 *   status board ─────► gauges, page, JSON ──┴──► status server
 */

export { createStatusServer, type StatusServerOptions } from '../http-server.ts';
export type { ProcessReadings } from '../metric-gauges.ts';
export { createMetrics, type Metrics } from '../metrics.ts';
export { statusPage } from '../page/status-page.ts';
export { userPage } from '../page/user-page.ts';
