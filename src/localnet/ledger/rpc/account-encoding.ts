import type { Account } from '../runtime/index.ts';
import { encodeBase58 } from '../transaction/index.ts';
import type { AccountEncoding, DataSlice } from './params.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import { zstdFrame } from './zstd-frame.ts';

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
