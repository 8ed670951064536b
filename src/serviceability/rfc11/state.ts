import { type AccessPass, decodeAccessPass } from '../access.ts';
import { decodeTenant, decodeTopology, type Link, type MulticastGroup, type Tenant, type Topology } from '../accounts.ts';
import { AccountType } from '../borsh.ts';
import { type Device, decodeDevice } from '../device.ts';
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
import type { User } from '../user.ts';
import {
  decodeInterfaceAccount,
  decodeLinkWithSlots,
  decodeMulticastGroupWithSlots,
  decodeResourceExtension,
  decodeUserWithSlots,
  INTERFACE_ACCOUNT_TYPE,
  type InterfaceAccount,
  type LinkSlots,
  type MulticastGroupSlots,
  RESOURCE_EXTENSION_ACCOUNT_TYPE,
  type ResourceExtension,
  type UserSlots,
  type WithSlots,
} from './accounts.ts';

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
  const network = {
    programId,
    config: undefined as GlobalConfig | undefined,
    globalState: undefined as GlobalState | undefined,
    devices: new Map<Address, Device>(),
    users: new Map<Address, WithSlots<User, UserSlots>>(),
    links: new Map<Address, WithSlots<Link, LinkSlots>>(),
    groups: new Map<Address, WithSlots<MulticastGroup, MulticastGroupSlots>>(),
    interfaces: new Map<Address, InterfaceAccount>(),
    tenants: new Map<Address, Tenant>(),
    topologies: new Map<Address, Topology>(),
    accessPasses: new Map<Address, AccessPass>(),
    deployedExtensions: new Map<Address, DeployedExtension>(),
    draftedExtensions: new Map<Address, { account: Address; extension: ResourceExtension }>(),
    unreadable: [] as UnreadableAccount[],
  };
  const readers: { readonly [type: number]: (account: Address, data: Uint8Array) => void } = {
    [AccountType.globalConfig]: (_, data) => {
      network.config = decodeGlobalConfig(data);
    },
    [AccountType.globalState]: (_, data) => {
      network.globalState = decodeGlobalState(data);
    },
    [AccountType.device]: (account, data) => network.devices.set(account, decodeDevice(data)),
    [AccountType.user]: (account, data) => network.users.set(account, decodeUserWithSlots(data)),
    [AccountType.link]: (account, data) => network.links.set(account, decodeLinkWithSlots(data)),
    [AccountType.multicastGroup]: (account, data) => network.groups.set(account, decodeMulticastGroupWithSlots(data)),
    [INTERFACE_ACCOUNT_TYPE]: (account, data) => network.interfaces.set(account, decodeInterfaceAccount(data)),
    [AccountType.tenant]: (account, data) => network.tenants.set(account, decodeTenant(data)),
    [AccountType.topology]: (account, data) => network.topologies.set(account, decodeTopology(data)),
    [AccountType.accessPass]: (account, data) => network.accessPasses.set(account, decodeAccessPass(data)),
    [AccountType.resourceExtension]: (account, data) => network.deployedExtensions.set(account, decodeDeployedExtension(data)),
    [RESOURCE_EXTENSION_ACCOUNT_TYPE]: (account, data) => {
      const extension = decodeResourceExtension(data);
      network.draftedExtensions.set(extension.associatedWith, { account, extension });
    },
  };
  for (const [account, data] of accounts) {
    try {
      readers[data[0] ?? AccountType.none]?.(account, data);
    } catch (error) {
      if (!(error instanceof ServiceabilityError)) throw error;
      network.unreadable.push({ account, problem: error.message });
    }
  }
  return network;
}
