import type { Snapshot } from './snapshot.ts';
import type { WantedState } from './wanted-state.ts';

/** Where snapshots go, and who says which. */
export interface SnapshotSink {
  /** For messages: a server without anything secret, or a folder. */
  readonly place: string;
  /** What to collect now. Throws AgentError `SNAPSHOT__SERVER_…`. */
  wanted(signal: AbortSignal): Promise<WantedState>;
  /** Stores one snapshot, or throws AgentError `SNAPSHOT__…`, or the signal's reason. */
  store(snapshot: Snapshot, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
