import { SYSTEM_PROGRAM_ID, address as validAddress, ZERO_ADDRESS } from '../address.ts';
import type { AccountMeta, Instruction } from '../instruction.ts';
import { accessPassAddress } from '../pda.ts';
import { type Address, type Ipv4, ServiceabilityError } from '../units.ts';
import {
  type CreateDeviceArgs,
  type CreateInterfaceArgs,
  type CreateLinkArgs,
  type CreateUserArgs,
  deviceAddress,
  encodeRfc11,
  globalConfigAddress,
  globalStateAddress,
  interfaceAddress,
  linkAddress,
  multicastGroupAddress,
  type Rfc11Arguments,
  type Rfc11InstructionName,
  resourceExtensionAddress,
  userAddress,
} from './instructions.ts';
import {
  DZ_IP_RESERVED,
  IdType,
  IpBlockType,
  networkPool,
  type ResourceExtension,
  SEGMENT_ROUTING_IDS,
  TUNNEL_IDS,
  UNRESERVED,
} from './resource-extension.ts';

/*
 * A builder for each of RFC-11's instructions. Accounts follow RFC-11's order; required accounts that it omits come last: GlobalState for the
 * foundation's allowlist, the Contributor for its owner, the System program for new accounts. Devices are writable where users and links come and go,
 * because they count them as deployed.
 *
 * Each builder derives the addresses that follow from the others. An address that the caller has already, given by name, saves its derivation, about a
 * millisecond. All throw ServiceabilityError: `ENCODING__OUT_OF_RANGE` for an argument that its field cannot hold, `ADDRESS__INVALID` for an address that
 * is missing or malformed, `PDA__BAD_SEEDS` for a long name.
 */

/** What every builder takes. */
export interface OnProgram {
  readonly programId: Address;
  /** By default derived; only for instructions that use it. */
  readonly globalState?: Address;
}

const metaOf =
  (signer: boolean, writable: boolean) =>
  (address: Address): AccountMeta => ({ address: validAddress(address), signer, writable });
const readonly = metaOf(false, false);
const writable = metaOf(false, true);
const signer = metaOf(true, false);
/** Signs, and pays or receives lamports. */
const payer = metaOf(true, true);

const SYSTEM = readonly(SYSTEM_PROGRAM_ID);
const globalState = ({ programId, globalState: known }: OnProgram): AccountMeta => readonly(known ?? globalStateAddress(programId).address);
const globalConfig = (programId: Address): AccountMeta => readonly(globalConfigAddress(programId).address);
const extensionOf = (programId: Address, associatedWith?: Address): Address => resourceExtensionAddress(programId, associatedWith).address;

function build<Name extends Rfc11InstructionName>(
  name: Name,
  { programId, ...args }: OnProgram & Rfc11Arguments[Name],
  accounts: readonly (AccountMeta | undefined)[],
): Instruction {
  const data = encodeRfc11<Rfc11InstructionName>(name, args as Rfc11Arguments[Rfc11InstructionName]);
  return { programId, accounts: accounts.filter((account) => account !== undefined), data };
}

/** CreateAndActivateDevice. `device` follows from the code, `extension` from the device. */
export interface CreateDeviceInput extends OnProgram, Omit<CreateDeviceArgs, 'dzIpReservedStart'> {
  /** As in CreateDeviceArgs. */
  readonly dzIpReservedStart?: number | undefined;
  readonly contributor: Address;
  /** The contributor's owner. */
  readonly authority: Address;
  readonly payer: Address;
  readonly location: Address;
  readonly exchange: Address;
  readonly device?: Address;
  readonly extension?: Address;
}

/** Creates a device and its extension. */
export function createAndActivateDevice(input: CreateDeviceInput): Instruction {
  const { programId, device = deviceAddress(programId, input.code).address } = input;
  return build('CreateAndActivateDevice', { dzIpReservedStart: undefined, ...input }, [
    writable(device),
    writable(input.extension ?? extensionOf(programId, device)),
    globalConfig(programId),
    readonly(input.contributor),
    signer(input.authority),
    payer(input.payer),
    readonly(input.location),
    readonly(input.exchange),
    SYSTEM,
  ]);
}

/** CreateAndActivateUser. `user` follows from client address and type, `extension` from the device. */
export interface CreateUserInput extends OnProgram, CreateUserArgs {
  readonly device: Address;
  /** The access pass's owner. */
  readonly payer: Address;
  /** By default the payer's pass for this client address; pass that of 0.0.0.0 by `accessPassAddress`. */
  readonly accessPass?: Address;
  /** Decides the user's VRF. */
  readonly tenant?: Address;
  readonly user?: Address;
  readonly extension?: Address;
}

/** Creates a user with a tunnel id, a tunnel network and a DoubleZero address of the device's extension. */
export function createAndActivateUser(input: CreateUserInput): Instruction {
  const { programId, clientIp, device, tenant } = input;
  return build('CreateAndActivateUser', input, [
    writable(input.user ?? userAddress(programId, clientIp, input.userType).address),
    writable(device),
    writable(input.extension ?? extensionOf(programId, device)),
    writable(input.accessPass ?? accessPassAddress(programId, clientIp, input.payer).address),
    payer(input.payer),
    SYSTEM,
    tenant === undefined ? undefined : readonly(tenant),
  ]);
}

/** An existing user, named by its address, or by what its address follows from. */
export type UserReference = { readonly user: Address } | { readonly clientIp: Ipv4; readonly userType: number };

const userOf = (programId: Address, reference: UserReference): Address =>
  'user' in reference ? reference.user : userAddress(programId, reference.clientIp, reference.userType).address;

/** DeleteUser and BanUser. */
export type UserInput = OnProgram &
  UserReference & {
    readonly device: Address;
    /** The pass that the user was created with: `slots.accessPassPk` of decodeUserWithSlots. */
    readonly accessPass: Address;
    readonly authority: Address;
    readonly extension?: Address;
  };

const accountsOfUser = (input: UserInput): readonly AccountMeta[] => [
  writable(userOf(input.programId, input)),
  writable(input.device),
  writable(input.extension ?? extensionOf(input.programId, input.device)),
  writable(input.accessPass),
];

/**
 * Closes a user and frees its slots. `authority` is the access pass's owner, who receives the account's lamports. For a banned user, which its owner
 * cannot delete, it is on the foundation's allowlist, and `banned` is true.
 */
export const deleteUser = (input: UserInput & { readonly banned?: boolean }): Instruction =>
  build('DeleteUser', input, [...accountsOfUser(input), payer(input.authority), input.banned === true ? globalState(input) : undefined]);

/** Bans a user and frees its slots. `authority` is on the foundation's allowlist. */
export const banUser = (input: UserInput): Instruction =>
  build('BanUser', input, [...accountsOfUser(input), signer(input.authority), globalState(input)]);

/** The accounts of a link. `link` follows from the two devices in any order, the extensions from each. */
export interface LinkEnds extends OnProgram {
  readonly deviceA: Address;
  readonly deviceB: Address;
  /** A link from before RFC-11 has another address than the derived one. */
  readonly link?: Address;
  readonly extensionA?: Address;
  readonly extensionB?: Address;
  readonly globalExtension?: Address;
}

function accountsOfLink(input: LinkEnds): readonly AccountMeta[] {
  const { programId, deviceA, deviceB } = input;
  return [
    writable(input.link ?? linkAddress(programId, deviceA, deviceB).address),
    writable(deviceA),
    writable(deviceB),
    writable(input.extensionA ?? extensionOf(programId, deviceA)),
    writable(input.extensionB ?? extensionOf(programId, deviceB)),
    writable(input.globalExtension ?? extensionOf(programId)),
  ];
}

/** CreateAndActivateLink. */
export interface CreateLinkInput extends LinkEnds, CreateLinkArgs {
  readonly contributorA: Address;
  readonly contributorB: Address;
  /** The owner of either contributor. */
  readonly payer: Address;
}

/** Creates a link with a tunnel id on both devices, and a tunnel network of the network's extension. */
export const createAndActivateLink = (input: CreateLinkInput): Instruction =>
  build('CreateAndActivateLink', input, [
    ...accountsOfLink(input),
    readonly(input.contributorA),
    readonly(input.contributorB),
    payer(input.payer),
    SYSTEM,
  ]);

/** DeleteLink. */
export interface DeleteLinkInput extends LinkEnds {
  readonly authority: Address;
  /** Of either device, for an authority that did not create the link. */
  readonly contributor?: Address;
}

/** Closes a link and frees its slots; the lamports go to the authority. */
export const deleteLink = (input: DeleteLinkInput): Instruction =>
  build('DeleteLink', input, [
    ...accountsOfLink(input),
    payer(input.authority),
    input.contributor === undefined ? undefined : readonly(input.contributor),
  ]);

/** An instruction by which a contributor changes its device. */
export interface OnDevice extends OnProgram {
  readonly device: Address;
  readonly contributor: Address;
  /** The contributor's owner. */
  readonly authority: Address;
  readonly extension?: Address;
}

/** DeleteDevice. */
export type DeleteDeviceInput = OnDevice;

/** Closes an unused device and its extension; the lamports go to the authority. */
export const deleteDevice = (input: DeleteDeviceInput): Instruction =>
  build('DeleteDevice', input, [
    writable(input.device),
    writable(input.extension ?? extensionOf(input.programId, input.device)),
    payer(input.authority),
    readonly(input.contributor),
  ]);

/** UpdateDeviceContributor. */
export interface UpdateDeviceContributorInput extends OnProgram {
  readonly device: Address;
  readonly newContributor: Address;
  /** On the foundation's allowlist. */
  readonly authority: Address;
}

/** Gives a device to another contributor. */
export const updateDeviceContributor = (input: UpdateDeviceContributorInput): Instruction =>
  build('UpdateDeviceContributor', input, [
    writable(input.device),
    globalState(input),
    readonly(input.newContributor),
    signer(input.authority),
  ]);

/** `interface` follows from the device and the name. */
const accountsOfInterface = (input: OnDevice & { readonly interface?: Address; readonly name?: string }): readonly AccountMeta[] => [
  writable(input.interface ?? interfaceAddress(input.programId, input.device, input.name ?? '').address),
  writable(input.device),
  writable(input.extension ?? extensionOf(input.programId, input.device)),
];

/** CreateAndActivateInterface. */
export interface CreateInterfaceInput extends OnDevice, CreateInterfaceArgs {
  readonly payer: Address;
  readonly interface?: Address;
}

/** Creates an interface; a loopback takes a segment routing id, and a DoubleZero address if `withDzIp` is 1. */
export const createAndActivateInterface = (input: CreateInterfaceInput): Instruction =>
  build('CreateAndActivateInterface', input, [
    ...accountsOfInterface(input),
    signer(input.authority),
    payer(input.payer),
    readonly(input.contributor),
    SYSTEM,
  ]);

/** DeleteInterface: the interface by its address or by its name. */
export type DeleteInterfaceInput = OnDevice & ({ readonly interface: Address } | { readonly name: string });

/** Closes an interface and frees its slots; the lamports go to the authority. One from before RFC-11 is removed from its device, by its name. */
export const deleteInterface = (input: DeleteInterfaceInput): Instruction =>
  build('DeleteInterface', input, [...accountsOfInterface(input), payer(input.authority), readonly(input.contributor)]);

/** The address of the group that CreateAndActivateMulticastGroup creates next: the network's lowest free one. Undefined when all are taken. */
export function nextMulticastIp(networkExtension: ResourceExtension): Ipv4 | undefined {
  const pool = networkPool(networkExtension, 'multicast');
  const slot = pool?.firstFree();
  return slot === undefined ? undefined : pool?.networkOf(slot)?.address;
}

/**
 * A multicast group: its account's address, its group address, or the network's extension as just read, for the group that is created next. When another
 * client is faster, the program refuses with InvalidSeeds: read the extension again.
 */
export type GroupReference =
  | { readonly group: Address }
  | { readonly multicastIp: Ipv4 }
  | { readonly networkExtension: ResourceExtension };

function groupOf(programId: Address, reference: GroupReference): Address {
  if ('group' in reference) return reference.group;
  const ip = 'multicastIp' in reference ? reference.multicastIp : nextMulticastIp(reference.networkExtension);
  if (ip === undefined) throw new ServiceabilityError('PDA__BAD_SEEDS', { problem: 'the network has no free group address' });
  return multicastGroupAddress(programId, ip).address;
}

/** CreateAndActivateMulticastGroup. */
export type CreateMulticastGroupInput = OnProgram &
  GroupReference &
  Rfc11Arguments['CreateAndActivateMulticastGroup'] & {
    /** On the foundation's allowlist. */
    readonly authority: Address;
    readonly payer: Address;
    readonly globalExtension?: Address;
  };

/** Creates a multicast group with the network's lowest free group address. */
export const createAndActivateMulticastGroup = (input: CreateMulticastGroupInput): Instruction =>
  build('CreateAndActivateMulticastGroup', input, [
    writable(groupOf(input.programId, input)),
    writable(input.globalExtension ?? extensionOf(input.programId)),
    signer(input.authority),
    payer(input.payer),
    globalState(input),
    SYSTEM,
  ]);

/** DeleteMulticastGroup. */
export type DeleteMulticastGroupInput = OnProgram &
  Exclude<GroupReference, { readonly networkExtension: ResourceExtension }> & {
    /** On the foundation's allowlist. */
    readonly authority: Address;
    readonly globalExtension?: Address;
  };

/** Closes a multicast group and frees its address; the lamports go to the authority. */
export const deleteMulticastGroup = (input: DeleteMulticastGroupInput): Instruction =>
  build('DeleteMulticastGroup', input, [
    writable(groupOf(input.programId, input)),
    writable(input.globalExtension ?? extensionOf(input.programId)),
    payer(input.authority),
    globalState(input),
  ]);

/** SweepExpiredUsers. */
export interface SweepExpiredUsersInput extends OnProgram {
  readonly accessPass: Address;
  /** At most MAX_SWEPT_USERS. */
  readonly users: readonly Address[];
  /** Any key. */
  readonly caller: Address;
}

/** The most users of one SweepExpiredUsers. */
export const MAX_SWEPT_USERS = 10;

/** Marks the users of an expired access pass as out of credits. Permissionless and idempotent. */
export const sweepExpiredUsers = (input: SweepExpiredUsersInput): Instruction =>
  build('SweepExpiredUsers', input, [writable(input.accessPass), ...input.users.map(writable), payer(input.caller)]);

/** CreateResourceExtension. Bitmaps that are not given are RFC-11's own for a device or the network. */
export interface CreateResourceExtensionInput extends OnProgram, Partial<Rfc11Arguments['CreateResourceExtension']> {
  /** The device; the zero address for the network's own extension. */
  readonly associatedWith: Address;
  /** On the foundation's allowlist. */
  readonly authority: Address;
  readonly payer: Address;
  readonly extension?: Address;
}

/** RFC-11's bitmaps of a device's extension, and of the network's. */
export const DEVICE_BITMAPS: Rfc11Arguments['CreateResourceExtension'] = {
  idBitmaps: [
    { ...TUNNEL_IDS, idType: IdType.tunnelId },
    { ...SEGMENT_ROUTING_IDS, idType: IdType.segmentRoutingId },
  ],
  ipBlocks: [
    { ...UNRESERVED, blockType: IpBlockType.userTunnelNet },
    { ...DZ_IP_RESERVED, blockType: IpBlockType.dzIp },
  ],
};
/** RFC-11's bitmaps of the network's extension. */
export const NETWORK_BITMAPS: Rfc11Arguments['CreateResourceExtension'] = {
  idBitmaps: [],
  ipBlocks: [
    { ...UNRESERVED, blockType: IpBlockType.linkTunnelNet },
    { ...UNRESERVED, blockType: IpBlockType.multicast },
  ],
};

/** Creates the extension of a device from before RFC-11, or the network's. */
export function createResourceExtension(input: CreateResourceExtensionInput): Instruction {
  const { programId, associatedWith } = input;
  const bitmaps = associatedWith === ZERO_ADDRESS ? NETWORK_BITMAPS : DEVICE_BITMAPS;
  const { idBitmaps = bitmaps.idBitmaps, ipBlocks = bitmaps.ipBlocks } = input;
  return build('CreateResourceExtension', { programId, idBitmaps, ipBlocks }, [
    writable(input.extension ?? extensionOf(programId, associatedWith)),
    globalConfig(programId),
    readonly(associatedWith),
    signer(input.authority),
    payer(input.payer),
    globalState(input),
    SYSTEM,
  ]);
}

/** What the foundation does to a pool by hand: the pools of a device, or of the network without one. */
export interface OnExtension extends OnProgram {
  readonly device?: Address;
  /** On the foundation's allowlist. */
  readonly authority: Address;
  readonly extension?: Address;
}

const accountsOfExtension = (input: OnExtension): readonly AccountMeta[] => [
  writable(input.extension ?? extensionOf(input.programId, input.device)),
  signer(input.authority),
  globalState(input),
];

/** Takes the lowest free slot of a pool; the program logs and returns it (see parseRfc11Logs). */
export const allocateResource = (input: OnExtension & Rfc11Arguments['AllocateResource']): Instruction =>
  build('AllocateResource', input, accountsOfExtension(input));

/** Frees a slot. */
export const releaseResource = (input: OnExtension & Rfc11Arguments['ReleaseResource']): Instruction =>
  build('ReleaseResource', input, accountsOfExtension(input));

/**
 * Marks slots as taken, for entities from before RFC-11 to claim by BackfillEntitySlots. At most 228 fit one transaction that sets a unit limit. The
 * authority pays where the extension grows by the list of unclaimed slots.
 */
export const setResourceState = (input: OnExtension & Rfc11Arguments['SetResourceState']): Instruction => {
  const [extension, , ...rest] = accountsOfExtension(input);
  return build('SetResourceState', input, [extension, payer(input.authority), ...rest, SYSTEM]);
};

/**
 * BackfillEntitySlots. Which extensions the program needs depends on the entity: the device's for a user (`device`, with its access pass), the
 * network's and both devices' for a link (`sides`, A before Z), the network's for a group (neither).
 */
export interface BackfillEntitySlotsInput extends OnProgram, Partial<Rfc11Arguments['BackfillEntitySlots']> {
  readonly entity: Address;
  /** On the foundation's allowlist; pays for the longer account. */
  readonly authority: Address;
  readonly device?: Address;
  readonly sides?: readonly [a: Address, z: Address];
  readonly accessPass?: Address;
  readonly extensions?: readonly Address[];
}

/** Writes the slots of an entity from before RFC-11 into its account. */
export function backfillEntitySlots(input: BackfillEntitySlotsInput): Instruction {
  const { programId, device, sides, accessPass, tunnelNetSlot, dzIpSlot, tunnelIdSlot, tunnelIdSlotB, multicastSlot } = input;
  const scopes = sides !== undefined ? [undefined, ...sides] : [device];
  const extensions = input.extensions ?? scopes.map((scope) => extensionOf(programId, scope));
  return build('BackfillEntitySlots', { programId, tunnelNetSlot, dzIpSlot, tunnelIdSlot, tunnelIdSlotB, multicastSlot }, [
    writable(input.entity),
    payer(input.authority),
    globalState(input),
    ...extensions.map(writable),
    accessPass === undefined ? undefined : writable(accessPass),
    SYSTEM,
  ]);
}
