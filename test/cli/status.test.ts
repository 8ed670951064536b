import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import { statusCommand } from '../../src/cli/commands.ts';
import { learnBlockTimes, slotTimes } from '../../src/cli/ledger.ts';
import { SORT_FIELDS, type SortField } from '../../src/cli/options.ts';
import { arrangeRows, drawTable } from '../../src/cli/status.ts';
import { selectRows, silentDevices, type UserRow, type UserState } from '../../src/cli/user-rows.ts';
import { createAbortController, epochMs, Stopped } from '../../src/lib/index.ts';
import { csvLine, usesColor } from '../../src/observability/index.ts';
import { BgpStatus, slot, UserStatus } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';
import { commandFixture, endpointBefore, jsonLines, serve, shareFixture, statusOf } from './command-fixture.ts';

type Line = Readonly<Record<string, unknown>>;
const users = (stdout: string): readonly Line[] => (jsonLines(stdout) as readonly Line[]).filter(({ event }) => event === 'user');

const SILENT = { write: () => undefined, isTerminal: false, columns: undefined };

describe.concurrent('the command', () => {
  const shared = shareFixture(() => commandFixture());

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
      reportedAtSlot: expect.any(Number),
      lastUpAtSlot: expect.any(Number),
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
      undecided: 0,
      notes: [],
    });
  });

  test('status notes the findings of the agent on this host, or that it hangs or cannot be asked, and nothing if none runs', async ({
    onTestFinished,
  }) => {
    const at = shared();
    const finding = { code: 'X', severity: 'critical', since: 0, text: 'No write has landed', remedy: 'add an endpoint', runbook: 'DzdX' };
    const status = { ...statusOf(at.localnet.device), verdict: 'critical', findings: [finding] };
    const listen = await serve((_, response) => void response.end(JSON.stringify(status)), onTestFinished);
    const notes = async (address: string, ...more: readonly string[]) => {
      const { stdout } = await at.run(['status', '--output', 'json', '--http.listen', address, ...more]);
      return (jsonLines(stdout) as readonly Line[]).at(-1)?.notes;
    };
    const note = 'the running agent reports (critical): No write has landed; add an endpoint';
    const [with_, without] = [await notes(listen), await notes('127.0.0.1:1')];
    expect([with_, without]).toEqual([expect.arrayContaining([note]), expect.not.arrayContaining([note])]);
    const hanging = await serve(() => undefined, onTestFinished);
    const hangs = `no agent answers at ${hanging} (no answer within 3000 ms); if the agent listens there, it hangs and writes nothing`;
    expect(await notes(hanging)).toEqual(expect.arrayContaining([hangs]));
    const unasked = 'the agent at 127.0.0.1:1 cannot be asked: http.tokenFile: the secret file /none cannot be used: it does not exist';
    expect(await notes('127.0.0.1:1', '--http.tokenFile', '/none')).toEqual(expect.arrayContaining([unasked]));
  });

  test('status dates a record from before a halt of the ledger by its block time', async ({ onTestFinished }) => {
    await using at = await commandFixture();
    const [first = expect.fail('no user')] = at.users;
    at.localnet.ledger.admin.changeUser(first, { bgpStatus: BgpStatus.up, lastBgpReportedAt: slot(65), lastBgpUpAt: slot(65) });
    at.settle();
    // After the block of the record, the ledger stood still for eleven hours. The time of the newest block is requested first.
    const hoursAgo = [0];
    const { url } = await endpointBefore(at, onTestFinished, {
      getBlockTime: () => Math.floor(Date.now() / 1_000) - (hoursAgo.shift() ?? 11) * 3_600,
    });
    const { stdout } = await at.run(['status', '--stale-for', '10h', '--output', 'json', '--ledger.rpcUrls', url]);
    expect(users(stdout).map(({ user, state }) => [user, state])).toEqual([[first, 'stale']]);
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
    at.settle();
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
    at.settle();
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

  test('status --watch --output csv prints its titles once', async () => {
    const at = shared();
    const life = createAbortController();
    let readings = 0;
    const { stdout } = await at.run(['status', '--watch', '--interval', '50ms', '--output', 'csv'], life.signal, (text) => {
      readings += text.includes(at.users[0] ?? '') ? 1 : 0;
      if (readings === 2) life.abort(new Stopped('SIGINT'));
    });
    const lines = stdout.trimEnd().split('\n');
    expect([readings, lines.length, lines.filter((line) => line.startsWith('user,')).length]).toEqual([2, 7, 1]);
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

  test('status shows tenant, DZ IP and access pass on demand, also in CSV', async () => {
    await using at = await commandFixture({}, { program: 'deployed' });
    const { stdout } = await at.run(['status', '--sort', 'tunnel', '--columns', 'tenant,dz-ip,access-pass,tenant', '--output', 'csv']);
    const [head, first, ...rest] = stdout.split('\n');
    expect(head?.split(',').slice(-11)).toEqual([
      'lastUpMs',
      'reportedAtSlot',
      'lastUpAtSlot',
      'rttNs',
      'tenant',
      'dzIp',
      'accessPass',
      'accessPassKind',
      'accessPassStatus',
      'accessPassUserPayer',
      'accessPassLastEpoch',
    ]);
    expect(first?.split(',').slice(-11)).toEqual([
      '',
      '0',
      '0',
      '0',
      'tenant-a',
      '198.18.0.1',
      expect.stringMatching(/^\w{32,44}$/),
      'prepaid',
      'connected',
      expect.stringMatching(/^\w{32,44}$/),
      '',
    ]);
    expect(rest.length).toBe(3);
    const table = (await at.run(['status', '--columns', 'access-pass'])).stdout;
    expect(table).toMatch(/RTT +ACCESS PASS\n.* prepaid, connected, unlimited\n/);
  });

  test('status counts the time for which the ledger stands still into every age, and names it', async ({ onTestFinished }) => {
    await using at = await commandFixture();
    expect((await at.run(['run', '--once'])).exitCode).toBe(0);
    at.settle();
    const { url } = await endpointBefore(at, onTestFinished, { getBlockTime: () => Math.floor(Date.now() / 1_000) - 3 * 3_600 });
    const { stdout } = await at.run(['status', '--output', 'json', '--ledger.rpcUrls', url]);
    expect(users(stdout).map(({ state, ageMs }) => [state, Math.round(Number(ageMs) / 3_600_000)])).toEqual(
      at.users.map(() => ['stale', 3]),
    );
    const { notes } = jsonLines(stdout).at(-1) as { notes: readonly string[] };
    expect(notes).toEqual([
      expect.stringContaining("is 3 h older than this host's clock: the ledger stands still"),
      'device lo-dz001: no report for 3 h, so the status of its 3 activated users is not known',
    ]);
  });

  test('status --never-connected names the users that it cannot judge', async () => {
    await using at = await commandFixture();
    const { admin } = at.localnet.ledger;
    const [first = expect.fail('no user')] = at.users;
    admin.changeUser(first, { bgpStatus: BgpStatus.down, lastBgpReportedAt: slot(70) });
    at.settle();
    const { stdout } = await at.run(['status', '--never-connected']);
    expect(stdout).toContain('1 user: 1 never-connected\nnote: 2 users are not judged, without a fresh report: 2 unreported\n');
  });

  test('status uses the next endpoint when one fails, and fails without any', async () => {
    const at = shared();
    const second = await at.run(['status', '--output', 'json', '--ledger.rpcUrls', `http://127.0.0.1:1,${at.addresses.rpcUrl}`]);
    expect([second.exitCode, users(second.stdout).length]).toEqual([0, 3]);
    const none = await at.run(['status', '--ledger.rpcUrls', 'http://127.0.0.1:1']);
    expect([none.exitCode, none.stdout, none.stderr]).toEqual([1, '', expect.stringContaining('http://127.0.0.1:1 cannot be reached')]);
  });

  test('status fails for a device that is not on the ledger', async () => {
    const at = shared();
    const [user = '', none] = [at.users[0], keyNumber(77)];
    for (const [device, problem] of [
      [none, `device ${none} does not exist on this ledger`],
      [user, `account ${user} is not a device: `],
      [at.publisher, at.publisher],
    ] as const) {
      const { exitCode, stdout, stderr } = await at.run(['status', '--device', device]);
      expect([exitCode, stdout, stderr]).toEqual([1, '', expect.stringContaining(problem)]);
    }
  });

  test.for([
    ['--sort', 'stat', 'did you mean "state"?'],
    ['--filter', 'conected', 'did you mean "connected"?'],
    ['--interval', '1s', '--interval requires --watch'],
    ['--stale-after', 'soon', 'expected a duration'],
    ['--stale-for', '9999d', '--stale-for: expected a duration above 0 and up to 3650d'],
    ['--down-for', '-1s', '--down-for: expected a duration above 0 and up to 3650d, such as "7d", got "-1s"'],
    ['--stale-after', '-2h', '--stale-after: expected a duration above 0 and up to 24d, such as "30s", got "-2h"'],
    ['--columns', 'dz_ip', 'did you mean "dz-ip"?'],
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
    reportedAtSlot: slot(90),
    lastUpAtSlot: slot(90),
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
    expect(drawTable(short, { withDevice: true, notes: ['mind\nthe gap'] }).split('\n')).toEqual([
      'DEVICE     USER  TUNNEL              CLIENT IP  ACCOUNT    STATE       LAST UP     REPORTED  RTT',
      'ams-dz001        501 169.254.0.2/31  192.0.2.1  activated  connected   1 s ago     1 s ago   4.20 ms',
      'ams-dz001        502 169.254.0.4/31  192.0.2.2  activated  down        60 min ago  1 s ago   –',
      'ams-dz001        503 169.254.0.6/31  192.0.2.3  activated  unreported  never       never     –',
      '',
      '3 users: 1 connected, 1 down, 1 unreported',
      'note: mind\\x0athe gap',
      '',
    ]);
  });

  test('LAST UP is the age of the last report of up, never now: its agent may be silent', () => {
    const [, line = ''] = drawTable([row(1, 'connected', { ageMs: 6_000_000, lastUpMs: 6_000_000 })], { withDevice: false }).split('\n');
    expect(line).toMatch(/connected {2}2 h ago {2}2 h ago/);
    expect(line).not.toContain('now');
  });

  test.each([20, 40, 60, 80, 100, 120])('the table fits %i columns, and marks what is cut', (columns) => {
    const rows = [
      row(1, 'connected', { rttNs: 4_200_000n, tunnelNet: '169.254.100.2/31', clientIp: '198.51.100.101' }),
      row(2, 'never-connected'),
    ];
    const lines = drawTable(rows, { withDevice: true, columns }).split('\n').slice(0, 3);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(lines[1]).toContain('…');
    expect(drawTable(rows, { withDevice: true, columns: 200 })).toBe(drawTable(rows, { withDevice: true }));
  });

  test('80 columns leave the state, its ages and the whole client address; account, round-trip time and tunnel give way', () => {
    const rows = [row(1, 'connected', { rttNs: 4_200_000n, clientIp: '198.51.100.101' }), row(2, 'never-connected', { lastUpMs: null })];
    expect(drawTable(rows, { withDevice: true, columns: 80 }).split('\n').slice(0, 3)).toEqual([
      'DEVICE     USER               CLIENT IP       STATE            LAST UP  REPORTED',
      `ams-dz001  ${keyNumber(1).slice(0, 16)}…  198.51.100.101  connected        1 s ago  1 s ago`,
      `ams-dz001  ${keyNumber(2).slice(0, 16)}…  192.0.2.2       never-connected  never    1 s ago`,
    ]);
  });

  test('the table has colors only where they are wanted, and they take no room', () => {
    const rows = [row(1, 'connected'), row(2, 'down')];
    const [plain, colored] = [false, true].map((color) => drawTable(rows, { withDevice: false, columns: 80, color }));
    expect(colored).toContain('\u001b[32mconnected\u001b[0m');
    expect(colored).toContain('\u001b[31mdown\u001b[0m');
    expect(stripVTControlCharacters(colored ?? '')).toBe(plain);
  });

  test.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ TERM: 'dumb' }, true, false],
  ])('with %j and a terminal: %s, colors: %s', (environment, isTerminal, expected) => {
    expect(usesColor({ isTerminal }, environment)).toBe(expected);
  });

  test('the table fits the screen, and counts the users that it leaves out', () => {
    const rows = [1, 2, 3, 4, 5].map((number) => row(number, number === 5 ? 'down' : 'connected'));
    const lines = drawTable(rows, { withDevice: false, columns: 80, screenRows: 9 }).split('\n');
    expect([lines.length, lines.slice(3)]).toEqual([7, ['… and 3 more: 2 connected, 1 down', '', '5 users: 4 connected, 1 down', '']]);
    expect(drawTable(rows, { withDevice: false, columns: 200, screenRows: 11 })).toBe(drawTable(rows, { withDevice: false }));
    const noted = drawTable(rows, { withDevice: false, columns: 80, screenRows: 9, notes: ['x'.repeat(100)] }).split('\n');
    expect(noted.length).toBe(6);
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

describe('what is selected', () => {
  const DAY = 86_400_000;
  const rows = [
    row(1, 'connected'),
    row(2, 'down', { lastUpMs: 40 * DAY }),
    row(3, 'down', { lastUpMs: 20 * DAY }),
    row(4, 'stale', { ageMs: 31 * DAY, lastUpMs: 31 * DAY, ledgerStatus: 'up' }),
    row(5, 'stale', { ageMs: 3 * DAY, lastUpMs: 50 * DAY, ledgerStatus: 'down' }),
    row(6, 'stale', { ageMs: 3 * DAY, lastUpMs: null, ledgerStatus: 'down' }),
    row(7, 'never-connected', { lastUpMs: null }),
    row(8, 'unreported', { ageMs: null, lastUpMs: null }),
    row(9, 'not-in-service', { ageMs: 90 * DAY, lastUpMs: null }),
    row(10, 'stale', { ageMs: Number.NaN, lastUpMs: Number.NaN }),
  ];
  const tunnels = (some: readonly UserRow[]) => some.map(({ tunnelId }) => tunnelId - 500);
  const of = (selection: Partial<Parameters<typeof selectRows>[1]>) => {
    const { selected, undecided } = selectRows(rows, { neverConnected: false, ...selection });
    return [tunnels(selected), tunnels(undecided)];
  };

  test('--stale-for takes records of this age, whatever they say', () => {
    expect(of({ staleForMs: 30 * DAY })).toEqual([[4, 9], [10]]);
  });

  test('--down-for takes fresh records of down alone, and names those that no agent reports', () => {
    expect(of({ downForMs: 30 * DAY })).toEqual([[2], [4, 5, 6, 8, 10]]);
    // Reported up 31 days ago: not down for 35 days, whatever its session does.
    expect(of({ downForMs: 35 * DAY })).toEqual([[2], [5, 6, 8, 10]]);
  });

  test('--never-connected takes fresh records alone', () => {
    expect(of({ neverConnected: true })).toEqual([[7], [6, 8]]);
  });

  test('several criteria add up, and none selects everybody', () => {
    expect(of({ staleForMs: 30 * DAY, downForMs: 30 * DAY, neverConnected: true })).toEqual([
      [2, 4, 7, 9],
      [5, 6, 8, 10],
    ]);
    expect(of({})).toEqual([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], []]);
  });

  test('a device without one fresh report is named, with the age of the newest', () => {
    const other = { deviceCode: 'fra-dz001', device: keyNumber(201) };
    const silent = [row(1, 'stale', { ageMs: 3 * DAY }), row(2, 'stale', { ageMs: 2 * DAY }), row(3, 'unreported', { ageMs: null })];
    expect(silentDevices([...silent, row(4, 'not-in-service'), row(5, 'connected', other), row(6, 'stale', other)])).toEqual([
      'device ams-dz001: no report for 2 d, so the status of its 3 activated users is not known',
    ]);
    expect(silentDevices([row(1, 'unreported', { ageMs: null })])).toEqual([
      'device ams-dz001: no agent has reported a user, so the status of its 1 activated user is not known',
    ]);
    expect(silentDevices([row(1, 'unreported', { ageMs: null, deviceCode: '', device: keyNumber(200) })])[0]).toContain(
      `device ${keyNumber(200)}:`,
    );
    const many = Array.from({ length: 9 }, (_, n) => row(n, 'unreported', { ageMs: null, deviceCode: `dz${n}` }));
    expect(silentDevices(many).at(-1)).toBe('and 4 more devices without a fresh report');
  });
});

describe('the time of slots', () => {
  test('a slot between two known ones is interpolated, and one beyond them is counted in slots', () => {
    const timeOf = slotTimes(
      [
        [slot(2_000), 1_000_000],
        [slot(1_000), 100_000],
        [slot(3_000), 1_400_000],
      ],
      400,
    );
    expect([1_000n, 1_500n, 2_000n, 2_500n, 3_000n, 500n].map((each) => timeOf(slot(each)))).toEqual([
      100_000, 550_000, 1_000_000, 1_200_000, 1_400_000, -100_000,
    ]);
    expect(slotTimes([[slot(3_000), 5]], Number.NaN)(slot(1))).toBeNaN();
  });

  test('block times are asked for a spread of 24 slots, each once', async () => {
    const asked: bigint[] = [];
    const rpc = {
      blockTime: async (each: bigint) => {
        asked.push(each);
        return each % 2n === 0n ? epochMs(Number(each) * 400) : undefined;
      },
    };
    const known = new Map();
    const slots = Array.from({ length: 500 }, (_, n) => slot(10_000 + n));
    await learnBlockTimes(rpc, [...slots, ...slots], known, new AbortController().signal);
    await learnBlockTimes(rpc, slots, known, new AbortController().signal);
    expect([asked.length, asked[0], asked.at(-1), known.size]).toEqual([24, 10_000n, 10_499n, 24]);
    // With --watch, records move on for days.
    const later = slots.map((each) => slot(each + 1_000n));
    await learnBlockTimes(rpc, later, known, new AbortController().signal);
    expect([asked.length, known.size, known.has(later[0])]).toEqual([48, 24, true]);
  });
});

test('a field of CSV that a spreadsheet would take for a formula begins with an apostrophe', () => {
  expect(csvLine(['=1+1', '+1', '-1', '@SUM(A1)', '=a,"b"', '-', 'a=b', -1.5, -5n])).toBe(
    `'=1+1,'+1,'-1,'@SUM(A1),"'=a,""b""",-,a=b,-1.5,-5\n`,
  );
});

test('a field of CSV with a comma or a quote is quoted', () => {
  expect(csvLine(['a', 'b,c', 'd"e', null, 5n, 1.5])).toBe('a,"b,c","d""e",,5,1.5\n');
});
