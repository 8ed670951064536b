import type { AgentStatus } from '../findings.ts';
import type { UserReport } from '../status.ts';
import { clockTime, HOLD_REASON_TEXT, milliseconds, shortKey, span } from '../text.ts';
import { html, layout, type Markup, type Tone, verdictBox } from './html.ts';
import { eventList, signatureText } from './sections.ts';
import { stateOfUser, waitText } from './users.ts';

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
    main: html`${verdictBox(level, 'State of the user', what, agent)}
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
      what: `The program rejects its status; retried when the account changes, or after a backoff of 1 min to 1 h: ${parked}`,
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
        : html`${lastWrite.to} (${lastWrite.reason}), confirmed ${span(now - lastWrite.at)} ago in slot ${lastWrite.slot}, ${Math.round(lastWrite.latencyMs)} ms after it was sent<br><span class="mono">${signatureText(network, lastWrite.signature)}</span>`,
    ],
  ];
}
