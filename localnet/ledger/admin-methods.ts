import * as z from 'zod';
import {
  type Address,
  formatNetworkV4,
  type Ipv4,
  isIpv4,
  lamports,
  type NetworkV4,
  parseNetworkV4,
  ServiceabilityError,
  type User,
} from '../../src/serviceability/index.ts';
import type { WorldAdmin } from './admin.ts';
import { WorldError } from './factories.ts';
import { faultPatchSchema } from './faults.ts';
import { addressParam, invalidParams, type RpcMethod, type RpcMethods, readParams, u64Param } from './rpc-types.ts';
import { createAccount } from './runtime.ts';

const ip = z.custom<Ipv4>(isIpv4, 'expected an IPv4 address');
const network = z.string().transform((text, context): NetworkV4 => {
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

const device = { code: code.optional(), publicIp: ip.optional(), status: u8.optional(), interfaces: z.int().min(0).max(500).optional() };
const createDevice = z.strictObject({ metricsPublisher: addressParam, ...device });
const changeDevice = z.strictObject({ device: addressParam, metricsPublisher: addressParam.optional(), ...device });
const newCode = z.string().regex(/^[A-Za-z0-9_:.-]{1,32}$/, 'expected a code of 1 to 32 letters, digits, and _ : . -');
const createPlace = z.strictObject({ code: newCode });
const createContributor = z.strictObject({ code: newCode, owner: addressParam });
const createPass = z.strictObject({
  userPayer: addressParam,
  clientIp: ip.optional(),
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
  tunnelNet: network.optional(),
  tunnelId: u16.optional(),
  publishers: z.array(addressParam).optional(),
  subscribers: z.array(addressParam).optional(),
};
const createUser = z.strictObject({
  device: addressParam,
  userType: u8.optional(),
  clientIp: ip.optional(),
  tenant: addressParam.optional(),
  owner: addressParam.optional(),
  ...userFields,
});
const changeUser = z.strictObject({
  user: addressParam,
  status: u8.optional(),
  bgpStatus: u8.optional(),
  clientIp: ip.optional(),
  dzIp: ip.optional(),
  tunnelEndpoint: ip.optional(),
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
const users = z.strictObject({ device: addressParam.optional() });

/** `localnet_…`: the world's administration and the faults, for clients in other processes. Each takes one object (docs/localnet-ledger.md). */
export function createLocalnetMethods(admin: WorldAdmin): RpcMethods {
  const created = (address: Address): unknown => ({ address, ...userJson(admin.user(address)) });

  return mapValues(
    {
      localnet_createDevice: (_, params) => ({ address: admin.createDevice(one(createDevice, params)) }),
      localnet_changeDevice(_, params) {
        const { device: address, ...change } = one(changeDevice, params);
        admin.changeDevice(address, change);
        return null;
      },
      localnet_createContributor: (_, params) => ({ address: admin.createContributor(one(createContributor, params)) }),
      localnet_createLocation: (_, params) => ({ address: admin.createLocation(one(createPlace, params)) }),
      localnet_createExchange: (_, params) => ({ address: admin.createExchange(one(createPlace, params)) }),
      localnet_createPass: (_, params) => ({ address: admin.createPass(one(createPass, params)) }),
      localnet_expirePass(_, params) {
        admin.expirePass(one(expirePass, params).pass);
        return null;
      },
      localnet_createLink: (_, params) => ({ address: admin.createLink(one(createLink, params)) }),
      localnet_createInterface: (_, params) => ({ address: admin.createInterface(one(createInterface, params)) }),
      localnet_createGroup: (_, params) => ({ address: admin.createGroup(one(createPlace, params)) }),
      localnet_deleteLink(_, params) {
        admin.deleteLink(one(deleteLink, params).link);
        return null;
      },
      localnet_deleteInterface(_, params) {
        admin.deleteInterface(one(deleteInterface, params));
        return null;
      },
      localnet_deleteGroup(_, params) {
        admin.deleteGroup(one(deleteGroup, params).group);
        return null;
      },
      localnet_createTenant: (_, params) => ({ address: admin.createTenant(one(createTenant, params)) }),
      localnet_createUser: (_, params) => created(admin.createUser(one(createUser, params))),
      localnet_changeUser(_, params) {
        const { user, ...change } = one(changeUser, params);
        admin.changeUser(user, change);
        return created(user);
      },
      localnet_banUser(_, params) {
        admin.banUser(one(oneUser, params).user);
        return null;
      },
      localnet_deleteUser(_, params) {
        admin.deleteUser(one(oneUser, params).user);
        return null;
      },
      localnet_setUserLayout(_, params) {
        const { user, bytes } = one(setUserLayout, params);
        admin.setUserLayout(user, bytes);
        return null;
      },
      localnet_users(_, params) {
        const { device: only } = one(users, params);
        return [...admin.users(only)].map(([address, user]) => ({ address, ...userJson(user) }));
      },
      localnet_setAccount({ bank }, params) {
        const { address, owner, data, lamports: balance, executable } = one(setAccount, params);
        const account = createAccount(owner, Buffer.from(data, 'base64'), balance === undefined ? undefined : lamports(balance));
        bank.putAccount(address, { ...account, executable });
        return null;
      },
      localnet_fund(_, params) {
        const { address, lamports: balance } = one(fund, params);
        admin.fund(address, lamports(balance));
        return null;
      },
      localnet_setFaults({ faults }, params) {
        faults.set(one(faultPatchSchema, params));
        return faults.settings;
      },
      localnet_clearFaults({ faults }) {
        faults.clear();
        return faults.settings;
      },
      localnet_faults: ({ faults }) => faults.settings,
      localnet_advance({ bank }, params) {
        bank.advance(one(z.strictObject({ slots: z.int().min(1).max(1_000_000).optional() }), params).slots ?? 1);
        return null;
      },
      localnet_rollBack({ bank }, params) {
        const { blocks, requeue } = one(z.strictObject({ blocks: z.int().min(1), requeue: z.boolean().optional() }), params);
        bank.rollBack(blocks, { requeue });
        return null;
      },
      localnet_counters: ({ bank }) => bank.counters,
    },
    worldErrorsAsInvalidParams,
  );
}

function one<T extends z.ZodType>(schema: T, params: readonly unknown[]): z.output<T> {
  return readParams(schema, params[0] ?? {});
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
