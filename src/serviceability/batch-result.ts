import { isRecord } from './json.ts';
import type { BgpStatusBatch } from './plan-batches.ts';
import { parseTransactionFailure, type TransactionFailure } from './transaction-failure.ts';
import { type Address, type Slot, slot } from './units.ts';

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
