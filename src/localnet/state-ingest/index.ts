export { DEFAULT_KINDS } from './default-state.ts';
export type { StateIngestFaults } from './faults.ts';
export type { ReceivedSnapshot } from './snapshot-store.ts';
export { createStateIngestServer, type StateIngestServer, type StateIngestServerOptions } from './state-ingest-server.ts';
