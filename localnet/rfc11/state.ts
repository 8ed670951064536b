import {
  type AccessPass,
  AccessPassStatus,
  type Address,
  type Contributor,
  ContributorStatus,
  type Device,
  decodeContributor,
  decodeGlobalConfig,
  decodeGlobalState,
  findProgramAddress,
  type GlobalConfig,
  type Ipv4,
  type Link,
  lamports,
  type MulticastGroup,
  type NetworkV4,
  type ProgramAddress,
  type User,
  UserType,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import {
  type Derive,
  decodeResourceExtension,
  encodeResourceExtension,
  globalConfigAddress,
  globalStateAddress,
  IdType,
  type IdTypeName,
  type IpBlockTypeName,
  idPool,
  type LinkSlots,
  type MulticastGroupSlots,
  NO_ID_SLOT,
  NO_SLOT,
  networkPool,
  RESOURCE_LABEL,
  type ResourceExtension,
  type ResourcePool,
  type ResourceTypeName,
  type Rfc11ErrorName,
  resourceExtensionAddress,
  resourcePool,
  rfc11ErrorCode,
  type SlotProblem,
  type UserSlots,
} from '../../src/serviceability/rfc11/index.ts';
import { accountAt, writeProgramAccount } from '../ledger/program-accounts.ts';
import { encodeAllocate, encodeAssign, encodeCreateAccount, encodeTransfer } from '../ledger/programs.ts';
import { type AccountMeta, EMPTY_ACCOUNT, type InstructionContext, InstructionFailure, rentExemptMinimum } from '../ledger/runtime.ts';
import { SYSTEM_PROGRAM } from '../ledger/transaction.ts';

/** Twice the users, links and interfaces of a device. */
const REMEMBERED = 8_192;

/**
 * findProgramAddress with a bounded cache: the curve arithmetic takes longer than the rest of an instruction.
 */
export function createDerivations(): Derive {
  const known = new Map<string, ProgramAddress>();

  return (seeds: readonly Uint8Array[], programId: Address): ProgramAddress => {
    const key = `${programId}|${seeds.map((seed) => Buffer.from(seed).toString('hex')).join('|')}`;
    const found = known.get(key) ?? findProgramAddress(seeds, programId);
    if (known.size >= REMEMBERED && !known.has(key)) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(key, found);
    return found;
  };
}

/** The environment of an RFC-11 processor. */
export interface Frame {
  readonly context: InstructionContext;
  /** Finds program addresses, and takes the units for it. */
  readonly derive: Derive;
}

/** Refuses with an error of RFC-11. */
export function fail(name: Rfc11ErrorName): never {
  throw new InstructionFailure({ Custom: rfc11ErrorCode(name) });
}

/** The deployed program's errors that RFC-11's instructions give too, where it has one for the case. */
const DEPLOYED = {
  InvalidDeviceAPubkey: 4,
  InvalidDeviceZPubkey: 5,
  InvalidStatus: 7,
  NotAllowed: 8,
  InvalidInterfaceName: 12,
  InvalidContributor: 14,
  InvalidAccountCode: 19,
  InvalidLastAccessEpoch: 21,
  AccessPassUnauthorized: 25,
  NoDzPrefixes: 35,
  InvalidDzPrefix: 38,
  InterfaceAlreadyExists: 56,
  InvalidInterfaceType: 57,
  InvalidLoopbackType: 58,
  InvalidPublicIp: 62,
  InvalidArgument: 65,
  DeviceHasInterfaces: 70,
  TenantNotInAccessPassAllowlist: 79,
  AccessPassMaxUnicastUsersExceeded: 89,
  AccessPassMaxMulticastUsersExceeded: 90,
  UserDeviceMismatch: 102,
} as const;

/** Refuses with one of the deployed program's errors. */
export function refuse(name: keyof typeof DEPLOYED): never {
  throw new InstructionFailure({ Custom: DEPLOYED[name] });
}

/** Codes of devices, links and groups: at least one of the characters that the program allows, at most 32. */
export function requireCode(code: string): void {
  if (!/^[A-Za-z0-9_:.-]{1,32}$/.test(code)) refuse('InvalidAccountCode');
}

export interface Held<T> {
  readonly address: Address;
  readonly value: T;
}

/** The account at this position, which must have signed. */
export function signerAt(context: InstructionContext, index: number): AccountMeta {
  const meta = accountAt(context, index);
  if (!meta.isSigner) throw new InstructionFailure('MissingRequiredSignature');
  return meta;
}

/** The account at this position, which must be the program's own; InvalidAccountOwner otherwise, also for one that is closed. */
export function heldAt<T>(context: InstructionContext, index: number, decode: (data: Uint8Array) => T): Held<T> {
  const { address } = accountAt(context, index);
  return { address, value: decode(ownData(context, address)) };
}

export function ownData(context: InstructionContext, address: Address): Uint8Array {
  const { owner, data } = context.read(address);
  if (owner !== context.programId) throw new InstructionFailure('InvalidAccountOwner');
  return data;
}

/** The account at this position, which must be the one at this derived address. */
export function derivedAt(context: InstructionContext, index: number, expected: Address): Address {
  const { address } = accountAt(context, index);
  if (address !== expected) throw new InstructionFailure('InvalidSeeds');
  return address;
}

/** Throws NotAllowed unless the authority is on the foundation's list, which GlobalState at this position holds. */
export function requireFoundation({ context, derive }: Frame, authority: AccountMeta, globalStateIndex: number): void {
  const address = derivedAt(context, globalStateIndex, globalStateAddress(context.programId, derive).address);
  const { foundationAllowlist } = decodeGlobalState(ownData(context, address));
  if (!foundationAllowlist.includes(authority.address)) refuse('NotAllowed');
}

/** A contributor that is one: activated. */
export function contributorAt(context: InstructionContext, index: number): Held<Contributor> {
  const contributor = heldAt(context, index, decodeContributor);
  if (contributor.value.status !== ContributorStatus.activated) refuse('InvalidContributor');
  return contributor;
}

/** Whether the address has no account. Lamports sent in advance do not count. */
export function isVacant(context: InstructionContext, address: Address): boolean {
  const { owner, data } = context.read(address);
  return owner === SYSTEM_PROGRAM && data.length === 0;
}

/** A program may let an account grow by so much in one call. */
const MAX_NEW_BYTES = 10_240;

/**
 * Makes an account of the program at a derived address, at the payer's expense, and signs for that address. Lamports already
 * at the address count towards the rent, so that sending some in advance cannot block the creation.
 */
export function createAt({ context }: Frame, address: Address, payer: AccountMeta, data: Uint8Array): void {
  if (data.length > MAX_NEW_BYTES) throw new InstructionFailure('InvalidRealloc');
  const from = { address: payer.address, isSigner: true, isWritable: true };
  const to = { address, isSigner: true, isWritable: true };
  const rent = rentExemptMinimum(data.length);
  const waiting = context.read(address).lamports;
  if (waiting === 0n) {
    context.invoke(SYSTEM_PROGRAM, [from, to], encodeCreateAccount(rent, data.length, context.programId), [address]);
  } else {
    if (waiting < rent) context.invoke(SYSTEM_PROGRAM, [from, { ...to, isSigner: false }], encodeTransfer(rent - waiting));
    context.invoke(SYSTEM_PROGRAM, [to], encodeAllocate(data.length), [address]);
    context.invoke(SYSTEM_PROGRAM, [to], encodeAssign(context.programId), [address]);
  }
  context.write(address, { ...context.read(address), data });
}

/** Closes an account of the program; its lamports go to `to`. */
export function close({ context }: Frame, address: Address, to: AccountMeta): void {
  const { lamports: freed } = context.read(address);
  if (to.address === address) throw new InstructionFailure('InvalidArgument');
  const heir = context.read(to.address);
  context.write(address, EMPTY_ACCOUNT);
  context.write(to.address, { ...heir, lamports: lamports(heir.lamports + freed) });
}

/**
 * Writes fields of an account without changing its length: an account of an older layout stays as short as it is, and what a newer program
 * appended stays behind the fields that are known here.
 */
export function overwrite({ context }: Frame, address: Address, content: Uint8Array): void {
  const account = context.read(address);
  const data = new Uint8Array(account.data);
  data.set(content.subarray(0, data.length));
  context.write(address, { ...account, data });
}

/** An extension that an instruction works on; what it changes is written by `save`. */
export interface OpenExtension {
  readonly address: Address;
  readonly extension: ResourceExtension;
  /** `payer` pays where it grows, which only SetResourceState makes it. */
  save(payer?: AccountMeta): void;
}

/** The extension of a device, or of the network without one, at this position. InvalidSeeds when another account stands there. */
export function extensionAt(frame: Frame, index: number, associatedWith: Address = ZERO_ADDRESS): OpenExtension {
  const { context, derive } = frame;
  return openExtension(frame, derivedAt(context, index, resourceExtensionAddress(context.programId, associatedWith, derive).address));
}

/** The extension at this address, of any device or of the network. */
export function openExtension({ context }: Frame, address: Address): OpenExtension {
  const extension = decodeResourceExtension(ownData(context, address));
  const meta = { address, isSigner: false, isWritable: true };
  return {
    address,
    extension,
    save: (payer = meta) => writeProgramAccount(context, meta, payer, encodeResourceExtension(extension)),
  };
}

/** The GlobalConfig, at this position. InvalidSeeds when another account is there. */
export function configAt({ context, derive }: Frame, index: number): GlobalConfig {
  return decodeGlobalConfig(ownData(context, derivedAt(context, index, globalConfigAddress(context.programId, derive).address)));
}

/** Creates an extension, with a log line. */
export function writeExtension(frame: Frame, address: Address, payer: AccountMeta, extension: ResourceExtension): void {
  createAt(frame, address, payer, encodeResourceExtension(extension));
  frame.context.log(`Created ResourceExtension ${address} associated with ${extension.associatedWith}`);
}

const EXHAUSTED: Readonly<Record<ResourceTypeName, Rfc11ErrorName>> = {
  tunnelId: 'TunnelIdExhausted',
  segmentRoutingId: 'SegmentRoutingIdExhausted',
  userTunnelNet: 'UserTunnelNetExhausted',
  linkTunnelNet: 'LinkTunnelNetExhausted',
  dzIp: 'DzIpExhausted',
  multicast: 'MulticastExhausted',
};

const PROBLEM: Readonly<Record<SlotProblem, Rfc11ErrorName>> = {
  'out-of-range': 'SlotOutOfRange',
  reserved: 'SlotReserved',
  'already-allocated': 'SlotAlreadyAllocated',
  'not-allocated': 'SlotNotAllocated',
};

/** Fails with the program's error for a pool's problem. */
export function failSlot(problem: SlotProblem): never {
  return fail(PROBLEM[problem]);
}

/** A pool that must be there. */
export function poolOf<Pool extends ResourcePool>(pool: Pool | undefined): Pool {
  return pool ?? fail('ResourceNotFound');
}

/**
 * AllocateResource as another instruction uses it: the lowest free slot of the pool, with a log line. In RFC-11 the program calls
 * itself for this; but RFC-11 never lists the program among the accounts, which such a call needs.
 */
export function allocate({ context }: Frame, { extension }: OpenExtension, type: ResourceTypeName): number {
  const slot = poolOf(resourcePool(extension, type)).allocate();
  if (slot === undefined) return fail(EXHAUSTED[type]);
  context.log(`AllocateResource: ${RESOURCE_LABEL[type]} slot ${slot}`);
  return slot;
}

/** The lowest tunnel id that is free on both devices of a link, for both: a controller configures one number. */
export function allocateOnBoth({ context }: Frame, a: OpenExtension, b: OpenExtension) {
  const [idsA, idsB] = [poolOf(idPool(a.extension, 'tunnelId')), poolOf(idPool(b.extension, 'tunnelId'))];
  for (let slotA = 0; slotA < idsA.slots; slotA++) {
    const tunnelId = idsA.idOf(slotA);
    const slotB = idsB.slotOf(tunnelId);
    if (slotB === undefined || idsB.isAllocated(slotB) || idsB.isReserved(slotB) || idsA.mark(slotA) !== undefined) continue;
    idsB.mark(slotB);
    for (const slot of [slotA, slotB]) context.log(`AllocateResource: ${RESOURCE_LABEL.tunnelId} slot ${slot}`);
    return { tunnelId, tunnelIdSlotA: slotA, tunnelIdSlotB: slotB };
  }
  return fail('TunnelIdExhausted');
}

/** ReleaseResource as another instruction uses it. */
export function release({ context }: Frame, { extension }: OpenExtension, type: ResourceTypeName, slot: number): void {
  const problem = poolOf(resourcePool(extension, type)).release(slot);
  if (problem !== undefined) failSlot(problem);
  context.log(`ReleaseResource: ${RESOURCE_LABEL[type]} slot ${slot}`);
}

/** A value that an entity's account holds out of a pool, and the slot that the account says it has. */
export type Holding = {
  readonly target: OpenExtension;
  /** For the log. */
  readonly label: string;
  /** NO_SLOT or NO_ID_SLOT: the pool has no slot for the value. */
  readonly slot: number;
} & HeldValue;

type HeldValue = { readonly type: IdTypeName; readonly value: number } | { readonly type: IpBlockTypeName; readonly value: NetworkV4 };

const noSlotOf = ({ type }: Holding): number => (type in IdType ? NO_ID_SLOT : NO_SLOT);
export const isHeld = (holding: Holding): boolean => holding.slot !== noSlotOf(holding);

/** The slot of a value; undefined for one outside of its pool, or that is reserved there. */
export function slotOfValue({ extension }: OpenExtension, held: HeldValue): number | undefined {
  const slot = isId(held) ? idPool(extension, held.type)?.slotOf(held.value) : networkPool(extension, held.type)?.slotOf(held.value);
  return slot === undefined || poolOf(resourcePool(extension, held.type)).isReserved(slot) ? undefined : slot;
}

const isId = (held: HeldValue): held is HeldValue & { readonly type: IdTypeName } => held.type in IdType;

/** Throws SlotMismatch unless each slot is the one of its value. */
function requireOwnSlots(holdings: readonly Holding[]): void {
  if (holdings.some((holding) => (slotOfValue(holding.target, holding) ?? noSlotOf(holding)) !== holding.slot)) fail('SlotMismatch');
}

/** Gives an entity from before RFC-11 what SetResourceState marked for it. Throws when a slot is another's, free, or not the value's. */
export function claimAll(holdings: readonly Holding[]): void {
  requireOwnSlots(holdings);
  for (const { target, type, slot } of holdings.filter(isHeld)) {
    const problem = poolOf(resourcePool(target.extension, type)).claim(slot);
    if (problem !== undefined) failSlot(problem);
  }
  for (const target of new Set(holdings.map(({ target }) => target))) target.save();
}

/** Frees what an entity holds, in this order, with a log line. Throws SlotMismatch before anything is freed. */
export function releaseAll(frame: Frame, holdings: readonly Holding[]): void {
  requireOwnSlots(holdings);
  for (const { target, type, slot } of holdings.filter(isHeld)) release(frame, target, type, slot);
  for (const target of new Set(holdings.map(({ target }) => target))) target.save();
  frame.context.log(`Deallocated slots: ${holdings.map((one) => `${one.label} ${isHeld(one) ? one.slot : 'none'}`).join(', ')}`);
}

export const hostNetwork = (address: Ipv4): NetworkV4 => ({ address, prefixLength: 32 });

/** What a user holds of its device. */
export const heldByUser = (target: OpenExtension, user: User, slots: Omit<UserSlots, 'accessPassPk'>): readonly Holding[] => [
  { target, label: 'tunnel_id', type: 'tunnelId', value: user.tunnelId, slot: slots.tunnelIdSlot },
  { target, label: 'tunnel_net', type: 'userTunnelNet', value: user.tunnelNet, slot: slots.tunnelNetSlot },
  { target, label: 'dz_ip', type: 'dzIp', value: hostNetwork(user.dzIp), slot: slots.dzIpSlot },
];

/** What a link holds of its two devices and of the network. The account has one tunnel id, which is that of both sides. */
export const heldByLink = (
  a: OpenExtension,
  b: OpenExtension,
  network: OpenExtension,
  link: Link,
  slots: LinkSlots,
): readonly Holding[] => [
  { target: a, label: 'tunnel_id_a', type: 'tunnelId', value: link.tunnelId, slot: slots.tunnelIdSlotA },
  { target: b, label: 'tunnel_id_b', type: 'tunnelId', value: link.tunnelId, slot: slots.tunnelIdSlotB },
  { target: network, label: 'tunnel_net', type: 'linkTunnelNet', value: link.tunnelNet, slot: slots.tunnelNetSlot },
];

export const heldByGroup = (target: OpenExtension, { multicastIp }: MulticastGroup, slots: MulticastGroupSlots): readonly Holding[] => [
  { target, label: 'multicast', type: 'multicast', value: hostNetwork(multicastIp), slot: slots.multicastSlot },
];

/** The slots of a user that holds nothing, being banned. */
export const NO_USER_SLOTS = { tunnelIdSlot: NO_ID_SLOT, tunnelNetSlot: NO_SLOT, dzIpSlot: NO_SLOT } as const;

/**
 * The pass with one user more or less, and its status, as deployed: RFC-11's `active_user_count` by kind of user, never below zero. A pass that was
 * swept stays expired until it has a new user.
 */
export function countedOn(pass: AccessPass, { userType }: Pick<User, 'userType'>, by: 1 | -1): AccessPass {
  const isMulticast = userType === UserType.multicast;
  const connectionCount = Math.max(0, pass.connectionCount + by);
  const isSwept = by < 0 && pass.status === AccessPassStatus.expired;
  return {
    ...pass,
    connectionCount,
    unicastUserCount: Math.max(0, pass.unicastUserCount + (isMulticast ? 0 : by)),
    multicastUserCount: Math.max(0, pass.multicastUserCount + (isMulticast ? by : 0)),
    status: isSwept ? pass.status : connectionCount > 0 ? AccessPassStatus.connected : AccessPassStatus.disconnected,
  };
}

/** The device's counter for users of this kind. */
export function userCounterOf({ userType, publishers }: Pick<User, 'userType' | 'publishers'>) {
  if (userType !== UserType.multicast) return 'unicastUsersCount';
  return publishers.length > 0 ? 'multicastPublishersCount' : 'multicastSubscribersCount';
}

/** The device with one user more or less, counted by kind as deployed. */
export function withUserCounted(device: Device, user: Pick<User, 'userType' | 'publishers'>, by: 1 | -1): Device {
  const counter = userCounterOf(user);
  return { ...withReference(device, by), usersCount: Math.max(0, device.usersCount + by), [counter]: Math.max(0, device[counter] + by) };
}

/** The device with one user or link more or less that refers to it. */
export const withReference = (device: Device, by: 1 | -1): Device => ({
  ...device,
  referenceCount: Math.max(0, device.referenceCount + by),
});
