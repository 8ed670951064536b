import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import { historyCommand } from '../../src/cli/commands.ts';
import { readLedgerTime } from '../../src/cli/ledger.ts';
import { epochMs } from '../../src/lib/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';
import { type CommandFixture, commandFixture, endpointBefore, jsonLines, shareFixture } from './command-fixture.ts';

type Line = Readonly<Record<string, unknown>>;
const linesOf = (stdout: string, event: string): readonly Line[] =>
  (jsonLines(stdout) as readonly Line[]).filter((line) => line.event === event);
const SILENT = { write: () => undefined, isTerminal: false, columns: undefined };

/** One user went down after all three were reported up. */
async function withHistory(options: Parameters<typeof commandFixture>[1] = {}): Promise<CommandFixture> {
  const at = await commandFixture({ policy: { downGrace: '50ms', minWriteInterval: '1s' } }, options);
  const [first = expect.fail('no user')] = at.users;
  // Blocks have times in whole seconds.
  const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 2_100));
  await nextSecond();
  expect((await at.run(['run', '--once'])).exitCode).toBe(0);
  at.localnet.disconnect(first);
  await nextSecond();
  expect((await at.run(['run', '--once'])).exitCode).toBe(0);
  at.settle();
  return at;
}

describe.concurrent('the command', () => {
  const shared = shareFixture(() => withHistory());

  test('history shows each change of a user with slot, time, round-trip time and writer', async () => {
    const at = shared();
    const { exitCode, stdout } = await at.run(['history', at.users[0] ?? '', '--since', '1h', '--output', 'json']);
    const periods = linesOf(stdout, 'period');
    expect([exitCode, periods.map(({ status, reason, reports }) => [status, reason, reports])]).toEqual([
      0,
      [
        ['absent', 'not-created', 0],
        ['unknown', 'no-report', 0],
        ['up', null, 1],
        ['down', null, 1],
      ],
    ]);
    const [, , up, down] = periods;
    expect([up?.rttNs, up?.writer, up?.device, down?.rttNs, down?.from]).toEqual([
      4_200_000,
      at.publisher,
      at.localnet.device,
      0,
      up?.until,
    ]);
    expect(down?.slot).toBe(Number(at.localnet.ledger.admin.user(at.users[0] ?? expect.fail('no user'))?.lastBgpReportedAt));
    const [availability] = linesOf(stdout, 'availability');
    expect(availability).toMatchObject({ clientIp: '198.18.0.1', flaps: 1, incomplete: null, longestOutageFrom: down?.from });
  });

  test('history of a device reads a transaction of several users once', async ({ onTestFinished }) => {
    const at = shared();
    const { url, counts } = await endpointBefore(at, onTestFinished);
    const { stdout } = await at.run(['history', '--since', '1h', '--output', 'json', '--ledger.rpcUrls', url]);
    expect(linesOf(stdout, 'availability').map(({ user, flaps }) => [user, flaps])).toEqual(
      at.users.map((user, index) => [user, index === 0 ? 1 : 0]),
    );
    const [summary] = linesOf(stdout, 'summary');
    // One for each creation, one with three users, one with one.
    expect([counts.getSignaturesForAddress, counts.getTransaction, summary?.transactions, summary?.notes]).toEqual([3, 5, 5, []]);
  });

  test('history shows a deleted user by the client address that it had', async () => {
    await using at = await withHistory();
    const [first = expect.fail('no user')] = at.users;
    at.localnet.ledger.admin.deleteUser(first);
    at.settle();
    const { stdout } = await at.run(['history', '198.18.0.1', '--since', '1h']);
    expect(stdout).toContain(`${first}, which is not on the ledger now`);
    expect(stdout).toMatch(/ down .*\n.* absent .* deleted\n/);
  });

  test('history in CSV has the periods of one user, or a line a user', async () => {
    const at = shared();
    const one = (await at.run(['history', '198.18.0.1', '--since', '1h', '--output', 'csv'])).stdout.split('\n');
    const all = (await at.run(['history', '--since', '1h', '--output', 'csv'])).stdout.split('\n');
    expect(one[0]).toBe('user,from,until,status,reason,slot,rttNs,reports,device,writer,signature');
    expect(one[3]).toMatch(new RegExp(`^${at.users[0]},[^,]+Z,[^,]+Z,up,,\\d+,4200000,1,${at.localnet.device},${at.publisher},\\w+$`));
    expect([all[0]?.slice(0, 28), all.length]).toEqual(['user,clientIp,from,until,upM', 5]);
  });

  test('history asks the next endpoint for a transaction that the first one lists and lacks, and fails without one', async ({
    onTestFinished,
  }) => {
    const at = shared();
    const { url } = await endpointBefore(at, onTestFinished, { getTransaction: () => null });
    const both = await at.run([
      'history',
      '198.18.0.1',
      '--since',
      '1h',
      '--output',
      'json',
      '--ledger.rpcUrls',
      `${url},${at.addresses.rpcUrl}`,
    ]);
    expect(linesOf(both.stdout, 'availability')).toMatchObject([{ flaps: 1 }]);
    const malformed = await endpointBefore(at, onTestFinished, {
      getTransaction: () => ({ slot: 1, blockTime: 1, transaction: ['AAAA', 'base64'], meta: { err: null } }),
    });
    const { exitCode, stdout, stderr } = await at.run(['history', '198.18.0.1', '--ledger.rpcUrls', malformed.url]);
    expect([exitCode, stdout, stderr]).toEqual([
      1,
      '',
      expect.stringMatching(/malformed response to getTransaction .*transaction \w+ cannot be read/),
    ]);
  });

  test('history waits for an endpoint that rate-limits it', async () => {
    await using at = await withHistory();
    at.localnet.ledger.faults.set({ rpc: [{ kind: 'rate-limited', methods: ['getTransaction'], times: 2, retryAfterSeconds: 0 }] });
    const { exitCode, stdout } = await at.run(['history', '198.18.0.1', '--since', '1h', '--output', 'json']);
    expect([exitCode, linesOf(stdout, 'availability').length]).toEqual([0, 1]);
  });

  test('history says when a record is newer than every transaction that the endpoint lists', async () => {
    await using at = await withHistory();
    const { admin } = at.localnet.ledger;
    const reported = admin.user(at.users[0] ?? expect.fail('no user'))?.lastBgpReportedAt ?? 0n;
    admin.changeUser(at.users[0] ?? expect.fail('no user'), { lastBgpReportedAt: slot(reported + 1n) });
    at.settle();
    const { stdout } = await at.run(['history', '198.18.0.1', '--since', '1h']);
    expect(stdout).toContain(
      `its record is of slot ${reported + 1n}, but the endpoint lists no report after slot ${reported}: its history is incomplete`,
    );
  });

  test('history names an account that was deleted or created anew without a transaction', async () => {
    await using at = await withHistory({ program: 'deployed' });
    const { admin } = at.localnet.ledger;
    const [first = expect.fail('no user'), second = expect.fail('no user')] = at.users;
    admin.deleteUser(first);
    admin.changeUser(second, { lastBgpReportedAt: slot(0) });
    at.settle();
    const deleted = await at.run(['history', first, '--since', '1h']);
    expect(deleted.stdout).toContain(`note: ${first}: it is not on the ledger, and no transaction that deleted it is known since slot `);
    const anew = await at.run(['history', second, '--since', '1h']);
    expect(anew.stdout).toMatch(
      /its record is of slot 0, older than its report of slot \d+: the account was created anew by an unknown transaction/,
    );
  });

  test('history draws its progress on a terminal only, and removes it', async () => {
    const at = shared();
    const terminal = { stderr: { isTerminal: true, columns: 60 } };
    const drawn = await at.run(['history', '--since', '1h'], undefined, undefined, undefined, terminal);
    expect([drawn.exitCode, drawn.stdout.includes('\u001b')]).toEqual([0, false]);
    expect(drawn.stderr.endsWith('] 5 of 5 transactions\r\u001b[K')).toBe(true);
    expect((await at.run(['history', '--since', '1h'])).stderr).toBe('');
  });

  test('history says where the history of an endpoint begins, and knows nothing before', async ({ onTestFinished }) => {
    const at = shared();
    const newest = (listed: unknown) => (listed as readonly { readonly slot: number }[]).slice(0, 1);
    const [user = expect.fail('no user')] = at.users;
    const reportedAt = Number(at.localnet.ledger.admin.user(user)?.lastBgpReportedAt);
    const { url } = await endpointBefore(at, onTestFinished, { getSignaturesForAddress: newest, getFirstAvailableBlock: () => reportedAt });
    const { stdout } = await at.run(['history', user, '--since', '1h', '--output', 'json', '--ledger.rpcUrls', url]);
    const periods = linesOf(stdout, 'period');
    expect(periods.map(({ status, reason }) => [status, reason])).toEqual([
      ['unknown', 'before-history'],
      ['down', null],
    ]);
    expect(linesOf(stdout, 'summary')[0]?.notes).toEqual([
      `the history of this endpoint begins at ${periods[1]?.from}; add an endpoint with a longer history to ledger.rpcUrls`,
    ]);
  });

  test('history knows nothing after the newest block of a ledger that stands still', async ({ onTestFinished }) => {
    const at = shared();
    const early = (time: unknown) => Number(time) - 1_800;
    const list = (listed: unknown) =>
      (listed as readonly object[]).map((each) => ({ ...each, blockTime: early(Reflect.get(each, 'blockTime')) }));
    const { url } = await endpointBefore(at, onTestFinished, { getBlockTime: early, getSignaturesForAddress: list });
    const { stdout } = await at.run(['history', '198.18.0.1', '--since', '1h', '--output', 'json', '--ledger.rpcUrls', url]);
    const last = linesOf(stdout, 'period').at(-1);
    expect([last?.status, last?.reason]).toEqual(['unknown', 'ledger-halted']);
    expect(Date.parse(String(last?.until)) - Date.parse(String(last?.from))).toBeGreaterThan(1_790_000);
    expect(linesOf(stdout, 'summary')[0]?.notes).toEqual([expect.stringContaining('30 min older than this host')]);
  });

  test('history estimates the time of a transaction without a block time, says so, and fails where it cannot', async ({
    onTestFinished,
  }) => {
    const at = shared();
    const untimed = (listed: unknown) => (listed as readonly object[]).map((each) => ({ ...each, blockTime: null }));
    const { url } = await endpointBefore(at, onTestFinished, { getSignaturesForAddress: untimed });
    const { stdout } = await at.run(['history', '198.18.0.1', '--since', '1h', '--output', 'json', '--ledger.rpcUrls', url]);
    expect(linesOf(stdout, 'period').map(({ status }) => status)).toEqual(['absent', 'unknown', 'up', 'down']);
    expect(linesOf(stdout, 'summary')[0]?.notes).toEqual([
      '3 transactions have no block time: their times are estimates from the current slot time',
    ]);
    const blind = await endpointBefore(at, onTestFinished, { getSignaturesForAddress: untimed, getRecentPerformanceSamples: () => [] });
    const failed = await at.run(['history', '198.18.0.1', '--since', '1h', '--ledger.rpcUrls', blind.url]);
    expect([failed.exitCode, failed.stderr]).toEqual([
      1,
      expect.stringContaining('has no block time, and the endpoint reports no slot times'),
    ]);
  });

  test('history of an unknown user fails', async () => {
    const at = shared();
    const { exitCode, stderr } = await at.run(['history', '198.18.9.9']);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('no user 198.18.9.9 is on this ledger, and no transaction names one')]);
  });

  test('history fails for an account that is not a user, and for a device that is not one', async () => {
    const at = shared();
    const { device, programId } = at.localnet;
    const [user = ''] = at.users;
    for (const [args, problem] of [
      [[device], `account ${device} is not a user: it is another account of the program, or malformed`],
      [[programId], `account ${programId} is not a user: it belongs to `],
      [[at.publisher], `account ${at.publisher} is not a user: it is a public key, such as that of an owner`],
      [['--device', user], `account ${user} is not a device: `],
    ] as const) {
      const { exitCode, stdout, stderr } = await at.run(['history', ...args]);
      expect([exitCode, stdout, stderr]).toEqual([1, '', expect.stringContaining(problem)]);
    }
  });

  test.for([
    [['history', '501'], 'tunnel ids are reused; `dzd-telemetry status` lists the users'],
    [['history', 'nonsense'], 'history: "nonsense" is not a public key or an IPv4 address; `dzd-telemetry status` lists the users'],
    [['history', '198.18.0.1', '--device', keyNumber(1)], 'a user and --device exclude each other'],
    [['history', '--since', 'ever'], '--since: expected a duration above 0 and up to 3650d, such as "7d"'],
    [['history', '--output', 'xml'], '--output: expected table or json or csv'],
  ] as const)('history refuses %j', ([args, problem]) => {
    expect(() => parseCommandLine(args, [historyCommand], { version: '1.2.3', stdout: SILENT })).toThrow(problem);
  });
});

describe("the ledger's own time", () => {
  const at = async (blockAt: number | undefined) => {
    const rpc = { blockTime: async () => (blockAt === undefined ? undefined : epochMs(blockAt)) };
    return readLedgerTime({ rpc, slot: slot(77), clock: { wall: () => epochMs(1_000_000) } }, new AbortController().signal);
  };

  test('a newest block of this minute is now, and an older one is the end of what is known', async () => {
    expect(await at(941_000)).toEqual({ blockAt: 941_000, behindMs: 0, knownUntil: 1_000_000, note: undefined });
    expect(await at(1_003_000)).toMatchObject({ behindMs: 0, knownUntil: 1_003_000, note: undefined });
    expect(await at(400_000)).toEqual({
      blockAt: 400_000,
      behindMs: 600_000,
      knownUntil: 400_000,
      note: expect.stringContaining("slot 77, is 10 min older than this host's clock: the ledger stands still"),
    });
  });

  test('an endpoint without block times is named', async () => {
    expect(await at(undefined)).toMatchObject({ behindMs: 0, note: expect.stringContaining('does not report the time of slot 77') });
  });
});
