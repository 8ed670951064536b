export { type BgpSocket, createReadBgpSockets } from './bgp-sockets.ts';
export { createFolderSink, type FolderSinkOptions } from './folder-sink.ts';
export { readConfiguredState, type SnapshotReporter, type SnapshotSink, type WantedItem, type WantedState } from './snapshot.ts';
export { type Collect, createCollectItem, createSnapshotter, type Snapshotter } from './snapshotter.ts';
export { ACCEPTED_SKEW_MS, createStateIngest, probeStateIngest } from './state-ingest.ts';
