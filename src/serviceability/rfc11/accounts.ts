import {
  type AccessPass,
  decodeAccessPass,
  decodeLink,
  decodeMulticastGroup,
  decodeTenant,
  decodeTopology,
  encodeLink,
  encodeMulticastGroup,
  type Link,
  type MulticastGroup,
  type Tenant,
  type Topology,
} from '../accounts.ts';
import {
  AccountReader,
  AccountType,
  AccountWriter,
  type Fields,
  key,
  type Layout,
  option,
  readFields,
  u8,
  u16,
  u32,
  writeFields,
} from '../borsh.ts';
import { type Device, decodeDevice, type FullInterface, INTERFACE_LAYOUT } from '../device.ts';
import { UNSPECIFIED_IPV4 } from '../network.ts';
import {
  type ResourceExtension as DeployedExtension,
  decodeResourceExtension as decodeDeployedExtension,
  decodeGlobalConfig,
  decodeGlobalState,
  type GlobalConfig,
  type GlobalState,
} from '../program-accounts.ts';
import { type Address, ServiceabilityError } from '../units.ts';
import { decodeUser, encodeUser, type User } from '../user.ts';
import { decodeResourceExtension, RESOURCE_EXTENSION_ACCOUNT_TYPE, type ResourceExtension } from './resource-extension.ts';

/**
 * Byte 0 of an Interface account. The deployed program stores interfaces in the device's account and has no such type; 160 is far from the
 * numbers that it may still assign.
 */
export const INTERFACE_ACCOUNT_TYPE = 160;

/** Byte values of an interface's type (Interface layout). */
export const InterfaceType = { loopback: 1, physical: 2 } as const;
/** Byte values of an interface's status (Interface layout). */
export const InterfaceStatus = { activated: 3, unlinked: 6 } as const;

/** RFC-11's Interface account: an interface in the deployed interface layout, with its slots. */
export interface InterfaceAccount extends Fields<typeof INTERFACE_HEAD>, FullInterface, Fields<typeof INTERFACE_SLOTS> {}

const INTERFACE_HEAD = { owner: key, bumpSeed: u8, devicePk: key };

const INTERFACE_SLOTS = {
  /** In the device's SegmentRoutingId. */
  segmentRoutingSlot: option(u16),
  /** In the device's DzIp. */
  dzIpSlot: option(u32),
};

const INTERFACE_ACCOUNT_LAYOUT: Layout<InterfaceAccount> = { ...INTERFACE_HEAD, ...INTERFACE_LAYOUT, ...INTERFACE_SLOTS };

/** Reads an Interface account of RFC-11. Throws ServiceabilityError `ACCOUNT__INCONSISTENT` for anything else. */
export function decodeInterfaceAccount(data: Uint8Array): InterfaceAccount {
  const reader = new AccountReader(data);
  const type = reader.u8();
  const account = readFields(INTERFACE_ACCOUNT_LAYOUT, reader);
  if (type === INTERFACE_ACCOUNT_TYPE && !reader.cut) return account;
  throw new ServiceabilityError('ACCOUNT__INCONSISTENT', { what: 'an Interface of RFC-11', problem: `its type byte is ${type}` });
}

/** The account's bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeInterfaceAccount(account: InterfaceAccount): Uint8Array {
  const writer = new AccountWriter().u8(INTERFACE_ACCOUNT_TYPE);
  writeFields(INTERFACE_ACCOUNT_LAYOUT, writer, account);
  return writer.finish();
}

/*
 * RFC-11 appends its fields to the deployed layout, so deployed readers ignore them:
 *
 *   | deployed layout | slot fields |        an account without slot fields predates RFC-11
 */

/** In a slot field of four bytes: no slot, because the value is outside the pool (an IBRL user's own address) or was released (a banned user's). */
export const NO_SLOT = 0xffff_ffff;
/** In a slot field of two bytes: no slot, because the id is outside the pool (a link's id from the deployed LinkIds) or was released. */
export const NO_ID_SLOT = 0xffff;

/** The slots of a user. NO_SLOT and NO_ID_SLOT stand for a value outside its pool. */
export interface UserSlots extends Fields<typeof USER_SLOTS> {}

const USER_SLOTS = {
  /** In the device's UserTunnelNet. */
  tunnelNetSlot: u32,
  /** In the device's DzIp. */
  dzIpSlot: u32,
  /** In the device's TunnelId. */
  tunnelIdSlot: u16,
  /** The user's access pass. RFC-11 reads `user.accesspass_pk`, which the deployed layout lacks. */
  accessPassPk: key,
};

/** The slots of a link. NO_ID_SLOT stands for an id outside the pool. */
export interface LinkSlots extends Fields<typeof LINK_SLOTS> {}

const LINK_SLOTS = {
  /** In the network's LinkTunnelNet. */
  tunnelNetSlot: u32,
  /** In the TunnelId of the device on side A. */
  tunnelIdSlotA: u16,
  /** In the TunnelId of the device on side Z, which RFC-11 calls b. */
  tunnelIdSlotB: u16,
};

/** The slot of a multicast group. */
export interface MulticastGroupSlots extends Fields<typeof MULTICAST_GROUP_SLOTS> {}

const MULTICAST_GROUP_SLOTS = {
  /** In the network's Multicast. */
  multicastSlot: u32,
};

/** An account in the deployed layout with RFC-11's slots; `slots` is undefined for an account that predates RFC-11. */
export interface WithSlots<T, S> {
  readonly value: T;
  readonly slots: S | undefined;
}

/** Bytes of a user's slot fields. */
export const USER_SLOTS_LENGTH = 42;

/** Throws AccountDataError when the data is empty or of another type. */
export const decodeUserWithSlots = (data: Uint8Array): WithSlots<User, UserSlots> =>
  withTail(data, decodeUser, encodeUser, USER_SLOTS, USER_SLOTS_LENGTH);
/** Throws AccountDataError when the data is empty or of another type. */
export const decodeLinkWithSlots = (data: Uint8Array): WithSlots<Link, LinkSlots> => withTail(data, decodeLink, encodeLink, LINK_SLOTS, 8);
/** Throws AccountDataError when the data is empty or of another type. */
export const decodeMulticastGroupWithSlots = (data: Uint8Array): WithSlots<MulticastGroup, MulticastGroupSlots> =>
  withTail(data, decodeMulticastGroup, encodeMulticastGroup, MULTICAST_GROUP_SLOTS, 4);

/** The deployed layout, then the slots. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeUserWithSlots = ({ value, slots }: WithSlots<User, UserSlots>): Uint8Array =>
  append(encodeUser(value), USER_SLOTS, slots);
/** The deployed layout, then the slots. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeLinkWithSlots = ({ value, slots }: WithSlots<Link, LinkSlots>): Uint8Array =>
  append(encodeLink(value), LINK_SLOTS, slots);
/** The deployed layout, then the slots. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeMulticastGroupWithSlots = ({ value, slots }: WithSlots<MulticastGroup, MulticastGroupSlots>): Uint8Array =>
  append(encodeMulticastGroup(value), MULTICAST_GROUP_SLOTS, slots);

/** Reads the slot fields only if the remaining length matches `length` exactly: a former User layout ends with 28 other bytes. */
function withTail<T, S extends object>(
  data: Uint8Array,
  decode: (data: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  layout: Layout<S>,
  length: number,
): WithSlots<T, S> {
  const value = decode(data);
  const from = encode(value).length;
  return { value, slots: data.length === from + length ? readFields(layout, new AccountReader(data.subarray(from))) : undefined };
}

function append<S extends object>(deployed: Uint8Array, layout: Layout<S>, slots: S | undefined): Uint8Array {
  if (slots === undefined) return deployed;
  const writer = new AccountWriter().raw(deployed);
  writeFields(layout, writer, slots);
  return writer.finish();
}

/** An account that could not be decoded. */
export interface UnreadableAccount {
  readonly account: Address;
  readonly problem: string;
}

/** All accounts of a network that pools and their holders are read from, by address. */
export interface NetworkAccounts {
  readonly programId: Address;
  readonly config: GlobalConfig | undefined;
  readonly globalState: GlobalState | undefined;
  readonly devices: ReadonlyMap<Address, Device>;
  readonly users: ReadonlyMap<Address, WithSlots<User, UserSlots>>;
  readonly links: ReadonlyMap<Address, WithSlots<Link, LinkSlots>>;
  readonly groups: ReadonlyMap<Address, WithSlots<MulticastGroup, MulticastGroupSlots>>;
  /** Interface accounts of RFC-11; the deployed program keeps interfaces in the device's account. */
  readonly interfaces: ReadonlyMap<Address, InterfaceAccount>;
  readonly tenants: ReadonlyMap<Address, Tenant>;
  readonly topologies: ReadonlyMap<Address, Topology>;
  readonly accessPasses: ReadonlyMap<Address, AccessPass>;
  /** ResourceExtensions as deployed: one account a pool. */
  readonly deployedExtensions: ReadonlyMap<Address, DeployedExtension>;
  /** ResourceExtensions as drafted, by the device, or the zero address for the network's. */
  readonly draftedExtensions: ReadonlyMap<Address, { readonly account: Address; readonly extension: ResourceExtension }>;
  readonly unreadable: readonly UnreadableAccount[];
}

/** Finds the pass of a user from before RFC-11, whose account does not name it: its owner's pass for its client address, or else for any. */
export function createPassFinder({ accessPasses }: Pick<NetworkAccounts, 'accessPasses'>): (user: User) => Address | undefined {
  const passes = new Map([...accessPasses].map(([address, pass]) => [`${pass.userPayer} ${pass.clientIp}`, address]));
  return ({ owner, clientIp }) => passes.get(`${owner} ${clientIp}`) ?? passes.get(`${owner} ${UNSPECIFIED_IPV4}`);
}

/** Decodes the accounts of a program (getProgramAccounts). Keeps none of the bytes. Never throws for an account's content. */
export function readNetworkAccounts(programId: Address, accounts: Iterable<readonly [Address, Uint8Array]>): NetworkAccounts {
  const readers = new Map<number, (account: Address, data: Uint8Array) => void>();
  /** Registers a decoder, and returns the map that the loop below fills. */
  function ofType<T>(type: number, decode: (data: Uint8Array) => T): ReadonlyMap<Address, T> {
    const found = new Map<Address, T>();
    readers.set(type, (account, data) => found.set(account, decode(data)));
    return found;
  }
  const configs = ofType(AccountType.globalConfig, decodeGlobalConfig);
  const globalStates = ofType(AccountType.globalState, decodeGlobalState);
  const drafted = ofType(RESOURCE_EXTENSION_ACCOUNT_TYPE, decodeResourceExtension);
  const byAddress = {
    devices: ofType(AccountType.device, decodeDevice),
    users: ofType(AccountType.user, decodeUserWithSlots),
    links: ofType(AccountType.link, decodeLinkWithSlots),
    groups: ofType(AccountType.multicastGroup, decodeMulticastGroupWithSlots),
    interfaces: ofType(INTERFACE_ACCOUNT_TYPE, decodeInterfaceAccount),
    tenants: ofType(AccountType.tenant, decodeTenant),
    topologies: ofType(AccountType.topology, decodeTopology),
    accessPasses: ofType(AccountType.accessPass, decodeAccessPass),
    deployedExtensions: ofType(AccountType.resourceExtension, decodeDeployedExtension),
  };
  const unreadable: UnreadableAccount[] = [];
  for (const [account, data] of accounts) {
    try {
      readers.get(data[0] ?? AccountType.none)?.(account, data);
    } catch (error) {
      if (!(error instanceof ServiceabilityError)) throw error;
      unreadable.push({ account, problem: error.message });
    }
  }
  return {
    programId,
    config: [...configs.values()].at(-1),
    globalState: [...globalStates.values()].at(-1),
    ...byAddress,
    draftedExtensions: new Map([...drafted].map(([account, extension]) => [extension.associatedWith, { account, extension }])),
    unreadable,
  };
}
