import { createHash } from 'node:crypto';
import { atOnce, type Breathe, inSlices } from '../../lib/index.ts';
import type { AgentStatus, UserReport } from '../status.ts';
import { SCRIPT, STYLE } from './assets.ts';
import { clockTime, type Finding, findings, howItStands, shortKey, sol, span } from './findings.ts';
import { html, layout, type Markup, verdictBox } from './html.ts';
import { flapStrip, lately, parts, transactions, usersByState } from './sections.ts';

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** What a browser may do with the page: run this script and no other, ask this host, and never show it inside of another page. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * The page for people: what is wrong and what to do, then what is so and what happened lately. Whole without scripts; renews itself with them.
 *
 *   AgentStatus ──► verdict ──► one sentence, and what else is worth a look
 *        └────────► counts, flaps, users by state, events, transactions, sources and endpoints
 */
export function statusPage(status: AgentStatus): string {
  return atOnce(statusPageInSteps(status));
}

/** The same, put together in turns of the event loop. */
export function statusPageInSlices(status: AgentStatus, breathe: Breathe): Promise<string> {
  return inSlices(statusPageInSteps(status), breathe);
}

function* statusPageInSteps(status: AgentStatus): Generator<void, string, void> {
  const users = yield* usersByState(status);
  const [first, ...rest] = findings(status);
  yield;
  return layout({
    level: first.level,
    title: status.deviceCode ?? shortKey(status.device),
    header: head(status),
    main: html`${verdict(status, first, rest)}${tiles(status)}
<section aria-labelledby="h-flaps"><h2 id="h-flaps">Flaps</h2>${flapStrip(status)}</section>
<section aria-labelledby="h-users"><h2 id="h-users">Users</h2>${users}</section>
<section aria-labelledby="h-lately"><h2 id="h-lately">Lately</h2>${lately(status)}</section>
<section aria-labelledby="h-tx"><h2 id="h-tx">Transactions</h2>${transactions(status)}</section>
<section aria-labelledby="h-parts"><h2 id="h-parts">Sources and ledger endpoints</h2>${parts(status)}</section>`,
    footer: html`Times are UTC. For programs: <a href="/status.json">/status.json</a>, <a href="/metrics">/metrics</a>`,
  });
}

function head({ deviceCode, device, publisher, version, now, startedAt }: AgentStatus): Markup {
  return html`<h1>${deviceCode ?? 'Device not read yet'}</h1>
<p class="dim">device <span class="mono">${device}</span>${publisher === null ? '' : html`<br>publisher <span class="mono">${publisher}</span>`}<br>version ${version}, up for ${span(now - startedAt)}, as of <time datetime="${new Date(now).toISOString()}">${clockTime(now)}</time> UTC</p>
<nav aria-label="On this page"><a href="#h-users">Users</a> <a href="#h-lately">Lately</a> <a href="#h-tx">Transactions</a> <a href="#h-parts">Sources</a></nav>`;
}

function verdict(status: AgentStatus, { level, what, remedy }: Finding, rest: readonly Finding[]): Markup {
  const todo = remedy === null ? html`` : html`<p class="todo">What to do: ${remedy}</p>`;
  const others =
    rest.length === 0
      ? html``
      : html`<ul>${rest.map((finding) => html`<li class="${finding.level}">${finding.what}${finding.remedy === null ? '' : html` <span class="dim">– ${finding.remedy}</span>`}</li>`)}</ul>`;
  const otherwise = level === 'look' ? html`<p>Otherwise well: ${howItStands(status)}.</p>` : html``;
  return verdictBox(level, 'State of the agent', what, html`${todo}${others}${otherwise}`);
}

const HOURS_OF_A_YEAR = 8_766;

/** Nobody plans for more than ten years. */
function lasting(hours: number | null): string {
  if (hours === null || hours > 10 * HOURS_OF_A_YEAR) return 'over 10 years';
  return hours > 2 * HOURS_OF_A_YEAR ? `${Math.round(hours / HOURS_OF_A_YEAR)} years` : span(hours * 3_600_000);
}

function tiles({ users: all, balance, lastTick, now }: AgentStatus): Markup {
  const seen = (kind: UserReport['observation']): number => all.filter(({ observation }) => observation === kind).length;
  const says = (word: string): number => all.filter(({ ledger }) => ledger.status === word).length;
  const tile = (value: string | number, name: string, kind = ''): Markup =>
    html`<div class="card"><dt>${name}</dt><dd class="${kind}">${value}</dd></div>`;
  return html`<dl class="tiles">
${tile(seen('up'), 'sessions up', 'up')}${tile(seen('down'), 'sessions down', 'down')}${tile(seen('unobserved'), 'not observed', 'unobserved')}
${tile(`${says('up')} / ${says('down')} / ${says('unknown')}`, 'ledger says up / down / unknown')}
${tile(balance === null ? '–' : sol(balance.lamports), 'balance')}
${tile(balance === null ? '–' : lasting(balance.hoursToEmpty), 'until it is empty')}
${tile(lastTick === null ? '–' : span(now - lastTick.at), lastTick === null ? 'since the last tick' : `since the last tick, which took ${Math.round(lastTick.durationMs)} ms`)}
</dl>`;
}
