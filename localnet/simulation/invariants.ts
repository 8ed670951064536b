import { type AgentReporter, createAgentEvents, type TickReport } from '../../src/agent/events.ts';
import type { StatusIntent, StatusPolicy, UserOutcome } from '../../src/bgp/index.ts';
import { type Address, decodeSetUserBgpStatus, tunnelSides } from '../../src/serviceability/index.ts';
import { decodeBase58, type LandedTransaction, parseTransaction } from '../ledger/index.ts';
import type { Incarnation } from './life.ts';
import type { Poll, SendWatcher } from './network.ts';
import { type SimulationClock, sessionName, type Trace, type World } from './world.ts';

/** The promises that a run is held to; docs/simulation.md says each in words. */
type Invariant =
  | 'one-unresolved-status'
  | 'no-older-after-newer'
  | 'down-is-believable'
  | 'writes-what-was-seen'
  | 'sends-what-is-wanted'
  | 'no-needless-change'
  | 'spends-within-limits'
  | 'converges'
  | 'bounded'
  | 'no-defect';

export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
}

export interface Verdict {
  /** The first violation ends the run. */
  fail(invariant: Invariant, detail: string): void;
  readonly violation: Violation | undefined;
}

export function createVerdict(onViolation: (violation: Violation) => void): Verdict {
  let violation: Violation | undefined;
  return {
    fail(invariant, detail) {
      if (violation !== undefined) return;
      violation = { invariant, detail };
      onViolation(violation);
    },
    get violation() {
      return violation;
    },
  };
}

interface MemoryJudge {
  /** Called each slot. */
  step(): void;
  /** Bytes in use at each whole hour; empty where the collector can't be called. */
  readonly heapByHour: readonly number[];
}

/** What waits for the clock: the agent's loops, its requests, copies on the network. */
const MOST_SLEEPERS = 3_000;
const HOUR_MS = 3_600_000;
/** The world's own memory (blocks, landed transactions) is full after these. */
const SETTLED_AFTER_HOURS = 4;
const MOST_GROWTH_BYTES = 32 * 1024 * 1024;

/** Whether memory stays bounded. Measures the heap where node runs with --expose-gc, which `npm run sim -- --seed` does. */
export function createMemoryJudge({ clock, verdict }: { readonly clock: SimulationClock; readonly verdict: Verdict }): MemoryJudge {
  const heapByHour: number[] = [];
  let nextHour = HOUR_MS;
  return {
    heapByHour,
    step() {
      if (clock.sleepers > MOST_SLEEPERS) verdict.fail('bounded', `${clock.sleepers} wait for the clock`);
      if (clock.monotonic() < nextHour || globalThis.gc === undefined) return;
      nextHour += HOUR_MS;
      globalThis.gc();
      const { heapUsed } = process.memoryUsage();
      heapByHour.push(heapUsed);
      const settled = heapByHour[SETTLED_AFTER_HOURS - 1];
      if (settled !== undefined && heapUsed - settled > MOST_GROWTH_BYTES) {
        verdict.fail('bounded', `the heap grew from ${megabytes(settled)} to ${megabytes(heapUsed)} in ${heapByHour.length} hours`);
      }
    },
  };
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** Whether a process keeps within its transactions a minute. What every node refused costs nothing. */
interface SpendJudge {
  /** A node took a transaction of this life that had set out at this time, monotonic milliseconds. */
  taken(incarnation: Incarnation, departedAt: number): void;
}

interface SpendJudgeOptions {
  readonly verdict: Verdict;
  readonly now: () => number;
  readonly maxTransactionsPerMinute: number;
}

/** A budget that counts by the second may be a second off. */
const NEARLY_A_MINUTE_MS = 58_000;

function createSpendJudge({ verdict, now, maxTransactionsPerMinute }: SpendJudgeOptions): SpendJudge {
  let expenses: readonly { readonly incarnation: Incarnation; readonly at: number }[] = [];
  return {
    taken(incarnation, departedAt) {
      const recent = expenses.filter((expense) => expense.incarnation === incarnation && now() - expense.at < 2 * NEARLY_A_MINUTE_MS);
      expenses = [...recent, { incarnation, at: departedAt }];
      for (const { at } of expenses) {
        const ofAMinute = expenses.filter((expense) => expense.at <= at && at - expense.at < NEARLY_A_MINUTE_MS).length;
        if (ofAMinute <= maxTransactionsPerMinute) continue;
        verdict.fail('spends-within-limits', `${ofAMinute} transactions in a minute, and ${maxTransactionsPerMinute} are allowed`);
      }
    },
  };
}

/** A transaction of some life, as the ledger and the network know it; the agent's own word is not asked. */
interface Flight {
  readonly wire: string;
  readonly incarnation: Incarnation;
  /** Lives count from 1, and so do the transactions of all of them: what was decided later has the higher number. */
  readonly number: number;
  readonly users: readonly Address[];
  readonly lastValidHeight: bigint;
  /** For the first time, monotonic milliseconds. */
  readonly departedAt: number;
  /** Copies on their way to a node. */
  underWay: number;
  /** Some node has it. */
  taken: boolean;
  /** It was confirmed in a block, or too old for any: only a fork can bring it back. */
  settled: boolean;
}

export interface FlightJudge {
  watcherOf(incarnation: Incarnation): SendWatcher;
  /** The worker of this life tells what it sends. */
  sent(signature: string, intents: readonly StatusIntent[]): void;
  landed(landed: LandedTransaction): void;
  /** Something happened that lets a record differ from what its last writer knew: a fork, a death, an account changed by others. */
  disturbed(): void;
  /** Looks which flights are settled by now; called each slot. */
  step(): void;
  readonly counts: { readonly signatures: number; readonly writes: number; readonly needless: number; readonly outOfOrder: number };
}

const BLOCKHASH_LIFE = 150;
/** Behind a node that lags, one that has long been settled may be offered for as long as the node is not found out. */
const REMEMBERED_MS = 1_800_000;
/** For so long after a disturbance a change may find the record changed already: until the transactions of before are dead. */
const DISTURBANCE_MS = 130_000;

export function createFlightJudge({
  world,
  trace,
  verdict,
  now,
  slotsAreFalse,
  maxTransactionsPerMinute,
}: FlightJudgeOptions): FlightJudge {
  const { bank } = world.ledger;
  const flights = new Map<string, Flight>();
  const signatures = new Map<string, string>();
  const reasons = new Map<string, ReadonlyMap<Address, StatusIntent>>();
  const lastLanded = new Map<Address, { readonly flight: Flight; readonly status: string }>();
  const spending = createSpendJudge({ verdict, now, maxTransactionsPerMinute });
  const counts = { signatures: 0, writes: 0, needless: 0, outOfOrder: 0 };
  let disturbedAt = Number.NEGATIVE_INFINITY;
  let slotsWereFalseAt = Number.NEGATIVE_INFINITY;

  const isOpen = (signature: string, flight: Flight): boolean => {
    if (flight.settled || (flight.underWay === 0 && !flight.taken)) return false;
    const replica = bank.replica();
    const status = replica.status(signature);
    flight.settled =
      (status !== undefined && status.confirmationStatus !== 'processed') || replica.view('confirmed').blockHeight > flight.lastValidHeight;
    return !flight.settled;
  };

  function register(wire: string, incarnation: Incarnation): Flight {
    const { signature, instructions, accountKeys, recentBlockhash } = parseTransaction(Buffer.from(wire, 'base64'));
    const users: Address[] = [];
    for (const { data, accountIndexes } of instructions) {
      const user = accountKeys[accountIndexes[0] ?? -1];
      if (decodeSetUserBgpStatus(data) !== undefined && user !== undefined) users.push(user);
    }
    for (const [other, open] of flights) {
      if (open.incarnation !== incarnation || !isOpen(other, open)) continue;
      const twice = users.find((user) => open.users.includes(user));
      if (twice !== undefined)
        verdict.fail('one-unresolved-status', `${world.nameOf(twice)}: ${brief(signature)} departs while ${brief(other)} may still land`);
    }
    counts.signatures += 1;
    const height = Buffer.from(decodeBase58(recentBlockhash) ?? new Uint8Array(32)).readBigUInt64BE(24);
    const flight: Flight = {
      wire,
      incarnation,
      number: counts.signatures,
      users,
      lastValidHeight: height + BigInt(BLOCKHASH_LIFE),
      departedAt: now(),
      underWay: 0,
      taken: false,
      settled: false,
    };
    flights.set(signature, flight);
    signatures.set(wire, signature);
    return flight;
  }

  const ofWire = (wire: string): Flight | undefined => flights.get(signatures.get(wire) ?? '');

  return {
    counts,
    watcherOf: (incarnation) => ({
      departed(wire) {
        (ofWire(wire) ?? register(wire, incarnation)).underWay += 1;
      },
      arrived(wire, taken) {
        const flight = ofWire(wire);
        if (flight === undefined) return;
        flight.underWay -= 1;
        if (taken && !flight.taken) spending.taken(incarnation, flight.departedAt);
        flight.taken ||= taken;
      },
    }),
    sent(signature, intents) {
      reasons.set(signature, new Map(intents.map((intent) => [intent.user, intent])));
    },
    landed({ transaction, result }) {
      const flight = flights.get(transaction.signature);
      if (flight === undefined || result.err !== null) return;
      for (const { data, accountIndexes } of transaction.instructions) {
        const user = transaction.accountKeys[accountIndexes[0] ?? -1];
        const status = decodeSetUserBgpStatus(data)?.status;
        if (user === undefined || status === undefined) continue;
        counts.writes += 1;
        trace.tell(`ledger: ${world.nameOf(user)} ${status} (${brief(transaction.signature)}, life ${flight.incarnation.number})`);
        const last = lastLanded.get(user);
        if (last !== undefined && last.flight.number > flight.number) judgeOrder(user, flight, last.flight, transaction.signature);
        const isNeedless = last?.status === status && reasons.get(transaction.signature)?.get(user)?.reason === 'change';
        if (isNeedless) judgeNeed(user, status, flight);
        lastLanded.set(user, { flight, status });
      }
    },
    disturbed() {
      disturbedAt = now();
      lastLanded.clear();
    },
    step() {
      if (slotsAreFalse()) slotsWereFalseAt = now();
      for (const [signature, flight] of flights) {
        if (!isOpen(signature, flight)) forgetOld(signature, flight);
      }
    },
  };

  function judgeOrder(user: Address, older: Flight, newer: Flight, signature: string): void {
    counts.outOfOrder += 1;
    // What a dead process has sent nobody can call back; and what a fork brings back was settled when the newer one was decided.
    if (older.settled || (older.incarnation !== newer.incarnation && !older.incarnation.isAlive)) return;
    verdict.fail(
      'no-older-after-newer',
      `${world.nameOf(user)}: ${brief(signature)} lands after a younger one of life ${newer.incarnation.number}`,
    );
  }

  function judgeNeed(user: Address, status: string, { incarnation }: Flight): void {
    counts.needless += 1;
    // A node that lags and names later slots shows an old record as a new one: nobody can tell, and telling it again costs a fee.
    if (now() - Math.max(disturbedAt, slotsWereFalseAt) < DISTURBANCE_MS || !incarnation.isAlive) return;
    verdict.fail('no-needless-change', `${world.nameOf(user)} was told ${status}, which it was already`);
  }

  function forgetOld(signature: string, flight: Flight): void {
    if (flight.underWay > 0 || now() - flight.departedAt < REMEMBERED_MS) return;
    flights.delete(signature);
    reasons.delete(signature);
    signatures.delete(flight.wire);
  }
}

interface FlightJudgeOptions {
  readonly world: World;
  readonly trace: Trace;
  readonly verdict: Verdict;
  readonly now: () => number;
  /** Whether some node names slots that are not. */
  readonly slotsAreFalse: () => boolean;
  /** Transactions that one life may send in a minute. */
  readonly maxTransactionsPerMinute: number;
}

const brief = (signature: string): string => signature.slice(0, 6);

interface TickJudge {
  /** A reader of this life was answered. */
  polled(poll: Poll): void;
  /** What a tick wants must be what its polls have shown. */
  ticked(report: TickReport): void;
  /** What goes out must be what the newest tick wants. */
  sent(intents: readonly StatusIntent[]): void;
}

interface TickJudgeOptions {
  readonly world: World;
  readonly verdict: Verdict;
  readonly policy: Pick<StatusPolicy, 'downGraceMs'>;
  /** The source tells neither since when nor how often: a session that came up between two polls can't be known. */
  readonly blind: boolean;
  readonly now: () => number;
  /** When the switch's clock was last moved, monotonic milliseconds. */
  readonly switchClockMovedAt: () => number;
}

const POLLS_REMEMBERED = 16;

/** Judges one life's decisions by what its sources were given, and by the sessions' true history. */
export function createTickJudge({ world, verdict, policy, blind, now, switchClockMovedAt }: TickJudgeOptions): TickJudge {
  const polls: Poll[] = [];
  let wanted = new Map<Address, StatusIntent>();

  function judgeUp(intent: StatusIntent, seen: readonly Poll[]): void {
    const { user, neighbor } = intent;
    const wasSeen =
      neighbor !== undefined &&
      seen.some(({ snapshot }) => {
        const reading = snapshot.vrfs.get(neighbor.vrf);
        return reading?.kind === 'collected' && reading.neighbors.get(neighbor.address)?.state === 'established';
      });
    if (!wasSeen) verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is wanted up, and no poll of this tick has shown it`);
  }

  function judgeDown(intent: StatusIntent, { track, entry }: UserOutcome, seen: readonly Poll[], startedAt: number): void {
    const { user, neighbor, tunnelNet } = intent;
    const address = neighbor?.address ?? tunnelSides(tunnelNet)?.clientSide ?? '';
    const collected = seen.flatMap(({ snapshot }) => [...snapshot.vrfs].filter(([, reading]) => reading.kind === 'collected'));
    const wasSeen =
      neighbor === undefined
        ? [entry.expectedVrf ?? world.sim.vrfs()].flat().every((vrf) => collected.some(([name]) => name === vrf))
        : collected.some(([vrf, reading]) => {
            const state = reading.kind === 'collected' ? reading.neighbors.get(address)?.state : undefined;
            return vrf === neighbor.vrf && state !== undefined && state !== 'established';
          });
    if (!wasSeen) verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is wanted down, and no poll of this tick has shown it`);
    if (intent.from === 'down' || track.tunnel === undefined) return;
    const session = sessionName(address, track.tunnel.tunnelId);
    // Where nothing tells what happened between two polls (a neighbor that is gone tells nothing either), it was down at each of them.
    const isTold = !blind && neighbor !== undefined && now() - switchClockMovedAt() >= 2 * policy.downGraceMs;
    const grace = isTold ? policy.downGraceMs : 0;
    const isBelievable = seen.some(({ at }) => world.sessions.wasDownThroughout(session, at - grace, at));
    const hasPassed = seen.some(({ at }) => world.sessions.wasDownThroughout(session, at, at)) && waited(session, grace, startedAt);
    if (!isBelievable && !hasPassed) {
      verdict.fail('down-is-believable', `${world.nameOf(user)} is wanted down, and its session had not been down for ${grace} ms`);
    }
  }

  /** The grace may have run out while the tick went on. */
  function waited(session: string, grace: number, startedAt: number): boolean {
    const at = Math.max(startedAt, now());
    return world.sessions.wasDownThroughout(session, at - grace, at);
  }

  return {
    polled(poll) {
      polls.push(poll);
      if (polls.length > POLLS_REMEMBERED) polls.shift();
    },
    ticked({ startedAt, intents, outcomes }) {
      const seen = polls.filter(({ at }) => at >= startedAt);
      wanted = new Map(intents.map((intent) => [intent.user, intent]));
      for (const intent of intents) {
        const outcome = outcomes.get(intent.user);
        if (outcome === undefined) verdict.fail('writes-what-was-seen', `${world.nameOf(intent.user)} is wanted and was not looked at`);
        else if (intent.to === 'up') judgeUp(intent, seen);
        else judgeDown(intent, outcome, seen, startedAt);
      }
    },
    sent(intents) {
      for (const { user, to } of intents) {
        const want = wanted.get(user)?.to;
        if (want !== to)
          verdict.fail('sends-what-is-wanted', `${world.nameOf(user)} is sent ${to}, and the newest tick wants ${want ?? 'nothing'}`);
      }
    },
  };
}

interface JudgingReporterOptions {
  readonly world: World;
  readonly trace: Trace;
  readonly verdict: Verdict;
  readonly flights: FlightJudge;
}

/** Hears the agent while it lives, for the judges and for the story. */
export function judgingReporter(
  incarnation: Incarnation,
  ticks: TickJudge,
  { world, trace, verdict, flights }: JudgingReporterOptions,
): AgentReporter {
  const brief = (signature: string): string => signature.slice(0, 6);
  const tell = (line: string): void => {
    if (incarnation.isAlive) trace.tell(`agent: ${line}`);
  };
  return createAgentEvents({
    tick(report) {
      if (incarnation.isAlive) ticks.ticked(report);
    },
    sent({ signature, intents }) {
      incarnation.step();
      if (!incarnation.isAlive) return;
      trace.tell(
        `agent: sends ${brief(signature)}: ${intents.map(({ user, to, reason }) => `${world.nameOf(user)} ${to} (${reason})`).join(', ')}`,
      );
      ticks.sent(intents);
      flights.sent(signature, intents);
    },
    confirmed: ({ intent, signature }) => tell(`${brief(signature)} landed: ${world.nameOf(intent.user)} ${intent.to}`),
    expired: ({ signature }) => tell(`${brief(signature)} expired`),
    rejected: ({ intent, signature, error }) => tell(`${brief(signature)} rejected: ${world.nameOf(intent.user)}: ${error.message}`),
    failed: ({ signature, error }) => tell(`${brief(signature)} failed: ${error.message}`),
    halted: (error) => tell(`halted: ${error.message}`),
    resumed: () => tell('resumed'),
    source: ({ source, state }) => tell(`${source} ${state}`),
    ledgerView: ({ state }) => tell(`ledger view ${state}`),
    massDown: ({ wentDown, wereUp, confirmed }) => tell(`${wentDown} of ${wereUp} read down at once, ${confirmed} confirmed`),
    internalError(error) {
      if (incarnation.isAlive) verdict.fail('no-defect', error instanceof Error ? (error.stack ?? error.message) : String(error));
    },
  }).reporter;
}
