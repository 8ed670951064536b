import type { ReportableStatus, StatusIntent } from '../bgp/index.ts';
import { AgentError, type Clock, type MonotonicMs } from '../lib/index.ts';
import type { SignedTransaction } from '../publisher/index.ts';
import type { LedgerRpc } from '../rpc/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';

export interface Blockhash {
  readonly blockhash: string;
  readonly slot: Slot;
  readonly blockHeight: bigint;
  readonly lastValidBlockHeight: bigint;
}

export interface BlockhashCache {
  /** A blockhash at `confirmed`, at most `maxAgeMs` old. Throws what the ledger throws. */
  get(signal: AbortSignal): Promise<Blockhash>;
  /** The ledger does not know this one (any more). */
  invalidate(): void;
}

export function createBlockhashCache({
  rpc,
  clock,
  maxAgeMs,
}: {
  readonly rpc: Pick<LedgerRpc, 'latestBlockhash'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly maxAgeMs: number;
}): BlockhashCache {
  let cached: { readonly value: Blockhash; readonly fetchedAt: MonotonicMs } | undefined;
  return {
    async get(signal) {
      if (cached !== undefined && clock.monotonic() - cached.fetchedAt < maxAgeMs) return cached.value;
      const fetchedAt = clock.monotonic();
      const value = await rpc.latestBlockhash(signal);
      cached = { value, fetchedAt };
      return value;
    },
    invalidate() {
      cached = undefined;
    },
  };
}

/** A transaction whose fate is not known yet. */
export interface InFlightTransaction extends SignedTransaction {
  readonly intents: readonly StatusIntent[];
  /** Slot and block height when its blockhash was fetched, or first looked at on a ledger that was set back. */
  slot: Slot;
  blockHeight: bigint;
  /** It can't land in a block above this height. */
  lastValidBlockHeight: bigint;
  readonly sentAt: MonotonicMs;
  lastSentAt: MonotonicMs;
  sends: number;
}

/** All transactions in the air. Keeps the first invariant of this agent: a user is in at most one of them (rule 17). */
export interface InFlightTransactions {
  readonly size: number;
  /** Throws when one of its users is in the air already: that is a defect of the caller, and must not become two statuses on the ledger. */
  add(flight: InFlightTransaction): void;
  /** False when it was settled before; whoever gets true settles it. */
  remove(flight: InFlightTransaction): boolean;
  has(user: Address): boolean;
  /** Whether it is in the air still, and not settled meanwhile. */
  holds(flight: InFlightTransaction): boolean;
  statuses(): ReadonlyMap<Address, ReportableStatus>;
  all(): readonly InFlightTransaction[];
}

export function createInFlightTransactions(): InFlightTransactions {
  const flights = new Set<InFlightTransaction>();
  const byUser = new Map<Address, InFlightTransaction>();
  return {
    get size() {
      return flights.size;
    },
    add(flight) {
      for (const { user } of flight.intents) {
        if (byUser.has(user)) throw new AgentError('WRITE__ALREADY_IN_FLIGHT', { user });
      }
      flights.add(flight);
      for (const { user } of flight.intents) byUser.set(user, flight);
    },
    remove(flight) {
      if (!flights.delete(flight)) return false;
      for (const { user } of flight.intents) byUser.delete(user);
      return true;
    },
    has: (user) => byUser.has(user),
    holds: (flight) => flights.has(flight),
    statuses: () => new Map([...flights].flatMap(({ intents }) => intents.map(({ user, to }): [Address, ReportableStatus] => [user, to]))),
    all: () => [...flights],
  };
}
