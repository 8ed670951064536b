import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { type AgentStatus, type Finding, sessionSummary } from '../findings.ts';
import type { UserReport } from '../status.ts';
import { clockTime, HOLD_REASON_TEXT, rttText, shortKey, sol, span } from '../text.ts';
import { html, layout, type Markup, SCRIPT, STYLE, type Tone, verdictBox, withCode } from './html.ts';
import { eventList, flapStrip, parts, signatureText, transactions } from './sections.ts';
import { ALL_USERS, stateOfUser, type UserQuery, usersSection, waitText } from './users.ts';

/** The page of one user, from the neighbor on the switch to the record on the ledger. Undefined for a user that the device does not have. */
export function userPage(status: AgentStatus, wanted: string): string | undefined {
  const user = status.users.find((each) => each.user === wanted);
  if (user === undefined) return undefined;
  const { level: ofUser, what } = verdictOf(user);
  const [finding] = status.findings;
  // What cannot be written may be wrong a moment later, and what is not read may be old.
  const level = ofUser === 'ok' && status.verdict === 'critical' ? 'warning' : ofUser;
  const agent = finding === undefined ? html`` : html`<p>The agent: ${finding.text}. <a href="/status">All findings</a></p>`;
  const events = status.timeline.flatMap((event) => (event.user === wanted ? [{ ...event, user: null }] : []));
  const name = status.deviceCode ?? shortKey(status.device);
  return layout({
    level,
    title: `tunnel ${user.tunnelId} of ${name}`,
    header: html`<nav aria-label="Up"><a href="/status">← ${name}</a></nav><h1>Tunnel ${user.tunnelId}</h1>
<p class="dim">user <span class="mono">${user.user}</span><br>as of <time datetime="${new Date(status.now).toISOString()}">${clockTime(status.now)}</time> UTC</p>`,
    main: html`${verdictBox(level, 'State of the user', [level, user.observation, user.ledger.status, finding?.code].join(' '), what, agent)}
<section aria-labelledby="h-chain"><h2 id="h-chain">From the switch to the ledger</h2><dl class="card facts">${factsOf(user, status).map(
      ([term, words]) => html`<dt>${term}</dt><dd>${words}</dd>
`,
    )}</dl></section>
<section aria-labelledby="h-events"><h2 id="h-events">Recent events</h2>${eventList(events)}</section>`,
    footer: html`Times are UTC. For programs: <a href="/debug/users/${user.user}">/debug/users/${shortKey(user.user)}</a>`,
  });
}

/** Only a session that is up on both sides is green. */
function verdictOf(user: UserReport): { readonly level: Tone; readonly what: string } {
  const { parked, observation, because, ledger, accountStatus } = user;
  if (parked !== null)
    return {
      level: 'critical',
      what: `The program rejects its status; retried when the account changes, or after a backoff of 30 s to 1 h: ${parked}`,
    };
  // While the ledger says Up, one Down is due (rule 14).
  if (stateOfUser(user) === 'inactive' && ledger.status !== 'up')
    return { level: 'neutral', what: `The account is ${accountStatus}; no status is due` };
  if (observation === 'unobserved')
    return { level: 'warning', what: `No status is written: ${HOLD_REASON_TEXT[because ?? ''] ?? because ?? 'no reason given'}` };
  if (ledger.status === observation) {
    return { level: observation === 'up' ? 'ok' : 'warning', what: `The session is ${observation}, and the ledger agrees` };
  }
  return {
    level: 'warning',
    what: `The session is ${observation}, the ledger says ${ledger.status}: ${waitText(user) ?? 'it is about to be written'}`,
  };
}

function factsOf(user: UserReport, { now, network }: AgentStatus): readonly (readonly [term: string, words: Markup])[] {
  const { neighbor, expectedVrf, ledger, lastWrite, sinceMs, downReason } = user;
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
    ...(downReason === null ? [] : [['Down because', html`${downReason}`] as const]),
    [
      'Ledger',
      html`<span class="${ledger.status}">${ledger.status}</span>${ledger.ageMs === null ? '' : `, reported ${span(ledger.ageMs)} ago in slot ${ledger.reportedAtSlot}`}, last up in slot ${ledger.lastUpAtSlot}, RTT ${rttText(ledger.rttNs)}`,
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
        : html`${lastWrite.to} (${lastWrite.reason}), confirmed ${span(now - lastWrite.at)} ago in slot ${lastWrite.slot}, ${Math.round(lastWrite.latencyMs)} ms after it was sent<br><span class="mono">${signatureText(network, lastWrite.signature)}</span>`,
    ],
  ];
}

/** The pages of docs/runbooks/ by name as JSON, put in by the build. */
declare const __RUNBOOKS__: string | undefined;

/** A checkout reads the folder. */
function readRunbooks(): Readonly<Record<string, string>> {
  const folder = new URL('../../../docs/runbooks/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.md'));
  return Object.fromEntries(files.map((file) => [file.slice(0, -3), readFileSync(new URL(file, folder), 'utf8')]));
}

const RUNBOOKS: ReadonlyMap<string, string> = new Map(
  Object.entries(typeof __RUNBOOKS__ === 'undefined' ? readRunbooks() : JSON.parse(__RUNBOOKS__)),
);

/** Where the runbook of that name is. */
const addressOfRunbook = (name: string): string => `/runbooks/${name}`;

/** The runbook of that name, with or without `.md`; undefined if there is none. */
export function runbookPage(wanted: string): string | undefined {
  const name = wanted.replace(/\.md$/, '');
  const text = RUNBOOKS.get(name);
  return text === undefined ? undefined : staticPage(name, html`<a href="/runbooks">← all runbooks</a>`, markdown(text));
}

/** The list of all runbooks. */
export function runbookIndex(): string {
  const items = [...RUNBOOKS.keys()].sort().map((name) => html`<li><a href="${addressOfRunbook(name)}">${name}</a></li>`);
  return staticPage('Runbooks', html`<a href="/status">← status</a>`, html`<h1>Runbooks</h1><ul>${items}</ul>`);
}

const staticPage = (title: string, up: Markup, main: Markup): string =>
  layout({
    level: 'neutral',
    isStatic: true,
    title,
    header: html`<nav aria-label="Up">${up}</nav>`,
    main: html`<article>${main}</article>`,
    footer: html`<a href="/status">/status</a>`,
  });

/** The Markdown of the runbooks: headings, paragraphs, lists, code, links. Anything else is shown as it is written. */
function markdown(text: string): Markup {
  const blocks = text.split(/^(```\w*\n[\s\S]*?^```$)/m).flatMap((part) => (part.startsWith('```') ? [part] : part.trim().split(/\n{2,}/)));
  return html`${blocks.map(block)}`;
}

function block(text: string): Markup {
  const [, code] = /^```\w*\n([\s\S]*)```$/.exec(text) ?? [];
  if (code !== undefined) return html`<pre class="card pad"><code>${code}</code></pre>`;
  const [, marks, title = ''] = /^(##?) (.*)$/.exec(text) ?? [];
  if (marks !== undefined) return marks === '#' ? html`<h1>${inline(title)}</h1>` : html`<h2>${inline(title)}</h2>`;
  if (!text.startsWith('- ')) return text === '' ? html`` : html`<p>${inline(text)}</p>`;
  return html`<ul>${text.split(/^- /m).map((item) => (item === '' ? '' : html`<li>${inline(item)}</li>`))}</ul>`;
}

/** Links to other runbooks are kept; what another link of the repository leads to is not in the agent. */
function inline(text: string): Markup {
  const parts = text.split(/(\[[^\]`]+\]\([^)\s]+\))/);
  return html`${parts.map((part) => {
    const [, words, to = ''] = /^\[([^\]`]+)\]\(([^)\s]+)\)$/.exec(part) ?? [];
    if (words === undefined) return withCode(part);
    const [, name] = /^(Dzd\w+)\.md$/.exec(to) ?? [];
    return name === undefined ? words : html`<a href="${addressOfRunbook(name)}">${words}</a>`;
  })}`;
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The Content-Security-Policy of a page: this script and style only, requests and searches to this host only, no frames. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The page for people: faults and remedies first, then state and recent events. Complete without scripts; updates itself with them.
 *
 *   AgentStatus ──► verdict ──► the worst finding, and the others
 *        └────────► counts, sources and endpoints, flaps, users by state, events, transactions
 */
export function statusPage(status: AgentStatus, query: UserQuery = ALL_USERS): string {
  return layout({
    level: status.verdict,
    title: status.deviceCode ?? shortKey(status.device),
    // Longer, where a reader searches.
    reloadSeconds: query === ALL_USERS ? 5 : 60,
    header: head(status),
    main: html`${verdict(status)}${tiles(status)}
<section aria-labelledby="h-parts"><h2 id="h-parts">Sources and ledger endpoints</h2>${parts(status)}</section>
<section aria-labelledby="h-flaps"><h2 id="h-flaps">Flaps</h2>${flapStrip(status)}</section>
<section aria-labelledby="h-users"><h2 id="h-users">Users</h2>${usersSection(status, query)}</section>
<section aria-labelledby="h-events"><h2 id="h-events">Recent events</h2>${eventList(status.timeline)}</section>
<section aria-labelledby="h-tx"><h2 id="h-tx">Transactions</h2>${transactions(status)}</section>`,
    footer: html`Times are UTC. <a href="/runbooks">Runbooks</a>. For programs: <a href="/status.json">/status.json</a>, <a href="/metrics">/metrics</a>`,
  });
}

function head({ deviceCode, device, publisher, version, network, host, now, startedAt }: AgentStatus): Markup {
  return html`<h1>${deviceCode ?? 'Device not read yet'}${network === null ? '' : html` <small>on ${network}</small>`}</h1>
<p class="dim">host <b>${host}</b>, device <span class="mono">${device}</span>${publisher === null ? '' : html`<br>publisher <span class="mono">${publisher}</span>`}<br>version ${version}, up for ${span(now - startedAt)}, as of <time datetime="${new Date(now).toISOString()}">${clockTime(now)}</time> UTC</p>
<nav aria-label="On this page"><a href="#h-parts">Sources</a> <a href="#h-users">Users</a> <a href="#h-events">Events</a> <a href="#h-tx">Transactions</a></nav>`;
}

/** A VRF that fails is a finding each; the rest is in /status.json. */
const MOST_FINDINGS = 50;

function verdict(status: AgentStatus): Markup {
  const [first, ...rest] = status.findings;
  if (first === undefined) return verdictBox('ok', 'State of the agent', '', `Healthy: ${sessionSummary(status)}`, html``);
  const hidden = rest.length - MOST_FINDINGS;
  const more = hidden > 0 ? html`<li>and ${hidden} more in <a href="/status.json">/status.json</a></li>` : html``;
  const others = rest
    .slice(0, MOST_FINDINGS)
    .map((finding) => html`<li class="${finding.severity}">${finding.text}. ${sinceAndRemedy(finding, status.now)}</li>`);
  const sessions = status.verdict === 'warning' ? html`<p>Sessions: ${sessionSummary(status)}.</p>` : html``;
  return verdictBox(
    status.verdict,
    'State of the agent',
    status.findings.map(({ code }) => code).join(' '),
    first.text,
    html`<p class="todo">${sinceAndRemedy(first, status.now)}</p>${rest.length === 0 ? '' : html`<ul>${others}${more}</ul>`}${sessions}`,
  );
}

function sinceAndRemedy({ code, since, remedy, runbook }: Finding, now: number): Markup {
  const day = since < now - DAY_MS ? `${new Date(since).toISOString().slice(0, 10)} ` : '';
  return html`<span class="dim">Since <time datetime="${new Date(since).toISOString()}">${day}${clockTime(since)}</time> UTC (${code}).</span> What to do: ${withCode(remedy)}; <a href="${addressOfRunbook(runbook)}">runbook</a>`;
}

const DAY_MS = 86_400_000;

const HOURS_OF_A_YEAR = 8_766;

/** Beyond ten years the figure has no use. */
function balanceLasts(hours: number | null): string {
  if (hours === null || hours > 10 * HOURS_OF_A_YEAR) return 'over 10 years';
  return hours > 2 * HOURS_OF_A_YEAR ? `${Math.round(hours / HOURS_OF_A_YEAR)} years` : span(hours * 3_600_000);
}

function tiles({ users: all, balance, lastTick, now }: AgentStatus): Markup {
  // Nothing was counted before the users were read.
  const count = (isOne: (user: UserReport) => boolean): number | string => (lastTick?.viewSlot == null ? '–' : all.filter(isOne).length);
  const onLedger = (word: string): number | string => count(({ ledger }) => ledger.status === word);
  const tile = (value: string | number, name: string, kind = ''): Markup =>
    html`<div class="card"><dt>${name}</dt><dd class="${kind}">${value}</dd></div>`;
  const sessions = (kind: UserReport['observation'], name: string): Markup => {
    const counted = count(({ observation }) => observation === kind);
    return tile(counted, name, Number(counted) > 0 ? kind : '');
  };
  return html`<dl class="tiles">
${sessions('up', 'sessions up')}${sessions('down', 'sessions down')}${sessions('unobserved', 'not observed')}
${tile(`${onLedger('up')} / ${onLedger('down')} / ${onLedger('unknown')}`, 'on the ledger: up / down / unknown')}
${tile(balance === null ? '–' : sol(balance.lamports), 'balance')}
${tile(balance === null ? '–' : balanceLasts(balance.hoursToEmpty), 'until the balance is used up')}
${tile(lastTick === null ? '–' : span(now - lastTick.at), lastTick === null ? 'since the last tick' : `since the last tick, which took ${Math.round(lastTick.durationMs)} ms`)}
</dl>`;
}
