import type { HoldReason, UnobservedReason } from '../../bgp/index.ts';
import type { AgentStatus, PartReport, UserReport } from '../status.ts';

/** A length of time for people: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number | null): string {
  if (ms === null) return '–';
  const seconds = ms / 1_000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function milliseconds(ns: bigint): string {
  return ns === 0n ? '–' : `${(Number(ns) / 1e6).toFixed(2)} ms`;
}

/** Four decimals, and nine where four would show 0. */
export function sol(lamports: bigint): string {
  const places = lamports > 0n && lamports < 50_000n ? 9 : 4;
  return `${(Number(lamports) / 1e9).toFixed(places)} SOL`;
}

export function shortKey(key: string): string {
  return key.length > 14 ? `${key.slice(0, 6)}…${key.slice(-4)}` : key;
}

export function clockTime(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)}`;
}

/** Why a user is neither up nor down, by the reason's name. */
export const UNOBSERVED_REASON_TEXT: Readonly<Record<UnobservedReason, string>> = {
  'switch-not-read': 'the switch could not be read',
  'vrf-not-collected': 'its VRF could not be read',
  'no-neighbors-at-all': 'the switch reports no BGP neighbor at all',
  'tunnel-net-invalid': 'its tunnel_net on the ledger is not a /31',
  'tunnel-net-shared': 'another user has the same tunnel_net',
  'neighbor-of-another-user': 'its address is configured for another user on the switch',
  'state-unrecognized': 'the switch reports a BGP state that RFC 4271 does not define',
  'mass-down-unconfirmed': 'most sessions read down at once, and a second poll did not confirm it',
};

const WAIT_REASON_TEXT: Readonly<Record<Exclude<HoldReason, UnobservedReason>, string>> = {
  'down-unconfirmed': 'down for less than policy.downGrace (default 6s)',
  'connect-grace': 'new, and within policy.connectGrace (default 60s)',
  'not-activated': 'the account is not activated',
  'write-interval': 'written less than policy.minWriteInterval (default 10s) ago; the newest status waits',
  damped: 'suppressed by flap damping; the newest status waits',
  contested: 'another process writes a different status; the newest status waits',
};

/** Why the agent writes no status for a user now, by the reason's name. */
export const HOLD_REASON_TEXT: Readonly<Record<string, string>> = { ...UNOBSERVED_REASON_TEXT, ...WAIT_REASON_TEXT };

/** critical: a person has to act. warning: the agent continues, with a fault. */
export type Level = 'ok' | 'warning' | 'critical';

export interface Finding {
  readonly level: Level;
  /** One sentence without its full stop. */
  readonly what: string;
  /** What a person can do about it. */
  readonly remedy: string | null;
}

/** A tick runs every few seconds; a minute without one is a hang. */
const SILENT_MS = 60_000;
/** After a start, the time allowed for the first reading of switch and ledger. */
const STARTING_MS = 60_000;
const LOW_HOURS = 48;
const EMPTY_SOON_HOURS = 6;
const COMPARE_VRFS = 'compare `show ip bgp summary vrf all` on the switch';

/** The agent's faults, the worst first, or one finding of level ok. Pure. */
export function findings(status: AgentStatus): readonly [Finding, ...Finding[]] {
  const found = [
    ...silence(status),
    ...halt(status),
    ...stall(status),
    ...reading(status),
    ...money(status),
    ...ofUsers(status),
    ...ofParts(status),
  ];
  const [first, ...rest] = [...found.filter(({ level }) => level === 'critical'), ...found.filter(({ level }) => level === 'warning')];
  return first === undefined ? [{ level: 'ok', what: `Healthy: ${sessionSummary(status)}`, remedy: null }] : [first, ...rest];
}

const critical = (what: string, remedy: string | null): Finding => ({ level: 'critical', what, remedy });
const warning = (what: string, remedy: string | null): Finding => ({ level: 'warning', what, remedy });

function silence({ lastTick, startedAt, now }: AgentStatus): readonly Finding[] {
  const silentMs = now - (lastTick?.at ?? startedAt);
  if (silentMs <= SILENT_MS) return [];
  return [critical(`No tick has completed for ${span(silentMs)}`, 'restart the agent (systemctl restart dzd-telemetry) and keep its log')];
}

function halt({ halted }: AgentStatus): readonly Finding[] {
  return halted === null ? [] : [critical(`Writes halted: ${halted.message}`, halted.remedy)];
}

function stall({ writesStalled, now }: AgentStatus): readonly Finding[] {
  if (writesStalled === null) return [];
  const { since, code, message, remedy } = writesStalled;
  // Perhaps no write waits for a ledger that stands still.
  const what = code === 'LEDGER__STANDS_STILL' ? 'For' : 'No write has landed for';
  return [critical(`${what} ${span(now - since)}: ${message}`, remedy)];
}

function reading({ ready, lastTick, startedAt, now, sources, endpoints, ledgerProblem }: AgentStatus): readonly Finding[] {
  // Until the first reading, a missing one is a fault only where a cause is known.
  const isStarting = !ready && now - startedAt < STARTING_MS;
  const found: Finding[] = [];
  if (lastTick?.switchRead !== true && (!isStarting || allFail(sources)))
    found.push(unread('The switch cannot be read; no status is written', sources));
  if (lastTick?.viewSlot == null) {
    if (ledgerProblem !== null)
      found.push(critical(`The ledger cannot be read; no status is written: ${ledgerProblem.message}`, ledgerProblem.remedy));
    else if (!isStarting || allFail(endpoints)) found.push(unread('The ledger cannot be read; no status is written', endpoints));
  }
  // A failed endpoint has a finding of its own; endpoints that respond with stale data do not.
  else if (ledgerProblem !== null && endpoints.some(({ state }) => state === 'ok')) {
    found.push(critical(`The users cannot be read from the ledger; no status is written: ${ledgerProblem.message}`, ledgerProblem.remedy));
  }
  if (isStarting && found.length === 0)
    return [warning('The agent is starting, and has not yet read both the switch and the ledger', null)];
  return found;
}

function allFail(parts: readonly PartReport[]): boolean {
  return parts.length > 0 && parts.every(({ state }) => state === 'lost');
}

function unread(what: string, parts: readonly PartReport[]): Finding {
  const failed = parts.find(({ state }) => state === 'lost');
  return critical(failed?.problem == null ? what : `${what}: ${failed.problem}`, failed?.remedy ?? null);
}

function money({ balance, publisher }: AgentStatus): readonly Finding[] {
  const hours = balance?.hoursToEmpty;
  if (hours == null || hours >= LOW_HOURS) return [];
  const level = hours < EMPTY_SOON_HOURS ? critical : warning;
  return [
    level(
      `The metrics publisher will run out of SOL in ${span(hours * 3_600_000)}`,
      `send SOL to ${publisher ?? 'the key of the metrics publisher'}`,
    ),
  ];
}

function ofUsers({ users, lastTick, failedVrfs }: AgentStatus): readonly Finding[] {
  const found: Finding[] = [];
  const about = (these: readonly UserReport[], what: (people: string) => string, remedy: string | null): void => {
    if (these.length > 0) found.push(warning(what(people(these)), remedy));
  };
  const rejected = users.filter(({ parked }) => parked !== null);
  about(
    rejected,
    (whose) => `The program rejects the status of ${whose}: ${rejected[0]?.parked ?? ''}`,
    'retried when the account changes, or after a backoff of 1 min to 1 h',
  );
  // If the switch cannot be read, all users are unobserved, and that has its own finding.
  const unobserved = lastTick?.switchRead === true ? users.filter(({ observation }) => observation === 'unobserved') : [];
  for (const because of new Set(unobserved.map((user) => user.because ?? 'unknown'))) {
    const these = unobserved.filter((user) => (user.because ?? 'unknown') === because);
    const text = HOLD_REASON_TEXT[because] ?? because;
    const reason = these.length === 1 ? text : text.replace(/^its /, 'their ');
    const isVrf = because === 'vrf-not-collected';
    about(
      these,
      (whose) => `No status is written for ${whose}: ${reason}${isVrf ? vrfProblem(these, failedVrfs) : ''}`,
      isVrf ? COMPARE_VRFS : null,
    );
  }
  about(
    users.filter(({ decisionReason }) => decisionReason === 'contested'),
    (whose) => `Another process writes a different status for ${whose}`,
    'check whether a second agent runs with this key, and stop one of them',
  );
  about(
    users.filter(({ suppressed }) => suppressed),
    (whose) => `Excessive flaps: ${whose}`,
    'check their links; the table lists their tunnels',
  );
  return found;
}

/** The first VRF that failed, and why; where none failed, the switch does not report the VRFs in which the users are expected. */
function vrfProblem(users: readonly UserReport[], [failed]: AgentStatus['failedVrfs']): string {
  if (failed !== undefined) return `; ${failed.vrf}: ${failed.problem}`;
  const expected = [...new Set(users.flatMap(({ expectedVrf }) => expectedVrf ?? []))];
  if (expected.length === 0) return '';
  return `; the switch does not report VRF ${expected.slice(0, 3).join(', ')}${expected.length > 3 ? ', …' : ''}`;
}

function ofParts({ sources, endpoints, lastTick }: AgentStatus): readonly Finding[] {
  // If none could be read at all, that has its own finding.
  return [
    ...(lastTick?.switchRead === true ? failuresOf(sources, 'source') : []),
    ...(lastTick?.viewSlot != null ? failuresOf(endpoints, 'ledger endpoint') : []),
  ];
}

function failuresOf(parts: readonly PartReport[], kind: string): readonly Finding[] {
  const failed = parts.filter(({ state }) => state === 'lost');
  const [first] = failed;
  const describe = ({ name, problem }: PartReport): string =>
    problem === null ? name : problem.includes(name) ? problem : `${name}: ${problem}`;
  if (first !== undefined && failed.length === parts.length) {
    return [critical(`Every ${kind} fails; the last reading is used for a few minutes only: ${describe(first)}`, first.remedy)];
  }
  return failed.map((part) => warning(`One ${kind} failed; others are in use: ${describe(part)}`, part.remedy));
}

/** The sessions in one sentence. */
export function sessionSummary({ users, lastTick }: Pick<AgentStatus, 'users' | 'lastTick'>): string {
  if (lastTick?.viewSlot == null) return 'the users have not been read from the ledger';
  if (users.length === 0) return 'the ledger has no user of this device';
  const up = users.filter(({ observation }) => observation === 'up').length;
  const missing = users.filter(({ observation }) => observation === 'unobserved').length;
  if (missing === users.length) return `none of ${users.length} sessions can be observed`;
  const others = missing === 0 ? '' : `, ${missing} cannot be observed`;
  // No status is written for an unobserved user.
  const pending = users.filter(({ observation, ledger }) => observation !== 'unobserved' && ledger.status !== observation).length;
  const ledger =
    pending === 0 ? 'and the ledger agrees' : `and ${pending === 1 ? 'one change is' : `${pending} changes are`} not on the ledger yet`;
  return `${up} of ${users.length} sessions are up${others}, ${ledger}`;
}

/** `one user (tunnel 502)`, `3 users (tunnels 502, 504, …)`. */
function people(users: readonly UserReport[]): string {
  const tunnels = users.slice(0, 3).map(({ tunnelId }) => tunnelId);
  const more = users.length > tunnels.length ? ', …' : '';
  return users.length === 1 ? `one user (tunnel ${tunnels.join('')})` : `${users.length} users (tunnels ${tunnels.join(', ')}${more})`;
}
