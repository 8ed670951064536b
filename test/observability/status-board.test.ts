import { expect, test } from 'vitest';
import { AgentError, epochMs } from '../../src/lib/index.ts';
import { createStatusBoard } from '../../src/observability/index.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { active, clientOf, DEVICE, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const START = 1_790_000_000_000;
const HOUR = 3_600_000;

function board() {
  const clock = createVirtualClock(epochMs(START));
  const made = createStatusBoard({
    version: '1.2.3',
    device: DEVICE,
    publisher: keyNumber(7),
    dryRun: false,
    sources: ['eapi'],
    endpoints: ['http://a'],
    clock,
  });
  const tick = (snapshot = snapshotOf({ vrf1: [established(0), active(1, { sinceMs: 2_000 })] })) => {
    const users = [userNumber(0), userNumber(1, { status: 'up', reportedAt: 9_000 })];
    const { outcomes, intents } = decider()({ at: 0, users, snapshot });
    made.listener.tick({
      startedAt: clock.monotonic(),
      durationMs: 12,
      view: viewOf(users),
      viewSlot: slot(10_000),
      outcomes,
      intents,
      switchRead: true,
      phases: { switchMs: 8, ledgerMs: 5 },
      ambiguous: [],
    });
    return intents;
  };
  return { ...made, tick, clock };
}

test('a step of the wall clock raises neither a silence of the agent nor a long wait', async () => {
  const { read, tick, clock } = board();
  tick();
  for (const step of [HOUR, -2 * HOUR]) {
    clock.jumpWall(step);
    const { findings, lastTick, oldestPendingSince, now } = read();
    expect([findings.map(({ code }) => code), lastTick?.at, oldestPendingSince]).toEqual([[], now, now]);
  }
  await clock.advance(61_000);
  expect(read().findings.map(({ code }) => code)).toEqual(['agent-silent', 'writes-delayed']);
});

test('the lag of a ledger that stood still ends when it makes progress again', async () => {
  const { read, listener, clock } = board();
  const report = { startedAt: clock.monotonic(), durationMs: 12, outcomes: new Map(), intents: [], phases: { switchMs: 8, ledgerMs: 5 } };
  const seen = { ...report, ambiguous: [], switchRead: true, view: viewOf([]), viewSlot: slot(10_000) };
  const advancedAt = clock.monotonic();
  await clock.advance(30_000);
  listener.tick({ ...seen, slotProgress: { slot: slot(10_000), advancedAt, answeredAt: clock.monotonic() } });
  listener.ledgerLag({ slot: slot(10_000), behindMs: 30_000 });
  expect(read().findings.map(({ code }) => code)).toEqual(['ledger-stands-still']);
  const now = clock.monotonic();
  listener.tick({ ...seen, slotProgress: { slot: slot(10_001), advancedAt: now, answeredAt: now } });
  expect(read().findings).toEqual([]);
  listener.ledgerLag({ slot: slot(10_001), behindMs: 30_000 });
  listener.tick({ ...seen, slotProgress: { slot: slot(10_002), advancedAt: now, answeredAt: now } });
  expect(read().findings.map(({ code }) => code)).toEqual(['ledger-lag']);
});

test('the timeline names a failed endpoint once', () => {
  const { listener, read } = board();
  const error = new AgentError('LEDGER__UNREACHABLE', { endpoint: 'http://a', problem: 'refused' });
  listener.endpoint({ endpoint: 'http://a', state: 'lost', error });
  listener.endpoint({ endpoint: 'http://a', state: 'back' });
  expect(read().timeline.map(({ text }) => text)).toEqual([error.message, 'endpoint http://a recovered']);
});

test('the status shows each user as the last tick left it, from neighbor to record', () => {
  const { tick, read } = board();
  expect([read().ready, read().users]).toEqual([false, []]);
  tick();
  expect(read().ready).toBe(true);
  expect(read().users[1]).toEqual({
    user: keyNumber(1),
    tunnelId: 501,
    tunnelNet: '169.254.0.2/31',
    clientIp: '8.8.0.1',
    userType: 'IBRL',
    accountStatus: 'activated',
    expectedVrf: 'vrf1',
    observation: 'down',
    because: null,
    downReason: null,
    neighbor: { vrf: 'vrf1', address: clientOf(1), state: 'active', description: null, source: 'test' },
    sinceMs: 2_000,
    decision: 'hold',
    decisionReason: 'down-unconfirmed',
    ledger: { status: 'up', reportedAtSlot: 9_000n, lastUpAtSlot: 9_000n, rttNs: 0n, ageMs: 400_000 },
    inFlight: null,
    parked: null,
    flaps: 0,
    penalty: 0,
    suppressed: false,
    observedSince: START - 2_000,
    decidedSince: START,
    pendingSince: null,
    parkedSince: null,
    suppressedSince: null,
    lastWrite: null,
  });
});

test('a status that was read does not change while ticks go on', () => {
  const { tick, read, listener } = board();
  const intents = tick(snapshotOf({ vrf1: [established(0), established(1)] }));
  const status = read();
  tick(snapshotOf({ vrf1: [active(0), active(1)] }));
  listener.sent({ signature: 'later', intents });
  for (const intent of intents) listener.confirmed({ intent, signature: 'later', slot: slot(10_002), latencyMs: 900 });
  expect(status.users.map(({ observation, inFlight, lastWrite }) => [observation, inFlight, lastWrite])).toEqual([
    ['up', null, null],
    ['up', null, null],
  ]);
  expect([status.transactions.sent, status.writes.landed]).toEqual([0, 0]);
});

test('unlisted sessions and ambiguous users are kept while the switch or the ledger cannot be read, and are over once none is left', async () => {
  const { tick, read, listener, clock } = board();
  const report = {
    startedAt: clock.monotonic(),
    durationMs: 12,
    outcomes: new Map(),
    intents: [],
    phases: { switchMs: 8, ledgerMs: 5 },
    ambiguous: [],
  };
  const seen = { ...report, switchRead: true, view: viewOf([]), viewSlot: slot(10_000), unlisted: [500, 501, 502, 503], ambiguous: [504] };
  listener.tick(seen);
  await clock.advance(60_000);
  listener.tick({ ...report, switchRead: false });
  listener.tick(seen);
  expect(read().unlisted).toEqual({ sessions: 4, tunnels: [500, 501, 502], since: START });
  expect(read().ambiguous).toEqual({ users: 1, tunnels: [504], since: START });
  expect(read().findings.map(({ code }) => code)).toEqual(['users-ambiguous', 'users-unlisted']);
  tick();
  expect([read().unlisted, read().ambiguous]).toEqual([null, null]);
});

test('a rejected status is shown until it lands, or until the session is what the ledger says again', async () => {
  const { tick, read, listener, clock } = board();
  const error = new AgentError('WRITE__USER_REJECTED', { user: keyNumber(1), problem: 'no' });
  const parked = () => read().users.map((user) => user.parked !== null);
  const down = snapshotOf({ vrf1: [established(0), active(1, { sinceMs: 60_000 })] });
  const intent = tick(down).find(({ user }) => user === keyNumber(1));
  if (intent === undefined) throw new Error('the Down of the second user is intended');
  listener.rejected({ intent, signature: 'first', error });
  await clock.advance(5_000);
  tick(down);
  expect(parked()).toEqual([false, true]);
  tick(snapshotOf({ vrf1: [established(0), established(1)] }));
  expect(parked()).toEqual([false, false]);
});

test('a failure that continues for another reason keeps the time since when it lasts', async () => {
  const { read, listener, clock } = board();
  const refused = new AgentError('LEDGER__UNREACHABLE', { endpoint: 'http://a', problem: 'refused' });
  const limited = new AgentError('LEDGER__RATE_LIMITED', { endpoint: 'http://a', problem: 'slow down' });
  for (const [at, error] of [refused, limited].entries()) {
    listener.source({ source: 'eapi', state: 'lost', error, again: at > 0 });
    listener.endpoint({ endpoint: 'http://a', state: 'lost', error });
    listener.ledgerView({ state: 'lost', error, again: at > 0 });
    await clock.advance(5_000);
  }
  const { sources, endpoints, ledgerProblem } = read();
  expect([sources[0], endpoints[0], ledgerProblem].map((part) => part?.since)).toEqual([START, START, START]);
  expect([sources[0]?.problem, endpoints[0]?.problem, ledgerProblem?.message]).toEqual([limited.message, limited.message, limited.message]);
});

test('a status in flight is shown until it is resolved, however late, and its landing counts', async () => {
  const { tick, read, listener, clock } = board();
  const intents = tick();
  listener.sent({ signature: 'a', intents });
  await clock.advance(7_200_000);
  tick();
  const shown = () => [
    read().users[0]?.inFlight,
    read().oldestPendingSince,
    read().transactions.landed,
    read().recentTransactions[0]?.state,
  ];
  expect(shown()).toEqual(['up', START, 0, 'in-flight']);
  for (const intent of intents) listener.confirmed({ intent, signature: 'a', slot: slot(10_002), latencyMs: 7_200_000 });
  expect(shown()).toEqual([null, null, 1, 'landed']);
});

test('the status follows a transaction to each of its outcomes', () => {
  const { tick, read, listener } = board();
  const intents = tick();
  for (const signature of ['a', 'b', 'c', 'd']) listener.sent({ signature, intents });
  expect(read().users.map(({ inFlight }) => inFlight)).toEqual(['up', null]);
  for (const intent of intents) listener.confirmed({ intent, signature: 'a', slot: slot(10_002), latencyMs: 900 });
  listener.expired({ signature: 'b', intents });
  listener.failed({ signature: 'c', intents, error: new Error('no') });
  listener.withdrawn({ signature: 'd', intents });
  expect([read().transactions, read().writes]).toEqual([
    { sent: 4, landed: 1, expired: 1, failed: 2 },
    { landed: 1, rejected: 0 },
  ]);
  expect(read().users[0]?.inFlight).toBeNull();
  expect(read().recentTransactions).toEqual([
    { signature: 'a', users: 1, sentAt: START, state: 'landed', tookMs: 0, problem: null },
    { signature: 'b', users: 1, sentAt: START, state: 'expired', tookMs: 0, problem: null },
    { signature: 'c', users: 1, sentAt: START, state: 'failed', tookMs: 0, problem: 'no' },
    { signature: 'd', users: 1, sentAt: START, state: 'failed', tookMs: 0, problem: expect.stringContaining('withdrawn') },
  ]);
  expect(read().users[0]?.lastWrite).toEqual({ to: 'up', reason: 'change', signature: 'a', slot: 10_002n, at: START, latencyMs: 900 });
});

test('the status keeps failures, halt and balance, and a bounded timeline', () => {
  const { read, listener } = board();
  const error = new AgentError('LEDGER__UNREACHABLE', { endpoint: 'http://a', problem: 'refused' });
  listener.endpoint({ endpoint: 'http://a', state: 'lost', error });
  listener.halted(new AgentError('WRITE__NO_FUNDS', { publisher: keyNumber(7), problem: 'nothing left' }));
  listener.balance({ lamports: lamports(5), hoursToEmpty: Number.POSITIVE_INFINITY, publisher: keyNumber(7) });
  expect(read().endpoints).toEqual([
    {
      name: 'http://a',
      state: 'lost',
      since: START,
      latencyMs: null,
      problem: error.message,
      remedy: error.remedy,
      lastProblem: { at: START, text: error.message },
    },
  ]);
  expect(read().sources).toEqual([
    { name: 'eapi', state: 'ok', since: START, latencyMs: null, problem: null, remedy: null, lastProblem: null },
  ]);
  listener.endpoint({ endpoint: 'http://a', state: 'back' });
  expect(read().endpoints).toEqual([
    {
      name: 'http://a',
      state: 'ok',
      since: START,
      latencyMs: null,
      problem: null,
      remedy: null,
      lastProblem: { at: START, text: error.message },
    },
  ]);
  expect(read().halted?.code).toBe('WRITE__NO_FUNDS');
  expect(read().balance).toEqual({ lamports: 5n, hoursToEmpty: null, at: START, lowSince: null });
  for (let n = 0; n < 2_000; n += 1) listener.resumed();
  expect(read().timeline.length).toBe(500);
  expect(read().halted).toBeNull();
});

test('the status has the duration of the last response of each part', () => {
  const { read, listener, request } = board();
  listener.polled({ source: 'eapi', durationMs: 9 });
  listener.polled({ source: 'unknown', durationMs: 1 });
  request({ endpoint: 'http://a', method: 'getEpochInfo', result: 'ok', durationMs: 40 });
  request({ endpoint: 'http://a', method: 'getEpochInfo', result: 'failed', durationMs: 8_000 });
  listener.source({ source: 'eapi', state: 'lost' });
  expect([read().sources, read().endpoints].flat().map(({ name, state, latencyMs }) => `${name} ${state} ${latencyMs}`)).toEqual([
    'eapi lost 9',
    'http://a ok 40',
  ]);
});

test('the status keeps the last hundred transactions, and the one that a replaced agent handed over', async () => {
  const { tick, read, listener, clock, replaced } = board();
  const intents = tick();
  for (let n = 0; n < 300; n += 1) {
    listener.sent({ signature: `${n}`, intents });
    listener.expired({ signature: `${n}`, intents });
  }
  listener.sent({ signature: 'left', intents });
  expect([read().recentTransactions.length, read().recentTransactions.at(-1)?.state, read().transactions.sent]).toEqual([
    101,
    'in-flight',
    301,
  ]);
  replaced({ sources: [], endpoints: [] });
  await clock.advance(301_000);
  expect(read().users[0]?.inFlight).toBe('up');
  for (const intent of intents) listener.confirmed({ intent, signature: 'left', slot: slot(10_900), latencyMs: 300_000 });
  expect([read().recentTransactions.length, read().users[0]?.inFlight]).toEqual([100, null]);
});

test('an endpoint whose error changes shows the newest error, since the first one', async () => {
  const { listener, read, clock } = board();
  const [refused, limited] = (['LEDGER__UNREACHABLE', 'LEDGER__RATE_LIMITED'] as const).map(
    (code) => new AgentError(code, { endpoint: 'http://a', method: 'getBalance', problem: 'no' }),
  );
  listener.endpoint({ endpoint: 'http://a', state: 'lost', error: refused });
  await clock.advance(60_000);
  listener.endpoint({ endpoint: 'http://a', state: 'lost', error: limited, again: true });
  const { endpoints, timeline } = read();
  expect(endpoints).toMatchObject([{ state: 'lost', since: START, problem: limited?.message, lastProblem: { at: START + 60_000 } }]);
  expect(timeline.length).toBe(1);
});

test('a reload replaces sources and endpoints, clears the halt of the former agent, and keeps what was spent', async () => {
  const { listener, read, replaced, clock } = board();
  listener.budget({ allowance: 'none' });
  await clock.advance(60_000);
  const error = new AgentError('LEDGER__NO_ENDPOINT', { problems: 'none' });
  listener.endpoint({ endpoint: 'http://a', state: 'lost', error });
  listener.source({ source: 'eapi', state: 'lost', error });
  listener.halted(new AgentError('WRITE__BALANCE_LOW', { publisher: keyNumber(7), lamports: 1n, minBalance: 2n }));
  replaced({ sources: ['eapi', 'snmp'], endpoints: ['http://b'] });
  const { sources, endpoints, halted, spend } = read();
  expect([...sources, ...endpoints].map(({ name, state }) => `${name} ${state}`)).toEqual(['eapi ok', 'snmp ok', 'http://b ok']);
  expect([halted, spend]).toEqual([null, { allowance: 'none', since: START }]);
});

test('the status says why the users cannot be read from the ledger, until they can', () => {
  const { read, listener } = board();
  const error = new AgentError('LEDGER__VIEW_FAILED', { problem: 'no' });
  listener.ledgerView({ state: 'lost', error });
  listener.ledgerView({ state: 'too-old' });
  expect(read().ledgerProblem).toEqual({ since: START, message: error.message, remedy: error.remedy });
  listener.ledgerView({ state: 'back' });
  expect(read().ledgerProblem).toBeNull();
});

test('rule 20: the status says since when and why writes do not land, until one is confirmed or a reload replaces the agent', async () => {
  const { read, listener, replaced, clock } = board();
  expect(read().writesStalled).toBeNull();
  const early = new AgentError('WRITE__NOT_LANDING', { problem: 'none is confirmed' });
  const late = new AgentError('LEDGER__STANDS_STILL', { slot: 7n });
  await clock.advance(45_000);
  listener.writesStalled({ error: early, forMs: 45_000, repeated: false });
  expect(read().writesStalled).toEqual({ since: START, code: early.code, message: early.message, remedy: early.remedy });
  await clock.advance(255_000);
  listener.writesStalled({ error: late, forMs: 300_000, repeated: true });
  expect(read().writesStalled).toEqual({ since: START, code: late.code, message: late.message, remedy: late.remedy });
  listener.writesResumed();
  expect(read().writesStalled).toBeNull();
  expect(read().timeline.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    `stalled: writes are not landing: ${early.message}`,
    `stalled: writes are not landing: ${late.message}`,
    'resumed: writes are confirmed again',
  ]);
  listener.writesStalled({ error: early, forMs: 45_000, repeated: false });
  replaced({ sources: ['eapi'], endpoints: ['http://a'] });
  expect(read().writesStalled).toBeNull();
});

test('the timeline counts one user in the singular', () => {
  const { read, listener } = board();
  listener.foreignWrites({ users: [keyNumber(0)] });
  listener.foreignWrites({ users: [keyNumber(0), keyNumber(1)] });
  expect(read().timeline.map(({ text }) => text)).toEqual([
    'another process wrote the status of one user of this device',
    'another process wrote the status of 2 users of this device',
  ]);
});
