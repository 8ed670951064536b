import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AgentStatus, PartReport, UserReport } from '../../src/observability/index.ts';
import { findings, sessionSummary } from '../../src/observability/page/findings.ts';
import { PAGE_POLICY, statusPage } from '../../src/observability/page/status-page.ts';
import { userPage } from '../../src/observability/page/user-page.ts';
import { parseUserQuery, stateOfUser } from '../../src/observability/page/users.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { DEVICE, keyNumber } from '../support/bgp-builders.ts';

const NOW = 1_790_000_000_000;
const HOUR = 3_600_000;

/** A user that is up, also on the ledger. */
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
  remedy: 'check the cable',
  lastProblem: { at: NOW - HOUR, text: problem },
});

/** A healthy agent, an hour after its start. */
function status(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    version: '1.2.3',
    commit: 'c0ffee',
    node: '24.1.0',
    host: 'switch-host',
    network: 'testnet',
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
    writesStalled: null,
    balance: { lamports: lamports(2_500_000_000), hoursToEmpty: 5_000, at: NOW },
    transactions: { sent: 1, landed: 1, expired: 0, failed: 0 },
    recentTransactions: [{ signature: 'Sig1', users: 2, sentAt: NOW - 9_000, state: 'landed', tookMs: 900, problem: null }],
    writes: { landed: 2, rejected: 0 },
    flaps: [],
    timeline: [],
    ...changes,
  };
}

/** The page of a query, as the server makes it. */
function pageFor(query: string, of: AgentStatus): string {
  const parsed = parseUserQuery(new URLSearchParams(query));
  if (typeof parsed === 'string') throw new Error(parsed);
  return statusPage(of, parsed);
}
/** The keys in the tables of users. */
const usersIn = (page: string): string[] =>
  [...page.matchAll(/<td role="cell"><a class="mono" href="\/status\/users\/(\w+)"/g)].map(([, key = '']) => key);

const lines = (changes: Partial<AgentStatus>) =>
  findings(status(changes)).map(({ level, what, remedy }) => `${level}: ${what} → ${remedy}`);

describe('findings', () => {
  const readNothing = { at: NOW, durationMs: 1, switchRead: false, viewSlot: null, slotTimeMs: null };

  test.for<[string, Partial<AgentStatus>, string[]]>([
    ['a healthy agent', {}, ['ok: Healthy: 2 of 2 sessions are up, and the ledger agrees → null']],
    ['no users', { users: [] }, ['ok: Healthy: the ledger has no user of this device → null']],
    [
      'a change in flight',
      { users: [user(0, { observation: 'down' })] },
      ['ok: Healthy: 0 of 1 sessions are up, and one change is not on the ledger yet → null'],
    ],
    [
      'a halt',
      { halted: { code: 'X', message: 'the key is not the publisher', remedy: 'set it' } },
      ['critical: Writes halted: the key is not the publisher → set it'],
    ],
    [
      'writes that do not land',
      { writesStalled: { since: NOW - 180_000, code: 'X', message: 'http://a: rate limit exceeded', remedy: 'add an endpoint' } },
      ['critical: No write has landed for 3 min: http://a: rate limit exceeded → add an endpoint'],
    ],
    [
      'a start',
      { ready: false, startedAt: NOW - 5_000, lastTick: null },
      ['warning: The agent is starting, and has not yet read both the switch and the ledger → null'],
    ],
    [
      'a start with a switch that fails',
      { ready: false, startedAt: NOW - 5_000, lastTick: readNothing, users: [], sources: [lost('eapi', 'refused')] },
      ['critical: The switch cannot be read; no status is written: refused → check the cable'],
    ],
    [
      'a start with users that cannot be read',
      {
        ready: false,
        startedAt: NOW - 5_000,
        lastTick: { ...readNothing, switchRead: true },
        users: [],
        ledgerProblem: { since: NOW, message: 'no endpoint answers', remedy: 'wait' },
      },
      ['critical: The ledger cannot be read; no status is written: no endpoint answers → wait'],
    ],
    [
      'an agent that never read anything',
      { ready: false, lastTick: readNothing, users: [], sources: [lost('eapi', 'refused')] },
      [
        'critical: The switch cannot be read; no status is written: refused → check the cable',
        'critical: The ledger cannot be read; no status is written → null',
      ],
    ],
    [
      'a switch that cannot be read, without a finding for each user',
      { lastTick: { ...readNothing, viewSlot: slot(9) }, users: [unobserved(0, 'switch-not-read')], sources: [lost('eapi', 'refused')] },
      ['critical: The switch cannot be read; no status is written: refused → check the cable'],
    ],
    [
      'an agent that hangs',
      { lastTick: { ...readNothing, at: NOW - 300_000, switchRead: true, viewSlot: slot(9) } },
      ['critical: No tick has completed for 5 min → restart the agent (systemctl restart dzd-telemetry) and keep its log'],
    ],
    [
      'one failed endpoint of two',
      { endpoints: [ok('http://a'), lost('http://b', 'http://b refused')] },
      ['warning: One ledger endpoint failed; others are in use: http://b refused → check the cable'],
    ],
    [
      'no endpoint, while the last reading is still in use',
      { endpoints: [lost('http://a', 'refused')] },
      ['critical: Every ledger endpoint fails; the last reading is used for a few minutes only: http://a: refused → check the cable'],
    ],
    [
      'stale responses of every endpoint',
      { ledgerProblem: { since: NOW - 9_000, message: 'slot 5 is older than slot 9', remedy: 'an endpoint lags' } },
      ['critical: The users cannot be read from the ledger; no status is written: slot 5 is older than slot 9 → an endpoint lags'],
    ],
    [
      'a VRF that could not be read, with the reason',
      { users: [unobserved(5, 'vrf-not-collected')], failedVrfs: [{ vrf: 'vrf1', problem: 'timeout' }] },
      [
        'warning: No status is written for one user (tunnel 505): its VRF could not be read; vrf1: timeout → compare `show ip bgp summary vrf all` on the switch',
      ],
    ],
    [
      'a low balance',
      { balance: { lamports: lamports(1), hoursToEmpty: 20, at: NOW } },
      [`warning: The metrics publisher will run out of SOL in 20 h → send SOL to ${keyNumber(99)}`],
    ],
    [
      'faults of users, by reason',
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
        'warning: The program rejects the status of one user (tunnel 500): it is banned → retried when the account changes, or after a backoff of 1 min to 1 h',
        'warning: No status is written for 2 users (tunnels 501, 502): another user has the same tunnel_net → null',
        'warning: No status is written for 2 users (tunnels 505, 506): their VRF could not be read; the switch does not report VRF vrf1 → compare `show ip bgp summary vrf all` on the switch',
        'warning: Another process writes a different status for one user (tunnel 503) → check whether a second agent runs with this key, and stop one of them',
        'warning: Excessive flaps: one user (tunnel 504) → check their links; the table lists their tunnels',
      ],
    ],
  ])('findings of %s', ([, changes, expected]) => expect(lines(changes)).toEqual(expected));

  test('an unobserved user does not count as a pending change', () => {
    expect(sessionSummary(status({ users: [user(0), user(1, { observation: 'down' }), unobserved(2, 'vrf-not-collected')] }))).toBe(
      '1 of 3 sessions are up, 1 cannot be observed, and one change is not on the ledger yet',
    );
  });

  test('the summary claims nothing about sessions or users that were not read', () => {
    const blind = { users: [unobserved(0, 'switch-not-read'), unobserved(1, 'switch-not-read')] };
    expect(sessionSummary(status(blind))).toBe('none of 2 sessions can be observed');
    expect(sessionSummary(status({ users: [], lastTick: readNothing }))).toBe('the users have not been read from the ledger');
    expect(sessionSummary(status({ users: [], lastTick: null }))).toBe('the users have not been read from the ledger');
  });

  test('critical findings come before warnings', () => {
    const levels = findings(
      status({ endpoints: [ok('http://a'), lost('http://b', 'no')], balance: { lamports: lamports(1), hoursToEmpty: 1, at: NOW } }),
    ).map(({ level }) => level);
    expect(levels).toEqual(['critical', 'warning']);
  });
});

describe('the page', () => {
  test('the page escapes every text', () => {
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

  test('the page groups users by state, faults first, and folds a long healthy group', () => {
    const many = Array.from({ length: 30 }, (_, n) => user(n + 10));
    const page = statusPage(status({ users: [...many, user(0, { parked: 'no' }), unobserved(1, 'vrf-not-collected')] }));
    const groups = [...page.matchAll(/<details id="users-(\w+)"( open)?[^>]*><summary>[^<]*<b>(\d+)</g)].map((found) => found.slice(1));
    expect(groups).toEqual([
      ['rejected', ' open', '1'],
      ['unobserved', ' open', '1'],
      ['up', undefined, '30'],
    ]);
  });

  test('the pages of the largest device reach every user, and each has less than 200 kB', () => {
    const transaction = {
      signature: 'S'.repeat(88),
      users: 20,
      sentAt: NOW,
      state: 'failed',
      tookMs: 900,
      problem: 'p'.repeat(60),
    } as const;
    const users = Array.from({ length: 4_096 }, (_, n) =>
      user(n, {
        tunnelId: n,
        clientIp: `198.51.${n >> 8}.${n & 255}`,
        ...(n % 2 === 0 ? {} : { observation: 'down', decision: 'write', decisionReason: 'change' }),
      }),
    );
    const largest = status({
      users,
      recentTransactions: Array.from({ length: 100 }, () => transaction),
      timeline: Array.from({ length: 500 }, (_, n) => ({
        at: NOW + n * 5_000,
        kind: 'down' as const,
        user: keyNumber(n),
        text: 'session is down',
      })),
    });
    const reached = new Set<string>();
    let address: string | undefined = '?page=1';
    while (address !== undefined) {
      const page = pageFor(address, largest);
      expect(Buffer.byteLength(page)).toBeLessThan(200_000);
      for (const key of usersIn(page)) reached.add(key);
      address = /href="\/status([^"#]*)#h-users" rel="next"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(reached.size).toBe(4_096);
  });

  test.for<[string, readonly number[]]>([
    ['?q=502', [2]],
    ['?q=USER-502', [2]],
    ['?q=tunnel+502', [2]],
    ['?q=198.51.100.1', [1]],
    ['?q=198.51.100.', [0, 1, 2, 3, 10, 11, 12]],
    ['?q=169.254.0.7', [3]],
    ['?q=169.254.0.6/31', [3]],
    [`?q=${keyNumber(2)}`, [2]],
    [`?q=${keyNumber(2).slice(0, 6)}…${keyNumber(2).slice(-4)}`, [2]],
    ['?state=down', [3]],
    ['?state=down&q=502', []],
    ['?state=rejected&q=', [10]],
    ['?state=unobserved', [11]],
    ['?state=inactive', [12]],
    ['?page=99', [0, 1, 2, 3, 10, 11, 12]],
    ['?q=10.0.0.1', []],
    ['?q=%3Cimg+src=x%3E', []],
  ])('the page for /status%s shows the users that were asked for', ([query, expected]) => {
    const at = (n: number, changes: Partial<UserReport> = {}) => {
      const [tunnelNet, address] = [`169.254.0.${2 * n}/31`, `169.254.0.${2 * n + 1}`];
      return user(n, {
        clientIp: `198.51.100.${n}`,
        tunnelNet,
        neighbor: { vrf: 'vrf1', address, state: 'idle', description: null, source: 'eapi' },
        ...changes,
      });
    };
    const users = [
      at(0),
      at(1),
      at(2),
      at(3, { observation: 'down', ledger: { status: 'down', reportedAtSlot: slot(5), lastUpAtSlot: slot(5), rttNs: 0n, ageMs: 1 } }),
      at(10, { parked: 'no' }),
      at(11, { observation: 'unobserved', because: 'vrf-not-collected' }),
      at(12, { observation: 'unobserved', because: 'tunnel-net-invalid', accountStatus: 'banned' }),
    ];
    const page = pageFor(query, status({ users }));
    expect(usersIn(page).sort()).toEqual(expected.map(keyNumber).sort());
    expect(page.includes('No user of this device matches')).toBe(expected.length === 0);
    expect(page).not.toContain('<img');
  });

  test.for<[string, string]>([
    ['?state=upp', 'state: expected one of rejected, unobserved, changing, waiting, down, up, inactive, got "upp"'],
    ['?page=0', 'page: expected a whole number from 1'],
    ['?page=1e9', 'page: expected a whole number from 1'],
    [`?q=${'x'.repeat(65)}`, 'q: expected at most 64 characters'],
    ['?tunnel=500', 'unknown parameter "tunnel"; expected q, state or page'],
    ['?__proto__=1', 'unknown parameter "__proto__"; expected q, state or page'],
    ['?toString=1', 'unknown parameter "toString"; expected q, state or page'],
  ])('the query %s is refused: %s', ([query, problem]) => expect(parseUserQuery(new URLSearchParams(query))).toBe(problem));

  test('a user whose status is held back is waiting, and one that is being written is changing', () => {
    const down = { observation: 'down' } as const;
    const states = [
      user(0, { ...down, decision: 'hold', decisionReason: 'connect-grace' }),
      user(1, { ...down, decision: 'hold', decisionReason: 'contested', inFlight: 'down' }),
      user(2, { ...down, decision: 'write', decisionReason: 'change' }),
    ].map(stateOfUser);
    expect(states).toEqual(['waiting', 'changing', 'changing']);
  });

  test.for<[string, string | null]>([
    ['testnet', 'https://explorer.solana.com/tx/Sig1?cluster=custom&amp;customUrl=https%3A%2F%2F'],
    ['localnet', null],
  ])('a signature of %s links to the explorer: %s', ([network, address]) => {
    const found = /href="(https:[^"]*)"/.exec(statusPage(status({ network })))?.[1];
    expect(address === null ? found : found?.slice(0, address.length)).toBe(address ?? undefined);
  });

  test('equal events at the same time are one line of the page', () => {
    const timeline = Array.from({ length: 40 }, (_, n) => ({
      at: NOW + n,
      kind: 'down' as const,
      user: keyNumber(n),
      text: 'session is down',
    }));
    expect(statusPage(status({ timeline }))).toContain('<b>40 ×</b> <span class="down">session is down</span>');
  });

  test('the page may use only the script and styles that are in it', () => {
    const page = statusPage(status());
    const inline = [...page.matchAll(/<(?:script|style)>([\s\S]*?)<\/(?:script|style)>/g)].map(([, text = '']) => text);
    expect(inline.length).toBe(2);
    for (const text of inline) expect(PAGE_POLICY).toContain(`'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    expect(page).not.toMatch(/ style=| on[a-z]+=|(?:src|action)="?http|https?:\/\/(?!a|b|explorer\.solana\.com\/tx\/)/);
  });
});

describe('the page of one user', () => {
  const sentence = (page: string | undefined) =>
    /class="verdict (\w+)".*?<\/span> (.*?)<\/p>/s
      .exec(page ?? '')
      ?.slice(1)
      .join(': ');

  test.for<[string, Partial<UserReport>, string]>([
    ['up', {}, 'ok: The session is up, and the ledger agrees.'],
    [
      'down on both sides',
      { observation: 'down', ledger: { status: 'down', reportedAtSlot: slot(5), lastUpAtSlot: slot(5), rttNs: 0n, ageMs: 1 } },
      'warning: The session is down, and the ledger agrees.',
    ],
    [
      'banned, without a tunnel',
      { observation: 'unobserved', because: 'tunnel-net-invalid', neighbor: null, accountStatus: 'banned' },
      'neutral: The account is banned; no status is due.',
    ],
    [
      'rejected by the program',
      { parked: 'NotAllowed' },
      'critical: The program rejects its status; retried when the account changes, or after a backoff of 1 min to 1 h: NotAllowed.',
    ],
    [
      'not observed',
      { observation: 'unobserved', because: 'tunnel-net-shared', neighbor: null },
      'warning: No status is written: another user has the same tunnel_net.',
    ],
    [
      'with a change in flight',
      { observation: 'down', inFlight: 'down' },
      'warning: The session is down, the ledger says up: down is in flight.',
    ],
    [
      'on hold',
      { observation: 'down', decision: 'hold', decisionReason: 'down-unconfirmed' },
      'warning: The session is down, the ledger says up: down for less than policy.downGrace (default 6s).',
    ],
    [
      'about to be written',
      { observation: 'down', decision: 'write' },
      'warning: The session is down, the ledger says up: it is about to be written.',
    ],
  ])('page of a user %s', ([, changes, expected]) => {
    expect(sentence(userPage(status({ users: [user(0, changes)] }), keyNumber(0)))).toBe(expected);
  });

  test("a user's page has its last write with the complete signature and its own events only, and escapes every text", () => {
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

  test('there is no page for a user of another device', () => expect(userPage(status(), '../../etc')).toBeUndefined());
});
