import { describe, expect, test } from 'vitest';
import { AgentError, epochMs } from '../../src/lib/index.ts';
import { createMetrics, type ProcessReadings } from '../../src/observability/http/index.ts';
import { createStatusBoard, FINDING_CODES } from '../../src/observability/index.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { active, DEVICE, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const START = 1_790_000_000;
const PROCESS: ProcessReadings = {
  cpuSeconds: () => 1.5,
  memory: () => ({ rss: 100, heapUsed: 60, external: 7 }),
  startedAt: START - 1,
  openFiles: () => undefined,
  busySeconds: () => 0.25,
};

function fixture() {
  const clock = createVirtualClock(epochMs(START * 1_000));
  const board = createStatusBoard({
    version: '1.2.3',
    device: DEVICE,
    publisher: keyNumber(7),
    dryRun: false,
    sources: ['eapi', 'snmp'],
    endpoints: ['http://a', 'http://b'],
    clock,
  });
  const metrics = createMetrics({ status: board.read, refreshIntervalSeconds: 3_600, intervalSeconds: 5, process: PROCESS, clock });
  const reporters = [board.listener, metrics.listener];
  const decideAt = decider();
  return {
    clock,
    metrics,
    emit: (what: (reporter: (typeof reporters)[number]) => void) => reporters.forEach(what),
    /** User 0 is Established and Unknown; 1 is Active; 2 is in a VRF that was not read; 3 is banned and has no tunnel. */
    tick({ up = 'unknown' as 'unknown' | 'up', readAt = 0 } = {}) {
      const at = clock.monotonic();
      const users = [
        userNumber(0, { status: up, reportedAt: up === 'up' ? 9_990 : 0 }),
        userNumber(1),
        userNumber(2, { expectedVrf: 'vrf9' }),
        userNumber(3, { net: '0.0.0.0/0', account: { status: 6 } }),
      ];
      const snapshot = snapshotOf({ vrf1: [established(0), active(1, { sinceMs: 2_000 })] }, at);
      const { outcomes, intents } = decideAt({ at, users, snapshot });
      const report = {
        startedAt: at,
        durationMs: 12,
        phases: { switchMs: 9, ledgerMs: 4 },
        view: viewOf(users, { readAt }),
        viewSlot: slot(10_000),
        outcomes,
        intents,
        switchRead: true,
        ambiguous: [500],
      };
      for (const reporter of reporters) reporter.tick(report);
      return intents;
    },
    blindTick() {
      const nothing = { outcomes: new Map(), intents: [], switchRead: false, ambiguous: [] };
      const report = { startedAt: clock.monotonic(), durationMs: 5_000, phases: { switchMs: 5_000, ledgerMs: 5_000 }, ...nothing };
      for (const reporter of reporters) reporter.tick(report);
    },
  };
}

/** The samples whose names begin with one of these, without our prefix. */
async function samples(
  { metrics }: ReturnType<typeof fixture>,
  ...beginnings: readonly string[]
): Promise<Readonly<Record<string, number>>> {
  const lines = (await metrics.text()).replaceAll(/^dzd_telemetry_/gm, '').split('\n');
  const wanted = lines.filter((line) => beginnings.some((beginning) => line.startsWith(beginning)) && !line.includes('_bucket{'));
  return Object.fromEntries(wanted.map((line) => [line.replace(/ \S+$/, ''), Number(line.split(' ').at(-1))]));
}

describe('timestamps', () => {
  test('rule 20: timestamps are 0 before the first reading, then those of the readings', async () => {
    const agent = fixture();
    const names = ['last_', 'switch_read', 'ledger_view_timestamp'];
    expect(await samples(agent, ...names)).toEqual({
      last_tick_timestamp_seconds: 0,
      last_successful_tick_timestamp_seconds: 0,
      switch_read_timestamp_seconds: 0,
      ledger_view_timestamp_seconds: 0,
    });
    await agent.clock.advance(10_000);
    agent.tick({ readAt: 7_012 });
    expect(await samples(agent, ...names)).toEqual({
      last_tick_timestamp_seconds: START + 10,
      last_successful_tick_timestamp_seconds: START + 10,
      switch_read_timestamp_seconds: START + 10,
      ledger_view_timestamp_seconds: START + 7,
    });
    await agent.clock.advance(10_000);
    agent.blindTick();
    expect(await samples(agent, ...names)).toEqual({
      last_tick_timestamp_seconds: START + 20,
      last_successful_tick_timestamp_seconds: START + 10,
      switch_read_timestamp_seconds: START + 10,
      ledger_view_timestamp_seconds: START + 7,
    });
  });

  test('rule 20: writes that do not land are a gauge and the time since when', async () => {
    const agent = fixture();
    const stalled = () => samples(agent, 'writes_stalled');
    expect(await stalled()).toEqual({ writes_stalled: 0, writes_stalled_since_timestamp_seconds: 0 });
    await agent.clock.advance(60_000);
    const error = new AgentError('WRITE__NOT_LANDING', { problem: 'none is confirmed' });
    agent.emit((reporter) => reporter.writesStalled({ error, forMs: 45_000, repeated: false }));
    expect(await stalled()).toEqual({ writes_stalled: 1, writes_stalled_since_timestamp_seconds: START + 15 });
    agent.emit((reporter) => reporter.writesResumed({ forMs: 60_000 }));
    expect(await stalled()).toEqual({ writes_stalled: 0, writes_stalled_since_timestamp_seconds: 0 });
  });

  test('the oldest pending timestamp is that of the longest waiting user, until its status is confirmed', async () => {
    const agent = fixture();
    const pending = async () => (await samples(agent, 'oldest_pending')).oldest_pending_timestamp_seconds;
    expect(await pending()).toBe(0);
    await agent.clock.advance(1_000);
    const [intent] = agent.tick();
    await agent.clock.advance(4_000);
    agent.tick();
    agent.blindTick();
    expect(await pending()).toBe(START + 1);
    if (intent === undefined) throw new Error('user 0 should be written');
    agent.emit(({ confirmed: landed }) => landed({ intent, signature: 's', slot: slot(10_001), latencyMs: 800 }));
    expect(await pending()).toBe(0);
    agent.tick({ up: 'up' });
    expect(await pending()).toBe(0);
  });
});

test('a rejected user is not pending until one of its statuses is confirmed', async () => {
  const agent = fixture();
  const [intent] = agent.tick();
  if (intent === undefined) throw new Error('user 0 should be written');
  const waiting = () => samples(agent, 'oldest_pending', 'pending_users', 'parked_users');
  const error = new AgentError('WRITE__USER_REJECTED', { user: intent.user, problem: 'x' });
  agent.emit(({ rejected }) => rejected({ intent, signature: 's', error }));
  agent.tick();
  expect(await waiting()).toEqual({ oldest_pending_timestamp_seconds: 0, pending_users: 0, parked_users: 1 });
  agent.emit(({ confirmed: landed }) => landed({ intent, signature: 't', slot: slot(10_001), latencyMs: 800 }));
  agent.tick();
  expect(await waiting()).toEqual({ oldest_pending_timestamp_seconds: START, pending_users: 1, parked_users: 0 });
});

test('a refresh in flight is not pending, because the ledger already has its status', async () => {
  const agent = fixture();
  const [intent] = agent.tick();
  if (intent === undefined) throw new Error('user 0 should be written');
  const waiting = () => samples(agent, 'pending_users', 'in_flight_users');
  agent.emit(({ sent }) => sent({ signature: 's', intents: [intent] }));
  expect(await waiting()).toEqual({ pending_users: 1, in_flight_users: 1 });
  agent.tick({ up: 'up' });
  expect(await waiting()).toEqual({ pending_users: 0, in_flight_users: 1 });
});

test('users are counted by observation; a banned user without a tunnel does not count as unobserved', async () => {
  const agent = fixture();
  agent.tick();
  const { 'unobserved_users{reason="vrf-not-collected"}': notCollected, ...others } = await samples(agent, 'unobserved_users');
  expect([notCollected, new Set(Object.values(others))]).toEqual([1, new Set([0])]);
  expect(await samples(agent, 'users{', 'ambiguous', 'pending')).toEqual({
    'users{state="up"}': 1,
    'users{state="down"}': 1,
    'users{state="unobserved"}': 2,
    ambiguous_users: 1,
    pending_users: 1,
  });
});

test('the phases of a tick are its two readings and the rest', async () => {
  const agent = fixture();
  agent.tick();
  expect(await samples(agent, 'tick_phase')).toEqual({
    'tick_phase_duration_seconds_sum{phase="switch"}': 0.009,
    'tick_phase_duration_seconds_count{phase="switch"}': 1,
    'tick_phase_duration_seconds_sum{phase="ledger"}': 0.004,
    'tick_phase_duration_seconds_count{phase="ledger"}': 1,
    'tick_phase_duration_seconds_sum{phase="rest"}': 0.003,
    'tick_phase_duration_seconds_count{phase="rest"}': 1,
  });
});

describe('a halt', () => {
  test.each([
    ['authority', new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: DEVICE, expected: keyNumber(7), actual: keyNumber(8) })],
    ['funds', new AgentError('WRITE__BALANCE_LOW', { publisher: keyNumber(7), lamports: 1n, minBalance: 2n })],
    ['program', new AgentError('WRITE__PROGRAM_TOO_OLD', { program: keyNumber(9) })],
    ['other', new AgentError('WRITE__MALFORMED', { problem: 'x' })],
  ])('a halt is shown with its cause: %s', async (cause, error) => {
    const agent = fixture();
    agent.emit(({ halted }) => halted(error));
    const { halted, ...causes } = await samples(agent, 'halted');
    expect(halted).toBe(1);
    expect(Object.entries(causes).filter(([, value]) => value === 1)).toEqual([[`halted_by{cause="${cause}"}`, 1]]);
    agent.emit(({ resumed }) => resumed());
    expect(Object.values(await samples(agent, 'halted'))).toEqual([0, 0, 0, 0, 0]);
  });
});

test('the balance is absent until it has been read', async () => {
  const agent = fixture();
  expect(await samples(agent, 'payer_')).toEqual({ payer_empty_timestamp_seconds: 0 });
  agent.emit(({ balance }) => balance({ lamports: lamports(5_000), hoursToEmpty: 2, publisher: keyNumber(7) }));
  expect(await samples(agent, 'payer_')).toEqual({
    payer_balance_lamports: 5_000,
    payer_empty_timestamp_seconds: START + 7_200,
  });
});

test('the spend allowance is one of three', async () => {
  const agent = fixture();
  const allowances = () => samples(agent, 'spend_allowance');
  const one = (allowance: string) => ({
    'spend_allowance{allowance="everything"}': 0,
    'spend_allowance{allowance="changes"}': 0,
    'spend_allowance{allowance="nothing"}': 0,
    [`spend_allowance{allowance="${allowance}"}`]: 1,
  });
  expect(await allowances()).toEqual(one('everything'));
  agent.emit(({ budget }) => budget({ allowance: 'none' }));
  expect(await allowances()).toEqual(one('nothing'));
});

test("a reload clears the former agent's failed snapshot destination, and keeps what was spent", async () => {
  const agent = fixture();
  const error = new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server: 'ingest.example', problem: 'refused' });
  agent.emit(({ budget }) => budget({ allowance: 'none' }));
  agent.emit(({ snapshotPlace }) => snapshotPlace({ place: 'ingest.example', state: 'lost', error }));
  const settings = { refreshIntervalSeconds: 3_600, intervalSeconds: 5, idleIntervalSeconds: 30 };
  agent.metrics.watch(settings, () => ({ endpoints: [], dropCounters: [] }));
  expect(await samples(agent, 'spend_allowance{allowance="nothing"', 'snapshot_place_up', 'snapshot_place_losses')).toEqual({
    'spend_allowance{allowance="nothing"}': 1,
    snapshot_place_up: 1,
    snapshot_place_losses_total: 1,
  });
});

test('a rollback of the ledger counts under its name and under the former one', async () => {
  const agent = fixture();
  agent.emit(({ ledgerView }) => ledgerView({ state: 'rollback' }));
  expect(await samples(agent, 'ledger_rollbacks', 'ledger_set_backs')).toEqual({ ledger_rollbacks_total: 1, ledger_set_backs_total: 1 });
});

describe('counts that the agent keeps', () => {
  const traffic = (endpoint: string) => ({ endpoint, requests: 9, delayed: 3, delayedMs: 1_500, gaveUp: 1, refused: 2 });

  test('counts are those of the running agent, also after a reload', async () => {
    const agent = fixture();
    const settings = { refreshIntervalSeconds: 3_600, intervalSeconds: 5, idleIntervalSeconds: 30 };
    const shown = () => samples(agent, 'rpc_d', 'rpc_r', 'left_out', 'interval');
    agent.metrics.watch(settings, () => ({
      endpoints: [traffic('http://a')],
      dropCounters: [{ part: 'snmp', counts: { wrongSource: 4, malformed: 0 } }],
    }));
    const first = await shown();
    expect(first).toMatchObject({
      'rpc_delayed_requests_total{endpoint="http://a"}': 3,
      'rpc_delay_seconds_total{endpoint="http://a"}': 1.5,
      'rpc_refusals_total{endpoint="http://a"}': 2,
      'rpc_rate_ratio{endpoint="http://a"}': 1,
      'left_out_total{part="snmp",reason="wrongSource"}': 4,
      'left_out_total{part="snmp",reason="malformed"}': 0,
      interval_seconds: 5,
    });
    expect(await shown()).toEqual(first);
    agent.metrics.watch({ ...settings, intervalSeconds: 9 }, () => ({ endpoints: [traffic('http://c')], dropCounters: [] }));
    const second = await shown();
    expect(second).toMatchObject({ 'rpc_refusals_total{endpoint="http://c"}': 2, interval_seconds: 9 });
    expect(Object.keys(second).filter((name) => name.startsWith('left_out') || name.includes('refusals'))).toEqual([
      'rpc_refusals_total{endpoint="http://c"}',
    ]);
  });

  test('RPC requests are counted by endpoint, method and result, each from 0', async () => {
    const agent = fixture();
    const before = await samples(agent, 'rpc_requests_total');
    expect([Object.keys(before).length, new Set(Object.values(before))]).toEqual([2 * 11 * 5, new Set([0])]);
    agent.metrics.meter.request({ endpoint: 'http://b', method: 'getProgramAccounts', result: 'http-error', durationMs: 250 });
    agent.metrics.meter.bytes({ endpoint: 'http://a', direction: 'received', bytes: 700 });
    const after = await samples(agent, 'rpc_bytes', 'rpc_requests_total', 'rpc_request_duration_seconds_sum{method="getProgramAccounts"');
    expect(Object.entries(after).filter(([, value]) => value > 0)).toEqual([
      ['rpc_requests_total{endpoint="http://b",method="getProgramAccounts",result="http-error"}', 1],
      ['rpc_request_duration_seconds_sum{method="getProgramAccounts"}', 0.25],
      ['rpc_bytes_total{endpoint="http://a",direction="received"}', 700],
    ]);
  });
});

test('process metrics have the standard names, and an unavailable reading is absent', async () => {
  expect(await samples(fixture(), 'process_', 'nodejs_')).toEqual({
    process_cpu_seconds_total: 1.5,
    process_resident_memory_bytes: 100,
    process_start_time_seconds: START - 1,
    nodejs_heap_size_used_bytes: 60,
    nodejs_external_memory_bytes: 7,
    nodejs_eventloop_busy_seconds_total: 0.25,
  });
});

test('transactions in flight are those sent and not resolved', async () => {
  const agent = fixture();
  const intents = agent.tick();
  agent.emit(({ sent }) => sent({ signature: 'one', intents }));
  agent.emit(({ sent }) => sent({ signature: 'two', intents }));
  agent.emit(({ expired }) => expired({ signature: 'one', intents }));
  expect(await samples(agent, 'transactions_in_flight', 'writes_sent_total', 'transactions_total{outcome="expired"')).toEqual({
    transactions_in_flight: 1,
    'writes_sent_total{reason="change"}': 2,
    'writes_sent_total{reason="refresh"}': 0,
    'writes_sent_total{reason="ride-along"}': 0,
    'transactions_total{outcome="expired"}': 1,
  });
});

test('rule 20: failures are counted as well as successes, for transactions and, under the upstream names, for statuses', async () => {
  const agent = fixture();
  const intents = agent.tick();
  const [intent] = intents;
  if (intent === undefined) throw new Error('user 0 should be written');
  const error = new AgentError('WRITE__TRANSACTION_FAILED', { signature: 's', problem: 'x' });
  agent.emit(({ confirmed: landed }) => landed({ intent, signature: 'landed', slot: slot(10_001), latencyMs: 800 }));
  agent.emit(({ rejected }) => rejected({ intent, signature: 'rejected', error }));
  agent.emit(({ expired }) => expired({ signature: 'expired', intents }));
  agent.emit(({ failed }) => failed({ signature: 'failed', intents, error }));
  agent.emit(({ withdrawn }) => withdrawn({ signature: 'withdrawn', intents }));
  expect(
    await samples(agent, 'transactions_total', 'users_rejected', 'parked', 'doublezero_bgpstatus_submissions_total{bgp_status="up"'),
  ).toEqual({
    'transactions_total{outcome="landed"}': 1,
    'transactions_total{outcome="rejected"}': 1,
    'transactions_total{outcome="expired"}': 1,
    'transactions_total{outcome="failed"}': 1,
    'transactions_total{outcome="withdrawn"}': 1,
    users_rejected_total: 1,
    parked_users: 1,
    'doublezero_bgpstatus_submissions_total{bgp_status="up",result="success"}': 1,
    'doublezero_bgpstatus_submissions_total{bgp_status="up",result="error"}': 3,
  });
});

test('rule 20: failed readings are counted, by tick, source and endpoint, with the users skipped for it', async () => {
  const agent = fixture();
  const error = new AgentError('LEDGER__NO_ENDPOINT', { problems: 'x' });
  agent.blindTick();
  agent.tick();
  agent.emit(({ source }) => source({ source: 'snmp', state: 'lost', error }));
  agent.emit(({ source }) => source({ source: 'snmp', state: 'back' }));
  agent.emit(({ endpoint }) => endpoint({ endpoint: 'http://b', state: 'lost', error }));
  const counted = await samples(
    agent,
    'ticks_total',
    'source_',
    'endpoint_',
    'skipped_users{reason="vrf-not-collected"',
    'skipped_users{reason="down',
  );
  expect(counted).toEqual({
    'ticks_total{result="complete"}': 1,
    'ticks_total{result="switch-unread"}': 1,
    'ticks_total{result="ledger-unread"}': 0,
    'source_losses_total{source="eapi"}': 0,
    'source_losses_total{source="snmp"}': 1,
    'source_up{source="eapi"}': 1,
    'source_up{source="snmp"}': 1,
    'endpoint_losses_total{endpoint="http://a"}': 0,
    'endpoint_losses_total{endpoint="http://b"}': 1,
    'endpoint_up{endpoint="http://a"}': 1,
    'endpoint_up{endpoint="http://b"}': 0,
    'skipped_users{reason="vrf-not-collected"}': 1,
    'skipped_users{reason="down-unconfirmed"}': 1,
  });
});

test('the info metric has version, commit, Node.js, network and device', async () => {
  const board = createStatusBoard({
    version: '1.2.3',
    commit: 'c0ffee',
    network: 'testnet',
    device: DEVICE,
    publisher: keyNumber(7),
    dryRun: false,
    sources: [],
    endpoints: [],
    clock: createVirtualClock(epochMs(START * 1_000)),
  });
  const text = await createMetrics({ status: board.read, refreshIntervalSeconds: 3_600, intervalSeconds: 5, process: PROCESS }).text();
  expect(text).toContain(
    `\ndzd_telemetry_build_info{version="1.2.3",commit="c0ffee",node="${process.versions.node}",network="testnet",device="${DEVICE}"} 1\n`,
  );
});

test('no user is named in any label', async () => {
  const agent = fixture();
  const [intent] = agent.tick();
  if (intent === undefined) throw new Error('user 0 should be written');
  agent.emit(({ confirmed: landed }) => landed({ intent, signature: 's', slot: slot(10_001), latencyMs: 800 }));
  const text = await agent.metrics.text();
  for (const user of [0, 1, 2, 3]) expect(text).not.toContain(keyNumber(user));
});

test('the verdict is a number, and the findings are counted by every code of the table', async () => {
  const agent = fixture();
  const found = async () => Object.entries(await samples(agent, 'findings')).filter(([, value]) => value > 0);
  const { findings: _, ...all } = await samples(agent, 'findings');
  expect(Object.keys(all).sort()).toEqual(FINDING_CODES.map((code) => `findings{code="${code}"}`).sort());
  agent.emit(({ budget }) => budget({ allowance: 'none' }));
  expect([(await samples(agent, 'verdict')).verdict, await found()]).toContainEqual(
    expect.arrayContaining([['findings{code="spend-limit-reached"}', 1]]),
  );
  expect((await samples(agent, 'verdict')).verdict).toBe(2);
  agent.emit(({ budget }) => budget({ allowance: 'all' }));
  expect((await samples(agent, 'verdict')).verdict).toBe(1);
});
