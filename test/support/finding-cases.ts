import type { AgentState } from '../../src/observability/index.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { keyNumber } from './bgp-builders.ts';
import { HOUR, lostPart as lost, NOW, okPart as ok, unobservedUser as unobserved, userReport as user } from './status-builders.ts';

export const MINUTE = 60_000;
export const readNothing = { at: NOW, durationMs: 1, switchRead: false, viewSlot: null, slotTimeMs: null };
const readAll = { at: NOW - 2_000, durationMs: 12, switchRead: true, viewSlot: slot(9), slotTimeMs: 400 };
const problem = { since: NOW - 3 * MINUTE, message: 'rate limit exceeded', remedy: 'add an endpoint' };
/** A user whose session has been down for so long, also by the ledger. */
export const down = (n: number, minutes = 10, lastUpAtSlot = slot(5)) =>
  user(n, {
    observation: 'down',
    observedSince: NOW - minutes * MINUTE,
    ledger: { status: 'down', reportedAtSlot: slot(5), lastUpAtSlot, rttNs: 0n, ageMs: MINUTE },
  });
export const inGrace = (n: number, decisionReason: 'down-unconfirmed' | 'connect-grace') =>
  user(n, { observation: 'down', decision: 'hold', decisionReason });

/** Each case: the state, and each finding as `code severity minutes: text → remedy`. */
export const FINDING_CASES: readonly (readonly [string, Partial<AgentState>, readonly string[]])[] = [
  ['a healthy agent', {}, []],
  ['no users', { users: [] }, []],
  ['a change in flight', { users: [user(0), user(1, { observation: 'down', inFlight: 'down' }), user(2)] }, []],
  ['a banned user without a tunnel', { users: [user(0), { ...unobserved(1, 'tunnel-net-invalid'), accountStatus: 'banned' }] }, []],
  ['users within a grace', { users: [inGrace(0, 'down-unconfirmed'), inGrace(1, 'connect-grace')] }, []],
  [
    'an agent that hangs',
    { lastTick: { ...readAll, at: NOW - 5 * MINUTE } },
    ['agent-silent critical 5: No tick has completed for 5 min → restart the agent (systemctl restart dzd-telemetry) and keep its log'],
  ],
  [
    'a ledger that stands still with a transaction in flight, of which no endpoint reports an error',
    {
      slotProgress: { slot: slot(9), advancedAt: NOW - MINUTE, answeredAt: NOW },
      writesStalled: { ...problem, since: NOW - MINUTE, code: 'WRITE__NOT_LANDING' },
      oldestPendingSince: NOW - MINUTE,
    },
    [
      'ledger-stands-still critical 1: The ledger has made no progress for 60 s: it answers for slot 9 only; the oldest status has waited for 60 s → compare the slots of other endpoints: wait if the network stands still, else replace the endpoint in ledger.rpcUrls',
    ],
  ],
  [
    'a halt, for which a changed status waits',
    { halted: { ...problem, code: 'LEDGER__PUBLISHER_MISMATCH' }, oldestPendingSince: NOW - 2 * MINUTE },
    ['authority-lost critical 3: Writes halted: rate limit exceeded → add an endpoint'],
  ],
  [
    'a device that names another key',
    { halted: { ...problem, code: 'LEDGER__PUBLISHER_MISMATCH' } },
    ['authority-lost critical 3: Writes halted: rate limit exceeded → add an endpoint'],
  ],
  [
    'an empty key, with one finding for halt and balance',
    { halted: { ...problem, code: 'WRITE__BALANCE_LOW' }, balance: { lamports: lamports(1), hoursToEmpty: 0, at: NOW, lowSince: NOW } },
    ['out-of-funds critical 3: Writes halted: rate limit exceeded → add an endpoint'],
  ],
  [
    'a program that is too old',
    { halted: { ...problem, code: 'WRITE__PROGRAM_TOO_OLD' } },
    ['writes-halted critical 3: Writes halted: rate limit exceeded → add an endpoint'],
  ],
  [
    'a used-up spend limit',
    { spend: { allowance: 'none', since: NOW - MINUTE } },
    [
      'spend-limit-reached critical 1: The spend limits leave no room; no status is written → find the cause of the many writes before you raise worker.maxTransactionsPerMinute or worker.maxLamportsPerDay',
    ],
  ],
  [
    'writes that do not land, with the age of the oldest',
    { writesStalled: { ...problem, code: 'LEDGER__RATE_LIMITED' }, oldestPendingSince: NOW - 4 * MINUTE },
    [
      'writes-not-landing critical 3: No write has landed for 3 min: rate limit exceeded; the oldest status has waited for 4 min → add an endpoint',
    ],
  ],
  [
    'a ledger that stands still, by the answers of all endpoints',
    { slotProgress: { slot: slot(77), advancedAt: NOW - 2 * MINUTE, answeredAt: NOW - MINUTE }, oldestPendingSince: NOW - 2 * MINUTE },
    [
      'ledger-stands-still critical 2: The ledger has made no progress for 2 min: it answers for slot 77 only → compare the slots of other endpoints: wait if the network stands still, else replace the endpoint in ledger.rpcUrls',
    ],
  ],
  ['a slot that was not asked for', { slotProgress: { slot: slot(77), advancedAt: NOW - 2 * MINUTE, answeredAt: NOW - 2 * MINUTE } }, []],
  [
    'a change that waits while others land',
    { oldestPendingSince: NOW - 2 * MINUTE },
    [
      'writes-delayed warning 2: A changed status has waited for its confirmation for 2 min → compare the outcomes of the transactions: many that expire or fail point to the endpoints',
    ],
  ],
  [
    'a start',
    { ready: false, startedAt: NOW - 5_000, lastTick: null },
    [
      'starting warning 0: The agent is starting, and has not yet read both the switch and the ledger → wait: after a minute, what is missing is named',
    ],
  ],
  [
    'a start with a switch that fails',
    { ready: false, startedAt: NOW - 5_000, lastTick: readNothing, users: [], sources: [lost('eapi', 'refused')] },
    ['switch-unread critical 60: The switch cannot be read; no status is written: refused → check the cable'],
  ],
  [
    'a start with users that cannot be read',
    { ready: false, startedAt: NOW - 5_000, lastTick: { ...readNothing, switchRead: true }, users: [], ledgerProblem: problem },
    ['ledger-unread critical 3: The users cannot be read from the ledger; no status is written: rate limit exceeded → add an endpoint'],
  ],
  [
    'an agent that never read anything',
    { ready: false, lastTick: readNothing, users: [], sources: [lost('eapi', 'refused')] },
    [
      'switch-unread critical 60: The switch cannot be read; no status is written: refused → check the cable',
      'ledger-unread critical 0: The users cannot be read from the ledger; no status is written → check ledger.rpcUrls',
    ],
  ],
  [
    'a switch that cannot be read, without a finding for each user',
    { lastTick: { ...readAll, switchRead: false }, users: [unobserved(0, 'switch-not-read')], sources: [lost('eapi', 'refused')] },
    ['switch-unread critical 60: The switch cannot be read; no status is written: refused → check the cable'],
  ],
  [
    'a switch whose second source failed 3 minutes ago',
    {
      lastTick: { ...readAll, switchRead: false },
      users: [],
      sources: [lost('eapi', 'refused'), { ...lost('snmp', 'no answer'), since: NOW - 3 * 60_000 }],
    },
    ['switch-unread critical 3: The switch cannot be read; no status is written: refused → check the cable'],
  ],
  [
    'endpoints of which the last one failed 3 minutes ago',
    { endpoints: [lost('http://a', 'refused'), { ...lost('http://b', 'refused'), since: NOW - 3 * 60_000 }] },
    ['endpoints-lost critical 3: Every ledger endpoint fails: http://a failed: refused → check the cable'],
  ],
  [
    'users that could not be read twice',
    { ledgerProblem: problem },
    ['ledger-unread critical 3: The users cannot be read from the ledger; no status is written: rate limit exceeded → add an endpoint'],
  ],
  ['one failed reading of the users', { ledgerProblem: { ...problem, since: NOW - 2_005 } }, []],
  [
    'no endpoint, while the last reading is still in use',
    { endpoints: [lost('http://a', 'refused')] },
    ['endpoints-lost critical 60: The only ledger endpoint fails: http://a failed: refused → check the cable'],
  ],
  [
    'one failed endpoint of two',
    { endpoints: [ok('http://a'), lost('http://b', 'http://b refused')] },
    ['endpoint-lost warning 60: Ledger endpoint failed: http://b refused → check the cable'],
  ],
  [
    'one failed source of two',
    { sources: [lost('eapi', 'HTTP 503'), ok('snmp')] },
    ['source-lost warning 60: Source eapi failed: HTTP 503 → check the cable'],
  ],
  [
    'a failed trigger source',
    { failedTriggers: [{ ...problem, name: 'grpc' }] },
    ['trigger-lost warning 3: Trigger source grpc failed; changes are seen at the poll interval: rate limit exceeded → add an endpoint'],
  ],
  [
    'an endpoint behind the clock',
    { ledgerLag: { slot: slot(9), behindMs: 40_000, since: NOW - MINUTE } },
    [
      "ledger-lag warning 1: Slot 9, the newest that the ledger endpoint answers for, is 40 s old by its block time → compare the endpoint's slot with another one's (`dzd-telemetry check`), and this host's clock with NTP",
    ],
  ],
  [
    'a clock that is behind the ledger',
    { ledgerLag: { slot: slot(9), behindMs: -40_000, since: NOW - MINUTE } },
    ["ledger-lag warning 1: The block time of slot 9 is 40 s ahead of this host's clock → set this host's clock (NTP)"],
  ],
  [
    'all five users down since the last went',
    { users: [down(0, 9), down(1, 8), down(2, 7), down(3, 6), down(4, 5)] },
    ['users-all-down critical 5: 5 of 5 users are down → check `show ip bgp summary vrf all`, the uplinks and the tunnels of the switch'],
  ],
  [
    'no user that ever connected',
    { users: [down(0, 9, slot(0)), down(1, 9, slot(0))] },
    [
      'users-all-down critical 9: 2 of 2 users are down; none was ever reported up → check `show ip bgp summary vrf all`, the uplinks and the tunnels of the switch',
    ],
  ],
  [
    'users that are down for the same reason',
    {
      users: [0, 1, 2].map((n) => ({
        ...down(n, 5),
        downReason: n === 0 ? 'no TCP connection' : 'Idle(Admin): shut down by configuration',
      })),
    },
    [
      'users-all-down critical 5: 3 of 3 users are down; 2 of them: Idle(Admin): shut down by configuration → check `show ip bgp summary vrf all`, the uplinks and the tunnels of the switch',
    ],
  ],
  [
    'the only user down, with the reason',
    { users: [{ ...down(0, 5), downReason: 'no TCP connection' }] },
    [
      'users-all-down critical 5: The only user is down: no TCP connection → check `show ip bgp summary vrf all`, the uplinks and the tunnels of the switch',
    ],
  ],
  [
    'half of the users down since the half was reached',
    { users: [user(0), down(1, 9), down(2, 7), user(3)] },
    ['users-mostly-down warning 7: 2 of 4 users are down → check `show ip bgp summary vrf all`, the uplinks and the tunnels of the switch'],
  ],
  ['one of three users down', { users: [user(0), down(1), user(2)] }, []],
  [
    'most sessions down at once, unconfirmed',
    { users: [user(0), unobserved(1, 'mass-down-unconfirmed')] },
    [
      'mass-down-unconfirmed critical 1: No status is written for one user (tunnel 501): most sessions read down at once, and a second poll did not confirm it → compare `show ip bgp summary vrf all` on the switch',
    ],
  ],
  [
    'a VRF that could not be read, with the reason, once',
    { users: [user(0), unobserved(5, 'vrf-not-collected')], failedVrfs: [{ vrf: 'vrf1', problem: 'timeout', since: NOW - MINUTE }] },
    [
      'users-unobserved warning 1: No status is written for one user (tunnel 505): its VRF could not be read; vrf1: timeout → compare `show ip bgp summary vrf all` on the switch',
    ],
  ],
  [
    'a VRF without users that could not be read',
    { failedVrfs: [{ vrf: 'mgmt', problem: 'timeout', since: NOW - MINUTE }] },
    ['vrf-failed warning 1: VRF mgmt of the switch cannot be read: timeout → compare `show ip bgp summary vrf all` on the switch'],
  ],
  [
    'users with two neighbors',
    {
      ambiguous: { users: 2, tunnels: [503, 504], since: NOW - MINUTE },
      unlisted: { sessions: 5, tunnels: [500, 501, 502], since: NOW - 59_000 },
    },
    [
      'users-ambiguous warning 1: 2 users (tunnels 503, 504) match more than one neighbor of the switch → remove the neighbors that are left over; the one described USER-<tunnel_id> decides, else the Established one',
    ],
  ],
  [
    'faults of users, by reason',
    {
      users: [
        user(0, { parked: 'it is banned', parkedSince: NOW - 5 * MINUTE }),
        unobserved(1, 'tunnel-net-shared'),
        unobserved(2, 'tunnel-net-shared'),
        unobserved(5, 'vrf-not-collected'),
        unobserved(6, 'vrf-not-collected'),
        user(3, { decisionReason: 'contested', decidedSince: NOW - 4 * MINUTE }),
        user(4, { suppressed: true, suppressedSince: NOW - 2 * MINUTE }),
      ],
    },
    [
      'users-unobserved warning 1: No status is written for 2 users (tunnels 501, 502): another user has the same tunnel_net → have the accounts on the ledger corrected; `dzd-telemetry explain` shows each',
      'users-unobserved warning 1: No status is written for 2 users (tunnels 505, 506): their VRF could not be read; the switch does not report VRF vrf1 → compare `show ip bgp summary vrf all` on the switch',
      'users-rejected warning 5: The program rejects the status of one user (tunnel 500): it is banned → retried when the account changes, or after a backoff of 30 s to 1 h',
      'second-writer warning 4: Another process writes a different status for one user (tunnel 503) → check whether a second agent runs with this key, and stop one of them',
      'users-flapping warning 2: Excessive flaps: one user (tunnel 504) → check their links; the table lists their tunnels',
    ],
  ],
  [
    'a ledger endpoint that lists no users, before a switch with sessions',
    { users: [], unlisted: { sessions: 5, tunnels: [500, 501, 502], since: NOW - 2 * MINUTE } },
    [
      'users-unlisted warning 2: 5 established sessions of the switch (tunnels 500, 501, 502, …) have no user on the ledger → compare what each ledger endpoint lists (`dzd-telemetry status`): one may list too few; else the controller has left neighbors behind',
    ],
  ],
  [
    'records that were not refreshed in time',
    { users: [user(0), user(1, { ledger: { ...user(1).ledger, ageMs: 1.6 * HOUR } })], spend: { allowance: 'changes-only', since: NOW } },
    [
      'records-overdue warning 6: The records of one user were not refreshed in time; the oldest is 2 h old; the spend limits make refreshes wait → compare the outcomes of the transactions and the spend limits',
    ],
  ],
  [
    'old records of users that are not activated, and of users without a record',
    {
      users: [
        user(0),
        user(3),
        user(1, { accountStatus: 'banned', ledger: { ...user(1).ledger, ageMs: 9 * HOUR } }),
        user(2, { observation: 'down', ledger: { ...user(2).ledger, status: 'down', ageMs: null } }),
      ],
    },
    [],
  ],
  [
    'a drained device',
    { deviceStatus: { name: 'drained', since: NOW - HOUR } },
    [
      'device-not-activated warning 60: The device is drained on the ledger → statuses are still written; ask the contributor of the device whether that state is meant',
    ],
  ],
  [
    'a low balance',
    { balance: { lamports: lamports(1), hoursToEmpty: 20, at: NOW, lowSince: NOW - MINUTE } },
    [`balance-low warning 1: The metrics publisher will run out of SOL in 20 h → send SOL to ${keyNumber(99)}`],
  ],
  [
    'a balance for an hour, before a warning',
    {
      balance: { lamports: lamports(1), hoursToEmpty: 1, at: NOW, lowSince: NOW - MINUTE },
      endpoints: [ok('http://a'), lost('http://b', 'no')],
    },
    [
      `balance-nearly-empty critical 1: The metrics publisher will run out of SOL in 60 min → send SOL to ${keyNumber(99)}`,
      'endpoint-lost warning 60: Ledger endpoint http://b failed: no → check the cable',
    ],
  ],
  [
    'a failed reload',
    { reload: { successful: false, at: NOW - MINUTE, message: 'config.yaml:3: device' } },
    [
      'reload-failed warning 1: The last reload of the configuration failed; the former one is in use: config.yaml:3: device → correct the configuration (`dzd-telemetry check`) and reload',
    ],
  ],
  ['a reload', { reload: { successful: true, at: NOW, message: 'configuration reloaded' } }, []],
  [
    'snapshots that cannot be stored',
    { snapshotProblem: problem },
    ['snapshots-failing warning 3: Raw snapshots cannot be stored; status writes are not affected: rate limit exceeded → add an endpoint'],
  ],
];
