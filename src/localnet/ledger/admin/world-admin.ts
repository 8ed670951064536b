import {
  type Address,
  decodeDevice,
  decodeTenant,
  decodeUser,
  deviceAddress,
  encodeDevice,
  encodeTenant,
  encodeUser,
  SYSTEM_PROGRAM_ID,
  tenantAddress,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  type User,
  UserStatus,
  UserType,
} from '../../../serviceability/index.ts';
import { type Derive, userAddress } from '../../../serviceability/rfc11/index.ts';
import type { Bank } from '../bank/index.ts';
import { createAccount } from '../runtime/index.ts';
import { changedDevice, newDevice } from './device-factory.ts';
import { createFoundation } from './foundation.ts';
import { networkAccounts } from './network-accounts.ts';
import { createProgramUsers } from './program-users.ts';
import { newTenant } from './tenant-factory.ts';
import { type NewUser, newUser } from './user-factory.ts';
import { createUserResources } from './user-resources.ts';
import type { UserChange, WorldAdmin } from './world-contract.ts';
import { WorldError } from './world-error.ts';

export interface WorldAdminOptions {
  readonly bank: Bank;
  readonly programId: Address;
  readonly derive: Derive;
}

export function createWorldAdmin({ bank, programId, derive }: WorldAdminOptions): WorldAdmin {
  const foundation = createFoundation(bank);
  const owner = foundation.address;
  const resources = createUserResources();
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
    if (found === undefined) throw new WorldError(`there is no ${what} at ${address}`);
    return found;
  };
  const countUser = (address: Address, { userType }: User, by: 1 | -1): void => {
    const device = read(address, decodeDevice);
    if (device === undefined) return;
    const isMulticast = userType === UserType.multicast;
    write(
      address,
      encodeDevice({
        ...device,
        referenceCount: device.referenceCount + by,
        usersCount: device.usersCount + by,
        unicastUsersCount: device.unicastUsersCount + (isMulticast ? 0 : by),
        multicastSubscribersCount: device.multicastSubscribersCount + (isMulticast ? by : 0),
      }),
    );
  };

  const usersOf = (device?: Address): ReadonlyMap<Address, User> => {
    const users = new Map<Address, User>();
    for (const [address] of bank.replica().view('processed').accountsOf(programId)) {
      const user = read(address, decodeUser);
      if (user !== undefined && (device === undefined || user.devicePk === device)) users.set(address, user);
    }
    return users;
  };

  for (const [address, data] of networkAccounts(programId, owner)) write(address, data);
  const programUsers = createProgramUsers({ programId, derive, foundation, read, write, usersOf });
  /** Gives back what the user holds; true when the program's own instruction has seen to the account as well. */
  const giveBack = (address: Address, user: User, how: 'delete' | 'ban'): boolean => {
    if (programUsers.has(user.devicePk)) return programUsers.remove(address, user, how);
    resources.release(user);
    if (how === 'delete') countUser(user.devicePk, user, -1);
    return false;
  };

  function changeUser(address: Address, change: UserChange): void {
    const before = existing('user', address, decodeUser);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const after: User = { ...before, ...given };
    if (programUsers.has(before.devicePk)) {
      write(address, programUsers.moved(address, before, after));
    } else {
      resources.move(before, after);
      write(address, encodeUser(after));
    }
  }

  return {
    programId,
    createDevice(input) {
      devices += 1;
      const { address, bump } = deviceAddress(programId, BigInt(devices));
      write(address, encodeDevice(newDevice(devices, bump, owner, input)));
      return address;
    },
    changeDevice(address, change) {
      write(address, encodeDevice(changedDevice(existing('device', address, decodeDevice), change)));
    },
    createExtension(device) {
      // Not by looking for them: the first look at the chain lets time begin.
      if (existing('device', device, decodeDevice).usersCount > 0)
        throw new WorldError(`device ${device} has users from before its extension`);
      programUsers.createExtension(device);
    },
    device: (address) => read(address, decodeDevice),
    createTenant({ code, vrfId }) {
      const { address, bump } = tenantAddress(programId, code);
      if (read(address, decodeTenant) !== undefined) throw new WorldError(`there is a tenant ${code} already`);
      tenants += 1;
      write(address, encodeTenant(newTenant({ code, vrfId: vrfId ?? tenants, bumpSeed: bump, owner })));
      return address;
    },
    tenant: (address) => read(address, decodeTenant),
    createUser(input) {
      const device = existing('device', input.device, decodeDevice);
      const clientIp = input.clientIp ?? resources.nextClientIp();
      const { address, bump } = userAddress(programId, clientIp, input.userType ?? 0, derive);
      if (bank.account(address) !== undefined) throw new WorldError(`there is a user with client address ${clientIp} already: ${address}`);
      if (programUsers.has(input.device)) {
        programUsers.create({ device: input.device, clientIp, userType: input.userType ?? 0, tenant: input.tenant });
        resources.rememberClient(clientIp);
        if (wantsMore(input)) changeUser(address, changeFor(input));
        return address;
      }
      const allocated = resources.allocate(input, clientIp, device);
      const user = newUser(input, { ...allocated, bumpSeed: bump }, owner);
      write(address, encodeUser(user));
      countUser(input.device, user, 1);
      return address;
    },
    changeUser,
    banUser(address) {
      const user = existing('user', address, decodeUser);
      if (giveBack(address, user, 'ban')) return;
      const banned = { status: UserStatus.banned, tunnelNet: UNSPECIFIED_NETWORK, tunnelId: 0, dzIp: UNSPECIFIED_IPV4 };
      write(address, encodeUser({ ...user, ...banned }));
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
        if (device !== undefined) devices = Math.max(devices, Number(device.index));
        const tenant = read(address, decodeTenant);
        if (tenant !== undefined) tenants = Math.max(tenants, tenant.vrfId);
        const user = read(address, decodeUser);
        if (user === undefined) continue;
        if (programUsers.has(user.devicePk)) resources.rememberClient(user.clientIp);
        else resources.adopt(user, read(user.devicePk, decodeDevice));
      }
    },
    fund(address, balance) {
      const account = bank.account(address) ?? createAccount(SYSTEM_PROGRAM_ID, new Uint8Array());
      bank.putAccount(address, { ...account, lamports: balance });
    },
  };
}

/** What CreateAndActivateUser cannot be asked for. */
const changeFor = ({ owner, publishers, subscribers, tunnelNet, tunnelId }: NewUser): UserChange => ({
  owner,
  publishers,
  subscribers,
  tunnelNet,
  tunnelId,
  tunnelFlags: publishers === undefined || publishers.length === 0 ? undefined : 1,
});

const wantsMore = (input: NewUser): boolean => Object.values(changeFor(input)).some((value) => value !== undefined);
