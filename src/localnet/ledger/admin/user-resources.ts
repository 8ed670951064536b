import {
  type Address,
  type Device,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  ipv4ToNumber,
  type NetworkV4,
  type User,
  UserType,
} from '../../../serviceability/index.ts';
import { createFreePool, type FreePool } from './free-pool.ts';
import type { Allocation, NewUser } from './user-factory.ts';
import { WorldError } from './world-error.ts';

/** TunnelIds of a device: from here, 4,096 of them. */
const FIRST_TUNNEL_ID = 500;
const TUNNEL_ID_END = 4596;
const TUNNEL_BLOCK = ipv4ToNumber(ipv4('169.254.0.0'));
const TUNNEL_NETS = 32_768;
const CLIENT_BLOCK = ipv4ToNumber(ipv4('198.18.0.0'));
const CLIENTS = 65_534;

/** What a user occupies, besides its account. */
export type Occupied = Pick<User, 'clientIp' | 'devicePk' | 'tunnelId' | 'tunnelNet' | 'userType' | 'dzIp'>;

export interface UserResources {
  /** The next client address, in turn, that no user has. */
  nextClientIp(): Ipv4;
  /** Takes what the user asks for, and the lowest free of the rest. Throws WorldError when a pool is empty. */
  allocate(input: NewUser, clientIp: Ipv4, device: Device): Omit<Allocation, 'bumpSeed'>;
  /** Gives back its tunnel and its DoubleZero address. */
  release(user: Occupied): void;
  /** Somebody has this client address, whose resources are the program's. */
  rememberClient(clientIp: Ipv4): void;
  /** This user was there before: what it holds is taken. */
  adopt(user: Occupied, device: Device | undefined): void;
  /** The account at this client address is gone. */
  forgetClient(clientIp: Ipv4): void;
  /** A user now holds other things than before. */
  move(from: Occupied, to: Occupied): void;
}

/** The pools that CreateUser allocates from: client addresses, tunnel networks of the whole world, tunnel ids and DoubleZero addresses by device. */
export function createUserResources(): UserResources {
  const clients = new Set<Ipv4>();
  let lastClient = 0;
  const tunnelNets = createFreePool(0, TUNNEL_NETS);
  const tunnelIds = new Map<Address, FreePool>();
  const dzIps = new Map<Address, FreePool>();

  const poolOf = (pools: Map<Address, FreePool>, device: Address, first: number, end: number): FreePool => {
    const pool = pools.get(device) ?? createFreePool(first, end);
    pools.set(device, pool);
    return pool;
  };
  const idsOf = (device: Address): FreePool => poolOf(tunnelIds, device, FIRST_TUNNEL_ID, TUNNEL_ID_END);
  const each = ({ devicePk, tunnelId, tunnelNet, userType, dzIp }: Occupied, act: 'take' | 'release'): void => {
    if (tunnelId > 0) idsOf(devicePk)[act](tunnelId);
    if (tunnelNet.prefixLength === 31) tunnelNets[act](netNumber(tunnelNet));
    if (hasAllocatedIp(userType)) dzIps.get(devicePk)?.[act](ipv4ToNumber(dzIp));
  };

  return {
    nextClientIp() {
      for (let tries = 0; tries < CLIENTS; tries++) {
        lastClient = (lastClient % CLIENTS) + 1;
        const clientIp = ipv4FromNumber(CLIENT_BLOCK + lastClient);
        if (!clients.has(clientIp)) return clientIp;
      }
      throw new WorldError('no client addresses are left');
    },
    allocate(input, clientIp, device) {
      const tunnelId = input.tunnelId ?? lowest(idsOf(input.device), 'tunnel ids');
      if (input.tunnelId !== undefined) idsOf(input.device).take(tunnelId);
      const tunnelNet = input.tunnelNet ?? netOf(lowest(tunnelNets, 'tunnel networks'));
      if (input.tunnelNet !== undefined) tunnelNets.take(netNumber(tunnelNet));
      clients.add(clientIp);
      return { clientIp, tunnelId, tunnelNet, dzIp: hasAllocatedIp(input.userType ?? 0) ? allocateDzIp(input.device, device) : clientIp };
    },
    release: (user) => each(user, 'release'),
    rememberClient: (clientIp) => void clients.add(clientIp),
    adopt(user, device) {
      clients.add(user.clientIp);
      if (device !== undefined && hasAllocatedIp(user.userType)) dzPoolOf(user.devicePk, device);
      each(user, 'take');
    },
    forgetClient: (clientIp) => void clients.delete(clientIp),
    move(from, to) {
      each(from, 'release');
      each(to, 'take');
    },
  };

  function dzPoolOf(address: Address, { dzPrefixes: [prefix] }: Device): FreePool | undefined {
    if (prefix === undefined) return undefined;
    const base = ipv4ToNumber(prefix.address);
    return poolOf(dzIps, address, base + 1, base + 2 ** (32 - prefix.prefixLength));
  }

  /** From the device's first prefix, whose first address is the device's own. */
  function allocateDzIp(address: Address, device: Device): Ipv4 {
    const pool = dzPoolOf(address, device);
    if (pool === undefined) throw new WorldError(`device ${device.code} has no prefix to allocate from`);
    return ipv4FromNumber(lowest(pool, 'DoubleZero addresses'));
  }
}

const hasAllocatedIp = (userType: number): boolean => userType === UserType.ibrlWithAllocatedIp || userType === UserType.edgeFiltering;

const netNumber = ({ address }: NetworkV4): number => (ipv4ToNumber(address) - TUNNEL_BLOCK) >> 1;
const netOf = (number: number): NetworkV4 => ({ address: ipv4FromNumber(TUNNEL_BLOCK + 2 * number), prefixLength: 31 });

function lowest(pool: FreePool, what: string): number {
  const value = pool.takeLowest();
  if (value === undefined) throw new WorldError(`no ${what} are left`);
  return value;
}
