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

/** The state of an agent, as `/status.json` shows it; JSON except for bigints. */
export interface AgentStatus {
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
  readonly failedVrfs: readonly { readonly vrf: string; readonly problem: string }[];
  readonly halted: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  /** Since when writes do not land although none is halted, and the newest cause. */
  readonly writesStalled: { readonly since: number; readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly balance: { readonly lamports: Lamports; readonly hoursToEmpty: number | null; readonly at: number } | null;
  readonly transactions: { readonly sent: number; readonly landed: number; readonly expired: number; readonly failed: number };
  /** The newest last; bounded. */
  readonly recentTransactions: readonly TransactionReport[];
  readonly writes: { readonly landed: number; readonly rejected: number };
  /** Of the last hour, the newest last; minutes without transitions are absent. */
  readonly flaps: readonly FlapMinute[];
  readonly timeline: readonly TimelineEntry[];
}

/** Why the agent cannot write now, as `/-/ready` and `check` say it. */
export interface NotReady {
  readonly reason: string;
  readonly remedy: string | null;
}

/** The part of a status that readiness depends on. */
interface Readings {
  readonly lastTick: Pick<NonNullable<AgentStatus['lastTick']>, 'at' | 'durationMs' | 'switchRead' | 'viewSlot'> | null;
  readonly sources: readonly Pick<PartReport, 'state' | 'problem' | 'remedy'>[];
  readonly endpoints: readonly Pick<PartReport, 'state' | 'problem' | 'remedy'>[];
  readonly ledgerProblem: AgentStatus['ledgerProblem'];
  readonly halted: Cause | null;
  readonly writesStalled: Cause | null;
}

/**
 * The reason why the agent cannot write now, the one that a person has to act on first; undefined if there is none. A failed reading of the users
 * counts from the second tick on: one lost response costs no write. Pure.
 */
export function whyNotReady({ lastTick, sources, endpoints, ledgerProblem, halted, writesStalled }: Readings): NotReady | undefined {
  if (halted !== null) return because('writes halted', halted);
  if (writesStalled !== null) return because('writes are not landing', writesStalled);
  const switchProblem = causeOf(sources);
  const usersProblem = ledgerProblem ?? causeOf(endpoints);
  if (lastTick === null) return because('the switch and the ledger have not both been read yet', switchProblem ?? usersProblem);
  if (!lastTick.switchRead) return because('the switch cannot be read', switchProblem);
  const isLasting = ledgerProblem !== null && ledgerProblem.since < lastTick.at - lastTick.durationMs;
  return lastTick.viewSlot === null || isLasting ? because('the users cannot be read from the ledger', usersProblem) : undefined;
}

interface Cause {
  readonly message: string | null;
  readonly remedy: string | null;
}

function because(what: string, cause: Cause | undefined): NotReady {
  return { reason: cause?.message == null ? what : `${what}: ${cause.message}`, remedy: cause?.remedy ?? null };
}

/** The error of the first part that fails. */
function causeOf(parts: Readings['sources']): Cause | undefined {
  const failed = parts.find(({ state }) => state === 'lost');
  return failed && { message: failed.problem, remedy: failed.remedy };
}
