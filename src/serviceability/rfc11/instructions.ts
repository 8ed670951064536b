import { addressBytes, SYSTEM_PROGRAM_ID, ZERO_ADDRESS } from '../address.ts';
import {
  AccountReader,
  AccountWriter,
  type FieldCodec,
  ipv4,
  ipv4Bytes,
  key,
  type Layout,
  network,
  option,
  readFields,
  text,
  u8,
  u16,
  u32,
  u64,
  utf8,
  writeFields,
} from '../borsh.ts';
import type { Instruction } from '../instruction.ts';
import { findProgramAddress, type ProgramAddress } from '../pda.ts';
import type { Address, Ipv4, NetworkV4 } from '../units.ts';

/*
 * RFC-11's account addresses. Users have their deployed addresses (userAddress); the others are derived from their identity, not from an index:
 * links from their two devices, interfaces from names, groups from addresses, devices from codes.
 */

/** Derives an address from seeds: findProgramAddress, or a caching version of it. */
export type Derive = (seeds: readonly Uint8Array[], programId: Address) => ProgramAddress;

/** The pools of a device, or of the network for the zero address. Seeds `["resource_ext", …]`, without the prefix of all others. */
export function resourceExtensionAddress(
  programId: Address,
  associatedWith: Address = ZERO_ADDRESS,
  derive: Derive = findProgramAddress,
): ProgramAddress {
  return derive([utf8('resource_ext'), addressBytes(associatedWith)], programId);
}

/** Independent of the order of the devices: the seeds are their keys, sorted. */
export function linkAddress(programId: Address, deviceA: Address, deviceB: Address, derive: Derive = findProgramAddress): ProgramAddress {
  const devices = [addressBytes(deviceA), addressBytes(deviceB)].sort(compareBytes);
  return derive([DOUBLEZERO, utf8('link'), ...devices], programId);
}

/** Throws ServiceabilityError `PDA__BAD_SEEDS` for a name above 32 bytes. */
export function interfaceAddress(programId: Address, device: Address, name: string, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('interface'), addressBytes(device), utf8(name)], programId);
}

export function multicastGroupAddress(programId: Address, group: Ipv4, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('multicast'), ipv4Bytes(group)], programId);
}

/** RFC-11 defines no seeds for devices, and its instruction has no account for an index counter. Throws like interfaceAddress. */
export function deviceAddress(programId: Address, code: string, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('device'), utf8(code)], programId);
}

/** A user's deployed address, with a caching `derive` if given. */
export function userAddress(programId: Address, clientIp: Ipv4, userType: number, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('user'), ipv4Bytes(clientIp), Uint8Array.of(userType)], programId);
}

/** As deployed, like userAddress. */
export const globalStateAddress = (programId: Address, derive: Derive = findProgramAddress): ProgramAddress =>
  derive([DOUBLEZERO, utf8('globalstate')], programId);

/** As deployed, like userAddress. */
export const globalConfigAddress = (programId: Address, derive: Derive = findProgramAddress): ProgramAddress =>
  derive([DOUBLEZERO, utf8('config')], programId);

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

const DOUBLEZERO = utf8('doublezero');

/**
 * Errors of RFC-11's instructions, in addition to the deployed program's. RFC-11 names some and numbers none, so the codes start at 160, apart
 * from all deployed codes. RFC-11 itself names six: AccountAlreadyExists, LinkAlreadyExists, and the Exhausted errors of tunnel ids, user and
 * link tunnel networks and DoubleZero addresses.
 */
const ERRORS = {
  AccountAlreadyExists: [160, 'the address of the new account already holds an account'],
  TunnelIdExhausted: [161, 'all tunnel ids of the device are taken'],
  UserTunnelNetExhausted: [162, "all tunnel networks of the device's users are taken"],
  DzIpExhausted: [163, "all DoubleZero addresses of the device's prefixes are taken"],
  LinkAlreadyExists: [164, 'the two devices already have a link'],
  LinkTunnelNetExhausted: [165, 'all tunnel networks of links are taken'],
  SegmentRoutingIdExhausted: [166, 'all segment routing ids of the device are taken'],
  MulticastExhausted: [167, 'all group addresses are taken'],
  ResourceNotFound: [168, 'the extension has no bitmap of this kind'],
  SlotOutOfRange: [169, 'the bitmap has no such slot'],
  SlotReserved: [170, 'the slot is reserved: it can be neither allocated nor released'],
  SlotAlreadyAllocated: [171, 'the slot is taken'],
  SlotNotAllocated: [172, 'the slot is already free'],
  SlotMismatch: [173, 'the slot is not the one that the account holds'],
  SlotsNotTracked: [174, 'the account predates slot fields and must be backfilled first'],
  SlotsAlreadyTracked: [175, 'the account already has its slots'],
  AccessPassNotExpired: [176, 'the access pass is still valid'],
  ResourceInUse: [177, 'the device still has users, links or interfaces'],
} as const satisfies Readonly<Record<string, readonly [code: number, explanation: string]>>;

export type Rfc11ErrorName = keyof typeof ERRORS;

/** The `Custom` code of an error. */
export const rfc11ErrorCode = (name: Rfc11ErrorName): number => ERRORS[name][0];

export interface Rfc11Error {
  readonly code: number;
  readonly name: string;
  readonly explanation: string;
}

/** All errors of RFC-11's instructions, ordered by code. */
export const RFC11_ERRORS: readonly Rfc11Error[] = Object.entries(ERRORS).map(([name, [code, explanation]]) => ({
  code,
  name,
  explanation,
}));

/** Undefined for any other code: see programError for the deployed program's. */
export const rfc11Error = (code: number): Rfc11Error | undefined => RFC11_ERRORS.find((error) => error.code === code);

/** RFC-11's instructions. RFC-11 does not number them, so they start at 160, apart from all deployed ones. The number is the first data byte. */
export const Rfc11Instruction = {
  CreateResourceExtension: 160,
  AllocateResource: 161,
  ReleaseResource: 162,
  SetResourceState: 163,
  BackfillEntitySlots: 164,
  CreateAndActivateDevice: 165,
  CreateAndActivateUser: 166,
  CreateAndActivateLink: 167,
  CreateAndActivateInterface: 168,
  CreateAndActivateMulticastGroup: 169,
  DeleteUser: 170,
  DeleteLink: 171,
  DeleteDevice: 172,
  DeleteInterface: 173,
  DeleteMulticastGroup: 174,
  BanUser: 175,
  SweepExpiredUsers: 176,
  UpdateDeviceContributor: 177,
} as const;

export type Rfc11InstructionName = keyof typeof Rfc11Instruction;

/** The instruction's name; undefined for any other number. */
export function rfc11InstructionName(number: number): Rfc11InstructionName | undefined {
  for (const name of Object.keys(Rfc11Instruction)) if (isName(name) && Rfc11Instruction[name] === number) return name;
  return undefined;
}

const isName = (name: string): name is Rfc11InstructionName => name in Rfc11Instruction;

/** An id bitmap to create; see IdType. */
export interface IdBitmapArgs {
  readonly idType: number;
  readonly startOffset: number;
  readonly usableSlots: number;
}

/** An IP block bitmap to create; see IpBlockType. The block itself comes from GlobalConfig or the device. */
export interface IpBlockArgs {
  readonly blockType: number;
  readonly reservedStart: number;
  readonly reservedEnd: number;
}

export interface CreateDeviceArgs {
  readonly code: string;
  readonly deviceType: number;
  readonly publicIp: Ipv4;
  readonly dzPrefixes: readonly NetworkV4[];
  readonly metricsPublisher: Address;
  readonly mgmtVrf: string;
}

export interface CreateUserArgs {
  readonly userType: number;
  readonly cyoaType: number;
  readonly clientIp: Ipv4;
  readonly tunnelEndpoint: Ipv4;
}

export interface CreateLinkArgs {
  readonly code: string;
  readonly linkType: number;
  readonly bandwidth: bigint;
  readonly mtu: number;
  readonly delayNs: bigint;
  readonly jitterNs: bigint;
  readonly sideAIfaceName: string;
  readonly sideZIfaceName: string;
}

export interface CreateInterfaceArgs {
  readonly name: string;
  /** See InterfaceType. */
  readonly interfaceType: number;
  readonly loopbackType: number;
  readonly bandwidth: bigint;
  readonly mtu: number;
  readonly vlanId: number;
  /** 1 if a loopback gets an address from the device's DzIp, else 0. */
  readonly withDzIp: number;
}

/** Each instruction's arguments after its number. */
export interface Rfc11Arguments {
  readonly CreateResourceExtension: { readonly idBitmaps: readonly IdBitmapArgs[]; readonly ipBlocks: readonly IpBlockArgs[] };
  /** See ResourceType. */
  readonly AllocateResource: { readonly resourceType: number };
  readonly ReleaseResource: { readonly resourceType: number; readonly slot: number };
  readonly SetResourceState: { readonly resourceType: number; readonly slots: readonly number[] };
  /** The slots of the entity's kind; `dzIpSlot` is NO_SLOT for a user whose DoubleZero address is outside the device's prefixes. */
  readonly BackfillEntitySlots: {
    readonly tunnelNetSlot: number | undefined;
    readonly dzIpSlot: number | undefined;
    readonly tunnelIdSlot: number | undefined;
    readonly tunnelIdSlotB: number | undefined;
    readonly multicastSlot: number | undefined;
  };
  readonly CreateAndActivateDevice: CreateDeviceArgs;
  readonly CreateAndActivateUser: CreateUserArgs;
  readonly CreateAndActivateLink: CreateLinkArgs;
  readonly CreateAndActivateInterface: CreateInterfaceArgs;
  readonly CreateAndActivateMulticastGroup: { readonly code: string; readonly maxBandwidth: bigint; readonly owner: Address };
  readonly DeleteUser: NoArguments;
  readonly DeleteLink: NoArguments;
  readonly DeleteDevice: NoArguments;
  readonly DeleteInterface: NoArguments;
  readonly DeleteMulticastGroup: NoArguments;
  readonly BanUser: NoArguments;
  readonly SweepExpiredUsers: NoArguments;
  readonly UpdateDeviceContributor: NoArguments;
}

export type NoArguments = Readonly<Record<never, never>>;

const idBitmap: Layout<IdBitmapArgs> = { idType: u8, startOffset: u16, usableSlots: u16 };
const ipBlock: Layout<IpBlockArgs> = { blockType: u8, reservedStart: u8, reservedEnd: u8 };

const LAYOUTS: { readonly [Name in Rfc11InstructionName]: Layout<Rfc11Arguments[Name]> } = {
  CreateResourceExtension: { idBitmaps: structs(idBitmap, 5), ipBlocks: structs(ipBlock, 3) },
  AllocateResource: { resourceType: u8 },
  ReleaseResource: { resourceType: u8, slot: u32 },
  SetResourceState: { resourceType: u8, slots: vector(u32, 4) },
  BackfillEntitySlots: {
    tunnelNetSlot: option(u32),
    dzIpSlot: option(u32),
    tunnelIdSlot: option(u16),
    tunnelIdSlotB: option(u16),
    multicastSlot: option(u32),
  },
  CreateAndActivateDevice: {
    code: text,
    deviceType: u8,
    publicIp: ipv4,
    dzPrefixes: vector(network, 5),
    metricsPublisher: key,
    mgmtVrf: text,
  },
  CreateAndActivateUser: { userType: u8, cyoaType: u8, clientIp: ipv4, tunnelEndpoint: ipv4 },
  CreateAndActivateLink: {
    code: text,
    linkType: u8,
    bandwidth: u64,
    mtu: u32,
    delayNs: u64,
    jitterNs: u64,
    sideAIfaceName: text,
    sideZIfaceName: text,
  },
  CreateAndActivateInterface: {
    name: text,
    interfaceType: u8,
    loopbackType: u8,
    bandwidth: u64,
    mtu: u16,
    vlanId: u16,
    withDzIp: u8,
  },
  CreateAndActivateMulticastGroup: { code: text, maxBandwidth: u64, owner: key },
  DeleteUser: {},
  DeleteLink: {},
  DeleteDevice: {},
  DeleteInterface: {},
  DeleteMulticastGroup: {},
  BanUser: {},
  SweepExpiredUsers: {},
  UpdateDeviceContributor: {},
};

/** The instruction's data. Throws ServiceabilityError `ENCODING__OUT_OF_RANGE` for an argument that its field cannot hold. */
export function encodeRfc11<Name extends Rfc11InstructionName>(name: Name, args: Rfc11Arguments[Name]): Uint8Array {
  const writer = new AccountWriter().u8(Rfc11Instruction[name]);
  writeFields<Rfc11Arguments[Name]>(LAYOUTS[name], writer, args);
  return writer.finish();
}

/** The arguments; undefined for data that is cut, too long, or of another instruction. Byte values are not validated. */
export function decodeRfc11<Name extends Rfc11InstructionName>(name: Name, data: Uint8Array): Rfc11Arguments[Name] | undefined {
  const reader = new AccountReader(data);
  if (reader.u8() !== Rfc11Instruction[name]) return undefined;
  const args = readFields<Rfc11Arguments[Name]>(LAYOUTS[name], reader);
  return reader.cut || reader.remaining > 0 ? undefined : args;
}

function structs<T extends object>(layout: Layout<T>, length: number): FieldCodec<readonly T[]> {
  return vector({ read: (reader) => readFields(layout, reader), write: (writer, value) => writeFields(layout, writer, value) }, length);
}

/** A u32 count and its elements, each of `length` bytes. */
function vector<T>(element: FieldCodec<T>, length: number): FieldCodec<readonly T[]> {
  return {
    read: (reader) => reader.vector(length, () => element.read(reader)),
    write: (writer, values) => void writer.vector(values, (value) => element.write(writer, value)),
  };
}

/*
 * Builders of RFC-11's instructions. Accounts follow RFC-11's order; required accounts that it omits come last: GlobalState for the foundation's
 * allowlist, the Contributor for its owner, the System program for new accounts.
 */

/** An account of an instruction: the name under which a builder takes its address, or the address itself. Exactly one of the four is set. */
interface Role<One extends string, Optional extends string, Many extends string> {
  readonly one?: One;
  readonly optional?: Optional;
  readonly many?: Many;
  readonly fixed?: (programId: Address) => Address;
  readonly signer: boolean;
  readonly writable: boolean;
}

type Input<One extends string, Optional extends string, Many extends string> = { readonly programId: Address } & Readonly<
  Record<One, Address> & Partial<Record<Optional, Address>> & Record<Many, readonly Address[]>
>;

const READONLY = { signer: false, writable: false };
const WRITABLE = { signer: false, writable: true };
const readonly = <One extends string>(one: One) => ({ one, ...READONLY });
const writable = <One extends string>(one: One) => ({ one, ...WRITABLE });
const signer = <One extends string>(one: One) => ({ one, signer: true, writable: false });
/** Signs, and pays or receives lamports. */
const payer = <One extends string>(one: One) => ({ one, signer: true, writable: true });
const optional = <Optional extends string>(name: Optional) => ({ optional: name, ...READONLY });
const GLOBAL_STATE = { fixed: (programId: Address) => globalStateAddress(programId).address, ...READONLY };
const GLOBAL_CONFIG = { fixed: (programId: Address) => globalConfigAddress(programId).address, ...READONLY };
const SYSTEM = { fixed: () => SYSTEM_PROGRAM_ID, ...READONLY };

function builder<
  Name extends Rfc11InstructionName,
  One extends string = never,
  Optional extends string = never,
  Many extends string = never,
>(name: Name, ...roles: readonly Role<One, Optional, Many>[]): (input: Input<One, Optional, Many> & Rfc11Arguments[Name]) => Instruction {
  return (input) => {
    const addressesOf = ({ one, optional, many, fixed }: Role<One, Optional, Many>): readonly (Address | undefined)[] => {
      if (fixed !== undefined) return [fixed(input.programId)];
      if (one !== undefined) return [input[one]];
      return optional !== undefined ? [input[optional]] : many !== undefined ? input[many] : [];
    };
    const accounts = roles.flatMap((role) =>
      addressesOf(role).flatMap((address) => (address === undefined ? [] : { address, signer: role.signer, writable: role.writable })),
    );
    return { programId: input.programId, accounts, data: encodeRfc11(name, input) };
  };
}

export const createAndActivateDevice = builder(
  'CreateAndActivateDevice',
  writable('device'),
  writable('extension'),
  GLOBAL_CONFIG,
  readonly('contributor'),
  signer('authority'),
  payer('payer'),
  readonly('location'),
  readonly('exchange'),
  SYSTEM,
);

const ACCOUNTS_OF_USER = [writable('user'), readonly('device'), writable('extension'), writable('accessPass')] as const;

/** `payer` is the access pass's owner. */
export const createAndActivateUser = builder('CreateAndActivateUser', ...ACCOUNTS_OF_USER, payer('payer'), SYSTEM, optional('tenant'));

const ACCOUNTS_OF_LINK = [
  writable('link'),
  readonly('deviceA'),
  readonly('deviceB'),
  writable('extensionA'),
  writable('extensionB'),
  writable('globalExtension'),
] as const;

export const createAndActivateLink = builder(
  'CreateAndActivateLink',
  ...ACCOUNTS_OF_LINK,
  readonly('contributorA'),
  readonly('contributorB'),
  payer('payer'),
  SYSTEM,
);

const ACCOUNTS_OF_INTERFACE = [writable('interface'), readonly('device'), writable('extension')] as const;

export const createAndActivateInterface = builder(
  'CreateAndActivateInterface',
  ...ACCOUNTS_OF_INTERFACE,
  signer('authority'),
  payer('payer'),
  readonly('contributor'),
  SYSTEM,
);

const ACCOUNTS_OF_GROUP = [writable('group'), writable('globalExtension')] as const;

export const createAndActivateMulticastGroup = builder(
  'CreateAndActivateMulticastGroup',
  ...ACCOUNTS_OF_GROUP,
  signer('authority'),
  payer('payer'),
  GLOBAL_STATE,
  SYSTEM,
);

/** `authority` is the access pass's owner, who receives the account's lamports. */
export const deleteUser = builder('DeleteUser', ...ACCOUNTS_OF_USER, payer('authority'));

/** `contributor`, of either device, for an authority that did not create the link. */
export const deleteLink = builder('DeleteLink', ...ACCOUNTS_OF_LINK, payer('authority'), optional('contributor'));

export const deleteDevice = builder('DeleteDevice', writable('device'), writable('extension'), payer('authority'), readonly('contributor'));

export const deleteInterface = builder('DeleteInterface', ...ACCOUNTS_OF_INTERFACE, payer('authority'), readonly('contributor'));

export const deleteMulticastGroup = builder('DeleteMulticastGroup', ...ACCOUNTS_OF_GROUP, payer('authority'), GLOBAL_STATE);

export const banUser = builder('BanUser', ...ACCOUNTS_OF_USER, signer('authority'), GLOBAL_STATE);

/** At most ten users; permissionless. */
export const sweepExpiredUsers = builder('SweepExpiredUsers', writable('accessPass'), { many: 'users', ...WRITABLE }, payer('caller'));

export const updateDeviceContributor = builder(
  'UpdateDeviceContributor',
  writable('device'),
  GLOBAL_STATE,
  readonly('newContributor'),
  signer('authority'),
);

/** `associatedWith` is the device, or the zero address (the System program's) for the network's own extension. */
export const createResourceExtension = builder(
  'CreateResourceExtension',
  writable('extension'),
  GLOBAL_CONFIG,
  readonly('associatedWith'),
  signer('authority'),
  payer('payer'),
  GLOBAL_STATE,
  SYSTEM,
);

const ON_EXTENSION = [writable('extension'), signer('authority'), GLOBAL_STATE] as const;

export const allocateResource = builder('AllocateResource', ...ON_EXTENSION);
export const releaseResource = builder('ReleaseResource', ...ON_EXTENSION);
export const setResourceState = builder('SetResourceState', ...ON_EXTENSION);

/**
 * `extensions` are those with the entity's slots: the device's for a user; the network's and both devices' for a link; the network's for a group.
 * A user also needs its access pass.
 */
export const backfillEntitySlots = builder(
  'BackfillEntitySlots',
  writable('entity'),
  payer('authority'),
  GLOBAL_STATE,
  { many: 'extensions', ...READONLY },
  optional('accessPass'),
  SYSTEM,
);
