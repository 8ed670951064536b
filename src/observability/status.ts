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
  /** The reason why it is unobserved. */
  readonly because: string | null;
  /** Why the session is down, as far as the source shows it: an idle reason of the switch, the last notification, the state of the TCP connection. */
  readonly downReason: string | null;
  readonly neighbor: (NeighborKey & { readonly state: string; readonly description: string | null; readonly source: string }) | null;
  /** Age of the session's state by the switch's clock, milliseconds. */
  readonly sinceMs: number | null;
  readonly decision: Decision['kind'];
  /** The reason of the write, or of the hold. */
  readonly decisionReason: string | null;
  readonly ledger: {
    readonly status: string;
    readonly reportedAtSlot: Slot;
    readonly lastUpAtSlot: Slot;
    readonly rttNs: bigint;
    /** Age of the record, milliseconds; null if it was never reported, or while the slot time is unknown. */
    readonly ageMs: number | null;
  };
  readonly inFlight: string | null;
  /** The program's reason for rejecting its status. */
  readonly parked: string | null;
  readonly flaps: number;
  readonly penalty: number;
  readonly suppressed: boolean;
  /** Since when it is observed so, by the switch's clock where that has it. All in milliseconds since 1970. */
  readonly observedSince: number;
  /** Since when its decision has the same kind and reason. */
  readonly decidedSince: number;
  /** Since when a changed status has waited for its confirmation; null if none does. */
  readonly pendingSince: number | null;
  readonly parkedSince: number | null;
  readonly suppressedSince: number | null;
  readonly lastWrite: {
    readonly to: string;
    readonly reason: string;
    readonly signature: string;
    readonly slot: Slot;
    readonly at: number;
    readonly latencyMs: number;
  } | null;
}

/** One event of the timeline. */
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
    | 'stalled'
    | 'mass-down'
    | 'damping'
    | 'foreign'
    | 'snapshot'
    | 'balance';
  readonly user: Address | null;
  readonly text: string;
}

/** One transaction, in flight or resolved. */
export interface TransactionReport {
  /** Base58. */
  readonly signature: string;
  /** How many users' statuses it carries. */
  readonly users: number;
  /** Milliseconds since 1970, this host's clock. */
  readonly sentAt: number;
  readonly state: 'in-flight' | 'landed' | 'expired' | 'failed';
  /** From the first send to the outcome; null while it is in flight. */
  readonly tookMs: number | null;
  /** Why it failed. */
  readonly problem: string | null;
}

/** Transitions of all sessions in one minute. */
export interface FlapMinute {
  /** Start of the minute, milliseconds since 1970. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
}

/** A switch source or a ledger endpoint. */
export interface PartReport {
  readonly name: string;
  readonly state: 'ok' | 'lost';
  readonly since: number;
  /** Duration of the last successful poll of a source, or request to an endpoint. Null before the first. */
  readonly latencyMs: number | null;
  /** The current error. */
  readonly problem: string | null;
  /** What a person can do about it. */
  readonly remedy: string | null;
  /** The last failure and its time; null if it never failed. */
  readonly lastProblem: { readonly at: number; readonly text: string } | null;
}

/** Something that fails, and since when. */
export interface Problem {
  readonly since: number;
  readonly message: string;
  readonly remedy: string;
}

/** The state of an agent, from which `assess` finds what is wrong; all times in milliseconds since 1970. */
export interface AgentState {
  readonly version: string;
  /** Of the build; null in a checkout. */
  readonly commit: string | null;
  /** Version of Node.js. */
  readonly node: string;
  /** Name of the agent's host. */
  readonly host: string;
  /** Name of the DoubleZero network; null where it does not matter. */
  readonly network: string | null;
  readonly device: Address;
  readonly deviceCode: string | null;
  /** Device.status by name, and since when this process has read it so. */
  readonly deviceStatus: { readonly name: string; readonly since: number } | null;
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
  /** Why the users cannot be read from the ledger, if so. No status is written meanwhile. */
  readonly ledgerProblem: { readonly since: number; readonly message: string; readonly remedy: string | null } | null;
  /** VRFs that the last poll could not read, and why. */
  readonly failedVrfs: readonly { readonly vrf: string; readonly problem: string; readonly since: number }[];
  /** Trigger sources that fail. */
  readonly failedTriggers: readonly (Problem & { readonly name: string })[];
  /** Users that the last tick matched to more than one neighbor; the tunnel ids of a few. */
  readonly ambiguous: { readonly users: number; readonly tunnels: readonly number[]; readonly since: number } | null;
  /** Established sessions of the switch whose users the ledger does not list; the tunnel ids of a few. */
  readonly unlisted: { readonly sessions: number; readonly tunnels: readonly number[]; readonly since: number } | null;
  readonly halted: (Problem & { readonly code: string }) | null;
  /** Since when writes do not land although none is halted, and the newest cause. */
  readonly writesStalled: (Problem & { readonly code: string }) | null;
  /** Since when the status that has waited longest has waited for its confirmation; null if none waits. */
  readonly oldestPendingSince: number | null;
  /** The newest slot of an endpoint, when the ledger last made progress (a newer slot, a confirmed write), and when an endpoint last answered. */
  readonly slotProgress: { readonly slot: Slot; readonly advancedAt: number; readonly answeredAt: number } | null;
  /** How far the block time of a slot was behind this host's clock when the ledger answered for it; negative: ahead. */
  readonly ledgerLag: { readonly slot: Slot; readonly behindMs: number; readonly since: number } | null;
  /** `policy.refreshInterval`, milliseconds. */
  readonly refreshIntervalMs: number;
  /** Without a completed tick for so long, the agent is silent, milliseconds. */
  readonly silentAfterMs: number;
  /** What the spend limits leave room for. */
  readonly spend: { readonly allowance: 'all' | 'changes-only' | 'none'; readonly since: number };
  /** `lowSince`: since when it lasts for less than 72 hours. */
  readonly balance: {
    readonly lamports: Lamports;
    readonly hoursToEmpty: number | null;
    readonly at: number;
    readonly lowSince: number | null;
  } | null;
  /** The last attempt to reload the configuration. */
  readonly reload: { readonly successful: boolean; readonly at: number; readonly message: string } | null;
  readonly snapshotProblem: Problem | null;
  readonly transactions: { readonly sent: number; readonly landed: number; readonly expired: number; readonly failed: number };
  /** The newest last; bounded. */
  readonly recentTransactions: readonly TransactionReport[];
  readonly writes: { readonly landed: number; readonly rejected: number };
  /** Of the last hour, the newest last; minutes without transitions are absent. */
  readonly flaps: readonly FlapMinute[];
  readonly timeline: readonly TimelineEntry[];
}
