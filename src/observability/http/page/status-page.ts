import type { AgentStatus, UserReport } from '../../agent-status.ts';
import { flapStrip } from './flap-strip.ts';
import { html, type Markup } from './markup.ts';
import { SCRIPT, STYLE } from './style.ts';
import { clockTime, HOLD_WORDS, milliseconds, shortKey, sol, span } from './words.ts';

/** So many rows a browser on a phone still draws at once; the rest is in /status.json. */
const MOST_USERS = 500;
const MOST_EVENTS = 60;

/** The page for people: what is so, what is wrong and what happened lately. Whole without scripts; renews itself with them. */
export function statusPage(status: AgentStatus): string {
  const title = `${status.deviceCode ?? shortKey(status.device)} · dzd-telemetry`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title>
<noscript><meta http-equiv="refresh" content="5"></noscript><style>${{ html: STYLE }}</style></head><body><main>
${head(status)}${alerts(status)}${tiles(status)}
<h2>Flaps</h2><div class="tile">${flapStrip(status.timeline, status.now)}</div>
<h2>Users</h2>${users(status)}
<h2>Sources and endpoints</h2>${parts(status)}
<h2>Lately</h2>${timeline(status)}
</main><script>${{ html: SCRIPT }}</script></body></html>
`.html;
}

function head({ deviceCode, device, version, dryRun, now, startedAt }: AgentStatus): Markup {
  return html`<header><h1>${deviceCode ?? 'device not read yet'}</h1><small class="mono">${device}</small>
<small>version ${version}${dryRun ? ', dry run: nothing is written' : ''} · up ${span(now - startedAt)} · ${clockTime(now)} UTC</small></header>`;
}

function alerts({ halted, lastTick, ready, now, balance }: AgentStatus): Markup {
  const lines: Markup[] = [];
  if (halted !== null) lines.push(html`<b>Nothing is written:</b> ${halted.message}<br><span class="dim">${halted.remedy}</span>`);
  if (!ready) lines.push(html`<b>Not ready:</b> the switch and the ledger have not both been read yet`);
  else if (lastTick !== null && !lastTick.switchRead) lines.push(html`<b>The switch cannot be read:</b> no status is decided until it can`);
  else if (lastTick !== null && lastTick.viewSlot === null)
    lines.push(html`<b>The ledger cannot be read:</b> nothing is decided until it can`);
  if (lastTick !== null && now - lastTick.at > 60_000) lines.push(html`<b>No tick has ended for ${span(now - lastTick.at)}</b>`);
  if (balance?.hoursToEmpty != null && balance.hoursToEmpty < 48) {
    lines.push(html`<b>The metrics publisher runs out of SOL</b> in ${span(balance.hoursToEmpty * 3_600_000)}`);
  }
  return html`${lines.map((line) => html`<div class="alert" role="alert">${line}</div>`)}`;
}

function tiles({ users: all, writes, transactions, balance, lastTick, now }: AgentStatus): Markup {
  const seen = (kind: UserReport['observation']): number => all.filter(({ observation }) => observation === kind).length;
  const says = (word: string): number => all.filter(({ ledger }) => ledger.status === word).length;
  const tile = (value: string | number, name: string, kind = ''): Markup =>
    html`<div class="tile"><b class="${kind}">${value}</b><span>${name}</span></div>`;
  return html`<div class="tiles">
${tile(seen('up'), 'sessions up', 'up')}${tile(seen('down'), 'sessions down', 'down')}${tile(seen('unobserved'), 'not observed', 'unobserved')}
${tile(`${says('up')} / ${says('down')} / ${says('unknown')}`, 'ledger: up / down / unknown')}
${tile(writes.landed, `writes landed in ${transactions.landed} transactions`)}${tile(transactions.failed + transactions.expired, 'transactions failed or expired')}
${tile(balance === null ? '–' : sol(balance.lamports), balance?.hoursToEmpty == null ? 'balance' : `balance, lasts ${span(balance.hoursToEmpty * 3_600_000)}`)}
${tile(lastTick === null ? '–' : span(now - lastTick.at), 'since the last tick')}
</div>`;
}

/** What needs a look comes first. */
function urgency({ parked, observation, decision, decisionReason, ledger }: UserReport): number {
  if (parked !== null) return 0;
  if (observation === 'unobserved') return 1;
  if (decision === 'write' && decisionReason === 'change') return 2;
  if (ledger.status !== observation) return 3;
  return observation === 'down' ? 4 : 5;
}

function users({ users: all }: AgentStatus): Markup {
  if (all.length === 0) return html`<p class="dim">The ledger has no user of this device, or it has not been read yet.</p>`;
  const sorted = [...all].sort((a, b) => urgency(a) - urgency(b) || a.tunnelId - b.tunnelId);
  const rows = sorted.slice(0, MOST_USERS).map(
    (user) => html`<tr><td>${user.tunnelId}</td><td class="mono"><a href="/debug/users/${user.user}">${shortKey(user.user)}</a></td>
<td class="mono">${user.neighbor === null ? `${user.expectedVrf ?? '?'} –` : `${user.neighbor.vrf} ${user.neighbor.address}`}</td>
<td class="${user.observation}">${user.neighbor?.state ?? user.observation}</td><td>${span(user.sinceMs)}</td>
<td class="${user.ledger.status}">${user.ledger.status}</td><td>${span(user.ledger.ageMs)}</td><td>${milliseconds(user.ledger.rttNs)}</td>
<td class="wrap dim">${remark(user)}</td></tr>`,
  );
  const more =
    all.length > MOST_USERS
      ? html`<p class="dim">… and ${all.length - MOST_USERS} more in <a href="/status.json">/status.json</a></p>`
      : html``;
  return html`<div class="scroll"><table><thead><tr><th>Tunnel</th><th>User</th><th>VRF and neighbor</th><th>Switch says</th><th>for</th><th>Ledger says</th><th>record age</th><th>RTT</th><th>Remark</th></tr></thead><tbody>${rows}</tbody></table></div>${more}`;
}

function remark({ parked, inFlight, decision, decisionReason, suppressed, flaps }: UserReport): string {
  if (parked !== null) return `left alone: ${parked}`;
  if (inFlight !== null) return `${inFlight} is on its way`;
  if (decision === 'hold') return HOLD_WORDS[decisionReason ?? ''] ?? decisionReason ?? '';
  if (decision === 'write' && decisionReason === 'change') return 'to be written';
  return suppressed ? `flaps (${flaps} transitions)` : '';
}

function parts({ sources, endpoints, now }: AgentStatus): Markup {
  const row = (kind: string, { name, state, since, problem }: AgentStatus['sources'][number]): Markup =>
    html`<tr><td>${kind}</td><td class="mono">${name}</td><td class="${state === 'ok' ? '' : 'lost'}">${state}</td><td>${span(now - since)}</td><td class="wrap dim">${problem ?? ''}</td></tr>`;
  return html`<div class="scroll"><table><thead><tr><th>What</th><th>Name</th><th>State</th><th>for</th><th>Problem</th></tr></thead><tbody>
${sources.map((source) => row('source', source))}${endpoints.map((endpoint) => row('ledger endpoint', endpoint))}</tbody></table></div>`;
}

function timeline({ timeline: entries }: AgentStatus): Markup {
  const newest = entries.slice(-MOST_EVENTS).reverse();
  if (newest.length === 0) return html`<p class="dim">Nothing has happened since the start.</p>`;
  return html`<div class="scroll"><ol>${newest.map(({ at, user, text, kind }) => html`<li><span class="mono dim">${clockTime(at)}</span> <span class="${kind === 'up' || kind === 'down' ? kind : ''}">${text}</span> <span class="mono dim">${user === null ? '' : shortKey(user)}</span></li>`)}</ol></div>`;
}
