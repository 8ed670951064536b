import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AgentStatus, UserReport } from '../../src/observability/index.ts';
import { PAGE_POLICY, statusPage, userPage } from '../../src/observability/page/pages.ts';
import { parseUserQuery, stateOfUser } from '../../src/observability/page/users.ts';
import { slot } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';
import { agentStatus, lostPart as lost, NOW, unobservedUser as unobserved, userReport } from '../support/status-builders.ts';

const status = agentStatus;
const user = userReport;

/** The page of a query, as the server makes it. */
function pageFor(query: string, of: AgentStatus): string {
  const parsed = parseUserQuery(new URLSearchParams(query));
  if (typeof parsed === 'string') throw new Error(parsed);
  return statusPage(of, parsed);
}
/** The keys in the tables of users. */
const usersIn = (page: string): string[] =>
  [...page.matchAll(/<td role="cell"><a class="mono" href="\/status\/users\/(\w+)"/g)].map(([, key = '']) => key);

describe('the page', () => {
  test('the page escapes every text', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&\u202e\u2066\u200b\ufeff\x1b[2J\r';
    const page = statusPage(
      status({
        deviceCode: evil,
        users: [user(0, { parked: evil, neighbor: { vrf: evil, address: evil, state: evil, description: evil, source: evil } })],
        sources: [lost(evil, evil)],
        halted: { code: evil, since: NOW, message: evil, remedy: evil },
        recentTransactions: [{ signature: evil, users: 1, sentAt: NOW, state: 'failed', tookMs: 1, problem: evil }],
        timeline: [{ at: NOW, kind: 'failed', user: null, text: evil }],
      }),
    );
    expect(page).not.toContain('<img');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is searched.
    expect(page).not.toMatch(/[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\x1b\r]/);
    expect(
      page.split('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\\u202e\\u2066\\u200b\\ufeff\\x1b[2J\\x0d').length,
    ).toBeGreaterThan(10);
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

  test('a user whose status is held back is waiting, one that is being written is changing, and one that is not activated waits for nothing', () => {
    const down = { observation: 'down' } as const;
    const states = [
      user(0, { ...down, decision: 'hold', decisionReason: 'connect-grace' }),
      user(1, { ...down, decision: 'hold', decisionReason: 'contested', inFlight: 'down' }),
      user(2, { ...down, decision: 'write', decisionReason: 'change' }),
      user(3, { ...down, decision: 'write', decisionReason: 'change', accountStatus: 'banned' }),
      user(4, {
        decision: 'hold',
        decisionReason: 'not-activated',
        accountStatus: 'banned',
        ledger: { ...user(4).ledger, status: 'unknown' },
      }),
    ].map(stateOfUser);
    expect(states).toEqual(['waiting', 'changing', 'changing', 'changing', 'inactive']);
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

  test('a finding of a day ago has its date, a remedy its commands as code, and of many findings the page names fifty-one', () => {
    const failedVrfs = Array.from({ length: 200 }, (_, n) => ({ vrf: `vrf${n}`, problem: 'timeout', since: NOW - 25 * 3_600_000 }));
    const page = statusPage(status({ failedVrfs }));
    expect(page).toContain('Since <time datetime="2026-09-20T13:13:20.000Z">2026-09-20 13:13:20</time> UTC (vrf-failed).');
    expect(page).toContain(
      'What to do: compare <code>show ip bgp summary vrf all</code> on the switch; <a href="/runbooks/DzdVrfFailed">runbook</a>',
    );
    expect(page.match(/cannot be read: timeout/g)?.length).toBe(51);
    expect(page).toContain('and 149 more in');
  });

  test('the page counts nothing before the users were read', () => {
    const counts = (page: string) => [...page.matchAll(/<dd class="[^"]*">([^<]*)<\/dd>/g)].slice(0, 4).map(([, count]) => count);
    expect(counts(statusPage(status({ users: [], lastTick: null })))).toEqual(['–', '–', '–', '– / – / –']);
    expect(counts(statusPage(status({ users: [] })))).toEqual(['0', '0', '0', '0 / 0 / 0']);
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
      'banned, without a tunnel, whose record is Down',
      {
        observation: 'unobserved',
        because: 'tunnel-net-invalid',
        neighbor: null,
        accountStatus: 'banned',
        ledger: { ...user(0).ledger, status: 'down' },
      },
      'neutral: The account is banned; no status is due.',
    ],
    [
      'banned, without a tunnel, whose record is still Up',
      { observation: 'unobserved', because: 'tunnel-net-invalid', neighbor: null, accountStatus: 'banned' },
      'warning: No status is written: its tunnel_net on the ledger is not a /31.',
    ],
    [
      'rejected by the program',
      { parked: 'NotAllowed' },
      'critical: The program rejects its status; retried when the account changes, or after a backoff of 30 s to 1 h: NotAllowed.',
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

  test("while a finding is critical no user's page is green, and it names the finding", () => {
    const halted = { code: 'WRITE__BALANCE_LOW', message: 'the balance is too low', remedy: 'send SOL', since: NOW };
    const page = userPage(status({ halted }), keyNumber(0));
    expect(sentence(page)).toBe('warning: The session is up, and the ledger agrees.');
    expect(page).toContain('The agent: Writes halted: the balance is too low.');
    const warned = userPage(status({ deviceStatus: { name: 'drained', since: NOW } }), keyNumber(0));
    expect(sentence(warned)).toBe('ok: The session is up, and the ledger agrees.');
    expect(warned).toContain('The agent: The device is drained on the ledger.');
  });

  test("a user's page has its last write with the complete signature and its own events only, and escapes every text", () => {
    const evil = '<b onclick=x>';
    const lastWrite = { to: 'up', reason: 'change', signature: 'S'.repeat(88), slot: slot(7), at: NOW - 60_000, latencyMs: 900 };
    const timeline = [
      { at: NOW, kind: 'up' as const, user: keyNumber(0), text: `mine ${evil}` },
      { at: NOW, kind: 'up' as const, user: keyNumber(1), text: 'not mine' },
    ];
    const neighbor = { vrf: evil, address: evil, state: evil, description: evil, source: evil };
    const down = { observation: 'down' as const, downReason: evil };
    const users = [user(0, { lastWrite, neighbor, clientIp: evil, ...down })];
    const page = userPage(status({ users, timeline }), keyNumber(0)) ?? '';
    expect(page).toContain('<dt>Down because</dt><dd>&lt;b onclick=x&gt;</dd>');
    expect(statusPage(status({ users }))).toContain('&lt;b onclick=x&gt;');
    expect([page.includes('S'.repeat(88)), page.includes('mine &lt;b'), page.includes('not mine'), page.includes(evil)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('there is no page for a user of another device', () => expect(userPage(status(), '../../etc')).toBeUndefined());
});
