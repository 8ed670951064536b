import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AgentStatus, PartReport, UserReport } from '../../src/observability/index.ts';
import { findings, howItStands } from '../../src/observability/page/findings.ts';
import { userPage } from '../../src/observability/page/sections.ts';
import { PAGE_POLICY, statusPage } from '../../src/observability/page/status-page.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { DEVICE, keyNumber } from '../support/bgp-builders.ts';

const NOW = 1_790_000_000_000;
const HOUR = 3_600_000;

/** A user that is up, and of whom the ledger says so. */
function user(n: number, changes: Partial<UserReport> = {}): UserReport {
  return {
    user: keyNumber(n),
    tunnelId: 500 + n,
    tunnelNet: '169.254.0.0/31',
    clientIp: '198.18.0.1',
    userType: 'IBRL',
    accountStatus: 'activated',
    expectedVrf: 'vrf1',
    observation: 'up',
    because: null,
    neighbor: { vrf: 'vrf1', address: '169.254.0.1', state: 'established', description: null, source: 'eapi' },
    sinceMs: 60_000,
    decision: 'settled',
    decisionReason: null,
    ledger: { status: 'up', reportedAtSlot: slot(5), lastUpAtSlot: slot(5), rttNs: 1_000_000n, ageMs: 60_000 },
    inFlight: null,
    parked: null,
    flaps: 0,
    penalty: 0,
    suppressed: false,
    lastWrite: null,
    ...changes,
  };
}

const unobserved = (n: number, because: string) => user(n, { observation: 'unobserved', because, neighbor: null });
const ok = (name: string): PartReport => ({
  name,
  state: 'ok',
  since: NOW - HOUR,
  latencyMs: 12,
  problem: null,
  remedy: null,
  lastProblem: null,
});
const lost = (name: string, problem: string): PartReport => ({
  name,
  state: 'lost',
  since: NOW - HOUR,
  latencyMs: null,
  problem,
  remedy: 'look at the cable',
  lastProblem: { at: NOW - HOUR, text: problem },
});

/** An agent that runs for an hour, with nothing wrong. */
function status(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    version: '1.2.3',
    device: DEVICE,
    deviceCode: 'ams-dz001',
    publisher: keyNumber(99),
    startedAt: NOW - HOUR,
    now: NOW,
    dryRun: false,
    lastTick: { at: NOW - 2_000, durationMs: 12, switchRead: true, viewSlot: slot(9), slotTimeMs: 400 },
    ready: true,
    users: [user(0), user(1)],
    sources: [ok('eapi')],
    endpoints: [ok('http://a'), ok('http://b')],
    ledgerProblem: null,
    failedVrfs: [],
    halted: null,
    balance: { lamports: lamports(2_500_000_000), hoursToEmpty: 5_000, at: NOW },
    transactions: { sent: 1, landed: 1, expired: 0, failed: 0 },
    recentTransactions: [{ signature: 'Sig1', users: 2, sentAt: NOW - 9_000, state: 'landed', tookMs: 900, problem: null }],
    writes: { landed: 2, rejected: 0 },
    flaps: [],
    timeline: [],
    ...changes,
  };
}

const lines = (changes: Partial<AgentStatus>) =>
  findings(status(changes)).map(({ level, what, remedy }) => `${level}: ${what} → ${remedy}`);

describe('the verdict', () => {
  const readNothing = { at: NOW, durationMs: 1, switchRead: false, viewSlot: null, slotTimeMs: null };

  test.for<[string, Partial<AgentStatus>, string[]]>([
    ['of an agent that does well', {}, ['well: All is well: 2 of 2 users are connected, and the ledger says so → null']],
    ['without users', { users: [] }, ['well: All is well: the ledger has no user of this device → null']],
    [
      'while a change is on its way',
      { users: [user(0, { observation: 'down' })] },
      ['well: All is well: 0 of 1 users are connected, and one change is on the way to the ledger → null'],
    ],
    [
      'while nothing may be written',
      { halted: { code: 'X', message: 'the key is not the publisher', remedy: 'set it' } },
      ['wrong: Nothing is written: the key is not the publisher → set it'],
    ],
    [
      'just after the start',
      { ready: false, startedAt: NOW - 5_000, lastTick: null },
      ['look: The agent has just started, and has not read both the switch and the ledger yet → null'],
    ],
    [
      'of one that never read anything',
      { ready: false, lastTick: readNothing, users: [], sources: [lost('eapi', 'refused')] },
      [
        'wrong: The switch cannot be read, so that nothing is reported for anybody: refused → look at the cable',
        'wrong: The ledger cannot be read, so that nothing is decided and nothing written → null',
      ],
    ],
    [
      'while the switch cannot be read: its users are not told of one by one',
      { lastTick: { ...readNothing, viewSlot: slot(9) }, users: [unobserved(0, 'switch-not-read')], sources: [lost('eapi', 'refused')] },
      ['wrong: The switch cannot be read, so that nothing is reported for anybody: refused → look at the cable'],
    ],
    [
      'of an agent that hangs',
      { lastTick: { ...readNothing, at: NOW - 300_000, switchRead: true, viewSlot: slot(9) } },
      ['wrong: The agent has not looked at anything for 5 min → it hangs: restart it (systemctl restart dzd-telemetry) and keep its log'],
    ],
    [
      'with one endpoint of two',
      { endpoints: [ok('http://a'), lost('http://b', 'http://b refused')] },
      ['look: One ledger endpoint is lost, others serve: http://b refused → look at the cable'],
    ],
    [
      'without any endpoint, as long as the last reading serves',
      { endpoints: [lost('http://a', 'refused')] },
      [
        'wrong: No ledger endpoint answers any more, and what was read last serves for a few minutes only: http://a: refused → look at the cable',
      ],
    ],
    [
      'while what the endpoints answer cannot be believed',
      { ledgerProblem: { since: NOW - 9_000, message: 'slot 5 is older than slot 9', remedy: 'an endpoint lags' } },
      ['wrong: The users cannot be read from the ledger, so that nothing is written: slot 5 is older than slot 9 → an endpoint lags'],
    ],
    [
      'of a VRF that the switch does not tell of, with the reason',
      { users: [unobserved(5, 'vrf-not-collected')], failedVrfs: [{ vrf: 'vrf1', problem: 'timeout' }] },
      [
        'look: Nothing is reported for one user (tunnel 505): its VRF could not be read; vrf1: timeout → compare `show ip bgp summary vrf all` on the switch',
      ],
    ],
    [
      'while money is short',
      { balance: { lamports: lamports(1), hoursToEmpty: 20, at: NOW } },
      [`look: The metrics publisher runs out of SOL in 20 h → send SOL to ${keyNumber(99)}`],
    ],
    [
      'of users, the reasons one by one',
      {
        users: [
          user(0, { parked: 'it is banned' }),
          unobserved(1, 'tunnel-net-shared'),
          unobserved(2, 'tunnel-net-shared'),
          unobserved(5, 'vrf-not-collected'),
          unobserved(6, 'vrf-not-collected'),
          user(3, { decisionReason: 'contested' }),
          user(4, { suppressed: true }),
        ],
      },
      [
        'look: The program refuses the status of one user (tunnel 500): it is banned → they are tried again when their account changes, or after a minute to an hour',
        'look: Nothing is reported for 2 users (tunnels 501, 502): another user has the same tunnel_net → null',
        'look: Nothing is reported for 2 users (tunnels 505, 506): their VRF could not be read → null',
        'look: Another writer disagrees about one user (tunnel 503) → is a second agent running with this key? Stop one of them',
        'look: Too many flaps of one user (tunnel 504) → look at their links; their tunnels are in the table',
      ],
    ],
  ])('%s', ([, changes, expected]) => expect(lines(changes)).toEqual(expected));

  test('takes nobody for a change on its way who cannot be observed', () => {
    expect(howItStands(status({ users: [user(0), user(1, { observation: 'down' }), unobserved(2, 'vrf-not-collected')] }))).toBe(
      '1 of 3 users are connected, 1 cannot be observed, and one change is on the way to the ledger',
    );
  });

  test('puts what is wrong before what is worth a look', () => {
    const levels = findings(
      status({ endpoints: [ok('http://a'), lost('http://b', 'no')], balance: { lamports: lamports(1), hoursToEmpty: 1, at: NOW } }),
    ).map(({ level }) => level);
    expect(levels).toEqual(['wrong', 'look']);
  });
});

describe('the page', () => {
  test('shows no text as markup, whoever says it', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&';
    const page = statusPage(
      status({
        deviceCode: evil,
        users: [user(0, { parked: evil, neighbor: { vrf: evil, address: evil, state: evil, description: evil, source: evil } })],
        sources: [lost(evil, evil)],
        halted: { code: evil, message: evil, remedy: evil },
        recentTransactions: [{ signature: evil, users: 1, sentAt: NOW, state: 'failed', tookMs: 1, problem: evil }],
        timeline: [{ at: NOW, kind: 'failed', user: null, text: evil }],
      }),
    );
    expect(page).not.toContain('<img');
    expect(page.split('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;').length).toBeGreaterThan(10);
  });

  test('groups users by state, who needs a look first, and folds a long group that is well', () => {
    const many = Array.from({ length: 30 }, (_, n) => user(n + 10));
    const page = statusPage(status({ users: [...many, user(0, { parked: 'no' }), unobserved(1, 'vrf-not-collected')] }));
    const groups = [...page.matchAll(/<details id="users-(\w+)"( open)?[^>]*><summary>[^<]*<b>(\d+)</g)].map((found) => found.slice(1));
    expect(groups).toEqual([
      ['refused', ' open', '1'],
      ['unobserved', ' open', '1'],
      ['up', undefined, '30'],
    ]);
  });

  test('stays small with the largest device, and says where the rest is', () => {
    const page = statusPage(status({ users: Array.from({ length: 3_595 }, (_, n) => user(n % 200)) }));
    expect(page.length).toBeLessThan(500_000);
    expect(page).toContain('3095 more in');
  });

  test('tells what happened to many at once in one line', () => {
    const timeline = Array.from({ length: 40 }, (_, n) => ({
      at: NOW + n,
      kind: 'down' as const,
      user: keyNumber(n),
      text: 'session is down',
    }));
    expect(statusPage(status({ timeline }))).toContain('<b>40 ×</b> <span class="down">session is down</span>');
  });

  test('may run the script and the styles that are in it, and no others', () => {
    const page = statusPage(status());
    const inline = [...page.matchAll(/<(?:script|style)>([\s\S]*?)<\/(?:script|style)>/g)].map(([, text = '']) => text);
    expect(inline.length).toBe(2);
    for (const text of inline) expect(PAGE_POLICY).toContain(`'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    expect(page).not.toMatch(/ style=| on[a-z]+=|https?:\/\/(?!a|b)/);
  });
});

describe('the page of one user', () => {
  const sentence = (page: string | undefined) =>
    /class="verdict (\w+)".*?<\/span> (.*?)<\/p>/s
      .exec(page ?? '')
      ?.slice(1)
      .join(': ');

  test.for<[string, Partial<UserReport>, string]>([
    ['that is up', {}, 'well: The session is up, and the ledger says so.'],
    [
      'that the program refuses',
      { parked: 'NotAllowed' },
      'wrong: The program refuses its status, and is asked again when the account changes, or after a minute to an hour: NotAllowed.',
    ],
    [
      'that is not observed',
      { observation: 'unobserved', because: 'tunnel-net-shared', neighbor: null },
      'look: Nothing is reported: another user has the same tunnel_net.',
    ],
    ['that changes', { observation: 'down', inFlight: 'down' }, 'look: The session is down, the ledger says up: down is on its way.'],
    [
      'that waits',
      { observation: 'down', decision: 'hold', decisionReason: 'down-unconfirmed' },
      'look: The session is down, the ledger says up: down, but not for long enough to be believed.',
    ],
    [
      'that is about to be written',
      { observation: 'down', decision: 'write' },
      'look: The session is down, the ledger says up: it is about to be written.',
    ],
  ])('%s', ([, changes, expected]) => {
    expect(sentence(userPage(status({ users: [user(0, changes)] }), keyNumber(0)))).toBe(expected);
  });

  test("has its last write with the whole signature, its events and no one else's, and no text as markup", () => {
    const evil = '<b onclick=x>';
    const lastWrite = { to: 'up', reason: 'change', signature: 'S'.repeat(88), slot: slot(7), at: NOW - 60_000, latencyMs: 900 };
    const timeline = [
      { at: NOW, kind: 'up' as const, user: keyNumber(0), text: `mine ${evil}` },
      { at: NOW, kind: 'up' as const, user: keyNumber(1), text: 'not mine' },
    ];
    const neighbor = { vrf: evil, address: evil, state: evil, description: evil, source: evil };
    const page = userPage(status({ users: [user(0, { lastWrite, neighbor, clientIp: evil })], timeline }), keyNumber(0)) ?? '';
    expect([page.includes('S'.repeat(88)), page.includes('mine &lt;b'), page.includes('not mine'), page.includes(evil)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('is there for users of this device only', () => expect(userPage(status(), '../../etc')).toBeUndefined());
});
