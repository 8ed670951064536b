import { z } from 'zod';
import { type Address, isAddress } from '../../../serviceability/index.ts';
import { decodeBase58 } from '../transaction/index.ts';
import { invalidParams } from './rpc-error.ts';

/** A method's parameters by position. Throws RpcError -32602, saying which one is wrong, for anything else. */
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
export type ContextConfig = z.output<typeof contextConfig>;

export const dataSlice = z.object({ offset: z.int().min(0), length: z.int().min(0) });
export type DataSlice = z.output<typeof dataSlice>;

export const accountEncoding = z.enum(['binary', 'base58', 'base64', 'base64+zstd', 'jsonParsed']);
export type AccountEncoding = z.output<typeof accountEncoding>;

export const accountConfig = contextConfig.extend({ encoding: accountEncoding.nullish(), dataSlice: dataSlice.nullish() });
export type AccountConfig = z.output<typeof accountConfig>;

export const wireEncoding = z.enum(['base58', 'base64']);
