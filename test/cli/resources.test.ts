import { describe, expect, test } from 'vitest';
import { createLocalnet } from '../../localnet/index.ts';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { resourcesCommand } from '../../src/cli/commands.ts';
import { createAbortController } from '../../src/lib/index.ts';
import { ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { commandFixture, jsonLines } from './command-fixture.ts';

type Line = Readonly<Record<string, unknown>>;
const lines = (stdout: string): readonly Line[] => jsonLines(stdout) as readonly Line[];

/** Runs `resources` against the ledger at this URL, without a configuration file. */
async function resources(rpcUrl: string, ...args: readonly string[]) {
  const written = { stdout: '', stderr: '' };
  const to = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTerminal: false,
    columns: undefined,
  });
  const io = {
    stdout: to('stdout'),
    stderr: to('stderr'),
    environment: { DZD_LEDGER_RPC_URLS: rpcUrl },
    onHangup: () => undefined,
    signal: createAbortController().signal,
    version: '1.2.3',
  };
  const exitCode = await runCommandLine(['resources', ...args, '--env', 'localnet'], [resourcesCommand], io);
  return { exitCode, ...written };
}

describe.concurrent('the command', () => {
  test('resources show lists the pools of RFC-11 with what is taken, and --device one device’s', async () => {
    await using at = await commandFixture();
    const all = await resources(at.addresses.rpcUrl, 'show', '--output', 'json');
    expect([all.exitCode, all.stderr]).toEqual([0, '']);
    expect(lines(all.stdout).filter(({ pool }) => pool === 'UserTunnelNet')).toEqual([
      expect.objectContaining({
        event: 'pool',
        layout: 'drafted',
        device: at.localnet.device,
        deviceCode: 'lo-dz001',
        range: '169.254.0.0/16',
        unit: 'tunnels',
        capacity: 32_768,
        reserved: 0,
        taken: 3,
        free: 32_765,
        percent: 0.01,
      }),
    ]);
    const byCode = await resources(at.addresses.rpcUrl, 'show', '--device', 'lo-dz001');
    expect(byCode.stdout).toMatch(/^DEVICE {4}POOL[^\n]+\nlo-dz001 {2}DzIp [\s\S]*\n\n4 pools at slot \d+\n$/);
    const unknown = await resources(at.addresses.rpcUrl, 'show', '--device', 'elsewhere');
    expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('elsewhere')]);
  });

  test('resources show and audit read the accounts of the deployed program', async () => {
    const localnet = createLocalnet({ users: 3, program: 'deployed', publisher: ZERO_ADDRESS });
    try {
      const { rpcUrl } = await localnet.start();
      const shown = await resources(rpcUrl, 'show', '--output', 'json');
      expect(lines(shown.stdout).filter(({ pool }) => pool === 'TunnelIds')).toEqual([
        expect.objectContaining({ layout: 'deployed', range: '500-4595', capacity: 4_096, taken: 3, deviceCode: 'lo-dz001' }),
      ]);
      const audited = await resources(rpcUrl, 'audit');
      expect([audited.exitCode, audited.stdout]).toEqual([
        0,
        expect.stringMatching(/^0 findings at slot \d+: \d+ held values compared with 10 pools\n$/),
      ]);
    } finally {
      await localnet.stop();
    }
  });

  test('resources audit ends with 1 and says what to do when two users have one tunnel', async () => {
    await using at = await commandFixture();
    const { admin } = at.localnet.ledger;
    const [first] = at.users;
    const other = at.users[1];
    const user = first === undefined ? undefined : admin.users(at.localnet.device).get(first);
    if (other === undefined || user === undefined) throw new Error('three users are expected');
    expect((await resources(at.addresses.rpcUrl, 'audit')).exitCode).toBe(0);
    // Where the foundation releases the slot of a live user, the next user gets its tunnel.
    admin.changeUser(other, { tunnelId: user.tunnelId });
    await at.settle();
    const json = await resources(at.addresses.rpcUrl, 'audit', '--output', 'json');
    expect(json.exitCode).toBe(1);
    expect(lines(json.stdout).map(({ event, kind }) => [event, kind])).toContainEqual(['finding', 'two-holders']);
    const table = await resources(at.addresses.rpcUrl, 'audit');
    expect(table.stdout).toContain('What to do:\n  two-holders ');
  });

  test('a ledger that is unreachable or has no program is one clear line, not an empty network', async () => {
    await using at = await commandFixture();
    const other = await resources(at.addresses.rpcUrl, 'show', '--ledger.programId', at.publisher);
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining(`${at.publisher} has no GlobalConfig on this ledger`)]);
    const { exitCode, stdout, stderr } = await resources('http://127.0.0.1:1', 'audit');
    expect([exitCode, stdout, stderr.split('\n').length]).toEqual([1, '', 3]);
    expect(stderr).toContain('127.0.0.1:1');
  });
});

test.each([
  [[], 'resources: expected show or audit'],
  [['shw'], 'did you mean "show"?'],
  [['audit', 'now'], 'unexpected argument "now"'],
  [['audit', '--device', 'fra1'], 'takes no --device'],
])('resources %j is refused with one line', async (args, problem) => {
  const { exitCode, stderr } = await resources('http://127.0.0.1:1', ...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(problem)]);
});
