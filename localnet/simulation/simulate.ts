/*
 * One seeded run of the whole agent.
 *
 *   chaos ──► events (users, accounts, forks, kills, clocks) ──► world: embedded ledger, simulated switch
 *     └─────► faults (nodes, paths, chain, sources) ──► network between the world and the agent
 *
 *   world ◄── simulated network, simulated sources ◄── the agent, one incarnation after another
 *     └─────────── invariants are checked on both sides at each slot and each event ───────────┘
 */

import { seededRandom } from '../../src/lib/index.ts';
import { type Address, BgpStatus, UserStatus } from '../../src/serviceability/index.ts';
import { createAgents } from './agents.ts';
import { eventsOf, faultsOf, LONGEST_STANDSTILL_MS, readRefusal, type SimulationEvent, type SimulationFault } from './events.ts';
import { createFlightJudge, createMemoryJudge, createVerdict, type Verdict, type Violation } from './invariants.ts';
import { healthyPath } from './network.ts';
import { createPlan, createPrng, type Prng } from './plan.ts';
import { healthySource } from './sources.ts';
import { createLater, createSimulationClock, createTrace, createWorld, type SimulationClock, type Trace, type World } from './world.ts';

interface CalmOptions {
  readonly clock: SimulationClock;
  readonly world: World;
  readonly verdict: Verdict;
  readonly isOver: () => boolean;
  /** When the last incarnation of the agent began, monotonic milliseconds. */
  readonly startedAt: () => number;
  /** Maximum time to convergence from there, milliseconds. */
  readonly boundMs: number;
  /** How long a user that has never been seen up may stay unknown, milliseconds. */
  readonly connectGraceMs: number;
}

const CHECK_INTERVAL_MS = 1_000;
/** The ledger must stay right until every earlier transaction has expired: 150 blocks of a blockhash, and a margin. */
const STABLE_MS = 75_000;
/** With nothing to write the agent reads a new account after up to 30 s; then come a poll and the confirmation. */
const AFTER_GRACE_MS = 45_000;

/** Lets time pass without faults until the ledger stays right; resolves to the time that took, or undefined when it did not. */
export async function waitUntilConverged(options: CalmOptions): Promise<number | undefined> {
  const { clock, world, verdict, isOver, boundMs, connectGraceMs } = options;
  const endedAt = clock.monotonic();
  let convergedSince: number | undefined;
  while (!isOver()) {
    const now = clock.monotonic();
    const from = Math.max(endedAt, options.startedAt());
    const wrong = mismatches(world, now - from < connectGraceMs + AFTER_GRACE_MS);
    convergedSince = wrong.length > 0 ? undefined : (convergedSince ?? now);
    const stableFrom = Math.max(convergedSince ?? now, from + connectGraceMs + AFTER_GRACE_MS - STABLE_MS);
    if (convergedSince !== undefined && now - stableFrom >= STABLE_MS) return convergedSince - endedAt;
    if (convergedSince === undefined && now - from >= boundMs)
      verdict.fail('converges', `after ${(now - from) / 1000} s: ${wrong.join(', ')}`);
    await clock.run(now + CHECK_INTERVAL_MS, isOver);
  }
  return undefined;
}

/** Users whose record differs from their session. Banned users have no session. `inGrace`: one that is down may still be unknown. */
export function mismatches(world: World, inGrace: boolean): readonly string[] {
  const wrong: string[] = [];
  for (const [address, { status, bgpStatus }] of world.users()) {
    const session = status === UserStatus.activated ? world.sessionState(address) : undefined;
    if (session === undefined || bgpStatus === BgpStatus[session]) continue;
    if (!inGrace || session === 'up' || bgpStatus !== BgpStatus.unknown) wrong.push(describe(world, address, session, bgpStatus));
  }
  return wrong;
}

function describe(world: World, user: Address, session: 'up' | 'down', status: number): string {
  const says = status === BgpStatus.up ? 'up' : status === BgpStatus.down ? 'down' : 'unknown';
  return `${world.nameOf(user)} is ${session}, but the ledger says ${says}`;
}

interface Chaos {
  start(): void;
  /** Ends all faults and starts no more. */
  stop(): void;
}

interface ChaosOptions {
  readonly prng: Prng;
  readonly clock: SimulationClock;
  readonly trace: Trace;
  readonly events: readonly SimulationEvent[];
  readonly faults: readonly SimulationFault[];
  /** Mean time between two events and between two faults, milliseconds. */
  readonly pace?: { readonly event: number; readonly fault: number };
}

/** Applies events and faults, each at a random pace for this run. */
export function createChaos({ prng, clock, trace, events, faults, ...options }: ChaosOptions): Chaos {
  const holding = new Map<SimulationFault, () => void>();
  let stopped = false;
  const pace = options.pace ?? { event: prng.between(2_000, 60_000), fault: prng.between(5_000, 120_000) };

  function nextEvent(): void {
    if (stopped) return;
    const event = prng.weighted(events);
    const description = event?.apply();
    if (event !== undefined && description !== undefined) trace.log(`world: ${event.name} ${description}`);
    clock.after(pace.event * prng.between(0.05, 1.95), nextEvent);
  }

  function nextFault(): void {
    if (stopped) return;
    const next = prng.weighted(faults);
    if (next !== undefined && !holding.has(next)) {
      trace.log(`fault: ${next.name} ${next.begin()}`);
      const cancel = clock.after(prng.between(...next.lasts), () => end(next));
      holding.set(next, cancel);
    }
    clock.after(pace.fault * prng.between(0.05, 1.95), nextFault);
  }

  function end(which: SimulationFault): void {
    holding.get(which)?.();
    holding.delete(which);
    which.end();
    trace.log(`fault ended: ${which.name}`);
  }

  return {
    start() {
      nextEvent();
      nextFault();
    },
    stop() {
      stopped = true;
      for (const which of [...holding.keys()]) end(which);
    },
  };
}

interface SimulationOptions {
  readonly seed: number;
  /** Simulated hours with faults; the recovery comes on top. */
  readonly hours: number;
  /** Called with each line of the trace. */
  readonly onLine?: (line: string) => void;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** The newest lines of the trace. */
  readonly trace: readonly string[];
  /** Time from the end of all faults to convergence, milliseconds. */
  readonly convergedAfterMs: number | undefined;
  /** Enforced damping, false slots, a rollback or a fork may have delayed the convergence. */
  readonly isDelayed: boolean;
  readonly simulatedMs: number;
  readonly incarnations: number;
  readonly transactions: number;
  readonly writes: number;
  /** Older statuses that landed after newer ones: from killed processes, or revived by a fork. */
  readonly outOfOrder: number;
  readonly heapByHour: readonly number[];
}

const SLOT_MS = 400;
const HOUR_MS = 3_600_000;
/** Most sessions that change at the end of all faults, so that something remains to be written. */
const LAST_CHANGES = 3;
/** A fork makes the blockhashes of its blocks unknown: their transactions are followed until they have expired, 150 blocks later. */
const EXPIRY_MS = 75_000;
/** Traps and streams are fast, but may be lost. */
const HINTS = { share: 0.8, latestMs: 300 };

/** One run: a world, an agent, some hours with faults, and a recovery in which the ledger must converge. The same seed gives the same run. */
export async function simulate({ seed, hours, onLine }: SimulationOptions): Promise<SimulationResult> {
  const clock = createSimulationClock();
  const prng = createPrng(seededRandom(seed));
  const plan = createPlan(prng);
  const trace = createTrace({ clock, onLine });
  const verdict = createVerdict(({ invariant, detail }) => trace.log(`VIOLATION of ${invariant}: ${detail}`));
  const isOver = (): boolean => verdict.violation !== undefined;

  const world = createWorld({ clock, prng, users: plan.users });
  const takenLate = new Set<string>();
  const nodes = Array.from({ length: plan.nodes }, () => ({ node: world.ledger.addNode(), path: healthyPath(), takenLate }));
  const sources = Array.from({ length: plan.sources }, healthySource);
  const { maxTransactionsPerMinute } = plan.limits;
  const slotsAreFalse = (): boolean => nodes.some(({ path }) => path.slotsAhead > 0);
  const flights = createFlightJudge({ world, trace, verdict, now: clock.monotonic, slotsAreFalse, maxTransactionsPerMinute });
  const memory = createMemoryJudge({ clock, verdict });
  let switchClockMovedAt = Number.NEGATIVE_INFINITY;
  /** While the chain stands still: since when no node has answered for a newer slot. */
  let standstill: { readonly since: number; readonly named: readonly number[] } | undefined;
  let forkedAt = Number.NEGATIVE_INFINITY;
  const agents = createAgents({
    plan,
    clock,
    prng,
    world,
    nodes,
    sources,
    trace,
    verdict,
    flights,
    switchClockMovedAt: () => switchClockMovedAt,
    frozenSince: () => standstill?.since,
  });

  const { schedule, flush } = createLater(clock);
  const events = eventsOf({
    world,
    prng,
    clock,
    later: schedule,
    onDisturbed: flights.disturbed,
    onFork: () => {
      forkedAt = clock.monotonic();
    },
    onSwitchClockMoved: () => {
      switchClockMovedAt = clock.monotonic();
    },
    killAfter: agents.killAfter,
    restartAgent: agents.restart,
  });
  /** Each run uses only some events and faults, so that rare ones coincide more often. */
  const some = <T>(all: readonly T[]): readonly T[] => {
    const share = prng.between(0.1, 1);
    return all.filter(() => prng.chance(share));
  };
  const faults = some(faultsOf({ world, prng, nodes, sources }));
  const known = some(events);
  const chaos = createChaos({ prng, clock, trace, events: known, faults });

  world.ledger.bank.onLanded(flights.landed);
  if (plan.hints) {
    world.sim.onChange(() => {
      if (prng.chance(HINTS.share)) clock.after(prng.between(1, HINTS.latestMs), agents.trigger);
    });
  }
  const everySlot = (): void => {
    // The end of a lag, and a false slot, look like progress; a node that is down names none.
    const named = nodes.map(({ node, path }) => (path.down ? 0 : path.slotsAhead) - node.faults.settings.lagSlots);
    const before = standstill?.named;
    if (!world.ledger.faults.settings.frozen) standstill = undefined;
    else if (before === undefined || named.some((slots, n) => slots > (before[n] ?? slots)))
      standstill = { since: clock.monotonic(), named: named.map((slots, n) => Math.max(slots, before?.[n] ?? slots)) };
    flights.step();
    agents.step();
    memory.step();
    clock.after(SLOT_MS, everySlot);
  };
  everySlot();
  agents.start();
  chaos.start();
  await clock.run(hours * HOUR_MS, isOver);

  chaos.stop();
  agents.calm();
  flush();
  world.push();
  trace.log('all faults ended');
  const refusing = prng.one(nodes);
  if (plan.keepsRefusing && refusing !== undefined) {
    refusing.path.refusal = readRefusal(prng);
    const { methods, answer } = refusing.path.refusal;
    trace.log(`node ${nodes.indexOf(refusing)} goes on refusing ${[...methods].join(', ')}: ${answer.name}`);
  }
  for (let n = prng.whole(0, LAST_CHANGES); n > 0; n -= 1) {
    const user = prng.one([...world.users().keys()]);
    if (user === undefined) continue;
    if (world.sessionState(user) === 'up') world.disconnect(user);
    else world.connect(user);
    trace.log(`world: ${world.nameOf(user)} is ${world.sessionState(user)} from now on`);
  }
  const expiryMs = clock.monotonic() - forkedAt < LONGEST_STANDSTILL_MS + EXPIRY_MS ? EXPIRY_MS : 0;
  const delayMs = Math.max(expiryMs, ...[...known, ...faults].map(({ delaysMs = 0 }) => delaysMs));
  const boundMs = plan.convergenceBoundMs + delayMs + world.slotsToCatchUp() * SLOT_MS;
  const { connectGraceMs } = plan.policy;
  const startedAt = (): number => agents.startedAt;
  const convergedAfterMs = await waitUntilConverged({ clock, world, verdict, isOver, startedAt, boundMs, connectGraceMs });
  const resumedBy = clock.monotonic() + boundMs;
  while (agents.isStalled && !isOver() && clock.monotonic() < resumedBy) await clock.run(clock.monotonic() + CHECK_INTERVAL_MS, isOver);
  if (agents.isStalled) verdict.fail('stalls-are-reported', 'the ledger is right again, but the stall was not reported as over');

  return {
    seed,
    violation: verdict.violation,
    trace: trace.lines,
    convergedAfterMs,
    isDelayed: delayMs > 0 || plan.policy.damping.mode === 'enforce',
    simulatedMs: clock.monotonic(),
    incarnations: agents.incarnations,
    transactions: flights.counts.signatures,
    writes: flights.counts.writes,
    outOfOrder: flights.counts.outOfOrder,
    heapByHour: memory.heapByHour,
  };
}

/** Sums over many runs. */
interface Tally {
  add(result: SimulationResult): void;
  readonly runs: number;
  readonly failed: number;
  /** A summary for people; `tookMs` is real time. */
  summary(tookMs: number): string;
}

export function createTally(): Tally {
  const converged: number[] = [];
  const delayed: number[] = [];
  const sum = { runs: 0, failed: 0, simulatedMs: 0, incarnations: 0, transactions: 0, writes: 0, outOfOrder: 0 };
  const quantile = (of: readonly number[], share: number): string => {
    const sorted = of.toSorted((a, b) => a - b);
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return value === undefined ? '–' : (value / 1000).toFixed(1);
  };
  return {
    add(result) {
      sum.runs += 1;
      if (result.violation !== undefined) sum.failed += 1;
      if (result.convergedAfterMs !== undefined) (result.isDelayed ? delayed : converged).push(result.convergedAfterMs);
      sum.simulatedMs += result.simulatedMs;
      sum.incarnations += result.incarnations;
      sum.transactions += result.transactions;
      sum.writes += result.writes;
      sum.outOfOrder += result.outOfOrder;
    },
    get runs() {
      return sum.runs;
    },
    get failed() {
      return sum.failed;
    },
    summary(tookMs) {
      const hours = sum.simulatedMs / HOUR_MS;
      return [
        `${sum.runs} runs, ${sum.failed} failed; ${hours.toFixed(1)} simulated hours in ${(tookMs / 1000).toFixed(1)} s, ${((hours * 1000) / tookMs).toFixed(1)} a second`,
        `${sum.incarnations} incarnations of the agent, ${sum.transactions} transactions, ${sum.writes} writes landed, ${sum.outOfOrder} out of order after kills or forks`,
        `time from the end of all faults to convergence: p50 ${quantile(converged, 0.5)} s, p99 ${quantile(converged, 0.99)} s, longest ${quantile(converged, 1)} s`,
        `  after false slots, a rollback or a fork, or with enforced damping: p50 ${quantile(delayed, 0.5)} s, p99 ${quantile(delayed, 0.99)} s, longest ${quantile(delayed, 1)} s`,
      ].join('\n');
    },
  };
}
