/*
 * The agent's admin server for people and programs. Loaded only if the configuration enables it: prom-client costs memory.
 *
 *   reporter events ──► metrics (counters) ──┐
 *   status board ─────► gauges, page, JSON ──┴──► status server
 */

export { createStatusServer, type StatusServerOptions } from '../http-server.ts';
export { createMetrics, type Metrics, type ProcessReadings } from '../metric-gauges.ts';
export { statusPage, userPage } from '../page/pages.ts';
