import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import { statusCommand } from '../../src/cli/commands.ts';
import { SORT_FIELDS, type SortField } from '../../src/cli/options.ts';
import { arrangeRows, drawTable } from '../../src/cli/status.ts';
import type { UserRow, UserState } from '../../src/cli/user-rows.ts';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import { BgpStatus, slot, UserStatus } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';
import { commandFixture, jsonLines } from './command-fixture.ts';

type Line = Readonly<Record<string, unknown>>;
const users = (stdout: string): readonly Line[] => (jsonLines(stdout) as readonly Line[]).filter(({ event }) => event === 'user');

const SILENT = { write: () => undefined, isTerminal: false, columns: undefined };

describe.concurrent('the command', () => {
  test('status shows unreported and connected users from the ledger alone', async () => {
    await using at = await commandFixture();
    const end = at.localnet.switchFaults.begin({ kind: 'refuse' });
    const before = await at.run(['status', '--output', 'json']);
    expect([before.exitCode, users(before.stdout).map(({ state }) => state)]).toEqual([0, ['unreported', 'unreported', 'unreported']]);
    end();
    expect((await at.run(['run', '--once'])).exitCode).toBe(0);
    const after = await at.run(['status', '--output', 'json']);
    expect(users(after.stdout)[0]).toEqual({
      event: 'user',
      user: at.users[0],
      device: at.localnet.device,
      deviceCode: 'lo-dz001',
      tunnelId: 500,
      tunnelNet: '169.254.0.0/31',
      clientIp: '198.18.0.1',
      userType: 'IBRL',
      accountStatus: 'activated',
      state: 'connected',
      ledgerStatus: 'up',
      ageMs: expect.any(Number),
      lastUpMs: expect.any(Number),
      rttNs: 4_200_000,
    });
    expect(jsonLines(after.stdout).at(-1)).toEqual({
      event: 'summary',
      slot: expect.any(Number),
      users: 3,
      connected: 3,
      down: 0,
      stale: 0,
      'never-connected': 0,
      unreported: 0,
      'not-in-service': 0,
      'device-unknown': 0,
    });
  });

  test('status separates down, never connected, stale and out of service', async () => {
    await using at = await commandFixture();
    const { admin } = at.localnet.ledger;
    const [first, second, third] = at.users;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three users are expected');
    const early = slot(1);
    admin.changeUser(first, { bgpStatus: BgpStatus.down, lastBgpReportedAt: early, lastBgpUpAt: early });
    admin.changeUser(second, { bgpStatus: BgpStatus.down, lastBgpReportedAt: early });
    admin.changeUser(third, { status: UserStatus.outOfCredits });
    await at.settle();
    const states = async (...args: readonly string[]) =>
      users((await at.run(['status', '--sort', 'tunnel', '--output', 'json', ...args])).stdout).map(({ state }) => state);
    expect(await states()).toEqual(['down', 'never-connected', 'not-in-service']);
    expect(await states('--stale-after', '1ms')).toEqual(['stale', 'stale', 'not-in-service']);
    expect(await states('--filter', 'down,not-in-service')).toEqual(['down', 'not-in-service']);
  });

  test('status --all shows the users of every device, and refuses --device', async () => {
    await using at = await commandFixture();
    const { admin } = at.localnet.ledger;
    const elsewhere = admin.createDevice({ code: 'far-dz002', metricsPublisher: at.publisher });
    const other = admin.createUser({ device: elsewhere });
    await at.settle();
    const one = await at.run(['status', '--output', 'json']);
    const all = await at.run(['status', '--all', '--sort', 'device', '--output', 'json']);
    expect(users(one.stdout).map(({ user }) => user)).toEqual(at.users);
    expect(users(all.stdout).map(({ user, deviceCode }) => [user, deviceCode])).toEqual([
      [other, 'far-dz002'],
      ...at.users.map((user) => [user, 'lo-dz001']),
    ]);
    const both = await at.run(['status', '--all', '--device', at.localnet.device]);
    expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining('--all and --device exclude each other')]);
  });

  test('status --watch reads until it is stopped, and survives a failing ledger', async () => {
    await using at = await commandFixture();
    const life = createAbortController();
    let readings = 0;
    const { exitCode, stderr } = await at.run(['status', '--watch', '--interval', '50ms'], life.signal, (text) => {
      readings += text.includes('3 users: 3 unreported') ? 1 : 0;
      const failed = text.startsWith('dzd-telemetry: ');
      at.localnet.ledger.faults.set({ rpc: readings === 1 && !failed ? [{ kind: 'unavailable' }] : [] });
      if (readings === 2) life.abort(new Stopped('SIGINT'));
    });
    expect([exitCode, readings, stderr]).toEqual([0, 2, expect.stringContaining('dzd-telemetry: ')]);
  });

  test('status uses the next endpoint when one fails, and fails without any', async () => {
    await using at = await commandFixture();
    const second = await at.run(['status', '--output', 'json', '--ledger.rpcUrls', `http://127.0.0.1:1,${at.addresses.rpcUrl}`]);
    expect([second.exitCode, users(second.stdout).length]).toEqual([0, 3]);
    const none = await at.run(['status', '--ledger.rpcUrls', 'http://127.0.0.1:1']);
    expect([none.exitCode, none.stdout, none.stderr]).toEqual([1, '', expect.stringContaining('http://127.0.0.1:1 cannot be reached')]);
  });

  test('status fails for a device that is not on the ledger', async () => {
    await using at = await commandFixture();
    const { exitCode, stderr } = await at.run(['status', '--device', at.publisher]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`device ${at.publisher} does not exist on this ledger`)]);
  });

  test.for([
    ['--sort', 'stat', 'did you mean "state"?'],
    ['--filter', 'conected', 'did you mean "connected"?'],
    ['--interval', '1s', '--interval requires --watch'],
    ['--stale-after', 'soon', 'expected a duration'],
  ] as const)('status refuses %s %s with what to write instead', ([flag, value, problem]) => {
    expect(() => parseCommandLine(['status', flag, value], [statusCommand], { version: '1.2.3', stdout: SILENT })).toThrow(problem);
  });
});

function row(number: number, state: UserState, more: Partial<UserRow> = {}): UserRow {
  return {
    event: 'user',
    user: keyNumber(number),
    device: keyNumber(200),
    deviceCode: 'ams-dz001',
    tunnelId: 500 + number,
    tunnelNet: `169.254.0.${2 * number}/31`,
    clientIp: `192.0.2.${number}`,
    userType: 'IBRL',
    accountStatus: 'activated',
    state,
    ledgerStatus: 'up',
    ageMs: 1_000,
    lastUpMs: 1_000,
    rttNs: 0n,
    ...more,
  };
}

describe('the table', () => {
  test('the table fits its columns to the content, and counts the states', () => {
    const rows = [
      row(1, 'connected', { rttNs: 4_200_000n }),
      row(2, 'down', { lastUpMs: 3_600_000 }),
      row(3, 'unreported', { ageMs: null, lastUpMs: null }),
    ];
    const short = rows.map((each, at) => ({ ...each, user: keyNumber(at).slice(0, 0) as typeof each.user }));
    expect(drawTable(short, { withDevice: true }).split('\n')).toEqual([
      'DEVICE     USER  TUNNEL              CLIENT IP  ACCOUNT    STATE       LAST UP     REPORTED  RTT',
      'ams-dz001        501 169.254.0.2/31  192.0.2.1  activated  connected   now         1 s ago   4.20 ms',
      'ams-dz001        502 169.254.0.4/31  192.0.2.2  activated  down        60 min ago  1 s ago   –',
      'ams-dz001        503 169.254.0.6/31  192.0.2.3  activated  unreported  never       never     –',
      '',
      '3 users: 1 connected, 1 down, 1 unreported',
      '',
    ]);
  });

  test('the table shortens keys only on a narrow terminal', () => {
    const rows = [row(1, 'connected', { rttNs: 4_200_000n })];
    const whole = drawTable(rows, { withDevice: false });
    const [titles = '', line = ''] = drawTable(rows, { withDevice: false, columns: 100 }).split('\n');
    expect(drawTable(rows, { withDevice: false, columns: 200 })).toBe(whole);
    expect([titles.slice(0, 17), line]).toEqual([
      'USER       TUNNEL',
      `${keyNumber(1).slice(0, 8)}…  501 169.254.0.2/31  192.0.2.1  activated  connected  now      1 s ago   4.20 ms`,
    ]);
  });

  test('the table fits the screen, and counts the users that it leaves out', () => {
    const rows = [1, 2, 3, 4, 5].map((number) => row(number, number === 5 ? 'down' : 'connected'));
    const lines = drawTable(rows, { withDevice: false, columns: 40, screen: { columns: 40, rows: 9 } }).split('\n');
    expect([lines.length, Math.max(...lines.map(({ length }) => length)), lines.slice(3)]).toEqual([
      7,
      40,
      ['… and 3 more: 2 connected, 1 down', '', '5 users: 4 connected, 1 down', ''],
    ]);
    expect(drawTable(rows, { withDevice: false, screen: { columns: 200, rows: 11 } })).toBe(drawTable(rows, { withDevice: false }));
  });

  test('the table shows unknown for an age that could not be measured', () => {
    const [, line = ''] = drawTable([row(1, 'stale', { ageMs: Number.NaN, lastUpMs: Number.NaN })], { withDevice: false }).split('\n');
    expect(line).toMatch(/stale {2}unknown {2}unknown {3}–$/);
  });

  test.for([
    ['state', [2, 1, 3]],
    ['tunnel', [1, 2, 3]],
    ['client-ip', [3, 1, 2]],
    ['rtt', [3, 2, 1]],
    ['age', [3, 1, 2]],
    ['device', [3, 1, 2]],
  ] as const)('the table is sorted by %s', ([field, order]) => {
    const rows = [
      row(1, 'down', { ageMs: 5_000 }),
      row(2, 'connected', { rttNs: 1n }),
      row(3, 'stale', { clientIp: '9.9.9.9', rttNs: 2n, ageMs: null, deviceCode: null, device: keyNumber(1) }),
    ];
    const sorted = arrangeRows(rows, field satisfies SortField).map(({ tunnelId }) => tunnelId - 500);
    expect([SORT_FIELDS.includes(field), sorted]).toEqual([true, order]);
  });
});
