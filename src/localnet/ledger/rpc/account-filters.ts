import { z } from 'zod';
import { decodeBase58 } from '../transaction/index.ts';
import { accountConfig } from './params.ts';
import { invalidParams } from './rpc-error.ts';

const MAX_FILTERS = 4;
const MAX_MEMCMP_BYTES = 128;

const memcmp = z.object({
  offset: z.int().min(0),
  bytes: z.union([z.string(), z.array(z.int().min(0).max(255))]),
  encoding: z.enum(['base58', 'base64', 'binary', 'bytes']).nullish(),
});
const filter = z.union([z.strictObject({ dataSize: z.int().min(0) }), z.strictObject({ memcmp })], {
  error: 'expected a filter, {"dataSize": bytes} or {"memcmp": {"offset", "bytes", "encoding"}}',
});
/** What getProgramAccounts and programSubscribe take beside the program. */
export const programConfig = accountConfig.extend({ filters: z.array(filter).nullish(), withContext: z.boolean().nullish() });

type Predicate = (data: Uint8Array) => boolean;

/** Whether an account's data passes all of the filters. Throws RpcError -32602 for more than a node takes, or bytes that are none. */
export function accountPredicate({ filters }: Pick<z.output<typeof programConfig>, 'filters'>): Predicate {
  const given = filters ?? [];
  if (given.length > MAX_FILTERS) throw invalidParams(`Too many filters provided; max ${MAX_FILTERS}`);
  const predicates = given.map(predicateOf);
  return (data) => predicates.every((matches) => matches(data));
}

function predicateOf(wanted: z.output<typeof filter>): Predicate {
  if ('dataSize' in wanted) return (data) => data.length === wanted.dataSize;
  const { offset } = wanted.memcmp;
  const bytes = memcmpBytes(wanted.memcmp);
  return (data) => offset + bytes.length <= data.length && bytes.every((byte, index) => data[offset + index] === byte);
}

function memcmpBytes({ bytes, encoding }: z.output<typeof memcmp>): Uint8Array {
  const decoded = decodeMemcmp(bytes, encoding ?? 'base58');
  if (decoded === undefined) throw invalidParams(`memcmp bytes are not ${encoding ?? 'base58'}`);
  if (decoded.length > MAX_MEMCMP_BYTES) throw invalidParams(`encoded binary (base 58) data should be less than ${MAX_MEMCMP_BYTES} bytes`);
  return decoded;
}

function decodeMemcmp(bytes: string | readonly number[], encoding: string): Uint8Array | undefined {
  if (typeof bytes !== 'string') return Uint8Array.from(bytes);
  if (encoding !== 'base64') return bytes.length > 2 * MAX_MEMCMP_BYTES ? undefined : decodeBase58(bytes);
  const decoded = Buffer.from(bytes, 'base64');
  return decoded.toString('base64') === bytes ? decoded : undefined;
}
