import * as z from 'zod';
import { type Address, isAddress } from '../../src/serviceability/index.ts';
import type { Bank, BankView, Commitment, Replica } from './bank.ts';
import type { LedgerFaults } from './faults.ts';
import { decodeBase58, type ParsedTransaction } from './transaction.ts';

/** JSON text of a value that may hold bigints: they become numbers with all their digits, as Solana writes u64. */
export function stringifyJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => stringifyJson(item === undefined ? null : item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}:${stringifyJson(member)}`);
  return `{${members.join(',')}}`;
}

/** JSON-RPC 2.0's own codes, and Solana's. */
export const RpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  blockCleanedUp: -32001,
  preflightFailure: -32002,
  signatureVerificationFailure: -32003,
  blockNotAvailable: -32004,
  nodeUnhealthy: -32005,
  unsupportedTransactionVersion: -32015,
  minContextSlotNotReached: -32016,
} as const;

/** The error of a method. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

export const invalidParams = (problem: string): RpcError => new RpcError(RpcCode.invalidParams, `Invalid params: ${problem}`);

export interface RpcRequest {
  /** undefined: a notification, which gets no answer. */
  readonly id: string | number | null | undefined;
  readonly method: string;
  readonly params: readonly unknown[];
}

export type RpcResponse =
  | { readonly jsonrpc: '2.0'; readonly id: string | number | null; readonly result: unknown }
  | {
      readonly jsonrpc: '2.0';
      readonly id: string | number | null;
      readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
    };

/** A parsed body: its requests, or the errors of invalid ones, in their order. */
export interface RpcBody {
  readonly isBatch: boolean;
  readonly requests: readonly (RpcRequest | RpcError)[];
}

/** Reads a JSON-RPC 2.0 body. Invalid requests become RpcErrors; never throws. */
export function parseBody(text: string): RpcBody {
  const json = parseJson(text);
  if (json instanceof RpcError) return { isBatch: false, requests: [json] };
  if (!Array.isArray(json)) return { isBatch: false, requests: [parseRequest(json)] };
  if (json.length === 0) return { isBatch: false, requests: [new RpcError(RpcCode.invalidRequest, 'Invalid request')] };
  return { isBatch: true, requests: json.map(parseRequest) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return new RpcError(RpcCode.parseError, 'Parse error');
  }
}

const envelope = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  method: z.string(),
  params: z.unknown().optional(),
});

function parseRequest(value: unknown): RpcRequest | RpcError {
  const result = envelope.safeParse(value);
  if (!result.success) return new RpcError(RpcCode.invalidRequest, 'Invalid request');
  const { id, method, params } = result.data;
  if (params === undefined || params === null) return { id, method, params: [] };
  return { id, method, params: Array.isArray(params) ? params : [params] };
}

export function answerError(id: RpcRequest['id'], { code, message, data }: RpcError): RpcResponse {
  return { jsonrpc: '2.0', id: id ?? null, error: { code, message, data } };
}

export function answerResult(id: RpcRequest['id'], result: unknown): RpcResponse {
  return { jsonrpc: '2.0', id: id ?? null, result };
}

/** A method's parameters by position. Throws RpcError -32602 that names the invalid one. */
export function readParams<T extends z.ZodType>(schema: T, params: unknown): z.output<T> {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at params.${issue.path.join('.')}`;
  throw invalidParams(`${issue?.message ?? 'not as expected'}${where}`);
}

export const addressParam = z.custom<Address>(isAddress, 'expected a base58 address of 32 bytes');

export const signatureParam = z
  .string()
  .refine((text) => text.length <= 90 && decodeBase58(text)?.length === 64, 'expected a base58 signature of 64 bytes');

/** A u64 that JSON can carry. */
export const u64Param = z.int().min(0).transform(BigInt);

const commitment = z.enum(['processed', 'confirmed', 'finalized']);

export const contextConfig = z.object({ commitment: commitment.nullish(), minContextSlot: u64Param.nullish() });
type ContextConfig = z.output<typeof contextConfig>;

const dataSlice = z.object({ offset: z.int().min(0), length: z.int().min(0) });
export type DataSlice = z.output<typeof dataSlice>;

export const accountEncoding = z.enum(['binary', 'base58', 'base64', 'base64+zstd', 'jsonParsed']);
export type AccountEncoding = z.output<typeof accountEncoding>;

export const accountConfig = contextConfig.extend({ encoding: accountEncoding.nullish(), dataSlice: dataSlice.nullish() });
export type AccountConfig = z.output<typeof accountConfig>;

export const wireEncoding = z.enum(['base58', 'base64']);

/** Blocks by which a node may be behind before it calls itself unhealthy. */
const HEALTHY_LAG = 128;

/** A node of the ledger as clients see it: the bank behind the endpoint's faults. */
export interface Endpoint {
  readonly bank: Bank;
  readonly faults: LedgerFaults;
  replica(): Replica;
  /** The state at the commitment (default: finalized). Throws RpcError -32016 while it is before `minContextSlot`. */
  view(config: ContextConfig | null | undefined, fallback?: Commitment): BankView;
  /** Forwards a transaction to the leader, subject to faults. */
  submit(transaction: ParsedTransaction): void;
  /** Throws RpcError -32005 while the node is unhealthy. */
  requireHealthy(): void;
}

export function createEndpoint({ bank, faults }: { readonly bank: Bank; readonly faults: LedgerFaults }): Endpoint {
  const replica = (): Replica => bank.replica(faults.settings.lagSlots);
  return {
    bank,
    faults,
    replica,
    view(config, fallback = 'finalized') {
      const view = replica().view(config?.commitment ?? fallback);
      const wanted = config?.minContextSlot ?? 0n;
      if (view.slot < wanted) {
        throw new RpcError(RpcCode.minContextSlotNotReached, 'Minimum context slot has not been reached', { contextSlot: view.slot });
      }
      return view;
    },
    submit(transaction) {
      for (const [index, delaySlots] of faults.copies().entries()) bank.submit(transaction, { delaySlots, again: index > 0 });
    },
    requireHealthy() {
      const { lagSlots, unhealthy } = faults.settings;
      if (lagSlots > HEALTHY_LAG) {
        throw new RpcError(RpcCode.nodeUnhealthy, `Node is behind by ${lagSlots} slots`, { numSlotsBehind: lagSlots });
      }
      if (unhealthy) throw new RpcError(RpcCode.nodeUnhealthy, 'Node is unhealthy', { numSlotsBehind: null });
    },
  };
}

export const API_VERSION = '2.3.0';

/** A value with the slot at which it holds. */
export function withContext(view: Pick<BankView, 'slot'>, value: unknown): unknown {
  return { context: { apiVersion: API_VERSION, slot: view.slot }, value };
}

/** One JSON-RPC method: reads its parameters, answers with a JSON value (bigints allowed), throws RpcError. */
export type RpcMethod = (endpoint: Endpoint, params: readonly unknown[]) => unknown;

export type RpcMethods = Readonly<Record<string, RpcMethod>>;
