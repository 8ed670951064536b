export { type BgpSocket, createReadBgpSockets } from './bgp-sockets.ts';
export { createFolderSink, type FolderSinkOptions } from './folder-sink.ts';
export { type Collect, createCollectItem, createSnapshotter, type Snapshotter } from './snapshotter.ts';
export { createStateIngest, probeStateIngest } from './state-ingest.ts';
export type { SnapshotReporter, SnapshotSink, WantedItem } from './types.ts';
