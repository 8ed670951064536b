import { programError, programErrorName } from './program-error.ts';

/**
 * Why a transaction failed, as a node says it in preflight, in a simulation or in a signature's status.
 * - program-error: an instruction's program gave one of its own codes (`Custom`), named as if the program were serviceability.
 * - instruction-error: the runtime stopped an instruction.
 * - transaction-error: the transaction as a whole was refused.
 * - unrecognized: any other JSON.
 * Indices count from 0, the compute-budget instructions included.
 */
export type TransactionFailure =
  | { readonly kind: 'program-error'; readonly instructionIndex: number; readonly code: number; readonly name: string }
  | { readonly kind: 'instruction-error'; readonly instructionIndex: number; readonly name: string; readonly detail?: string }
  | { readonly kind: 'transaction-error'; readonly name: string; readonly accountIndex?: number; readonly instructionIndex?: number }
  | { readonly kind: 'unrecognized'; readonly json: unknown };

const MAX_TEXT = 200;

/** Reads the error of a transaction in Solana's JSON shapes, such as `{"InstructionError":[3,{"Custom":8}]}`. Takes any JSON, never throws. */
export function parseTransactionFailure(json: unknown): TransactionFailure {
  const variant = parseVariant(json);
  if (variant === undefined) return { kind: 'unrecognized', json };
  const { name, payload } = variant;
  const failure = name === 'InstructionError' ? parseInstructionError(payload) : parseTransactionError(name, payload);
  return failure ?? { kind: 'unrecognized', json };
}

/** One line for people. */
export function describeTransactionFailure(failure: TransactionFailure): string {
  switch (failure.kind) {
    case 'program-error': {
      const explanation = programError(failure.code)?.explanation ?? 'a code that is newer than this software';
      return `instruction ${failure.instructionIndex} failed with ${failure.name} (${failure.code}): ${explanation}`;
    }
    case 'instruction-error':
      return `instruction ${failure.instructionIndex} failed with ${failure.name}${failure.detail === undefined ? '' : `: ${failure.detail}`}`;
    case 'transaction-error': {
      const account = failure.accountIndex === undefined ? '' : ` (account ${failure.accountIndex})`;
      const instruction = failure.instructionIndex === undefined ? '' : ` (instruction ${failure.instructionIndex})`;
      return `the transaction was refused with ${failure.name}${account}${instruction}`;
    }
    case 'unrecognized':
      return `the transaction failed in a way that is not known: ${shortJson(failure.json)}`;
  }
}

function parseInstructionError(payload: unknown): TransactionFailure | undefined {
  if (!Array.isArray(payload)) return undefined;
  const [instructionIndex, error]: readonly unknown[] = payload;
  const variant = parseVariant(error);
  if (!isCount(instructionIndex) || variant === undefined) return undefined;
  const { name, payload: detail } = variant;
  if (name === 'Custom' && isCount(detail)) {
    return { kind: 'program-error', instructionIndex, code: detail, name: programErrorName(detail) };
  }
  return { kind: 'instruction-error', instructionIndex, name, ...(detail === undefined ? {} : { detail: shortJson(detail) }) };
}

function parseTransactionError(name: string, payload: unknown): TransactionFailure {
  if (isCount(payload)) return { kind: 'transaction-error', name, instructionIndex: payload };
  const accountIndex = isObject(payload) ? payload.account_index : undefined;
  return { kind: 'transaction-error', name, ...(isCount(accountIndex) ? { accountIndex } : {}) };
}

/** An enum value as serde writes it: `"Name"`, or `{"Name": payload}`. */
function parseVariant(json: unknown): { readonly name: string; readonly payload: unknown } | undefined {
  if (typeof json === 'string') return isName(json) ? { name: json, payload: undefined } : undefined;
  if (!isObject(json)) return undefined;
  const [entry, ...others] = Object.entries(json);
  if (entry === undefined || others.length > 0 || !isName(entry[0])) return undefined;
  return { name: entry[0], payload: entry[1] };
}

function isName(text: string): boolean {
  return /^[A-Z][A-Za-z0-9]{0,63}$/.test(text);
}

/** An index or a code: u8 and u32 on the wire. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shortJson(value: unknown): string {
  const text = typeof value === 'string' ? value : toJson(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Not JSON after all: a bigint, or an object that contains itself.
    return String(value);
  }
}
