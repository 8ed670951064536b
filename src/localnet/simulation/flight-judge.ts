import type { StatusIntent } from '../../bgp/index.ts';
import { type Address, decodeSetUserBgpStatus } from '../../serviceability/index.ts';
import { decodeBase58, type LandedTransaction, parseTransaction } from '../ledger/index.ts';
import type { Life } from './life.ts';
import type { SendWatcher } from './simulated-network.ts';
import { createSpendJudge } from './spend-judge.ts';
import type { Story } from './story.ts';
import type { Verdict } from './verdict.ts';
import type { World } from './world.ts';

/** A transaction of some life, as the ledger and the network know it; the agent's own word is not asked. */
interface Flight {
  readonly wire: string;
  readonly life: Life;
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
  watcherOf(life: Life): SendWatcher;
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
  story,
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

  function register(wire: string, life: Life): Flight {
    const { signature, instructions, accountKeys, recentBlockhash } = parseTransaction(Buffer.from(wire, 'base64'));
    const users: Address[] = [];
    for (const { data, accountIndexes } of instructions) {
      const user = accountKeys[accountIndexes[0] ?? -1];
      if (decodeSetUserBgpStatus(data) !== undefined && user !== undefined) users.push(user);
    }
    for (const [other, open] of flights) {
      if (open.life !== life || !isOpen(other, open)) continue;
      const twice = users.find((user) => open.users.includes(user));
      if (twice !== undefined)
        verdict.fail('one-unresolved-status', `${world.nameOf(twice)}: ${brief(signature)} departs while ${brief(other)} may still land`);
    }
    counts.signatures += 1;
    const height = Buffer.from(decodeBase58(recentBlockhash) ?? new Uint8Array(32)).readBigUInt64BE(24);
    const flight: Flight = {
      wire,
      life,
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
    watcherOf: (life) => ({
      departed(wire) {
        (ofWire(wire) ?? register(wire, life)).underWay += 1;
      },
      arrived(wire, taken) {
        const flight = ofWire(wire);
        if (flight === undefined) return;
        flight.underWay -= 1;
        if (taken && !flight.taken) spending.taken(life, flight.departedAt);
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
        story.tell(`ledger: ${world.nameOf(user)} ${status} (${brief(transaction.signature)}, life ${flight.life.number})`);
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
    if (older.settled || (older.life !== newer.life && !older.life.isAlive)) return;
    verdict.fail(
      'no-older-after-newer',
      `${world.nameOf(user)}: ${brief(signature)} lands after a younger one of life ${newer.life.number}`,
    );
  }

  function judgeNeed(user: Address, status: string, { life }: Flight): void {
    counts.needless += 1;
    // A node that lags and names later slots shows an old record as a new one: nobody can tell, and telling it again costs a fee.
    if (now() - Math.max(disturbedAt, slotsWereFalseAt) < DISTURBANCE_MS || !life.isAlive) return;
    verdict.fail('no-needless-change', `${world.nameOf(user)} was told ${status}, which it was already`);
  }

  function forgetOld(signature: string, flight: Flight): void {
    if (flight.underWay > 0 || now() - flight.departedAt < REMEMBERED_MS) return;
    flights.delete(signature);
    reasons.delete(signature);
    signatures.delete(flight.wire);
  }
}

export interface FlightJudgeOptions {
  readonly world: World;
  readonly story: Story;
  readonly verdict: Verdict;
  readonly now: () => number;
  /** Whether some node names slots that are not. */
  readonly slotsAreFalse: () => boolean;
  /** Transactions that one life may send in a minute. */
  readonly maxTransactionsPerMinute: number;
}

const brief = (signature: string): string => signature.slice(0, 6);
