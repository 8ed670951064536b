import type { AgentError } from '../lib/index.ts';

/** What happens to snapshots. None of it touches a user's status. */
export interface SnapshotReporter {
  /** One snapshot has been stored. `failures` is how many rounds in a row its kind had failed before. */
  snapshotStored(event: {
    readonly kind: string;
    readonly bytes: number;
    /** From asking the switch to the end of storing. */
    readonly durationMs: number;
    readonly failures: number;
  }): void;
  /** One kind could not be collected or stored in this round; `failures` counts the rounds in a row, this one among them. */
  snapshotFailed(event: { readonly kind: string; readonly error: AgentError; readonly failures: number }): void;
  /** Entries of the list of what to collect are not collected; told once for each list that says so. */
  snapshotRefused(event: { readonly errors: readonly AgentError[] }): void;
  /** The place that takes snapshots is lost, told once a cause, and back. Nothing is collected meanwhile, but for trying again. */
  snapshotPlace(event: { readonly place: string; readonly state: 'lost' | 'back'; readonly error?: AgentError }): void;
}
