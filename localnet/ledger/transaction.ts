import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import bs58 from 'bs58';
import {
  type AccountMeta,
  type Address,
  address,
  addressBytes,
  addressOf,
  type Instruction,
  type Lamports,
  lamports,
  SYSTEM_PROGRAM_ID,
} from '../../src/serviceability/index.ts';

/** Bytes, or undefined where the text is not base58. */
export function decodeBase58(text: string): Uint8Array | undefined {
  return bs58.decodeUnsafe(text);
}

/** Base58 of bytes of any length (signatures, filters); 32-byte keys have addressOf. */
export const encodeBase58 = (bytes: Uint8Array): string => bs58.encode(bytes);

/** Thrown for bytes that are not a transaction; `stage` distinguishes unreadable bytes from invalid contents. */
export class MalformedTransaction extends Error {
  override readonly name = 'MalformedTransaction';
  constructor(
    readonly stage: 'deserialize' | 'sanitize',
    message: string,
  ) {
    super(message);
  }
}

/** Reads forward over `source`; running out throws MalformedTransaction. */
class ByteReader {
  readonly #source: Uint8Array;
  #offset = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#source.length - this.#offset;
  }

  u8(): number {
    return this.bytes(1)[0] ?? 0;
  }

  bytes(length: number): Uint8Array {
    if (length > this.remaining) throw new MalformedTransaction('deserialize', 'io error: unexpected end of file');
    this.#offset += length;
    return this.#source.subarray(this.#offset - length, this.#offset);
  }

  /** Solana's compact-u16: 7 bits a byte, three bytes at most, no superfluous continuation. */
  shortLength(): number {
    let value = 0;
    for (let position = 0; position < 3; position++) {
      const byte = this.u8();
      if (position > 0 && byte === 0) throw new MalformedTransaction('deserialize', 'io error: alias encoding of a length');
      value |= (byte & 0x7f) << (7 * position);
      if ((byte & 0x80) === 0) {
        if (value > 0xffff) break;
        return value;
      }
    }
    throw new MalformedTransaction('deserialize', 'io error: a length does not fit u16');
  }
}

export const SYSTEM_PROGRAM = SYSTEM_PROGRAM_ID;
export const COMPUTE_BUDGET_PROGRAM = address('ComputeBudget111111111111111111111111111111');
export const NATIVE_LOADER = address('NativeLoader1111111111111111111111111111111');
export const UPGRADEABLE_LOADER = address('BPFLoaderUpgradeab1e11111111111111111111111');

/** Keys that no transaction can write-lock: builtin programs and sysvars (those that matter to clients of this ledger). */
const RESERVED_ADDRESSES: ReadonlySet<Address> = new Set([
  SYSTEM_PROGRAM,
  COMPUTE_BUDGET_PROGRAM,
  NATIVE_LOADER,
  UPGRADEABLE_LOADER,
  address('SysvarC1ock11111111111111111111111111111111'),
  address('SysvarRent111111111111111111111111111111111'),
  address('SysvarRecentB1ockHashes11111111111111111111'),
  address('Sysvar1nstructions1111111111111111111111111'),
]);

interface CompiledInstruction {
  readonly programIndex: number;
  readonly accountIndexes: readonly number[];
  readonly data: Uint8Array;
}

interface AddressTableLookup {
  readonly table: Address;
  readonly writableIndexes: readonly number[];
  readonly readonlyIndexes: readonly number[];
}

interface MessageHeader {
  readonly requiredSignatures: number;
  readonly readonlySigned: number;
  readonly readonlyUnsigned: number;
}

/** A parsed transaction with valid indexes. Signatures are not verified yet. */
export interface ParsedTransaction {
  readonly version: 'legacy' | 0;
  /** The whole packet. */
  readonly wire: Uint8Array;
  /** What is signed. */
  readonly message: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** The first signature in base58: the transaction's name. */
  readonly signature: string;
  readonly header: MessageHeader;
  readonly accountKeys: readonly Address[];
  /** The 32 bytes of each account key. */
  readonly keyBytes: readonly Uint8Array[];
  readonly recentBlockhash: string;
  readonly instructions: readonly CompiledInstruction[];
  readonly addressTableLookups: readonly AddressTableLookup[];
}

export const isSigner = ({ header }: ParsedTransaction, index: number): boolean => index < header.requiredSignatures;

/** Whether the transaction takes the write lock of its account `index`: asked for, and not demoted (reserved keys, programs it calls). */
export function isWritable(transaction: ParsedTransaction, index: number): boolean {
  const { requiredSignatures, readonlySigned, readonlyUnsigned } = transaction.header;
  const asked =
    index < requiredSignatures ? index < requiredSignatures - readonlySigned : index < transaction.accountKeys.length - readonlyUnsigned;
  const key = transaction.accountKeys[index];
  if (!asked || key === undefined || RESERVED_ADDRESSES.has(key)) return false;
  return !transaction.instructions.some(({ programIndex }) => programIndex === index);
}

export function writableAddresses(transaction: ParsedTransaction): readonly Address[] {
  return transaction.accountKeys.filter((_, index) => isWritable(transaction, index));
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Whether each required signature is the one of its key over the message (RFC 8032). */
export function hasValidSignatures({ message, signatures, keyBytes }: ParsedTransaction): boolean {
  return signatures.every((signature, index) => {
    const key = keyBytes[index];
    if (key === undefined) return false;
    try {
      return verify(null, message, publicKeyOf(key), signature);
    } catch {
      return false; // not a point on the curve
    }
  });
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

export interface Ed25519Signer {
  readonly address: Address;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** A signer from a 32-byte seed. */
export function createSigner(seed: Uint8Array): Ed25519Signer {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length));
  return { address: addressOf(publicKey), publicKey, sign: (message) => new Uint8Array(sign(null, message, privateKey)) };
}

/** The IPv6 minimum MTU less 48 bytes of headers: what fits one UDP packet, and so the largest transaction. */
export const MAX_TRANSACTION_BYTES = 1232;

const VERSION_FLAG = 0x80;

/**
 * Reads the wire form of a transaction: compact array of 64-byte signatures, then the message (legacy, or version 0 behind 0x80).
 * Throws MalformedTransaction, and nothing else, for whatever bytes it is given.
 */
export function parseTransaction(wire: Uint8Array): ParsedTransaction {
  const reader = new ByteReader(wire);
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
  const loadedCount = addressTableLookups.reduce((sum, table) => sum + table.writableIndexes.length + table.readonlyIndexes.length, 0);
  const accounts = keyBytes.length + loadedCount;
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

/** Builds the transactions that localnet itself sends; those of clients are only ever parsed. */

/** A message before it is compiled. */
interface LegacyMessageInput {
  /** Signs first and pays the fee. */
  readonly feePayer: Address;
  /** A recent blockhash, base58 (getLatestBlockhash). */
  readonly blockhash: string;
  readonly instructions: readonly Instruction[];
}

/**
 * The bytes of a legacy message. Accounts stand in Solana's order: writable signers, other signers, writable accounts, the rest; the fee payer first
 * of all.
 */
function encodeLegacyMessage({ feePayer, blockhash, instructions }: LegacyMessageInput): Uint8Array {
  const metas = collectAccounts(feePayer, instructions);
  const groups = [
    metas.filter(({ signer, writable }) => signer && writable),
    metas.filter(({ signer, writable }) => signer && !writable),
    metas.filter(({ signer, writable }) => !signer && writable),
    metas.filter(({ signer, writable }) => !signer && !writable),
  ] as const;
  const keys = groups.flat().map((meta) => meta.address);
  const indexOf = new Map(keys.map((key, index) => [key, index]));
  const bytes: number[] = [groups[0].length + groups[1].length, groups[1].length, groups[3].length];
  pushLength(bytes, keys.length);
  for (const key of keys) bytes.push(...addressBytes(key));
  bytes.push(...addressBytes(address(blockhash)));
  pushLength(bytes, instructions.length);
  for (const { programId, accounts, data } of instructions) {
    bytes.push(indexOf.get(programId) ?? 0);
    pushLength(bytes, accounts.length);
    for (const meta of accounts) bytes.push(indexOf.get(meta.address) ?? 0);
    pushLength(bytes, data.length);
    bytes.push(...data);
  }
  return Uint8Array.from(bytes);
}

/** A transaction of one signer, who pays for it, as sendTransaction takes it. */
export function signTransaction(
  signer: Pick<Ed25519Signer, 'address' | 'sign'>,
  blockhash: string,
  instructions: readonly Instruction[],
): Uint8Array {
  const message = encodeLegacyMessage({ feePayer: signer.address, blockhash, instructions });
  return Uint8Array.from([1, ...signer.sign(message), ...message]);
}

/** Every account once, with all rights that some instruction requests for it. */
function collectAccounts(feePayer: Address, instructions: readonly Instruction[]): readonly AccountMeta[] {
  const metas = new Map<Address, AccountMeta>([[feePayer, { address: feePayer, signer: true, writable: true }]]);
  const add = (meta: AccountMeta): void => {
    const before = metas.get(meta.address);
    metas.set(meta.address, {
      address: meta.address,
      signer: meta.signer || before?.signer === true,
      writable: meta.writable || before?.writable === true,
    });
  };
  for (const { programId, accounts } of instructions) {
    add({ address: programId, signer: false, writable: false });
    for (const meta of accounts) add(meta);
  }
  return [...metas.values()];
}

/** Solana's compact-u16: seven bits a byte, the lowest first. */
function pushLength(bytes: number[], length: number): void {
  let rest = length;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** What a transaction requests by its compute-budget instructions, or Solana's defaults. */
export interface ComputeBudget {
  /** Units that the whole transaction may consume; also what the block scheduler reserves for it. */
  readonly unitLimit: number;
  readonly microLamportsPerUnit: bigint;
  readonly heapBytes: number;
  /** Bytes of accounts that the transaction may load. */
  readonly loadedAccountsBytes: number;
}

const MAX_UNITS_PER_TRANSACTION = 1_400_000;
const DEFAULT_UNITS_PER_INSTRUCTION = 200_000;
/** For an instruction of a builtin program (SIMD-0170). */
const DEFAULT_UNITS_PER_BUILTIN = 3_000;
const DEFAULT_HEAP_BYTES = 32 * 1024;
const MAX_HEAP_BYTES = 256 * 1024;
const MAX_LOADED_ACCOUNTS_BYTES = 64 * 1024 * 1024;

const REQUEST_HEAP_FRAME = 1;
const SET_UNIT_LIMIT = 2;
const SET_UNIT_PRICE = 3;
const SET_LOADED_ACCOUNTS_SIZE = 4;

type ComputeBudgetResult =
  | { readonly ok: true; readonly budget: ComputeBudget }
  | { readonly ok: false; readonly err: TransactionErrorJson };

/**
 * Reads the compute-budget instructions (ComputeBudget111…: tag u8, then u32 LE, or u64 LE for the price). Without a limit, 3,000 units for each
 * instruction of a builtin program and 200,000 for each other; never more than 1.4 M.
 */
export function readComputeBudget(transaction: ParsedTransaction): ComputeBudgetResult {
  const values = new Map<number, bigint>();
  let defaultUnits = 0;
  let badHeapAt: number | undefined;
  for (const [index, { programIndex, data }] of transaction.instructions.entries()) {
    const program = transaction.accountKeys[programIndex];
    defaultUnits +=
      program === COMPUTE_BUDGET_PROGRAM || program === SYSTEM_PROGRAM ? DEFAULT_UNITS_PER_BUILTIN : DEFAULT_UNITS_PER_INSTRUCTION;
    if (program !== COMPUTE_BUDGET_PROGRAM) continue;
    const request = readRequest(data);
    if (request === undefined) return { ok: false, err: { InstructionError: [index, 'InvalidInstructionData'] } };
    if (values.has(request.tag)) return { ok: false, err: { DuplicateInstruction: index } };
    values.set(request.tag, request.value);
    if (request.tag === REQUEST_HEAP_FRAME && !isHeapSize(request.value)) badHeapAt = index;
  }
  if (badHeapAt !== undefined) return { ok: false, err: { InstructionError: [badHeapAt, 'InvalidInstructionData'] } };
  const loadedAccountsBytes = Number(values.get(SET_LOADED_ACCOUNTS_SIZE) ?? BigInt(MAX_LOADED_ACCOUNTS_BYTES));
  if (loadedAccountsBytes === 0) return { ok: false, err: 'InvalidLoadedAccountsDataSizeLimit' };
  return {
    ok: true,
    budget: {
      unitLimit: Math.min(MAX_UNITS_PER_TRANSACTION, Number(values.get(SET_UNIT_LIMIT) ?? BigInt(defaultUnits))),
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
  return { tag, value: BigInt(view.getUint32(1, true)) };
}

const isHeapSize = (bytes: bigint): boolean => bytes >= DEFAULT_HEAP_BYTES && bytes <= MAX_HEAP_BYTES && bytes % 1024n === 0n;

const LAMPORTS_PER_SIGNATURE = 5000n;

/** 5,000 lamports a signature, and price · limit, rounded up, on top. */
export function transactionFee(transaction: ParsedTransaction, { unitLimit, microLamportsPerUnit }: ComputeBudget): Lamports {
  const priority = (BigInt(unitLimit) * microLamportsPerUnit + 999_999n) / 1_000_000n;
  return lamports(BigInt(transaction.header.requiredSignatures) * LAMPORTS_PER_SIGNATURE + priority);
}

const UNITS_PER_SIGNATURE = 720;
const UNITS_PER_WRITE_LOCK = 300;
const UNITS_PER_LOADED_PAGE = 8;
const LOADED_PAGE_BYTES = 32 * 1024;
const DATA_BYTES_PER_UNIT = 4;

/**
 * What the block scheduler books for a transaction: the units it asked for (not the ones it consumes), 720 a signature, 300 a write lock, a
 * unit for four bytes of instruction data, and 8 for each 32 KiB of accounts it may load (16,384 for the default 64 MiB).
 */
export function blockCost(transaction: ParsedTransaction, budget: ComputeBudget): number {
  const dataBytes = transaction.instructions.reduce((sum, { data }) => sum + data.length, 0);
  return (
    budget.unitLimit +
    transaction.header.requiredSignatures * UNITS_PER_SIGNATURE +
    writableAddresses(transaction).length * UNITS_PER_WRITE_LOCK +
    Math.floor(dataBytes / DATA_BYTES_PER_UNIT) +
    Math.ceil(budget.loadedAccountsBytes / LOADED_PAGE_BYTES) * UNITS_PER_LOADED_PAGE
  );
}

/** An instruction's error as Solana's JSON has it: a name, or the program's own number. */
export type InstructionErrorJson = string | { readonly Custom: number };

/** A transaction's error as Solana's JSON has it, e.g. `"BlockhashNotFound"` or `{"InstructionError":[3,{"Custom":8}]}`. */
export type TransactionErrorJson =
  | keyof typeof TRANSACTION_ERROR_TEXT
  | { readonly InstructionError: readonly [number, InstructionErrorJson] }
  | { readonly InsufficientFundsForRent: { readonly account_index: number } }
  | { readonly DuplicateInstruction: number };

/** What Solana prints for each error; clients in the field match these texts. */
const TRANSACTION_ERROR_TEXT = {
  AccountLoadedTwice: 'Account loaded twice',
  AccountNotFound: 'Attempt to debit an account but found no record of a prior credit.',
  AddressLookupTableNotFound: "Transaction loads an address table account that doesn't exist",
  AlreadyProcessed: 'This transaction has already been processed',
  BlockhashNotFound: 'Blockhash not found',
  InsufficientFundsForFee: 'Insufficient funds for fee',
  InvalidAccountForFee: 'This account may not be used to pay transaction fees',
  InvalidLoadedAccountsDataSizeLimit: 'LoadedAccountsDataSizeLimit set for transaction must be greater than 0.',
  InvalidProgramForExecution: 'This program may not be used for executing instructions',
  MaxLoadedAccountsDataSizeExceeded: 'Transaction exceeded max loaded accounts data size cap',
  ProgramAccountNotFound: 'Attempt to load a program that does not exist',
  SignatureFailure: 'Transaction did not pass signature verification',
  TooManyAccountLocks: 'Transaction locked too many accounts',
} as const;

const INSTRUCTION_ERROR_TEXT: Readonly<Record<string, string>> = {
  ComputationalBudgetExceeded: 'Computational budget exceeded',
  ExternalAccountDataModified: 'instruction modified data of an account it does not own',
  ExternalAccountLamportSpend: 'instruction spent from the balance of an account it does not own',
  InvalidAccountData: 'invalid account data for instruction',
  InvalidAccountOwner: 'Invalid account owner',
  InvalidArgument: 'invalid program argument',
  InvalidInstructionData: 'invalid instruction data',
  InvalidRealloc: 'Failed to reallocate account data',
  InvalidSeeds: 'Provided seeds do not result in a valid address',
  MaxInstructionTraceLengthExceeded: 'Max instruction trace length exceeded',
  MaxSeedLengthExceeded: 'Length of the seed is too long for address generation',
  MissingAccount: 'An account required by the instruction is missing',
  MissingRequiredSignature: 'missing required signature for instruction',
  ModifiedProgramId: 'instruction illegally modified the program id of an account',
  NotEnoughAccountKeys: 'insufficient account keys for instruction',
  PrivilegeEscalation: 'Cross-program invocation with unauthorized signer or writable account',
  ProgramFailedToComplete: 'Program failed to complete',
  ReadonlyDataModified: 'instruction modified data of a read-only account',
  ReadonlyLamportChange: 'instruction changed the balance of a read-only account',
  UnbalancedInstruction: 'sum of account balances before and after instruction do not match',
  UnsupportedProgramId: 'Unsupported program id',
};

export function describeInstructionError(error: InstructionErrorJson): string {
  if (typeof error !== 'string') return `custom program error: 0x${error.Custom.toString(16)}`;
  return INSTRUCTION_ERROR_TEXT[error] ?? error;
}

export function describeTransactionError(error: TransactionErrorJson): string {
  if (typeof error === 'string') return TRANSACTION_ERROR_TEXT[error];
  if ('InstructionError' in error) {
    const [index, cause] = error.InstructionError;
    return `Error processing Instruction ${index}: ${describeInstructionError(cause)}`;
  }
  if ('DuplicateInstruction' in error)
    return `Transaction contains a duplicate instruction (${error.DuplicateInstruction}) that is not allowed`;
  return `Transaction results in an account (${error.InsufficientFundsForRent.account_index}) with insufficient funds for rent`;
}
