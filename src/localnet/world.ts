import { type Address, type Ipv4, lamports, parseNetworkV4, UserType } from '../serviceability/index.ts';
import type { WorldAdmin } from './ledger/index.ts';

/** What a localnet begins with. */
export interface World {
  /** The device that the simulated switch stands for. */
  readonly device: Address;
  /** What `tenant: 0` and `tenant: 1` of a new user mean. */
  readonly tenants: readonly Address[];
  readonly connected: readonly { readonly user: Address; readonly rttUs?: number | undefined }[];
}

export interface NewLocalUser {
  /** Decides the account's address, so that a user can come back at the same one. */
  readonly clientIp?: Ipv4;
  readonly kind?: 'unicast' | 'multicast';
  /** Which of the two tenants: their VRFs are vrf1 and vrf2. */
  readonly tenant?: 0 | 1;
}

export const PUBLISHER_BALANCE = lamports(10_000_000_000);
/** Room for a DoubleZero address of every tunnel that a device can have. */
export const DZ_PREFIXES = [parseNetworkV4('198.19.64.0/19')];

/** One device, two tenants, and users of whom every fifth is multicast; the rest alternates between the tenants. Nobody is connected. */
export function usualWorld(admin: WorldAdmin, { publisher, users }: { readonly publisher: Address; readonly users: number }): World {
  const device = admin.createDevice({ metricsPublisher: publisher, code: 'lo-dz001', dzPrefixes: DZ_PREFIXES });
  admin.createExtension(device);
  const world = { device, tenants: ['tenant-a', 'tenant-b'].map((code) => admin.createTenant({ code })), connected: [] };
  for (let n = 0; n < users; n += 1) createLocalUser(admin, world, n % 5 === 4 ? { kind: 'multicast' } : { tenant: n % 2 === 0 ? 0 : 1 });
  return world;
}

/** By CreateAndActivateUser, which the foundation signs. */
export function createLocalUser(
  admin: WorldAdmin,
  { device, tenants }: Pick<World, 'device' | 'tenants'>,
  { clientIp, kind = 'unicast', tenant = 0 }: NewLocalUser,
): Address {
  return admin.createUser({
    device,
    ...(clientIp === undefined ? {} : { clientIp }),
    ...(kind === 'multicast' ? { userType: UserType.multicast } : { tenant: tenants[tenant] }),
  });
}
