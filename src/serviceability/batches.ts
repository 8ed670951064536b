import {
  type BgpStatusValue,
  type ComputeRequest,
  computeBudgetInstructions,
  type Instruction,
  MAX_TRANSACTION_UNITS,
  maxWritesPerTransaction,
  setUserBgpStatusInstruction,
  transactionBytes,
} from './instruction.ts';
import { parseTransactionFailure, type TransactionFailure } from './transaction-errors.ts';
import { type Address, type Nanoseconds, nanoseconds, ServiceabilityError, type Slot, slot } from './units.ts';
import { isRecord } from './watch.ts';

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

/** What of a batch is needed to say whose instruction failed. */
export type BatchUsers = Pick<BgpStatusBatch, 'users' | 'prefixInstructions'>;

/**
 * A batch that failed, so that none of its statuses was written.
 * - user-failed: the program refused this user; the others would do without.
 * - batch-failed: the transaction as a whole, or an instruction that is no user's.
 */
export type BatchFailure =
  | { readonly kind: 'user-failed'; readonly user: Address; readonly index: number; readonly failure: TransactionFailure }
  | { readonly kind: 'batch-failed'; readonly failure: TransactionFailure };

/**
 * What a node answered to sendTransaction.
 * - accepted: it forwards the transaction, which may land or not.
 * - already-landed: the same transaction is on the ledger.
 * - user-failed, batch-failed: its preflight failed, and it sent nothing.
 * - refused: another error of JSON-RPC (-32005 behind, -32003 bad signature, 429, …); whether it was sent is not known.
 * - malformed: not an answer of JSON-RPC.
 */
export type SendResult =
  | { readonly kind: 'accepted'; readonly signature: string }
  | { readonly kind: 'already-landed' }
  | (BatchFailure & { readonly logs: readonly string[] })
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  | { readonly kind: 'malformed'; readonly json: unknown };

/**
 * What a node says of a signature (one value of getSignatureStatuses).
 * - not-found: not yet, no more, or never.
 * - landed: the statuses are written, as far as this commitment goes.
 * - user-failed, batch-failed: it landed, the fee is paid, and nothing is written.
 * - malformed: not a status.
 */
export type SignatureResult =
  | { readonly kind: 'not-found' }
  | { readonly kind: 'landed'; readonly slot: Slot; readonly commitment: 'processed' | 'confirmed' | 'finalized' }
  | (BatchFailure & { readonly slot: Slot })
  | { readonly kind: 'malformed'; readonly json: unknown };

const PREFLIGHT_FAILED = -32_002;
const COMMITMENTS = ['processed', 'confirmed', 'finalized'] as const;
/** A node cuts logs at 10,000 bytes; what is longer is not from one. */
const MAX_LOGS = 1_000;

/** Reads the whole JSON-RPC answer to sendTransaction. Takes any JSON, never throws. */
export function parseSendResponse(json: unknown, batch: BatchUsers): SendResult {
  if (!isRecord(json)) return { kind: 'malformed', json };
  if (typeof json.result === 'string') return { kind: 'accepted', signature: json.result };
  if (!isRecord(json.error) || typeof json.error.code !== 'number') return { kind: 'malformed', json };
  const { code, message, data } = json.error;
  if (code === PREFLIGHT_FAILED && isRecord(data) && data.err !== null && data.err !== undefined) {
    if (data.err === 'AlreadyProcessed') return { kind: 'already-landed' };
    const logs = Array.isArray(data.logs) ? data.logs.slice(0, MAX_LOGS).filter((line) => typeof line === 'string') : [];
    return { ...locateFailure(data.err, batch), logs };
  }
  return { kind: 'refused', code, message: typeof message === 'string' ? message : '' };
}

/** Reads one value of getSignatureStatuses. Takes any JSON, never throws. */
export function parseSignatureStatus(json: unknown, batch: BatchUsers): SignatureResult {
  if (json === null) return { kind: 'not-found' };
  if (!isRecord(json) || typeof json.slot !== 'number' || !Number.isSafeInteger(json.slot) || json.slot < 0)
    return { kind: 'malformed', json };
  const at = slot(json.slot);
  if (json.err !== null && json.err !== undefined) return { ...locateFailure(json.err, batch), slot: at };
  const commitment = COMMITMENTS.find((name) => name === json.confirmationStatus);
  return commitment === undefined ? { kind: 'malformed', json } : { kind: 'landed', slot: at, commitment };
}

/** Whose instruction a transaction's error is about. Takes any JSON, never throws. */
export function locateFailure(err: unknown, { users, prefixInstructions }: BatchUsers): BatchFailure {
  const failure = parseTransactionFailure(err);
  if (failure.kind !== 'program-error' && failure.kind !== 'instruction-error') return { kind: 'batch-failed', failure };
  const index = failure.instructionIndex - prefixInstructions;
  const user = users[index];
  return user === undefined ? { kind: 'batch-failed', failure } : { kind: 'user-failed', user, index, failure };
}
