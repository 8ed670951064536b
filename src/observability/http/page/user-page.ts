import type { AgentStatus, TimelineEntry, UserReport } from '../../agent-status.ts';
import { eventList } from './activity.ts';
import { layout, verdictBox } from './layout.ts';
import { html, type Markup } from './markup.ts';
import type { Level } from './verdict.ts';
import { clockTime, HOLD_WORDS, milliseconds, shortKey, span } from './words.ts';

/** All that is known of one user, from the neighbor on the switch to the record on the ledger. Undefined for a user that the device does not have. */
export function userPage(status: AgentStatus, wanted: string): string | undefined {
  const user = status.users.find((each) => each.user === wanted);
  if (user === undefined) return undefined;
  const { level, what } = verdictOf(user);
  const events = status.timeline.filter((entry) => entry.user === wanted);
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
<section aria-labelledby="h-lately"><h2 id="h-lately">Lately</h2>${happened(events)}</section>`,
    footer: html`Times are UTC. For programs: <a href="/debug/users/${user.user}">/debug/users/${shortKey(user.user)}</a>`,
  });
}

function verdictOf({ parked, observation, because, ledger, inFlight, decision, decisionReason }: UserReport): {
  level: Level;
  what: string;
} {
  if (parked !== null)
    return {
      level: 'wrong',
      what: `The program refuses its status, and is asked again when the account changes, or after a minute to an hour: ${parked}`,
    };
  if (observation === 'unobserved')
    return { level: 'look', what: `Nothing is reported: ${HOLD_WORDS[because ?? ''] ?? because ?? 'no reason given'}` };
  if (ledger.status === observation) return { level: 'well', what: `The session is ${observation}, and the ledger says so` };
  const why =
    inFlight !== null
      ? `${inFlight} is on its way`
      : decision === 'hold'
        ? (HOLD_WORDS[decisionReason ?? ''] ?? decisionReason ?? 'it waits')
        : 'it is about to be written';
  return { level: 'look', what: `The session is ${observation}, the ledger says ${ledger.status}: ${why}` };
}

type Fact = readonly [term: string, words: Markup];

function factsOf(user: UserReport, now: number): readonly Fact[] {
  const { neighbor, expectedVrf, ledger, lastWrite, sinceMs } = user;
  const seen =
    neighbor === null
      ? html`no neighbor that speaks for it`
      : html`<span class="mono">${neighbor.address}</span> in ${neighbor.vrf}, <span class="${user.observation}">${neighbor.state}</span>${sinceMs === null ? '' : ` for ${span(sinceMs)}`}${neighbor.description === null ? '' : `, described ${neighbor.description}`}, by source ${neighbor.source}`;
  return [
    [
      'Account',
      html`${user.accountStatus}, ${user.userType}, client <span class="mono">${user.clientIp}</span>, tunnel net <span class="mono">${user.tunnelNet}</span>`,
    ],
    ['Expected', html`a neighbor in ${expectedVrf ?? 'a VRF that is not known'}`],
    ['Switch', seen],
    [
      'Ledger',
      html`<span class="${ledger.status}">${ledger.status}</span>${ledger.ageMs === null ? '' : `, reported ${span(ledger.ageMs)} ago in slot ${ledger.reportedAtSlot}`}, last up in slot ${ledger.lastUpAtSlot}, RTT ${milliseconds(ledger.rttNs)}`,
    ],
    [
      'Flaps',
      html`${user.flaps} seen, penalty ${Math.round(user.penalty)}${user.suppressed ? html`, <b class="lost">too many</b>` : html``}`,
    ],
    ['In flight', html`${user.inFlight ?? 'nothing'}`],
    [
      'Last write',
      lastWrite === null
        ? html`none since the start`
        : html`${lastWrite.to} (${lastWrite.reason}), landed ${span(now - lastWrite.at)} ago in slot ${lastWrite.slot}, ${Math.round(lastWrite.latencyMs)} ms after it was sent<br><span class="mono">${lastWrite.signature}</span>`,
    ],
  ];
}

function happened(events: readonly TimelineEntry[]): Markup {
  return events.length === 0
    ? html`<p class="dim">Nothing has happened since the start.</p>`
    : eventList(events.map((event) => ({ ...event, user: null })));
}
