import type { LedgerView, ReportableStatus, StatusIntent } from '../bgp/index.ts';
import { AgentError, type Clock, type MonotonicMs } from '../lib/index.ts';
import type { SignedTransaction } from '../publisher/index.ts';
import { type LedgerRpc, ROLLBACK_AFTER_MS, type SendAttempts } from '../rpc/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';

export type Blockhash = Awaited<ReturnType<LedgerRpc['latestBlockhash']>>;

export class BlockhashCache {
  readonly #rpc: Pick<LedgerRpc, 'latestBlockhash'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #maxAgeMs: number;
  #cached: { readonly value: Blockhash; readonly fetchedAt: MonotonicMs } | undefined;

  constructor(rpc: Pick<LedgerRpc, 'latestBlockhash'>, clock: Pick<Clock, 'monotonic'>, maxAgeMs: number) {
    this.#rpc = rpc;
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /** A blockhash at `confirmed`, at most `maxAgeMs` old. Throws what the ledger throws. */
  async get(signal: AbortSignal): Promise<Blockhash> {
    const fetchedAt = this.#clock.monotonic();
    if (this.#cached !== undefined && fetchedAt - this.#cached.fetchedAt < this.#maxAgeMs) return this.#cached.value;
    const value = await this.#rpc.latestBlockhash(signal);
    this.#cached = { value, fetchedAt };
    return value;
  }

  /** The ledger does not know the cached blockhash. */
  invalidate(): void {
    this.#cached = undefined;
  }
}

/** A transaction that was sent, and is neither confirmed nor failed nor expired. */
export interface InFlightTransaction extends SignedTransaction {
  readonly intents: readonly StatusIntent[];
  /** Every attempt to send it. */
  readonly attempts: SendAttempts;
  /** Slot and block height when its blockhash was fetched, or when it was first checked after a rollback of the ledger. */
  slot: Slot;
  blockHeight: bigint;
  /** No block above this height can include it. */
  lastValidBlockHeight: bigint;
  /** Sent before a rollback, or by another worker: its heights may be those of another ledger until they are checked. */
  hasOldHeights?: boolean;
  readonly sentAt: MonotonicMs;
  lastSentAt: MonotonicMs;
  sends: number;
}

/**
 * A blockhash is valid for 150 blocks, which take at least as many slots. Within four times as many, a write that was given up may still appear in a
 * record: an endpoint's refusal may be wrong, and a status may be missing from the node that was asked.
 */
const MAY_APPEAR_SLOTS = 600n;

/** All transactions in flight. Keeps the first invariant of this agent: a user is in at most one of them (rule 17). */
export class InFlightTransactions {
  readonly #transactions = new Set<InFlightTransaction>();
  /** Given up without a status, by signature. */
  readonly #abandoned = new Map<string, InFlightTransaction>();
  readonly #byUser = new Map<Address, InFlightTransaction>();

  get size(): number {
    return this.#transactions.size;
  }

  /** Throws AgentError WRITE__ALREADY_IN_FLIGHT when one of its users is in flight: a bug that must not put two statuses on the ledger. */
  add(transaction: InFlightTransaction): void {
    for (const { user } of transaction.intents) {
      if (this.#byUser.has(user)) throw new AgentError('WRITE__ALREADY_IN_FLIGHT', { user });
    }
    this.#transactions.add(transaction);
    for (const { user } of transaction.intents) this.#byUser.set(user, transaction);
  }

  /** False when the transaction was removed before: only the caller that gets true handles its outcome. */
  remove(transaction: InFlightTransaction): boolean {
    if (!this.#transactions.delete(transaction)) return false;
    for (const { user } of transaction.intents) this.#byUser.delete(user);
    return true;
  }

  /** As `remove`, for a transaction without a status: its writes remain known as own for as long as they may appear. */
  abandon(transaction: InFlightTransaction): boolean {
    if (!this.remove(transaction)) return false;
    this.#abandoned.set(transaction.signature, transaction);
    return true;
  }

  /** Whether a record of this user, with this status of this slot, can be the write of a transaction that was given up. */
  mayHaveWritten(user: Address, status: ReportableStatus, slot: Slot): boolean {
    for (const { slot: from, intents } of this.#abandoned.values()) {
      const isInTime = slot >= from && slot <= from + MAY_APPEAR_SLOTS;
      if (isInTime && intents.some((intent) => intent.user === user && intent.to === status)) return true;
    }
    return false;
  }

  /** A tick has decided on a view of this slot: forgets what can no longer appear in a later one. */
  forgetAbandoned(viewSlot: Slot): void {
    for (const [signature, { slot }] of this.#abandoned) if (viewSlot > slot + MAY_APPEAR_SLOTS) this.#abandoned.delete(signature);
  }

  /** The ledger was rolled back to this slot: heights of all transactions are checked again. */
  rolledBack(viewSlot: Slot): void {
    for (const transaction of this.#transactions) transaction.hasOldHeights = true;
    for (const transaction of this.#abandoned.values()) if (transaction.slot > viewSlot) transaction.slot = viewSlot;
  }

  hasUser(user: Address): boolean {
    return this.#byUser.has(user);
  }

  holds(transaction: InFlightTransaction): boolean {
    return this.#transactions.has(transaction);
  }

  all(): readonly InFlightTransaction[] {
    return [...this.#transactions];
  }

  statuses(): ReadonlyMap<Address, ReportableStatus> {
    return new Map(this.all().flatMap(({ intents }) => intents.map(({ user, to }): [Address, ReportableStatus] => [user, to])));
  }
}

interface Confirmed {
  readonly status: ReportableStatus;
  readonly slot: Slot;
  readonly at: MonotonicMs;
  /** A view must show it, whatever slot was named for it. */
  readonly isShown?: boolean;
}

/** What the ledger has confirmed since this process began, or since its last rollback. The only place that keeps it. */
export class Confirmations {
  readonly #byUser = new Map<Address, Confirmed>();
  #transactions = 0;

  add(intents: readonly StatusIntent[], slot: Slot, at: MonotonicMs): void {
    this.#transactions += 1;
    for (const { user, to } of intents) this.#byUser.set(user, { status: to, slot, at });
  }

  /** Confirmed transactions since this process began; never decreases. */
  get transactions(): number {
    return this.#transactions;
  }

  /** The newest slot of a confirmation that a view may not show yet. */
  get lastSlot(): Slot | undefined {
    let last: Slot | undefined;
    for (const { slot, isShown } of this.#byUser.values()) if (isShown !== true && (last === undefined || slot > last)) last = slot;
    return last;
  }

  slotOf(user: Address): Slot | undefined {
    return this.#byUser.get(user)?.slot;
  }

  /** Whether this status was confirmed after `viewSlot`: a view of that slot does not show it. */
  covers({ user, to }: StatusIntent, viewSlot: Slot): boolean {
    const confirmed = this.#byUser.get(user);
    return confirmed !== undefined && confirmed.isShown !== true && confirmed.status === to && confirmed.slot > viewSlot;
  }

  /** A view shows each confirmation that is old enough, whatever slot was named for it: a node may have named one far ahead. */
  shownBy({ slot, readAt }: Pick<LedgerView, 'slot' | 'readAt'>): void {
    for (const [user, confirmed] of this.#byUser) {
      const isShown = confirmed.slot > slot && readAt - confirmed.at >= ROLLBACK_AFTER_MS;
      if (isShown && confirmed.isShown !== true) this.#byUser.set(user, { ...confirmed, isShown });
    }
  }

  /** Forgets users that are no longer on the ledger. */
  keepOnly(isKnown: (user: Address) => boolean): void {
    for (const user of this.#byUser.keys()) if (!isKnown(user)) this.#byUser.delete(user);
  }

  /** The ledger was rolled back, maybe to before these confirmations. */
  clear(): void {
    this.#byUser.clear();
  }
}
