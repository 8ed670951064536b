import {
  createTunnelAddressing,
  type Decided,
  decideInSteps,
  detectMassDown,
  type FlapPenalty,
  type LedgerView,
  type LocatedNeighbor,
  msUntilReuse,
  type NeighborSnapshot,
  type Observation,
  type Observations,
  observeInSteps,
  type ReportableStatus,
  reconcileMassDown,
  type StatusIntent,
  type StatusPolicy,
  type UserOutcome,
  type VrfName,
} from '../bgp/index.ts';
import { type Collector, neighborKeyText } from '../collector/index.ts';
import { type Breathe, type Clock, inSlices, type MonotonicMs, timeSlices } from '../lib/index.ts';
import { trimRideAlongs } from '../publisher/index.ts';
import { type Address, BgpStatus, type Slot } from '../serviceability/index.ts';
import type { TickReport, TickReporter } from './events.ts';
import type { LedgerCache } from './ledger-cache.ts';

/** Asks the switch for the round-trip times of users that are about to be written up and have none yet. A missing one stays 0. */
async function measureRtts(
  collector: Pick<Collector, 'readRtts'>,
  intents: readonly StatusIntent[],
  outcomes: Decided['outcomes'],
  breathe: Breathe,
  signal: AbortSignal,
): Promise<readonly StatusIntent[]> {
  const located: LocatedNeighbor[] = [];
  for (const { user, to, rttNs } of intents) {
    const observation = outcomes.get(user)?.observation;
    if (to === 'up' && rttNs === 0n && observation?.kind === 'up') located.push(observation.at);
    await breathe();
  }
  if (located.length === 0) return intents;
  const rtts = await collector.readRtts(located, signal);
  const measured: StatusIntent[] = [];
  for (const intent of intents) {
    const rttNs = intent.to === 'up' && intent.neighbor !== undefined ? rtts.get(neighborKeyText(intent.neighbor)) : undefined;
    measured.push(rttNs === undefined ? intent : { ...intent, rttNs });
    await breathe();
  }
  return measured;
}

/** The VRFs that hold users of this device, by the ledger: a poll of the switch must include them. */
function neededVrfs(view: LedgerView): ReadonlySet<VrfName> {
  const needed = new Set<VrfName>();
  for (const { expectedVrf } of view.users.values()) {
    if (expectedVrf !== undefined) needed.add(expectedVrf);
  }
  return needed;
}

interface ConfirmationPollOptions {
  readonly collector: Collector;
  readonly policy: StatusPolicy;
  readonly reporter: Pick<TickReporter, 'massDown'>;
  readonly observe: (view: LedgerView, snapshot: NeighborSnapshot, breathe: Breathe) => Promise<Observations>;
  /** The last observation of a user, if there was one. */
  readonly lastSeen: (user: Address) => 'up' | 'down' | undefined;
}

/** The confirmed observations of the users that went down in a mass; empty when there was no mass. */
type ConfirmationPoll = (
  first: ReadonlyMap<Address, Observation>,
  view: LedgerView,
  breathe: Breathe,
  signal: AbortSignal,
) => Promise<ReadonlyMap<Address, Observation>>;

/** Polls the switch again when most sessions went down at once: the switch is the likelier cause (rule 8). */
function createConfirmationPoll({ collector, policy, reporter, observe, lastSeen }: ConfirmationPollOptions): ConfirmationPoll {
  return async (first, view, breathe, signal) => {
    const wasUp = (user: Address): boolean => {
      const seen = lastSeen(user);
      return seen === undefined ? view.users.get(user)?.user.bgpStatus === BgpStatus.up : seen === 'up';
    };
    const mass = detectMassDown(first, wasUp, policy);
    if (mass === undefined) return new Map();
    const again = await collector.collect({ needed: neededVrfs(view), confirmationPoll: true }, signal);
    await breathe();
    const confirmationPoll = reconcileMassDown(mass, again === undefined ? undefined : (await observe(view, again, breathe)).byUser);
    const confirmed = [...confirmationPoll.values()].filter(({ kind }) => kind === 'down').length;
    reporter.massDown({ wentDown: mass.wentDown.length, wereUp: mass.wereUp, confirmed });
    return confirmationPoll;
  };
}

/** The controller describes a user's neighbor by its tunnel id. */
const USER_DESCRIPTION = /^USER-\d+$/;

/** Tunnel ids of Established `USER-…` neighbors without a user in this view: their users may just have been created. */
export function unmatchedPeersOf(view: LedgerView, snapshot: NeighborSnapshot | undefined): readonly number[] {
  if (snapshot === undefined) return [];
  const known = new Set<number>();
  for (const { user } of view.users.values()) known.add(user.tunnelId);
  const unmatchedPeers: number[] = [];
  for (const reading of snapshot.vrfs.values()) {
    if (reading.kind === 'failed') continue;
    for (const { state, description } of reading.neighbors.values()) {
      if (state !== 'established' || description === undefined) continue;
      if (!USER_DESCRIPTION.test(description)) continue;
      const id = Number(description.slice('USER-'.length));
      if (!known.has(id)) unmatchedPeers.push(id);
    }
  }
  return unmatchedPeers;
}

interface UserChangeEmitterOptions {
  readonly reporter: Pick<TickReporter, 'observed' | 'damping' | 'foreignWrites'>;
  readonly damping: StatusPolicy['damping'];
}

/** Emits, after each tick, what has changed of each user since the tick before. Pauses after each user. */
function createUserChangeEmitter({
  reporter,
  damping,
}: UserChangeEmitterOptions): (before: Decided['outcomes'], outcomes: Decided['outcomes']) => Generator<void, void, void> {
  function emitDamping(user: Address, before: FlapPenalty | undefined, penalty: FlapPenalty | undefined): void {
    const suppressed = penalty?.suppressed === true;
    if (suppressed === (before?.suppressed === true)) return;
    const msLeft = penalty === undefined ? 0 : msUntilReuse(penalty, damping);
    reporter.damping({ user, state: suppressed ? 'suppressed' : 'free', penalty: penalty?.value ?? 0, msUntilReuse: msLeft });
  }

  return function* (before, outcomes) {
    const foreign: Address[] = [];
    for (const [user, outcome] of outcomes) {
      if (outcome.isForeignWrite) foreign.push(user);
      const former = before.get(user);
      emitDamping(user, former?.track.penalty, outcome.track.penalty);
      if (!sameObservation(former?.observation, outcome.observation)) {
        reporter.observed({ user, before: former?.observation, outcome });
      }
      yield;
    }
    if (foreign.length > 0) reporter.foreignWrites({ users: foreign });
  };
}

function sameObservation(a: Observation | undefined, b: Observation): boolean {
  if (a === undefined || a.kind !== b.kind) return false;
  return a.kind !== 'unobserved' || b.kind !== 'unobserved' || a.reason === b.reason;
}

interface TickerOptions {
  readonly collector: Collector;
  readonly views: LedgerCache;
  readonly policy: StatusPolicy;
  readonly clock: Clock;
  readonly reporter: TickReporter;
  /** Statuses sent and not resolved; empty in a dry run. */
  readonly inFlight: () => ReadonlyMap<Address, ReportableStatus>;
  /** The newest slot in which this process had a write of this user confirmed. */
  readonly confirmedIn: (user: Address) => Slot | undefined;
  /** The newest slot in which this process had a write confirmed: an older view is read again. */
  readonly lastConfirmedSlot: () => Slot | undefined;
  /** Takes the desired writes; must not wait. */
  readonly setDesired: (intents: readonly StatusIntent[], view: LedgerView) => void;
}

interface Ticker {
  /** One tick. Rejects only when aborted: an unreadable switch or ledger is an outcome, not an error. */
  tick(signal: AbortSignal): Promise<TickReport>;
}

/** A new account is confirmed within a slot or two; a neighbor that has no user after so many ticks belongs to no user. */
const MAX_READS_PER_PEER = 4;

/**
 * One tick: poll, read, decide, hand over to the worker. Never waits for a transaction.
 *
 *   collect ─┐                                   ┌─► RTTs of those about to be written up
 *            ├─► observe ─► mass-down? ─► decide ─┤
 *   view ────┘              poll again           └─► setDesired
 *
 * A decision to write is made on a view young enough (`views.renew`), so the first decision may be made twice.
 */
export function createTicker(options: TickerOptions): Ticker {
  const { collector, views, policy, clock, reporter, inFlight } = options;
  let before: Decided['outcomes'] = new Map();
  const emitUserChanges = createUserChangeEmitter({ reporter, damping: policy.damping });
  /** Established neighbors without a user in the view, by tunnel id, and how many ticks they have had none. */
  let unmatchedPeers: ReadonlyMap<number, number> = new Map();

  const addressesOf = createTunnelAddressing();
  const lastTunnel = (user: Address) => before.get(user)?.track.tunnel;
  const observe = (view: LedgerView, snapshot: NeighborSnapshot | undefined, breathe: Breathe): Promise<Observations> =>
    inSlices(observeInSteps(view.users.values(), snapshot, lastTunnel, addressesOf), breathe);
  const lastSeen = (user: Address) => before.get(user)?.track.lastSeen;
  const pollAgain = createConfirmationPoll({ collector, policy, reporter, observe, lastSeen });

  function decideOn(
    view: LedgerView,
    observations: ReadonlyMap<Address, Observation>,
    polledAt: MonotonicMs | undefined,
    breathe: Breathe,
  ): Promise<Decided> {
    const now = clock.monotonic();
    const { confirmedIn } = options;
    const input = { view, observations, before, inFlight: inFlight(), confirmedIn, policy, now, polledAt: polledAt ?? now };
    return inSlices(decideInSteps(input), breathe);
  }

  async function timed<T>(work: Promise<T>): Promise<readonly [result: T, ms: number]> {
    const from = clock.monotonic();
    return [await work, clock.monotonic() - from];
  }

  function finish(report: TickReport): TickReport {
    reporter.tick(report);
    return report;
  }

  return {
    async tick(signal) {
      const startedAt = clock.monotonic();
      const breathe = timeSlices(clock, signal);
      const known = views.latest();
      const confirmed = options.lastConfirmedSlot();
      const [[snapshot, switchMs], [currentView, ledgerMs]] = await Promise.all([
        timed(collector.collect({ needed: known === undefined ? new Set() : neededVrfs(known) }, signal)),
        timed(views.current(confirmed === undefined ? {} : { notBefore: confirmed }, signal)),
      ]);
      const phases = { switchMs, ledgerMs };
      let view = currentView;
      if (view === undefined) {
        // No ledger view: withdraw earlier intents. Down observations before and after this tick are not consecutive.
        before = withoutDownRuns(before);
        if (known !== undefined) options.setDesired([], known);
        return finish({
          startedAt,
          durationMs: clock.monotonic() - startedAt,
          phases,
          outcomes: new Map(),
          intents: [],
          switchRead: snapshot !== undefined,
          ambiguous: 0,
        });
      }
      await breathe();
      const { byUser: first, ambiguous } = await observe(view, snapshot, breathe);
      await breathe();
      const confirmationPoll = await pollAgain(first, view, breathe, signal);
      let decided = await decideOn(view, overlaid(first, confirmationPoll), snapshot?.takenAt, breathe);
      await breathe();
      const wantsToWrite = decided.intents.some(({ reason }) => reason !== 'ride-along');
      let unmatched = unmatchedPeersOf(view, snapshot);
      const hasNewPeers = unmatched.some((id) => (unmatchedPeers.get(id) ?? 0) < MAX_READS_PER_PEER);
      if (wantsToWrite || hasNewPeers) {
        // A view from before the poll may lack users that were created in between.
        const renewed = await views.renew(signal, hasNewPeers ? snapshot?.takenAt : undefined);
        if (renewed !== undefined && renewed !== view) {
          // The new view may add or change users, not sessions: the confirmation poll still holds for unchanged ones.
          const read = view;
          const stands = [...confirmationPoll].filter(
            ([user]) => renewed.users.get(user)?.user.tunnelId === read.users.get(user)?.user.tunnelId,
          );
          view = renewed;
          const { byUser } = await observe(view, snapshot, breathe);
          decided = await decideOn(view, overlaid(byUser, stands), snapshot?.takenAt, breathe);
          unmatched = unmatchedPeersOf(view, snapshot);
        }
      }
      unmatchedPeers = new Map(unmatched.map((id) => [id, (unmatchedPeers.get(id) ?? 0) + 1]));
      await breathe();
      await inSlices(emitUserChanges(before, decided.outcomes), breathe);
      before = decided.outcomes;
      await breathe();
      const intents = views.isFreshEnoughToWrite(view)
        ? await measureRtts(collector, trimRideAlongs(decided.intents), decided.outcomes, breathe, signal)
        : [];
      await breathe();
      options.setDesired(intents, view);
      await breathe();
      return finish({
        startedAt,
        durationMs: clock.monotonic() - startedAt,
        phases,
        view,
        viewSlot: view.slot,
        outcomes: decided.outcomes,
        intents,
        switchRead: snapshot !== undefined,
        ...failedVrfs(snapshot),
        ambiguous,
      });
    },
  };
}

function withoutDownRuns(outcomes: Decided['outcomes']): Decided['outcomes'] {
  const ended: [Address, UserOutcome][] = [];
  for (const [user, outcome] of outcomes) {
    if (outcome.track.downRun === undefined) continue;
    const { downRun: _, ...track } = outcome.track;
    ended.push([user, { ...outcome, track }]);
  }
  return ended.length === 0 ? outcomes : new Map([...outcomes, ...ended]);
}

/** `lower` with the entries of `upper` over it. Nearly always `upper` is empty, and thousands need not be copied. */
function overlaid(
  lower: ReadonlyMap<Address, Observation>,
  upper: Iterable<readonly [Address, Observation]>,
): ReadonlyMap<Address, Observation> {
  const over = [...upper];
  return over.length === 0 ? lower : new Map([...lower, ...over]);
}

function failedVrfs(snapshot: NeighborSnapshot | undefined): Pick<TickReport, 'failedVrfs'> {
  const failed = [...(snapshot?.vrfs ?? [])].flatMap(([vrf, reading]) =>
    reading.kind === 'failed' ? [[vrf, reading.problem] as const] : [],
  );
  return failed.length === 0 ? {} : { failedVrfs: new Map(failed) };
}
