import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runLocalnetCommandLine } from '../../localnet/commands.ts';
import { createLocalnet, type Localnet } from '../../localnet/index.ts';
import { createSigner } from '../../localnet/ledger/index.ts';
import type { CommandIo } from '../../src/cli/command.ts';
import { createAbortController } from '../../src/lib/index.ts';
import {
  type Address,
  DeviceStatus,
  decodeAccessPass,
  decodeContributor,
  decodeDevice,
  decodeExchange,
  decodeLocation,
  UserStatus,
} from '../../src/serviceability/index.ts';
import * as rfc11 from '../../src/serviceability/rfc11/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';

let localnet: Localnet;
let rpcUrl: string;

beforeAll(async () => {
  localnet = createLocalnet({ users: 2, publisher: keyNumber(1), slotsPerEpoch: 200n });
  ({ rpcUrl } = await localnet.start());
});
afterAll(() => localnet.stop());

/** `dzd-localnet …` against the localnet that runs. */
async function drive(...args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const to = (lines: string[]) => ({ write: (text: string) => void lines.push(text), isTerminal: false, columns: undefined });
  const io: CommandIo = {
    stdout: to(out),
    stderr: to(err),
    environment: {},
    signal: createAbortController().signal,
    onHangup: () => undefined,
    version: '1.2.3',
  };
  const url = args.some((arg) => arg.startsWith('--rpc-url')) || args.length === 0 ? [] : ['--rpc-url', rpcUrl];
  const exitCode = await runLocalnetCommandLine([...args, ...url], io);
  return { exitCode, stdout: out.join(''), firstError: err.join('').split('\n')[0] };
}
const json = async (...args: readonly string[]): Promise<unknown> => {
  const { stdout, firstError } = await drive(...args, '--output', 'json');
  if (stdout === '') throw new Error(firstError);
  return JSON.parse(stdout);
};

describe('users', () => {
  test('one is created, connected, disconnected, banned and deleted, by address or by client address', async () => {
    const { address } = Object(await json('user', 'create', '--client-ip', '198.18.7.7', '--tenant', '1', '--connect'));
    expect(localnet.truth().get(address)).toBe('up');
    expect((await drive('user', 'disconnect', '198.18.7.7')).stdout).toBe('ok\n');
    expect(localnet.truth().get(address)).toBe('down');
    expect((await drive('user', 'connect', address, '--rtt-us', '900')).exitCode).toBe(0);
    expect(localnet.truth().get(address)).toBe('up');
    expect((await drive('user', 'ban', address)).exitCode).toBe(0);
    expect(localnet.ledger.admin.user(address)?.status).toBe(UserStatus.banned);
    expect((await drive('user', 'delete', '198.18.7.7')).exitCode).toBe(0);
    expect(localnet.ledger.admin.user(address)).toBeUndefined();
  });

  test('the list has a row for each, under their names', async () => {
    const { stdout } = await drive('user', 'list');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]?.split(/ +/)).toEqual(['address', 'clientIp', 'userType', 'status', 'tunnelId', 'tunnelNet', 'bgpStatus']);
    expect(lines.slice(1).map((line) => line.split(/ +/)[0])).toEqual([...localnet.ledger.admin.users().keys()]);
    expect(lines[1]?.split(/ +/).slice(1)).toEqual(['198.18.0.1', 'IBRL', 'activated', '500', '169.254.0.0/31', 'unknown']);
  });
});

describe('the device', () => {
  test('is shown, and gets another publisher and another status', async () => {
    expect((await drive('device', 'publisher', keyNumber(9))).exitCode).toBe(0);
    expect((await drive('device', 'status', 'drained')).exitCode).toBe(0);
    expect(await json('device', 'show')).toEqual({
      address: localnet.device,
      programId: localnet.programId,
      code: 'lo-dz001',
      status: 5,
      publicIp: '198.19.255.1',
      metricsPublisher: keyNumber(9),
      users: 2,
    });
    expect((await drive('device', 'show')).stdout).toMatch(/^status +drained$/m);
  });
});

describe('a network', () => {
  const account = (address: unknown): Uint8Array => localnet.ledger.bank.account(address as Address)?.data ?? new Uint8Array();
  beforeAll(() => localnet.ledger.admin.changeDevice(localnet.device, { status: DeviceStatus.activated }));
  const created = async (...args: readonly string[]): Promise<Address> => Object(await json(...args)).address;

  test('a network gets devices, links, interfaces and groups by the instructions of RFC-11', async () => {
    const other = await created('device', 'create', 'lo-dz002');
    expect(decodeDevice(account(other))).toMatchObject({ code: 'lo-dz002', status: 1 });
    expect((await drive('device', 'create', 'lo-dz002')).firstError).toContain(`${other} already has the code lo-dz002`);
    const link = await created('link', 'create', 'dz1:dz2', localnet.device, other);
    expect(rfc11.decodeLinkWithSlots(account(link))).toMatchObject({
      value: { tunnelId: 502, sideZPk: other },
      slots: { tunnelIdSlotA: 2 },
    });
    const loopback = await created('interface', 'create', 'Loopback100', '--with-address');
    expect(rfc11.decodeInterfaceAccount(account(loopback))).toMatchObject({
      devicePk: localnet.device,
      segmentRoutingSlot: 0,
      dzIpSlot: 4,
    });
    const physical = await created('interface', 'create', 'Ethernet1/1', other);
    expect(rfc11.decodeInterfaceAccount(account(physical))).toMatchObject({ devicePk: other, segmentRoutingSlot: undefined });
    const group = await created('group', 'create', 'prices');
    expect(rfc11.decodeMulticastGroupWithSlots(account(group))).toMatchObject({ value: { multicastIp: '233.84.178.0' } });

    expect((await drive('device', 'delete', other)).firstError).toContain('ResourceInUse');
    for (const words of [
      ['link', 'delete', link],
      ['interface', 'delete', 'Loopback100'],
      ['interface', 'delete', 'Ethernet1/1', other],
      ['group', 'delete', group],
      ['device', 'delete', other],
    ])
      expect([words, await drive(...words)]).toEqual([words, expect.objectContaining({ exitCode: 0, stdout: 'ok\n' })]);
    expect([link, loopback, physical, group, other].map((address) => account(address).length)).toEqual([0, 0, 0, 0, 0]);
    expect((await drive('interface', 'delete', 'Loopback100')).firstError).toContain('has no interface Loopback100');
    expect((await drive('device', 'delete', localnet.device)).firstError).toContain('the switch stands for this device');
  });

  test('a network gets contributors, locations and exchanges at addresses of their own', async () => {
    expect(decodeContributor(account(await created('contributor', 'create', 'co2', keyNumber(5))))).toMatchObject({
      code: 'co2',
      owner: keyNumber(5),
    });
    expect(decodeLocation(account(await created('location', 'create', 'fra')))).toMatchObject({ code: 'fra', status: 1 });
    expect(decodeExchange(account(await created('exchange', 'create', 'xfra')))).toMatchObject({ code: 'xfra', status: 1 });
  });

  test('a customer gets a pass and creates its user with its own key', async () => {
    const keypair = join(await mkdtemp(join(tmpdir(), 'dzd-drive-')), 'customer.json');
    const customer = createSigner(new Uint8Array(32).fill(7));
    await writeFile(keypair, JSON.stringify([...new Uint8Array(32).fill(7), ...customer.publicKey]), { mode: 0o600 });
    const create = ['user', 'create', '--keypair', keypair, '--client-ip', '198.18.44.1', '--connect'];
    expect((await drive(...create)).firstError).toContain(`${customer.address} has no access pass for 198.18.44.1; create one with`);
    const pass = await created('pass', 'create', keypair, '--max-users', '1');
    const { address } = Object(await json(...create));
    const { value, slots } = rfc11.decodeUserWithSlots(account(address));
    expect([value.owner, slots?.accessPassPk, localnet.truth().get(address)]).toEqual([customer.address, pass, 'up']);
    const more = await drive('user', 'create', '--keypair', keypair, '--client-ip', '198.18.44.2');
    expect(more).toMatchObject({ exitCode: 1, firstError: expect.stringContaining('AccessPassMaxUnicastUsersExceeded') });
    expect((await drive('user', 'ban', '198.18.44.1')).exitCode).toBe(0);
    expect(decodeAccessPass(account(pass)).unicastUserCount).toBe(0);
    const another = await created('user', 'create');
    expect((await drive('user', 'delete', '198.18.44.1', another)).exitCode).toBe(0);
    expect([address, another].map((user) => localnet.ledger.admin.user(user))).toEqual([undefined, undefined]);
  });

  test('a pass expires in a short epoch, and its users are swept then', async () => {
    const pass = await created('pass', 'create', keyNumber(6), '--epochs', '0');
    expect((await drive('pass', 'expire', pass)).firstError).toContain('start with --slots-per-epoch 100');
    localnet.ledger.bank.advance(200);
    expect((await drive('pass', 'expire', pass)).exitCode).toBe(0);
    expect(decodeAccessPass(account(pass)).lastAccessEpoch).toBe(0n);
  });
});

describe('faults', () => {
  test('of the ledger are set, shown and cleared', async () => {
    expect((await drive('faults', 'set', 'ledger', 'lagSlots=5', 'rpc=[{"kind":"unavailable","times":1}]')).exitCode).toBe(0);
    expect(localnet.ledger.faults.settings).toMatchObject({ lagSlots: 5, rpc: [{ kind: 'unavailable', times: 1 }] });
    expect(await json('faults', 'show', 'ledger')).toMatchObject({ lagSlots: 5 });
    await drive('faults', 'clear', 'ledger');
    expect(localnet.ledger.faults.settings).toMatchObject({ lagSlots: 0, rpc: [] });
  });

  test('of the switch begin, are shown and end; without a side all end', async () => {
    expect(await json('faults', 'set', 'switch', 'kind=vrf-missing', 'vrf=vrf1')).toEqual([{ kind: 'vrf-missing', vrf: 'vrf1' }]);
    expect(await json('faults', 'show', 'switch')).toEqual([{ kind: 'vrf-missing', vrf: 'vrf1' }]);
    expect((await drive('faults', 'clear')).exitCode).toBe(0);
    expect((await drive('faults', 'show', 'switch')).stdout).toBe('none\n');
  });
});

describe('what cannot be', () => {
  test.each([
    [['user', 'crate'], 2, 'dzd-localnet: unknown command "user crate", did you mean "user create"?'],
    [['user', 'delete'], 2, 'dzd-localnet: expected `dzd-localnet user delete USER…`'],
    [
      ['user', 'delete', 'nobody'],
      2,
      'dzd-localnet: "nobody" is neither a public key nor a client address; `dzd-localnet user list` lists both',
    ],
    [['user', 'list', '--users', '3'], 2, 'dzd-localnet: unknown option --users'],
    [['user', 'list', '--connect'], 2, 'dzd-localnet: --connect is not an option of `dzd-localnet user list`'],
    [['user', 'create', '--keypair', '/k'], 2, 'dzd-localnet: user create: --keypair needs --client-ip, and takes no --tenant'],
    [['pass', 'create', 'me'], 2, 'dzd-localnet: "me" is neither a public key nor a key file'],
    [['link', 'create', 'x'], 2, 'dzd-localnet: expected `dzd-localnet link create CODE DEVICE DEVICE`'],
    [['group', 'create', 'a b'], 1, expect.stringContaining('expected a code of 1 to 32 letters, digits, and _ : . -')],
    [['user'], 2, 'dzd-localnet: user takes one of list, create, delete, ban, connect, disconnect'],
    [['snapshot'], 2, 'dzd-localnet: expected `dzd-localnet snapshot FILE`'],
    [['device', 'status', 'fine'], 2, expect.stringContaining('dzd-localnet: device status: expected pending, activated, ')],
    [['faults', 'set', 'moon', 'a=1'], 2, 'dzd-localnet: expected ledger or switch, not "moon"'],
    [['faults', 'set', 'ledger', 'lag'], 2, 'dzd-localnet: "lag" is not NAME=VALUE'],
    [['--kind', 'multicast', '--rpc-url', 'http://127.0.0.1:1'], 2, 'dzd-localnet: unknown option --kind'],
    [['user', 'list', '--rpc-url', 'ftp://x'], 2, 'dzd-localnet: --rpc-url: expected an address such as http://127.0.0.1:8899'],
    [
      ['user', 'list', '--rpc-url', 'http://127.0.0.1:1'],
      1,
      expect.stringContaining('dzd-localnet: no localnet answers at http://127.0.0.1:1: '),
    ],
    [['user', 'connect', '198.51.100.1'], 1, 'dzd-localnet: the localnet rejected that: no user has the client address 198.51.100.1'],
    [
      ['faults', 'set', 'ledger', 'lagSlots=-1'],
      1,
      expect.stringContaining('dzd-localnet: the localnet rejected localnet_setFaults: Invalid params: '),
    ],
  ])('%j ends with one clear line', async (args, exitCode, firstError) => {
    expect(await drive(...args)).toEqual({ exitCode, stdout: '', firstError });
  });

  test('a client address that is taken is refused in words', async () => {
    const [user] = localnet.ledger.admin.users().values();
    const { exitCode, firstError } = await drive('user', 'create', '--client-ip', user?.clientIp ?? '');
    expect([exitCode, firstError]).toEqual([1, expect.stringContaining('client address 198.18.0.1 already has a user')]);
  });
});
