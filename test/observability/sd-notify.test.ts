import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TickReport } from '../../src/agent/events.ts';
import { sources } from '../../src/config/schema-sources.ts';
import { epochMs } from '../../src/lib/index.ts';
import { createSdNotify, type Finding } from '../../src/observability/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { decider, established, snapshotOf, userNumber } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const ENVIRONMENT = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '60000000' };

function manager(environment: Readonly<Record<string, string>> = ENVIRONMENT) {
  const clock = createVirtualClock(epochMs(0));
  const heard: string[] = [];
  const warned: unknown[] = [];
  const faults: Error[] = [];
  const findings: Finding[] = [];
  const notify = createSdNotify({
    environment,
    pid: 77,
    run: async (assignments) => {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      heard.push(assignments.join(' | '));
    },
    clock,
    logger: { warn: (message, fields) => warned.push([message, fields]) },
    finding: () => findings[0],
  });
  const users = [userNumber(0), userNumber(1)];
  const { outcomes } = decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) });
  const both: TickReport = {
    startedAt: clock.monotonic(),
    durationMs: 5,
    viewSlot: slot(9),
    outcomes,
    intents: [],
    switchRead: true,
    phases: { switchMs: 8, ledgerMs: 5 },
    ambiguous: [],
  };
  const { viewSlot: _, ...blind } = both;
  return {
    notify,
    clock,
    warned,
    faults,
    findings,
    both,
    /** The report of a tick without a view of the ledger. */
    blind: { ...blind, outcomes: new Map() } satisfies TickReport,
    async heard() {
      await notify.flush();
      return heard.splice(0);
    },
  };
}

const SEEN = 'STATUS=2 users: 1 up, 1 down, 0 unobserved';

test('without NOTIFY_SOCKET nothing is sent to systemd', async () => {
  const { notify, both, heard } = manager({ WATCHDOG_USEC: '60000000' });
  notify.listener.tick(both);
  notify.reloading();
  notify.stopping();
  expect(await heard()).toEqual([]);
});

test('READY=1 follows the first tick that read both the switch and the ledger', async () => {
  const { notify, both, blind, heard } = manager({ NOTIFY_SOCKET: '@sock' });
  notify.listener.tick({ ...blind, switchRead: false });
  expect(await heard()).toEqual(['STATUS=the users have not been read from the ledger']);
  notify.listener.tick(blind);
  notify.listener.tick({ ...both, switchRead: false });
  expect(await heard()).toEqual([]);
  notify.listener.tick(both);
  expect(await heard()).toEqual([`READY=1 | ${SEEN}`]);
  notify.listener.tick(both);
  expect(await heard()).toEqual([]);
});

test('completed ticks feed the watchdog, at most once in half of its timeout', async () => {
  const { notify, both, blind, clock, heard } = manager();
  notify.listener.tick(both);
  expect(await heard()).toEqual([`READY=1 | WATCHDOG=1 | ${SEEN}`]);
  await clock.advance(29_999);
  notify.listener.tick(both);
  expect(await heard()).toEqual([]);
  await clock.advance(1);
  notify.listener.tick(blind);
  expect(await heard()).toEqual(['WATCHDOG=1 | STATUS=the users have not been read from the ledger']);
  await clock.advance(600_000);
  expect(await heard()).toEqual([]);
});

test('each tick of ten seconds or more feeds the watchdog, so that a long one has nearly the whole timeout', async () => {
  const { notify, both, clock, heard } = manager();
  notify.listener.tick(both);
  await heard();
  await clock.advance(10_000);
  notify.listener.tick({ ...both, durationMs: 9_999 });
  expect(await heard()).toEqual([]);
  notify.listener.tick({ ...both, durationMs: 10_000 });
  expect(await heard()).toEqual(['WATCHDOG=1']);
});

test('the watchdog of the unit outlasts the longest tick: four SNMP polls with their grace', () => {
  const unit = readFileSync(new URL('../../systemd/dzd-telemetry.service', import.meta.url), 'utf8');
  const [source] = sources.parse([{ type: 'snmp', host: '10.0.0.1', community: 'public' }]);
  const pollTimeoutMs = source?.type === 'snmp' ? source.pollTimeout : Number.NaN;
  expect(Number(/^WatchdogSec=(\d+)s$/m.exec(unit)?.[1]) * 1_000).toBeGreaterThan(4 * (pollTimeoutMs + 1_000) + 5_000);
});

test.each<Record<string, string>>([{ WATCHDOG_USEC: '0' }, { WATCHDOG_USEC: 'soon' }, { WATCHDOG_USEC: '60000000', WATCHDOG_PID: '78' }])(
  'a watchdog that is off for this process is not fed: %j',
  async (environment) => {
    const { notify, both, heard } = manager({ NOTIFY_SOCKET: '@sock', ...environment });
    notify.listener.tick(both);
    expect(await heard()).toEqual([`READY=1 | ${SEEN}`]);
  },
);

test('the begin and end of a reload are notified, but not before READY=1', async () => {
  const { notify, both, heard } = manager();
  notify.reloading();
  notify.reloaded();
  expect(await heard()).toEqual([]);
  notify.listener.tick(both);
  notify.reloading();
  notify.reloaded();
  expect(await heard()).toEqual([`READY=1 | WATCHDOG=1 | ${SEEN}`, 'RELOADING=1', 'READY=1']);
});

test('nothing is notified after STOPPING=1', async () => {
  const { notify, both, heard } = manager();
  notify.stopping();
  notify.stopping();
  notify.listener.tick(both);
  expect(await heard()).toEqual(['STOPPING=1 | STATUS=waiting for the transactions in flight']);
});

test('the status line begins with the gravest finding of the verdict, on one line, until it has ended', async () => {
  const { notify, both, clock, findings, heard } = manager();
  notify.listener.tick(both);
  await notify.flush();
  findings.push({
    code: 'writes-not-landing',
    severity: 'critical',
    since: 0,
    text: 'No write has landed for 45 s: rate limit\nREADY=1',
    remedy: 'wait',
    runbook: 'DzdWritesNotLanding',
  });
  await clock.advance(10_000);
  notify.listener.tick(both);
  await notify.flush();
  findings.pop();
  await clock.advance(10_000);
  notify.listener.tick(both);
  const counts = SEEN.slice('STATUS='.length);
  expect((await heard()).slice(1)).toEqual([`STATUS=critical: No write has landed for 45 s: rate limit\\x0aREADY=1; ${counts}`, SEEN]);
});

test('a tick sends nothing while an earlier message is undelivered', async () => {
  const { notify, both, clock, heard } = manager();
  notify.listener.tick(both);
  await clock.advance(0);
  for (let ticks = 0; ticks < 3; ticks += 1) notify.listener.tick({ ...both, switchRead: false });
  expect(await heard()).toHaveLength(1);
});

test('an undelivered message is sent again, and only the first failure is logged', async () => {
  const { notify, both, faults, warned, heard } = manager();
  faults.push(new Error('no such program'), new Error('still none'));
  notify.listener.tick(both);
  expect(await heard()).toEqual([]);
  notify.listener.tick(both);
  expect(await heard()).toEqual([]);
  notify.listener.tick(both);
  expect(await heard()).toEqual([`READY=1 | WATCHDOG=1 | ${SEEN}`]);
  expect(warned).toEqual([['cannot notify systemd', { problem: 'no such program' }]]);
});
