import type { AgentStatus, FlapMinute, PartReport, TimelineEntry, TransactionReport, UserReport } from '../status.ts';
import { clockTime, type Finding, HOLD_REASON_TEXT, milliseconds, shortKey, span } from './findings.ts';
import { type Column, html, layout, type Markup, table, verdictBox } from './html.ts';

/** Rows shown; the rest is folded. */
const NEWEST = 8;
const MOST_TRANSACTIONS = 40;
const MOST_EVENTS = 100;
/** Equal events within this time, as from one tick or one transaction, are one line. */
const TOGETHER_MS = 2_000;

/** The last transactions, the newest first. Signatures are complete, to be copied. */
export function transactions({ recentTransactions, transactions: counts, writes }: AgentStatus): Markup {
  const { sent, landed, expired, failed } = counts;
  const sums = html`<p class="dim">${sent} sent, ${landed} confirmed with ${writes.landed} statuses, ${expired} expired, ${failed} failed, ${writes.rejected} statuses rejected</p>`;
  if (recentTransactions.length === 0) return html`${sums}<p class="dim">None since the start.</p>`;
  const newest = recentTransactions.slice(-MOST_TRANSACTIONS).reverse();
  return html`${sums}${foldedBelow('earlier-tx', newest, (rows) => table('Transactions', TRANSACTION_COLUMNS, rows))}`;
}

const TRANSACTION_COLUMNS: readonly Column<TransactionReport>[] = [
  { title: 'Sent', kind: 'mono', isName: true, cell: ({ sentAt }) => clockTime(sentAt) },
  { title: 'State', cell: ({ state }) => html`<span class="tx-${state}">${STATE_TEXT[state]}</span>` },
  { title: 'Took', cell: ({ tookMs }) => (tookMs === null ? '–' : seconds(tookMs)) },
  { title: 'Users', cell: ({ users }) => users },
  { title: 'Signature', kind: 'mono sig', cell: ({ signature }) => html`<span title="${signature}">${signature}</span>` },
  { title: 'Problem', kind: 'wrap', cell: ({ problem }) => problem ?? '' },
];

const STATE_TEXT: Readonly<Record<TransactionReport['state'], string>> = {
  'in-flight': 'in flight',
  landed: 'confirmed',
  expired: 'expired',
  failed: 'failed',
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** The switch sources and ledger endpoints. */
export function parts({ sources, endpoints, now }: AgentStatus): Markup {
  const rows = [...sources.map((part) => ({ kind: 'source', part })), ...endpoints.map((part) => ({ kind: 'ledger endpoint', part }))];
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: 'Name', kind: 'mono', isName: true, cell: ({ part }) => part.name },
    { title: 'Type', cell: ({ kind }) => kind },
    { title: 'State', cell: ({ part }) => stateOf(part, now) },
    { title: 'Last response took', cell: ({ part }) => (part.latencyMs === null ? '' : `${Math.max(1, Math.round(part.latencyMs))} ms`) },
    { title: 'Last problem', kind: 'wrap', cell: ({ part }) => problemOf(part, now) },
  ];
  return table('Sources and ledger endpoints', columns, rows);
}

function stateOf({ state, since }: PartReport, now: number): Markup {
  const word = state === 'lost' ? 'failed' : 'ok';
  return html`<span class="${word}">${word}</span> for ${span(now - since)}`;
}

function problemOf({ problem, remedy, lastProblem }: PartReport, now: number): Markup {
  if (problem !== null) return html`${problem}${remedy === null ? '' : html`<br><span class="dim">${remedy}</span>`}`;
  return lastProblem === null
    ? html`<span class="dim">none</span>`
    : html`<span class="dim">${span(now - lastProblem.at)} ago: ${lastProblem.text}</span>`;
}

/** Events as a list, the newest first. */
export function eventList(timeline: readonly TimelineEntry[]): Markup {
  if (timeline.length === 0) return html`<p class="dim">No events since the start.</p>`;
  const groups = grouped(timeline).slice(-MOST_EVENTS).reverse();
  return foldedBelow('earlier-events', groups, (rows) => html`<ol class="card">${rows.map(eventMarkup)}</ol>`);
}

/** The newest rows, and the earlier ones folded. */
function foldedBelow<Row>(id: string, rows: readonly Row[], render: (rows: readonly Row[]) => Markup): Markup {
  const earlier = rows.slice(NEWEST);
  const fold = html`<details id="${id}"><summary>${earlier.length} earlier</summary>${render(earlier)}</details>`;
  return html`${render(rows.slice(0, NEWEST))}${earlier.length === 0 ? '' : fold}`;
}

interface EventGroup {
  readonly first: TimelineEntry;
  count: number;
}

function grouped(timeline: readonly TimelineEntry[]): readonly EventGroup[] {
  const groups: EventGroup[] = [];
  for (const entry of timeline) {
    const last = groups.at(-1);
    const isSame = last?.first.kind === entry.kind && last.first.text === entry.text && entry.at - last.first.at <= TOGETHER_MS;
    if (last !== undefined && isSame) last.count += 1;
    else groups.push({ first: entry, count: 1 });
  }
  return groups;
}

function eventMarkup({ first: { at, kind, text, user }, count }: EventGroup): Markup {
  const times = count > 1 ? html`<b>${count} ×</b> ` : html``;
  const whose = count > 1 || user === null ? html`` : html` ${userLink(user)}`;
  const tone = kind === 'up' || kind === 'down' ? kind : BAD.has(kind) ? 'failed' : '';
  return html`<li><time class="mono dim" datetime="${new Date(at).toISOString()}">${clockTime(at)}</time> ${times}<span class="${tone}">${text}</span>${whose}</li>
`;
}

const userLink = (user: string): Markup => html`<a class="mono" href="/status/users/${user}" title="${user}">${shortKey(user)}</a>`;

const BAD: ReadonlySet<TimelineEntry['kind']> = new Set(['rejected', 'expired', 'failed', 'halted', 'stalled', 'mass-down']);

const MINUTES = 60;
const MINUTE_MS = 60_000;
const WIDTH = 600;
/** Height of one direction: ups above the middle line, downs below it. */
const HALF = 30;
const MOST_LISTED = 5;
/** Penalty from which a user is listed; a single transition stays below it. */
const LISTED_PENALTY = 1_500;

/** The transitions of the last hour, minute by minute, and the users that flap most. */
export function flapStrip({ flaps, users, now }: Pick<AgentStatus, 'flaps' | 'users' | 'now'>): Markup {
  const up = flaps.reduce((sum, minute) => sum + minute.up, 0);
  const down = flaps.reduce((sum, minute) => sum + minute.down, 0);
  const most = Math.max(1, ...flaps.map((minute) => Math.max(minute.up, minute.down)));
  const words = `${down} sessions went down and ${up} came up in the last hour`;
  return html`<figure class="card pad"><svg viewBox="0 0 ${WIDTH} ${2 * HALF}" preserveAspectRatio="none" role="img" aria-label="${words}"><line x1="0" y1="${HALF}" x2="${WIDTH}" y2="${HALF}"/>${flaps.map((minute) => bars(minute, most, now))}</svg>
<p class="axis dim" aria-hidden="true"><span>60 min ago</span><span>30</span><span>now</span></p>
<figcaption>${words}${up + down === 0 ? '' : html`<span class="dim">, at most ${most} a minute in one direction</span>`}${flappers(users)}</figcaption></figure>`;
}

function bars({ at, up, down }: FlapMinute, most: number, now: number): Markup {
  const age = Math.floor(now / MINUTE_MS) - Math.floor(at / MINUTE_MS);
  if (age < 0 || age >= MINUTES) return html``;
  const width = WIDTH / MINUTES;
  const x = (MINUTES - 1 - age) * width + 1;
  const height = (count: number): number => (count === 0 ? 0 : Math.max(2, (count / most) * HALF));
  const title = html`<title>${age === 0 ? 'this minute' : `${age} min ago`}: ${down} down, ${up} up</title>`;
  return html`<rect class="bar-up" x="${x}" y="${HALF - height(up)}" width="${width - 2}" height="${height(up)}">${title}</rect><rect class="bar-down" x="${x}" y="${HALF}" width="${width - 2}" height="${height(down)}">${title}</rect>`;
}

/** The users with the highest flap penalty. */
function flappers(users: readonly UserReport[]): Markup {
  const most = users.filter(({ penalty }) => penalty >= LISTED_PENALTY).sort((a, b) => b.penalty - a.penalty);
  if (most.length === 0) return html``;
  const names = most
    .slice(0, MOST_LISTED)
    .map(
      ({ user, tunnelId, flaps, suppressed }) =>
        html`<li>tunnel ${tunnelId} ${userLink(user)}, ${flaps} transitions${suppressed ? html`, <b class="failed">suppressed</b>` : html``}</li>`,
    );
  return html`<ul class="flappers">${names}${most.length > MOST_LISTED ? html`<li class="dim">and ${most.length - MOST_LISTED} more</li>` : html``}</ul>`;
}

/** The page of one user, from the neighbor on the switch to the record on the ledger. Undefined for a user that the device does not have. */
export function userPage(status: AgentStatus, wanted: string): string | undefined {
  const user = status.users.find((each) => each.user === wanted);
  if (user === undefined) return undefined;
  const { level, what } = verdictOf(user);
  const events = status.timeline.flatMap((event) => (event.user === wanted ? [{ ...event, user: null }] : []));
  const name = status.deviceCode ?? shortKey(status.device);
  return layout({
    level,
    title: `tunnel ${user.tunnelId} of ${name}`,
    header: html`<nav aria-label="Up"><a href="/status">← ${name}</a></nav><h1>Tunnel ${user.tunnelId}</h1>
<p class="dim">user <span class="mono">${user.user}</span><br>as of <time datetime="${new Date(status.now).toISOString()}">${clockTime(status.now)}</time> UTC</p>`,
    main: html`${verdictBox(level, 'State of the user', what, html``)}
<section aria-labelledby="h-chain"><h2 id="h-chain">From the switch to the ledger</h2><dl class="card facts">${factsOf(
      user,
      status.now,
    ).map(
      ([term, words]) => html`<dt>${term}</dt><dd>${words}</dd>
`,
    )}</dl></section>
<section aria-labelledby="h-events"><h2 id="h-events">Recent events</h2>${eventList(events)}</section>`,
    footer: html`Times are UTC. For programs: <a href="/debug/users/${user.user}">/debug/users/${shortKey(user.user)}</a>`,
  });
}

function verdictOf(user: UserReport): Omit<Finding, 'remedy'> {
  const { parked, observation, because, ledger } = user;
  if (parked !== null)
    return {
      level: 'critical',
      what: `The program rejects its status; retried when the account changes, or after a backoff of 1 min to 1 h: ${parked}`,
    };
  if (observation === 'unobserved')
    return { level: 'warning', what: `No status is written: ${HOLD_REASON_TEXT[because ?? ''] ?? because ?? 'no reason given'}` };
  if (ledger.status === observation) return { level: 'ok', what: `The session is ${observation}, and the ledger agrees` };
  return {
    level: 'warning',
    what: `The session is ${observation}, the ledger says ${ledger.status}: ${waitText(user) ?? 'it is about to be written'}`,
  };
}

function factsOf(user: UserReport, now: number): readonly (readonly [term: string, words: Markup])[] {
  const { neighbor, expectedVrf, ledger, lastWrite, sinceMs } = user;
  const seen =
    neighbor === null
      ? html`no BGP neighbor found for this user`
      : html`<span class="mono">${neighbor.address}</span> in ${neighbor.vrf}, <span class="${user.observation}">${neighbor.state}</span>${sinceMs === null ? '' : ` for ${span(sinceMs)}`}${neighbor.description === null ? '' : `, described ${neighbor.description}`}, by source ${neighbor.source}`;
  return [
    [
      'Account',
      html`${user.accountStatus}, ${user.userType}, client <span class="mono">${user.clientIp}</span>, tunnel net <span class="mono">${user.tunnelNet}</span>`,
    ],
    ['Expected', html`a neighbor in ${expectedVrf ?? 'an unknown VRF'}`],
    ['Switch', seen],
    [
      'Ledger',
      html`<span class="${ledger.status}">${ledger.status}</span>${ledger.ageMs === null ? '' : `, reported ${span(ledger.ageMs)} ago in slot ${ledger.reportedAtSlot}`}, last up in slot ${ledger.lastUpAtSlot}, RTT ${milliseconds(ledger.rttNs)}`,
    ],
    [
      'Flaps',
      html`${user.flaps} seen, penalty ${Math.round(user.penalty)}${user.suppressed ? html`, <b class="failed">suppressed</b>` : html``}`,
    ],
    ['In flight', html`${user.inFlight ?? 'nothing'}`],
    [
      'Last write',
      lastWrite === null
        ? html`none since the start`
        : html`${lastWrite.to} (${lastWrite.reason}), confirmed ${span(now - lastWrite.at)} ago in slot ${lastWrite.slot}, ${Math.round(lastWrite.latencyMs)} ms after it was sent<br><span class="mono">${lastWrite.signature}</span>`,
    ],
  ];
}

/** A browser on a phone can still render this many rows; the rest is in /status.json. */
const MOST_SHOWN = 500;
/** A healthy group longer than this is folded at first. */
const FOLDED_ABOVE = 25;
/** Fewer transitions are not flapping. */
const FLAPPING = 2;

const GROUPS = {
  rejected: 'Rejected by the program',
  unobserved: 'Not observed: no status is written',
  changing: 'Changing: not on the ledger yet',
  down: 'Down, and the ledger agrees',
  up: 'Up, and the ledger agrees',
} as const;

/** The users by state, faults first. */
export function usersByState({ users }: AgentStatus): Markup {
  if (users.length === 0) return html`<p class="dim">The ledger has no user of this device, or has not been read yet.</p>`;
  const sorted = [...users].sort((a, b) => a.tunnelId - b.tunnelId);
  let room = MOST_SHOWN;
  const groups = Object.entries(GROUPS).map(([id, title]) => {
    const members = sorted.filter((user) => groupOf(user) === id);
    if (members.length === 0) return html``;
    const shown = members.slice(0, room);
    room -= shown.length;
    const hidden = members.length - shown.length;
    const isOpen = id !== 'up' || members.length <= FOLDED_ABOVE;
    const more = hidden > 0 ? html`<p class="dim pad">… and ${hidden} more in <a href="/status.json">/status.json</a></p>` : html``;
    return html`<details id="users-${id}"${isOpen ? html` open` : html``} class="users"><summary>${title} <b>${members.length}</b></summary>${table(title, COLUMNS, shown)}${more}</details>`;
  });
  return html`${groups}`;
}

function groupOf({ parked, observation, ledger }: UserReport): keyof typeof GROUPS {
  if (parked !== null) return 'rejected';
  if (observation === 'unobserved') return 'unobserved';
  return ledger.status === observation ? observation : 'changing';
}

const COLUMNS: readonly Column<UserReport>[] = [
  { title: 'Tunnel', isName: true, cell: ({ tunnelId }) => tunnelId },
  { title: 'User', cell: ({ user }) => userLink(user) },
  {
    title: 'VRF and neighbor',
    kind: 'mono',
    cell: ({ neighbor, expectedVrf }) =>
      neighbor === null ? `${expectedVrf ?? 'VRF unknown'}, none` : `${neighbor.vrf} ${neighbor.address}`,
  },
  {
    title: 'Switch',
    cell: ({ observation, neighbor, sinceMs }) =>
      html`<span class="${observation}">${neighbor?.state ?? (observation === 'down' ? 'no neighbor' : 'not observed')}</span>${sinceMs === null ? '' : ` for ${span(sinceMs)}`}`,
  },
  {
    title: 'Ledger',
    cell: ({ ledger }) =>
      html`<span class="${ledger.status}">${ledger.status}</span>${ledger.ageMs === null ? '' : `, ${span(ledger.ageMs)} old`}`,
  },
  { title: 'RTT', cell: ({ ledger }) => (ledger.rttNs === 0n ? '' : milliseconds(ledger.rttNs)) },
  { title: 'Remark', kind: 'wrap', cell: remark },
];

/** What the newest status of a user waits for; undefined if for nothing. */
function waitText({ inFlight, decision, decisionReason }: UserReport): string | undefined {
  if (inFlight !== null) return `${inFlight} is in flight`;
  return decision === 'hold' ? (HOLD_REASON_TEXT[decisionReason ?? ''] ?? decisionReason ?? 'on hold') : undefined;
}

function remark(user: UserReport): string {
  const { parked, suppressed, flaps, penalty, decision, decisionReason } = user;
  const flapping =
    penalty === 0 || flaps < FLAPPING ? '' : `${flaps} transitions, penalty ${Math.round(penalty)}${suppressed ? ', suppressed' : ''}`;
  const next = decision === 'write' && decisionReason === 'change' ? 'about to be written' : '';
  const state = parked === null ? (waitText(user) ?? next) : `rejected: ${parked}`;
  return [state, flapping].filter((part) => part !== '').join('; ');
}
