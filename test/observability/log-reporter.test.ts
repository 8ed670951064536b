import { expect, test } from 'vitest';
import type { LedgerUser, StatusIntent } from '../../src/bgp/index.ts';
import { AgentError, monotonicMs } from '../../src/lib/index.ts';
import { createLogger, createLogListener, createVerdictLog } from '../../src/observability/index.ts';
import { lamports, nanoseconds, parseNetworkV4, slot, UserStatus } from '../../src/serviceability/index.ts';
import { active, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';
import { agentStatus, lostPart, NOW, okPart, userReport } from '../support/status-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

function log() {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } });
  const texts = () => lines.splice(0).map((line) => JSON.parse(line));
  const clock = createVirtualClock();
  return { reporter: createLogListener(logger, clock), logger, clock, texts };
}

/** A tick that read these users and the switch. */
function tickOf(users: readonly LedgerUser[]): Parameters<ReturnType<typeof createLogListener>['tick']>[0] {
  return {
    startedAt: monotonicMs(0),
    durationMs: 1,
    view: viewOf(users),
    viewSlot: slot(10_000),
    outcomes: new Map(),
    intents: [],
    switchRead: true,
    phases: { switchMs: 1, ledgerMs: 1 },
    ambiguous: [],
  };
}

test('users of a failed VRF are one line with reason and remedy, and one line when they are observed again', () => {
  const { reporter, texts } = log();
  const users = [userNumber(0), userNumber(1)];
  const decide = decider();
  const tick = (snapshot: ReturnType<typeof snapshotOf>, failedVrfs?: ReadonlyMap<string, { problem: string }>) =>
    reporter.tick({
      startedAt: monotonicMs(0),
      durationMs: 1,
      view: viewOf(users),
      outcomes: decide({ at: 0, users, snapshot }).outcomes,
      intents: [],
      switchRead: true,
      ...(failedVrfs === undefined ? {} : { failedVrfs }),
      phases: { switchMs: 1, ledgerMs: 1 },
      ambiguous: [],
    });
  const failing = () => tick(snapshotOf({ vrf1: 'failed', default: [established(9)] }), new Map([['vrf1', { problem: 'timeout' }]]));
  failing();
  failing();
  tick(snapshotOf({ vrf1: [established(0), established(1)] }));
  expect(texts().map(({ time: _, ...line }) => line)).toEqual([
    {
      level: 'warn',
      reason: 'vrf-not-collected',
      users: 2,
      vrfs: ['vrf1'],
      problem: 'timeout',
      remedy: 'compare `show ip bgp summary vrf all` on the switch',
      msg: 'users not observed; no status is written for them',
    },
    { level: 'info', after: 'vrf-not-collected', vrfs: ['vrf1'], afterSeconds: 0, msg: 'users observed again' },
  ]);
});

test('a failed VRF without unobserved users is one line with its cause, and one line when it is read again', () => {
  const { reporter, texts } = log();
  const users = [userNumber(0)];
  const decide = decider();
  const error = new AgentError('SNMP__NOT_IN_ORDER', { endpoint: '10.0.0.1:161', problem: 'rows that are not in order' });
  const tick = (failed: readonly string[]) =>
    reporter.tick({
      startedAt: monotonicMs(0),
      durationMs: 1,
      view: viewOf(users),
      outcomes: decide({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) }).outcomes,
      intents: [],
      switchRead: true,
      failedVrfs: failed.length === 0 ? undefined : new Map(failed.map((vrf) => [vrf, { problem: 'rows that are not in order', error }])),
      phases: { switchMs: 1, ledgerMs: 1 },
      ambiguous: [],
    });
  for (const failed of [['red'], ['red'], ['red', 'blue'], ['blue'], []]) tick(failed);
  expect(texts().map(({ level, msg, vrf, code }) => [level, msg, vrf, code])).toEqual([
    ['warn', 'VRF cannot be read; no user is affected', 'red', 'SNMP__NOT_IN_ORDER'],
    ['warn', 'VRF cannot be read; no user is affected', 'blue', 'SNMP__NOT_IN_ORDER'],
    ['info', 'VRF read again', 'red', undefined],
    ['info', 'VRF read again', 'blue', undefined],
  ]);
});

test('what a reload does not change is logged once: the device reported for, and a switch source that fails', () => {
  const { reporter, texts } = log();
  const error = (problem: string) => new AgentError('SWITCH__SOURCE_FAILED', { source: 'eapi', problem });
  const authorized = { device: keyNumber(1), code: 'la1', publisher: keyNumber(2) };
  const polled = { source: 'eapi', durationMs: 1 };
  for (const _ of ['the start', 'a reload']) {
    reporter.authorized(authorized);
    reporter.source({ source: 'eapi', state: 'lost', error: error('timeout') });
  }
  reporter.source({ source: 'eapi', state: 'lost', error: error('refused') });
  reporter.polled(polled);
  reporter.source({ source: 'eapi', state: 'back' });
  reporter.polled(polled);
  reporter.halted(error('halted'));
  reporter.authorized(authorized);
  reporter.authorized({ ...authorized, publisher: keyNumber(3) });
  expect(texts().map(({ msg }) => msg)).toEqual([
    'reporting for device',
    'switch source failed',
    'switch source failed',
    'switch source recovered',
    'writes halted until this is fixed',
    'reporting for device',
    'reporting for device',
  ]);
});

test('users of other VRFs that a failed one leaves unobserved are one line that names the failed VRF and its cause', () => {
  const { reporter, texts } = log();
  const users = [userNumber(0), userNumber(1)];
  const error = new AgentError('SNMP__NOT_IN_ORDER', { endpoint: '10.0.0.1:161', problem: 'rows that are not in order' });
  reporter.tick({
    startedAt: monotonicMs(0),
    durationMs: 1,
    view: viewOf(users),
    outcomes: decider()({ at: 0, users, snapshot: snapshotOf({ red: 'failed', default: [established(9)] }) }).outcomes,
    intents: [],
    switchRead: true,
    failedVrfs: new Map([['red', { problem: 'rows that are not in order', error }]]),
    phases: { switchMs: 1, ledgerMs: 1 },
    ambiguous: [],
  });
  expect(texts()).toMatchObject([
    { level: 'warn', users: 2, vrfs: ['red'], code: 'SNMP__NOT_IN_ORDER', problem: 'rows that are not in order', remedy: error.remedy },
  ]);
});

test('rule 20: writes that do not land are one warning with the cause, one error later, and one line when they land again', () => {
  const { reporter, texts } = log();
  const error = new AgentError('WRITE__NOT_LANDING', { problem: 'http://a: rate limit exceeded' });
  reporter.writesStalled({ error, forMs: 45_400, repeated: false });
  reporter.writesStalled({ error, forMs: 300_000, repeated: true });
  reporter.writesResumed({ forMs: 312_000 });
  const cause = { message: error.message, code: 'WRITE__NOT_LANDING', class: error.class, remedy: error.remedy };
  expect(texts().map(({ time: _, ...line }) => line)).toEqual([
    { level: 'warn', forSeconds: 45, error: cause, msg: 'writes are not landing' },
    { level: 'error', forSeconds: 300, error: cause, msg: 'writes are not landing' },
    { level: 'info', afterSeconds: 312, msg: 'writes are confirmed again' },
  ]);
});

test('rule 20: a ledger that stands still while no write waits is reported as that', () => {
  const { reporter, texts } = log();
  const error = new AgentError('LEDGER__STANDS_STILL', { slot: 84 });
  reporter.writesStalled({ error, forMs: 46_000, repeated: false, nothingToWrite: true });
  reporter.writesResumed({ forMs: 66_000, nothingToWrite: true });
  expect(texts().map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    'warn the ledger makes no progress; no write waits for it',
    'info the ledger makes progress again',
  ]);
});

test('a low balance is one line that names the publisher, and its recovery is another', () => {
  const { reporter, texts } = log();
  for (const hoursToEmpty of [5_000, 20.4, 19, 5_000]) reporter.balance({ lamports: lamports(5), hoursToEmpty, publisher: keyNumber(7) });
  expect(texts().map(({ level, publisher, hoursToEmpty, remedy }) => [level, publisher, hoursToEmpty, remedy])).toEqual([
    ['warn', keyNumber(7), 20, 'send SOL to the publisher on the DoubleZero ledger'],
    ['info', keyNumber(7), undefined, undefined],
  ]);
});

test('users that the ledger gains, loses and changes are named as that, and the first view is not logged', () => {
  const { reporter, texts } = log();
  const [stays, leaves, banned, moves, created] = [0, 1, 2, 3, 4].map((n) => userNumber(n));
  if (!stays || !leaves || !banned || !moves || !created) throw new Error('no users');
  reporter.tick(tickOf([stays, leaves, banned, moves]));
  expect(texts()).toEqual([]);
  const after = [
    stays,
    { ...banned, user: { ...banned.user, status: UserStatus.banned, tunnelId: 0 } },
    { ...moves, user: { ...moves.user, tunnelId: 777 } },
    created,
  ];
  reporter.tick(tickOf(after));
  reporter.tick(tickOf(after));
  expect(texts().map(({ msg, user, tunnel, was }) => [msg, user, tunnel, was])).toEqual([
    ['user banned', keyNumber(2), 502, 'activated'],
    ['user moved to another tunnel', keyNumber(3), 777, '503 169.254.0.6/31'],
    ['user created', keyNumber(4), 504, undefined],
    ['user deleted, or moved to another device', keyNumber(1), 501, undefined],
  ]);
});

test('many users at once are one line with their number', () => {
  const { reporter, texts } = log();
  reporter.tick(tickOf([]));
  reporter.tick(tickOf(Array.from({ length: 300 }, (_, n) => userNumber(n))));
  expect(texts().map(({ msg, users }) => [msg, users])).toEqual([['user created', 300]]);
});

test('refreshes are one line an hour, and changes a line each', async () => {
  const { reporter, clock, texts } = log();
  const intent = { user: keyNumber(0), tunnelNet: userNumber(0).user.tunnelNet, to: 'up', from: 'up', rttNs: nanoseconds(0) } as const;
  const landed = (reason: 'change' | 'refresh' | 'ride-along', signature: string) =>
    reporter.confirmed({ intent: { ...intent, reason } as StatusIntent, signature, slot: slot(5), latencyMs: 800 });
  landed('change', 'a');
  landed('refresh', 'b');
  landed('ride-along', 'b');
  landed('refresh', 'c');
  await clock.advance(3_599_000);
  reporter.tick(tickOf([]));
  await clock.advance(1_000);
  reporter.tick(tickOf([]));
  await clock.advance(3_600_000);
  reporter.tick(tickOf([]));
  expect(texts().map(({ msg, reason, refreshes, transactions }) => [msg, reason ?? refreshes, transactions])).toEqual([
    ['status written', 'change', undefined],
    ['statuses refreshed', 3, 2],
  ]);
});

test('the line of each recovery has how long the trouble lasted', async () => {
  const { reporter, clock, texts } = log();
  const error = new AgentError('LEDGER__UNREACHABLE', { endpoint: 'http://a', problem: 'refused' });
  const begun = [
    () => reporter.halted(error),
    () => reporter.endpoint({ endpoint: 'http://a', state: 'lost', error }),
    () => reporter.source({ source: 'eapi', state: 'lost', error }),
    () => reporter.ledgerView({ state: 'lost', error }),
    () => reporter.budget({ allowance: 'none' }),
  ];
  for (const begin of begun) begin();
  await clock.advance(125_000);
  texts();
  reporter.resumed();
  reporter.endpoint({ endpoint: 'http://a', state: 'back' });
  reporter.polled({ source: 'eapi', durationMs: 5 });
  reporter.ledgerView({ state: 'back' });
  reporter.budget({ allowance: 'all' });
  expect(texts().map(({ afterSeconds }) => afterSeconds)).toEqual(begun.map(() => 125));
});

test('a failure that goes on for another reason is one line a reason, however often the reasons alternate', () => {
  const { reporter, texts } = log();
  const refused = new AgentError('EAPI__UNREACHABLE', { endpoint: 'a', problem: 'refused' });
  const password = new AgentError('EAPI__HTTP_STATUS', { endpoint: 'a', path: '/', status: 401 });
  for (const [round, error] of [refused, password, refused, password].entries()) {
    reporter.source({ source: 'eapi', state: 'lost', error, again: round > 0 });
    reporter.ledgerView({ state: 'lost', error, again: round > 0 });
  }
  const codes = ['EAPI__UNREACHABLE', 'EAPI__UNREACHABLE', 'EAPI__HTTP_STATUS', 'EAPI__HTTP_STATUS'];
  expect(texts().map(({ error }) => (error as { code: string }).code)).toEqual(codes);
});

test('an endpoint that fails for one reason after the other logs each reason once, until it recovers', () => {
  const { reporter, texts } = log();
  const [refused, limited] = (['LEDGER__UNREACHABLE', 'LEDGER__RATE_LIMITED'] as const).map(
    (code) => new AgentError(code, { endpoint: 'a', method: 'getBalance', problem: 'no' }),
  );
  const fails = (error: AgentError | undefined, again: boolean) => reporter.endpoint({ endpoint: 'a', state: 'lost', error, again });
  for (const [round, error] of [refused, limited, refused, limited].entries()) fails(error, round > 0);
  reporter.endpoint({ endpoint: 'a', state: 'back' });
  fails(refused, false);
  expect(texts().map(({ msg, error }) => [msg, (error as { code: string } | undefined)?.code])).toEqual([
    ['ledger endpoint failed', 'LEDGER__UNREACHABLE'],
    ['ledger endpoint failed', 'LEDGER__RATE_LIMITED'],
    ['ledger endpoint recovered', undefined],
    ['ledger endpoint failed', 'LEDGER__UNREACHABLE'],
  ]);
});

test('an endpoint that fails at reads and at sends is one line for the same message, and two for different ones', () => {
  const { reporter, texts } = log();
  const errorOf = (code: 'LEDGER__UNREACHABLE' | 'LEDGER__UNAVAILABLE', method: string) =>
    new AgentError(code, { endpoint: 'a', method, problem: 'no' });
  for (const code of ['LEDGER__UNREACHABLE', 'LEDGER__UNAVAILABLE'] as const) {
    for (const method of ['getBalance', 'sendTransaction'])
      reporter.endpoint({ endpoint: code, state: 'lost', error: errorOf(code, method) });
  }
  expect(texts().map(({ endpoint }) => endpoint)).toEqual(['LEDGER__UNREACHABLE', 'LEDGER__UNAVAILABLE', 'LEDGER__UNAVAILABLE']);
});

test('a device that is drained is one warning, and one line when it is activated again', () => {
  const { reporter, texts } = log();
  for (const status of [1, 5, 5, 1]) reporter.deviceStatus({ status });
  expect(texts().map(({ level, msg, was }) => [level, msg, was])).toEqual([
    ['warn', 'device is drained on the ledger', 'activated'],
    ['info', 'device is activated on the ledger', 'drained'],
  ]);
});

test('each change of the verdict is one line with its findings, and an agent that starts well logs none', async () => {
  const { logger, clock, texts } = log();
  let status = agentStatus();
  const logVerdict = createVerdictLog(logger, () => status, clock);
  const tick = (changes: Parameters<typeof agentStatus>[0]): void => {
    status = agentStatus(changes);
    logVerdict();
  };
  const failed = [lostPart('http://a', 'refused'), okPart('http://b')];
  tick({});
  await clock.advance(10_000);
  // The wall clock was set back meanwhile. That must not give a negative duration.
  tick({ now: NOW - 3_600_000, spend: { allowance: 'none', since: NOW } });
  tick({ endpoints: failed, spend: { allowance: 'none', since: NOW } });
  const more = { ambiguous: { users: 1, tunnels: [500], since: NOW }, ledgerLag: { slot: slot(84), behindMs: 25_000, since: NOW } };
  tick({ endpoints: failed, spend: { allowance: 'none', since: NOW }, ...more });
  tick({ spend: { allowance: 'none', since: NOW }, ledgerLag: more.ledgerLag });
  await clock.advance(20_000);
  tick({});
  expect(
    texts().map(({ level, msg, verdict, was, afterSeconds, findings, runbook }) => [
      level,
      `${msg} ${verdict}`,
      was,
      afterSeconds,
      findings,
      runbook,
    ]),
  ).toEqual([
    ['error', 'verdict changed critical', 'ok', 10, ['spend-limit-reached'], 'DzdSpendLimitReached'],
    // The endpoint has a line of its own.
    ['warn', 'another finding critical', undefined, undefined, ['ledger-lag'], 'DzdLedgerLag'],
    ['warn', 'another finding critical', undefined, undefined, ['users-ambiguous'], 'DzdUsersAmbiguous'],
    ['info', 'finding ended; others remain critical', undefined, undefined, ['users-ambiguous'], undefined],
    ['info', 'verdict changed ok', 'critical', 20, undefined, undefined],
  ]);
});

test('a session that goes down is one line with the reason that the switch gives', () => {
  const { reporter, texts } = log();
  const users = [userNumber(0, { status: 'up', reportedAt: 9_000 })];
  const decide = decider();
  const downReason = 'last notification sent: Hold Timer Expired';
  const up = decide({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0, { sinceMs: 60_000 })] }) }).outcomes.get(keyNumber(0));
  const down = decide({ at: 5_000, users, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 1_000, downReason })] }, 5_000) });
  const outcome = down.outcomes.get(keyNumber(0));
  if (up === undefined || outcome === undefined) throw new Error('both ticks decide the user');
  reporter.observed({ user: keyNumber(0), before: up.observation, outcome });
  expect(texts()).toMatchObject([{ level: 'info', msg: 'session is down', state: 'active', peer: '169.254.0.1', downReason }]);
});

test('a banned user without a tunnel gives no warning, and an activated user with a malformed tunnel gives one', () => {
  const { reporter, texts } = log();
  const noTunnel = { tunnelId: 0, tunnelNet: parseNetworkV4('0.0.0.0/0') };
  const users = [
    userNumber(0, { account: { ...noTunnel, status: UserStatus.banned } }),
    userNumber(1, { account: { tunnelNet: parseNetworkV4('169.254.0.2/30') } }),
    userNumber(2),
  ];
  const { outcomes } = decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(2)] }) });
  for (const [user, outcome] of outcomes) reporter.observed({ user, before: undefined, outcome });
  expect(texts()).toMatchObject([{ level: 'warn', user: keyNumber(1), reason: 'tunnel-net-invalid' }]);
});

test('the end of a second writer is one line even if other findings remain', () => {
  const { logger, texts } = log();
  let status = agentStatus();
  const logVerdict = createVerdictLog(logger, () => status);
  const contested = { users: [userReport(0, { decision: 'hold', decisionReason: 'contested' })] };
  const spend = { allowance: 'none', since: NOW } as const;
  for (const changes of [{ spend }, { spend, ...contested }, { spend }]) {
    status = agentStatus(changes);
    logVerdict();
  }
  expect(texts().map(({ msg, findings }) => [msg, ...findings])).toEqual([
    ['verdict changed', 'spend-limit-reached'],
    ['another finding', 'second-writer'],
    ['finding ended; others remain', 'second-writer'],
  ]);
});
