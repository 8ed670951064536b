import type { HoldReason, UnobservedReason } from '../bgp/index.ts';
import { standstillSince } from '../rpc/slots.ts';
import type { AgentState, PartReport, UserReport } from './status.ts';
import { COMPARE_VRFS, HOLD_REASON_TEXT, span, userCount } from './text.ts';

/** critical: a person has to act. warning: the agent continues, with a fault. */
type Severity = 'warning' | 'critical';
export type Verdict = 'ok' | Severity;

interface FindingKind {
  readonly severity: Severity;
  /** The alert of mixin/alerts.yaml and the page of docs/runbooks/ with its name. */
  readonly runbook: string;
  /** One sentence for the table of docs/watching.md. */
  readonly meaning: string;
  /** No status can be written meanwhile: `/-/ready` answers 503. */
  readonly blocksWrites?: true;
}

/**
 * Everything that keeps the verdict from being ok, the gravest first. Page, status.json, log, metrics, readiness, `check`, docs, alerts and
 * runbooks use these codes.
 */
export const FINDINGS = {
  'agent-silent': {
    severity: 'critical',
    runbook: 'DzdTickStalled',
    blocksWrites: true,
    meaning: 'No tick has completed for a minute, or longer where the interval or SNMP polls are long.',
  },
  'authority-lost': {
    severity: 'critical',
    runbook: 'DzdAuthorityLost',
    blocksWrites: true,
    meaning: 'Writes are halted: the device names another metrics publisher, or the account is not the configured device.',
  },
  'out-of-funds': {
    severity: 'critical',
    runbook: 'DzdPayerEmpty',
    blocksWrites: true,
    meaning: 'Writes are halted: the balance of the metrics publisher is too low.',
  },
  'writes-halted': {
    severity: 'critical',
    runbook: 'DzdWritingHalted',
    blocksWrites: true,
    meaning: 'Writes are halted for another reason: the program is too old, or rejects the instruction as malformed.',
  },
  'spend-limit-reached': {
    severity: 'critical',
    runbook: 'DzdSpendLimitReached',
    blocksWrites: true,
    meaning: 'worker.maxTransactionsPerMinute or worker.maxLamportsPerDay is used up.',
  },
  'ledger-stands-still': {
    severity: 'critical',
    runbook: 'DzdLedgerStandsStill',
    blocksWrites: true,
    meaning: 'The endpoints answer, but have reported no newer slot, and no write was confirmed, for 20 s.',
  },
  'writes-not-landing': {
    severity: 'critical',
    runbook: 'DzdWritesNotLanding',
    blocksWrites: true,
    meaning: 'Statuses wait, and none has been confirmed for 45 s.',
  },
  'switch-unread': {
    severity: 'critical',
    runbook: 'DzdSwitchUnreachable',
    blocksWrites: true,
    meaning: 'No source could read the switch at the last poll.',
  },
  'ledger-unread': {
    severity: 'critical',
    runbook: 'DzdLedgerStale',
    blocksWrites: true,
    meaning: 'Two ticks in a row could not read the users from the ledger.',
  },
  'endpoints-lost': {
    severity: 'critical',
    runbook: 'DzdLedgerStale',
    meaning: 'Every ledger endpoint fails; the agent uses the last reading for a few minutes.',
  },
  'users-all-down': {
    severity: 'critical',
    runbook: 'DzdAllUsersDown',
    meaning: 'Every activated user of the device is down, however many there are; users within a grace are not counted.',
  },
  'mass-down-unconfirmed': {
    severity: 'critical',
    runbook: 'DzdMassDown',
    meaning: 'Most sessions read down at once, and a second poll did not confirm it.',
  },
  'balance-nearly-empty': {
    severity: 'critical',
    runbook: 'DzdPayerBalanceLow',
    meaning: 'The balance of the metrics publisher lasts for less than 6 hours.',
  },
  starting: {
    severity: 'warning',
    runbook: 'DzdAgentRestarts',
    blocksWrites: true,
    meaning: 'The agent has not read both switch and ledger since its start; for a minute at most.',
  },
  'users-mostly-down': {
    severity: 'warning',
    runbook: 'DzdMostUsersDown',
    meaning: 'At least half of the activated users are down.',
  },
  'writes-delayed': {
    severity: 'warning',
    runbook: 'DzdWritesDelayed',
    meaning: 'A changed status has waited for its confirmation for more than a minute.',
  },
  'records-overdue': {
    severity: 'warning',
    runbook: 'DzdRefreshOverdue',
    meaning: 'The record of an observed user is older than one and a half times policy.refreshInterval.',
  },
  'ledger-lag': {
    severity: 'warning',
    runbook: 'DzdLedgerLag',
    meaning: "The block time of the newest slot differs from this host's clock by more than 20 s.",
  },
  'endpoint-lost': {
    severity: 'warning',
    runbook: 'DzdEndpointsSetAside',
    meaning: 'One ledger endpoint fails, lags behind the others, or belongs to another cluster; others are in use.',
  },
  'source-lost': {
    severity: 'warning',
    runbook: 'DzdSourceDown',
    meaning: 'One switch source fails; others are in use.',
  },
  'trigger-lost': {
    severity: 'warning',
    runbook: 'DzdTriggerLost',
    meaning: 'A trigger source (traps, streams) fails; changes are seen at the poll interval.',
  },
  'vrf-failed': {
    severity: 'warning',
    runbook: 'DzdVrfFailed',
    meaning: 'A VRF of the switch cannot be read.',
  },
  'users-unobserved': {
    severity: 'warning',
    runbook: 'DzdUsersUnobserved',
    meaning: 'Activated users cannot be observed; one finding per reason.',
  },
  'users-ambiguous': {
    severity: 'warning',
    runbook: 'DzdUsersAmbiguous',
    meaning: 'Users match more than one neighbor (rule 2).',
  },
  'users-unlisted': {
    severity: 'warning',
    runbook: 'DzdUsersUnlisted',
    meaning: 'For a minute, established sessions of the switch have had no user on the ledger.',
  },
  'users-rejected': {
    severity: 'warning',
    runbook: 'DzdUsersRejected',
    meaning: 'The program rejects the status of users.',
  },
  'second-writer': {
    severity: 'warning',
    runbook: 'DzdSecondWriter',
    meaning: 'Another process writes different statuses for users of this device.',
  },
  'users-flapping': {
    severity: 'warning',
    runbook: 'DzdMassFlap',
    meaning: 'Users flap more than damping allows.',
  },
  'device-not-activated': {
    severity: 'warning',
    runbook: 'DzdDeviceNotActivated',
    meaning: 'On the ledger, the device is drained or in another state than activated.',
  },
  'balance-low': {
    severity: 'warning',
    runbook: 'DzdPayerBalanceLow',
    meaning: 'The balance of the metrics publisher lasts for less than 72 hours.',
  },
  'reload-failed': {
    severity: 'warning',
    runbook: 'DzdReloadFailed',
    meaning: 'The last reload of the configuration failed; the agent continues with the former one.',
  },
  'snapshots-failing': {
    severity: 'warning',
    runbook: 'DzdSnapshotsFailing',
    meaning: 'Raw snapshots cannot be stored.',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingCode = keyof typeof FINDINGS;
export const FINDING_CODES = Object.keys(FINDINGS) as readonly FindingCode[];

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** Milliseconds since 1970, this host's clock. */
  readonly since: number;
  /** One sentence without its full stop. */
  readonly text: string;
  /** What a person can do about it, without a full stop. */
  readonly remedy: string;
  /** The name of its page in docs/runbooks/, which is that of its alert. */
  readonly runbook: string;
}

interface Assessment {
  readonly verdict: Verdict;
  /** The gravest first; empty if the verdict is ok. */
  readonly findings: readonly Finding[];
}

/** What `/status.json` shows; JSON except for bigints. */
export type AgentStatus = AgentState & Assessment;

/** A finding names the tunnels of so many users; `users` has all. */
export const MOST_NAMED = 3;
/** With default settings a tick runs every few seconds, and a minute without one is a hang. */
export const SILENT_MS = 60_000;
/** After a start, the time allowed for the first reading of switch and ledger. */
const STARTING_MS = 60_000;
/** Below this, people should send SOL: alert, log and page agree. */
export const LOW_HOURS = 72;
const EMPTY_SOON_HOURS = 6;
/** Block times are whole seconds, and the median of the validators' clocks. */
const LAG_MS = 20_000;
export const isLagging = ({ behindMs }: { readonly behindMs: number }): boolean => Math.abs(behindMs) >= LAG_MS;
/** The controller removes the neighbor of a deleted user within about as long. */
const UNLISTED_MS = 60_000;
/** A transaction is confirmed within seconds, or has expired after a minute. */
const DELAYED_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Past so many refresh intervals, a record was not refreshed when it was due. */
const OVERDUE_INTERVALS = 1.5;

/** A finding before its severity and its runbook are looked up. */
type Found = Pick<Finding, 'code' | 'since' | 'text' | 'remedy'>;

const ORDER: ReadonlyMap<FindingCode, number> = new Map(FINDING_CODES.map((code, index) => [code, index]));

/** The one verdict about an agent: everything that is wrong, and since when. Pure. */
export function assess(state: AgentState): Assessment {
  const findings = [
    ...silence(state),
    ...halt(state),
    ...stall(state),
    ...reading(state),
    ...parts(state),
    ...sessions(state),
    ...users(state),
    ...overdue(state),
    ...surroundings(state),
  ]
    .map(({ code, since, text, remedy }): Finding => {
      const { severity, runbook } = FINDINGS[code];
      return { code, severity, since: Math.round(since), text, remedy, runbook };
    })
    .sort((a, b) => (ORDER.get(a.code) ?? 0) - (ORDER.get(b.code) ?? 0));
  return { verdict: findings[0]?.severity ?? 'ok', findings };
}

/** The finding that keeps the agent from writing, the gravest first; undefined while it can write. Users do not matter for it. Pure. */
export function whyNotReady(state: Omit<AgentState, 'users'>): Finding | undefined {
  return assess({ ...state, users: [] }).findings.find(({ code }) => 'blocksWrites' in FINDINGS[code]);
}

function silence({ lastTick, startedAt, silentAfterMs, now }: AgentState): readonly Found[] {
  const since = lastTick?.at ?? startedAt;
  if (now - since <= silentAfterMs) return [];
  const remedy = 'restart the agent (systemctl restart dzd-telemetry) and keep its log';
  return [{ code: 'agent-silent', since, text: `No tick has completed for ${span(now - since)}`, remedy }];
}

/** What halted the writes: the label of a metric, and the finding. */
export const HALT_CAUSES = {
  authority: 'authority-lost',
  funds: 'out-of-funds',
  program: 'writes-halted',
  other: 'writes-halted',
} as const;

export function haltCause(code: string): keyof typeof HALT_CAUSES {
  if (code.startsWith('LEDGER__')) return 'authority';
  if (code === 'WRITE__NO_FUNDS' || code === 'WRITE__BALANCE_LOW') return 'funds';
  return code === 'WRITE__PROGRAM_TOO_OLD' ? 'program' : 'other';
}

function halt({ halted, spend }: AgentState): readonly Found[] {
  const found: Found[] = [];
  if (halted !== null) {
    const { code, since, message, remedy } = halted;
    found.push({ code: HALT_CAUSES[haltCause(code)], since, text: `Writes halted: ${message}`, remedy });
  }
  if (spend.allowance === 'none') {
    const remedy = 'find the cause of the many writes before you raise worker.maxTransactionsPerMinute or worker.maxLamportsPerDay';
    found.push({ code: 'spend-limit-reached', since: spend.since, text: 'The spend limits leave no room; no status is written', remedy });
  }
  return found;
}

/** Stalls without an error of an endpoint: where the ledger stands still, that is their cause. */
const WITHOUT_CAUSE: ReadonlySet<string> = new Set(['LEDGER__STANDS_STILL', 'WRITE__NOT_LANDING']);

function stall({ writesStalled, slotProgress, oldestPendingSince, halted, spend, now }: AgentState): readonly Found[] {
  const found: Found[] = [];
  const stillSince = slotProgress === null ? undefined : standstillSince(slotProgress);
  const isStill = stillSince !== undefined || writesStalled?.code === 'LEDGER__STANDS_STILL';
  const oldest = oldestPendingSince === null ? '' : `; the oldest status has waited for ${span(now - oldestPendingSince)}`;
  if (isStill) {
    const since = stillSince ?? writesStalled?.since ?? now;
    const slot = slotProgress === null ? '' : `: it answers for slot ${slotProgress.slot} only`;
    found.push({
      code: 'ledger-stands-still',
      since,
      text: `The ledger has made no progress for ${span(now - since)}${slot}${writesStalled === null ? '' : oldest}`,
      remedy: 'compare the slots of other endpoints: wait if the network stands still, else replace the endpoint in ledger.rpcUrls',
    });
  }
  if (writesStalled !== null && !(isStill && WITHOUT_CAUSE.has(writesStalled.code))) {
    const { since, message, remedy } = writesStalled;
    found.push({ code: 'writes-not-landing', since, text: `No write has landed for ${span(now - since)}: ${message}${oldest}`, remedy });
  } else if (
    !isStill &&
    halted === null &&
    spend.allowance !== 'none' &&
    oldestPendingSince !== null &&
    now - oldestPendingSince > DELAYED_MS
  ) {
    found.push({
      code: 'writes-delayed',
      since: oldestPendingSince,
      text: `A changed status has waited for its confirmation for ${span(now - oldestPendingSince)}`,
      remedy: 'compare the outcomes of the transactions: many that expire or fail point to the endpoints',
    });
  }
  return found;
}

function reading(state: AgentState): readonly Found[] {
  const { ready, lastTick, startedAt, now, sources, endpoints, ledgerProblem } = state;
  // Until the first reading, a missing one is a fault only where a cause is known.
  const isStarting = !ready && elapsed(startedAt, now) < STARTING_MS;
  const found: Found[] = [];
  if (lastTick?.switchRead !== true && (!isStarting || allFail(sources))) {
    const what = 'The switch cannot be read; no status is written';
    found.push(unread('switch-unread', what, sources, state, '`dzd-telemetry check` polls every source'));
  }
  if (lastTick?.viewSlot == null ? ledgerProblem !== null || !isStarting || allFail(endpoints) : isLedgerUnread(state)) {
    const what = 'The users cannot be read from the ledger; no status is written';
    if (ledgerProblem === null) found.push(unread('ledger-unread', what, endpoints, state, 'check ledger.rpcUrls'));
    else {
      const { since, message, remedy } = ledgerProblem;
      found.push({ code: 'ledger-unread', since, text: `${what}: ${message}`, remedy: remedy ?? 'check ledger.rpcUrls' });
    }
  }
  if (isStarting && found.length === 0) {
    const text = 'The agent is starting, and has not yet read both the switch and the ledger';
    found.push({ code: 'starting', since: startedAt, text, remedy: 'wait: after a minute, what is missing is named' });
  }
  return found;
}

/** The first failed reading costs no write: the next tick reads again. */
const isLedgerUnread = ({ ledgerProblem, lastTick, now }: AgentState): boolean =>
  ledgerProblem !== null && lastTick !== null && elapsed(ledgerProblem.since, now) >= elapsed(lastTick.at - lastTick.durationMs, now);

/** Milliseconds; forever for a time in the future: the host's clock was moved back since then, and how long it was is not known. */
const elapsed = (since: number, now: number): number => (since > now ? Number.POSITIVE_INFINITY : now - since);

const lost = (of: readonly PartReport[]) => of.filter(({ state }) => state === 'lost');
const allFail = (of: readonly PartReport[]): boolean => of.length > 0 && lost(of).length === of.length;

/** When the last of these parts failed. Until then, another one was in use. */
const sinceLast = (failed: readonly PartReport[]): number => Math.max(...failed.map(({ since }) => since));

function unread(code: FindingCode, what: string, of: readonly PartReport[], { lastTick, startedAt }: AgentState, otherwise: string): Found {
  const failed = lost(of);
  const [first] = failed;
  const text = first?.problem == null ? what : `${what}: ${first.problem}`;
  const since = first === undefined ? (lastTick?.at ?? startedAt) : sinceLast(failed);
  return { code, since, text, remedy: first?.remedy ?? otherwise };
}

/** Sources, endpoints and triggers that fail while others work. If none could be read at all, that has its own finding. */
function parts(state: AgentState): readonly Found[] {
  const { sources, endpoints, lastTick, failedTriggers, slotProgress, ledgerLag, writesStalled, now } = state;
  const found: Found[] = [];
  if (lastTick?.switchRead === true) {
    for (const part of lost(sources))
      found.push(failure('source-lost', `Source ${describePart(part)}`, part, '`dzd-telemetry check` polls every source'));
  }
  if (lastTick?.viewSlot != null) {
    const failed = lost(endpoints);
    const [first] = failed;
    if (first !== undefined && failed.length === endpoints.length) {
      const what = endpoints.length === 1 ? 'The only ledger endpoint fails' : 'Every ledger endpoint fails';
      const why = first.problem?.includes(first.name) ? first.problem : describePart(first);
      // What keeps the users from being read, or writes from landing, is a finding already.
      if (!isLedgerUnread(state) && first.problem !== writesStalled?.message)
        found.push(failure('endpoints-lost', `${what}: ${why}`, { ...first, since: sinceLast(failed) }, 'check ledger.rpcUrls'));
    } else
      for (const part of failed)
        found.push(failure('endpoint-lost', `Ledger endpoint ${describePart(part)}`, part, 'check ledger.rpcUrls'));
  }
  for (const trigger of failedTriggers) {
    const { name, since, message, remedy } = trigger;
    const text = `Trigger source ${name} failed; changes are seen at the poll interval: ${message}`;
    found.push({ code: 'trigger-lost', since, text, remedy });
  }
  // A ledger that stands still falls behind, too.
  const isStill = slotProgress !== null && standstillSince(slotProgress) !== undefined;
  if (ledgerLag !== null && !isStill && isLagging(ledgerLag)) {
    const { since, behindMs, slot } = ledgerLag;
    const text =
      behindMs > 0
        ? `Slot ${slot}, the newest that the ledger endpoint answers for, is ${span(behindMs)} old by its block time`
        : `The block time of slot ${slot} is ${span(-behindMs)} ahead of this host's clock`;
    const remedy =
      behindMs > 0
        ? "compare the endpoint's slot with another one's (`dzd-telemetry check`), and this host's clock with NTP"
        : "set this host's clock (NTP)";
    found.push({ code: 'ledger-lag', since: Math.min(since, now), text, remedy });
  }
  return found;
}

const describePart = ({ name, problem }: PartReport): string =>
  problem === null ? `${name} failed` : problem.includes(name) ? `failed: ${problem}` : `${name} failed: ${problem}`;

function failure(code: FindingCode, text: string, { since, remedy }: PartReport, otherwise: string): Found {
  return { code, since, text, remedy: remedy ?? otherwise };
}

/** A user whose status is still within a grace waits: it is not down yet. */
const isWaiting = ({ decision, decisionReason }: Pick<UserReport, 'decision' | 'decisionReason'>): boolean =>
  decision === 'hold' && (decisionReason === 'down-unconfirmed' || decisionReason === 'connect-grace');

/** A banned or deleted user has no session to observe. */
export const isActivated = ({ accountStatus }: Pick<UserReport, 'accountStatus'>): boolean => accountStatus === 'activated';

/** Whether all or most of the users are down, however many they are. */
function sessions({ users: all, lastTick }: AgentState): readonly Found[] {
  if (lastTick?.switchRead !== true) return [];
  const activated = all.filter(isActivated);
  const down = activated.filter((user) => user.observation === 'down' && !isWaiting(user));
  const needed = Math.ceil(activated.length / 2);
  if (down.length === 0 || down.length < needed) return [];
  const isAll = down.length === activated.length;
  const inOrder = down.map(({ observedSince }) => observedSince).sort((a, b) => a - b);
  const since = inOrder[isAll ? inOrder.length - 1 : needed - 1] ?? lastTick.at;
  const never = down.filter(({ ledger }) => ledger.lastUpAtSlot === 0n).length;
  const detail = never === 0 ? '' : never === down.length ? '; none was ever reported up' : `; ${never} were never reported up`;
  const are = activated.length === 1 ? 'The only user is down' : `${down.length} of ${activated.length} users are down`;
  const text = `${are}${detail}${sharedReason(down)}`;
  const remedy = 'check `show ip bgp summary vrf all`, the uplinks and the tunnels of the switch';
  return [{ code: isAll ? 'users-all-down' : 'users-mostly-down', since, text, remedy }];
}

/** The reason that the switch gives for at least half of them. */
function sharedReason(down: readonly UserReport[]): string {
  const counts = new Map<string, number>();
  for (const { downReason } of down) if (downReason !== null) counts.set(downReason, (counts.get(downReason) ?? 0) + 1);
  const [reason = '', count = 0] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  if (count * 2 < down.length || count === 0) return '';
  return count === down.length ? `: ${reason}` : `; ${count} of them: ${reason}`;
}

const CORRECT_ACCOUNTS = 'have the accounts on the ledger corrected; `dzd-telemetry explain` shows each';

const UNOBSERVED_REMEDIES: Readonly<Record<UnobservedReason, string>> = {
  'switch-not-read': COMPARE_VRFS,
  'vrf-not-collected': COMPARE_VRFS,
  'no-neighbors-at-all': 'wait while the BGP agent of the switch starts; then check `show ip bgp summary vrf all`',
  'tunnel-net-invalid': CORRECT_ACCOUNTS,
  'tunnel-net-shared': CORRECT_ACCOUNTS,
  'neighbor-of-another-user':
    'wait until the controller has configured the switch; then compare the neighbor descriptions with the tunnel ids',
  'state-unrecognized': 'report the state that `dzd-telemetry explain` shows, with the version of EOS',
  'mass-down-unconfirmed': COMPARE_VRFS,
};

function users({ users: all, lastTick, failedVrfs, ambiguous, unlisted, now }: AgentState): readonly Found[] {
  const found: Found[] = [];
  const about = (
    code: FindingCode,
    these: readonly UserReport[],
    sinceOf: (user: UserReport) => number | null,
    text: (people: string) => string,
    remedy: string,
  ): void => {
    if (these.length === 0) return;
    const since = Math.min(...these.map((user) => sinceOf(user) ?? user.observedSince));
    found.push({ code, since, text: text(people(these)), remedy });
  };
  const rejected = all.filter(({ parked }) => parked !== null);
  about(
    'users-rejected',
    rejected,
    ({ parkedSince }) => parkedSince,
    (whose) => `The program rejects the status of ${whose}: ${rejected[0]?.parked ?? ''}`,
    'retried when the account changes, or after a backoff of 30 s to 1 h',
  );
  // If the switch cannot be read, all users are unobserved, and that has its own finding.
  const unobserved = lastTick?.switchRead === true ? all.filter((user) => isActivated(user) && user.observation === 'unobserved') : [];
  const reasons = new Set(unobserved.map(({ because }) => because ?? 'unknown'));
  for (const reason of reasons) {
    const these = unobserved.filter(({ because }) => (because ?? 'unknown') === reason);
    const words = HOLD_REASON_TEXT[reason] ?? reason;
    const why = these.length === 1 ? words : words.replace(/^its /, 'their ');
    about(
      reason === 'mass-down-unconfirmed' ? reason : 'users-unobserved',
      these,
      ({ observedSince }) => observedSince,
      (whose) => `No status is written for ${whose}: ${why}${reason === 'vrf-not-collected' ? vrfProblem(these, failedVrfs) : ''}`,
      UNOBSERVED_REMEDIES[reason as UnobservedReason] ?? COMPARE_VRFS,
    );
  }
  if (!reasons.has('vrf-not-collected')) {
    for (const { vrf, problem, since } of failedVrfs)
      found.push({ code: 'vrf-failed', since, text: `VRF ${vrf} of the switch cannot be read: ${problem}`, remedy: COMPARE_VRFS });
  }
  if (ambiguous !== null) {
    const { users: count, tunnels, since } = ambiguous;
    const which = tunnelList(tunnels, count);
    const whose = count === 1 ? `One user ${which} matches` : `${count} users ${which} match`;
    const remedy = 'remove the neighbors that are left over; the one described USER-<tunnel_id> decides, else the Established one';
    found.push({ code: 'users-ambiguous', since, text: `${whose} more than one neighbor of the switch`, remedy });
  }
  if (unlisted !== null && elapsed(unlisted.since, now) >= UNLISTED_MS) {
    const { sessions: count, tunnels, since } = unlisted;
    const text = `${count === 1 ? 'One established session' : `${count} established sessions`} of the switch ${tunnelList(tunnels, count)} ${count === 1 ? 'has' : 'have'} no user on the ledger`;
    const remedy =
      'compare what each ledger endpoint lists (`dzd-telemetry status`): one may list too few; else the controller has left neighbors behind';
    found.push({ code: 'users-unlisted', since, text, remedy });
  }
  const contested: HoldReason = 'contested';
  about(
    'second-writer',
    all.filter(({ decisionReason }) => decisionReason === contested),
    ({ decidedSince }) => decidedSince,
    (whose) => `Another process writes a different status for ${whose}`,
    'check whether a second agent runs with this key, and stop one of them',
  );
  about(
    'users-flapping',
    all.filter(({ suppressed }) => suppressed),
    ({ suppressedSince }) => suppressedSince,
    (whose) => `Excessive flaps: ${whose}`,
    'check their links; the table lists their tunnels',
  );
  return found;
}

/** Records that should have been refreshed; while nothing can be written at all, that has its own finding. */
function overdue({ users: all, refreshIntervalMs, spend, halted, writesStalled, now }: AgentState): readonly Found[] {
  if (halted !== null || writesStalled !== null) return [];
  const limitMs = OVERDUE_INTERVALS * refreshIntervalMs;
  const ages = all.flatMap((user) =>
    isActivated(user) && user.observation !== 'unobserved' && user.parked === null && Number.isFinite(user.ledger.ageMs)
      ? [user.ledger.ageMs ?? 0]
      : [],
  );
  const late = ages.filter((age) => age > limitMs);
  if (late.length === 0) return [];
  const oldest = Math.max(...late);
  const limited = spend.allowance === 'all' ? '' : '; the spend limits make refreshes wait';
  const text = `The records of ${userCount(late.length)} were not refreshed in time; the oldest is ${span(oldest)} old${limited}`;
  const remedy = 'compare the outcomes of the transactions and the spend limits';
  return [{ code: 'records-overdue', since: now - oldest + limitMs, text, remedy }];
}

/** The first VRF that failed, and why; where none failed, the switch does not report the VRFs in which the users are expected. */
function vrfProblem(of: readonly UserReport[], [failed]: AgentState['failedVrfs']): string {
  if (failed !== undefined) return `; ${failed.vrf}: ${failed.problem}`;
  const expected = [...new Set(of.flatMap(({ expectedVrf }) => expectedVrf ?? []))];
  if (expected.length === 0) return '';
  return `; the switch does not report VRF ${expected.slice(0, 3).join(', ')}${expected.length > 3 ? ', …' : ''}`;
}

/** The key's balance, the device's account, the configuration and the snapshots. */
function surroundings({ balance, publisher, deviceStatus, reload, snapshotProblem, halted }: AgentState): readonly Found[] {
  const found: Found[] = [];
  const hours = balance?.hoursToEmpty;
  // A halt for lack of funds says the same.
  if (balance !== null && hours != null && hours < LOW_HOURS && (halted === null || haltCause(halted.code) !== 'funds')) {
    found.push({
      code: hours < EMPTY_SOON_HOURS ? 'balance-nearly-empty' : 'balance-low',
      since: balance.lowSince ?? balance.at,
      text: `The metrics publisher will run out of SOL in ${span(hours * HOUR_MS)}`,
      remedy: `send SOL to ${publisher ?? 'the key of the metrics publisher'}`,
    });
  }
  if (deviceStatus !== null && deviceStatus.name !== 'activated') {
    const remedy = 'statuses are still written; ask the contributor of the device whether that state is meant';
    found.push({
      code: 'device-not-activated',
      since: deviceStatus.since,
      text: `The device is ${deviceStatus.name} on the ledger`,
      remedy,
    });
  }
  if (reload !== null && !reload.successful) {
    const text = `The last reload of the configuration failed; the former one is in use: ${reload.message}`;
    found.push({ code: 'reload-failed', since: reload.at, text, remedy: 'correct the configuration (`dzd-telemetry check`) and reload' });
  }
  if (snapshotProblem !== null) {
    const { since, message, remedy } = snapshotProblem;
    found.push({
      code: 'snapshots-failing',
      since,
      text: `Raw snapshots cannot be stored; status writes are not affected: ${message}`,
      remedy,
    });
  }
  return found;
}

/** The sessions in one sentence. Users within a grace wait; users that are not activated are not counted. */
export function sessionSummary({ users: all, lastTick }: Pick<AgentState, 'users' | 'lastTick'>): string {
  if (lastTick?.viewSlot == null) return 'the users have not been read from the ledger';
  const activated = all.filter(isActivated);
  if (activated.length === 0)
    return all.length === 0 ? 'the ledger has no user of this device' : 'the ledger has no activated user of this device';
  const up = activated.filter(({ observation }) => observation === 'up').length;
  const missing = activated.filter(({ observation }) => observation === 'unobserved').length;
  if (missing === activated.length) return `none of ${activated.length} sessions can be observed`;
  const others = missing === 0 ? '' : `, ${missing} cannot be observed`;
  // No status is written for an unobserved user.
  const differing = all.filter(
    (user) =>
      user.observation !== 'unobserved' && user.ledger.status !== user.observation && (isActivated(user) || user.ledger.status === 'up'),
  );
  const waiting = differing.filter(isWaiting).length;
  const pending = differing.length - waiting;
  const grace = waiting === 0 ? '' : `, ${waiting === 1 ? 'one is' : `${waiting} are`} waiting for a grace to end`;
  const ledger =
    pending === 0 ? 'and the ledger agrees' : `and ${pending === 1 ? 'one change is' : `${pending} changes are`} not on the ledger yet`;
  return `${up} of ${activated.length} sessions are up${others}${grace}, ${pending === 0 && waiting > 0 ? 'and the ledger agrees about the others' : ledger}`;
}

/** `one user (tunnel 502)`, `3 users (tunnels 502, 504, …)`. */
function people(of: readonly UserReport[]): string {
  const tunnels = of.slice(0, MOST_NAMED).map(({ tunnelId }) => tunnelId);
  return `${userCount(of.length)} ${tunnelList(tunnels, of.length)}`;
}

/** `(tunnel 502)`, `(tunnels 502, 504, …)`: those of a few of `count` users. */
const tunnelList = (tunnels: readonly number[], count: number): string =>
  `(${count === 1 ? 'tunnel' : 'tunnels'} ${tunnels.join(', ')}${count > tunnels.length ? ', …' : ''})`;
