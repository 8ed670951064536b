import { type DampingPolicy, DEFAULT_DAMPING } from './damping.ts';

/** The knobs of the decision. All times in milliseconds, shares between 0 and 1. */
export interface StatusPolicy {
  /** How long a session must have been down before Down is published (rule 10). */
  readonly downGraceMs: number;
  /** Consecutive down observations that, spanning `downGraceMs`, stand in for the switch's own word (rule 10). */
  readonly downConfirmations: number;
  /** Patience with a user that has never been seen up, before its first Down (rule 11). */
  readonly connectGraceMs: number;
  /** Age of a record at which it is re-stated (rule 12). */
  readonly refreshIntervalMs: number;
  /** By how much of the interval a user's refresh may come early; fixed per user (rule 12). */
  readonly refreshJitter: number;
  /** Share of the refresh interval from which a record may ride along in a batch that goes out anyway (rule 13). */
  readonly rideAlongAfter: number;
  /** Share of the users that were up whose going down in one tick is not believed at once (rule 8). */
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
