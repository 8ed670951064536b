import type { EpochMs, MonotonicMs } from '../platform/index.ts';
import type { Nanoseconds } from '../serviceability/index.ts';

/** A VRF as EOS names it: `default`, `vrf1`, … */
export type VrfName = string;

/**
 * The BGP finite state machine's states (RFC 4271 8.2.2). `unrecognized` is anything else that a switch says, NotNegotiated included: it is
 * neither up nor down.
 */
export type NeighborState = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established' | 'unrecognized';

/** One BGP peer of the switch, as one source saw it. Absent fields are facts that the source does not have. */
export interface Neighbor {
  /** The peer's address as the switch writes it, IPv4 dotted or IPv6 (perhaps with a zone). */
  readonly address: string;
  readonly state: NeighborState;
  readonly description?: string;
  readonly remoteAs?: number;
  /** Why the switch keeps it idle: `Admin`, `NoInterface`, `MaxPath`, … */
  readonly idleReason?: string;
  /** When the session last went up or down, on the clock of `VrfReading.switchTime`. */
  readonly changedAt?: EpochMs;
  /** How often the session has become Established, a counter of the switch. */
  readonly establishedTransitions?: number;
  /** Smoothed round-trip time of the session's TCP connection; absent when the source has no sample. */
  readonly rttNs?: Nanoseconds;
}

/** What one source could say of one VRF. A VRF that failed speaks for none of its users. */
export type VrfReading =
  | {
      readonly kind: 'collected';
      /** Name of the source in the configuration. */
      readonly source: string;
      /** By address. */
      readonly neighbors: ReadonlyMap<string, Neighbor>;
      /** The switch's own time when it answered; ages are `switchTime − changedAt`. */
      readonly switchTime?: EpochMs;
      /** By how much `changedAt` of one unchanged session may differ between two polls, milliseconds. */
      readonly changedAtToleranceMs: number;
    }
  | { readonly kind: 'failed'; readonly source: string; readonly problem: string };

/** Everything one poll of the switch saw. */
export interface NeighborSnapshot {
  readonly vrfs: ReadonlyMap<VrfName, VrfReading>;
  /** When the poll began; what it says was true at or after this. */
  readonly takenAt: MonotonicMs;
}

/** What names a neighbor: addresses repeat across VRFs (rule 2). */
export interface NeighborKey {
  readonly vrf: VrfName;
  readonly address: string;
}
