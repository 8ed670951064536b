import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLocalnet } from '../../localnet/index.ts';
import { createSigner, FOUNDATION_SEED } from '../../localnet/ledger/index.ts';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { resourcesCommand } from '../../src/cli/commands.ts';
import { findExpired } from '../../src/cli/resources.ts';
import { createAbortController, Stopped, systemClock } from '../../src/lib/index.ts';
import {
  type AccessPass,
  AccountType,
  accessPassAddress,
  addressBytes,
  addressOf,
  decodeAccessPass,
  decodeUser,
  ipv4,
  UserStatus,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { commandFixture, jsonLines } from './command-fixture.ts';

type Line = Readonly<Record<string, unknown>>;
const lines = (stdout: string): readonly Line[] => jsonLines(stdout) as readonly Line[];

interface Around {
  readonly signal?: AbortSignal | undefined;
  /** Width of the terminal; absent: there is none. */
  readonly columns?: number;
}

/** Runs `resources` against the ledger at this URL, without a configuration file. */
async function resources(rpcUrl: string, ...words: readonly (string | Around)[]) {
  const args = words.filter((word) => typeof word === 'string');
  const { signal, columns } = words.find((word) => typeof word !== 'string') ?? {};
  const written = { stdout: '', stderr: '' };
  const to = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
    isTerminal: columns !== undefined,
    columns,
  });
  const io = {
    stdout: to('stdout'),
    stderr: to('stderr'),
    environment: { DZD_LEDGER_RPC_URLS: rpcUrl, NO_COLOR: '1' },
    onHangup: () => undefined,
    signal: signal ?? createAbortController().signal,
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
    const narrow = await resources(at.addresses.rpcUrl, { columns: 40 }, 'show', '--device', 'lo-dz001');
    expect(narrow.stdout.split('\n')[0]).toMatch(/^DEVICE +POOL +FREE +USED$/);
    for (const row of narrow.stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(40);
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
    at.settle();
    const json = await resources(at.addresses.rpcUrl, 'audit', '--output', 'json');
    expect(json.exitCode).toBe(1);
    expect(lines(json.stdout).map(({ event, kind }) => [event, kind])).toContainEqual(['finding', 'two-holders']);
    const table = await resources(at.addresses.rpcUrl, 'audit');
    expect(table.stdout).toContain('What to do:\n  two-holders ');
    const narrow = await resources(at.addresses.rpcUrl, { columns: 80 }, 'audit');
    const [rows = ''] = narrow.stdout.split('\n\n');
    expect(rows).toContain('FINDING');
    for (const row of rows.split('\n')) expect(row.length).toBeLessThanOrEqual(80);
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

/** A network from before RFC-11 whose program has it, with a folder for plans and the foundation's key. */
async function legacyNetwork(users: number) {
  const folder = mkdtempSync(join(tmpdir(), 'dzd-resources-'));
  const keyFile = (name: string, seed: Uint8Array): string => {
    const file = join(folder, name);
    const { address } = createSigner(seed);
    writeFileSync(file, JSON.stringify([...seed, ...addressBytes(address)]), { mode: 0o600 });
    return file;
  };
  const localnet = createLocalnet({ users, program: 'legacy', publisher: ZERO_ADDRESS, slotMs: 55, slotsPerEpoch: 32n });
  const { rpcUrl } = await localnet.start();
  /** Until what was changed is confirmed. */
  const settle = (): void => localnet.ledger.bank.advance(5);
  settle();
  return {
    localnet,
    rpcUrl,
    settle,
    plan: join(folder, 'plan.json'),
    foundation: keyFile('foundation.json', FOUNDATION_SEED),
    otherKey: keyFile('other.json', new Uint8Array(32).fill(9)),
    async [Symbol.asyncDispose]() {
      await localnet.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe.concurrent('a migration', () => {
  test('a plan is made, described, carried out, verified, and carried out again without a transaction', async () => {
    await using at = await legacyNetwork(12);
    const planned = await resources(at.rpcUrl, 'migrate', 'plan', '--out', at.plan, '--output', 'json');
    expect(lines(planned.stdout).at(-1)).toMatchObject({ event: 'plan', extensions: 2, slots: 24, backfills: 12, misfits: 0 });
    const dry = await resources(at.rpcUrl, 'migrate', 'apply', at.plan, '--output', 'json');
    expect(lines(dry.stdout)).toEqual([
      expect.objectContaining({ event: 'dry-run', total: 38, done: 0, transactions: expect.any(Number) }),
    ]);
    expect((await resources(at.rpcUrl, 'show', '--output', 'json')).stdout).not.toContain('drafted');
    const apply = () => resources(at.rpcUrl, 'migrate', 'apply', at.plan, '--keypair', at.foundation, '--execute', '--output', 'json');
    const applied = await apply();
    expect([applied.exitCode, applied.stderr]).toEqual([0, '']);
    expect(lines(applied.stdout)).toEqual([expect.objectContaining({ event: 'applied', total: 38 })]);
    const audited = await resources(at.rpcUrl, 'audit');
    expect([audited.exitCode, audited.stdout]).toEqual([0, expect.stringContaining('10 deployed pools are not compared')]);
    expect(lines((await apply()).stdout)).toEqual([expect.objectContaining({ event: 'applied', total: 0, done: 38, confirmed: 0 })]);
  });

  test('an outage in the middle of apply is one clear line, and the next run completes the migration', async () => {
    await using at = await legacyNetwork(30);
    await resources(at.rpcUrl, 'migrate', 'plan', '--out', at.plan);
    const life = createAbortController();
    const { bank, faults } = at.localnet.ledger;
    // The first transactions are taken, then the signal ends the command while nothing is answered.
    faults.set({ rpc: [{ kind: 'unavailable', methods: ['getSignatureStatuses'] }] });
    const apply = (signal?: AbortSignal) =>
      resources(at.rpcUrl, { signal }, 'migrate', 'apply', at.plan, '--keypair', at.foundation, '--execute');
    const running = apply(life.signal);
    while (bank.counters.received === 0) await systemClock.sleep(20);
    life.abort(new Stopped('SIGINT'));
    const cut = await running;
    expect([cut.exitCode, cut.stderr]).toEqual([
      1,
      expect.stringContaining('interrupted after 0 confirmed transactions; run the same command again'),
    ]);
    faults.clear();
    const rest = await apply();
    expect([rest.exitCode, rest.stderr]).toEqual([0, '']);
    expect((await resources(at.rpcUrl, 'audit')).exitCode).toBe(0);
  });

  test('a stale plan, one of another network, one cut in half and a key without permission are refused before anything is sent', async () => {
    await using at = await legacyNetwork(3);
    await resources(at.rpcUrl, 'migrate', 'plan', '--out', at.plan);
    const text = readFileSync(at.plan, 'utf8');
    const apply = async (plan: string, keypair = at.foundation) => {
      writeFileSync(at.plan, plan);
      const { exitCode, stderr } = await resources(at.rpcUrl, 'migrate', 'apply', at.plan, '--keypair', keypair, '--execute');
      return [exitCode, stderr.split('\n')[0]];
    };
    expect(await apply(text.slice(0, text.length / 2))).toEqual([1, expect.stringContaining('its end is missing')]);
    expect(await apply(text.slice(0, text.indexOf('},\n') + 1))).toEqual([1, expect.stringContaining('its end is missing')]);
    expect(await apply(text.replace('"extensions": [', `"extensions": [${'['.repeat(100_000)}`))).toEqual([
      1,
      expect.stringContaining('JSON nested deeper than 32 levels'),
    ]);
    expect((await apply(text.replace('"format"', `"${'x'.repeat(100_000)}"`)))[1]?.toString().length).toBeLessThan(500);
    expect(await apply(text.replace('"format"', '"form"'))).toEqual([1, expect.stringContaining('cannot be used: ')]);
    expect(await apply(text.replace(/"genesisHash": "\w+"/, `"genesisHash": "${ZERO_ADDRESS}"`))).toEqual([
      1,
      expect.stringContaining('was made on another network'),
    ]);
    expect(await apply(text, at.otherKey)).toEqual([1, expect.stringContaining("is not on the foundation's allowlist")]);
    const fewer = JSON.parse(text);
    fewer.backfills.pop();
    expect(await apply(JSON.stringify(fewer))).toEqual([
      1,
      expect.stringContaining('is stale: the network has changed, and now it also needs: backfill'),
    ]);
    expect((await resources(at.rpcUrl, 'show', '--output', 'json')).stdout).not.toContain('drafted');
    const withoutKey = await resources(at.rpcUrl, 'migrate', 'apply', at.plan, '--execute');
    expect([withoutKey.exitCode, withoutKey.stderr]).toEqual([1, expect.stringContaining('no key file is named')]);
    const nowhere = await resources(at.rpcUrl, 'migrate', 'plan', '--out', join(at.plan, 'below'));
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([1, expect.stringContaining('cannot be written')]);
  });
});

test('resources audit finds nothing about the deployed pools of a device that RFC-11 deleted', async () => {
  await using at = await legacyNetwork(2);
  const { admin } = at.localnet.ledger;
  const device = admin.createDevice({ metricsPublisher: at.localnet.device });
  at.settle();
  await resources(at.rpcUrl, 'migrate', 'plan', '--out', at.plan);
  expect((await resources(at.rpcUrl, 'migrate', 'apply', at.plan, '--keypair', at.foundation, '--execute')).exitCode).toBe(0);
  admin.deleteDevice(device);
  at.settle();
  const audit = await resources(at.rpcUrl, 'audit', '--output', 'json');
  expect([audit.exitCode, lines(audit.stdout)]).toEqual([0, [expect.objectContaining({ event: 'summary', findings: 0 })]]);
});

test('resources sweep marks the users of expired passes, and a second sweep finds none', async () => {
  await using at = await legacyNetwork(12);
  await resources(at.rpcUrl, 'migrate', 'plan', '--out', at.plan);
  await resources(at.rpcUrl, 'migrate', 'apply', at.plan, '--keypair', at.foundation, '--execute');
  const { admin } = at.localnet.ledger;
  const sweep = (...args: readonly string[]) => resources(at.rpcUrl, 'sweep', ...args);
  expect(lines((await sweep('--output', 'json')).stdout)).toEqual([expect.objectContaining({ event: 'dry-run', passes: 0, users: 0 })]);
  const [first, second] = [...admin.users(at.localnet.device).values()];
  const expire = (user: typeof first): void => {
    if (user !== undefined) admin.expirePass(accessPassAddress(admin.programId, user.clientIp, user.owner).address);
    at.settle();
  };
  expire(first);
  expect((await sweep()).stdout).toContain('1 expired access pass with 1 activated user in epoch');
  expire(second);
  expect(lines((await sweep('--output', 'json')).stdout).map(({ event }) => event)).toEqual(['expired', 'expired', 'dry-run']);
  const swept = await sweep('--keypair', at.foundation, '--execute');
  expect([swept.exitCode, swept.stdout]).toEqual([0, expect.stringContaining('2 expired access passes with 2 activated users swept')]);
  expect([...admin.users(at.localnet.device).values()].filter(({ status }) => status === UserStatus.outOfCredits).length).toBe(2);
  expect((await sweep()).stdout).toContain('0 expired access passes with 0 activated users');
});

test('a user from before RFC-11 is swept with its pass for its address, and without one with that for any', () => {
  const [owner, device] = [addressOf(new Uint8Array(32).fill(1)), addressOf(new Uint8Array(32).fill(2))];
  const pass = (clientIp: string, lastAccessEpoch: bigint): AccessPass => ({
    ...decodeAccessPass(Uint8Array.of(AccountType.accessPass)),
    userPayer: owner,
    clientIp: ipv4(clientIp),
    lastAccessEpoch,
  });
  const user = (clientIp: string) => ({
    value: { ...decodeUser(Uint8Array.of(AccountType.user)), owner, devicePk: device, clientIp: ipv4(clientIp) },
    slots: undefined,
  });
  const keys = Array.from({ length: 6 }, (_, at) => addressOf(new Uint8Array(32).fill(10 + at)));
  const [any = owner, expired = owner, valid = owner, ...users] = keys;
  const accessPasses = new Map([
    [any, pass('0.0.0.0', 4n)],
    [expired, pass('198.18.0.1', 4n)],
    [valid, pass('198.18.0.2', 5n)],
  ]);
  const network = { accessPasses, users: new Map(users.map((key, at) => [key, user(`198.18.0.${at + 1}`)])) };
  const found = new Map(findExpired(network, 5n).map((each) => [each.accessPass, each.users]));
  expect(found).toEqual(
    new Map([
      [any, [users[2]]],
      [expired, [users[0]]],
    ]),
  );
});

test.each([
  [[], 'resources: expected show, audit, migrate plan, migrate apply or sweep'],
  [['migrate'], 'expected show, audit'],
  [['migrate', 'apply'], 'needs the plan file'],
  [['migrate', 'plan'], 'needs --out FILE'],
  [['audit', '--execute'], 'takes no --execute'],
  [['show', '--out', 'x'], 'takes no --out'],
  [['sweep', '--reserved-start', '1'], 'takes no --reserved-start'],
  [['shw'], 'did you mean "show"?'],
  [['audit', 'now'], 'unexpected argument "now"'],
  [['audit', '--device', 'fra1'], 'takes no --device'],
])('resources %j is refused with one line', async (args, problem) => {
  const { exitCode, stderr } = await resources('http://127.0.0.1:1', ...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(problem)]);
});
