import * as z from 'zod';
import type { VrfName } from '../src/bgp/index.ts';
import type { Clock, Random } from '../src/lib/index.ts';
import {
  type Address,
  DeviceStatus,
  type Ipv4,
  isAddress,
  isIpv4,
  lamports,
  parseNetworkV4,
  tunnelSides,
  type User,
  UserStatus,
  UserType,
  ZERO_ADDRESS,
} from '../src/serviceability/index.ts';
import { addressText, type LedgerProgram, type LocalLedger, ledgerSnapshotSchema, type WorldAdmin } from './ledger/index.ts';
import type { StateIngestServer } from './state-ingest.ts';
import type { SimulatedSnmp, SimulatedSwitch, SwitchFaults } from './switch/index.ts';

/** A user's BGP session on the device. */
interface UserSession {
  readonly vrf: VrfName;
  /** The neighbor's address: the client side of the tunnel. */
  readonly address: string;
}

export interface LocalnetController {
  /** Configures the switch from the ledger, like each push of a DZD's controller. */
  sync(): void;
  /** Undefined for an unknown user, or one without a tunnel. */
  sessionOf(user: Address): UserSession | undefined;
}

/** AS number of the users' side of every tunnel. */
const USER_ASN = 65_000;

/**
 * Simulates the DoubleZero controller: each activated user gets a passive neighbor `USER-<tunnel_id>` at the client side of its tunnel, unicast in
 * `vrf<tenant.vrf_id>` (vrf1 without a tenant), multicast in the default VRF. Neighbors of deleted users are removed.
 */
export function createLocalnetController({
  admin,
  device,
  sim,
}: {
  readonly admin: WorldAdmin;
  readonly device: Address;
  readonly sim: SimulatedSwitch;
}): LocalnetController {
  const ours = new Map<string, UserSession>();
  const vrfOf = (user: User): VrfName => {
    if (user.userType === UserType.multicast) return 'default';
    return `vrf${(user.tenantPk === ZERO_ADDRESS ? undefined : admin.tenant(user.tenantPk)?.vrfId) ?? 1}`;
  };
  const sessionFor = (user: User): UserSession | undefined => {
    const sides = tunnelSides(user.tunnelNet);
    return sides === undefined || user.status !== UserStatus.activated ? undefined : { vrf: vrfOf(user), address: sides.clientSide };
  };
  const keyOf = ({ vrf, address }: UserSession, user: User): string => `${vrf}|${address}|${user.tunnelId}`;

  return {
    sync() {
      const wanted = new Map<string, { readonly session: UserSession; readonly user: User }>();
      for (const user of admin.users(device).values()) {
        const session = sessionFor(user);
        if (session !== undefined) wanted.set(keyOf(session, user), { session, user });
      }
      for (const [key, { vrf, address }] of ours) {
        if (wanted.has(key)) continue;
        sim.unconfigure(vrf, address);
        ours.delete(key);
      }
      for (const [key, { session, user }] of wanted) {
        if (ours.has(key)) continue;
        sim.configure({ ...session, remoteAs: USER_ASN, description: `USER-${user.tunnelId}` });
        ours.set(key, session);
      }
    },
    sessionOf(address) {
      const user = admin.user(address);
      return user === undefined || user.devicePk !== device ? undefined : sessionFor(user);
    },
  };
}

/** The initial state of a localnet. */
export interface World {
  /** The device of the simulated switch. */
  readonly device: Address;
  /** What `tenant: 0` and `tenant: 1` of a new user mean. */
  readonly tenants: readonly Address[];
  readonly connected: readonly { readonly user: Address; readonly rttUs?: number | undefined }[];
}

export interface NewLocalUser {
  /** Determines the account's address, so a user can return at the same address. */
  readonly clientIp?: Ipv4;
  readonly kind?: 'unicast' | 'multicast';
  /** Which of the two tenants: their VRFs are vrf1 and vrf2. */
  readonly tenant?: 0 | 1;
}

export const PUBLISHER_BALANCE = lamports(10_000_000_000);
/** Room for a DoubleZero address of every tunnel that a device can have. */
const DZ_PREFIXES = [parseNetworkV4('198.19.64.0/19')];

/** One device, two tenants and users: every fifth is multicast, the others alternate between the tenants. No user is connected. */
export function usualWorld(admin: WorldAdmin, { publisher, users }: { readonly publisher: Address; readonly users: number }): World {
  const device = admin.createDevice({ metricsPublisher: publisher, code: 'lo-dz001', dzPrefixes: DZ_PREFIXES });
  if (admin.program === 'rfc11') admin.createExtension(device);
  const world = { device, tenants: ['tenant-a', 'tenant-b'].map((code) => admin.createTenant({ code })), connected: [] };
  for (let n = 0; n < users; n += 1) createLocalUser(admin, world, n % 5 === 4 ? { kind: 'multicast' } : { tenant: n % 2 === 0 ? 0 : 1 });
  return world;
}

/** Creates a user: by CreateAndActivateUser, signed by the foundation, or as the deployed program's CreateUser leaves one. */
export function createLocalUser(
  admin: WorldAdmin,
  { device, tenants }: Pick<World, 'device' | 'tenants'>,
  { clientIp, kind = 'unicast', tenant = 0 }: NewLocalUser,
): Address {
  return admin.createUser({
    device,
    clientIp,
    ...(kind === 'multicast' ? { userType: UserType.multicast } : { tenant: tenants[tenant] }),
  });
}

/** The tunnel ids of a device in RFC-11. */
const MOST_USERS = 3_596;

const code = z.string().regex(/^[\w.-]{1,32}$/, 'expected a code of 1 to 32 letters, digits, dots and dashes');
const ip = z.custom<Ipv4>(isIpv4, 'expected an IPv4 address');
const statuses = Object.keys(DeviceStatus);
const status = z.custom<keyof typeof DeviceStatus>(
  (value) => typeof value === 'string' && statuses.includes(value),
  `expected ${statuses.join(', ')}`,
);
const prefix = z.string().transform((text, context) => {
  try {
    return parseNetworkV4(text);
  } catch {
    context.addIssue('expected an IPv4 network, a.b.c.d/n');
    return z.NEVER;
  }
});

const user = z.strictObject({
  clientIp: ip,
  kind: z.enum(['unicast', 'multicast'], 'expected unicast or multicast').default('unicast'),
  /** The code of one of the tenants; none without it, and none for a multicast user. */
  tenant: z.string().optional(),
  connected: z.boolean('expected true or false').default(false),
  /** Microseconds. */
  rttUs: z.number('expected microseconds').min(0, 'expected microseconds').max(60_000_000, 'expected at most a minute').optional(),
});

const device = z.strictObject({
  code,
  publicIp: ip.optional(),
  dzPrefixes: z.array(prefix).min(1, 'expected at least one network').optional(),
  status: status.default('activated'),
  /** The key that may write the status of its users. Default: the localnet's own key. */
  publisher: z.custom<Address>(isAddress, 'expected a public key in base58').optional(),
  users: z.array(user).max(MOST_USERS, `expected at most ${MOST_USERS} users`).default([]),
});

/** A world as described in a genesis file. The simulated switch is the first device. */
export const genesisSchema = z
  .strictObject({
    tenants: z
      .array(
        z.strictObject({
          code,
          vrfId: z.int('expected a whole number').min(1, 'expected 1 or more').max(65_535, 'expected at most 65535').optional(),
        }),
      )
      .default([]),
    devices: z.array(device, 'expected a list of devices').min(1, 'expected at least one device'),
  })
  .superRefine(({ tenants, devices }, { addIssue }) => {
    const refuse = (path: readonly PropertyKey[], message: string): void => addIssue({ code: 'custom', path: [...path], message });
    for (const [at, tenant] of tenants.entries()) {
      if (tenants.findIndex((other) => other.code === tenant.code) < at)
        refuse(['tenants', at, 'code'], `"${tenant.code}" is another tenant's code`);
    }
    const holders = new Set<string>();
    for (const [at, { code: own, users }] of devices.entries()) {
      if (devices.findIndex((other) => other.code === own) < at) refuse(['devices', at, 'code'], `"${own}" is another device's code`);
      for (const [index, { clientIp, kind, tenant, connected }] of users.entries()) {
        const path = ['devices', at, 'users', index];
        if (holders.has(`${clientIp} ${kind}`)) refuse([...path, 'clientIp'], `another ${kind} user has ${clientIp}`);
        holders.add(`${clientIp} ${kind}`);
        if (tenant !== undefined && kind === 'multicast') refuse([...path, 'tenant'], 'a multicast user has no tenant');
        else if (tenant !== undefined && !tenants.some((one) => one.code === tenant))
          refuse([...path, 'tenant'], `unknown tenant "${tenant}"`);
        if (connected && at > 0) refuse([...path, 'connected'], 'only the first device has a switch to connect to');
      }
    }
  });

export type Genesis = z.output<typeof genesisSchema>;

/** Builds the world. The same file gives the same addresses: they depend on the order of devices, on codes and on client addresses. */
export function genesisWorld(admin: WorldAdmin, { tenants, devices }: Genesis, publisher: Address): World {
  const byCode = new Map(tenants.map((tenant) => [tenant.code, admin.createTenant(tenant)]));
  const addresses = devices.map(({ code: own, publicIp, dzPrefixes, publisher: named = publisher }) => {
    const address = admin.createDevice({ metricsPublisher: named, code: own, publicIp, dzPrefixes: dzPrefixes ?? DZ_PREFIXES });
    if (admin.program === 'rfc11') admin.createExtension(address);
    admin.fund(named, PUBLISHER_BALANCE);
    return address;
  });
  const connected: World['connected'][number][] = [];
  for (const [at, address] of addresses.entries()) {
    const { users, status: wanted } = devices[at] ?? { users: [], status: 'activated' };
    for (const { clientIp, kind, tenant, connected: isUp, rttUs } of users) {
      const about =
        kind === 'multicast' ? { userType: UserType.multicast } : { tenant: tenant === undefined ? undefined : byCode.get(tenant) };
      const created = admin.createUser({ device: address, clientIp, ...about });
      if (isUp) connected.push({ user: created, rttUs });
    }
    // Last: only an activated device accepts users.
    if (wanted !== 'activated') admin.changeDevice(address, { status: DeviceStatus[wanted] });
  }
  const [first] = addresses;
  if (first === undefined) throw new Error('a genesis has a device');
  return { device: first, tenants: [...byCode.values()], connected };
}

export const SNAPSHOT_FORMAT = 'dzd-telemetry-localnet';
/** 1 had RFC-11's extensions under the deployed type byte, and devices that counted no users. */
export const SNAPSHOT_VERSION = 2;

const session = z.strictObject({ user: addressText, rttUs: z.number().min(0).max(60_000_000) });

/** A localnet's state as JSON: its ledger, and which users are connected. */
export const localnetSnapshotSchema = z.strictObject({
  format: z.literal(SNAPSHOT_FORMAT),
  version: z.literal(SNAPSHOT_VERSION, `expected ${SNAPSHOT_VERSION}: another release of localnet wrote this`),
  device: addressText,
  connected: z.array(session),
  ledger: ledgerSnapshotSchema,
});

export type LocalnetSnapshot = z.input<typeof localnetSnapshotSchema>;

/** The world of a restored ledger. Sets the device's metrics publisher to `publisher`. Throws Error when the snapshot lacks the device. */
export function restoredWorld({ admin }: LocalLedger, snapshot: LocalnetSnapshot, publisher: Address): World {
  const { device, connected, ledger } = localnetSnapshotSchema.parse(snapshot);
  const found = admin.device(device);
  if (found === undefined) throw new Error(`device: the snapshot holds no device ${device}`);
  if (found.metricsPublisherPk !== publisher) admin.changeDevice(device, { metricsPublisher: publisher });
  const tenants = ledger.accounts
    .flatMap(({ address }) => {
      const tenant = admin.tenant(address);
      return tenant === undefined ? [] : [{ address, vrfId: tenant.vrfId }];
    })
    .sort((a, b) => a.vrfId - b.vrfId);
  return { device, tenants: tenants.map(({ address }) => address), connected };
}

export interface LocalnetOptions {
  /** Number of initial users, none of them connected: every fifth is multicast, the others alternate between two tenants. */
  readonly users: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Ports on 127.0.0.1. Default: a free port each. */
  readonly rpcPort?: number;
  readonly eapiPort?: number;
  readonly snmpPort?: number;
  readonly grpcPort?: number;
  /** HTTPS instead of HTTP for the eAPI, with this key and certificate, PEM. */
  readonly eapiTls?: { readonly key: string; readonly cert: string };
  /** Port of a state-ingest server. Default: no server. */
  readonly stateIngestPort?: number;
  /** Path of the eAPI's Unix socket. Default: in a temporary directory. */
  readonly eapiSocket?: string;
  /** Milliseconds per slot. Default: 400. */
  readonly slotMs?: number;
  /** Slots per epoch; access passes expire with epochs. Default: 432,000. */
  readonly slotsPerEpoch?: bigint | undefined;
  /** What the ledger runs, and the kind of its world. Default: RFC-11 as drafted, with RFC-19. */
  readonly program?: LedgerProgram;
  /** The initial world, instead of `users`. */
  readonly genesis?: Genesis | undefined;
  /** The initial state, instead of `users`. Throws Error or ZodError for an invalid snapshot. */
  readonly restore?: LocalnetSnapshot | undefined;
  /** The device's metrics publisher; it is funded. */
  readonly publisher: Address;
}

export interface LocalnetAddresses {
  readonly rpcUrl: string;
  /** Solana's subscriptions over WebSocket. */
  readonly wsUrl: string;
  readonly eapiUrl: string;
  readonly eapiSocket: string;
  /** UDP; community `public`, or LOCALNET_SNMP_USER by SNMPv3. */
  readonly snmp: { readonly host: string; readonly port: number; readonly community: string };
  /** EosSdkRpc, in clear text. */
  readonly grpc: { readonly host: string; readonly port: number };
  readonly stateIngestUrl?: string;
}

/** The actual state of a session. */
export type SessionTruth = 'up' | 'down';

export interface Localnet {
  readonly ledger: LocalLedger;
  readonly sim: SimulatedSwitch;
  readonly switchFaults: SwitchFaults;
  /** The switch's SNMP agent, which can send traps. */
  readonly snmp: SimulatedSnmp;
  /** Receives raw snapshots of the device; listens only if a port was given. */
  readonly stateIngest: StateIngestServer;
  readonly device: Address;
  readonly programId: Address;
  start(): Promise<LocalnetAddresses>;
  stop(): Promise<void>;
  /** A new user on the ledger (CreateAndActivateUser), configured on the switch, not connected. */
  addUser(options?: NewLocalUser): Address;
  /** Deletes the account (DeleteUser), which frees its tunnel; the controller's next push removes the neighbor. */
  removeUser(user: Address): void;
  connect(user: Address, rttUs?: number): void;
  disconnect(user: Address, idleReason?: string): void;
  /** The ledger's state and the connected users, for `restore`. Excludes faults and pending transactions. */
  snapshot(): LocalnetSnapshot;
  /** The actual session state of every user of the device, to which the ledger should converge. */
  truth(): ReadonlyMap<Address, SessionTruth>;
}
