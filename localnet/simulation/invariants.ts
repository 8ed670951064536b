import type { TickReport } from '../../src/agent/events.ts';
import type { StatusIntent, StatusPolicy, UserOutcome } from '../../src/bgp/index.ts';
import { type Address, decodeSetUserBgpStatus, tunnelSides } from '../../src/serviceability/index.ts';
import { decodeBase58, type LandedTransaction, parseTransaction } from '../ledger/index.ts';
import type { SendWatcher } from './network.ts';
import type { Poll } from './sources.ts';
import { type Incarnation, type SimulationClock, sessionName, type Trace, type World } from './world.ts';

/** The invariants of every run; docs/simulation.md explains them. */
type Invariant =
  | 'one-unresolved-status'
  | 'no-older-after-newer'
  | 'down-is-believable'
  | 'writes-what-was-seen'
  | 'sends-what-is-wanted'
  | 'no-needless-change'
  | 'spends-within-limits'
  | 'own-writes-are-known'
  | 'stalls-are-reported'
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
  /** Heap bytes in use at each whole hour; empty without --expose-gc. */
  readonly heapByHour: readonly number[];
}

/** Limit of concurrent sleeps: the agent's loops, its requests, copies on the network. */
const MOST_SLEEPERS = 3_000;
const HOUR_MS = 3_600_000;
/** The world's own memory (blocks, landed transactions) stops growing after these. */
const SETTLED_AFTER_HOURS = 4;
const MOST_GROWTH_BYTES = 32 * 1024 * 1024;

/** Checks that memory stays bounded. Measures the heap if Node runs with --expose-gc, as `npm run sim -- --seed` does. */
export function createMemoryJudge({ clock, verdict }: { readonly clock: SimulationClock; readonly verdict: Verdict }): MemoryJudge {
  const heapByHour: number[] = [];
  let nextHour = HOUR_MS;
  return {
    heapByHour,
    step() {
      if (clock.sleepers > MOST_SLEEPERS) verdict.fail('bounded', `${clock.sleepers} pending sleeps`);
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

/** Checks the transactions per minute of each process. A transaction that every node rejected costs nothing. */
interface SpendJudge {
  /** A node accepted a transaction of this incarnation, sent at this time (monotonic milliseconds). */
  taken(incarnation: Incarnation, departedAt: number): void;
}

interface SpendJudgeOptions {
  readonly verdict: Verdict;
  readonly now: () => number;
  readonly maxTransactionsPerMinute: number;
}

/** A budget with a resolution of seconds may be a second off. */
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
        verdict.fail('spends-within-limits', `${ofAMinute} transactions in a minute; ${maxTransactionsPerMinute} are allowed`);
      }
    },
  };
}

/** A sent transaction as the ledger and the network see it, independent of the agent's own events. */
interface Flight {
  readonly wire: string;
  readonly incarnation: Incarnation;
  /** Counts the transactions of all incarnations from 1: a later decision has a higher number. */
  readonly number: number;
  readonly users: readonly Address[];
  readonly lastValidHeight: bigint;
  /** Time of the first send, monotonic milliseconds. */
  readonly departedAt: number;
  /** Copies in transit to a node. */
  underWay: number;
  /** A node has it. */
  taken: boolean;
  /** Confirmed, or expired: only a fork can revive it. */
  settled: boolean;
}

export interface FlightJudge {
  watcherOf(incarnation: Incarnation): SendWatcher;
  /** The worker reports what it sends. */
  sent(signature: string, intents: readonly StatusIntent[]): void;
  landed(landed: LandedTransaction): void;
  /** This incarnation reports that another process has written these users' records. */
  foreignWrites(incarnation: Incarnation, users: readonly Address[]): void;
  /** A record may now differ from what its last writer knew: after a fork, a kill, or a change of the account by others. */
  disturbed(): void;
  /** Updates which transactions are settled; called each slot. */
  step(): void;
  readonly counts: { readonly signatures: number; readonly writes: number; readonly needless: number; readonly outOfOrder: number };
}

const BLOCKHASH_LIFE = 150;
/** An agent may rebroadcast a settled transaction while it has not noticed that its node lags. */
const REMEMBERED_MS = 1_800_000;
/** After a disturbance, earlier transactions may change records for this long, until they have expired. */
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
  const lastWriter = new Map<Address, Incarnation>();
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
        verdict.fail('one-unresolved-status', `${world.nameOf(twice)}: ${brief(signature)} is sent while ${brief(other)} may still land`);
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
        trace.log(`ledger: ${world.nameOf(user)} ${status} (${brief(transaction.signature)}, incarnation ${flight.incarnation.number})`);
        const last = lastLanded.get(user);
        if (last !== undefined && last.flight.number > flight.number) judgeOrder(user, flight, last.flight, transaction.signature);
        const isNeedless = last?.status === status && reasons.get(transaction.signature)?.get(user)?.reason === 'change';
        if (isNeedless) judgeNeed(user, status, flight);
        lastLanded.set(user, { flight, status });
        lastWriter.set(user, flight.incarnation);
      }
    },
    foreignWrites(incarnation, users) {
      if (now() - Math.max(disturbedAt, slotsWereFalseAt) < DISTURBANCE_MS) return;
      const own = users.filter((user) => (lastWriter.get(user) ?? incarnation) === incarnation);
      if (own.length === 0) return;
      const names = own.map((user) => world.nameOf(user)).join(', ');
      verdict.fail('own-writes-are-known', `another writer is reported for ${names}, but only this process has written`);
    },
    disturbed() {
      const tip = bank.replica().view('processed').blockHeight;
      // The blockhash of an undone block is never valid again.
      for (const flight of flights.values()) flight.settled ||= flight.lastValidHeight - BigInt(BLOCKHASH_LIFE) > tip;
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
    // Transactions of a killed process cannot be recalled; one revived by a fork was settled when the newer one was decided.
    if (older.settled || (older.incarnation !== newer.incarnation && !older.incarnation.isAlive)) return;
    verdict.fail(
      'no-older-after-newer',
      `${world.nameOf(user)}: ${brief(signature)} lands after a newer one of incarnation ${newer.incarnation.number}`,
    );
  }

  function judgeNeed(user: Address, status: string, { incarnation }: Flight): void {
    counts.needless += 1;
    // A lagging node that reports later slots shows an old record as a new one. The agent cannot detect it; the extra write costs a fee.
    if (now() - Math.max(disturbedAt, slotsWereFalseAt) < DISTURBANCE_MS || !incarnation.isAlive) return;
    verdict.fail('no-needless-change', `${world.nameOf(user)} was written ${status} although it was ${status} already`);
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
  /** Whether a node reports wrong slots. */
  readonly slotsAreFalse: () => boolean;
  /** Transactions that one incarnation may send per minute. */
  readonly maxTransactionsPerMinute: number;
}

const brief = (signature: string): string => signature.slice(0, 6);

export interface TickJudge {
  /** A source of this incarnation completed a poll. */
  polled(poll: Poll): void;
  /** Checks a tick's intents against its polls. */
  ticked(report: TickReport): void;
  /** Checks sent intents against the newest tick. */
  sent(intents: readonly StatusIntent[]): void;
}

interface TickJudgeOptions {
  readonly world: World;
  readonly verdict: Verdict;
  readonly policy: Pick<StatusPolicy, 'downGraceMs'>;
  /** Sources report states without change times and counts: a session that was up between two polls is invisible. */
  readonly blind: boolean;
  readonly now: () => number;
  /** Time of the last jump of the switch's clock, monotonic milliseconds. */
  readonly switchClockMovedAt: () => number;
}

const POLLS_REMEMBERED = 16;

/** Checks one incarnation's decisions against its polls and the actual session history. */
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
    if (!wasSeen) verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is decided up, but no poll of this tick showed it`);
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
    if (!wasSeen) verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is decided down, but no poll of this tick showed it`);
    if (intent.from === 'down' || track.tunnel === undefined) return;
    const session = sessionName(address, track.tunnel.tunnelId);
    // Without change times (blind source, or missing neighbor), it must have been down at the polls only.
    const hasHistory = !blind && neighbor !== undefined && now() - switchClockMovedAt() >= 2 * policy.downGraceMs;
    const grace = hasHistory ? policy.downGraceMs : 0;
    const isBelievable = seen.some(({ at }) => world.sessions.wasDownThroughout(session, at - grace, at));
    const hasPassed = seen.some(({ at }) => world.sessions.wasDownThroughout(session, at, at)) && waited(session, grace, startedAt);
    if (!isBelievable && !hasPassed) {
      verdict.fail('down-is-believable', `${world.nameOf(user)} is decided down, but its session had not been down for ${grace} ms`);
    }
  }

  /** The grace period may have ended during the tick. */
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
        if (outcome === undefined) verdict.fail('writes-what-was-seen', `${world.nameOf(intent.user)} has an intent without an outcome`);
        else if (intent.to === 'up') judgeUp(intent, seen);
        else judgeDown(intent, outcome, seen, startedAt);
      }
    },
    sent(intents) {
      for (const { user, to } of intents) {
        const want = wanted.get(user)?.to;
        if (want !== to)
          verdict.fail('sends-what-is-wanted', `${world.nameOf(user)} is sent ${to}, but the newest tick decided ${want ?? 'nothing'}`);
      }
    },
  };
}
