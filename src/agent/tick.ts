import {
  type DecideInput,
  decideUser,
  detectMassDown,
  intentsOf,
  type LedgerView,
  type LocatedNeighbor,
  mayNeedWrite,
  msUntilReuse,
  type NeighborSnapshot,
  type Observation,
  type Observations,
  observeUsers,
  type ReportableStatus,
  reconcileMassDown,
  type StatusIntent,
  type StatusPolicy,
  sameTunnel,
  tunnelIdIn,
  type UserOutcome,
  type VrfName,
  withoutDownRun,
} from '../bgp/index.ts';
import { type Collector, neighborKeyText } from '../collector/index.ts';
import type { Clock, MonotonicMs } from '../lib/index.ts';
import { trimEarlyRefreshes } from '../publisher/index.ts';
import { type Address, BgpStatus, type Slot } from '../serviceability/index.ts';
import type { TickReport, TickReporter } from './events.ts';
import type { LedgerCache } from './ledger-cache.ts';

type Outcomes = ReadonlyMap<Address, UserOutcome>;

/** Asks the switch for the round-trip times of users that are about to be written up and have none yet. A missing one stays 0. */
async function measureRtts(
  collector: Pick<Collector, 'readRtts'>,
  intents: readonly StatusIntent[],
  outcomes: Outcomes,
  signal: AbortSignal,
): Promise<readonly StatusIntent[]> {
  const located: LocatedNeighbor[] = [];
  for (const { user, to, rttNs } of intents) {
    const observation = outcomes.get(user)?.observation;
    if (to === 'up' && rttNs === 0n && observation?.kind === 'up') located.push(observation.at);
  }
  if (located.length === 0) return intents;
  const rtts = await collector.readRtts(located, signal);
  return intents.map((intent) => {
    const rttNs = intent.to === 'up' && intent.neighbor !== undefined ? rtts.get(neighborKeyText(intent.neighbor)) : undefined;
    return rttNs === undefined ? intent : { ...intent, rttNs };
  });
}

/** The VRFs that hold users of this device, by the ledger: a poll of the switch must include them. */
function neededVrfs(view: LedgerView | undefined): ReadonlySet<VrfName> {
  const needed = new Set<VrfName>();
  for (const { expectedVrf } of view?.users.values() ?? []) {
    if (expectedVrf !== undefined) needed.add(expectedVrf);
  }
  return needed;
}

/** Tunnel ids of Established `USER-…` neighbors without a user in this view: their users may just have been created. */
export function unmatchedPeersOf(view: LedgerView, snapshot: NeighborSnapshot | undefined): readonly number[] {
  if (snapshot === undefined) return [];
  const known = new Set<number>();
  for (const { user } of view.users.values()) known.add(user.tunnelId);
  const unmatchedPeers: number[] = [];
  for (const reading of snapshot.vrfs.values()) {
    if (reading.kind === 'failed') continue;
    for (const { state, description } of reading.neighbors.values()) {
      const id = state === 'established' ? tunnelIdIn(description) : undefined;
      if (id !== undefined && !known.has(id)) unmatchedPeers.push(id);
    }
  }
  return unmatchedPeers;
}

/** Emits what has changed of one user since the tick before. */
function emitUserChange(
  before: UserOutcome | undefined,
  outcome: UserOutcome,
  reporter: TickReporter,
  damping: StatusPolicy['damping'],
): void {
  const user = outcome.entry.pubkey;
  const { penalty } = outcome.track;
  const suppressed = penalty?.suppressed === true;
  if (suppressed !== (before?.track.penalty?.suppressed === true)) {
    const msLeft = penalty === undefined ? 0 : msUntilReuse(penalty, damping);
    reporter.damping({ user, state: suppressed ? 'suppressed' : 'free', penalty: penalty?.value ?? 0, msUntilReuse: msLeft });
  }
  if (!sameObservation(before?.observation, outcome.observation)) reporter.observed({ user, before: before?.observation, outcome });
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
  /** As for `decideUser`. */
  readonly isOwnWrite: DecideInput['isOwnWrite'];
  /** The newest slot in which this process had a write confirmed: an older view is read again. */
  readonly lastConfirmedSlot: () => Slot | undefined;
  readonly slotProgress: () => TickReport['slotProgress'];
  /** Takes the desired writes; must not wait. Not `usable`: the view is too old to write on, and writes may be needed. */
  readonly setDesired: (intents: readonly StatusIntent[], view: LedgerView, usable: boolean) => void;
  /** There is no view to decide on. */
  readonly onNoView: () => void;
}

/** A new account is confirmed within a slot or two; a neighbor that has no user after so many ticks belongs to no user. */
const MAX_READS_PER_PEER = 4;

/** After so many users the other work of the process gets a turn of the event loop. */
const USERS_PER_TURN = 512;

/**
 * One tick: poll, read, decide, hand over to the worker. Never waits for a transaction.
 *
 *   poll ─┐                             ┌─► may need a write: a view at most seconds old ─┐            ┌─► RTTs of new Ups
 *         ├─► observe ─► mass down? ────┤                                                 ├─► decide ──┤
 *   view ─┘              poll again     └─► else the cached view ─────────────────────────┘            └─► setDesired
 */
export class Ticker {
  readonly #options: TickerOptions;
  #before: Outcomes = new Map();
  #viewBefore: LedgerView | undefined;
  /** Established neighbors without a user in the view, by tunnel id, and how many ticks they have had none. */
  #unmatchedPeers: ReadonlyMap<number, number> = new Map();

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  /** Rejects only when aborted: an unreadable switch or ledger is an outcome, not an error. */
  async tick(signal: AbortSignal): Promise<TickReport> {
    const { collector, views, clock, lastConfirmedSlot, setDesired, onNoView } = this.#options;
    const startedAt = clock.monotonic();
    const known = views.latest();
    const [[snapshot, switchMs], [cached, ledgerMs]] = await Promise.all([
      this.#timed(collector.collect({ needed: neededVrfs(known) }, signal)),
      this.#timed(views.current({ notBefore: lastConfirmedSlot() }, signal)),
    ]);
    const reading = { startedAt, phases: { switchMs, ledgerMs }, switchRead: snapshot !== undefined };
    if (cached === undefined) {
      // No ledger view: withdraw earlier intents. Down observations before and after this tick are not consecutive.
      this.#before = new Map([...this.#before].map(([user, outcome]) => [user, { ...outcome, track: withoutDownRun(outcome.track) }]));
      if (known !== undefined) setDesired([], known, false);
      else onNoView();
      return this.#finish({ ...reading, outcomes: new Map(), intents: [], ambiguous: [] });
    }
    let observed = await this.#observe(cached, snapshot, signal);
    const confirmed = await this.#confirmMassDown(observed, cached, signal);
    let observations = overlaid(observed.byUser, confirmed);
    const view = await this.#renew(this.#inputFor(cached, observations, snapshot), snapshot, signal);
    if (view !== cached) {
      // The new view may add or change users, not sessions: the confirmation poll still holds for unchanged ones.
      const unchanged = [...confirmed].filter(([user]) => sameTunnel(view.users.get(user)?.user, cached.users.get(user)?.user));
      observed = await this.#observe(view, snapshot, signal);
      observations = overlaid(observed.byUser, unchanged);
    }
    const unlisted = unmatchedPeersOf(view, snapshot);
    this.#unmatchedPeers = new Map(unlisted.map((id) => [id, (this.#unmatchedPeers.get(id) ?? 0) + 1]));
    const input = this.#inputFor(view, observations, snapshot);
    const outcomes = await this.#decideAll(input, signal);
    this.#before = outcomes;
    this.#viewBefore = view;
    const needed = trimEarlyRefreshes(intentsOf(outcomes, input));
    const usable = needed.length === 0 || views.isFreshEnoughToWrite(view);
    const intents = usable ? await measureRtts(collector, needed, outcomes, signal) : [];
    setDesired(intents, view, usable);
    const { ambiguous } = observed;
    const nextDueAt = earliestDue(outcomes);
    return this.#finish({
      ...reading,
      view,
      viewSlot: view.slot,
      outcomes,
      intents,
      failedVrfs: failedVrfs(snapshot),
      ambiguous,
      ...(unlisted.length === 0 ? {} : { unlisted }),
      nextDueAt,
    });
  }

  async #observe(view: LedgerView, snapshot: NeighborSnapshot | undefined, signal: AbortSignal): Promise<Observations> {
    // This turn has just read the answers of switch and ledger, so the observation gets a turn of its own.
    if (view.users.size >= USERS_PER_TURN) await this.#options.clock.sleep(0, signal);
    return observeUsers(view.users.values(), snapshot, (user) => this.#before.get(user)?.track.tunnel);
  }

  /** The observations of users that went down in a mass, by a second poll: the switch is the likelier cause (rule 8). Empty without a mass. */
  async #confirmMassDown(first: Observations, view: LedgerView, signal: AbortSignal): Promise<Observations['byUser']> {
    const { collector, policy, reporter } = this.#options;
    const wasUp = (user: Address): boolean => {
      const lastSeen = this.#before.get(user)?.track.lastSeen;
      return lastSeen === undefined ? view.users.get(user)?.user.bgpStatus === BgpStatus.up : lastSeen === 'up';
    };
    const mass = detectMassDown(first.byUser, wasUp, policy);
    if (mass === undefined) return new Map();
    const again = await collector.collect({ needed: neededVrfs(view), confirmationPoll: true }, signal);
    const reconciled = reconcileMassDown(mass, again === undefined ? undefined : (await this.#observe(view, again, signal)).byUser);
    const confirmed = [...reconciled.values()].filter(({ kind }) => kind === 'down').length;
    reporter.massDown({ wentDown: mass.wentDown.length, wereUp: mass.wereUp, confirmed });
    return reconciled;
  }

  #inputFor(view: LedgerView, observations: Observations['byUser'], snapshot: NeighborSnapshot | undefined): DecideInput {
    const { clock, inFlight, isOwnWrite, policy } = this.#options;
    const now = clock.monotonic();
    const [before, viewBefore] = [this.#before, this.#viewBefore];
    return { view, observations, before, viewBefore, inFlight: inFlight(), isOwnWrite, policy, now, polledAt: snapshot?.takenAt };
  }

  /** Reads the ledger again where the cached view is too old for what this tick may have to do. */
  async #renew(input: DecideInput, snapshot: NeighborSnapshot | undefined, signal: AbortSignal): Promise<LedgerView> {
    const { view } = input;
    const hasNewPeers = unmatchedPeersOf(view, snapshot).some((id) => (this.#unmatchedPeers.get(id) ?? 0) < MAX_READS_PER_PEER);
    if (!hasNewPeers && ![...view.users.values()].some((entry) => mayNeedWrite(entry, input))) return view;
    // A view from before the poll may lack users that were created in between.
    return (await this.#options.views.renew(signal, hasNewPeers ? snapshot?.takenAt : undefined)) ?? view;
  }

  async #decideAll(input: DecideInput, signal: AbortSignal): Promise<Outcomes> {
    const { clock, policy, reporter } = this.#options;
    const outcomes = new Map<Address, UserOutcome>();
    const foreign: Address[] = [];
    for (const entry of input.view.users.values()) {
      const outcome = decideUser(entry, input);
      outcomes.set(entry.pubkey, outcome);
      emitUserChange(this.#before.get(entry.pubkey), outcome, reporter, policy.damping);
      if (outcome.isForeignWrite) foreign.push(entry.pubkey);
      if (outcomes.size % USERS_PER_TURN === 0) await clock.sleep(0, signal);
    }
    if (foreign.length > 0) reporter.foreignWrites({ users: foreign });
    return outcomes;
  }

  async #timed<T>(work: Promise<T>): Promise<readonly [result: T, ms: number]> {
    const from = this.#options.clock.monotonic();
    return [await work, this.#options.clock.monotonic() - from];
  }

  #finish(report: Omit<TickReport, 'durationMs' | 'slotProgress'>): TickReport {
    const { clock, slotProgress, reporter } = this.#options;
    const finished = { ...report, durationMs: clock.monotonic() - report.startedAt, slotProgress: slotProgress() };
    reporter.tick(finished);
    return finished;
  }
}

/** `lower` with the entries of `upper` over it. Nearly always `upper` is empty, and thousands need not be copied. */
function overlaid(
  lower: ReadonlyMap<Address, Observation>,
  upper: Iterable<readonly [Address, Observation]>,
): ReadonlyMap<Address, Observation> {
  const over = [...upper];
  return over.length === 0 ? lower : new Map([...lower, ...over]);
}

function earliestDue(outcomes: Outcomes): MonotonicMs | undefined {
  let earliest: MonotonicMs | undefined;
  for (const { decision } of outcomes.values()) {
    const until = decision.kind === 'hold' ? decision.until : undefined;
    if (until !== undefined && (earliest === undefined || until < earliest)) earliest = until;
  }
  return earliest;
}

function failedVrfs(snapshot: NeighborSnapshot | undefined): TickReport['failedVrfs'] {
  const failed = [...(snapshot?.vrfs ?? [])].flatMap(([vrf, reading]) => (reading.kind === 'failed' ? [[vrf, reading] as const] : []));
  return failed.length === 0 ? undefined : new Map(failed);
}
