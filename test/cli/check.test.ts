import { createSocket } from 'node:dgram';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLocalLedger } from '../../localnet/ledger/index.ts';
import { writeNewKeypair } from '../../localnet/start.ts';
import { configurationStep } from '../../src/cli/check-config.ts';
import { runStep } from '../../src/cli/check-step.ts';
import { loadConfig, loadKeypair } from '../../src/config/index.ts';
import { Stopped, systemClock } from '../../src/lib/index.ts';
import { address, DeviceStatus, ipv4, lamports } from '../../src/serviceability/index.ts';
import { type CommandFixture, commandFixture, jsonLines, serve, shareFixture, statusOf } from './command-fixture.ts';

/** Each line as `state name`, and the details by name. */
async function check(at: CommandFixture, ...args: readonly string[]) {
  const { exitCode, stdout } = await at.run(['check', '--output', 'json', ...args]);
  const events = jsonLines(stdout) as readonly Readonly<Record<string, string>>[];
  const steps = events.filter(({ event }) => event === 'check');
  return {
    exitCode,
    states: steps.map(({ state, name = '' }) => `${state} ${name.replace(/http:\S+/, 'URL')}`),
    detail: Object.fromEntries(steps.map(({ name, detail }) => [name, detail])),
    remedy: Object.fromEntries(steps.map(({ name, remedy }) => [name, remedy])),
    summary: events.at(-1),
  };
}

const ALL_WELL = [
  'ok configuration',
  'ok key',
  'ok device',
  'ok publisher',
  'ok endpoint URL',
  'ok program',
  'ok instruction',
  'ok balance',
  'ok source eapi',
  'ok clock eapi',
  'ok users',
  'skipped snapshots',
  'ok listen',
  'ok start',
];

describe.concurrent('all steps', () => {
  const shared = shareFixture(() => commandFixture());

  test('check reports what it read, finds no problem and sends nothing', async () => {
    const at = shared();
    const { exitCode, states, detail, summary } = await check(at);
    expect(states).toEqual(ALL_WELL);
    expect([exitCode, summary]).toEqual([0, { event: 'summary', ok: 13, warn: 0, fail: 0, skipped: 1 }]);
    expect(detail).toMatchObject({
      configuration: `${join(at.folder, 'config.yaml')}: network localnet, 1 source (eapi)`,
      key: `${at.publisher}, readable by its owner only`,
      device: 'lo-dz001 is activated',
      publisher: 'the key is the metrics publisher of lo-dz001',
      program: 'version 0.34.0, minimum client version 0.1.0',
      users: '3 activated users, 3 with a neighbor in the right VRF, 3 established',
      snapshots: 'not configured',
      listen: '127.0.0.1:0 is free',
      start: '`run` can open all that it needs',
    });
    expect(detail.instruction).toMatch(/^SetUserBGPStatus simulated for \w+, \d+ compute units; nothing was sent$/);
    expect(detail['source eapi']).toMatch(/^3 VRFs, \d+ neighbors, \d+ established, read in [\d.]+ ms$/);
    expect(at.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('check prints a line per step for people, with the remedy below it', async () => {
    await using at = await commandFixture();
    chmodSync(at.keypair, 0o644);
    const { exitCode, stdout } = await at.run(['check']);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').slice(1, 3)).toEqual([
      `warn     key: the key file ${at.keypair} is readable by other users of this host; run: chmod 400 ${at.keypair}`,
      '         → let only the user of this process read, change or replace it: chmod 400',
    ]);
    expect(stdout).toMatch(/\n\n12 ok, 1 warning, 0 failed, 1 skipped\n$/);
  });

  test('check colors its states where colors are wanted, and nothing else', async () => {
    const at = shared();
    const { stdout } = await at.run(['check'], undefined, undefined, undefined, { environment: { FORCE_COLOR: '1' } });
    expect(stdout.startsWith('\u001b[32mok     \u001b[0m  configuration: ')).toBe(true);
    expect((await at.run(['check'])).stdout).not.toContain('\u001b');
  });

  test('check reports on the switch when the ledger is unreachable', async () => {
    const at = shared();
    const { exitCode, states, detail } = await check(at, '--ledger.rpcUrls', 'http://127.0.0.1:1');
    expect(detail['endpoint http://127.0.0.1:1']).toMatch(/^it cannot be reached: connect ECONNREFUSED/);
    expect(states).toEqual([
      'ok configuration',
      'ok key',
      'fail device',
      'skipped publisher',
      'fail endpoint URL',
      'fail program',
      'skipped instruction',
      'skipped balance',
      'ok source eapi',
      'ok clock eapi',
      'skipped users',
      'skipped snapshots',
      'ok listen',
      'ok start',
    ]);
    expect(exitCode).toBe(1);
  });

  test('check reports on the ledger when the switch is unreadable', async () => {
    await using at = await commandFixture({}, { sourceTimeout: '800ms' });
    at.localnet.switchFaults.begin({ kind: 'hang' });
    const { exitCode, states, detail, remedy } = await check(at);
    expect(states.filter((state) => !state.startsWith('ok '))).toEqual([
      'fail source eapi',
      'skipped clock eapi',
      'skipped users',
      'skipped snapshots',
    ]);
    expect([exitCode, detail['source eapi'], remedy['source eapi']]).toEqual([
      1,
      expect.stringContaining('did not answer within 800 ms'),
      expect.stringContaining('raise the timeout'),
    ]);
  });

  test('check of a key that is not the publisher of the device names both keys, and asks no funds for either', async () => {
    await using at = await commandFixture();
    const file = await writeNewKeypair(at.newFolder());
    const ours = loadKeypair(file).keypair.address;
    const { exitCode, states, detail, remedy } = await check(at, '--keypair', file);
    expect([exitCode, states.filter((state) => state.startsWith('fail'))]).toEqual([
      1,
      ['fail publisher', 'fail instruction', 'fail balance'],
    ]);
    expect(detail.publisher).toBe(
      `device ${at.localnet.device} accepts reports only from its metrics publisher ${at.publisher}; our key is ${ours}`,
    );
    expect([detail.balance, remedy.balance]).toEqual([
      '0.0000 SOL, below the minimum of 0.000005000 SOL',
      'first correct the step publisher: only the metrics publisher of the device needs funds',
    ]);
  });

  test('check shows the balance of our key, not that of another publisher', async () => {
    await using at = await commandFixture();
    const file = await writeNewKeypair(at.newFolder());
    at.localnet.ledger.admin.fund(loadKeypair(file).keypair.address, lamports(2_500_000_000));
    at.settle();
    const { states, detail } = await check(at, '--keypair', file);
    expect([states[7], detail.balance]).toEqual(['ok balance', expect.stringMatching(/^2\.5000 SOL, /)]);
  });

  test('check refuses what run refuses: a token file and a trap community that are missing', async () => {
    await using at = await commandFixture({
      http: { listen: '127.0.0.1:0', tokenFile: '/nonexistent/token' },
      collector: { wakeUps: [{ type: 'snmp-traps', port: 40_162, communityFile: '/nonexistent/community' }] },
    });
    const { exitCode, states, detail } = await check(at);
    expect([exitCode, states.filter((state) => state.startsWith('fail'))]).toEqual([1, ['fail trigger snmp-traps', 'fail listen']]);
    expect([detail['trigger snmp-traps'], detail.listen]).toEqual([
      'collector.wakeUps.snmp-traps.communityFile: the secret file /nonexistent/community cannot be used: it does not exist',
      'http.tokenFile: the secret file /nonexistent/token cannot be used: it does not exist',
    ]);
    expect([states.at(-1), detail.start]).toEqual(['skipped start', 'another step has failed']);
    const run = await at.run(['run']);
    expect([run.exitCode, run.stderr]).toEqual([2, expect.stringContaining('/nonexistent/token')]);
  });

  test('check fails for a listen address that another process uses, or that this host does not have', async ({ onTestFinished }) => {
    const at = shared();
    const listen = await serve((_, response) => void response.writeHead(404).end(), onTestFinished);
    const inUse = await check(at, '--http.listen', listen);
    expect([inUse.exitCode, inUse.detail.listen]).toEqual([1, `http.listen: cannot listen on ${listen}: another process uses it`]);
    const foreign = await check(at, '--http.listen', '192.0.2.1:50100');
    expect([foreign.exitCode, foreign.detail.listen]).toEqual([
      1,
      'http.listen: cannot listen on 192.0.2.1:50100: this host has no such address',
    ]);
  });

  test('check tries whether a trap receiver can listen', async ({ onTestFinished }) => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    onTestFinished(() => void socket.close());
    const { port } = socket.address();
    const traps = (at: number) => ({ collector: { wakeUps: [{ type: 'snmp-traps', port: at, community: 'public' }] } });
    await using taken = await commandFixture(traps(port));
    const { states, detail } = await check(taken);
    expect([states.filter((state) => state.startsWith('fail')), detail['trigger snmp-traps']]).toEqual([
      ['fail trigger snmp-traps'],
      expect.stringContaining('EADDRINUSE'),
    ]);
  });

  test('check fails for a program id of another network', async () => {
    const at = shared();
    const { exitCode, states, detail } = await check(at, '--ledger.programId', at.publisher);
    expect([exitCode, states.filter((state) => state.startsWith('fail'))]).toEqual([1, ['fail device', 'fail program']]);
    expect(detail.program).toBe(`${at.publisher} has no ProgramConfig on this ledger`);
  });

  test('check runs all other steps without a key file', async () => {
    const at = shared();
    const { exitCode, states } = await check(at, '--keypair', '/nonexistent/id.json');
    expect([exitCode, states.filter((state) => !state.startsWith('ok '))]).toEqual([
      1,
      ['fail key', 'skipped publisher', 'skipped instruction', 'skipped balance', 'skipped snapshots', 'skipped start'],
    ]);
  });

  test.for([
    ['drained', DeviceStatus.drained, 'warn device', 'lo-dz001 is drained', 0],
    ['pending', DeviceStatus.pending, 'fail device', 'lo-dz001 is pending (deprecated)', 1],
  ] as const)('check names the status of a %s device', async ([, status, state, words, code]) => {
    await using at = await commandFixture();
    at.localnet.ledger.admin.changeDevice(at.localnet.device, { status });
    at.settle();
    const { exitCode, states, detail } = await check(at);
    expect([exitCode, states[2], detail.device]).toEqual([code, state, words]);
  });

  test('check fails on an empty balance and warns of one that lasts hours', async () => {
    await using at = await commandFixture();
    at.localnet.ledger.admin.fund(at.publisher, lamports(100_000));
    at.settle();
    const scant = await check(at);
    expect([scant.exitCode, scant.states[7], scant.detail.balance]).toEqual([
      0,
      'warn balance',
      '0.0001 SOL, enough to refresh 3 users for about 20 h',
    ]);
    at.localnet.ledger.admin.fund(at.publisher, lamports(10));
    at.settle();
    const empty = await check(at);
    expect([empty.exitCode, empty.states[7], empty.remedy.balance]).toEqual([
      1,
      'fail balance',
      `send funds of this ledger to ${at.publisher}`,
    ]);
  });

  test('check names users and neighbors that do not match', async () => {
    await using at = await commandFixture();
    const [first = '', second = '', third = ''] = at.users.map(String);
    const { admin } = at.localnet.ledger;
    const tunnelOf = (user: string) => admin.user(address(user));
    const [one, two] = [tunnelOf(first), tunnelOf(second)];
    at.localnet.sim.unconfigure('vrf1', '169.254.0.1');
    at.localnet.sim.unconfigure('vrf2', '169.254.0.3');
    at.localnet.sim.configure({ vrf: 'vrf1', address: '169.254.0.3', remoteAs: 65_000, description: `USER-${two?.tunnelId}` });
    at.localnet.sim.configure({ vrf: 'vrf1', address: '169.254.0.201', remoteAs: 65_000, description: 'USER-777' });
    admin.changeUser(address(third), { tunnelNet: { address: ipv4('10.0.0.0'), prefixLength: 24 } });
    at.settle();
    const { exitCode, states, detail } = await check(at);
    expect([exitCode, states[10]]).toEqual([0, 'warn users']);
    expect(detail.users).toBe(
      [
        '3 activated users, 0 with a neighbor in the right VRF, 0 established',
        `1 on the ledger without a neighbor on the switch: USER-${one?.tunnelId} (${first}) 169.254.0.1`,
        `1 in another VRF than expected: USER-${two?.tunnelId} (${second}) in vrf1 instead of vrf2`,
        `1 with a tunnel_net that is not a /31: USER-${tunnelOf(third)?.tunnelId} (${third}) 10.0.0.0/24`,
        '1 on the switch without a user on the ledger: USER-777 (vrf1 169.254.0.201)',
      ].join('; '),
    );
  });

  test('check names a VRF that the switch does not report, and does not blame the controller', async () => {
    await using at = await commandFixture();
    at.localnet.switchFaults.begin({ kind: 'vrf-missing', vrf: 'vrf2' });
    const { states, detail, remedy } = await check(at);
    expect([states[10], detail.users, remedy.users]).toEqual([
      'warn users',
      expect.stringMatching(/; 1 in a VRF that the switch does not report: USER-\d+ \(\w+\) in vrf2$/),
      expect.stringContaining('compare `show ip bgp summary vrf all` on the switch'),
    ]);
  });

  test('check warns of an endpoint that lags', async () => {
    await using at = await commandFixture();
    const second = await at.localnet.ledger.addEndpoint();
    second.faults.set({ lagSlots: 80 });
    await systemClock.sleep(0);
    const { states, detail } = await check(at, '--ledger.rpcUrls', `${at.addresses.rpcUrl},${second.rpcUrl}`);
    expect([states.filter((state) => state.endsWith('URL')), detail[`endpoint ${second.rpcUrl}`]]).toEqual([
      ['ok endpoint URL', 'warn endpoint URL'],
      expect.stringMatching(/behind the highest$/),
    ]);
  });

  test('rule 20: check quotes what an endpoint refuses, a failure where no other endpoint serves it', async () => {
    await using at = await commandFixture();
    const second = await at.localnet.ledger.addEndpoint();
    at.localnet.ledger.faults.set({
      rpc: [
        { kind: 'error', methods: ['getLatestBlockhash'], code: -32601, message: 'Method not found, buy a plan' },
        { kind: 'error', methods: ['getSignatureStatuses'], code: -32600, message: 'no statuses here' },
      ],
    });
    const both = await check(at, '--ledger.rpcUrls', `${at.addresses.rpcUrl},${second.rpcUrl}`);
    expect([both.exitCode, both.states.filter((state) => state.endsWith('URL'))]).toEqual([0, ['warn endpoint URL', 'ok endpoint URL']]);
    const alone = await check(at);
    expect([alone.exitCode, alone.states.filter((state) => state.endsWith('URL'))]).toEqual([1, ['fail endpoint URL']]);
    for (const { detail } of [both, alone]) {
      const words = detail[`endpoint ${at.addresses.rpcUrl}`];
      expect(words).toMatch(
        /^slot \d+ in [\d.]+ ms; .*getLatestBlockhash.*Method not found, buy a plan.*; .*getSignatureStatuses.*no statuses here/,
      );
    }
  });

  test('rule 20: check fails when the slot of the ledger does not rise for three seconds', async () => {
    await using at = await commandFixture();
    at.localnet.ledger.faults.set({ frozen: true });
    const { exitCode, states, detail } = await check(at);
    expect([exitCode, states[4], detail[`endpoint ${at.addresses.rpcUrl}`]]).toEqual([
      1,
      'fail endpoint URL',
      expect.stringMatching(/^slot \d+ in [\d.]+ ms, and no newer one for 3 s$/),
    ]);
  });

  test.for([
    ['critical', [1, 'fail agent']],
    ['warning', [0, 'warn agent']],
  ] as const)('rule 20: check shows the verdict of the running agent: %s', async ([severity, expected], { onTestFinished }) => {
    const at = shared();
    const finding = (code: string, minutes: number, its: string) => ({
      code,
      severity: its,
      since: (10 - minutes) * 60_000,
      text: `text of ${code}`,
      remedy: `remedy of ${code}`,
      runbook: `Dzd${code}`,
    });
    const findings = [finding('A', 2, severity), finding('B', 5, 'warning')];
    const status = { ...statusOf(at.localnet.device), now: 600_000, verdict: severity, findings };
    const listen = await serve((_, response) => void response.end(JSON.stringify(status)), onTestFinished);
    const { exitCode, states, detail, remedy } = await check(at, '--http.listen', listen);
    expect([exitCode, states.at(-1), detail.agent, remedy.agent]).toEqual([
      ...expected,
      'the running agent reports: text of A (for 2 min); text of B (for 5 min)',
      'remedy of A; docs/runbooks/DzdA.md',
    ]);
  });

  test('check warns of a running agent of an earlier version, which has no verdict', async ({ onTestFinished }) => {
    const at = shared();
    const status = { ...statusOf(at.localnet.device), findings: undefined };
    const listen = await serve((_, response) => void response.end(JSON.stringify(status)), onTestFinished);
    const { exitCode, states, detail } = await check(at, '--http.listen', listen);
    expect([exitCode, states.at(-1), detail.agent]).toEqual([
      0,
      'warn agent',
      'the running agent is of an earlier version, which gives no verdict',
    ]);
  });

  test('check names the running agent, or why none answers', async ({ onTestFinished }) => {
    const at = shared();
    const lastTick = { at: 4_000, durationMs: 5, switchRead: true, viewSlot: 7, slotTimeMs: 400 };
    const status = { ...statusOf(at.localnet.device), now: 7_000, lastTick, writesStalled: null };
    const listen = await serve((_, response) => void response.end(JSON.stringify(status)), onTestFinished);
    const running = await check(at, '--http.listen', listen);
    expect([running.detail.listen, running.states.at(-1), running.detail.agent]).toEqual([
      `the running agent serves ${listen}`,
      'ok agent',
      'the running agent polled 3 s ago, and its verdict is ok',
    ]);
    const none = await check(at, '--http.listen', '127.0.0.1:1');
    expect([none.exitCode, none.states.at(-1), none.detail.agent]).toEqual([
      0,
      'skipped agent',
      expect.stringMatching(/^no agent answers at 127\.0\.0\.1:1 \(.*ECONNREFUSED/),
    ]);
  });

  test('check fails for a running agent that hangs', async ({ onTestFinished }) => {
    const at = shared();
    const listen = await serve(() => undefined, onTestFinished);
    const { exitCode, states, detail } = await check(at, '--http.listen', listen);
    expect([exitCode, states.at(-1), detail.agent]).toEqual([1, 'fail agent', `no agent answers at ${listen} (no answer within 3000 ms)`]);
  });

  test('check fails for an endpoint of another cluster and names both genesis hashes', async ({ onTestFinished }) => {
    const at = shared();
    const other = createLocalLedger();
    onTestFinished(() => other.stop());
    const { rpcUrl } = await other.start();
    const { exitCode, states, detail } = await check(at, '--ledger.rpcUrls', `${at.addresses.rpcUrl},${rpcUrl}`);
    expect([exitCode, states.filter((state) => !state.startsWith('ok'))]).toEqual([1, ['fail endpoint URL', 'skipped snapshots']]);
    expect(detail[`endpoint ${rpcUrl}`]).toBe(
      `it belongs to another cluster (genesis hash ${other.bank.genesisHash}) than ${at.addresses.rpcUrl} (${at.localnet.ledger.bank.genesisHash})`,
    );
  });

  test('check warns of a switch clock that is off', async () => {
    await using at = await commandFixture();
    at.localnet.sim.setClockSkew(-120_000);
    const { states, detail } = await check(at);
    expect([states[9], detail['clock eapi']]).toEqual(['warn clock eapi', "the clock of the switch is 2 min behind this host's"]);
  });

  test('check fails with the error of a program that rejects the instruction', async () => {
    await using at = await commandFixture();
    const { admin } = at.localnet.ledger;
    for (const user of at.users) admin.changeUser(user, { tunnelId: 9_999 });
    at.settle();
    const { exitCode, states, detail } = await check(at);
    expect([exitCode, states[6]]).toEqual([1, 'fail instruction']);
    expect(detail.instruction).toMatch(/: instruction 0 failed with InvalidTunnelId \(\d+\): /);
  });

  test('check reports whether snapshots can reach their server or folder', async () => {
    await using at = await commandFixture({ snapshots: { collect: ['show ip mroute'] } }, { stateIngestPort: 0 });
    const toServer = ['--snapshots.sink', 'state-ingest', '--snapshots.url', at.addresses.stateIngestUrl ?? ''];
    at.localnet.stateIngest?.set({ stateToCollect: { show_commands: [{ kind: 'ip-mroute', command: 'show ip mroute' }] } });
    const server = await check(at, ...toServer);
    expect([server.exitCode, server.detail.snapshots]).toEqual([
      0,
      expect.stringMatching(/^the server requests 1 kind, answered in [\d.]+ ms$/),
    ]);
    const directory = join(at.folder, 'new', 'snapshots');
    const toFolder = ['--snapshots.sink', 'folder', '--snapshots.directory'];
    const folder = await check(at, ...toFolder, directory);
    expect([folder.exitCode, folder.detail.snapshots, existsSync(directory)]).toEqual([0, `${directory} will be created`, false]);
    expect(readdirSync(at.folder).filter((name) => name.includes('check'))).toEqual([]);
    // Even root cannot, although the permissions of /proc allow it.
    const impossible = await check(at, ...toFolder, '/proc/new/snapshots');
    expect([impossible.exitCode, impossible.detail.snapshots]).toEqual([1, expect.stringMatching(/^cannot store a file in \/proc: E/)]);
    const file = await check(at, ...toFolder, at.keypair);
    expect([file.exitCode, file.detail.snapshots]).toEqual([1, `${at.keypair} is not a folder`]);
    const unreachable = await check(at, '--snapshots.sink', 'state-ingest', '--snapshots.url', 'http://127.0.0.1:1');
    expect([unreachable.exitCode, unreachable.states.filter((state) => state.startsWith('fail'))]).toEqual([1, ['fail snapshots']]);
  });

  test('check names the kinds of snapshots that this host or its switch cannot give', async () => {
    const collecting = async (...collect: readonly string[]) => {
      await using at = await commandFixture({ snapshots: { collect } });
      at.localnet.switchFaults.begin({ kind: 'command-error', command: 'show ip mroute', code: 1002, errors: ['denied'] });
      return await check(at, '--snapshots.sink', 'folder', '--snapshots.directory', at.folder);
    };
    const some = await collecting('show ip mroute', 'show isis database detail');
    expect([some.exitCode, some.detail.snapshots]).toEqual([
      0,
      expect.stringMatching(/ is writable; kind ip-mroute cannot be collected: .*show ip mroute.*denied/),
    ]);
    const none = await collecting('show ip mroute');
    expect([none.exitCode, none.states.filter((state) => state.startsWith('fail'))]).toEqual([1, ['fail snapshots']]);
    const refused = await collecting('show nonsense');
    expect([refused.exitCode, refused.detail.snapshots]).toEqual([1, expect.stringMatching(/ is writable; .*show nonsense/)]);
  });

  test.for([
    [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /^unset NODE_TLS_REJECT_UNAUTHORIZED$/],
    [{ DZD_X: '1' }, /^correct these settings, or keep them if they are intended/],
    [{ DZD_X: '1', NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /^unset NODE_TLS_REJECT_UNAUTHORIZED; correct these settings/],
  ] as const)('the remedy of the configuration warnings fits %j', async ([environment, remedy]) => {
    const at = shared();
    const loaded = loadConfig({ file: join(at.folder, 'config.yaml'), environment });
    expect(await configurationStep(loaded).run(new AbortController().signal)).toMatchObject({
      state: 'warn',
      remedy: expect.stringMatching(remedy),
    });
  });

  test('check ends with 2 on an invalid configuration, and reports it as JSON', async () => {
    const at = shared();
    const { exitCode, stdout, stderr } = await at.run(['check', '--output', 'json', '--collector.interval', 'soon']);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--collector.interval')]);
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({ event: 'check', name: 'configuration', state: 'fail' }),
      { event: 'summary', ok: 0, warn: 0, fail: 1, skipped: 0 },
    ]);
  });
});

describe('a step', () => {
  const forever = { name: 'deaf', run: () => new Promise<never>(() => undefined) };

  test('a step that ignores its signal ends at its deadline', async () => {
    const taken = await runStep(forever, 20, systemClock, new AbortController().signal);
    expect(taken).toMatchObject({ name: 'deaf', state: 'fail', detail: 'no answer within 20 ms' });
  });

  test('a step that throws an unexpected error fails and asks for a bug report', async () => {
    const step = { name: 'odd', run: () => Promise.reject(new TypeError('undefined is not a function')) };
    expect(await runStep(step, 1_000, systemClock, new AbortController().signal)).toMatchObject({
      state: 'fail',
      detail: 'undefined is not a function',
      remedy: 'this is a bug in dzd-telemetry; report it with this line',
    });
  });

  test('a step ends with the command', async () => {
    const life = new AbortController();
    const taking = runStep(forever, 1_000, systemClock, life.signal);
    life.abort(new Stopped('SIGINT'));
    await expect(taking).rejects.toThrow('SIGINT');
  });
});
