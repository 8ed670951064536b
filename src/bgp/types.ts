import type { AgentError, EpochMs, MonotonicMs } from '../lib/index.ts';
import type { Address, Nanoseconds, Slot, User } from '../serviceability/index.ts';
import { type DampingPolicy, DEFAULT_DAMPING } from './damping.ts';

/** A VRF as EOS names it: `default`, `vrf1`, … */
export type VrfName = string;

/**
 * The BGP finite state machine's states (RFC 4271 8.2.2). `unrecognized` is anything else, NotNegotiated included: neither up nor
 * down.
 */
export type NeighborState = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established' | 'unrecognized';

/** One BGP peer of the switch, as one source read it. A field is absent where the source does not have it. */
export interface Neighbor {
  /** The peer's address as the switch writes it, IPv4 dotted or IPv6 (perhaps with a zone). */
  readonly address: string;
  readonly state: NeighborState;
  readonly description?: string;
  readonly remoteAs?: number;
  /** Why the session is down, in the switch's own words where it gives any: `Idle(MaxPath): …`, the last notification. For people only. */
  readonly downReason?: string;
  /** When the session last went up or down, on the clock of `VrfReading.switchTime`. */
  readonly changedAt?: EpochMs;
  /** How often the session has become Established, a counter of the switch. */
  readonly establishedTransitions?: number;
  /** Smoothed round-trip time of the session's TCP connection; absent when the source has no sample. */
  readonly rttNs?: Nanoseconds;
}

/** What one source read of one VRF. The users of a failed VRF are unobserved. */
export type VrfReading =
  | {
      readonly kind: 'collected';
      /** Name of the source in the configuration. */
      readonly source: string;
      /** The table that was read, where the source has several: each has its own counters and times. */
      readonly table?: string;
      /** By address. */
      readonly neighbors: ReadonlyMap<string, Neighbor>;
      /** The switch's own time when it answered; ages are `switchTime − changedAt`. */
      readonly switchTime?: EpochMs;
      /** States of the TCP connections that are not Established, by peer address; only from a source that sees connections, not neighbors. */
      readonly tcpStates?: ReadonlyMap<string, string>;
      /** By how much `changedAt` of one unchanged session may differ between two polls, milliseconds. */
      readonly changedAtToleranceMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly source: string;
      readonly problem: string;
      /** Cause and remedy, where the source knows them. */
      readonly error?: AgentError;
    };

/** The result of one poll of the switch. */
export interface NeighborSnapshot {
  readonly vrfs: ReadonlyMap<VrfName, VrfReading>;
  /** When the poll began: everything in it was true at this time or later. */
  readonly takenAt: MonotonicMs;
}

/** The key of a neighbor: addresses repeat across VRFs (rule 2). */
export interface NeighborKey {
  readonly vrf: VrfName;
  readonly address: string;
}

/** One user of this device, as the ledger has it. */
export interface LedgerUser {
  readonly pubkey: Address;
  readonly user: User;
  /** The VRF in which the controller configures this user: `default` for multicast, else `vrf<tenant.vrf_id>`; absent when unknown. */
  readonly expectedVrf?: VrfName;
}

/** The users of this device at one slot: the reference of every decision (rule 9). */
export interface LedgerView {
  /** The slot for which the endpoint answered. */
  readonly slot: Slot;
  /** When the request for it was sent. */
  readonly readAt: MonotonicMs;
  /** When this process first saw the slot: long before `readAt` if the ledger stands still. By default `readAt`. */
  readonly slotAt?: MonotonicMs;
  /** Measured milliseconds a slot, absent until measured (rule 12: never a constant). */
  readonly slotTimeMs?: number;
  readonly users: ReadonlyMap<Address, LedgerUser>;
}

/** Why a user is unobserved in a tick (rule 1). Logs, metrics and `explain` show these values. */
export type UnobservedReason =
  /** No source could be read. */
  | 'switch-not-read'
  /** The user's neighbor was in no VRF that was read, and its own VRF, or one that could hold it, was not (rule 3). */
  | 'vrf-not-collected'
  /** The switch has no neighbor at all: its BGP agent restarts. */
  | 'no-neighbors-at-all'
  /** The account's tunnel_net is not an IPv4 /31 (rule 6). */
  | 'tunnel-net-invalid'
  /** Another activated user of this device has the same tunnel_net (rule 5). */
  | 'tunnel-net-shared'
  /** The address is configured for another user (`USER-<other id>`): the switch is behind the ledger. */
  | 'neighbor-of-another-user'
  /** The switch reports a state that RFC 4271 does not define. */
  | 'state-unrecognized'
  /** Most sessions went down at once, and the confirmation poll did not confirm this one (rule 8). */
  | 'mass-down-unconfirmed';

/** A neighbor and where it was found. */
export interface LocatedNeighbor extends NeighborKey {
  readonly neighbor: Neighbor;
  readonly source: string;
  readonly table?: string;
  /** How long the session has been as it is, by the switch's own clock, milliseconds; absent where the source has no times. */
  readonly sinceMs?: number;
  readonly changedAtToleranceMs: number;
}

/** One user in one tick: three values, never two (rule 1). */
export type Observation =
  | { readonly kind: 'up'; readonly at: LocatedNeighbor }
  /** `at` is absent when the switch has no such neighbor although every VRF was read. */
  | { readonly kind: 'down'; readonly at?: LocatedNeighbor; readonly downReason?: string }
  | { readonly kind: 'unobserved'; readonly reason: UnobservedReason };

/** The settings of the decision. All times in milliseconds, shares between 0 and 1. */
export const DEFAULT_POLICY = {
  /** How long a session must have been down before Down is published (rule 10). */
  downGraceMs: 6_000,
  /** Consecutive down observations that, spanning `downGraceMs`, confirm a Down where the switch reports no time (rule 10). */
  downConfirmations: 2,
  /** How long a new user that was never seen up stays Unknown before its first Down (rule 11). */
  connectGraceMs: 60_000,
  /** Age of a record at which it is refreshed (rule 12). */
  refreshIntervalMs: 3_600_000,
  /** By how much of the interval a user's refresh may come early; fixed per user (rule 12). */
  refreshJitter: 0.1,
  /** Share of the refresh interval after which a record may be refreshed early, in a transaction that has room (rule 13). */
  rideAlongAfter: 0.75,
  /** Share of the users that were up that must go down in one tick to need a confirmation poll (rule 8). */
  massDownShare: 0.5,
  /** … and how many they must be at least. */
  massDownMinimum: 10,
  /** One user is written at most once in this time; the newest status waits (rule 16). */
  minWriteIntervalMs: 10_000,
  damping: DEFAULT_DAMPING as DampingPolicy,
};
export type StatusPolicy = Readonly<typeof DEFAULT_POLICY>;
