export { type BgpSocket, createReadBgpSockets, type ReadBgpSocketsOptions } from './bgp-sockets.ts';
export { createFolderSink, type FolderSinkOptions } from './folder-sink.ts';
export {
  type Collect,
  type CollectItemOptions,
  createCollectItem,
  createSnapshotter,
  type Snapshotter,
  type SnapshotterOptions,
} from './snapshotter.ts';
export {
  createStateIngest,
  probeStateIngest,
  type SnapshotSigner,
  type StateIngestOptions,
  type StateIngestProbe,
  type StateIngestProbeOptions,
} from './state-ingest.ts';
export { BGP_SOCKETS, type Snapshot, type SnapshotReporter, type SnapshotSink, type WantedItem, type WantedState } from './types.ts';
