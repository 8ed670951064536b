import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ExplainedUser } from '../../src/cli/agent-status.ts';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import { explainCommand } from '../../src/cli/commands.ts';
import { type DescribeUserOptions, describeUser } from '../../src/cli/explain.ts';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import { nanoseconds, slot } from '../../src/serviceability/index.ts';
import { DEVICE, keyNumber } from '../support/bgp-builders.ts';
import { commandFixture, jsonLines, serve, shareFixture, statusOf } from './command-fixture.ts';

const SILENT = { write: () => undefined, isTerminal: false, columns: undefined };

/** The text of each subject; of several with one name, the last. */
const subjects = (stdout: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    stdout
      .split('\n')
      .slice(1)
      .filter((line) => line !== '')
      .map((line) => [line.slice(2, 13).trim(), line.slice(14)]),
  );

describe.concurrent('without a running agent', () => {
  const shared = shareFixture(() => commandFixture());

  test.for(['501', '198.18.0.2', 'its public key'])('explain finds the user by %s, and reads switch and ledger once', async (by) => {
    const at = shared();
    const user = at.users[1] ?? '';
    const { exitCode, stdout, stderr } = await at.run(['explain', by === 'its public key' ? user : by]);
    expect([exitCode, stdout.split('\n')[0], stderr]).toEqual([
      0,
      `${user}, read just now`,
      expect.stringContaining('reading switch and ledger once instead'),
    ]);
    expect(subjects(stdout)).toEqual({
      account: 'activated, IBRL, client 198.18.0.2, tunnel 501 on 169.254.0.2/31',
      expected: 'neighbor 169.254.0.3 (or 169.254.0.2) in vrf2, described USER-501',
      switch: expect.stringMatching(/^169\.254\.0\.3 in vrf2, established for \d+ s, described USER-501, by source eapi$/),
      observed: 'up',
      decided: 'write up: the ledger says unknown',
      ledger: 'never reported',
      refresh: 'none: there is no record to refresh',
    });
    expect(at.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('explain gives the reason of the switch for a session that is down', async () => {
    await using at = await commandFixture();
    const [lost, refused] = at.users;
    if (lost === undefined || refused === undefined) throw new Error('the fixture has three users');
    at.localnet.disconnect(lost);
    at.localnet.disconnect(refused, 'MaxPath');
    expect(subjects((await at.run(['explain', '500', '--fresh'])).stdout).observed).toBe(
      'down: last notification sent: Hold Timer Expired',
    );
    const { stdout } = await at.run(['explain', '501', '--fresh', '--output', 'json']);
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({ observation: 'down', downReason: 'Idle(MaxPath): more routes than maximum-routes allows' }),
    ]);
  });

  test('explain prints the report as JSON', async () => {
    const at = shared();
    const { stdout } = await at.run(['explain', '500', '--fresh', '--output', 'json']);
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({
        user: at.users[0],
        tunnelId: 500,
        observation: 'up',
        decision: 'write',
        decisionReason: 'change',
        parked: null,
      }),
    ]);
  });

  test('explain says why a user is unobserved when the switch is unreadable', async () => {
    await using at = await commandFixture();
    at.localnet.switchFaults.begin({ kind: 'garbage' });
    const { exitCode, stdout } = await at.run(['explain', '500', '--fresh']);
    expect([exitCode, subjects(stdout)]).toEqual([
      0,
      expect.objectContaining({
        switch: expect.stringMatching(/^no BGP neighbor found for this user; source eapi failed: /),
        observed: 'neither up nor down: the switch could not be read',
        decided: 'write nothing: the switch could not be read',
      }),
    ]);
  });

  test('explain names the VRF that is unreadable, and why', async () => {
    await using at = await commandFixture();
    at.localnet.switchFaults.begin({ kind: 'vrf-failing', vrf: 'vrf1' });
    const { stdout } = await at.run(['explain', '500', '--fresh']);
    expect(subjects(stdout)).toMatchObject({
      switch: expect.stringMatching(/^no BGP neighbor found for this user; VRF vrf1 could not be read: \S/),
      observed: 'neither up nor down: its VRF could not be read',
    });
  });

  test.for([
    ['a user that is not there', ['999'], 1, 'has no user 999 on this ledger'],
    ['a ledger that cannot be read', ['500', '--ledger.rpcUrls', 'http://127.0.0.1:1'], 1, 'http://127.0.0.1:1 cannot be reached'],
  ] as const)('explain reports %s in one line', async ([, args, code, problem]) => {
    const at = shared();
    const { exitCode, stdout, stderr } = await at.run(['explain', ...args]);
    expect([exitCode, stdout, stderr]).toEqual([code, '', expect.stringContaining(problem)]);
  });
});

test.for([
  ['no user', [], 'explain needs a user'],
  [
    'a word that is not a user',
    ['bogus'],
    'explain: "bogus" is not a public key, an IPv4 address or a tunnel id; `dzd-telemetry status` lists the users',
  ],
  [
    'a tunnel id that is too large',
    ['70000'],
    'explain: "70000" is not a public key, an IPv4 address or a tunnel id; `dzd-telemetry status` lists the users',
  ],
  ['an empty word', [''], 'explain: an argument is empty; give it a value or leave it out'],
  ['two users', ['500', '501'], 'explain: unexpected argument "501"'],
] as const)('explain refuses %s', ([, args, problem]) => {
  expect(() => parseCommandLine(['explain', ...args], [explainCommand], { version: '1.2.3', stdout: SILENT })).toThrow(problem);
});

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe.concurrent('with a running agent', () => {
  const shared = shareFixture(() => commandFixture());

  test('explain asks the running agent with its token, and shows earlier events', async () => {
    await using at = await commandFixture();
    const tokenFile = join(at.folder, 'token');
    writeFileSync(tokenFile, 'sesame\n', { mode: 0o600 });
    const life = createAbortController();
    const token = ['--http.tokenFile', tokenFile];
    const listening = deferred<string>();
    const landed = deferred<void>();
    const running = at.run(['run', '--http.listen', '127.0.0.1:0', '--log.format', 'json', ...token], life.signal, (text) => {
      const [, port] = /"url":"http:\/\/127\.0\.0\.1:(\d+)\/status"/.exec(text) ?? [];
      if (port !== undefined) listening.resolve(`127.0.0.1:${port}`);
      if (text.includes('"signature"') && text.includes(at.users[0] ?? '')) landed.resolve();
    });
    try {
      const listen = await listening.promise;
      await landed.promise;
      const ask = (...args: readonly string[]) => at.run(['explain', '500', '--http.listen', listen, ...args]);
      const { exitCode, stdout, stderr } = await ask(...token);
      expect([exitCode, stdout.split('\n')[0], stderr]).toEqual([0, expect.stringMatching(/, as the running agent saw it \d+ s ago$/), '']);
      expect(subjects(stdout)).toMatchObject({
        flaps: 'none seen',
        'last write': expect.stringMatching(/^up \(change\) confirmed in slot \d+ \d+ s ago, \d+ ms after sending: \w+$/),
        event: expect.stringMatching(/up written \(change\)$/),
      });
      const other = await ask();
      expect([other.exitCode, other.stderr]).toEqual([0, expect.stringContaining('HTTP 401')]);
    } finally {
      life.abort(new Stopped('SIGTERM'));
      await running;
    }
  });

  test.for([
    ['something else', 'Not found', 'the response is not from an agent of this version'],
    ['a program that sends more than any agent', `"${'x'.repeat(8 * 1024 * 1024)}"`, 'more than 8388608 bytes'],
    ['the agent of another device', JSON.stringify(statusOf(keyNumber(9))), `reports for another device, ${keyNumber(9)}`],
  ] as const)('explain reads switch and ledger when %s answers', async ([, body, problem], { onTestFinished }) => {
    const at = shared();
    const listen = await serve((_, response) => void response.end(body), onTestFinished);
    const { exitCode, stdout, stderr } = await at.run(['explain', '500', '--http.listen', listen]);
    expect([exitCode, stdout, stderr]).toEqual([0, expect.stringContaining('read just now'), expect.stringContaining(problem)]);
  });
});

const USER = keyNumber(1);
const HOUR_MS = 3_600_000;

function report(more: Partial<ExplainedUser> = {}): ExplainedUser {
  return {
    user: USER,
    tunnelId: 507,
    tunnelNet: '169.254.0.14/31',
    clientIp: '192.0.2.7',
    userType: 'IBRL',
    accountStatus: 'activated',
    expectedVrf: 'vrf1',
    observation: 'up',
    because: null,
    downReason: null,
    neighbor: { vrf: 'vrf1', address: '169.254.0.15', state: 'established', description: 'USER-507', source: 'eapi' },
    sinceMs: 180_000,
    decision: 'settled',
    decisionReason: null,
    ledger: { status: 'up', reportedAtSlot: slot(1_000), lastUpAtSlot: slot(900), rttNs: nanoseconds(4_200_000), ageMs: HOUR_MS / 2 },
    inFlight: null,
    parked: null,
    flaps: 0,
    penalty: 0,
    suppressed: false,
    lastWrite: null,
    ...more,
  };
}

function words(
  more: Partial<ExplainedUser>,
  status: Partial<DescribeUserOptions['status']> = {},
  fresh = false,
): Readonly<Record<string, string>> {
  const whole = { ...statusOf(DEVICE), device: DEVICE, now: 1_000_000, ...status };
  const policy = { refreshInterval: HOUR_MS, refreshJitter: 0 };
  return Object.fromEntries(describeUser({ report: report(more), status: whole, policy, fresh }));
}

describe('describeUser', () => {
  test('explain describes a user whose ledger record matches the switch', () => {
    expect(words({})).toEqual({
      account: 'activated, IBRL, client 192.0.2.7, tunnel 507 on 169.254.0.14/31',
      expected: 'neighbor 169.254.0.15 (or 169.254.0.14) in vrf1, described USER-507',
      switch: '169.254.0.15 in vrf1, established for 3 min, described USER-507, by source eapi',
      observed: 'up',
      decided: 'nothing to write: the ledger matches the switch',
      ledger: 'up, reported 30 min ago in slot 1000, last up in slot 900, RTT 4.20 ms',
      refresh: 'due in 30 min',
      'in flight': 'nothing',
      flaps: 'none seen',
    });
  });

  test('explain shows no history after a single reading', () => {
    expect(Object.keys(words({}, {}, true))).toEqual(['account', 'expected', 'switch', 'observed', 'decided', 'ledger', 'refresh']);
  });

  test.for([
    ['switch', { neighbor: null, observation: 'down' }, 'no such neighbor in any VRF'],
    [
      'switch',
      { expectedVrf: 'vrf2', sinceMs: null },
      '169.254.0.15 in vrf1 instead of vrf2, established for an unknown time, described USER-507, by source eapi',
    ],
    ['expected', { tunnelNet: '10.0.0.0/24' }, 'nothing: 10.0.0.0/24 is not a /31, so it has no neighbor address'],
    ['observed', { observation: 'unobserved', because: 'tunnel-net-shared' }, 'neither up nor down: another user has the same tunnel_net'],
    [
      'observed',
      { observation: 'down', downReason: 'last notification sent: Hold Timer Expired' },
      'down: last notification sent: Hold Timer Expired',
    ],
    ['decided', { decision: 'hold', decisionReason: 'connect-grace' }, 'write nothing: new, and within policy.connectGrace (default 60s)'],
    ['decided', { decision: 'hold', decisionReason: 'newer-reason' }, 'write nothing: newer-reason'],
    ['decided', { decision: 'write', decisionReason: 'change', observation: 'down' }, 'write down: the ledger says up'],
    ['decided', { decision: 'write', decisionReason: 'refresh' }, 'refresh up: the record has reached its refresh age'],
    ['decided', { inFlight: 'up' }, 'nothing to write: the write in flight has this status'],
    ['in flight', { inFlight: 'up' }, 'up sent, not confirmed yet'],
    ['flaps', { flaps: 7, penalty: 6_543.2, suppressed: true }, '7 seen, penalty 6543, above policy.damping.suppress'],
    ['backed off', { parked: 'X' }, 'the program rejected its status; retry when its account changes, or after 30 s to 1 h: X'],
  ] as const)('explain describes %s %o', ([subject, more, expected]) => {
    expect(words(more)[subject]).toBe(expected);
  });

  test('explain shows an overdue refresh, and that an unobserved user gets none', () => {
    const old = { ...report().ledger, ageMs: HOUR_MS + 120_000 };
    expect(words({ ledger: old }).refresh).toBe('due since 2 min');
    expect(words({ ledger: old, observation: 'unobserved', because: 'switch-not-read' }).refresh).toBe(
      'due since 2 min, but an unobserved user is not refreshed',
    );
  });

  test('explain names an unreadable VRF only for the users that it leaves unobserved', () => {
    const sight = { failedVrfs: [{ vrf: 'vrf1', problem: 'timeout' }] };
    const held = words({ neighbor: null, observation: 'unobserved', because: 'vrf-not-collected' }, sight);
    expect([held.switch, words({}, sight).switch]).toEqual([
      'no BGP neighbor found for this user; VRF vrf1 could not be read: timeout',
      '169.254.0.15 in vrf1, established for 3 min, described USER-507, by source eapi',
    ]);
  });

  test('explain shows that a decided write waits for an unreadable ledger', () => {
    const ledgerProblem = { since: 970_000, message: 'the endpoint answered 503', remedy: 'add a second one' };
    expect(words({ decision: 'write', decisionReason: 'change', observation: 'down' }, { ledgerProblem })).toMatchObject({
      decided: 'write down: the ledger says up',
      waits: 'no write: the ledger has been unreadable for 30 s: the endpoint answered 503; add a second one',
    });
  });

  test('rule 20: explain shows what keeps the writes of all users from landing', () => {
    const writesStalled = { since: 880_000, code: 'X', message: 'the endpoint said "slow down"', remedy: 'raise the limit' };
    expect(words({}, { writesStalled }).stalled).toBe(
      'no write of any user has landed for 2 min: the endpoint said "slow down"; raise the limit',
    );
  });

  test('explain shows what halts all writes, and the events of this user alone', () => {
    const halted = { code: 'X', message: 'the key holds nothing', remedy: 'send funds' };
    const timeline = [
      { at: 990_000, kind: 'up', user: USER, text: 'session is up' },
      { at: 995_000, kind: 'down', user: keyNumber(2), text: 'session is down' },
    ] as const;
    expect(words({}, { halted, timeline })).toMatchObject({
      halted: 'writes halted for all users: the key holds nothing; send funds',
      event: '10 s ago: session is up',
    });
  });
});
