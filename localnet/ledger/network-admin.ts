import {
  type AccessPass,
  type Address,
  accessPassAddress,
  contributorAddress,
  currentInterfaces,
  type Device,
  type DeviceInterface,
  decodeAccessPass,
  decodeDevice,
  decodeGlobalState,
  decodeLink,
  decodeMulticastGroup,
  encodeAccessPass,
  encodeDevice,
  encodeGlobalState,
  encodeLink,
  encodeMulticastGroup,
  exchangeAddress,
  type FullInterface,
  globalStateAddress,
  type Ipv4,
  ipv4FromNumber,
  type Link,
  LinkStatus,
  LinkType,
  linkAddress,
  locationAddress,
  type MulticastGroup,
  MulticastGroupStatus,
  multicastGroupAddress,
  nanoseconds,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import * as rfc11 from '../../src/serviceability/rfc11/index.ts';
import { withReference } from '../rfc11/state.ts';
import { type DeployedWorld, newContributor, newExchange, newLocation } from './deployed-world.ts';
import { type Authority, newPass, physicalInterface, WorldError } from './factories.ts';

interface Coded {
  readonly code: string;
}

export interface NewPass {
  /** The key that may create and delete users with it, and that pays for them; it gets 10 SOL if it has none. */
  readonly userPayer: Address;
  /** The only client address that it is for; any without one. */
  readonly clientIp?: Ipv4 | undefined;
  /** How many epochs after this one it is valid; without end without it. */
  readonly epochs?: number | undefined;
  /** Users of each kind, 65,535 without it. */
  readonly maxUsers?: number | undefined;
}

export interface NewInterface {
  readonly device: Address;
  readonly name: string;
  readonly kind: 'loopback' | 'physical';
  /** Gives a loopback a DoubleZero address. */
  readonly withAddress?: boolean | undefined;
}

interface NetworkAdminOptions {
  readonly programId: Address;
  readonly derive: rfc11.Derive;
  readonly foundation: Authority;
  readonly contributor: Authority;
  /** The accounts of a deployed network, where there are any. */
  readonly deployed: DeployedWorld | undefined;
  readonly epoch: () => bigint;
  readonly read: <T>(address: Address, decode: (data: Uint8Array) => T) => T | undefined;
  readonly write: (address: Address, data: Uint8Array) => void;
  /** Gives the key lamports to pay with if it has none. */
  readonly fundNew: (key: Address) => void;
}

const TEN_GIGABIT = 10_000_000_000n;
const LINK_SHAPE = {
  linkType: LinkType.wan,
  bandwidth: TEN_GIGABIT,
  mtu: 9_000,
  delayNs: nanoseconds(1_000_000),
  jitterNs: nanoseconds(10_000),
  sideAIfaceName: 'Ethernet1',
  sideZIfaceName: 'Ethernet1',
} as const;
const READY_FOR_SERVICE = 2;
const DESIRED_ACTIVATED = 1;
const VPNV4_LOOPBACK = 1;
const GROUP_BANDWIDTH = 1_000_000_000n;

/**
 * Makes what a network has besides devices, tenants and users. Links, interfaces and groups are made by RFC-11's instructions where the devices have
 * their extensions, signed by the localnet's contributor or by the foundation, and as the deployed program leaves them otherwise. The rest has the effects
 * of the deployed instructions. Methods throw WorldError, with the program's error when it refuses.
 */
export type NetworkAdmin = ReturnType<typeof createNetworkAdmin>;

export function createNetworkAdmin(options: NetworkAdminOptions) {
  const { programId, derive, foundation, contributor, deployed, epoch, read, write, fundNew } = options;
  const existing = (device: Address): Device => {
    const found = read(device, decodeDevice);
    if (found === undefined) throw new WorldError(`no device at ${device}`);
    return found;
  };
  const hasExtension = (associatedWith?: Address): boolean =>
    read(rfc11.resourceExtensionAddress(programId, associatedWith, derive).address, rfc11.decodeResourceExtension) !== undefined;

  const extended = (associatedWith?: Address): void => {
    if (!hasExtension(associatedWith))
      throw new WorldError(`${associatedWith ?? 'the network'} has no extension of RFC-11; migrate it first`);
  };

  function nextIndex(): bigint {
    const { address } = globalStateAddress(programId);
    const state = read(address, decodeGlobalState);
    if (state === undefined) throw new WorldError('the network has no GlobalState');
    const accountIndex = state.accountIndex + 1n;
    write(address, encodeGlobalState({ ...state, accountIndex }));
    return accountIndex;
  }

  function create(code: string, owner: Address, addressAt: typeof contributorAddress, encode: typeof newContributor): Address {
    const index = nextIndex();
    const { address } = addressAt(programId, index);
    write(address, encode({ programId, owner, index, code }));
    return address;
  }

  /** The lowest free value of a deployed pool, with the `step` - 1 after it, taken. */
  function take(kind: Parameters<DeployedWorld['take']>[0], step = 1): number {
    const value = deployed?.lowestFree(kind, step);
    if (deployed === undefined || value === undefined) throw new WorldError(deployed === undefined ? NO_POOL : `${kind} has no free value`);
    deployed.take(kind, ...Array.from({ length: step }, (_, n) => value + n));
    return value;
  }

  function deployedLink(deviceA: Address, deviceZ: Address, code: string): Address {
    if (deviceA === deviceZ) throw new WorldError('a link needs two different devices');
    const index = nextIndex();
    const { address, bump } = linkAddress(programId, index);
    const link: Link = {
      ...LINK_SHAPE,
      owner: contributor.address,
      index,
      bumpSeed: bump,
      sideAPk: deviceA,
      sideZPk: deviceZ,
      tunnelId: take('linkids'),
      tunnelNet: { address: ipv4FromNumber(take('devicetunnelblock', 2)), prefixLength: 31 },
      status: LinkStatus.activated,
      code,
      contributorPk: existing(deviceA).contributorPk,
      delayOverrideNs: nanoseconds(0),
      linkHealth: READY_FOR_SERVICE,
      desiredStatus: DESIRED_ACTIVATED,
      linkTopologies: [],
      linkFlags: 0,
    };
    write(address, encodeLink(link));
    for (const device of [deviceA, deviceZ]) write(device, encodeDevice(withReference(existing(device), 1)));
    return address;
  }

  function embeddedInterface({ device, name, kind, withAddress }: NewInterface): Address {
    const found = existing(device);
    if (currentInterfaces(found).some((one) => one.kind === 'known' && one.name === name))
      throw new WorldError(`${device} already has an interface ${name}`);
    const isLoopback = kind === 'loopback';
    if (withAddress === true && !isLoopback) throw new WorldError('only a loopback gets an address');
    const added: FullInterface = {
      ...physicalInterface(name),
      ...(isLoopback && {
        interfaceType: rfc11.InterfaceType.loopback,
        loopbackType: VPNV4_LOOPBACK,
        nodeSegmentIdx: take('segmentroutingids'),
      }),
      ipNet: withAddress === true ? { address: ipv4FromNumber(take('devicetunnelblock')), prefixLength: 32 } : UNSPECIFIED_NETWORK,
    };
    const current: DeviceInterface = { kind: 'known', ...added, flexAlgoNodeSegments: [], surplus: new Uint8Array() };
    const deprecatedInterfaces = [...found.deprecatedInterfaces, { layout: 1 as const, ...added }];
    write(device, encodeDevice({ ...found, deprecatedInterfaces, interfaces: [...found.interfaces, current] }));
    return device;
  }

  function deployedGroup(code: string): Address {
    const index = nextIndex();
    const { address, bump } = multicastGroupAddress(programId, index);
    const group: MulticastGroup = {
      owner: foundation.address,
      index,
      bumpSeed: bump,
      tenantPk: ZERO_ADDRESS,
      multicastIp: ipv4FromNumber(take('multicastgroupblock')),
      maxBandwidth: GROUP_BANDWIDTH,
      status: MulticastGroupStatus.activated,
      code,
      publisherCount: 0,
      subscriberCount: 0,
    };
    write(address, encodeMulticastGroup(group));
    return address;
  }

  return {
    createContributor({ code, owner }: Coded & { readonly owner: Address }): Address {
      fundNew(owner);
      return create(code, owner, contributorAddress, newContributor);
    },
    createLocation: ({ code }: Coded): Address => create(code, foundation.address, locationAddress, newLocation),
    createExchange: ({ code }: Coded): Address => create(code, foundation.address, exchangeAddress, newExchange),
    createPass({ userPayer, clientIp = UNSPECIFIED_IPV4, epochs, maxUsers }: NewPass): Address {
      const { address, bump } = accessPassAddress(programId, clientIp, userPayer);
      if (read(address, decodeAccessPass) !== undefined)
        throw new WorldError(`${userPayer} already has a pass for ${clientIp}: ${address}`);
      const unlimited = newPass(foundation.address, userPayer, bump);
      const pass: AccessPass = {
        ...unlimited,
        clientIp,
        lastAccessEpoch: epochs === undefined ? unlimited.lastAccessEpoch : epoch() + BigInt(epochs),
        maxUnicastUsers: maxUsers ?? unlimited.maxUnicastUsers,
        maxMulticastUsers: maxUsers ?? unlimited.maxMulticastUsers,
      };
      write(address, encodeAccessPass(pass));
      fundNew(userPayer);
      return address;
    },
    /** Makes the epoch before this one the pass's last. */
    expirePass(address: Address): void {
      const pass = read(address, decodeAccessPass);
      if (pass === undefined) throw new WorldError(`no access pass at ${address}`);
      const now = epoch();
      if (now === 0n) throw new WorldError('the chain is in its first epoch, before which none can end; start with --slots-per-epoch 100');
      write(address, encodeAccessPass({ ...pass, lastAccessEpoch: now - 1n }));
    },
    createLink({ deviceA, deviceZ, code }: Coded & { readonly deviceA: Address; readonly deviceZ: Address }): Address {
      const [a, z] = [existing(deviceA), existing(deviceZ)];
      if (!hasExtension(deviceA) || !hasExtension(deviceZ)) return deployedLink(deviceA, deviceZ, code);
      const ends = { programId, deviceA, deviceB: deviceZ, contributorA: a.contributorPk, contributorB: z.contributorPk };
      const link = rfc11.linkAddress(programId, deviceA, deviceZ, derive).address;
      contributor.send(rfc11.createAndActivateLink({ ...ends, ...LINK_SHAPE, link, payer: contributor.address, code }));
      return link;
    },
    /** Returns the interface's account, or the device's where the device's account contains its interfaces. */
    createInterface(input: NewInterface): Address {
      const { device, name, kind, withAddress = false } = input;
      const { contributorPk } = existing(device);
      if (!hasExtension(device)) return embeddedInterface(input);
      const address = rfc11.interfaceAddress(programId, device, name, derive).address;
      const isLoopback = kind === 'loopback';
      contributor.send(
        rfc11.createAndActivateInterface({
          programId,
          interface: address,
          device,
          contributor: contributorPk,
          authority: contributor.address,
          payer: contributor.address,
          name,
          interfaceType: isLoopback ? rfc11.InterfaceType.loopback : rfc11.InterfaceType.physical,
          loopbackType: isLoopback ? VPNV4_LOOPBACK : 0,
          bandwidth: isLoopback ? 0n : TEN_GIGABIT,
          mtu: LINK_SHAPE.mtu,
          vlanId: 0,
          withDzIp: withAddress ? 1 : 0,
        }),
      );
      return address;
    },
    createGroup({ code }: Coded): Address {
      const extension = read(rfc11.resourceExtensionAddress(programId, undefined, derive).address, rfc11.decodeResourceExtension);
      if (extension === undefined) return deployedGroup(code);
      const multicastIp = rfc11.nextMulticastIp(extension);
      if (multicastIp === undefined) throw new WorldError('the network has no free group address');
      const authority = foundation.address;
      const about = { programId, multicastIp, authority, payer: authority, code, maxBandwidth: GROUP_BANDWIDTH, owner: ZERO_ADDRESS };
      foundation.send(rfc11.createAndActivateMulticastGroup(about));
      return rfc11.multicastGroupAddress(programId, multicastIp, derive).address;
    },
    /** The deletions are by RFC-11's instructions alone, which free the slots: a device as deployed has to be migrated first. */
    deleteLink(link: Address): void {
      const found = read(link, decodeLink);
      if (found === undefined) throw new WorldError(`no link at ${link}`);
      const { sideAPk: deviceA, sideZPk: deviceB } = found;
      for (const side of [deviceA, deviceB]) extended(side);
      contributor.send(rfc11.deleteLink({ programId, link, deviceA, deviceB, authority: contributor.address }));
    },
    deleteInterface({ device, name }: Pick<NewInterface, 'device' | 'name'>): void {
      const { contributorPk, ...found } = existing(device);
      extended(device);
      const address = rfc11.interfaceAddress(programId, device, name, derive).address;
      const isInside = found.interfaces.some((each) => each.kind === 'known' && each.name === name);
      if (!isInside && read(address, rfc11.decodeInterfaceAccount) === undefined)
        throw new WorldError(`${device} has no interface ${name}`);
      const about = { programId, interface: address, device, contributor: contributorPk, authority: contributor.address };
      contributor.send(rfc11.deleteInterface(about));
    },
    deleteGroup(group: Address): void {
      if (read(group, decodeMulticastGroup) === undefined) throw new WorldError(`no group at ${group}`);
      extended();
      foundation.send(rfc11.deleteMulticastGroup({ programId, group, authority: foundation.address }));
    },
    deleteDevice(device: Address): void {
      const { contributorPk } = existing(device);
      extended(device);
      contributor.send(rfc11.deleteDevice({ programId, device, contributor: contributorPk, authority: contributor.address }));
    },
  };
}

const NO_POOL = 'the device has no extension of RFC-11, and the network no pools as deployed';
