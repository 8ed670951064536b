import { beforeEach, describe, expect, test } from 'vitest';
import { createFreePool } from '../../../localnet/ledger/factories.ts';
import { WorldError } from '../../../localnet/ledger/index.ts';
import {
  type Address,
  decodeGlobalConfig,
  decodeProgramConfig,
  findNetwork,
  formatNetworkV4,
  formatProgramVersion,
  globalConfigAddress,
  ipv4,
  parseNetworkV4,
  programConfigAddress,
  userAddress,
  validateUser,
} from '../../../src/serviceability/index.ts';
import { addressOfKey, createBed, existing, type Fixture, keypair } from './ledger-fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createBed();
});

const tunnel = (user: Address) => {
  const { tunnelId, tunnelNet } = existing(fixture.ledger.admin.user(user));
  return [tunnelId, formatNetworkV4(tunnelNet)];
};
const call = (method: string, params: object) =>
  JSON.parse(fixture.ledger.call(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [params] })));

test('the program is DoubleZero localnet, configured as one', () => {
  const { programId, bank } = fixture.ledger;
  expect(programId).toBe('7CTniUa88iJKUHTrCkB4TjAoG6TD7AMivhQeuqN2LPtX');
  expect(bank.account(programId)).toMatchObject({ executable: true });
  const config = decodeGlobalConfig(existing(bank.account(globalConfigAddress(programId).address)).data);
  expect([config.localAsn, formatNetworkV4(config.userTunnelBlock)]).toEqual([21_682, '169.254.0.0/16']);
  const program = decodeProgramConfig(existing(bank.account(programConfigAddress(programId).address)).data);
  expect(formatProgramVersion(program.version)).toBe('0.34.0');
});

test('another program address makes another world', () => {
  const testnet = existing(findNetwork('testnet')).programId;
  const other = createBed({ programId: testnet });
  expect(other.user()).toBe(userAddress(testnet, ipv4('198.18.0.1'), 0).address);
});

describe('users', () => {
  test('users get the lowest free tunnel network of the world and tunnel id of their device, from 169.254.0.0 and 500', () => {
    const other = fixture.ledger.admin.createDevice({ metricsPublisher: addressOfKey(fixture.publisher) });
    const [a, b] = [fixture.user(), fixture.user()];
    const elsewhere = fixture.ledger.admin.createUser({ device: other });
    expect([tunnel(a), tunnel(b), tunnel(elsewhere)]).toEqual([
      [500, '169.254.0.0/31'],
      [501, '169.254.0.2/31'],
      [500, '169.254.0.4/31'],
    ]);
    fixture.ledger.admin.deleteUser(a);
    expect(tunnel(fixture.user())).toEqual([500, '169.254.0.0/31']);
  });

  test('users of every type pass the checks of the program', () => {
    const { admin } = fixture.ledger;
    const users = [0, 1, 2, 3].map((userType) => existing(admin.user(admin.createUser({ device: fixture.device, userType }))));
    expect(users.map(validateUser)).toEqual([undefined, undefined, undefined, undefined]);
    expect(users.map(({ clientIp, dzIp }) => clientIp === dzIp)).toEqual([true, false, false, true]);
    expect(users.map(({ dzIp }) => dzIp).slice(1, 3)).toEqual(['198.19.1.1', '198.19.1.2']);
  });

  test('users have the address that their client address and type give, and a tenant', () => {
    const tenant = fixture.ledger.admin.createTenant({ code: 'acme' });
    expect(fixture.ledger.admin.tenant(tenant)).toMatchObject({ code: 'acme', vrfId: 1 });
    const user = fixture.ledger.admin.createUser({ device: fixture.device, clientIp: ipv4('198.18.7.7'), userType: 3, tenant });
    expect(user).toBe(userAddress(fixture.ledger.programId, ipv4('198.18.7.7'), 3).address);
    expect(fixture.ledger.admin.user(user)).toMatchObject({ tenantPk: tenant, devicePk: fixture.device, status: 1 });
  });

  test('users are one for each client address and type', () => {
    const input = { device: fixture.device, clientIp: ipv4('198.18.7.7') };
    fixture.ledger.admin.createUser(input);
    expect(() => fixture.ledger.admin.createUser(input)).toThrow(WorldError);
    expect(() => fixture.ledger.admin.createUser({ ...input, userType: 3 })).not.toThrow();
  });

  test('users whose tunnel moves leave the old one to others', () => {
    const user = fixture.user();
    fixture.ledger.admin.changeUser(user, { tunnelNet: parseNetworkV4('169.254.0.2/31'), tunnelId: 501 });
    expect([tunnel(fixture.user()), tunnel(fixture.user())]).toEqual([
      [500, '169.254.0.0/31'],
      [502, '169.254.0.4/31'],
    ]);
  });

  test('users that are banned lose their tunnel, which others get; deleting them frees nothing twice', () => {
    const banned = fixture.user();
    fixture.ledger.admin.banUser(banned);
    expect(tunnel(banned)).toEqual([0, '0.0.0.0/0']);
    const next = fixture.user();
    fixture.ledger.admin.deleteUser(banned);
    expect([tunnel(next), tunnel(fixture.user())]).toEqual([
      [500, '169.254.0.0/31'],
      [501, '169.254.0.2/31'],
    ]);
  });

  test('users may be given the same tunnel on purpose', () => {
    const a = fixture.user();
    const b = fixture.ledger.admin.createUser({ device: fixture.device, tunnelNet: parseNetworkV4('169.254.0.0/31') });
    expect([tunnel(a), tunnel(b)]).toEqual([
      [500, '169.254.0.0/31'],
      [501, '169.254.0.0/31'],
    ]);
    fixture.ledger.admin.deleteUser(a);
    expect(tunnel(fixture.user())).toEqual([500, '169.254.0.2/31']); // the network is still in use
  });

  test('users are counted on their device', () => {
    const { admin } = fixture.ledger;
    const user = fixture.user();
    admin.createUser({ device: fixture.device, userType: 3 });
    expect(admin.device(fixture.device)).toMatchObject({ usersCount: 2, unicastUsersCount: 1, multicastSubscribersCount: 1 });
    admin.deleteUser(user);
    expect(admin.device(fixture.device)).toMatchObject({ usersCount: 1, unicastUsersCount: 0, multicastSubscribersCount: 1 });
    expect([...admin.users(fixture.device).keys()]).toHaveLength(1);
  });
});

test('a pool gives the lowest free number, and none when it is empty', () => {
  const pool = createFreePool(500, 503);
  pool.take(501);
  expect([pool.takeLowest(), pool.takeLowest(), pool.takeLowest()]).toEqual([500, 502, undefined]);
  pool.release(502);
  pool.release(500);
  pool.release(500);
  expect([pool.takeLowest(), pool.takeLowest(), pool.takeLowest()]).toEqual([500, 502, undefined]);
});

test('everything can be done over JSON-RPC', () => {
  const publisher = addressOfKey(keypair('another publisher'));
  const device: Address = call('localnet_createDevice', { metricsPublisher: publisher, code: 'dz9', interfaces: 3 }).result.address;
  expect(fixture.ledger.admin.device(device)).toMatchObject({ code: 'dz9', metricsPublisherPk: publisher });
  call('localnet_changeDevice', { device, metricsPublisher: addressOfKey(fixture.publisher), status: 5 });
  expect(fixture.ledger.admin.device(device)).toMatchObject({ status: 5, metricsPublisherPk: addressOfKey(fixture.publisher) });
  const tenant: Address = call('localnet_createTenant', { code: 'acme', vrfId: 7 }).result.address;
  const created = call('localnet_createUser', { device, tenant, userType: 1 }).result;
  expect(created).toMatchObject({
    devicePk: device,
    tenantPk: tenant,
    tunnelNet: '169.254.0.0/31',
    tunnelId: 500,
    status: 1,
    lastBgpUpAt: 0,
  });
  const user: Address = created.address;
  expect(call('localnet_changeUser', { user, tunnelNet: '169.254.9.0/31' }).result.tunnelNet).toBe('169.254.9.0/31');
  expect(call('localnet_users', { device }).result).toEqual([expect.objectContaining({ address: user })]);
  call('localnet_setUserLayout', { user, bytes: 177 });
  expect(fixture.ledger.bank.account(user)?.data).toHaveLength(177);
  call('localnet_banUser', { user });
  expect(fixture.ledger.admin.user(user)?.status).toBe(6);
  call('localnet_deleteUser', { user });
  expect(fixture.ledger.admin.user(user)).toBeUndefined();
  call('localnet_fund', { address: publisher, lamports: 5 });
  call('localnet_setAccount', { address: user, owner: fixture.ledger.programId, data: Buffer.from([7]).toString('base64') });
  expect([fixture.ledger.bank.account(publisher)?.lamports, fixture.ledger.bank.account(user)?.data]).toEqual([5n, Buffer.from([7])]);
  call('localnet_setAccount', { address: user, owner: fixture.ledger.programId, data: '', executable: true });
  expect(fixture.ledger.bank.account(user)?.executable).toBe(true);
  const before = fixture.slot();
  call('localnet_advance', { slots: 5 });
  call('localnet_rollBack', { blocks: 2, requeue: true });
  expect(fixture.ledger.bank.replica().view('processed').slot).toBe(before + 3n);
  expect(call('localnet_counters', {}).result).toMatchObject({ received: 0, succeeded: 0 });
});
