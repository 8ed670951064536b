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
import { addressParam, type Endpoint, invalidParams, type RpcMethod, type RpcMethods, readParams, u64Param } from './rpc-types.ts';
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
        const { device: only } = one(users, params);
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

/** Answers with the address of what it creates. */
function creates<T extends z.ZodType>(schema: T, create: (input: z.output<T>) => Address): RpcMethod {
  return (_, params) => ({ address: create(one(schema, params)) });
}

/** Answers with null. */
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
