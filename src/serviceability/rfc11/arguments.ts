import { AccountReader } from '../account-reader.ts';
import { AccountWriter } from '../account-writer.ts';
import { type FieldCodec, ipv4, key, type Layout, network, readFields, text, u8, u16, u32, u64, writeFields } from '../layout.ts';
import type { Address, Ipv4, NetworkV4 } from '../units.ts';
import { Rfc11Instruction, type Rfc11InstructionName } from './instruction-set.ts';
import { option } from './slot-fields.ts';

/** What to make of the bytes of an id bitmap's configuration: see IdType. */
export interface IdBitmapArgs {
  readonly idType: number;
  readonly startOffset: number;
  readonly usableSlots: number;
}

/** See IpBlockType. The block itself comes from GlobalConfig or the device. */
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
  /** Whether a loopback gets an address of the device's DzIp: 0 or 1. */
  readonly withDzIp: number;
}

/** Each instruction's arguments after its number. */
export interface Rfc11Arguments {
  readonly CreateResourceExtension: { readonly idBitmaps: readonly IdBitmapArgs[]; readonly ipBlocks: readonly IpBlockArgs[] };
  /** See ResourceType. */
  readonly AllocateResource: { readonly resourceType: number };
  readonly ReleaseResource: { readonly resourceType: number; readonly slot: number };
  readonly SetResourceState: { readonly resourceType: number; readonly slots: readonly number[] };
  /** Those that the entity has; `dzIpSlot` is NO_SLOT for a user whose DoubleZero address is none of the device's. */
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

/** The arguments, or undefined for data that is cut, too long, or another instruction's. What a byte stands for is for its reader to judge. */
export function decodeRfc11<Name extends Rfc11InstructionName>(name: Name, data: Uint8Array): Rfc11Arguments[Name] | undefined {
  const reader = new AccountReader(data);
  if (reader.u8() !== Rfc11Instruction[name]) return undefined;
  const args = readFields<Rfc11Arguments[Name]>(LAYOUTS[name], reader);
  return reader.cut || reader.remaining > 0 ? undefined : args;
}

function structs<T extends object>(layout: Layout<T>, length: number): FieldCodec<readonly T[]> {
  return vector({ read: (reader) => readFields(layout, reader), write: (writer, value) => writeFields(layout, writer, value) }, length);
}

/** A u32 count and its elements, each so long. */
function vector<T>(element: FieldCodec<T>, length: number): FieldCodec<readonly T[]> {
  return {
    read: (reader) => reader.vector(length, () => element.read(reader)),
    write: (writer, values) => void writer.vector(values, (value) => element.write(writer, value)),
  };
}
