import * as z from 'zod';
import { type AccountEncoding, accountConfig, type DataSlice, invalidParams, RpcCode, RpcError } from './rpc-types.ts';
import type { Account, ReturnData } from './runtime.ts';
import type { LandedTransaction } from './stores.ts';
import {
  decodeBase58,
  encodeBase58,
  MAX_TRANSACTION_BYTES,
  MalformedTransaction,
  type ParsedTransaction,
  parseTransaction,
  type TransactionErrorJson,
} from './transaction.ts';

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
/** The configuration of getProgramAccounts and programSubscribe. */
export const programConfig = accountConfig.extend({ filters: z.array(filter).nullish(), withContext: z.boolean().nullish() });

type Predicate = (data: Uint8Array) => boolean;

/** Whether an account's data passes all of the filters. Throws RpcError -32602 for too many filters or invalid bytes. */
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

const TYPE = 'solana_transaction::versioned::VersionedTransaction';
/** The longest text that 1,232 bytes can become. */
const MAX_ENCODED = { base58: 1683, base64: 1644 } as const;

/** A transaction from a parameter. Throws RpcError -32602 with a node's own error texts. */
export function readTransaction(encoded: string, encoding: 'base58' | 'base64'): ParsedTransaction {
  const wire = decodeWire(encoded, encoding, TYPE);
  return parse(wire);
}

/** A message without signatures (getFeeForMessage), parsed with empty signatures. */
export function readMessage(encoded: string): ParsedTransaction {
  const message = decodeWire(encoded, 'base64', 'solana_message::versions::VersionedMessage');
  const signatures = (message[0] ?? 0) & 0x80 ? (message[1] ?? 0) : (message[0] ?? 0);
  return parse(Buffer.concat([shortLength(signatures), new Uint8Array(64 * signatures), message]));
}

function decodeWire(encoded: string, encoding: 'base58' | 'base64', type: string): Uint8Array {
  if (encoded.length > MAX_ENCODED[encoding]) {
    const limits = `(max: encoded/raw ${MAX_ENCODED[encoding]}/${MAX_TRANSACTION_BYTES})`;
    throw refuse(`${encoding} encoded ${type} too large: ${encoded.length} bytes ${limits}`);
  }
  const wire = encoding === 'base58' ? decodeBase58(encoded) : decodeBase64(encoded);
  if (wire === undefined) throw refuse(`invalid ${encoding} encoding`);
  if (wire.length > MAX_TRANSACTION_BYTES) {
    throw refuse(`decoded ${type} too large: ${wire.length} bytes (max: ${MAX_TRANSACTION_BYTES} bytes)`);
  }
  return wire;
}

function parse(wire: Uint8Array): ParsedTransaction {
  try {
    const transaction = parseTransaction(wire);
    if (transaction.addressTableLookups.length === 0) return transaction;
  } catch (error) {
    if (!(error instanceof MalformedTransaction)) throw error;
    throw refuse(
      error.stage === 'deserialize' ? `failed to deserialize ${TYPE}: ${error.message}` : `invalid transaction: ${error.message}`,
    );
  }
  // This ledger holds no lookup tables.
  throw refuse("invalid transaction: Transaction loads an address table account that doesn't exist");
}

function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

const shortLength = (length: number): Uint8Array =>
  length < 0x80 ? Uint8Array.of(length) : Uint8Array.of((length & 0x7f) | 0x80, length >> 7);

const refuse = (problem: string): RpcError => new RpcError(RpcCode.invalidParams, problem);

type TransactionEncoding = 'json' | 'jsonParsed' | 'base58' | 'base64';

/** The old form of a result, which nodes still send in addition to `err`. */
export const statusOf = (err: TransactionErrorJson | null): unknown => (err === null ? { Ok: null } : { Err: err });

/** A transaction in one of the encodings of getTransaction; `jsonParsed` gives what `json` does, as this ledger has no parsers. */
export function transactionJson(transaction: ParsedTransaction, encoding: TransactionEncoding): unknown {
  if (encoding === 'base64') return [Buffer.from(transaction.wire).toString('base64'), encoding];
  if (encoding === 'base58') return [encodeBase58(transaction.wire), encoding];
  const { accountKeys, header, recentBlockhash, instructions, signatures, version } = transaction;
  return {
    signatures: signatures.map(encodeBase58),
    message: {
      accountKeys,
      header: {
        numRequiredSignatures: header.requiredSignatures,
        numReadonlySignedAccounts: header.readonlySigned,
        numReadonlyUnsignedAccounts: header.readonlyUnsigned,
      },
      recentBlockhash,
      instructions: instructions.map(({ programIndex, accountIndexes, data }) => ({
        programIdIndex: programIndex,
        accounts: accountIndexes,
        data: encodeBase58(data),
        stackHeight: null,
      })),
      ...(version === 0 ? { addressTableLookups: [] } : {}),
    },
  };
}

/** Return data as simulateTransaction and getTransaction give it. */
export const returnDataJson = ({ programId, data }: ReturnData) => ({ programId, data: [Buffer.from(data).toString('base64'), 'base64'] });

export function transactionMeta({ transaction, result }: LandedTransaction): unknown {
  const { accountKeys } = transaction;
  const inner = result.inner.map((calls, index) => ({
    index,
    instructions: calls.map(({ programId, accounts, data, stackHeight }) => ({
      programIdIndex: accountKeys.indexOf(programId),
      accounts: accounts.map((account) => accountKeys.indexOf(account)),
      data: encodeBase58(data),
      stackHeight,
    })),
  }));
  return {
    err: result.err,
    status: statusOf(result.err),
    fee: result.fee,
    preBalances: result.preBalances,
    postBalances: result.postBalances,
    innerInstructions: inner.filter(({ instructions }) => instructions.length > 0),
    logMessages: result.logs,
    preTokenBalances: [],
    postTokenBalances: [],
    rewards: [],
    loadedAddresses: { writable: [], readonly: [] },
    computeUnitsConsumed: result.unitsConsumed,
    // As on a node: absent where no program returned anything.
    ...(result.returnData === undefined ? {} : { returnData: returnDataJson(result.returnData) }),
  };
}

const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** Frame header descriptor: content size in four bytes, single segment, no checksum, no dictionary (RFC 8878 section 3.1.1.1.1). */
const DESCRIPTOR = 0b1010_0000;
const MAX_BLOCK_BYTES = 128 * 1024;

/**
 * A Zstandard frame (RFC 8878) that holds the bytes uncompressed, in raw blocks. Node 20 has no compressor; any decoder reads it, and for
 * accounts of a few hundred bytes little is lost.
 */
export function zstdFrame(content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(9);
  header.set(MAGIC);
  header[4] = DESCRIPTOR;
  header.writeUInt32LE(content.length, 5);
  const parts: Uint8Array[] = [header];
  let offset = 0;
  do {
    const block = content.subarray(offset, offset + MAX_BLOCK_BYTES);
    offset += block.length;
    const isLast = offset >= content.length ? 1 : 0;
    const blockHeader = Buffer.alloc(3);
    blockHeader.writeUIntLE(isLast | (block.length << 3), 0, 3); // type 0: raw
    parts.push(blockHeader, block);
  } while (offset < content.length);
  return Buffer.concat(parts);
}

/** Base58 takes time with the square of the length, so nodes refuse it beyond this. */
const MAX_BASE58_BYTES = 128;

/** An account as Solana's JSON has it. `jsonParsed` gives base64, as a node does for a program that it has no parser for. */
export function encodeAccount(
  account: Account,
  encoding: AccountEncoding | null | undefined,
  slice: DataSlice | null | undefined,
): unknown {
  const { data, executable, lamports, owner, rentEpoch } = account;
  const shown = slice === null || slice === undefined ? data : data.subarray(slice.offset, slice.offset + slice.length);
  return { data: encodeData(shown, encoding ?? 'binary'), executable, lamports, owner, rentEpoch, space: data.length };
}

function encodeData(data: Uint8Array, encoding: AccountEncoding): unknown {
  switch (encoding) {
    case 'binary':
      return base58(data);
    case 'base58':
      return [base58(data), 'base58'];
    case 'base64':
    case 'jsonParsed':
      return [Buffer.from(data).toString('base64'), 'base64'];
    case 'base64+zstd':
      return [Buffer.from(zstdFrame(data)).toString('base64'), 'base64+zstd'];
  }
}

function base58(data: Uint8Array): string {
  if (data.length > MAX_BASE58_BYTES) {
    const limit = `Encoded binary (base 58) data should be less than ${MAX_BASE58_BYTES} bytes, please use Base64 encoding.`;
    throw new RpcError(RpcCode.invalidRequest, limit);
  }
  return encodeBase58(data);
}
