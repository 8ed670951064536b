import { SYSTEM_PROGRAM_ID } from './address.ts';
import { type Address, type Nanoseconds, nanoseconds, ServiceabilityError } from './units.ts';
import { BgpStatus } from './user.ts';

/** An account that an instruction names, and what the instruction may do with it. */
export interface AccountMeta {
  readonly address: Address;
  readonly signer: boolean;
  readonly writable: boolean;
}

/** One instruction as plain data: hand it to the Solana library of your choice, which compiles the message. */
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
/** By their bytes. */
const STATUSES: readonly BgpStatusValue[] = ['unknown', 'up', 'down'];

/** The arguments of instruction 106. */
export interface SetUserBgpStatusArgs {
  readonly status: BgpStatusValue;
  /** Smoothed round-trip time; 0 when there is no sample, and always with down and unknown. */
  readonly rttNs: Nanoseconds;
}

/** The arguments of instruction 106, and the accounts that it names. */
export interface SetUserBgpStatusInput extends SetUserBgpStatusArgs {
  readonly programId: Address;
  readonly user: Address;
  /** The device that the User account names; the program compares the two. */
  readonly device: Address;
  /** The device's metrics publisher: signs, and pays the rent when an account of an older layout grows. */
  readonly metricsPublisher: Address;
}

/**
 * Instruction 106, SetUserBGPStatus (RFC-19). The deployed program requires four accounts where RFC-19 lists three: the System program is
 * the fourth. Throws ServiceabilityError `INSTRUCTION__…` for arguments that the program would accept and misread (see encodeSetUserBgpStatus).
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
 * The instruction's data: number, status byte, round-trip time as u64. The program accepts a round-trip time with any status, so this function
 * refuses one with a status other than up (`INSTRUCTION__RTT_WITHOUT_UP`), or outside u64 (`INSTRUCTION__RTT_OUT_OF_RANGE`).
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

/** The data as programs from before the round-trip time expect it; today's program reads it with round-trip time 0. */
export function encodeSetUserBgpStatusLegacy(status: BgpStatusValue): Uint8Array {
  return Uint8Array.of(SET_USER_BGP_STATUS, BgpStatus[status]);
}

/** Number, status and round-trip time, in bytes. */
const FULL_LENGTH = 10;

/**
 * The arguments as the program reads them: an absent status is unknown, an absent round-trip time is 0, surplus bytes are ignored. Undefined for
 * another instruction, and for data on which the program aborts: a status byte of 3 or more, and a round-trip time of fewer than 8 bytes.
 */
export function decodeSetUserBgpStatus(data: Uint8Array): SetUserBgpStatusArgs | undefined {
  const [variant, byte = BgpStatus.unknown] = data;
  if (variant !== SET_USER_BGP_STATUS || (data.length > 2 && data.length < FULL_LENGTH)) return undefined;
  const status = STATUSES[byte];
  if (status === undefined) return undefined;
  const rttNs = data.length < FULL_LENGTH ? 0n : new DataView(data.buffer, data.byteOffset, data.byteLength).getBigUint64(2, true);
  return { status, rttNs: nanoseconds(rttNs) };
}
