import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { TickReport } from '../../src/agent/events.ts';
import { AgentError, epochMs } from '../../src/lib/index.ts';
import { createMetrics, createStatusServer, type StatusServerOptions } from '../../src/observability/http/index.ts';
import { createStatusBoard } from '../../src/observability/index.ts';
import { addressOfUsers } from '../../src/observability/page/users.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { active, DEVICE, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

function fixture() {
  const clock = createVirtualClock(epochMs(1_790_000_000_000));
  const board = createStatusBoard({
    version: '1.2.3',
    device: DEVICE,
    publisher: keyNumber(7),
    dryRun: false,
    sources: ['eapi'],
    endpoints: ['http://a'],
    clock,
  });
  const metrics = createMetrics({ status: board.read, refreshIntervalSeconds: 3_600, intervalSeconds: 5 });
  const tick = (changes: Partial<TickReport> = {}) => {
    const users = [userNumber(0), userNumber(1, { status: 'up', reportedAt: 9_000 }), userNumber(2, { expectedVrf: 'vrf9' })];
    const { outcomes, intents } = decider()({
      at: 0,
      users,
      snapshot: snapshotOf({ vrf1: [established(0), active(1, { sinceMs: 2_000 })] }),
    });
    const report = {
      startedAt: clock.monotonic(),
      durationMs: 12,
      view: viewOf(users),
      viewSlot: slot(10_000),
      outcomes,
      intents,
      switchRead: true,
      phases: { switchMs: 8, ledgerMs: 5 },
      ambiguous: [],
      ...changes,
    };
    for (const reporter of [board.listener, metrics.listener]) reporter.tick(report);
    return intents;
  };
  return { clock, board, metrics, tick };
}

async function serve(atEnd: (stop: () => Promise<void>) => void, options: Partial<StatusServerOptions> = {}) {
  const made = fixture();
  const server = createStatusServer({
    host: '127.0.0.1',
    port: 0,
    board: made.board,
    metrics: made.metrics,
    page: ({ users }) => `<p>${users.length} users</p>`,
    staleAfterMs: 30_000,
    ...options,
  });
  const port = await server.start();
  atEnd(() => server.stop());
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { code: response.status, body: (await response.text()).trim(), type: response.headers.get('content-type') };
  };
  return { ...made, get, port };
}

describe('the status server', () => {
  test('the agent is healthy while ticks complete, and ready once the switch and the ledger have been read', async ({ onTestFinished }) => {
    const { get, tick, clock } = await serve(onTestFinished);
    expect(await get('/-/ready')).toMatchObject({ code: 503 });
    expect(await get('/-/healthy')).toMatchObject({ code: 200 });
    tick();
    expect(await get('/-/ready')).toMatchObject({ code: 200, body: 'ready' });
    await clock.advance(31_000);
    expect(await get('/-/healthy')).toMatchObject({ code: 503, body: 'no tick has completed for 31 s' });
  });

  test('rule 20: the agent is healthy but not ready while writes do not land, and says why', async ({ onTestFinished }) => {
    const { get, tick, board } = await serve(onTestFinished, { token: 'sesame' });
    tick();
    const error = new AgentError('WRITE__NOT_LANDING', { problem: 'http://a: rate limit exceeded' });
    board.listener.writesStalled({ error, forMs: 45_000, repeated: false });
    expect(await get('/-/ready')).toMatchObject({
      code: 503,
      body: `No write has landed for 45 s: ${error.message}; the oldest status has waited for 0 s`,
    });
    expect(await get('/-/healthy')).toMatchObject({ code: 200 });
    board.listener.writesResumed();
    expect(await get('/-/ready')).toMatchObject({ code: 200, body: 'ready' });
  });

  test('rule 20: the agent is not ready while its writes are halted, and says why', async ({ onTestFinished }) => {
    const { get, tick, board } = await serve(onTestFinished);
    tick();
    const error = new AgentError('LEDGER__DEVICE_UNKNOWN', { device: DEVICE });
    board.listener.halted(error);
    expect(await get('/-/ready')).toMatchObject({ code: 503, body: `Writes halted: ${error.message}` });
    board.listener.resumed();
    expect(await get('/-/ready')).toMatchObject({ code: 200 });
  });

  test('rule 20: the agent is not ready while no switch source can be read, and names the cause', async ({ onTestFinished }) => {
    const { get, tick, board } = await serve(onTestFinished);
    const error = new AgentError('EAPI__TIMEOUT', { endpoint: 'http://switch', ms: 2_000 });
    board.listener.source({ source: 'eapi', state: 'lost', error });
    expect(await get('/-/ready')).toMatchObject({
      code: 503,
      body: `The switch cannot be read; no status is written: ${error.message}`,
    });
    tick();
    expect(await get('/-/ready')).toMatchObject({ code: 200 });
    tick({ switchRead: false });
    expect(await get('/-/ready')).toMatchObject({ code: 503, body: `The switch cannot be read; no status is written: ${error.message}` });
    expect(await get('/-/healthy')).toMatchObject({ code: 200 });
    tick();
    expect(await get('/-/ready')).toMatchObject({ code: 200 });
  });

  test('rule 20: the agent is not ready from the second tick in a row that cannot read the users', async ({ onTestFinished }) => {
    const { get, tick, board, clock } = await serve(onTestFinished);
    tick();
    await clock.advance(5_000);
    const error = new AgentError('LEDGER__VIEW_FAILED', { problem: 'no endpoint answers' });
    board.listener.ledgerView({ state: 'lost', error });
    tick();
    expect(await get('/-/ready')).toMatchObject({ code: 200 });
    await clock.advance(5_000);
    tick();
    expect(await get('/-/ready')).toMatchObject({
      code: 503,
      body: `The users cannot be read from the ledger; no status is written: ${error.message}`,
    });
    board.listener.ledgerView({ state: 'back' });
    tick();
    expect(await get('/-/ready')).toMatchObject({ code: 200 });
    tick({ view: undefined, viewSlot: undefined, outcomes: new Map(), intents: [] });
    expect(await get('/-/ready')).toMatchObject({ code: 503, body: 'The users cannot be read from the ledger; no status is written' });
  });

  test('the server serves the page, the status as JSON, and one user with its timeline', async ({ onTestFinished }) => {
    const { get, tick } = await serve(onTestFinished);
    tick();
    expect(await get('/status')).toEqual({ code: 200, body: '<p>3 users</p>', type: 'text/html; charset=utf-8' });
    const status = JSON.parse((await get('/status.json')).body);
    expect(status.users.map(({ observation }: { observation: string }) => observation)).toEqual(['up', 'down', 'unobserved']);
    expect(JSON.parse((await get(`/debug/users/${keyNumber(2)}`)).body)).toMatchObject({ because: 'vrf-not-collected', timeline: [] });
    expect(await get('/debug/users/unknown')).toMatchObject({ code: 404 });
  });

  test('the page gets its query, a bad one is a plain answer, and different ones at once are all answered', async ({ onTestFinished }) => {
    const asked: string[] = [];
    const page: StatusServerOptions['page'] = (_, query) => {
      asked.push(addressOfUsers(query));
      return addressOfUsers(query);
    };
    const { get } = await serve(onTestFinished, { page });
    const queries = ['', '?q=10.0.0.1&state=down&page=3', '?q=a%26b', '?q=a%26b', '?state='];
    const answers = await Promise.all(queries.map((query) => get(`/status${query}`)));
    expect(answers.map(({ body }) => body)).toEqual([
      '/status#h-users',
      '/status?q=10.0.0.1&state=down&page=3#h-users',
      '/status?q=a%26b#h-users',
      '/status?q=a%26b#h-users',
      '/status#h-users',
    ]);
    expect(await get('/status?state=%3Cscript%3E%00')).toEqual({
      code: 400,
      body: expect.stringMatching(/^state: expected one of .*, got "<script>\\u0000"$/),
      type: 'text/plain; charset=utf-8',
    });
    const before = asked.length;
    expect(await get('/status?page=-1')).toMatchObject({ code: 400, body: 'page: expected a whole number from 1' });
    expect(asked.length).toBe(before);
  });

  test('pages of different queries are built one a turn of the event loop', async ({ onTestFinished }) => {
    let turn = 0;
    let counting = setImmediate(function count() {
      turn += 1;
      counting = setImmediate(count);
    });
    onTestFinished(() => clearImmediate(counting));
    const builtIn: number[] = [];
    const page = (): string => {
      builtIn.push(turn);
      return '';
    };
    const { port } = await serve(onTestFinished, { page });
    const socket = connect(port, '127.0.0.1').resume();
    const requests = Array.from(
      { length: 40 },
      (_, n) => `GET /status?q=${n} HTTP/1.1\r\nHost: localhost\r\n${n === 39 ? 'Connection: close\r\n' : ''}\r\n`,
    );
    socket.write(requests.join(''));
    await once(socket, 'close');
    expect([builtIn.length, new Set(builtIn).size]).toEqual([40, 40]);
  });

  test('the runbooks are served by name, with and without .md, and no other file is', async ({ onTestFinished }) => {
    const { get } = await serve(onTestFinished);
    const html = { code: 200, type: 'text/html; charset=utf-8' };
    expect(await get('/runbooks')).toMatchObject({ ...html, body: expect.stringContaining('<a href="/runbooks/DzdDefect">DzdDefect</a>') });
    for (const path of ['/runbooks/DzdDefect', '/runbooks/DzdDefect.md'])
      expect(await get(path)).toMatchObject({ ...html, body: expect.stringContaining('<h1>DzdDefect</h1>') });
    for (const path of ['DzdNone', '__proto__', '%2e%2e%2f%2e%2e%2fREADME', 'DzdDefect.md.md', '%3Cscript%3E'])
      expect(await get(`/runbooks/${path}`)).toEqual({
        code: 404,
        body: 'this agent has no such runbook; see /runbooks',
        type: 'text/plain; charset=utf-8',
      });
  });

  test('requests of one turn of the event loop share one reading of the status', async ({ onTestFinished }) => {
    const { board } = fixture();
    let readings = 0;
    const read = () => {
      readings += 1;
      return board.read();
    };
    const { port } = await serve(onTestFinished, { board: { ...board, read } });
    let received = '';
    const sockets = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('data', (chunk) => (received += chunk.toString())));
    // The server has accepted a connection once it has answered.
    for (const socket of sockets) {
      socket.write('GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await once(socket, 'data');
    }
    for (const [at, path] of ['/status.json', '/status.json', '/status', '/metrics'].entries())
      sockets[at]?.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
    expect([received.match(/HTTP\/1\.1 200 OK/g)?.length, readings]).toEqual([8, 1]);
  });

  test('a token is required, except for health and readiness', async ({ onTestFinished }) => {
    const { get } = await serve(onTestFinished, { token: 'sesame' });
    const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    expect([
      (await get('/metrics')).code,
      (await get('/status', withToken('wrong'))).code,
      (await get('/metrics', withToken('sesame'))).code,
    ]).toEqual([401, 401, 200]);
    expect((await get('/-/healthy')).code).toBe(200);
  });

  test('a reload needs POST and responds with its result', async ({ onTestFinished }) => {
    let successful = false;
    const { get } = await serve(onTestFinished, {
      reload: async () => ({ successful, message: successful ? 'reloaded' : 'config.yaml:3: policy.downGrace: expected a duration' }),
    });
    expect(await get('/-/reload')).toMatchObject({ code: 405 });
    expect(await get('/-/reload', { method: 'POST' })).toMatchObject({
      code: 400,
      body: 'config.yaml:3: policy.downGrace: expected a duration',
    });
    successful = true;
    expect(await get('/-/reload', { method: 'POST' })).toMatchObject({ code: 200, body: 'reloaded' });
  });
});

describe('the metrics', () => {
  const value = (text: string, line: string) => Number(new RegExp(`^${line.replaceAll(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);

  test('every label set exists from the start, and no label holds a user', async () => {
    const { metrics, tick } = fixture();
    tick();
    const text = await metrics.text();
    for (const line of [
      'dzd_telemetry_transactions_total{outcome="expired"}',
      'dzd_telemetry_mass_downs_total{result="withheld"}',
      'dzd_telemetry_wake_ups_total{result="held-back"}',
      'doublezero_bgpstatus_submissions_total{bgp_status="down",result="error"}',
      'dzd_telemetry_source_losses_total{source="eapi"}',
      'dzd_telemetry_skipped_users{reason="contested"}',
    ])
      expect([line, value(text, line)]).toEqual([line, 0]);
    expect(text).not.toContain(keyNumber(0));
  });

  test('triggers are counted, with those dropped by the rate limit and failed trigger sources', async () => {
    const { metrics } = fixture();
    for (const kind of ['woke', 'woke', 'held-back', 'back'] as const) metrics.listener.trigger({ kind, source: 'traps' });
    metrics.listener.trigger({ kind: 'storm', source: 'traps', maxPerMinute: 60 });
    const error = new AgentError('GRPC__WATCH_ENDED', { endpoint: 'grpc://127.0.0.1:9543', problem: 'the switch ended it' });
    metrics.listener.trigger({ kind: 'lost', source: 'traps', error });
    const text = await metrics.text();
    const counted = ['wake_ups_total{result="woke"}', 'wake_ups_total{result="held-back"}', 'wake_up_losses_total'].map((line) =>
      value(text, `dzd_telemetry_${line}`),
    );
    expect(counted).toEqual([2, 1, 1]);
  });

  test('rule 20: gauges follow the status, counters the events', async () => {
    const { metrics, board, tick } = fixture();
    const intents = tick();
    for (const reporter of [board.listener, metrics.listener]) {
      reporter.sent({ signature: 'a', intents });
      for (const intent of intents) reporter.confirmed({ intent, signature: 'a', slot: slot(10_002), latencyMs: 900 });
      reporter.expired({ signature: 'b', intents });
      reporter.balance({ lamports: lamports(5_000), hoursToEmpty: 1, publisher: keyNumber(7) });
      reporter.endpoint({
        endpoint: 'http://a',
        state: 'lost',
        error: new AgentError('LEDGER__UNREACHABLE', { endpoint: 'http://a', problem: 'refused' }),
      });
    }
    metrics.reloaded(false);
    const text = await metrics.text();
    const values = Object.fromEntries(
      [
        'dzd_telemetry_users{state="up"}',
        'dzd_telemetry_users{state="down"}',
        'dzd_telemetry_users{state="unobserved"}',
        'dzd_telemetry_ledger_users{status="up"}',
        'dzd_telemetry_skipped_users{reason="vrf-not-collected"}',
        'dzd_telemetry_transactions_total{outcome="landed"}',
        'dzd_telemetry_transactions_total{outcome="expired"}',
        'dzd_telemetry_writes_landed_total{reason="change"}',
        'doublezero_bgpstatus_submissions_total{bgp_status="up",result="success"}',
        'dzd_telemetry_payer_balance_lamports',
        'dzd_telemetry_payer_empty_timestamp_seconds',
        'dzd_telemetry_endpoint_up{endpoint="http://a"}',
        'dzd_telemetry_endpoint_losses_total{endpoint="http://a"}',
        'dzd_telemetry_config_last_reload_successful',
        'dzd_telemetry_oldest_record_age_seconds',
        'dzd_telemetry_refresh_interval_seconds',
      ].map((line) => [line, value(text, line)]),
    );
    expect(values).toEqual({
      'dzd_telemetry_users{state="up"}': 1,
      'dzd_telemetry_users{state="down"}': 1,
      'dzd_telemetry_users{state="unobserved"}': 1,
      'dzd_telemetry_ledger_users{status="up"}': 1,
      'dzd_telemetry_skipped_users{reason="vrf-not-collected"}': 1,
      'dzd_telemetry_transactions_total{outcome="landed"}': 1,
      'dzd_telemetry_transactions_total{outcome="expired"}': 1,
      'dzd_telemetry_writes_landed_total{reason="change"}': 1,
      'doublezero_bgpstatus_submissions_total{bgp_status="up",result="success"}': 1,
      dzd_telemetry_payer_balance_lamports: 5_000,
      dzd_telemetry_payer_empty_timestamp_seconds: 1_790_003_600,
      'dzd_telemetry_endpoint_up{endpoint="http://a"}': 0,
      'dzd_telemetry_endpoint_losses_total{endpoint="http://a"}': 1,
      dzd_telemetry_config_last_reload_successful: 0,
      dzd_telemetry_oldest_record_age_seconds: 400,
      dzd_telemetry_refresh_interval_seconds: 3_600,
    });
  });
});
