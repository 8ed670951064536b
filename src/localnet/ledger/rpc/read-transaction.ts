import {
  decodeBase58,
  MAX_TRANSACTION_BYTES,
  MalformedTransaction,
  type ParsedTransaction,
  parseTransaction,
} from '../transaction/index.ts';
import { RpcCode, RpcError } from './rpc-error.ts';

const TYPE = 'solana_transaction::versioned::VersionedTransaction';
/** The longest text that 1,232 bytes can become. */
const MAX_ENCODED = { base58: 1683, base64: 1644 } as const;

/** A transaction from a parameter. Throws RpcError -32602 with a node's own words for what is none. */
export function readTransaction(encoded: string, encoding: 'base58' | 'base64'): ParsedTransaction {
  const wire = decodeWire(encoded, encoding, TYPE);
  return parse(wire);
}

/** A message without signatures, as getFeeForMessage gets it, behind as many empty signatures as it wants. */
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
