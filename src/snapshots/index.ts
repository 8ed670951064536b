export { createFolderSink, type FolderSinkOptions } from './folder-sink.ts';
export type { SnapshotSigner } from './signed-request.ts';
export type { Snapshot } from './snapshot.ts';
export type { SnapshotReporter } from './snapshot-reporter.ts';
export type { SnapshotSink } from './snapshot-sink.ts';
export { createSnapshotter, type Snapshotter, type SnapshotterOptions } from './snapshotter.ts';
export { createStateIngest, type StateIngestOptions } from './state-ingest.ts';
export type { Collect } from './take-snapshots.ts';
export { BGP_SOCKETS, type WantedItem, type WantedState } from './wanted-state.ts';
