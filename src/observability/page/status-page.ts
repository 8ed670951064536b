import { createHash } from 'node:crypto';
import { type AgentStatus, type Finding, sessionSummary } from '../findings.ts';
import type { UserReport } from '../status.ts';
import { clockTime, shortKey, sol, span } from '../text.ts';
import { html, layout, type Markup, SCRIPT, STYLE, verdictBox, withCode } from './html.ts';
import { addressOfRunbook } from './runbooks.ts';
import { eventList, flapStrip, parts, transactions } from './sections.ts';
import { ALL_USERS, type UserQuery, usersSection } from './users.ts';

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
  if (first === undefined) return verdictBox('ok', 'State of the agent', `Healthy: ${sessionSummary(status)}`, html``);
  const hidden = rest.length - MOST_FINDINGS;
  const more = hidden > 0 ? html`<li>and ${hidden} more in <a href="/status.json">/status.json</a></li>` : html``;
  const others = rest
    .slice(0, MOST_FINDINGS)
    .map((finding) => html`<li class="${finding.severity}">${finding.text}. ${sinceAndRemedy(finding, status.now)}</li>`);
  const sessions = status.verdict === 'warning' ? html`<p>Sessions: ${sessionSummary(status)}.</p>` : html``;
  return verdictBox(
    status.verdict,
    'State of the agent',
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
