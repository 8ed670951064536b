import { NETWORKS } from '../../serviceability/index.ts';
import type { AgentStatus } from '../findings.ts';
import type { FlapMinute, PartReport, TimelineEntry, TransactionReport, UserReport } from '../status.ts';
import { clockTime, span } from '../text.ts';
import { type Column, html, type Markup, table } from './html.ts';
import { userLink } from './users.ts';

/** Rows shown; the rest is folded. */
const NEWEST = 8;
const MOST_TRANSACTIONS = 40;
const MOST_EVENTS = 100;
/** Equal events within this time, as from one tick or one transaction, are one line. */
const TOGETHER_MS = 2_000;

/** The last transactions, the newest first. Signatures are complete, to be copied. */
export function transactions({ recentTransactions, transactions: counts, writes, network }: AgentStatus): Markup {
  const { sent, landed, expired, failed } = counts;
  const sums = html`<p class="dim">${sent} sent, ${landed} confirmed with ${writes.landed} statuses, ${expired} expired, ${failed} failed, ${writes.rejected} statuses rejected</p>`;
  if (recentTransactions.length === 0) return html`${sums}<p class="dim">None since the start.</p>`;
  const newest = recentTransactions.slice(-MOST_TRANSACTIONS).reverse();
  return html`${sums}${foldedBelow('earlier-tx', newest, (rows) => table('Transactions', transactionColumns(network), rows))}`;
}

const transactionColumns = (network: string | null): readonly Column<TransactionReport>[] => [
  { title: 'Sent', kind: 'mono', isName: true, cell: ({ sentAt }) => clockTime(sentAt) },
  { title: 'State', cell: ({ state }) => html`<span class="tx-${state}">${STATE_TEXT[state]}</span>` },
  { title: 'Took', cell: ({ tookMs }) => (tookMs === null ? '–' : seconds(tookMs)) },
  { title: 'Users', isTitled: true, cell: ({ users }) => users },
  { title: 'Signature', kind: 'mono sig', cell: ({ signature }) => signatureText(network, signature) },
  { title: 'Problem', kind: 'wrap', cell: ({ problem }) => problem ?? '' },
];

/**
 * The signature, complete to be copied; a link to Solana's explorer where that can read the ledger. DoubleZero's own pages name it with the public
 * endpoint of the network (RFC-12 of malbeclabs/doublezero). The operator's endpoints may hold tokens and stay out of links.
 */
export function signatureText(network: string | null, signature: string): Markup {
  const ledger = NETWORKS.find(({ name, rpcUrl }) => name === network && rpcUrl.startsWith('https:'))?.rpcUrl;
  if (ledger === undefined) return html`<span title="${signature}">${signature}</span>`;
  const address = `https://explorer.solana.com/tx/${encodeURIComponent(signature)}?cluster=custom&customUrl=${encodeURIComponent(ledger)}`;
  return html`<a href="${address}" rel="noreferrer">${signature}</a>`;
}

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
    { title: 'Name', kind: 'mono name', isName: true, cell: ({ part }) => part.name },
    { title: 'Type', cell: ({ kind }) => kind },
    { title: 'State', cell: ({ part }) => stateOf(part, now) },
    {
      title: 'Last response took',
      isTitled: true,
      cell: ({ part }) => (part.latencyMs === null ? '' : `${Math.max(1, Math.round(part.latencyMs))} ms`),
    },
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
