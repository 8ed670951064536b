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
  globalConfigAddress,
  globalStateAddress,
  type Lamports,
  lamports,
  NETWORKS,
  type ProgramVersion,
  programConfigAddress,
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
import { createNetworkAdmin, type NetworkAdmin } from './network-admin.ts';
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
