import type { AgentStatus, PartReport, TimelineEntry, TransactionReport } from '../../agent-status.ts';
import { html, type Markup } from './markup.ts';
import { type Column, table } from './table.ts';
import { clockTime, shortKey, span } from './words.ts';

/** The rest is folded away. */
const NEWEST = 8;
const MOST_TRANSACTIONS = 40;
const MOST_EVENTS = 100;
/** What the same tick or the same transaction did to many is one line. */
const TOGETHER_MS = 2_000;

/** The last transactions, the newest first. A signature is there whole, to be copied. */
export function transactions({ recentTransactions, transactions: counts, writes }: AgentStatus): Markup {
  const { sent, landed, expired, failed } = counts;
  const sums = html`<p class="dim">${sent} sent, ${landed} landed with ${writes.landed} statuses, ${expired} expired, ${failed} failed, ${writes.rejected} statuses refused</p>`;
  if (recentTransactions.length === 0)
    return html`${sums}<p class="dim">None since the start: the ledger already says what the switch says.</p>`;
  const newest = recentTransactions.slice(-MOST_TRANSACTIONS).reverse();
  return html`${sums}${foldedBelow('earlier-tx', newest, (rows) => table('Transactions', TRANSACTION_COLUMNS, rows))}`;
}

const TRANSACTION_COLUMNS: readonly Column<TransactionReport>[] = [
  { title: 'Sent', kind: 'mono', isName: true, cell: ({ sentAt }) => clockTime(sentAt) },
  { title: 'State', cell: ({ state }) => html`<span class="tx-${state}">${state === 'in-flight' ? 'in flight' : state}</span>` },
  { title: 'Took', cell: ({ tookMs }) => (tookMs === null ? '–' : seconds(tookMs)) },
  { title: 'Users', cell: ({ users }) => users },
  { title: 'Signature', kind: 'mono sig', cell: ({ signature }) => html`<span title="${signature}">${signature}</span>` },
  { title: 'Problem', kind: 'wrap', cell: ({ problem }) => problem ?? '' },
];

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** Where the agent reads from and writes to. */
export function parts({ sources, endpoints, now }: AgentStatus): Markup {
  const rows = [...sources.map((part) => ({ kind: 'source', part })), ...endpoints.map((part) => ({ kind: 'ledger endpoint', part }))];
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: 'Name', kind: 'mono', isName: true, cell: ({ part }) => part.name },
    { title: 'What', cell: ({ kind }) => kind },
    { title: 'State', cell: ({ part }) => html`<span class="${part.state}">${part.state}</span> for ${span(now - part.since)}` },
    { title: 'Last answer took', cell: ({ part }) => (part.latencyMs === null ? '' : `${Math.max(1, Math.round(part.latencyMs))} ms`) },
    { title: 'Last problem', kind: 'wrap', cell: ({ part }) => problemOf(part, now) },
  ];
  return table('Sources and ledger endpoints', columns, rows);
}

function problemOf({ problem, remedy, lastProblem }: PartReport, now: number): Markup {
  if (problem !== null) return html`${problem}${remedy === null ? '' : html`<br><span class="dim">${remedy}</span>`}`;
  return lastProblem === null
    ? html`<span class="dim">none</span>`
    : html`<span class="dim">${span(now - lastProblem.at)} ago: ${lastProblem.text}</span>`;
}

/** What happened, the newest first. */
export function lately({ timeline }: AgentStatus): Markup {
  return timeline.length === 0 ? html`<p class="dim">Nothing has happened since the start.</p>` : eventList(timeline);
}

/** Events as a list; the newest come last, and are shown first. */
export function eventList(timeline: readonly TimelineEntry[]): Markup {
  const groups = together(timeline).slice(-MOST_EVENTS).reverse();
  return foldedBelow('earlier-events', groups, (rows) => html`<ol class="card">${rows.map(eventMarkup)}</ol>`);
}

/** The newest ones, and those before them to be unfolded. */
function foldedBelow<Row>(id: string, rows: readonly Row[], draw: (rows: readonly Row[]) => Markup): Markup {
  const earlier = rows.slice(NEWEST);
  const fold = html`<details id="${id}"><summary>${earlier.length} before these</summary>${draw(earlier)}</details>`;
  return html`${draw(rows.slice(0, NEWEST))}${earlier.length === 0 ? '' : fold}`;
}

interface EventGroup {
  readonly first: TimelineEntry;
  readonly count: number;
}

function together(timeline: readonly TimelineEntry[]): readonly EventGroup[] {
  const groups: EventGroup[] = [];
  for (const entry of timeline) {
    const last = groups.at(-1);
    if (last !== undefined && last.first.kind === entry.kind && last.first.text === entry.text && entry.at - last.first.at <= TOGETHER_MS) {
      groups[groups.length - 1] = { first: last.first, count: last.count + 1 };
    } else groups.push({ first: entry, count: 1 });
  }
  return groups;
}

function eventMarkup({ first: { at, kind, text, user }, count }: EventGroup): Markup {
  const whom = count > 1 ? html`<b>${count} ×</b> ` : html``;
  const who =
    count > 1 || user === null ? html`` : html` <a class="mono" href="/status/users/${user}" title="${user}">${shortKey(user)}</a>`;
  const tone = kind === 'up' || kind === 'down' ? kind : BAD.has(kind) ? 'lost' : '';
  return html`<li><time class="mono dim" datetime="${new Date(at).toISOString()}">${clockTime(at)}</time> ${whom}<span class="${tone}">${text}</span>${who}</li>
`;
}

const BAD: ReadonlySet<TimelineEntry['kind']> = new Set(['rejected', 'expired', 'failed', 'halted', 'mass-down']);
