import type { StatusIntent } from '../bgp/index.ts';
import { MAX_WRITES_PER_TRANSACTION, MAX_WRITES_WITH_COMPUTE_BUDGET } from '../serviceability/index.ts';
import type { ComputeRequest } from './transaction.ts';

/** Solana's limit for one transaction, compute units. */
const MAX_TRANSACTION_UNITS = 1_400_000;
/** The largest heap that a transaction can request. */
const MAX_HEAP_BYTES = 256 * 1024;
/** Room above the measurement: account data and log lines differ a little between users. */
const HEADROOM = 1.1;

/**
 * The compute units of one status write, learned from simulations. A block schedules a transaction by the units that it requests, not by those it
 * consumes, and every transaction write-locks the same payer: without a limit only eight of them fit into a block.
 */
export class ComputeModel {
  #unitsPerWrite: number | undefined;
  #heapBytes: number | undefined;

  /** The request for a transaction of `writes` writes; empty before the first measurement. */
  request(writes: number): ComputeRequest {
    return {
      unitLimit:
        this.#unitsPerWrite === undefined ? undefined : Math.min(MAX_TRANSACTION_UNITS, Math.ceil(this.#unitsPerWrite * writes * HEADROOM)),
      heapBytes: this.#heapBytes,
    };
  }

  /** Whether to simulate the next batch before it is sent. */
  get needsMeasurement(): boolean {
    return this.#unitsPerWrite === undefined;
  }

  /** A simulation of `writes` writes consumed `units`. Only ever raises the estimate: the first write to a short account costs more. */
  learn(writes: number, units: number): void {
    if (writes > 0 && Number.isFinite(units) && units > 0) this.#unitsPerWrite = Math.max(this.#unitsPerWrite ?? 0, units / writes);
  }

  /** A transaction ran out of units: measure again before requesting a limit. */
  exceeded(): void {
    this.#unitsPerWrite = undefined;
  }

  /** The program ran out of its 32 KiB heap: request the largest from now on. */
  needHeap(): void {
    this.#heapBytes = MAX_HEAP_BYTES;
  }
}

/** An intent that waits, and since when the user has needed this status (monotonic milliseconds). */
export interface WaitingIntent {
  readonly intent: StatusIntent;
  readonly since: number;
}

export interface Packed {
  readonly intents: readonly StatusIntent[];
  readonly compute: ComputeRequest;
}

/**
 * Takes the next transaction's worth of what waits: changes by waiting time, then due refreshes, then, into the free places, early refreshes
 * of the oldest records. Early refreshes alone make no transaction (rule 13).
 */
export function packNext(waiting: Iterable<WaitingIntent>, compute: Pick<ComputeModel, 'request'>): Packed | undefined {
  const { unitLimit, heapBytes } = compute.request(1);
  const size = unitLimit === undefined && heapBytes === undefined ? MAX_WRITES_PER_TRANSACTION : MAX_WRITES_WITH_COMPUTE_BUDGET;
  const intents = [...waiting]
    .sort(byWaitingTime)
    .slice(0, size)
    .map(({ intent }) => intent);
  if (intents[0] === undefined || isEarlyRefresh(intents[0])) return undefined;
  return { intents, compute: compute.request(intents.length) };
}

/**
 * What one tick's intents amount to when no transaction is in flight, the most urgent first: as many early refreshes as the other writes'
 * transactions have places for, and none where there are no others (rule 13).
 */
export function trimEarlyRefreshes(intents: readonly StatusIntent[]): readonly StatusIntent[] {
  const required = intents.filter((intent) => !isEarlyRefresh(intent)).length;
  const transactions = Math.ceil(required / MAX_WRITES_WITH_COMPUTE_BUDGET);
  return [...intents].sort(byUrgency).slice(0, transactions * MAX_WRITES_WITH_COMPUTE_BUDGET);
}

/** Such writes alone do not start a transaction. */
export function isEarlyRefresh({ reason }: StatusIntent): boolean {
  return reason === 'ride-along';
}

/** Changes by waiting time, everything else by urgency. */
function byWaitingTime(a: WaitingIntent, b: WaitingIntent): number {
  const bothChange = a.intent.reason === 'change' && b.intent.reason === 'change';
  return bothChange && a.since !== b.since ? a.since - b.since : byUrgency(a.intent, b.intent);
}

const RANK = { change: 0, refresh: 1, 'ride-along': 2 } as const;

/** Changes, refreshes, early refreshes; in each the oldest record first. Compared and not subtracted: two ages may be Infinity. */
function byUrgency(a: StatusIntent, b: StatusIntent): number {
  if (a.reason !== b.reason) return RANK[a.reason] - RANK[b.reason];
  if (a.ageMs !== b.ageMs) return a.ageMs > b.ageMs ? -1 : 1;
  return a.user < b.user ? -1 : 1;
}
