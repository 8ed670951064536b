import {
  createTunnelAddressing,
  type Decided,
  decideInSteps,
  type LedgerView,
  type NeighborSnapshot,
  type Observation,
  type Observations,
  observeInSteps,
  type ReportableStatus,
  type StatusIntent,
  type StatusPolicy,
  type UserOutcome,
} from './bgp/index.ts';
import type { Collector } from './collector/index.ts';
import { type Breathe, type Clock, inSlices, type MonotonicMs, timeSlices } from './lib/index.ts';
import { measureRtts } from './measure-rtts.ts';
import { neededVrfs } from './needed-vrfs.ts';
import { trimRideAlongs } from './publisher/index.ts';
import { createSecondLook } from './second-look.ts';
import type { Address, Slot } from './serviceability/index.ts';
import { strangersOf } from './strangers.ts';
import { createUserTeller } from './tell-of-users.ts';
import type { TickReport, TickReporter } from './tick-reporter.ts';
import type { ViewKeeper } from './view-keeper.ts';

export interface TickerOptions {
  readonly collector: Collector;
  readonly views: ViewKeeper;
  readonly policy: StatusPolicy;
  readonly clock: Clock;
  readonly reporter: TickReporter;
  /** Statuses sent and not resolved; empty in a dry run. */
  readonly inFlight: () => ReadonlyMap<Address, ReportableStatus>;
  /** The newest slot in which a write of ours landed for this user. */
  readonly landedIn: (user: Address) => Slot | undefined;
  /** The newest slot in which a write of ours landed: a view from before it is renewed. */
  readonly lastLandedSlot: () => Slot | undefined;
  /** Takes what the tick wants; must not wait. */
  readonly offer: (intents: readonly StatusIntent[], view: LedgerView) => void;
}

export interface Ticker {
  /** One tick. Rejects only when aborted: a switch or a ledger that can't be read is an outcome, not an error. */
  tick(signal: AbortSignal): Promise<TickReport>;
}

/** A new account is confirmed within a slot or two; a neighbor that still has no user after so many ticks is nobody's. */
const MOST_ASKED = 4;

/**
 * One tick: see, read, decide, hand over. Never waits for a transaction.
 *
 *   collect ─┐                                   ┌─► RTTs of those about to be written up
 *            ├─► observe ─► mass-down? ─► decide ─┤
 *   view ────┘              look again           └─► offer
 *
 * A decision to write is made on a view young enough (`views.renew`), so the first decision may be made twice.
 */
export function createTicker(options: TickerOptions): Ticker {
  const { collector, views, policy, clock, reporter, inFlight } = options;
  let before: Decided['outcomes'] = new Map();
  const tellOfUsers = createUserTeller({ reporter, damping: policy.damping });
  /** Established neighbors, by tunnel id, of which no view knows a user, and how often one was read for their sake. */
  let strangers: ReadonlyMap<number, number> = new Map();

  const addressesOf = createTunnelAddressing();
  const lastTunnel = (user: Address) => before.get(user)?.track.tunnel;
  const observe = (view: LedgerView, snapshot: NeighborSnapshot | undefined, breathe: Breathe): Promise<Observations> =>
    inSlices(observeInSteps(view.users.values(), snapshot, lastTunnel, addressesOf), breathe);
  const lastSeen = (user: Address) => before.get(user)?.track.lastSeen;
  const lookAgain = createSecondLook({ collector, policy, reporter, observe, lastSeen });

  function decideOn(
    view: LedgerView,
    observations: ReadonlyMap<Address, Observation>,
    lookedAt: MonotonicMs | undefined,
    breathe: Breathe,
  ): Promise<Decided> {
    const now = clock.monotonic();
    const { landedIn } = options;
    const input = { view, observations, before, inFlight: inFlight(), landedIn, policy, now, lookedAt: lookedAt ?? now };
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
      // With thousands of users each step takes milliseconds: between two of them others have their turn.
      const breathe = timeSlices(clock, signal);
      const known = views.latest();
      const landed = options.lastLandedSlot();
      const [[snapshot, switchMs], [currentView, ledgerMs]] = await Promise.all([
        timed(collector.collect({ needed: known === undefined ? new Set() : neededVrfs(known) }, signal)),
        timed(views.current(landed === undefined ? {} : { notBefore: landed }, signal)),
      ]);
      const phases = { switchMs, ledgerMs };
      let view = currentView;
      if (view === undefined) {
        // Nobody stands behind what an earlier tick wanted any more, and the looks of two ticks around this one are not in a row.
        before = withoutDownRuns(before);
        if (known !== undefined) options.offer([], known);
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
      const secondLook = await lookAgain(first, view, breathe, signal);
      let decided = await decideOn(view, overlaid(first, secondLook), snapshot?.takenAt, breathe);
      await breathe();
      const wantsToWrite = decided.intents.some(({ reason }) => reason !== 'ride-along');
      let newcomers = strangersOf(view, snapshot);
      const somebodyIsNew = newcomers.some((id) => (strangers.get(id) ?? 0) < MOST_ASKED);
      if (wantsToWrite || somebodyIsNew) {
        // A view from before the switch was asked can't know of whoever came in between.
        const renewed = await views.renew(signal, somebodyIsNew ? snapshot?.takenAt : undefined);
        if (renewed !== undefined && renewed !== view) {
          // The renewed view may add or change users, not sessions: what the second look said of them stands.
          const read = view;
          const stands = [...secondLook].filter(([user]) => renewed.users.get(user)?.user.tunnelId === read.users.get(user)?.user.tunnelId);
          view = renewed;
          const { byUser } = await observe(view, snapshot, breathe);
          decided = await decideOn(view, overlaid(byUser, stands), snapshot?.takenAt, breathe);
          newcomers = strangersOf(view, snapshot);
        }
      }
      strangers = new Map(newcomers.map((id) => [id, (strangers.get(id) ?? 0) + 1]));
      await breathe();
      await inSlices(tellOfUsers(before, decided.outcomes), breathe);
      before = decided.outcomes;
      await breathe();
      const intents = views.isFreshEnoughToWrite(view)
        ? await measureRtts(collector, trimRideAlongs(decided.intents), decided.outcomes, breathe, signal)
        : [];
      await breathe();
      options.offer(intents, view);
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

/** What `upper` says, and else what `lower` says. Nearly always there is no upper, and thousands need not be copied. */
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
