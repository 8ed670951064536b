import { createHash } from 'node:crypto';
import {
  type AccessPass,
  type Address,
  accessPassAddress,
  type DeprecatedInterface,
  type Device,
  type DeviceInterface,
  decodeAccessPass,
  decodeDevice,
  encodeAccessPass,
  encodeDevice,
  type FullInterface,
  type Instruction,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  ipv4ToNumber,
  lamports,
  type NetworkV4,
  nanoseconds,
  programError,
  slot,
  type Tenant,
  UNLIMITED_EPOCH,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  type User,
  UserStatus,
  UserType,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import * as rfc11 from '../../src/serviceability/rfc11/index.ts';
import { rfc11Error } from '../../src/serviceability/rfc11/index.ts';
import { countedOn, withUserCounted } from '../rfc11/state.ts';
import type { Bank } from './bank.ts';
import { UNUSED_DEVICE } from './program-accounts.ts';
import { createAccount } from './runtime.ts';
import {
  COMPUTE_BUDGET_PROGRAM,
  createSigner,
  describeTransactionError,
  parseTransaction,
  SYSTEM_PROGRAM,
  signTransaction,
  type TransactionErrorJson,
} from './transaction.ts';

export interface NewDevice {
  /** The key that may write the status of this device's users. */
  readonly metricsPublisher: Address;
  /** At most 32 characters; `dz1`, `dz2`, … without one. */
  readonly code?: string | undefined;
  readonly publicIp?: Ipv4 | undefined;
  /** Where DoubleZero addresses come from; a /24 of 198.19.0.0/16 without it. */
  readonly dzPrefixes?: readonly NetworkV4[] | undefined;
  /** A DeviceStatus; activated without one. */
  readonly status?: number | undefined;
  /** How many interfaces it has: the account, and what reading it costs the program, grow with them. None without it. */
  readonly interfaces?: number | undefined;
}

/** Changes to a device; what is not named stays. */
export type DeviceChange = { readonly [K in keyof NewDevice]?: NewDevice[K] | undefined };

const ALLOCATED_ENDPOINTS = ipv4ToNumber(ipv4('198.19.255.0'));
const FIRST_DZ_PREFIX = ipv4ToNumber(ipv4('198.19.0.0'));

/** A device's account index, and the accounts that it refers to. */
interface DeviceReferences {
  readonly index: bigint;
  readonly location: Address;
  readonly exchange: Address;
  readonly contributor: Address;
}

/** The Device account number `serial` (from 1), with addresses from 198.18.0.0/15, which the program takes as routable and no network uses. */
export function newDevice(serial: number, bumpSeed: number, owner: Address, input: NewDevice, references: DeviceReferences): Device {
  return {
    ...UNUSED_DEVICE,
    owner,
    index: references.index,
    bumpSeed,
    deviceType: 0,
    mgmtVrf: 'management',
    locationPk: references.location,
    exchangePk: references.exchange,
    contributorPk: references.contributor,
    publicIp: input.publicIp ?? ipv4FromNumber(ALLOCATED_ENDPOINTS + serial),
    status: input.status ?? UNUSED_DEVICE.status,
    code: input.code ?? `dz${serial}`,
    dzPrefixes: input.dzPrefixes ?? [{ address: ipv4FromNumber(FIRST_DZ_PREFIX + serial * 256), prefixLength: 24 }],
    metricsPublisherPk: input.metricsPublisher,
    ...interfacesOf(input.interfaces ?? 0),
    maxUsers: 4096,
  };
}

export function changedDevice(device: Device, change: DeviceChange): Device {
  return {
    ...device,
    metricsPublisherPk: change.metricsPublisher ?? device.metricsPublisherPk,
    code: change.code ?? device.code,
    publicIp: change.publicIp ?? device.publicIp,
    status: change.status ?? device.status,
    ...(change.interfaces === undefined ? {} : interfacesOf(change.interfaces)),
  };
}

/** Both vectors, as the program writes them: each interface once in the old form and once in the new. */
function interfacesOf(count: number): {
  readonly deprecatedInterfaces: readonly DeprecatedInterface[];
  readonly interfaces: readonly DeviceInterface[];
} {
  const all = Array.from({ length: count }, (_, index) => physicalInterface(`Ethernet${index + 1}`));
  return {
    deprecatedInterfaces: all.map((element) => ({ layout: 1, ...element })),
    interfaces: all.map((element) => ({ kind: 'known', ...element, flexAlgoNodeSegments: [], surplus: new Uint8Array() })),
  };
}

/** An activated 10 GbE interface as the deployed program keeps it. */
export function physicalInterface(name: string): FullInterface {
  return {
    status: 3,
    name,
    interfaceType: 2,
    loopbackType: 0,
    vlanId: 0,
    ipNet: UNSPECIFIED_NETWORK,
    nodeSegmentIdx: 0,
    userTunnelEndpoint: false,
    cyoa: 0,
    dia: 0,
    bandwidth: 10_000_000_000n,
    cir: 0n,
    mtu: 9000,
    routingMode: 1,
  };
}

const MOST_USERS = 65_535;

/** A pass for any client address, without an end, for as many users as a pass can count. */
export const newPass = (owner: Address, userPayer: Address, bumpSeed: number): AccessPass => ({
  owner,
  bumpSeed,
  accessPassType: { kind: 'prepaid' },
  clientIp: UNSPECIFIED_IPV4,
  userPayer,
  lastAccessEpoch: UNLIMITED_EPOCH,
  connectionCount: 0,
  status: 0,
  mgroupPubAllowlist: [],
  mgroupSubAllowlist: [],
  flags: 0,
  tenantAllowlist: [],
  unicastUserCount: 0,
  maxUnicastUsers: MOST_USERS,
  multicastUserCount: 0,
  maxMulticastUsers: MOST_USERS,
});

/** Numbers from `first` up to `end` (exclusive), of which the lowest free one is given out, as the program's allocators do (RFC-11). */
type FreePool = ReturnType<typeof createFreePool>;

export function createFreePool(first: number, end: number) {
  const holders = new Map<number, number>();
  /** Every number of the range below it is taken. */
  let hint = first;

  const take = (value: number): void => void holders.set(value, (holders.get(value) ?? 0) + 1);
  return {
    /** Takes the lowest free number; undefined when all are taken. */
    takeLowest(): number | undefined {
      while (holders.has(hint)) hint += 1;
      if (hint >= end) return undefined;
      take(hint);
      return hint;
    },
    /** Takes this very number, in the range or not. One that is taken is then taken once more, and free after as many releases. */
    take,
    /** Gives a number back; nothing when it is free. */
    release(value: number): void {
      const left = (holders.get(value) ?? 0) - 1;
      if (left > 0) holders.set(value, left);
      else if (holders.delete(value) && value >= first && value < hint) hint = value;
    },
  };
}

const PAID = 1;

export function newTenant({
  code,
  vrfId,
  bumpSeed,
  owner,
}: Pick<Tenant, 'code' | 'vrfId' | 'bumpSeed'> & { readonly owner: Address }): Tenant {
  return {
    owner,
    bumpSeed,
    code,
    vrfId,
    referenceCount: 0,
    administrators: [owner],
    paymentStatus: PAID,
    tokenAccount: ZERO_ADDRESS,
    metroRouting: false,
    routeLiveness: false,
    billing: { kind: 0, rate: 0n, lastDeductionDzEpoch: 0n },
    includeTopologies: [],
  };
}

export interface NewUser {
  readonly device: Address;
  /** A UserType; IBRL without one. */
  readonly userType?: number | undefined;
  /** Determines the account's address, together with the type. Default: the next free address of 198.18.0.0/16. */
  readonly clientIp?: Ipv4 | undefined;
  /** Decides the VRF of a unicast user; none without it. */
  readonly tenant?: Address | undefined;
  readonly owner?: Address | undefined;
  readonly publishers?: readonly Address[] | undefined;
  readonly subscribers?: readonly Address[] | undefined;
  /** The lowest free /31 of 169.254.0.0/16 without it. Taken as given, also when another user has it. */
  readonly tunnelNet?: NetworkV4 | undefined;
  /** The lowest free number of the device from 500 without it. */
  readonly tunnelId?: number | undefined;
}

interface Allocation {
  readonly bumpSeed: number;
  readonly clientIp: Ipv4;
  readonly dzIp: Ipv4;
  readonly tunnelId: number;
  readonly tunnelNet: NetworkV4;
}

/** A user as CreateUser leaves it: activated, its addresses allocated, no BGP status yet. */
export function newUser(input: NewUser, allocated: Allocation, owner: Address): User {
  return {
    owner: input.owner ?? owner,
    index: 0n,
    bumpSeed: allocated.bumpSeed,
    userType: input.userType ?? 0,
    tenantPk: input.tenant ?? ZERO_ADDRESS,
    devicePk: input.device,
    cyoaType: GRE_OVER_DIA,
    clientIp: allocated.clientIp,
    dzIp: allocated.dzIp,
    tunnelId: allocated.tunnelId,
    tunnelNet: allocated.tunnelNet,
    status: UserStatus.activated,
    publishers: input.publishers ?? [],
    subscribers: input.subscribers ?? [],
    validatorPubkey: ZERO_ADDRESS,
    tunnelEndpoint: UNSPECIFIED_IPV4,
    tunnelFlags: (input.publishers ?? []).length > 0 ? 1 : 0,
    bgpStatus: 0,
    lastBgpUpAt: slot(0),
    lastBgpReportedAt: slot(0),
    bgpRttNs: nanoseconds(0),
    feedPks: [],
  };
}

/** The user without what it holds of its device, as a ban leaves it. */
export const withoutResources = (user: User): User => ({ ...user, tunnelId: 0, tunnelNet: UNSPECIFIED_NETWORK, dzIp: UNSPECIFIED_IPV4 });

/** A change of the world failed: unknown device, taken address, empty pool. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
}

/** Enough for every account that a localnet can make. */
const BALANCE = lamports(1_000_000n * 1_000_000_000n);
const MOST_UNITS = 1_400_000;
/** Each transaction uses another unit limit, so that no two in one block have the same bytes. */
const DISTINCT_LIMITS = 100_000;

const seedOf = (name: string): Uint8Array => createHash('sha256').update(name).digest();
/** Seeds of the foundation's and of a contributor's key: the same on every localnet, so that a restored one has them, too. */
export const FOUNDATION_SEED: Uint8Array = seedOf('localnet foundation');
export const CONTRIBUTOR_SEED: Uint8Array = seedOf('localnet contributor');

/** A key of the administration, with which it signs instructions. */
export interface Authority {
  readonly address: Address;
  /** Lands the instruction at once. Throws WorldError with the program's error when it fails. */
  send(instruction: Instruction): void;
}

/** The key of this seed, with enough lamports. */
export function createAuthority(bank: Bank, seed: Uint8Array): Authority {
  const signer = createSigner(seed);
  let serial = 0;
  bank.putAccount(signer.address, createAccount(SYSTEM_PROGRAM, new Uint8Array(), BALANCE));

  return {
    address: signer.address,
    send(instruction) {
      serial += 1;
      const limit = MOST_UNITS - (serial % DISTINCT_LIMITS);
      const landed = bank.include((blockhash) => parseTransaction(signTransaction(signer, blockhash, [unitLimit(limit), instruction])));
      if (landed === undefined) throw new WorldError('no block can hold the transaction');
      const { err, logs } = landed.result;
      if (err !== null) throw new WorldError(`the program refused: ${reasonOf(err)}; ${logs.at(-1) ?? ''}`);
    },
  };
}

function reasonOf(err: TransactionErrorJson): string {
  const cause = typeof err === 'object' && 'InstructionError' in err ? err.InstructionError[1] : undefined;
  const known = typeof cause === 'object' ? (rfc11Error(cause.Custom) ?? programError(cause.Custom)) : undefined;
  return known === undefined ? describeTransactionError(err) : `${known.name}, ${known.explanation}`;
}

function unitLimit(units: number): Instruction {
  const data = Buffer.alloc(5);
  data[0] = 2;
  data.writeUInt32LE(units, 1);
  return { programId: COMPUTE_BUDGET_PROGRAM, accounts: [], data };
}

const GRE_OVER_DIA = 1;

interface ProgramUsersOptions {
  readonly programId: Address;
  readonly derive: rfc11.Derive;
  readonly foundation: Authority;
  readonly read: <T>(address: Address, decode: (data: Uint8Array) => T) => T | undefined;
  readonly write: (address: Address, data: Uint8Array) => void;
  readonly usersOf: (device: Address) => ReadonlyMap<Address, User>;
}

/** Users of devices with an extension: created and deleted by RFC-11's instructions, which track their slots. */
export function createProgramUsers({ programId, derive, foundation, read, write, usersOf }: ProgramUsersOptions) {
  const pass = accessPassAddress(programId, UNSPECIFIED_IPV4, foundation.address);
  const extensions = new Map<Address, Address>();
  write(pass.address, encodeAccessPass(newPass(foundation.address, foundation.address, pass.bump)));

  const extensionOf = (device: Address): Address => {
    const address = extensions.get(device) ?? rfc11.resourceExtensionAddress(programId, device, derive).address;
    extensions.set(device, address);
    return address;
  };
  const isHeldByOther = (self: Address, { devicePk }: User, holds: (user: User) => boolean): boolean =>
    [...usersOf(devicePk)].some(([address, user]) => address !== self && holds(user));

  /** Frees changed resources that no other user shares, marks new ones, and returns the new slots. */
  function move(address: Address, before: User, after: User): Omit<rfc11.UserSlots, 'accessPassPk'> | undefined {
    const extension = read(extensionOf(before.devicePk), rfc11.decodeResourceExtension);
    if (extension === undefined) return undefined;
    const ids = rfc11.idPool(extension, 'tunnelId');
    const nets = rfc11.networkPool(extension, 'userTunnelNet');
    const dzIps = rfc11.networkPool(extension, 'dzIp');
    const dzIpSlotOf = (user: User): number | undefined => dzIps?.slotOf({ address: user.dzIp, prefixLength: 32 });
    const parts: readonly (readonly [rfc11.ResourcePool | undefined, (user: User) => number | undefined])[] = [
      [ids, (user) => ids?.slotOf(user.tunnelId)],
      [nets, (user) => nets?.slotOf(user.tunnelNet)],
      [dzIps, dzIpSlotOf],
    ];
    for (const [pool, slotOf] of parts) {
      const [from, to] = [slotOf(before), slotOf(after)];
      if (pool === undefined || from === to) continue;
      if (from !== undefined && !isHeldByOther(address, before, (user) => slotOf(user) === from)) pool.release(from);
      if (to !== undefined) pool.mark(to);
    }
    write(extensionOf(before.devicePk), rfc11.encodeResourceExtension(extension));
    return {
      tunnelIdSlot: ids?.slotOf(after.tunnelId) ?? rfc11.NO_ID_SLOT,
      tunnelNetSlot: nets?.slotOf(after.tunnelNet) ?? rfc11.NO_SLOT,
      dzIpSlot: dzIpSlotOf(after) ?? rfc11.NO_SLOT,
    };
  }

  /** The user's pass, its owner's own, and whether the foundation may sign for it. */
  const passOf = (address: Address): Address => read(address, rfc11.decodeUserWithSlots)?.slots?.accessPassPk ?? pass.address;
  const isFoundations = (of: Address): boolean => read(of, decodeAccessPass)?.userPayer === foundation.address;

  /** What DeleteUser and BanUser do to the other accounts, for a user that the foundation cannot delete, or that the program refuses. */
  function forget(address: Address, user: User, how: 'delete' | 'ban'): void {
    const of = passOf(address);
    move(address, user, withoutResources(user));
    const counted = read(of, decodeAccessPass);
    if (counted !== undefined && user.status !== UserStatus.banned) write(of, encodeAccessPass(countedOn(counted, user, -1)));
    const device = read(user.devicePk, decodeDevice);
    if (how === 'delete' && device !== undefined) write(user.devicePk, encodeDevice(withUserCounted(device, user, -1)));
  }

  return {
    /** Whether the device has RFC-11's extension. */
    has: (device: Address): boolean => read(extensionOf(device), rfc11.decodeResourceExtension) !== undefined,
    /** Gives the device its extension (CreateResourceExtension). */
    createExtension(device: Address): void {
      const authority = foundation.address;
      for (const associatedWith of [ZERO_ADDRESS, device]) {
        const extension = extensionOf(associatedWith);
        if (read(extension, rfc11.decodeResourceExtension) !== undefined) continue;
        foundation.send(rfc11.createResourceExtension({ programId, extension, associatedWith, authority, payer: authority }));
      }
    },
    /** CreateAndActivateUser with the foundation's pass, which is for any client address. */
    create({ device, clientIp, userType, tenant }: Pick<NewUser, 'device' | 'tenant'> & Pick<User, 'clientIp' | 'userType'>): void {
      foundation.send(
        rfc11.createAndActivateUser({
          programId,
          user: rfc11.userAddress(programId, clientIp, userType, derive).address,
          device,
          extension: extensionOf(device),
          accessPass: pass.address,
          payer: foundation.address,
          tenant,
          userType,
          cyoaType: GRE_OVER_DIA,
          clientIp,
          tunnelEndpoint: UNSPECIFIED_IPV4,
        }),
      );
    },
    /** DeleteUser or BanUser. False when the program rejects it: then only the user's resources are freed. */
    remove(address: Address, user: User, how: 'delete' | 'ban'): boolean {
      const accessPass = passOf(address);
      const accounts = { user: address, device: user.devicePk, extension: extensionOf(user.devicePk), accessPass };
      try {
        const banned = user.status === UserStatus.banned;
        // Only its owner can sign DeleteUser for a customer's user; any user may be banned, and deleted then.
        if (how === 'delete' && !banned && !isFoundations(accessPass)) throw new WorldError("the pass is a customer's");
        const about = { programId, ...accounts, authority: foundation.address };
        foundation.send(how === 'ban' ? rfc11.banUser(about) : rfc11.deleteUser({ ...about, banned }));
        return true;
      } catch (error) {
        if (!(error instanceof WorldError)) throw error;
        forget(address, user, how);
        return false;
      }
    },
    /** The user's bytes with the slots of its new values. Moves the bits, except those that another user shares. */
    moved(address: Address, before: User, after: User): Uint8Array {
      const accessPassPk = passOf(address);
      const slots = move(address, before, after);
      return rfc11.encodeUserWithSlots({ value: after, slots: slots && { ...slots, accessPassPk } });
    },
  };
}

/** TunnelIds of a device: from here, 4,096 of them. */
const FIRST_TUNNEL_ID = 500;
const TUNNEL_ID_END = 4596;
const TUNNEL_BLOCK = ipv4ToNumber(ipv4('169.254.0.0'));
const TUNNEL_NETS = 32_768;
const CLIENT_BLOCK = ipv4ToNumber(ipv4('198.18.0.0'));
const CLIENTS = 65_534;

/** A user's resources. */
type Occupied = Pick<User, 'clientIp' | 'devicePk' | 'tunnelId' | 'tunnelNet' | 'userType' | 'dzIp' | 'publishers'>;

/**
 * The pools that CreateUser allocates from: client addresses, tunnel networks of the whole world, tunnel ids and DoubleZero addresses by device, and
 * the block of multicast publishers. Without that block, a publisher has its client address.
 */
export function createUserResources(publisherBlock?: NetworkV4) {
  const clients = new Set<Ipv4>();
  let lastClient = 0;
  const tunnelNets = createFreePool(0, TUNNEL_NETS);
  const tunnelIds = new Map<Address, FreePool>();
  const dzIps = new Map<Address, FreePool>();
  const publisherIps = publisherBlock && createFreePool(ipv4ToNumber(publisherBlock.address), endOf(publisherBlock));

  const poolOf = (pools: Map<Address, FreePool>, device: Address, first: number, end: number): FreePool => {
    const pool = pools.get(device) ?? createFreePool(first, end);
    pools.set(device, pool);
    return pool;
  };
  const idsOf = (device: Address): FreePool => poolOf(tunnelIds, device, FIRST_TUNNEL_ID, TUNNEL_ID_END);
  const each = ({ devicePk, tunnelId, tunnelNet, userType, dzIp, publishers }: Occupied, act: 'take' | 'release'): void => {
    if (tunnelId > 0) idsOf(devicePk)[act](tunnelId);
    if (tunnelNet.prefixLength === 31) tunnelNets[act](netNumber(tunnelNet));
    if (hasAllocatedIp(userType)) dzIps.get(devicePk)?.[act](ipv4ToNumber(dzIp));
    if (isPublisher(userType, publishers)) publisherIps?.[act](ipv4ToNumber(dzIp));
  };

  return {
    /** The next client address, in turn, that no user has. */
    nextClientIp(): Ipv4 {
      for (let tries = 0; tries < CLIENTS; tries++) {
        lastClient = (lastClient % CLIENTS) + 1;
        const clientIp = ipv4FromNumber(CLIENT_BLOCK + lastClient);
        if (!clients.has(clientIp)) return clientIp;
      }
      throw new WorldError('no client addresses left');
    },
    /** Allocates the requested values, and the lowest free ones otherwise. Throws WorldError when a pool is empty. */
    allocate(input: NewUser, clientIp: Ipv4, device: Device): Omit<Allocation, 'bumpSeed'> {
      const tunnelId = input.tunnelId ?? lowest(idsOf(input.device), 'tunnel ids');
      if (input.tunnelId !== undefined) idsOf(input.device).take(tunnelId);
      const tunnelNet = input.tunnelNet ?? netOf(lowest(tunnelNets, 'tunnel networks'));
      if (input.tunnelNet !== undefined) tunnelNets.take(netNumber(tunnelNet));
      clients.add(clientIp);
      return { clientIp, tunnelId, tunnelNet, dzIp: dzIpOf(input, device) ?? clientIp };
    },
    /** Frees its tunnel and its DoubleZero address. */
    release: (user: Occupied): void => each(user, 'release'),
    /** Marks a client address whose other resources the program tracks. */
    rememberClient: (clientIp: Ipv4) => void clients.add(clientIp),
    /** Marks the resources of a restored user. */
    adopt(user: Occupied, device: Device | undefined): void {
      clients.add(user.clientIp);
      if (device !== undefined && hasAllocatedIp(user.userType)) dzPoolOf(user.devicePk, device);
      each(user, 'take');
    },
    /** Frees a client address. */
    forgetClient: (clientIp: Ipv4) => void clients.delete(clientIp),
    /** Frees a user's former resources and marks its new ones. */
    move(from: Occupied, to: Occupied): void {
      each(from, 'release');
      each(to, 'take');
    },
  };

  function dzPoolOf(address: Address, { dzPrefixes: [prefix] }: Device): FreePool | undefined {
    if (prefix === undefined) return undefined;
    return poolOf(dzIps, address, ipv4ToNumber(prefix.address) + 1, endOf(prefix));
  }

  /** Undefined for a user whose DoubleZero address is its client address. */
  function dzIpOf({ device: address, userType = UserType.ibrl, publishers = [] }: NewUser, device: Device): Ipv4 | undefined {
    if (hasAllocatedIp(userType)) return allocateDzIp(address, device);
    if (publisherIps === undefined || !isPublisher(userType, publishers)) return undefined;
    return ipv4FromNumber(lowest(publisherIps, 'addresses of multicast publishers'));
  }

  /** From the device's first prefix, whose first address is the device's own. */
  function allocateDzIp(address: Address, device: Device): Ipv4 {
    const pool = dzPoolOf(address, device);
    if (pool === undefined) throw new WorldError(`device ${device.code} has no prefix to allocate from`);
    return ipv4FromNumber(lowest(pool, 'DoubleZero addresses'));
  }
}

const hasAllocatedIp = (userType: number): boolean => userType === UserType.ibrlWithAllocatedIp || userType === UserType.edgeFiltering;

const isPublisher = (userType: number, publishers: readonly Address[]): boolean => userType === UserType.multicast && publishers.length > 0;
const endOf = ({ address, prefixLength }: NetworkV4): number => ipv4ToNumber(address) + 2 ** (32 - prefixLength);

const netNumber = ({ address }: NetworkV4): number => (ipv4ToNumber(address) - TUNNEL_BLOCK) >> 1;
const netOf = (number: number): NetworkV4 => ({ address: ipv4FromNumber(TUNNEL_BLOCK + 2 * number), prefixLength: 31 });

function lowest(pool: FreePool, what: string): number {
  const value = pool.takeLowest();
  if (value === undefined) throw new WorldError(`no ${what} left`);
  return value;
}
