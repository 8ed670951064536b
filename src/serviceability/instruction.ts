import { SYSTEM_PROGRAM_ID } from './address.ts';
import {
  AccountReader,
  AccountWriter,
  absentAs,
  bool,
  type FieldCodec,
  type Fields,
  ipv4,
  key,
  network,
  networks,
  option,
  text,
  u8,
  u16,
  u32,
  u64,
} from './borsh.ts';
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
  return new AccountWriter().u8(SET_USER_BGP_STATUS).u8(BgpStatus[status]).u64(rttNs).finish();
}

/** The data as programs from before the round-trip time expect it; today's program reads it with round-trip time 0. */
export function encodeSetUserBgpStatusLegacy(status: BgpStatusValue): Uint8Array {
  return Uint8Array.of(SET_USER_BGP_STATUS, BgpStatus[status]);
}

/**
 * The arguments as the program reads them: an absent status is unknown, an absent round-trip time is 0, surplus bytes are ignored. Undefined for
 * another instruction, and for data on which the program aborts: a status byte of 3 or more, and a round-trip time of fewer than 8 bytes.
 */
export function decodeSetUserBgpStatus(data: Uint8Array): SetUserBgpStatusArgs | undefined {
  const reader = new AccountReader(data);
  if (reader.u8() !== SET_USER_BGP_STATUS) return undefined;
  const status = STATUSES[reader.u8()];
  const hasRtt = reader.remaining > 0;
  const rttNs = nanoseconds(reader.u64());
  return status === undefined || (hasRtt && reader.cut) ? undefined : { status, rttNs };
}

/** Arguments of the deployed program's instructions that decodeInstruction reads, in the order of their bytes. */
export interface InstructionArguments extends Fields<typeof LAYOUTS> {
  readonly SetUserBgpStatus: SetUserBgpStatusArgs;
}

const optionalU8 = /* @__PURE__ */ option(u8);
const optionalU16 = /* @__PURE__ */ option(u16);
const optionalText = /* @__PURE__ */ option(text);
/** A WAN link. */
const linkType = /* @__PURE__ */ absentAs(1, u8);

const LAYOUTS = {
  SetGlobalConfig: {
    localAsn: u32,
    remoteAsn: u32,
    deviceTunnelBlock: network,
    userTunnelBlock: network,
    multicastGroupBlock: network,
    nextBgpCommunity: optionalU16,
    multicastPublisherBlock: network,
  },
  CreateDevice: {
    code: text,
    deviceType: u8,
    publicIp: ipv4,
    dzPrefixes: networks,
    metricsPublisherPk: key,
    mgmtVrf: text,
    desiredStatus: optionalU8,
    /** ResourceExtension accounts to create: one for tunnel ids, and one a prefix. */
    resourceCount: u8,
  },
  DeleteDevice: { resourceCount: u8 },
  CreateLink: {
    code: text,
    linkType,
    /** Bits a second. */
    bandwidth: u64,
    mtu: u32,
    delayNs: u64,
    jitterNs: u64,
    sideAIfaceName: text,
    /** Absent for a link to another contributor, who names it. */
    sideZIfaceName: optionalText,
    desiredStatus: optionalU8,
    useOnchainAllocation: bool,
  },
  CreateUser: { userType: u8, cyoaType: u8, clientIp: ipv4, tunnelEndpoint: ipv4, dzPrefixCount: u8 },
  CreateSubscribeUser: {
    userType: u8,
    cyoaType: u8,
    clientIp: ipv4,
    publisher: bool,
    subscriber: bool,
    tunnelEndpoint: ipv4,
    dzPrefixCount: u8,
    /** The zero address for the payer. */
    owner: key,
  },
  DeleteUser: { dzPrefixCount: u8, multicastPublisherCount: u8 },
  ClearTopology: { name: text },
  AssignTopologyNodeSegments: { name: text },
};
/** An instruction with its arguments. */
export type DecodedInstruction = {
  readonly [Name in keyof InstructionArguments]: { readonly name: Name; readonly args: InstructionArguments[Name] };
}[keyof InstructionArguments];

/** By number, the first byte of the data. */
const NAMES: Readonly<Record<number, keyof typeof LAYOUTS>> = {
  3: 'SetGlobalConfig',
  20: 'CreateDevice',
  26: 'DeleteDevice',
  28: 'CreateLink',
  36: 'CreateUser',
  42: 'DeleteUser',
  59: 'CreateSubscribeUser',
  109: 'ClearTopology',
  110: 'AssignTopologyNodeSegments',
};

/**
 * Reads an instruction of the deployed program, for display. Arguments that older clients do not send have the program's defaults, surplus bytes are
 * ignored, and enum bytes are kept, whatever they are. Undefined for other instructions, and for data that ends inside an argument.
 */
export function decodeInstruction(data: Uint8Array): DecodedInstruction | undefined {
  const number = data[0] ?? 0;
  if (number === SET_USER_BGP_STATUS) {
    const args = decodeSetUserBgpStatus(data);
    return args && { name: 'SetUserBgpStatus', args };
  }
  const name = NAMES[number];
  const args = name && decodeArguments(LAYOUTS[name], data.subarray(1));
  // Its layout is the one of this name.
  return args && ({ name, args } as DecodedInstruction);
}

/** Undefined when the data ends inside a field; fields that it does not reach have their defaults. */
function decodeArguments(layout: Readonly<Record<string, FieldCodec<unknown>>>, data: Uint8Array): object | undefined {
  const reader = new AccountReader(data);
  const args: Record<string, unknown> = {};
  for (const [field, codec] of Object.entries(layout)) {
    const isSent = reader.remaining > 0;
    args[field] = codec.read(reader);
    if (isSent && reader.cut) return undefined;
  }
  return args;
}
