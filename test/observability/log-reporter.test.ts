import { expect, test } from 'vitest';
import { AgentError, createVirtualClock, monotonicMs } from '../../src/lib/index.ts';
import { createLogger, createLogListener } from '../../src/observability/index.ts';
import { lamports } from '../../src/serviceability/index.ts';
import { decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

function log() {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } });
  const texts = () => lines.splice(0).map((line) => JSON.parse(line));
  return { reporter: createLogListener(logger, createVirtualClock()), texts };
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
      ambiguous: 0,
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
    { level: 'info', after: 'vrf-not-collected', vrfs: ['vrf1'], msg: 'users observed again' },
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
      ambiguous: 0,
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
    ambiguous: 0,
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
