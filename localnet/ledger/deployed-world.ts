import {
  AccessPassStatus,
  type Address,
  accessPassAddress,
  ContributorStatus,
  contributorAddress,
  type Device,
  decodeAccessPass,
  decodeContributor,
  decodeExchange,
  decodeGlobalState,
  decodeLocation,
  decodeTenant,
  encodeAccessPass,
  encodeContributor,
  encodeExchange,
  encodeGlobalState,
  encodeLocation,
  encodeResourceExtension,
  encodeTenant,
  exchangeAddress,
  globalStateAddress,
  ipv4ToNumber,
  locationAddress,
  type NetworkV4,
  PlaceStatus,
  parseNetworkV4,
  type ResourceAllocator,
  type ResourcePool,
  resourceExtensionAddress,
  type Tenant,
  type User,
  UserStatus,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { countedOn } from '../rfc11/state.ts';
import { newPass } from './factories.ts';

/** Address blocks of GlobalConfig on a DoubleZero localnet. */
export const BLOCKS = {
  deviceTunnel: parseNetworkV4('172.16.0.0/16'),
  userTunnel: parseNetworkV4('169.254.0.0/16'),
  multicastGroup: parseNetworkV4('233.84.178.0/24'),
  multicastPublisher: parseNetworkV4('198.19.248.0/24'),
} as const;

/** The second half of the metro's BGP community; the program gives out numbers from here on. */
export const FIRST_BGP_COMMUNITY = 10_000;
/** Ranges of the numbers that the program allocates, the end exclusive. */
const IDS = { linkids: [0, 65_535], segmentroutingids: [1, 65_535], vrfids: [1, 1_024], admingroupbits: [1, 127] } as const;
const TUNNEL_IDS = [500, 4_596] as const;
/** Account indexes of Location, Exchange and Contributor; those of devices follow. */
const [LOCATION, EXCHANGE, CONTRIBUTOR] = [1n, 2n, 3n];
export const FIRST_DEVICE_INDEX = 4;
const BYTES_PER_WORD = 8;

/** One ResourceExtension account: a bit for each address or number, taken as often as something holds it. */
class Pool {
  readonly #holders = new Map<number, number>();
  readonly #base: number;
  readonly #bitmap: Uint8Array;

  constructor(
    readonly address: Address,
    readonly bump: number,
    readonly associatedWith: Address,
    readonly range: NetworkV4 | readonly [first: number, end: number],
  ) {
    const isNetwork = 'address' in range;
    this.#base = isNetwork ? ipv4ToNumber(range.address) : range[0];
    const size = isNetwork ? 2 ** (32 - range.prefixLength) : range[1] - range[0];
    this.#bitmap = new Uint8Array(Math.ceil(size / 64) * BYTES_PER_WORD);
  }

  /** Takes (1) or gives back (-1) a value; one outside the pool is ignored. */
  hold(value: number, by: 1 | -1): void {
    const bit = value - this.#base;
    if (bit < 0 || bit >= this.#bitmap.length * 8) return;
    const holders = Math.max(0, (this.#holders.get(bit) ?? 0) + by);
    this.#holders.set(bit, holders);
    const mask = 1 << (bit & 7);
    const byte = this.#bitmap[bit >>> 3] ?? 0;
    this.#bitmap[bit >>> 3] = holders > 0 ? byte | mask : byte & ~mask;
  }

  /** The lowest value that is free with the `step` - 1 after it. */
  lowestFree(step: number): number | undefined {
    const end = this.#bitmap.length * 8;
    const isFree = (bit: number): boolean => ((this.#bitmap[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0;
    for (let bit = 0; bit + step <= end; bit += step) {
      if (Array.from({ length: step }, (_, n) => bit + n).every(isFree)) return this.#base + bit;
    }
    return undefined;
  }

  encode(owner: Address): Uint8Array {
    // A hint: the first word that is not full.
    const firstFree = BigInt(
      Math.floor(
        Math.max(
          0,
          this.#bitmap.findIndex((byte) => byte !== 0xff),
        ) / BYTES_PER_WORD,
      ),
    );
    const allocator: ResourceAllocator =
      'address' in this.range
        ? { kind: 'addresses', baseNet: this.range, firstFreeIndex: firstFree }
        : { kind: 'ids', rangeStart: this.range[0], rangeEnd: this.range[1], firstFreeIndex: firstFree };
    return encodeResourceExtension({
      owner,
      bumpSeed: this.bump,
      associatedWith: this.associatedWith,
      allocator,
      bitmap: this.#bitmap,
    });
  }
}

/** The places and the contributor that every device refers to. */
export interface Places {
  readonly location: Address;
  readonly exchange: Address;
  readonly contributor: Address;
}

export const placesOf = (programId: Address): Places => ({
  location: locationAddress(programId, LOCATION).address,
  exchange: exchangeAddress(programId, EXCHANGE).address,
  contributor: contributorAddress(programId, CONTRIBUTOR).address,
});

/** Their accounts. */
export function placeAccounts(programId: Address, owner: Address, contributorOwner: Address): ReadonlyMap<Address, Uint8Array> {
  const { location, exchange, contributor } = placesOf(programId);
  return new Map([
    [location, newLocation({ programId, owner, index: LOCATION, code: 'lo-loc' })],
    [exchange, newExchange({ programId, owner, index: EXCHANGE, code: 'lo-ex' })],
    [contributor, newContributor({ programId, owner: contributorOwner, index: CONTRIBUTOR, code: 'lo-co' })],
  ]);
}

interface NewPlace {
  readonly programId: Address;
  readonly owner: Address;
  readonly index: bigint;
  readonly code: string;
}

const PLACE = { lat: 50.11, lng: 8.68, status: PlaceStatus.activated, referenceCount: 0, name: 'Localnet' };

export const newLocation = ({ programId, ...place }: NewPlace): Uint8Array =>
  encodeLocation({
    ...PLACE,
    ...place,
    bumpSeed: locationAddress(programId, place.index).bump,
    locId: Number(place.index),
    country: 'DE',
  });

export const newExchange = ({ programId, ...place }: NewPlace): Uint8Array =>
  encodeExchange({
    ...PLACE,
    ...place,
    bumpSeed: exchangeAddress(programId, place.index).bump,
    bgpCommunity: FIRST_BGP_COMMUNITY + Number(place.index - EXCHANGE),
    unused: 0,
    device1Pk: ZERO_ADDRESS,
    device2Pk: ZERO_ADDRESS,
  });

export const newContributor = ({ programId, ...contributor }: NewPlace): Uint8Array =>
  encodeContributor({
    ...contributor,
    bumpSeed: contributorAddress(programId, contributor.index).bump,
    status: ContributorStatus.activated,
    referenceCount: 0,
    opsManagerPk: contributor.owner,
  });

interface DeployedWorldOptions {
  readonly programId: Address;
  readonly owner: Address;
  readonly read: <T>(address: Address, decode: (data: Uint8Array) => T) => T | undefined;
  readonly write: (address: Address, data: Uint8Array) => void;
}

/**
 * What the deployed program keeps besides devices, tenants and users: the places and the contributor that devices refer to, an access pass a user, and
 * the ten kinds of resource pools, whose bits are those of the users' tunnels, ids and addresses.
 */
export class DeployedWorld {
  readonly #options: DeployedWorldOptions;
  readonly #pools = new Map<string, Pool>();

  constructor(options: DeployedWorldOptions) {
    this.#options = options;
    this.#addPool({ kind: 'devicetunnelblock' }, BLOCKS.deviceTunnel);
    this.#addPool({ kind: 'usertunnelblock' }, BLOCKS.userTunnel);
    this.#addPool({ kind: 'multicastgroupblock' }, BLOCKS.multicastGroup);
    this.#addPool({ kind: 'multicastpublisherblock' }, BLOCKS.multicastPublisher);
    for (const kind of ['linkids', 'segmentroutingids', 'vrfids', 'admingroupbits'] as const) this.#addPool({ kind }, IDS[kind]);
  }

  /** Writes the accounts that a network has before its first device, besides the places. */
  begin(): void {
    for (const pool of this.#pools.values()) this.#write(pool);
    this.#countAccount(CONTRIBUTOR);
  }

  /** Gives a new device its pools, and counts what refers to what. */
  addDevice(address: Address, device: Device): void {
    for (const pool of this.adoptDevice(address, device)) this.#write(pool);
    const { location, exchange, contributor } = placesOf(this.#options.programId);
    this.#change(location, decodeLocation, encodeLocation, (it) => ({ ...it, referenceCount: it.referenceCount + 1 }));
    this.#change(contributor, decodeContributor, encodeContributor, (it) => ({ ...it, referenceCount: it.referenceCount + 1 }));
    this.#change(exchange, decodeExchange, encodeExchange, (it) => ({
      ...it,
      referenceCount: it.referenceCount + 1,
      device1Pk: it.device1Pk === ZERO_ADDRESS ? address : it.device1Pk,
    }));
    this.#countAccount(device.index);
  }

  /** Remembers a device's pools: its tunnel ids, and one block a prefix, whose first address is the device's own. */
  adoptDevice(device: Address, { dzPrefixes }: Device): readonly Pool[] {
    const blocks = dzPrefixes.map((prefix, index) => {
      const block = this.#addPool({ kind: 'dzprefixblock', device, index: BigInt(index) }, prefix);
      block.hold(ipv4ToNumber(prefix.address), 1);
      return block;
    });
    return [this.#addPool({ kind: 'tunnelids', device, index: 0n }, TUNNEL_IDS), ...blocks];
  }

  addTenant(tenant: Tenant): void {
    this.adoptTenant(tenant);
    const pool = this.#pools.get('vrfids');
    if (pool !== undefined) this.#write(pool);
  }

  adoptTenant({ vrfId }: Tenant): void {
    this.#pools.get('vrfids')?.hold(vrfId, 1);
  }

  /** The lowest value of a pool that is free with the `step` - 1 after it; undefined when all are taken. */
  lowestFree(kind: 'linkids' | 'segmentroutingids' | 'devicetunnelblock' | 'multicastgroupblock', step = 1): number | undefined {
    return this.#pools.get(kind)?.lowestFree(step);
  }

  /** Takes values of a pool for a link, a group or an interface. */
  take(kind: 'linkids' | 'segmentroutingids' | 'devicetunnelblock' | 'multicastgroupblock', ...values: readonly number[]): void {
    const pool = this.#pools.get(kind);
    for (const value of values) pool?.hold(value, 1);
    if (pool !== undefined) this.#write(pool);
  }

  addUser(user: User): void {
    this.#hold(user, 1);
    this.#connect(user, 1);
  }

  removeUser(user: User): void {
    this.#hold(user, -1);
    this.#connect(user, -1);
  }

  /** A change of a user's resources, which a ban gives back. */
  moveUser(before: User, after: User): void {
    this.#hold(before, -1);
    this.#hold(after, 1);
  }

  /** Takes the resources of a restored user; its accounts are there already. */
  adoptUser(user: User): void {
    for (const [pool, value] of this.#resourcesOf(user)) pool.hold(value, 1);
  }

  #hold(user: User, by: 1 | -1): void {
    const resources = this.#resourcesOf(user);
    for (const [pool, value] of resources) pool.hold(value, by);
    for (const pool of new Set(resources.map(([one]) => one))) this.#write(pool);
    if (user.tenantPk === ZERO_ADDRESS) return;
    this.#change(user.tenantPk, decodeTenant, encodeTenant, (it) => ({ ...it, referenceCount: Math.max(0, it.referenceCount + by) }));
  }

  #resourcesOf({ devicePk, tunnelId, tunnelNet, dzIp, status }: User): readonly (readonly [Pool, number])[] {
    if (status === UserStatus.banned) return [];
    const found: (readonly [Pool | undefined, number])[] = [[this.#pools.get(`tunnelids ${devicePk} 0`), tunnelId]];
    const net = ipv4ToNumber(tunnelNet.address);
    if (tunnelNet.prefixLength === 31) for (const address of [net, net + 1]) found.push([this.#pools.get('usertunnelblock'), address]);
    // The address of an IBRL user is its own, outside all of these.
    for (let index = 0, block: Pool | undefined; ; index += 1) {
      block = this.#pools.get(`dzprefixblock ${devicePk} ${index}`);
      if (block === undefined) break;
      found.push([block, ipv4ToNumber(dzIp)]);
    }
    found.push([this.#pools.get('multicastpublisherblock'), ipv4ToNumber(dzIp)]);
    return found.flatMap(([pool, value]) => (pool === undefined ? [] : [[pool, value] as const]));
  }

  /** The user's own access pass: connected while it has a user. */
  #connect({ clientIp, owner, userType }: User, by: 1 | -1): void {
    const { programId, read, write } = this.#options;
    const { address, bump } = accessPassAddress(programId, clientIp, owner);
    const pass = read(address, decodeAccessPass) ?? {
      ...newPass(this.#options.owner, owner, bump),
      clientIp,
      status: AccessPassStatus.disconnected,
      maxUnicastUsers: 1,
      maxMulticastUsers: 1,
    };
    write(address, encodeAccessPass(countedOn(pass, { userType }, by)));
  }

  #addPool(pool: ResourcePool, range: Pool['range']): Pool {
    const { address, bump } = resourceExtensionAddress(this.#options.programId, pool);
    const isOfDevice = 'device' in pool;
    const created = new Pool(address, bump, isOfDevice ? pool.device : ZERO_ADDRESS, range);
    this.#pools.set(isOfDevice ? `${pool.kind} ${pool.device} ${pool.index}` : pool.kind, created);
    return created;
  }

  #write(pool: Pool): void {
    this.#options.write(pool.address, pool.encode(this.#options.owner));
  }

  #countAccount(index: bigint): void {
    const { address } = globalStateAddress(this.#options.programId);
    const later = (before: bigint): bigint => (index > before ? index : before);
    this.#change(address, decodeGlobalState, encodeGlobalState, (it) => ({ ...it, accountIndex: later(it.accountIndex) }));
  }

  #change<T>(address: Address, decode: (data: Uint8Array) => T, encode: (value: T) => Uint8Array, change: (value: T) => T): void {
    const value = this.#options.read(address, decode);
    if (value !== undefined) this.#options.write(address, encode(change(value)));
  }
}
