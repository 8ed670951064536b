import { atOnce, type MonotonicMs } from '../platform/index.ts';
import { type Address, BgpStatus, nanoseconds, type Slot, UserStatus } from '../serviceability/index.ts';
import { type Decision, decideStatus, type LedgerStatus, type ReportableStatus } from './decide-status.ts';
import type { LedgerUser, LedgerView } from './ledger-view.ts';
import type { Observation } from './observation.ts';
import type { StatusPolicy } from './policy.ts';
import { recordAgeMs } from './record-age.ts';
import type { StatusIntent } from './status-intent.ts';
import { accountStateOf, advanceTrack, type UserTrack } from './track.ts';

export interface DecideInput {
  readonly view: LedgerView;
  readonly observations: ReadonlyMap<Address, Observation>;
  /** What the tick before came to: all that is remembered of each user. */
  readonly before: ReadonlyMap<Address, Pick<UserOutcome, 'track'>>;
  readonly inFlight: ReadonlyMap<Address, ReportableStatus>;
  /** The newest slot in which a write of ours landed, by user; of this process only. */
  readonly landedIn: (user: Address) => Slot | undefined;
  readonly policy: StatusPolicy;
  readonly now: MonotonicMs;
  /** When the switch was asked, which may be seconds before `now`; `now` unless told. */
  readonly lookedAt?: MonotonicMs;
}

export interface UserOutcome {
  readonly entry: LedgerUser;
  readonly observation: Observation;
  readonly decision: Decision;
  readonly track: UserTrack;
  readonly newFlaps: number;
  readonly isForeignWrite: boolean;
}

export interface Decided {
  readonly outcomes: ReadonlyMap<Address, UserOutcome>;
  /** Changes, then due refreshes, then ride-alongs; within each the oldest record first. Never ride-alongs alone: they go with others (rule 13). */
  readonly intents: readonly StatusIntent[];
}

/** One tick's decision over all users of the device: a pure function of (observations, ledger view, the tick before, now). */
export function decide(input: DecideInput): Decided {
  return atOnce(decideInSteps(input));
}

/** The same, with a pause after each user for whoever must not be held up by thousands. */
export function* decideInSteps({
  view,
  observations,
  before,
  inFlight,
  landedIn,
  policy,
  now,
  lookedAt = now,
}: DecideInput): Generator<void, Decided, void> {
  const outcomes = new Map<Address, UserOutcome>();
  let somethingGoes = false;
  for (const entry of view.users.values()) {
    const { pubkey, user } = entry;
    const observation: Observation = observations.get(pubkey) ?? { kind: 'unobserved', because: 'switch-not-read' };
    const sent = inFlight.get(pubkey);
    const own = { landedIn: landedIn(pubkey), inFlight: sent !== undefined };
    const { track, newFlaps, isForeignWrite } = advanceTrack(before.get(pubkey)?.track, entry, observation, own, policy.damping, now);
    const status = ledgerStatus(user.bgpStatus);
    const ageMs = recordAgeMs(user.lastBgpReportedAt, view, now);
    const decision = decideStatus(
      { pubkey, status, ageMs, activated: user.status === UserStatus.activated, inFlight: sent },
      observation,
      track,
      policy,
      now,
      lookedAt,
    );
    outcomes.set(pubkey, { entry, observation, decision, track, newFlaps, isForeignWrite });
    somethingGoes ||= decision.kind === 'write' && decision.reason !== 'ride-along';
    yield;
  }
  const intents: StatusIntent[] = [];
  // For a quarter of each hour every user of a quiet device may ride along, and nothing goes that they could ride with.
  for (const outcome of somethingGoes ? outcomes.values() : []) {
    const intent = intentOf(outcome, view, now);
    if (intent === undefined) continue;
    intents.push(intent);
    yield;
  }
  return { outcomes, intents: intents.sort(byUrgency) };
}

function intentOf({ entry, observation, decision, track }: UserOutcome, view: LedgerView, now: MonotonicMs): StatusIntent | undefined {
  if (decision.kind !== 'write' || observation.kind === 'unobserved') return undefined;
  const { pubkey, user } = entry;
  return {
    user: pubkey,
    from: ledgerStatus(user.bgpStatus),
    to: decision.to,
    reason: decision.reason,
    rttNs: (decision.to === 'up' ? observation.at?.neighbor.rttNs : undefined) ?? nanoseconds(0),
    tunnelNet: track.tunnel?.tunnelNet ?? user.tunnelNet,
    ...(observation.at === undefined ? {} : { neighbor: { vrf: observation.at.vrf, address: observation.at.address } }),
    ageMs: recordAgeMs(user.lastBgpReportedAt, view, now) ?? 0,
    accountState: accountStateOf(user),
  };
}

const RANK = { change: 0, refresh: 1, 'ride-along': 2 } as const;

/** Never NaN: Infinity less Infinity would leave the order to chance. */
export function byUrgency(a: StatusIntent, b: StatusIntent): number {
  const rank = RANK[a.reason] - RANK[b.reason];
  if (rank !== 0) return rank;
  if (a.ageMs === b.ageMs) return a.user < b.user ? -1 : a.user > b.user ? 1 : 0;
  return a.ageMs > b.ageMs ? -1 : 1;
}

export function ledgerStatus(byte: number): LedgerStatus {
  if (byte === BgpStatus.up) return 'up';
  if (byte === BgpStatus.down) return 'down';
  return 'unknown';
}
