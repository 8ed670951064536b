import { type AgentStatus, isActivated } from '../findings.ts';
import type { UserReport } from '../status.ts';
import { HOLD_REASON_TEXT, rttText, shortKey, span } from '../text.ts';
import { type Column, html, type Markup, table } from './html.ts';

/** The states by which the page groups users, faults first: the title of the group, and the words of the link to it. */
const STATES = {
  rejected: ['Rejected by the program', 'rejected'],
  unobserved: ['Not observed: no status is written', 'not observed'],
  changing: ['Changing: not on the ledger yet', 'changing'],
  waiting: ['Waiting: the newest status is held back', 'waiting'],
  down: ['Down, and the ledger agrees', 'down'],
  up: ['Up, and the ledger agrees', 'up'],
  inactive: ['Not activated: no status is due', 'not activated'],
} as const;
type UserState = keyof typeof STATES;
const STATE_NAMES = Object.keys(STATES).filter((name): name is UserState => name in STATES);

export function stateOfUser({ parked, accountStatus, observation, ledger, inFlight, decision }: UserReport): UserState {
  if (parked !== null) return 'rejected';
  if (observation === 'unobserved') return isActivated({ accountStatus }) ? 'unobserved' : 'inactive';
  if (ledger.status === observation) return observation;
  if (inFlight !== null || decision !== 'hold') return 'changing';
  return isActivated({ accountStatus }) ? 'waiting' : 'inactive';
}

/** The users that a reader asked for, by the query parameters of `/status`. */
export interface UserQuery {
  /** A client IP, key, tunnel, peer address or tunnel net, or the beginning of one; empty for all. */
  readonly q: string;
  readonly state: UserState | '';
  /** From 1; null is the first page, with long healthy groups folded. */
  readonly page: number | null;
}

export const ALL_USERS: UserQuery = { q: '', state: '', page: null };
const LONGEST_TEXT = 64;
/** As many rows as a page of 200 kB holds at most. */
const ROWS = 128;
/** A healthy group longer than this is folded at first. */
const FOLDED_ABOVE = 25;
/** Fewer transitions are not flapping. */
const FLAPPING = 2;

/** Reads the query of a request; a string says what is wrong with it. An empty value is an absent one, as forms send it. */
export function parseUserQuery(parameters: URLSearchParams): UserQuery | string {
  const unknown = [...parameters.keys()].find((name) => !Object.hasOwn(ALL_USERS, name));
  if (unknown !== undefined) return `unknown parameter ${JSON.stringify(unknown.slice(0, LONGEST_TEXT))}; expected q, state or page`;
  const q = (parameters.get('q') ?? '').trim();
  if (q.length > LONGEST_TEXT) return `q: expected at most ${LONGEST_TEXT} characters`;
  const wanted = parameters.get('state') ?? '';
  const state = wanted === '' ? '' : STATE_NAMES.find((name) => name === wanted);
  if (state === undefined) return `state: expected one of ${STATE_NAMES.join(', ')}, got ${JSON.stringify(wanted.slice(0, LONGEST_TEXT))}`;
  const page = parameters.get('page') ?? '';
  if (!/^(?:[1-9]\d{0,5})?$/.test(page)) return 'page: expected a whole number from 1';
  return { q, state, page: page === '' ? null : Number(page) };
}

/** The address of a page of users. */
export function addressOfUsers({ q, state, page }: UserQuery): string {
  const set = Object.entries({ q, state, page: page ?? '' }).filter(([, value]) => value !== '');
  return `/status${set.length === 0 ? '' : `?${new URLSearchParams(set.map(([name, value]): [string, string] => [name, String(value)]))}`}#h-users`;
}

/** Whether a user is one that the text of a search names. Digits are a tunnel, digits with dots an address, all else a key. */
function matcherOf(text: string): (user: UserReport) => boolean {
  const wanted = text.replace(/^(?:tunnel\s*|user-)(?=\d+$)/i, '');
  if (wanted === '') return () => true;
  if (/^\d+$/.test(wanted)) return ({ tunnelId }) => tunnelId === Number(wanted);
  if (/^[\d./]+$/.test(wanted)) {
    const isWhole = /^\d+\.\d+\.\d+\.\d+$/.test(wanted);
    return ({ clientIp, tunnelNet, neighbor }) =>
      tunnelNet.startsWith(isWhole ? `${wanted}/` : wanted) ||
      [clientIp, neighbor?.address].some((address) => (isWhole ? address === wanted : address?.startsWith(wanted) === true));
  }
  // As the page shortens it, too.
  const [head = '', tail = ''] = wanted.split(/…|\.{3}/);
  return ({ user }) => user.startsWith(head) && user.endsWith(tail);
}

/** The users by state, faults first, a page at a time, with their search. Each page, state and search is an address, so no script is needed. */
export function usersSection({ users }: AgentStatus, query: UserQuery): Markup {
  const isMatch = matcherOf(query.q);
  const byState = new Map(STATE_NAMES.map((name): [UserState, UserReport[]] => [name, []]));
  for (const user of users) if (isMatch(user)) byState.get(stateOfUser(user))?.push(user);
  const chosen = STATE_NAMES.filter((name) => query.state === '' || name === query.state);
  const rows = chosen.flatMap((name) => (byState.get(name) ?? []).sort((a, b) => a.tunnelId - b.tunnelId));
  const last = Math.max(1, Math.ceil(rows.length / ROWS));
  // Users come and go between two pages.
  const page = Math.min(query.page ?? 1, last);
  const shown = rows.slice((page - 1) * ROWS, page * ROWS);
  const isAsked = query.q !== '' || query.state !== '' || query.page !== null;
  const groups = chosen.map((name) => {
    const members = shown.filter((user) => stateOfUser(user) === name);
    if (members.length === 0) return html``;
    const total = byState.get(name)?.length ?? 0;
    const isOpen = isAsked || (name !== 'up' && name !== 'inactive') || total <= FOLDED_ABOVE;
    const [title] = STATES[name];
    return html`<details id="users-${name}"${isOpen ? html` open` : html``} class="users"><summary>${title} <b>${total}</b></summary>${table(title, COLUMNS, members)}</details>`;
  });
  const found =
    users.length === 0
      ? html`<p class="dim">The ledger has no user of this device, or has not been read yet.</p>`
      : rows.length === 0
        ? html`<p class="dim">No user of this device matches. The search knows client IPs, keys, tunnel numbers, peer addresses and tunnel nets.</p>`
        : html`${groups}`;
  const pages = last === 1 ? html`` : pageLinks(query, page, last, rows.length);
  return html`${search(query, byState)}${pages}${found}${shown.length > FOLDED_ABOVE ? pages : html``}`;
}

function search(query: UserQuery, byState: ReadonlyMap<UserState, readonly UserReport[]>): Markup {
  const { q, state } = query;
  const link = (to: UserState | '', words: string, count: number): Markup =>
    html` <a href="${addressOfUsers({ q, state: to, page: null })}"${to === state ? html` aria-current="true"` : html``}>${words} <b>${count}</b></a>`;
  const counts = STATE_NAMES.map((name) => [name, byState.get(name)?.length ?? 0] as const);
  const sum = counts.reduce((before, [, count]) => before + count, 0);
  const kept = state === '' ? html`` : html`<input type="hidden" name="state" value="${state}">`;
  const everyone = q === '' && state === '' ? html`` : html` <a href="${addressOfUsers(ALL_USERS)}">show all users</a>`;
  // A reload without scripts takes away what is typed.
  const calm =
    query.page === null && q === '' && state === ''
      ? html`<noscript><p class="dim">This page reloads every 5 s. <a href="${addressOfUsers({ ...query, page: 1 })}">Search on one that stays for a minute</a></p></noscript>`
      : html``;
  return html`<form role="search" action="/status#h-users"><label for="q">Client IP, key, tunnel or peer</label> <input id="q" name="q" type="search" value="${q}" maxlength="${LONGEST_TEXT}" autocomplete="off" spellcheck="false">${kept} <button>Search</button>${everyone}</form>${calm}
<nav aria-label="States of users" class="states">${link('', q === '' ? 'all' : 'all matches', sum)}${counts.map(([name, count]) => (count === 0 && name !== state ? html`` : link(name, STATES[name][1], count)))}</nav>`;
}

function pageLinks(query: UserQuery, page: number, last: number, count: number): Markup {
  const link = (to: number, words: string, rel: string): Markup =>
    to === page || to < 1 || to > last
      ? html` <span class="dim">${words}</span>`
      : html` <a href="${addressOfUsers({ ...query, page: to })}"${rel === '' ? html`` : html` rel="${rel}"`}>${words}</a>`;
  const first = (page - 1) * ROWS + 1;
  return html`<nav aria-label="Pages of users" class="pages">${link(1, 'first', '')}${link(page - 1, 'previous', 'prev')} <span>${first}–${Math.min(count, first + ROWS - 1)} of ${count}</span>${link(page + 1, 'next', 'next')}${link(last, 'last', '')}</nav>`;
}

export const userLink = (user: string): Markup => html`<a class="mono" href="/status/users/${user}" title="${user}">${shortKey(user)}</a>`;

const COLUMNS: readonly Column<UserReport>[] = [
  { title: 'Tunnel', isName: true, isTitled: true, cell: ({ tunnelId }) => tunnelId },
  { title: 'User', cell: ({ user }) => userLink(user) },
  { title: 'Client IP', isTitled: true, kind: 'mono', cell: ({ clientIp }) => clientIp },
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
    isTitled: true,
    cell: ({ ledger }) =>
      html`<span class="${ledger.status}">${ledger.status}</span>${ledger.ageMs === null ? '' : `, ${span(ledger.ageMs)} old`}`,
  },
  { title: 'RTT', isTitled: true, cell: ({ ledger }) => (ledger.rttNs === 0n ? '' : rttText(ledger.rttNs)) },
  { title: 'Remark', kind: 'wrap', cell: remark },
];

/** What the newest status of a user waits for; undefined if for nothing. */
export function waitText({ inFlight, decision, decisionReason }: UserReport): string | undefined {
  if (inFlight !== null) return `${inFlight} is in flight`;
  return decision === 'hold' ? (HOLD_REASON_TEXT[decisionReason ?? ''] ?? decisionReason ?? 'on hold') : undefined;
}

function remark(user: UserReport): string {
  const { parked, accountStatus, suppressed, flaps, penalty, decision, decisionReason } = user;
  const flapping =
    penalty === 0 || flaps < FLAPPING ? '' : `${flaps} transitions, penalty ${Math.round(penalty)}${suppressed ? ', suppressed' : ''}`;
  const next = decision === 'write' && decisionReason === 'change' ? 'about to be written' : '';
  const state = parked === null ? (waitText(user) ?? next) : `rejected: ${parked}`;
  const account = stateOfUser(user) === 'inactive' ? `the account is ${accountStatus}` : state;
  return [account, user.downReason ?? '', flapping].filter((part) => part !== '').join('; ');
}
