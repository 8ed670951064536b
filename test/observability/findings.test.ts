import { expect, test } from 'vitest';
import { sessionSummary, whyNotReady } from '../../src/observability/findings.ts';
import { type AgentState, FINDING_CODES, FINDINGS, type FindingCode } from '../../src/observability/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { down, FINDING_CASES, inGrace, MINUTE, readNothing } from '../support/finding-cases.ts';
import {
  lostPart as lost,
  NOW,
  okPart as ok,
  agentStatus as status,
  unobservedUser as unobserved,
  userReport as user,
} from '../support/status-builders.ts';

test.for(FINDING_CASES)('findings of %s', ([, changes, expected]) => {
  const { verdict, findings } = status(changes);
  const lines = findings.map(
    ({ code, severity, since, text, remedy }) => `${code} ${severity} ${Math.round((NOW - since) / MINUTE)}: ${text} → ${remedy}`,
  );
  expect(lines).toEqual(expected);
  expect(verdict).toBe(expected.some((line) => line.includes(' critical ')) ? 'critical' : expected.length > 0 ? 'warning' : 'ok');
});

test('every code of the table is found in some state, with its severity and runbook', () => {
  const found = FINDING_CASES.flatMap(([, changes]) => status(changes).findings);
  expect([...new Set(found.map(({ code }) => code))].sort()).toEqual([...FINDING_CODES].sort());
  for (const { code, severity, runbook } of found) expect(FINDINGS[code]).toMatchObject({ severity, runbook });
});

test('critical codes come before warnings in the table, which is the order of findings', () => {
  const severities = FINDING_CODES.map((code) => FINDINGS[code].severity);
  expect(severities).toEqual(severities.toSorted());
});

test('not ready is what keeps all statuses from being written, and nothing else', () => {
  const blocking = FINDING_CASES.flatMap(([, changes]) => whyNotReady(status(changes))?.code ?? []);
  const marked = FINDING_CODES.filter((code: FindingCode) => 'blocksWrites' in FINDINGS[code]);
  expect([...new Set(blocking)].sort()).toEqual([...marked].sort());
  expect(whyNotReady(status({ users: [down(0)], sources: [lost('eapi', 'no'), ok('snmp')] }))).toBeUndefined();
});

test('a clock that was moved back hides no ledger that cannot be read', () => {
  const since = NOW + 40 * MINUTE;
  const lastTick = { at: since + 5_000, durationMs: 100, switchRead: true, viewSlot: slot(1), slotTimeMs: 400 };
  const { findings } = status({ lastTick, ledgerProblem: { since, message: 'no ledger endpoint could answer', remedy: null } });
  expect(findings.map(({ code }) => code)).toEqual(['ledger-unread']);
});

test.for<[string, Partial<AgentState>, string]>([
  ['a healthy agent', {}, '2 of 2 sessions are up, and the ledger agrees'],
  ['no users', { users: [] }, 'the ledger has no user of this device'],
  [
    'users of which none is activated',
    { users: [user(0, { accountStatus: 'banned' })] },
    'the ledger has no activated user of this device',
  ],
  [
    'an unobserved user, which is not a pending change',
    { users: [user(0), user(1, { observation: 'down' }), unobserved(2, 'vrf-not-collected')] },
    '1 of 3 sessions are up, 1 cannot be observed, and one change is not on the ledger yet',
  ],
  [
    'users within a grace, which wait',
    { users: [user(0), inGrace(1, 'connect-grace')] },
    '1 of 2 sessions are up, one is waiting for a grace to end, and the ledger agrees about the others',
  ],
  [
    'a banned user without a tunnel',
    { users: [user(0), { ...unobserved(1, 'tunnel-net-invalid'), accountStatus: 'banned' }] },
    '1 of 1 sessions are up, and the ledger agrees',
  ],
  [
    'sessions that were not read',
    { users: [unobserved(0, 'switch-not-read'), unobserved(1, 'switch-not-read')] },
    'none of 2 sessions can be observed',
  ],
  ['users that were not read', { users: [], lastTick: readNothing }, 'the users have not been read from the ledger'],
  ['no tick', { users: [], lastTick: null }, 'the users have not been read from the ledger'],
])('the summary of %s', ([, changes, expected]) => expect(sessionSummary(status(changes))).toBe(expected));
