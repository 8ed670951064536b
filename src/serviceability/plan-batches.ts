import { computeBudgetInstructions, MAX_TRANSACTION_UNITS } from './compute-budget.ts';
import type { Instruction } from './instruction.ts';
import { ServiceabilityError } from './serviceability-error.ts';
import { type BgpStatusValue, setUserBgpStatusInstruction } from './set-user-bgp-status.ts';
import { type ComputeRequest, maxWritesPerTransaction, transactionBytes } from './transaction-size.ts';
import { type Address, type Nanoseconds, nanoseconds } from './units.ts';

/** One status of one user. */
export interface BgpStatusWrite {
  readonly user: Address;
  readonly status: BgpStatusValue;
  /** Smoothed round-trip time; absent for no sample, and always with down and unknown. */
  readonly rttNs?: Nanoseconds;
}

/** What transactions ask for; learn the units by simulateTransaction, because none are published for the program. */
export interface BatchCompute {
  /** Compute units that one write takes at most. A transaction asks for as many as its writes take, never for more than Solana gives. */
  readonly unitsPerWrite?: number;
  /** Bytes of heap, a multiple of 1,024 from 32,768 to 262,144: devices with many interfaces need more than the default 32 KiB. */
  readonly heapBytes?: number;
}

/** What planBgpStatusBatches plans. */
export interface BatchPlanInput {
  readonly programId: Address;
  /** All users are of this device. */
  readonly device: Address;
  /** The device's metrics publisher: signs, and pays the fees. */
  readonly metricsPublisher: Address;
  /** The most urgent first: batches are filled in this order. */
  readonly writes: readonly BgpStatusWrite[];
  readonly compute?: BatchCompute;
}

/** The content of one transaction. It is whole or undone: one user that the program refuses undoes the others. */
export interface BgpStatusBatch {
  /** In the order of the instructions after the first `prefixInstructions`. */
  readonly users: readonly Address[];
  readonly instructions: readonly Instruction[];
  /** How many compute-budget instructions stand before the first user's: a failure counts from the first of all. */
  readonly prefixInstructions: number;
  /** Length of the signed legacy transaction. */
  readonly bytes: number;
}

const HEAP_STEP = 1_024;
const LEAST_HEAP = 32 * 1_024;
const MOST_HEAP = 256 * 1_024;

/**
 * Puts status writes of one device into the fewest transactions: 20 users in each, or 19 where compute units or heap are asked for.
 * Throws ServiceabilityError: `PLAN__DUPLICATE_USER` (transactions land in any order, so that the older of two statuses could be the one
 * that stays), `PLAN__BAD_COMPUTE`, and `INSTRUCTION__…` as setUserBgpStatusInstruction.
 */
export function planBgpStatusBatches({ writes, compute = {}, ...common }: BatchPlanInput): readonly BgpStatusBatch[] {
  checkCompute(compute);
  checkUsers(writes);
  const size = maxWritesPerTransaction(requestFor(1, compute));
  const batches: BgpStatusBatch[] = [];
  for (let start = 0; start < writes.length; start += size) {
    const part = writes.slice(start, start + size);
    const request = requestFor(part.length, compute);
    const prefix = computeBudgetInstructions(request);
    const own = part.map(({ user, status, rttNs = nanoseconds(0) }) => setUserBgpStatusInstruction({ ...common, user, status, rttNs }));
    batches.push({
      users: part.map(({ user }) => user),
      instructions: [...prefix, ...own],
      prefixInstructions: prefix.length,
      bytes: transactionBytes(part.length, request),
    });
  }
  return batches;
}

function requestFor(writes: number, { unitsPerWrite, heapBytes }: BatchCompute): ComputeRequest {
  return {
    ...(unitsPerWrite === undefined ? {} : { unitLimit: Math.min(MAX_TRANSACTION_UNITS, unitsPerWrite * writes) }),
    ...(heapBytes === undefined ? {} : { heapBytes }),
  };
}

function checkUsers(writes: readonly BgpStatusWrite[]): void {
  const seen = new Set<Address>();
  for (const { user } of writes) {
    if (seen.has(user)) throw new ServiceabilityError('PLAN__DUPLICATE_USER', { user });
    seen.add(user);
  }
}

function checkCompute({ unitsPerWrite, heapBytes }: BatchCompute): void {
  if (unitsPerWrite !== undefined && (!Number.isInteger(unitsPerWrite) || unitsPerWrite < 1)) {
    throw new ServiceabilityError('PLAN__BAD_COMPUTE', { value: unitsPerWrite, what: 'a number of compute units' });
  }
  if (heapBytes !== undefined && (heapBytes % HEAP_STEP !== 0 || heapBytes < LEAST_HEAP || heapBytes > MOST_HEAP)) {
    throw new ServiceabilityError('PLAN__BAD_COMPUTE', { value: heapBytes, what: 'a heap size (32 to 256 KiB in whole KiB)' });
  }
}
