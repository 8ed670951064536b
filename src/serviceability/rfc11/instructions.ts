import { addressBytes, ZERO_ADDRESS } from '../address.ts';
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

/** A multicast group, by its group address. */
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

/** The names of RFC-11's instructions. */
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

/** Arguments of CreateAndActivateDevice. */
export interface CreateDeviceArgs {
  readonly code: string;
  readonly deviceType: number;
  readonly publicIp: Ipv4;
  readonly dzPrefixes: readonly NetworkV4[];
  readonly metricsPublisher: Address;
  readonly mgmtVrf: string;
  /** Addresses kept back at the start of each prefix; RFC-11's 2 (network and gateway) without it. */
  readonly dzIpReservedStart?: number | undefined;
}

/** Arguments of CreateAndActivateUser. */
export interface CreateUserArgs {
  readonly userType: number;
  readonly cyoaType: number;
  readonly clientIp: Ipv4;
  readonly tunnelEndpoint: Ipv4;
}

/** Arguments of CreateAndActivateLink. */
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

/** Arguments of CreateAndActivateInterface. */
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

/** For instructions without arguments. */
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
    dzIpReservedStart: option(u8),
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
