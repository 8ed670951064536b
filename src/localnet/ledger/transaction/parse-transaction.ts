import { addressOf } from '../../../serviceability/index.ts';
import { encodeBase58 } from './base58.ts';
import { type ByteReader, createByteReader, MalformedTransaction } from './byte-reader.ts';
import type { AddressTableLookup, CompiledInstruction, MessageHeader, ParsedTransaction } from './parsed-transaction.ts';

/** The IPv6 minimum MTU less 48 bytes of headers: what fits one UDP packet, and so the largest transaction. */
export const MAX_TRANSACTION_BYTES = 1232;

const VERSION_FLAG = 0x80;

/**
 * Reads the wire form of a transaction: compact array of 64-byte signatures, then the message (legacy, or version 0 behind 0x80).
 * Throws MalformedTransaction, and nothing else, for whatever bytes it is given.
 */
export function parseTransaction(wire: Uint8Array): ParsedTransaction {
  const reader = createByteReader(wire);
  const signatures = list(reader.shortLength(), () => reader.bytes(64));
  const message = wire.subarray(reader.offset);
  const version = readVersion(message, reader);
  const header = readHeader(reader);
  const keyBytes = list(reader.shortLength(), () => reader.bytes(32));
  const recentBlockhash = encodeBase58(reader.bytes(32));
  const instructions = list(reader.shortLength(), () => readInstruction(reader));
  const addressTableLookups = version === 0 ? list(reader.shortLength(), () => readLookup(reader)) : [];
  if (reader.remaining > 0) throw new MalformedTransaction('deserialize', `${reader.remaining} bytes after the end of the transaction`);

  const transaction: ParsedTransaction = {
    version,
    wire,
    message,
    signatures,
    signature: encodeBase58(signatures[0] ?? new Uint8Array(64)),
    header,
    accountKeys: keyBytes.map((key) => addressOf(key)),
    keyBytes,
    recentBlockhash,
    instructions,
    addressTableLookups,
  };
  sanitize(transaction);
  return transaction;
}

function readVersion(message: Uint8Array, reader: ByteReader): 'legacy' | 0 {
  const first = message[0] ?? 0;
  if ((first & VERSION_FLAG) === 0) return 'legacy';
  const version = reader.u8() & 0x7f;
  if (version !== 0)
    throw new MalformedTransaction('deserialize', `invalid value: integer \`${version}\`, expected a message of version 0`);
  return 0;
}

function readHeader(reader: ByteReader): MessageHeader {
  return { requiredSignatures: reader.u8(), readonlySigned: reader.u8(), readonlyUnsigned: reader.u8() };
}

function readInstruction(reader: ByteReader): CompiledInstruction {
  const programIndex = reader.u8();
  const accountIndexes = [...reader.bytes(reader.shortLength())];
  return { programIndex, accountIndexes, data: reader.bytes(reader.shortLength()) };
}

function readLookup(reader: ByteReader): AddressTableLookup {
  const table = addressOf(reader.bytes(32));
  return { table, writableIndexes: [...reader.bytes(reader.shortLength())], readonlyIndexes: [...reader.bytes(reader.shortLength())] };
}

function list<T>(length: number, read: () => T): T[] {
  const items: T[] = [];
  for (let index = 0; index < length; index++) items.push(read());
  return items;
}

/** The checks that Solana calls sanitizing: every index in range, the fee payer a writable signer, the program not the payer. */
function sanitize({ header, signatures, keyBytes, instructions, addressTableLookups }: ParsedTransaction): void {
  const { requiredSignatures, readonlySigned, readonlyUnsigned } = header;
  const looked = addressTableLookups.reduce((sum, table) => sum + table.writableIndexes.length + table.readonlyIndexes.length, 0);
  const accounts = keyBytes.length + looked;
  require(requiredSignatures > 0 && readonlySigned < requiredSignatures, 'index out of bounds');
  require(signatures.length === requiredSignatures, 'index out of bounds');
  require(requiredSignatures + readonlyUnsigned <= keyBytes.length && accounts <= 256, 'index out of bounds');
  for (const { programIndex, accountIndexes } of instructions) {
    require(programIndex !== 0 && programIndex < keyBytes.length, 'index out of bounds');
    require(accountIndexes.every((index) => index < accounts), 'index out of bounds');
  }
}

function require(condition: boolean, otherwise: string): void {
  if (!condition) throw new MalformedTransaction('sanitize', otherwise);
}
