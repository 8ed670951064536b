import type { LedgerRpc } from '../ledger/index.ts';
import type { Clock, MonotonicMs } from '../platform/index.ts';
import type { Slot } from '../serviceability/index.ts';

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
