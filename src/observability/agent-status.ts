import type { Decision, NeighborKey, Observation } from '../bgp/index.ts';
import type { Address, Lamports, Slot } from '../serviceability/index.ts';

/** One user, as the last tick left it: the whole chain from neighbor to record. */
export interface UserReport {
  readonly user: Address;
  readonly tunnelId: number;
  readonly tunnelNet: string;
  readonly clientIp: string;
  readonly userType: string;
  /** User.status by name. */
  readonly accountStatus: string;
  readonly expectedVrf: string | null;
  readonly observation: Observation['kind'];
  /** Why it is unobserved. */
  readonly because: string | null;
  readonly neighbor: (NeighborKey & { readonly state: string; readonly description: string | null; readonly source: string }) | null;
  /** Since when the session has been as it is, by the switch's clock, milliseconds ago. */
  readonly sinceMs: number | null;
  readonly decision: Decision['kind'];
  /** What was decided, in one word: a write's reason, or why it is held. */
  readonly decisionReason: string | null;
  readonly ledger: {
    readonly status: string;
    readonly reportedAtSlot: Slot;
    readonly lastUpAtSlot: Slot;
    readonly rttNs: bigint;
    /** Age of the record, milliseconds; null when nothing was ever reported, or while slots are not measured. */
    readonly ageMs: number | null;
  };
  readonly inFlight: string | null;
  /** Why the program's rejection parked it. */
  readonly parked: string | null;
  readonly flaps: number;
  readonly penalty: number;
  readonly suppressed: boolean;
  readonly lastWrite: {
    readonly to: string;
    readonly reason: string;
    readonly signature: string;
    readonly slot: Slot;
    readonly at: number;
    readonly latencyMs: number;
  } | null;
}

/** What happened lately; the newest last. */
export interface TimelineEntry {
  /** Milliseconds since 1970, this host's clock. */
  readonly at: number;
  readonly kind:
    | 'up'
    | 'down'
    | 'landed'
    | 'rejected'
    | 'expired'
    | 'failed'
    | 'source'
    | 'endpoint'
    | 'ledger'
    | 'halted'
    | 'resumed'
    | 'mass-down'
    | 'damping'
    | 'foreign'
    | 'snapshot'
    | 'balance';
  readonly user: Address | null;
  readonly text: string;
}

/** One transaction, on its way or ended. */
export interface TransactionReport {
  /** Base58. */
  readonly signature: string;
  /** How many users' statuses it carries. */
  readonly users: number;
  /** Milliseconds since 1970, this host's clock. */
  readonly sentAt: number;
  readonly state: 'in-flight' | 'landed' | 'expired' | 'failed';
  /** From the first send to the end; null while it is in flight. */
  readonly tookMs: number | null;
  /** Why it failed. */
  readonly problem: string | null;
}

/** Transitions of all sessions in one minute. */
export interface FlapMinute {
  /** When the minute began, milliseconds since 1970. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
}

/** A source or an endpoint of the ledger. */
export interface PartReport {
  readonly name: string;
  readonly state: 'ok' | 'lost';
  readonly since: number;
  /** How long the last answer took: of a source for a whole poll, of an endpoint for one request. Null before the first. */
  readonly latencyMs: number | null;
  /** What is wrong now. */
  readonly problem: string | null;
  /** What a person can do about it. */
  readonly remedy: string | null;
  /** What was wrong when it was last lost, and when that was; null where it never was. */
  readonly lastProblem: { readonly at: number; readonly text: string } | null;
}

/** Everything that an agent can tell about itself, JSON but for bigints. */
export interface AgentStatus {
  readonly version: string;
  readonly device: Address;
  readonly deviceCode: string | null;
  readonly publisher: Address | null;
  readonly startedAt: number;
  readonly now: number;
  readonly dryRun: boolean;
  readonly lastTick: {
    readonly at: number;
    readonly durationMs: number;
    readonly switchRead: boolean;
    readonly viewSlot: Slot | null;
    readonly slotTimeMs: number | null;
  } | null;
  readonly ready: boolean;
  readonly users: readonly UserReport[];
  readonly sources: readonly PartReport[];
  readonly endpoints: readonly PartReport[];
  /** Why the users cannot be read from the ledger; null where they can. Nothing is written meanwhile. */
  readonly ledgerProblem: { readonly since: number; readonly message: string; readonly remedy: string | null } | null;
  /** VRFs that the last poll of the switch could not read, and why. */
  readonly failedVrfs: readonly { readonly vrf: string; readonly problem: string }[];
  readonly halted: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly balance: { readonly lamports: Lamports; readonly hoursToEmpty: number | null; readonly at: number } | null;
  readonly transactions: { readonly sent: number; readonly landed: number; readonly expired: number; readonly failed: number };
  /** The last ones, the newest last, as many as are kept. */
  readonly recentTransactions: readonly TransactionReport[];
  readonly writes: { readonly landed: number; readonly rejected: number };
  /** Of the last hour, the newest last; minutes without any are absent. */
  readonly flaps: readonly FlapMinute[];
  readonly timeline: readonly TimelineEntry[];
}
