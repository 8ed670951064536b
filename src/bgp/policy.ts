import { type DampingPolicy, DEFAULT_DAMPING } from './damping.ts';

/** The settings of the decision. All times in milliseconds, shares between 0 and 1. */
export interface StatusPolicy {
  /** How long a session must have been down before Down is published (rule 10). */
  readonly downGraceMs: number;
  /** Consecutive down observations that, spanning `downGraceMs`, confirm a Down where the switch reports no time (rule 10). */
  readonly downConfirmations: number;
  /** How long a new user that was never seen up stays Unknown before its first Down (rule 11). */
  readonly connectGraceMs: number;
  /** Age of a record at which it is refreshed (rule 12). */
  readonly refreshIntervalMs: number;
  /** By how much of the interval a user's refresh may come early; fixed per user (rule 12). */
  readonly refreshJitter: number;
  /** Share of the refresh interval after which a record may be refreshed early, in a transaction that has room (rule 13). */
  readonly rideAlongAfter: number;
  /** Share of the users that were up that must go down in one tick to need a confirmation poll (rule 8). */
  readonly massDownShare: number;
  /** … and how many they must be at least. */
  readonly massDownMinimum: number;
  /** One user is written at most once in this time; the newest status waits (rule 16). */
  readonly minWriteIntervalMs: number;
  readonly damping: DampingPolicy;
}

export const DEFAULT_POLICY: StatusPolicy = {
  downGraceMs: 6_000,
  downConfirmations: 2,
  connectGraceMs: 60_000,
  refreshIntervalMs: 3_600_000,
  refreshJitter: 0.1,
  rideAlongAfter: 0.75,
  massDownShare: 0.5,
  massDownMinimum: 10,
  minWriteIntervalMs: 10_000,
  damping: DEFAULT_DAMPING,
};
