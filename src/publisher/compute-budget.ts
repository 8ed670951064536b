import { type ComputeRequest, MAX_TRANSACTION_UNITS } from '../serviceability/index.ts';

/** Room above what was measured: account data and log lines differ a little between users. */
const HEADROOM = 1.1;

/**
 * What one status write costs, learned from simulations. The scheduler packs by the units that are asked for, not those consumed, and the
 * payer is write-locked in every transaction of ours: without a limit only eight of them fit into a block.
 */
export interface ComputeModel {
  /** The request for a transaction of `writes` writes; empty until something was learned. */
  request(writes: number): ComputeRequest;
  /** Whether a batch should be simulated before it is sent. */
  readonly needsMeasurement: boolean;
  /** A simulation of `writes` writes consumed `units`. Only ever raises the estimate: a first write to a short account costs more. */
  learn(writes: number, units: number): void;
  /** A transaction ran out of units: measure again before asking for a limit. */
  exceeded(): void;
  /** The program ran out of its 32 KiB heap: ask for the most from now on. */
  needHeap(): void;
}

export function createComputeModel(): ComputeModel {
  let unitsPerWrite: number | undefined;
  let heapBytes: number | undefined;
  return {
    request: (writes) => ({
      ...(unitsPerWrite === undefined ? {} : { unitLimit: Math.min(MAX_TRANSACTION_UNITS, Math.ceil(unitsPerWrite * writes * HEADROOM)) }),
      ...(heapBytes === undefined ? {} : { heapBytes }),
    }),
    get needsMeasurement() {
      return unitsPerWrite === undefined;
    },
    learn(writes, units) {
      if (writes > 0 && Number.isFinite(units) && units > 0) unitsPerWrite = Math.max(unitsPerWrite ?? 0, units / writes);
    },
    exceeded() {
      unitsPerWrite = undefined;
    },
    needHeap() {
      heapBytes = 256 * 1024;
    },
  };
}
