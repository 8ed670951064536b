import type { AgentStatus, UserReport } from '../../agent-status.ts';
import { html, type Markup } from './markup.ts';
import { type Column, tableInSteps } from './table.ts';
import { HOLD_WORDS, milliseconds, shortKey, span } from './words.ts';

/** So many rows a browser on a phone still draws at once; the rest is in /status.json. */
const MOST_SHOWN = 500;
/** A group that is well and longer than this begins folded. */
const FOLDED_ABOVE = 25;
/** One transition is no flapping. */
const FLAPPING = 2;

interface Group {
  readonly id: string;
  readonly title: string;
  readonly isWell: boolean;
  readonly users: readonly UserReport[];
}

/** The users by state; who needs a look comes first. Pauses after each row. */
export function* usersByState({ users }: AgentStatus): Generator<void, Markup, void> {
  if (users.length === 0) return html`<p class="dim">The ledger has no user of this device, or it has not been read yet.</p>`;
  const sorted = [...users].sort((a, b) => a.tunnelId - b.tunnelId);
  let room = MOST_SHOWN;
  const groups: Markup[] = [];
  for (const group of groupsOf(sorted)) {
    if (group.users.length === 0) continue;
    const shown = group.users.slice(0, room);
    room -= shown.length;
    groups.push(yield* groupMarkup(group, shown));
  }
  return html`${groups}`;
}

function groupsOf(users: readonly UserReport[]): readonly Group[] {
  const is = (id: string) => (user: UserReport) => groupOf(user) === id;
  const group = (id: string, title: string, isWell = false): Group => ({ id, title, isWell, users: users.filter(is(id)) });
  return [
    group('refused', 'Refused by the program'),
    group('unobserved', 'Not observed: nothing is reported'),
    group('changing', 'Changing: the ledger does not say it yet'),
    group('down', 'Down, and the ledger says so'),
    group('up', 'Up, and the ledger says so', true),
  ];
}

function groupOf({ parked, observation, ledger }: UserReport): string {
  if (parked !== null) return 'refused';
  if (observation === 'unobserved') return 'unobserved';
  return ledger.status === observation ? observation : 'changing';
}

function* groupMarkup({ id, title, isWell, users }: Group, shown: readonly UserReport[]): Generator<void, Markup, void> {
  const isOpen = !isWell || users.length <= FOLDED_ABOVE;
  const more =
    shown.length < users.length
      ? html`<p class="dim pad">… and ${users.length - shown.length} more in <a href="/status.json">/status.json</a></p>`
      : html``;
  const rows = yield* tableInSteps(title, COLUMNS, shown);
  return html`<details id="users-${id}"${isOpen ? html` open` : html``} class="users"><summary>${title} <b>${users.length}</b></summary>${rows}${more}</details>`;
}

const COLUMNS: readonly Column<UserReport>[] = [
  { title: 'Tunnel', isName: true, cell: ({ tunnelId }) => tunnelId },
  { title: 'User', kind: 'mono', cell: ({ user }) => html`<a href="/status/users/${user}" title="${user}">${shortKey(user)}</a>` },
  {
    title: 'VRF and neighbor',
    kind: 'mono',
    cell: ({ neighbor, expectedVrf }) =>
      neighbor === null ? `${expectedVrf ?? 'VRF unknown'}, none` : `${neighbor.vrf} ${neighbor.address}`,
  },
  {
    title: 'Switch',
    cell: ({ observation, neighbor, sinceMs }) =>
      html`<span class="${observation}">${neighbor?.state ?? (observation === 'down' ? 'no neighbor' : 'not seen')}</span>${sinceMs === null ? '' : ` for ${span(sinceMs)}`}`,
  },
  {
    title: 'Ledger',
    cell: ({ ledger }) =>
      html`<span class="${ledger.status}">${ledger.status}</span>${ledger.ageMs === null ? '' : `, ${span(ledger.ageMs)} old`}`,
  },
  { title: 'RTT', cell: ({ ledger }) => (ledger.rttNs === 0n ? '' : milliseconds(ledger.rttNs)) },
  { title: 'Remark', kind: 'wrap', cell: remark },
];

function remark({ parked, inFlight, decision, decisionReason, suppressed, flaps, penalty }: UserReport): string {
  const flapping =
    penalty === 0 || flaps < FLAPPING ? '' : `${flaps} transitions, penalty ${Math.round(penalty)}${suppressed ? ', flaps too often' : ''}`;
  const state =
    parked !== null
      ? `rejected: ${parked}`
      : inFlight !== null
        ? `${inFlight} is on its way`
        : decision === 'hold'
          ? (HOLD_WORDS[decisionReason ?? ''] ?? decisionReason ?? '')
          : decision === 'write' && decisionReason === 'change'
            ? 'to be written'
            : '';
  return [state, flapping].filter((part) => part !== '').join('; ');
}
