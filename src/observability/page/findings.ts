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

/** Four places, and all nine where four would read as nothing. */
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

/** What holds a user, in a sentence. */
export const HOLD_REASON_TEXT: Readonly<Record<string, string>> = {
  'switch-not-read': 'the switch could not be read',
  'vrf-not-collected': 'its VRF could not be read',
  'no-neighbors-at-all': 'the switch shows no BGP neighbor at all',
  'tunnel-net-invalid': 'its tunnel_net on the ledger is no /31',
  'tunnel-net-shared': 'another user has the same tunnel_net',
  'neighbor-of-another-user': 'its address is configured for another user',
  'state-unrecognized': 'the switch names a state that BGP does not have',
  'mass-down-unconfirmed': 'most sessions read down at once, and a second look did not confirm it',
  'down-unconfirmed': 'down, but not for long enough to be believed',
  'connect-grace': 'new, and still given time to connect',
  'not-activated': 'the account is not activated',
  'write-interval': 'written a moment ago; the newest status waits',
  damped: 'it flaps; the newest status waits',
  contested: 'another writer disagrees; the newest status waits',
};

/** wrong: somebody has to act. look: it goes on, but not as it should. */
export type Level = 'well' | 'look' | 'wrong';

export interface Finding {
  readonly level: Level;
  /** What is so, a sentence without its full stop. */
  readonly what: string;
  /** What a person can do about it. */
  readonly remedy: string | null;
}

/** A tick comes every few seconds; a minute without one is no delay any more. */
const SILENT_MS = 60_000;
/** After a start, so long is given to read the switch and the ledger for the first time. */
const STARTING_MS = 60_000;
const LOW_HOURS = 48;
const EMPTY_SOON_HOURS = 6;
const COMPARE_VRFS = 'compare `show ip bgp summary vrf all` on the switch';

/** The state of the agent: what is wrong or worth a look, the worst first, and in the end what is well. At least one. Pure. */
export function findings(status: AgentStatus): readonly [Finding, ...Finding[]] {
  const found = [...silence(status), ...halt(status), ...reading(status), ...money(status), ...ofUsers(status), ...ofParts(status)];
  const [first, ...rest] = [...found.filter(({ level }) => level === 'wrong'), ...found.filter(({ level }) => level === 'look')];
  return first === undefined ? [{ level: 'well', what: `All is well: ${howItStands(status)}`, remedy: null }] : [first, ...rest];
}

const wrong = (what: string, remedy: string | null): Finding => ({ level: 'wrong', what, remedy });
const look = (what: string, remedy: string | null): Finding => ({ level: 'look', what, remedy });

function silence({ lastTick, startedAt, now }: AgentStatus): readonly Finding[] {
  const silentMs = now - (lastTick?.at ?? startedAt);
  if (silentMs <= SILENT_MS) return [];
  return [
    wrong(
      `The agent has not looked at anything for ${span(silentMs)}`,
      'it hangs: restart it (systemctl restart dzd-telemetry) and keep its log',
    ),
  ];
}

function halt({ halted }: AgentStatus): readonly Finding[] {
  return halted === null ? [] : [wrong(`Nothing is written: ${halted.message}`, halted.remedy)];
}

function reading({ ready, lastTick, startedAt, now, sources, endpoints, ledgerProblem }: AgentStatus): readonly Finding[] {
  if (!ready && now - startedAt < STARTING_MS)
    return [look('The agent has just started, and has not read both the switch and the ledger yet', null)];
  const switchRead = lastTick?.switchRead ?? false;
  const ledgerRead = lastTick?.viewSlot != null;
  return [
    ...(switchRead ? [] : [unread('The switch cannot be read, so that nothing is reported for anybody', sources)]),
    ...(ledgerRead
      ? unwritten({ endpoints, ledgerProblem })
      : [unread('The ledger cannot be read, so that nothing is decided and nothing written', endpoints)]),
  ];
}

/** An endpoint that is lost has a line of its own; one that answers, but with what is too old to believe, has none. */
function unwritten({ endpoints, ledgerProblem }: Pick<AgentStatus, 'endpoints' | 'ledgerProblem'>): readonly Finding[] {
  if (ledgerProblem === null || endpoints.every(({ state }) => state === 'lost')) return [];
  return [wrong(`The users cannot be read from the ledger, so that nothing is written: ${ledgerProblem.message}`, ledgerProblem.remedy)];
}

function unread(what: string, parts: readonly PartReport[]): Finding {
  const lost = parts.find(({ state }) => state === 'lost');
  return wrong(lost?.problem == null ? what : `${what}: ${lost.problem}`, lost?.remedy ?? null);
}

function money({ balance, publisher }: AgentStatus): readonly Finding[] {
  const hours = balance?.hoursToEmpty;
  if (hours == null || hours >= LOW_HOURS) return [];
  const level = hours < EMPTY_SOON_HOURS ? wrong : look;
  return [
    level(
      `The metrics publisher runs out of SOL in ${span(hours * 3_600_000)}`,
      `send SOL to ${publisher ?? 'the key of the metrics publisher'}`,
    ),
  ];
}

function ofUsers({ users, lastTick, failedVrfs }: AgentStatus): readonly Finding[] {
  const found: Finding[] = [];
  const parked = users.filter((user) => user.parked !== null);
  if (parked.length > 0) {
    found.push(
      look(
        `The program refuses the status of ${people(parked)}: ${parked[0]?.parked ?? ''}`,
        'they are tried again when their account changes, or after a minute to an hour',
      ),
    );
  }
  // Without a reading of the switch nobody is observed, and that has been said.
  const unobserved = lastTick?.switchRead === true ? users.filter(({ observation }) => observation === 'unobserved') : [];
  for (const [because, these] of byReason(unobserved)) {
    const words = HOLD_REASON_TEXT[because] ?? because;
    const said = `Nothing is reported for ${people(these)}: ${these.length === 1 ? words : words.replace(/^its /, 'their ')}`;
    const [failed] = because === 'vrf-not-collected' ? failedVrfs : [];
    found.push(failed === undefined ? look(said, null) : look(`${said}; ${failed.vrf}: ${failed.problem}`, COMPARE_VRFS));
  }
  const contested = users.filter(({ decisionReason }) => decisionReason === 'contested');
  if (contested.length > 0) {
    found.push(look(`Another writer disagrees about ${people(contested)}`, 'is a second agent running with this key? Stop one of them'));
  }
  const flapping = users.filter(({ suppressed }) => suppressed);
  if (flapping.length > 0) found.push(look(`Too many flaps of ${people(flapping)}`, 'look at their links; their tunnels are in the table'));
  return found;
}

function ofParts({ sources, endpoints, lastTick }: AgentStatus): readonly Finding[] {
  // Where none could be read at all, that has been said.
  return [
    ...(lastTick?.switchRead === true ? lostOf(sources, 'source') : []),
    ...(lastTick?.viewSlot != null ? lostOf(endpoints, 'ledger endpoint') : []),
  ];
}

function lostOf(parts: readonly PartReport[], kind: string): readonly Finding[] {
  const lost = parts.filter(({ state }) => state === 'lost');
  const [first] = lost;
  const said = ({ name, problem }: PartReport): string =>
    problem === null ? name : problem.includes(name) ? problem : `${name}: ${problem}`;
  if (first !== undefined && lost.length === parts.length) {
    return [wrong(`No ${kind} answers any more, and what was read last serves for a few minutes only: ${said(first)}`, first.remedy)];
  }
  return lost.map((part) => look(`One ${kind} is lost, others serve: ${said(part)}`, part.remedy));
}

/** The users in a few words. */
export function howItStands({ users }: Pick<AgentStatus, 'users'>): string {
  if (users.length === 0) return 'the ledger has no user of this device';
  const up = users.filter(({ observation }) => observation === 'up').length;
  const unseen = users.filter(({ observation }) => observation === 'unobserved').length;
  const others = unseen === 0 ? '' : `, ${unseen} cannot be observed`;
  // Of whom nothing is observed nothing is written.
  const pending = users.filter(({ observation, ledger }) => observation !== 'unobserved' && ledger.status !== observation).length;
  const ledger =
    pending === 0 ? 'and the ledger says so' : `and ${pending === 1 ? 'one change is' : `${pending} changes are`} on the way to the ledger`;
  return `${up} of ${users.length} users are connected${others}, ${ledger}`;
}

function byReason(users: readonly UserReport[]): ReadonlyMap<string, readonly UserReport[]> {
  const groups = new Map<string, UserReport[]>();
  for (const user of users) groups.set(user.because ?? 'unknown', [...(groups.get(user.because ?? 'unknown') ?? []), user]);
  return groups;
}

/** `one user (tunnel 502)`, `3 users (tunnels 502, 504, …)`. */
function people(users: readonly UserReport[]): string {
  const tunnels = users.slice(0, 3).map(({ tunnelId }) => tunnelId);
  const more = users.length > tunnels.length ? ', …' : '';
  return users.length === 1 ? `one user (tunnel ${tunnels.join('')})` : `${users.length} users (tunnels ${tunnels.join(', ')}${more})`;
}
