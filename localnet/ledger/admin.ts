import * as z from 'zod';
import {
  type Address,
  type Device,
  decodeDevice,
  decodeTenant,
  decodeUser,
  deviceAddress,
  encodeDevice,
  encodeGlobalConfig,
  encodeGlobalState,
  encodeProgramConfig,
  encodeTenant,
  encodeUser,
  formatNetworkV4,
  globalConfigAddress,
  globalStateAddress,
  type Ipv4,
  isIpv4,
  type Lamports,
  lamports,
  NETWORKS,
  type NetworkV4,
  type ProgramVersion,
  parseNetworkV4,
  programConfigAddress,
  ServiceabilityError,
  SYSTEM_PROGRAM_ID,
  type Tenant,
  tenantAddress,
  type User,
  UserStatus,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { type Derive, decodeUserWithSlots, encodeUserWithSlots, userAddress } from '../../src/serviceability/rfc11/index.ts';
import { NO_USER_SLOTS, userCounterOf, withUserCounted } from '../rfc11/state.ts';
import type { Bank } from './bank.ts';
import { BLOCKS, DeployedWorld, FIRST_BGP_COMMUNITY, FIRST_DEVICE_INDEX, placeAccounts, placesOf } from './deployed-world.ts';
import {
  CONTRIBUTOR_SEED,
  changedDevice,
  createAuthority,
  createProgramUsers,
  createUserResources,
  type DeviceChange,
  FOUNDATION_SEED,
  type NewDevice,
  type NewUser,
  newDevice,
  newTenant,
  newUser,
  WorldError,
  withoutResources,
} from './factories.ts';
import { faultPatchSchema } from './faults.ts';
import { createNetworkAdmin, type NetworkAdmin } from './network-admin.ts';
import { addressParam, type Endpoint, invalidParams, type RpcMethod, type RpcMethods, readParams, u64Param } from './rpc-types.ts';
import { createAccount } from './runtime.ts';

/** The release whose rules this ledger follows. */
const PROGRAM_VERSION = { major: 0, minor: 34, patch: 0 };
const CLIENT_ASN = 65_000;
const NEW_BALANCE = lamports(10_000_000_000);

/**
 * Which program a ledger runs, and which accounts its world has: RFC-11 as drafted with RFC-19; the deployed program alone; or RFC-11's program with
 * the accounts of a deployed network, from before its migration.
 */
export type LedgerProgram = 'rfc11' | 'deployed' | 'legacy';

/** The oldest client that the program accepts, for each kind of world. */
const MIN_COMPATIBLE: Readonly<Record<LedgerProgram, ProgramVersion>> = {
  rfc11: { major: 0, minor: 1, patch: 0 },
  deployed: { major: 0, minor: 30, patch: 0 },
  legacy: { major: 0, minor: 30, patch: 0 },
};

/** The accounts that a network has one of: ProgramConfig, GlobalConfig and GlobalState, with the numbers of a DoubleZero localnet and one founder. */
export function networkAccounts(programId: Address, owner: Address, kind: LedgerProgram = 'rfc11'): ReadonlyMap<Address, Uint8Array> {
  const state = globalStateAddress(programId);
  const program = programConfigAddress(programId);
  const config = globalConfigAddress(programId);
  const localAsn = NETWORKS.find(({ name }) => name === 'localnet')?.deviceAsn ?? 0;
  return new Map([
    [
      program.address,
      encodeProgramConfig({ bumpSeed: program.bump, version: PROGRAM_VERSION, minCompatibleVersion: MIN_COMPATIBLE[kind] }),
    ],
    [
      config.address,
      encodeGlobalConfig({
        owner,
        bumpSeed: config.bump,
        localAsn,
        remoteAsn: CLIENT_ASN,
        deviceTunnelBlock: BLOCKS.deviceTunnel,
        userTunnelBlock: BLOCKS.userTunnel,
        multicastGroupBlock: BLOCKS.multicastGroup,
        // The first number is the metro's of a deployed world.
        nextBgpCommunity: kind === 'rfc11' ? FIRST_BGP_COMMUNITY : FIRST_BGP_COMMUNITY + 1,
        multicastPublisherBlock: BLOCKS.multicastPublisher,
      }),
    ],
    [
      state.address,
      encodeGlobalState({
        bumpSeed: state.bump,
        accountIndex: 0n,
        foundationAllowlist: [owner],
        deviceAllowlist: [],
        userAllowlist: [],
        activatorAuthorityPk: ZERO_ADDRESS,
        sentinelAuthorityPk: ZERO_ADDRESS,
        contributorAirdropLamports: lamports(0),
        userAirdropLamports: lamports(0),
        healthOraclePk: ZERO_ADDRESS,
        qaAllowlist: [],
        featureFlags: 0n,
        feedAuthorityPk: ZERO_ADDRESS,
      }),
    ],
  ]);
}

/** Changes to a user. Not validated, so that clients can be tested with invalid accounts. */
export type UserChange = { readonly [K in keyof Omit<User, 'devicePk'>]?: User[K] | undefined };

/**
 * Builds and changes the DoubleZero world directly, with the effects of the program's own instructions. Changes apply at the newest slot
 * (processed; confirmed a slot later); changes before time begins are genesis, and finalized. Methods throw WorldError for an address without
 * such an account, or one that is taken.
 */
export interface WorldAdmin extends NetworkAdmin {
  readonly programId: Address;
  readonly program: LedgerProgram;
  createDevice(input: NewDevice): Address;
  changeDevice(device: Address, change: DeviceChange): void;
  /**
   * Creates RFC-11's ResourceExtension of a device without users. From then on, the program's own instructions, signed by the foundation, create,
   * ban and delete its users. Other changes are still written directly, with consistent slots. The network's own extension is made with the first.
   */
  createExtension(device: Address): void;
  device(address: Address): Device | undefined;
  /** `vrfId` counts up from 1 without one. */
  createTenant(input: { readonly code: string; readonly vrfId?: number | undefined }): Address;
  tenant(address: Address): Tenant | undefined;
  /** At the address of its client address and type: a deleted user returns at the same address. */
  createUser(input: NewUser): Address;
  changeUser(user: Address, change: UserChange): void;
  /** Status 6; tunnel and DoubleZero address zeroed and free for others; the BGP fields stay as they are. */
  banUser(user: Address): void;
  /** Closes the account; tunnel network and id are free for others at once. */
  deleteUser(user: Address): void;
  user(address: Address): User | undefined;
  users(device?: Address): ReadonlyMap<Address, User>;
  /** Gives the account an older layout: cut (177 bytes: before the BGP fields), or longer with zeros; with just the rent of that length. */
  setUserLayout(user: Address, bytes: number): void;
  /** Adopts restored accounts: continues the counters and marks the users' resources as taken. Before time begins. */
  adopt(accounts: ReadonlyMap<Address, unknown>): void;
  /** Sets the balance of a plain account, at once and without a transaction. */
  fund(address: Address, balance: Lamports): void;
}

interface WorldAdminOptions {
  readonly bank: Bank;
  readonly programId: Address;
  readonly derive: Derive;
  readonly program: LedgerProgram;
}

export function createWorldAdmin({ bank, programId, derive, program }: WorldAdminOptions): WorldAdmin {
  const foundation = createAuthority(bank, FOUNDATION_SEED);
  const contributor = createAuthority(bank, CONTRIBUTOR_SEED);
  const owner = foundation.address;
  const resources = createUserResources(program === 'rfc11' ? undefined : BLOCKS.multicastPublisher);
  let devices = 0;
  let tenants = 0;

  const write = (address: Address, data: Uint8Array): void => bank.putAccount(address, createAccount(programId, data));
  const read = <T>(address: Address, decode: (data: Uint8Array) => T): T | undefined => {
    const account = bank.account(address);
    if (account?.owner !== programId) return undefined;
    try {
      return decode(account.data);
    } catch {
      return undefined; // another type of account
    }
  };
  const existing = <T>(what: string, address: Address, decode: (data: Uint8Array) => T): T => {
    const found = read(address, decode);
    if (found === undefined) throw new WorldError(`no ${what} at ${address}`);
    return found;
  };
  const countUser = (address: Address, user: User, by: 1 | -1): void => {
    const device = read(address, decodeDevice);
    if (device !== undefined) write(address, encodeDevice(withUserCounted(device, user, by)));
  };

  const usersOf = (device?: Address): ReadonlyMap<Address, User> => {
    const users = new Map<Address, User>();
    for (const [address] of bank.replica().view('processed').accountsOf(programId)) {
      const user = read(address, decodeUser);
      if (user !== undefined && (device === undefined || user.devicePk === device)) users.set(address, user);
    }
    return users;
  };

  for (const [address, data] of networkAccounts(programId, owner, program)) write(address, data);
  for (const [address, data] of placeAccounts(programId, owner, contributor.address)) write(address, data);
  const deployed = program === 'rfc11' ? undefined : new DeployedWorld({ programId, owner, read, write });
  deployed?.begin();
  const programUsers = program === 'deployed' ? undefined : createProgramUsers({ programId, derive, foundation, read, write, usersOf });
  /** Whether the program itself changes this user: its device has an extension, and in a migrated network the user its slots. */
  const isOfProgram = (address: Address, { devicePk }: User): boolean =>
    programUsers?.has(devicePk) === true && (deployed === undefined || read(address, decodeUserWithSlots)?.slots !== undefined);
  const network = createNetworkAdmin({
    programId,
    derive,
    foundation,
    contributor,
    deployed,
    epoch: () => BigInt(bank.replica().view('processed').slot) / bank.slotsPerEpoch,
    read,
    write,
    fundNew(key) {
      if (bank.account(key) === undefined) bank.putAccount(key, createAccount(SYSTEM_PROGRAM_ID, new Uint8Array(), NEW_BALANCE));
    },
  });
  /** Frees the user's resources; true when the program's own instruction also handled the account. */
  const giveBack = (address: Address, user: User, how: 'delete' | 'ban'): boolean => {
    if (programUsers !== undefined && isOfProgram(address, user)) return programUsers.remove(address, user, how);
    resources.release(user);
    if (how === 'delete') {
      countUser(user.devicePk, user, -1);
      deployed?.removeUser(user);
    }
    return false;
  };

  function changeUser(address: Address, change: UserChange): void {
    const before = existing('user', address, decodeUser);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const after: User = { ...before, ...given };
    if (programUsers !== undefined && isOfProgram(address, before)) {
      write(address, programUsers.moved(address, before, after));
    } else {
      resources.move(before, after);
      write(address, encodeUser(after));
      deployed?.moveUser(before, after);
    }
    if (userCounterOf(before) === userCounterOf(after)) return;
    countUser(before.devicePk, before, -1);
    countUser(after.devicePk, after, 1);
  }

  return {
    ...network,
    programId,
    program,
    createDevice(input) {
      devices += 1;
      const index = BigInt(deployed === undefined ? devices : devices + FIRST_DEVICE_INDEX - 1);
      const { address, bump } = deviceAddress(programId, index);
      const device = newDevice(devices, bump, owner, input, { ...placesOf(programId), index });
      write(address, encodeDevice(device));
      deployed?.addDevice(address, device);
      return address;
    },
    changeDevice(address, change) {
      write(address, encodeDevice(changedDevice(existing('device', address, decodeDevice), change)));
    },
    createExtension(device) {
      if (programUsers === undefined) throw new WorldError('the deployed program has no extension of RFC-11');
      // Uses the counter: a scan would read the chain, which starts time.
      if (existing('device', device, decodeDevice).usersCount > 0) throw new WorldError(`device ${device} already has users`);
      programUsers.createExtension(device);
    },
    device: (address) => read(address, decodeDevice),
    createTenant({ code, vrfId }) {
      const { address, bump } = tenantAddress(programId, code);
      if (read(address, decodeTenant) !== undefined) throw new WorldError(`tenant ${code} already exists`);
      tenants += 1;
      const tenant = newTenant({ code, vrfId: vrfId ?? tenants, bumpSeed: bump, owner });
      write(address, encodeTenant(tenant));
      deployed?.addTenant(tenant);
      return address;
    },
    tenant: (address) => read(address, decodeTenant),
    createUser(input) {
      const device = existing('device', input.device, decodeDevice);
      const clientIp = input.clientIp ?? resources.nextClientIp();
      const { address, bump } = userAddress(programId, clientIp, input.userType ?? 0, derive);
      if (bank.account(address) !== undefined) throw new WorldError(`client address ${clientIp} already has a user: ${address}`);
      if (programUsers?.has(input.device)) {
        programUsers.create({ device: input.device, clientIp, userType: input.userType ?? 0, tenant: input.tenant });
        resources.rememberClient(clientIp);
        if (wantsMore(input)) changeUser(address, changeFor(input));
        return address;
      }
      const allocated = resources.allocate(input, clientIp, device);
      const user = newUser(input, { ...allocated, bumpSeed: bump }, owner);
      write(address, encodeUser(user));
      countUser(input.device, user, 1);
      deployed?.addUser(user);
      return address;
    },
    changeUser,
    banUser(address) {
      const user = existing('user', address, decodeUser);
      if (giveBack(address, user, 'ban')) return;
      const banned = { ...withoutResources(user), status: UserStatus.banned };
      const { slots } = existing('user', address, decodeUserWithSlots);
      write(address, encodeUserWithSlots({ value: banned, slots: slots && { ...slots, ...NO_USER_SLOTS } }));
      deployed?.moveUser(user, banned);
    },
    deleteUser(address) {
      const user = existing('user', address, decodeUser);
      resources.forgetClient(user.clientIp);
      if (!giveBack(address, user, 'delete')) bank.putAccount(address, undefined);
    },
    user: (address) => read(address, decodeUser),
    users: usersOf,
    setUserLayout(address, bytes) {
      existing('user', address, decodeUser);
      const data = new Uint8Array(bytes);
      data.set(bank.account(address)?.data.subarray(0, bytes) ?? []);
      write(address, data);
    },
    adopt(accounts) {
      for (const address of accounts.keys()) {
        const device = read(address, decodeDevice);
        if (device !== undefined) {
          devices = Math.max(devices, Number(device.index) - (deployed === undefined ? 0 : FIRST_DEVICE_INDEX - 1));
          deployed?.adoptDevice(address, device);
        }
        const tenant = read(address, decodeTenant);
        if (tenant !== undefined) {
          tenants = Math.max(tenants, tenant.vrfId);
          deployed?.adoptTenant(tenant);
        }
      }
      for (const address of accounts.keys()) {
        const user = read(address, decodeUser);
        if (user === undefined) continue;
        deployed?.adoptUser(user);
        if (isOfProgram(address, user)) resources.rememberClient(user.clientIp);
        else resources.adopt(user, read(user.devicePk, decodeDevice));
      }
    },
    fund(address, balance) {
      const account = bank.account(address) ?? createAccount(SYSTEM_PROGRAM_ID, new Uint8Array());
      bank.putAccount(address, { ...account, lamports: balance });
    },
  };
}

/** Changes that CreateAndActivateUser does not support. */
const changeFor = ({ owner, publishers, subscribers, tunnelNet, tunnelId }: NewUser): UserChange => ({
  owner,
  publishers,
  subscribers,
  tunnelNet,
  tunnelId,
  tunnelFlags: publishers === undefined || publishers.length === 0 ? undefined : 1,
});

const wantsMore = (input: NewUser): boolean => Object.values(changeFor(input)).some((value) => value !== undefined);

/*
 * The same operations over JSON-RPC: `localnet_…` methods, which validate their parameters.
 */

const ipParam = z.custom<Ipv4>(isIpv4, 'expected an IPv4 address');
const networkParam = z.string().transform((text, context): NetworkV4 => {
  try {
    return parseNetworkV4(text);
  } catch {
    context.addIssue('expected an IPv4 network, a.b.c.d/n');
    return z.NEVER;
  }
});
const u8 = z.int().min(0).max(255);
const u16 = z.int().min(0).max(65_535);
const code = z.string().max(32);

const deviceFields = {
  code: code.optional(),
  publicIp: ipParam.optional(),
  status: u8.optional(),
  interfaces: z.int().min(0).max(500).optional(),
};
const createDevice = z.strictObject({ metricsPublisher: addressParam, ...deviceFields });
const changeDevice = z.strictObject({ device: addressParam, metricsPublisher: addressParam.optional(), ...deviceFields });
const newCode = z.string().regex(/^[A-Za-z0-9_:.-]{1,32}$/, 'expected a code of 1 to 32 letters, digits, and _ : . -');
const createPlace = z.strictObject({ code: newCode });
const createContributor = z.strictObject({ code: newCode, owner: addressParam });
const createPass = z.strictObject({
  userPayer: addressParam,
  clientIp: ipParam.optional(),
  epochs: z.int().min(0).max(1_000_000).optional(),
  maxUsers: u16.optional(),
});
const expirePass = z.strictObject({ pass: addressParam });
const createLink = z.strictObject({ deviceA: addressParam, deviceZ: addressParam, code: newCode });
const createInterface = z.strictObject({
  device: addressParam,
  name: z.string().regex(/^[A-Za-z0-9/._-]{1,32}$/, 'expected an interface name, such as Ethernet1 or Loopback100'),
  kind: z.enum(['loopback', 'physical']),
  withAddress: z.boolean().optional(),
});

const deleteLink = z.strictObject({ link: addressParam });
const deleteInterface = createInterface.pick({ device: true, name: true });
const deleteGroup = z.strictObject({ group: addressParam });

const createTenant = z.strictObject({ code, vrfId: u16.optional() });

const userFields = {
  tunnelNet: networkParam.optional(),
  tunnelId: u16.optional(),
  publishers: z.array(addressParam).optional(),
  subscribers: z.array(addressParam).optional(),
};
const createUser = z.strictObject({
  device: addressParam,
  userType: u8.optional(),
  clientIp: ipParam.optional(),
  tenant: addressParam.optional(),
  owner: addressParam.optional(),
  ...userFields,
});
const changeUser = z.strictObject({
  user: addressParam,
  status: u8.optional(),
  bgpStatus: u8.optional(),
  clientIp: ipParam.optional(),
  dzIp: ipParam.optional(),
  tunnelEndpoint: ipParam.optional(),
  tenantPk: addressParam.optional(),
  ...userFields,
});
const oneUser = z.strictObject({ user: addressParam });
const setUserLayout = z.strictObject({ user: addressParam, bytes: z.int().min(1).max(10_240) });
const setAccount = z.strictObject({
  address: addressParam,
  owner: addressParam,
  lamports: u64Param.optional(),
  data: z.base64(),
  executable: z.boolean().default(false),
});
const fund = z.strictObject({ address: addressParam, lamports: u64Param });
const listUsers = z.strictObject({ device: addressParam.optional() });

const advance = z.strictObject({ slots: z.int().min(1).max(1_000_000).optional() });
const rollBack = z.strictObject({ blocks: z.int().min(1), requeue: z.boolean().optional() });

/** `localnet_…`: the world's administration and the faults, for clients in other processes. Each takes one object (docs/localnet-ledger.md). */
export function createLocalnetMethods(admin: WorldAdmin): RpcMethods {
  const withUser = (address: Address): unknown => ({ address, ...userJson(admin.user(address)) });

  return mapValues(
    {
      localnet_createDevice: creates(createDevice, admin.createDevice),
      localnet_changeDevice: does(changeDevice, ({ device: address, ...change }) => admin.changeDevice(address, change)),
      localnet_createContributor: creates(createContributor, admin.createContributor),
      localnet_createLocation: creates(createPlace, admin.createLocation),
      localnet_createExchange: creates(createPlace, admin.createExchange),
      localnet_createPass: creates(createPass, admin.createPass),
      localnet_expirePass: does(expirePass, ({ pass }) => admin.expirePass(pass)),
      localnet_createLink: creates(createLink, admin.createLink),
      localnet_deleteLink: does(deleteLink, ({ link }) => admin.deleteLink(link)),
      localnet_createInterface: creates(createInterface, admin.createInterface),
      localnet_deleteInterface: does(deleteInterface, admin.deleteInterface),
      localnet_createGroup: creates(createPlace, admin.createGroup),
      localnet_deleteGroup: does(deleteGroup, ({ group }) => admin.deleteGroup(group)),
      localnet_createTenant: creates(createTenant, admin.createTenant),
      localnet_createUser: (_, params) => withUser(admin.createUser(one(createUser, params))),
      localnet_changeUser(_, params) {
        const { user, ...change } = one(changeUser, params);
        admin.changeUser(user, change);
        return withUser(user);
      },
      localnet_banUser: does(oneUser, ({ user }) => admin.banUser(user)),
      localnet_deleteUser: does(oneUser, ({ user }) => admin.deleteUser(user)),
      localnet_setUserLayout: does(setUserLayout, ({ user, bytes }) => admin.setUserLayout(user, bytes)),
      localnet_users(_, params) {
        const { device: only } = one(listUsers, params);
        return [...admin.users(only)].map(([address, user]) => ({ address, ...userJson(user) }));
      },
      localnet_setAccount: does(setAccount, ({ address, owner, data, lamports: balance, executable }, { bank }) => {
        const account = createAccount(owner, Buffer.from(data, 'base64'), balance === undefined ? undefined : lamports(balance));
        bank.putAccount(address, { ...account, executable });
      }),
      localnet_fund: does(fund, ({ address, lamports: balance }) => admin.fund(address, lamports(balance))),
      localnet_setFaults({ faults }, params) {
        faults.set(one(faultPatchSchema, params));
        return faults.settings;
      },
      localnet_clearFaults({ faults }) {
        faults.clear();
        return faults.settings;
      },
      localnet_faults: ({ faults }) => faults.settings,
      localnet_advance: does(advance, ({ slots = 1 }, { bank }) => bank.advance(slots)),
      localnet_rollBack: does(rollBack, ({ blocks, requeue }, { bank }) => bank.rollBack(blocks, { requeue })),
      localnet_counters: ({ bank }) => bank.counters,
    },
    worldErrorsAsInvalidParams,
  );
}

function one<T extends z.ZodType>(schema: T, params: readonly unknown[]): z.output<T> {
  return readParams(schema, params[0] ?? {});
}

/** A method that answers with the address of the account that it creates. */
function creates<T extends z.ZodType>(schema: T, create: (input: z.output<T>) => Address): RpcMethod {
  return (_, params) => ({ address: create(one(schema, params)) });
}

/** A method that answers with null. */
function does<T extends z.ZodType>(schema: T, act: (input: z.output<T>, endpoint: Endpoint) => void): RpcMethod {
  return (endpoint, params) => {
    act(one(schema, params), endpoint);
    return null;
  };
}

function worldErrorsAsInvalidParams(method: RpcMethod): RpcMethod {
  return (endpoint, params) => {
    try {
      return method(endpoint, params);
    } catch (error) {
      throw error instanceof WorldError || error instanceof ServiceabilityError ? invalidParams(error.message) : error;
    }
  };
}

function mapValues(methods: RpcMethods, wrap: (method: RpcMethod) => RpcMethod): RpcMethods {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, wrap(method)]));
}

const userJson = (user: User | undefined): object => (user === undefined ? {} : { ...user, tunnelNet: formatNetworkV4(user.tunnelNet) });
