import { type BgpStatusValue, type Instruction, setUserBgpStatusInstruction } from './instruction.ts';
import { parseTransactionFailure, type TransactionFailure } from './transaction-errors.ts';
import { type Address, isRecord, type Nanoseconds, nanoseconds, ServiceabilityError, type Slot, slot } from './units.ts';

/**
 * Status writes that fit into one transaction. A legacy transaction with one signature takes 230 bytes (signature 65, header and counts 5, four keys,
 * blockhash 32) and 49 a write (the user's key 32, the instruction 17): 1,210 of the 1,232 bytes that a packet holds (IPv6 minimum MTU less 48).
 */
export const MAX_WRITES_PER_TRANSACTION = 20;

/** The same where compute-budget instructions stand first: their program's key takes 32 bytes more, and each of the one or two takes 8. */
export const MAX_WRITES_WITH_COMPUTE_BUDGET = 19;

/** One status of one user. */
export interface BgpStatusWrite {
  readonly user: Address;
  readonly status: BgpStatusValue;
  /** Smoothed round-trip time; absent for no sample, and always with down and unknown. */
  readonly rttNs?: Nanoseconds;
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
  /** Compute-budget instructions (SetComputeUnitLimit, RequestHeapFrame) that you put before the writes of each transaction; 0 by default. */
  readonly prefixInstructions?: 0 | 1 | 2;
}

/** The content of one transaction. It succeeds or fails as a whole: one user that the program rejects undoes the others. */
export interface BgpStatusBatch {
  /** In the order of the instructions. */
  readonly users: readonly Address[];
  /** One write a user. */
  readonly instructions: readonly Instruction[];
  /** Compute-budget instructions before the first write: a failure is counted from the first instruction of all. */
  readonly prefixInstructions: number;
}

/**
 * Puts status writes of one device into the fewest transactions: 20 users in each, or 19 after compute-budget instructions.
 * Throws ServiceabilityError: `PLAN__DUPLICATE_USER` (transactions are confirmed in any order, so the older of two statuses could win), and
 * `INSTRUCTION__…` as setUserBgpStatusInstruction.
 */
export function planBgpStatusBatches({ writes, prefixInstructions = 0, ...common }: BatchPlanInput): readonly BgpStatusBatch[] {
  checkUsers(writes);
  const size = prefixInstructions === 0 ? MAX_WRITES_PER_TRANSACTION : MAX_WRITES_WITH_COMPUTE_BUDGET;
  const batches: BgpStatusBatch[] = [];
  for (let start = 0; start < writes.length; start += size) {
    const part = writes.slice(start, start + size);
    batches.push({
      users: part.map(({ user }) => user),
      instructions: part.map(({ user, status, rttNs = nanoseconds(0) }) => setUserBgpStatusInstruction({ ...common, user, status, rttNs })),
      prefixInstructions,
    });
  }
  return batches;
}

function checkUsers(writes: readonly BgpStatusWrite[]): void {
  const seen = new Set<Address>();
  for (const { user } of writes) {
    if (seen.has(user)) throw new ServiceabilityError('PLAN__DUPLICATE_USER', { user });
    seen.add(user);
  }
}

/** The part of a batch that names the user of a failed instruction. */
export type BatchUsers = Pick<BgpStatusBatch, 'users' | 'prefixInstructions'>;

/**
 * A batch that failed: none of its statuses was written.
 * - user-failed: the program rejected this user; send the others without it.
 * - batch-failed: the transaction as a whole failed, or an instruction that writes no status.
 */
export type BatchFailure =
  | { readonly kind: 'user-failed'; readonly user: Address; readonly index: number; readonly failure: TransactionFailure }
  | { readonly kind: 'batch-failed'; readonly failure: TransactionFailure };

/**
 * A node's answer to sendTransaction.
 * - accepted: it forwards the transaction, which may be confirmed or not.
 * - already-landed: the same transaction is on the ledger.
 * - user-failed, batch-failed: its preflight failed, and it sent nothing.
 * - refused: another error of JSON-RPC (-32005 behind, -32003 bad signature, 429, …); the transaction may have been sent or not.
 * - malformed: not an answer of JSON-RPC.
 */
export type SendResult =
  | { readonly kind: 'accepted'; readonly signature: string }
  | { readonly kind: 'already-landed' }
  | (BatchFailure & { readonly logs: readonly string[] })
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  | { readonly kind: 'malformed'; readonly json: unknown };

/**
 * A signature's status at a node (one value of getSignatureStatuses).
 * - not-found: not yet, no longer, or never.
 * - landed: the statuses are written, to this commitment.
 * - user-failed, batch-failed: the transaction is on the ledger, the fee is paid, and no status is written.
 * - malformed: not a status.
 */
export type SignatureResult =
  | { readonly kind: 'not-found' }
  | { readonly kind: 'landed'; readonly slot: Slot; readonly commitment: 'processed' | 'confirmed' | 'finalized' }
  | (BatchFailure & { readonly slot: Slot })
  | { readonly kind: 'malformed'; readonly json: unknown };

const PREFLIGHT_FAILED = -32_002;
const COMMITMENTS = ['processed', 'confirmed', 'finalized'] as const;
/** A node truncates logs at 10,000 bytes, so it never sends more lines. */
const MAX_LOGS = 1_000;

/** Parses the whole JSON-RPC answer to sendTransaction. Takes any JSON, never throws. */
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

/** Parses one value of getSignatureStatuses. Takes any JSON, never throws. */
export function parseSignatureStatus(json: unknown, batch: BatchUsers): SignatureResult {
  if (json === null) return { kind: 'not-found' };
  if (!isRecord(json) || typeof json.slot !== 'number' || !Number.isSafeInteger(json.slot) || json.slot < 0)
    return { kind: 'malformed', json };
  const at = slot(json.slot);
  if (json.err !== null && json.err !== undefined) return { ...locateFailure(json.err, batch), slot: at };
  const commitment = COMMITMENTS.find((name) => name === json.confirmationStatus);
  return commitment === undefined ? { kind: 'malformed', json } : { kind: 'landed', slot: at, commitment };
}

/** Finds the user whose instruction failed in a transaction's error. Takes any JSON, never throws. */
export function locateFailure(err: unknown, { users, prefixInstructions }: BatchUsers): BatchFailure {
  const failure = parseTransactionFailure(err);
  if (failure.kind !== 'program-error' && failure.kind !== 'instruction-error') return { kind: 'batch-failed', failure };
  const index = failure.instructionIndex - prefixInstructions;
  const user = users[index];
  return user === undefined ? { kind: 'batch-failed', failure } : { kind: 'user-failed', user, index, failure };
}
