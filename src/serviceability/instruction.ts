import { address, addressBytes, SYSTEM_PROGRAM_ID } from './address.ts';
import { type Address, type Nanoseconds, nanoseconds, ServiceabilityError } from './units.ts';
import { BgpStatus } from './user.ts';

/** An account that an instruction names, and what the instruction may do with it. */
export interface AccountMeta {
  readonly address: Address;
  readonly signer: boolean;
  readonly writable: boolean;
}

/** One instruction of a transaction, before it is compiled into a message. */
export interface Instruction {
  readonly programId: Address;
  /** In the program's order. */
  readonly accounts: readonly AccountMeta[];
  readonly data: Uint8Array;
}

/** The instruction's number: the first byte of its data. */
export const SET_USER_BGP_STATUS = 106;

/** A BGP status by name; its byte is `BgpStatus[name]`. */
export type BgpStatusValue = keyof typeof BgpStatus;

const MAX_U64 = (1n << 64n) - 1n;

/** The arguments of instruction 106. */
export interface SetUserBgpStatusArgs {
  readonly status: BgpStatusValue;
  /** Smoothed round-trip time; 0 when there is no sample, and always with down and unknown. */
  readonly rttNs: Nanoseconds;
}

/** The arguments of instruction 106, and the accounts that it is about. */
export interface SetUserBgpStatusInput extends SetUserBgpStatusArgs {
  readonly programId: Address;
  readonly user: Address;
  /** The device that the User account names; the program compares. */
  readonly device: Address;
  /** The device's metrics publisher: signs, and pays when an old account has to grow. */
  readonly metricsPublisher: Address;
}

/**
 * Instruction 106, SetUserBGPStatus (RFC-19). The deployed program wants four accounts where RFC-19 lists three: the System program is
 * the fourth. Throws ServiceabilityError `INSTRUCTION__…` for arguments that the program would take and misread (see encodeSetUserBgpStatus).
 */
export function setUserBgpStatusInstruction(input: SetUserBgpStatusInput): Instruction {
  return {
    programId: input.programId,
    accounts: [
      { address: input.user, signer: false, writable: true },
      { address: input.device, signer: false, writable: false },
      { address: input.metricsPublisher, signer: true, writable: true },
      { address: SYSTEM_PROGRAM_ID, signer: false, writable: false },
    ],
    data: encodeSetUserBgpStatus(input),
  };
}

/**
 * The instruction's data: number, status byte, round-trip time as u64. The program accepts any payload, so what makes no sense is refused
 * here: a round-trip time with a status other than up (`INSTRUCTION__RTT_WITHOUT_UP`) or outside u64 (`INSTRUCTION__RTT_OUT_OF_RANGE`).
 */
export function encodeSetUserBgpStatus({ status, rttNs }: SetUserBgpStatusArgs): Uint8Array {
  if (rttNs < 0n || rttNs > MAX_U64) throw new ServiceabilityError('INSTRUCTION__RTT_OUT_OF_RANGE', { rttNs });
  if (status !== 'up' && rttNs !== 0n) throw new ServiceabilityError('INSTRUCTION__RTT_WITHOUT_UP', { rttNs, status });
  const data = new Uint8Array(10);
  data[0] = SET_USER_BGP_STATUS;
  data[1] = BgpStatus[status];
  new DataView(data.buffer).setBigUint64(2, rttNs, true);
  return data;
}

/** The data as programs from before the round-trip time know it; today's program reads it with round-trip time 0. */
export function encodeSetUserBgpStatusLegacy(status: BgpStatusValue): Uint8Array {
  return Uint8Array.of(SET_USER_BGP_STATUS, BgpStatus[status]);
}

/**
 * The arguments as the program reads them, or undefined for another instruction. It never refuses: an absent or unknown status is unknown,
 * an absent or cut round-trip time is 0 (and is kept beside a status that it does not belong to), surplus bytes are ignored.
 */
export function decodeSetUserBgpStatus(data: Uint8Array): SetUserBgpStatusArgs | undefined {
  if (data[0] !== SET_USER_BGP_STATUS) return undefined;
  const status = data[1] === BgpStatus.up ? 'up' : data[1] === BgpStatus.down ? 'down' : 'unknown';
  const rttNs = data.length < 10 ? 0n : new DataView(data.buffer, data.byteOffset, data.byteLength).getBigUint64(2, true);
  return { status, rttNs: nanoseconds(rttNs) };
}

/** 1280 (IPv6 minimum MTU) - 40 - 8: the largest transaction that a validator takes. */
export const MAX_TRANSACTION_BYTES = 1_232;

/** What a transaction asks for beyond the defaults; absent values ask for nothing. */
export interface ComputeRequest {
  /** Compute units of the whole transaction. */
  readonly unitLimit?: number;
  /** Bytes of heap for each instruction, a multiple of 1,024. */
  readonly heapBytes?: number;
}

/** signature 65 + header 3 + key count 1 + 4 keys (payer, device, system program, serviceability program) + blockhash 32 + instruction count 1 */
const FIXED_BYTES = 65 + 3 + 1 + 4 * 32 + 32 + 1;
/** One user's key, and an instruction of 17 bytes: program index, account count and four indices, data length and ten bytes. */
const BYTES_PER_WRITE = 32 + 17;
const COMPUTE_BUDGET_PROGRAM_KEY = 32;
const UNIT_LIMIT_INSTRUCTION = 8;
const HEAP_INSTRUCTION = 8;
/** Instructions of a transaction, those that its programs call among them (Solana's max_instruction_trace_length). */
const MAX_INSTRUCTION_TRACE = 64;
/** The first write to an account of an older layout pays its rent by a transfer that the program calls. */
const TRACE_PER_WRITE = 2;
const COMPUTE_BUDGET_INSTRUCTIONS = 2;

/** Bytes of a legacy transaction with one signature that carries `writes` status writes of one device. */
export function transactionBytes(writes: number, compute: ComputeRequest): number {
  const prefix = (compute.unitLimit === undefined ? 0 : UNIT_LIMIT_INSTRUCTION) + (compute.heapBytes === undefined ? 0 : HEAP_INSTRUCTION);
  return FIXED_BYTES + (prefix === 0 ? 0 : COMPUTE_BUDGET_PROGRAM_KEY + prefix) + BYTES_PER_WRITE * writes;
}

/** How many writes fit into one transaction, by bytes and by instruction trace: 20 without compute-budget instructions, 19 with. */
export function maxWritesPerTransaction(compute: ComputeRequest): number {
  const byBytes = Math.floor((MAX_TRANSACTION_BYTES - transactionBytes(0, compute)) / BYTES_PER_WRITE);
  return Math.min(byBytes, Math.floor((MAX_INSTRUCTION_TRACE - COMPUTE_BUDGET_INSTRUCTIONS) / TRACE_PER_WRITE));
}

/** Solana's Compute Budget program. */
export const COMPUTE_BUDGET_PROGRAM_ID = 'ComputeBudget111111111111111111111111111111' as Address;
/** Solana's ceiling of one transaction, compute units. */
export const MAX_TRANSACTION_UNITS = 1_400_000;

const REQUEST_HEAP_FRAME = 1;
const SET_COMPUTE_UNIT_LIMIT = 2;

/** The instructions that make a request, to stand before all others: SetComputeUnitLimit, RequestHeapFrame, both or none. */
export function computeBudgetInstructions({ unitLimit, heapBytes }: ComputeRequest): readonly Instruction[] {
  return [
    ...(unitLimit === undefined ? [] : [instruction(SET_COMPUTE_UNIT_LIMIT, unitLimit)]),
    ...(heapBytes === undefined ? [] : [instruction(REQUEST_HEAP_FRAME, heapBytes)]),
  ];
}

function instruction(kind: number, value: number): Instruction {
  const data = new Uint8Array(5);
  data[0] = kind;
  new DataView(data.buffer).setUint32(1, value, true);
  return { programId: COMPUTE_BUDGET_PROGRAM_ID, accounts: [], data };
}

/** What a transaction is made of before it is signed. */
export interface LegacyMessageInput {
  /** Signs first and pays the fee. */
  readonly feePayer: Address;
  /** A recent blockhash, base58 (getLatestBlockhash). */
  readonly blockhash: string;
  readonly instructions: readonly Instruction[];
}

/**
 * The bytes of a legacy message, which every signer of the transaction signs with ed25519. Accounts stand in Solana's order: writable
 * signers, other signers, writable accounts, the rest; the fee payer first of all. Throws ServiceabilityError `ADDRESS__INVALID` for a
 * blockhash that is none.
 */
export function encodeLegacyMessage({ feePayer, blockhash, instructions }: LegacyMessageInput): Uint8Array {
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

/**
 * The transaction as sendTransaction takes it (then in base64): the signatures in the order of the message's signers, and the message.
 * Throws ServiceabilityError `TRANSACTION__TOO_LARGE` above 1,232 bytes, and `TRANSACTION__BAD_SIGNATURE` for one that has not 64 bytes.
 */
export function encodeTransaction(message: Uint8Array, signatures: readonly Uint8Array[]): Uint8Array {
  const odd = signatures.find((signature) => signature.length !== 64);
  if (odd !== undefined) throw new ServiceabilityError('TRANSACTION__BAD_SIGNATURE', { length: odd.length });
  const bytes: number[] = [];
  pushLength(bytes, signatures.length);
  for (const signature of signatures) bytes.push(...signature);
  bytes.push(...message);
  if (bytes.length > MAX_TRANSACTION_BYTES)
    throw new ServiceabilityError('TRANSACTION__TOO_LARGE', { bytes: bytes.length, max: MAX_TRANSACTION_BYTES });
  return Uint8Array.from(bytes);
}

/** Every account once, with all rights that some instruction wants for it. */
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
