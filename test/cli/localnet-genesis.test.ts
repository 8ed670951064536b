import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLocalnet, type Localnet } from '../../localnet/index.ts';
import { readLocalnetOptions } from '../../localnet/options.ts';
import { readGenesis } from '../../localnet/start.ts';
import { configProblems } from '../../src/config/index.ts';
import { UserStatus, UserType } from '../../src/serviceability/index.ts';
import { temporaryFolder } from '../config/temporary-files.ts';
import { keyNumber } from '../support/bgp-builders.ts';

const EXAMPLE = new URL('../../config/localnet-genesis.yaml', import.meta.url).pathname;
const publisher = keyNumber(1);
const begin = (file: string): Localnet => createLocalnet({ users: 0, publisher, genesis: readGenesis(file) });

function genesisFile(text: string): string {
  const file = join(temporaryFolder(), 'world.yaml');
  writeFileSync(file, text);
  return file;
}

describe('the example', () => {
  test('is the world that it describes', () => {
    const { ledger, device, sim, truth } = begin(EXAMPLE);
    const { admin } = ledger;
    expect(admin.device(device)).toMatchObject({ code: 'lo-dz001', publicIp: '198.19.255.1', status: 1, metricsPublisherPk: publisher });
    const users = [...admin.users()].map(([address, user]) => ({
      clientIp: user.clientIp,
      device: admin.device(user.devicePk)?.code,
      tenant: admin.tenant(user.tenantPk)?.code,
      isMulticast: user.userType === UserType.multicast,
      isActivated: user.status === UserStatus.activated,
      session: truth().get(address),
    }));
    const common = { device: 'lo-dz001', isMulticast: false, isActivated: true };
    expect(users).toEqual([
      { ...common, clientIp: '198.18.0.1', tenant: 'tenant-a', session: 'up' },
      { ...common, clientIp: '198.18.0.2', tenant: 'tenant-b', session: 'up' },
      { ...common, clientIp: '198.18.0.3', tenant: 'tenant-b', session: 'down' },
      { ...common, clientIp: '198.18.0.4', tenant: undefined, isMulticast: true, session: 'up' },
      { ...common, clientIp: '198.18.1.1', device: 'lo-dz002', tenant: undefined, session: undefined },
    ]);
    expect(sim.neighbors('vrf1').map(({ rttUs }) => rttUs)).toEqual([1_200]);
    expect(sim.neighbors('vrf2').map(({ state }) => state)).toEqual(['established', 'active']);
  });

  test('gives the same accounts at the same addresses each time', () => {
    const [one, other] = [begin(EXAMPLE), begin(EXAMPLE)].map(({ ledger }) => ledger.snapshot().accounts);
    // The faucet's address comes from the name of the chain, which is drawn.
    const named = (accounts: typeof one) => accounts?.filter(({ lamports }) => lamports.length < 18);
    expect(named(one)).toEqual(named(other));
    expect(named(one)?.length).toBeGreaterThan(12);
  });
});

test("a device may have another publisher than the localnet's key", () => {
  const { ledger, device } = begin(genesisFile(`devices: [{ code: a, publisher: ${keyNumber(5)} }]`));
  expect(ledger.admin.device(device)?.metricsPublisherPk).toBe(keyNumber(5));
  expect([publisher, keyNumber(5)].map((key) => ledger.bank.account(key)?.lamports)).toEqual([10_000_000_000n, 10_000_000_000n]);
});

test('a world of 1,000 devices with a prefix and a user each is read', () => {
  const device = (n: number): string =>
    `  - code: dz${n}\n    dzPrefixes: [198.19.${n >> 4}.${(n & 15) * 16}/28]\n    users:\n      - clientIp: 198.18.${n >> 8}.${n & 255}\n`;
  const text = `devices:\n${Array.from({ length: 1_000 }, (_, n) => device(n)).join('')}`;
  expect(readGenesis(genesisFile(text)).devices.length).toBe(1_000);
});

describe('a mistake is named with file and line', () => {
  test.each([
    ['tenants: []', ':1: devices: expected a list of devices'],
    ['devices: []', ':1: devices: expected at least one device'],
    ['devices:\n  - code: a\n    color: red', ':3: devices[0].color: unknown key'],
    ['devices:\n  - code: a\n    users:\n      - clientIp: 300.1.1.1', ':4: devices[0].users[0].clientIp: expected an IPv4 address'],
    [
      'devices:\n  - code: a\n    users:\n      - clientIp: 1.1.1.1\n        tenant: t',
      ':5: devices[0].users[0].tenant: unknown tenant "t"',
    ],
    [
      'devices:\n  - code: a\n    users:\n      - clientIp: 1.1.1.1\n      - clientIp: 1.1.1.1',
      ':5: devices[0].users[1].clientIp: another unicast user has 1.1.1.1',
    ],
    [
      'devices:\n  - code: a\n  - code: b\n    users:\n      - clientIp: 1.1.1.1\n        connected: true',
      ':6: devices[1].users[0].connected: only the first device has a switch to connect to',
    ],
    ['devices:\n  - code: a\n  - code: a', ':3: devices[1].code: "a" is another device\'s code'],
    [
      'devices:\n  - code: a\n    status: fine',
      ':3: devices[0].status: expected pending, activated, deleting, rejected, drained, deviceProvisioning, linkProvisioning',
    ],
    ['devices:\n\t- code: a', ':2: a tab indents this line; YAML allows spaces only'],
  ])('%j', (text, problem) => {
    const file = genesisFile(text);
    let lines: readonly string[] = [];
    try {
      readGenesis(file);
    } catch (error) {
      lines = configProblems(error);
    }
    expect(lines).toEqual([`${file}${problem}`]);
  });
});

test.each([
  [{ genesis: 'a', restore: 'b' }, '--restore and --genesis exclude each other'],
  [{ genesis: 'a', users: '3' }, '--users cannot be combined with --genesis, which defines the users'],
  [{ restore: 'a', program: 'deployed' }, '--program cannot be combined with --restore, which defines it'],
  [{ restore: 'a', users: '3' }, '--users cannot be combined with --restore, which defines the users'],
])('%j is refused', (values, message) => {
  expect(() => readLocalnetOptions(values)).toThrow(message);
});
