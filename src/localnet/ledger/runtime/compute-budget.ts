import { COMPUTE_BUDGET_PROGRAM, type ParsedTransaction } from '../transaction/index.ts';
import type { TransactionErrorJson } from './transaction-error.ts';

export interface ComputeBudget {
  /** Units that the whole transaction may consume; also what the block scheduler reserves for it. */
  readonly unitLimit: number;
  readonly microLamportsPerUnit: bigint;
  readonly heapBytes: number;
  /** Bytes of accounts that the transaction may load. */
  readonly loadedAccountsBytes: number;
}

export const MAX_UNITS_PER_TRANSACTION = 1_400_000;
export const DEFAULT_UNITS_PER_INSTRUCTION = 200_000;
export const DEFAULT_HEAP_BYTES = 32 * 1024;
const MAX_HEAP_BYTES = 256 * 1024;
const MAX_LOADED_ACCOUNTS_BYTES = 64 * 1024 * 1024;

const REQUEST_HEAP_FRAME = 1;
const SET_UNIT_LIMIT = 2;
const SET_UNIT_PRICE = 3;
const SET_LOADED_ACCOUNTS_SIZE = 4;

export type ComputeBudgetResult =
  | { readonly ok: true; readonly budget: ComputeBudget }
  | { readonly ok: false; readonly err: TransactionErrorJson };

/**
 * Reads the compute-budget instructions (ComputeBudget111…: tag u8, then u32 LE, or u64 LE for the price). Without a limit, 200,000 units for
 * each other instruction; never more than 1.4 M.
 */
export function readComputeBudget(transaction: ParsedTransaction): ComputeBudgetResult {
  const values = new Map<number, bigint>();
  let others = 0;
  for (const [index, { programIndex, data }] of transaction.instructions.entries()) {
    if (transaction.accountKeys[programIndex] !== COMPUTE_BUDGET_PROGRAM) {
      others += 1;
      continue;
    }
    const request = readRequest(data);
    if (request === undefined) return { ok: false, err: { InstructionError: [index, 'InvalidInstructionData'] } };
    if (values.has(request.tag)) return { ok: false, err: { DuplicateInstruction: index } };
    values.set(request.tag, request.value);
  }
  const loadedAccountsBytes = Number(values.get(SET_LOADED_ACCOUNTS_SIZE) ?? BigInt(MAX_LOADED_ACCOUNTS_BYTES));
  if (loadedAccountsBytes === 0) return { ok: false, err: 'InvalidLoadedAccountsDataSizeLimit' };
  return {
    ok: true,
    budget: {
      unitLimit: Math.min(MAX_UNITS_PER_TRANSACTION, Number(values.get(SET_UNIT_LIMIT) ?? BigInt(others * DEFAULT_UNITS_PER_INSTRUCTION))),
      microLamportsPerUnit: values.get(SET_UNIT_PRICE) ?? 0n,
      heapBytes: Number(values.get(REQUEST_HEAP_FRAME) ?? BigInt(DEFAULT_HEAP_BYTES)),
      loadedAccountsBytes: Math.min(MAX_LOADED_ACCOUNTS_BYTES, loadedAccountsBytes),
    },
  };
}

function readRequest(data: Uint8Array): { readonly tag: number; readonly value: bigint } | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const tag = data[0];
  if (tag === SET_UNIT_PRICE) return data.length >= 9 ? { tag, value: view.getBigUint64(1, true) } : undefined;
  if (tag === undefined || tag < REQUEST_HEAP_FRAME || tag > SET_LOADED_ACCOUNTS_SIZE || data.length < 5) return undefined;
  const value = view.getUint32(1, true);
  const isHeapValid = value >= DEFAULT_HEAP_BYTES && value <= MAX_HEAP_BYTES && value % 1024 === 0;
  return tag === REQUEST_HEAP_FRAME && !isHeapValid ? undefined : { tag, value: BigInt(value) };
}
