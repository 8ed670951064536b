import type { AgentStatus, FlapMinute, UserReport } from '../../agent-status.ts';
import { html, type Markup } from './markup.ts';
import { shortKey } from './words.ts';

const MINUTES = 60;
const MINUTE_MS = 60_000;
const WIDTH = 600;
/** Of one direction: ups rise from the middle line, downs hang from it. */
const HALF = 30;
const MOST_NAMED = 5;
/** A single transition is no flapping. */
const WORTH_NAMING = 1_500;

/** The transitions of the last hour, minute by minute, and who flaps. */
export function flapStrip({ flaps, users, now }: Pick<AgentStatus, 'flaps' | 'users' | 'now'>): Markup {
  const up = flaps.reduce((sum, minute) => sum + minute.up, 0);
  const down = flaps.reduce((sum, minute) => sum + minute.down, 0);
  const most = Math.max(1, ...flaps.map((minute) => Math.max(minute.up, minute.down)));
  const words = `${down} sessions went down and ${up} came up in the last hour`;
  return html`<figure class="card pad"><svg viewBox="0 0 ${WIDTH} ${2 * HALF}" preserveAspectRatio="none" role="img" aria-label="${words}"><line x1="0" y1="${HALF}" x2="${WIDTH}" y2="${HALF}"/>${flaps.map((minute) => bars(minute, most, now))}</svg>
<p class="axis dim" aria-hidden="true"><span>60 min ago</span><span>30</span><span>now</span></p>
<figcaption>${words}${up + down === 0 ? '' : html`<span class="dim">, at most ${most} of a kind in a minute</span>`}${flappers(users)}</figcaption></figure>`;
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

/** Whose penalty is highest: they have flapped most, most lately. */
function flappers(users: readonly UserReport[]): Markup {
  const most = users.filter(({ penalty }) => penalty >= WORTH_NAMING).sort((a, b) => b.penalty - a.penalty);
  if (most.length === 0) return html``;
  const names = most
    .slice(0, MOST_NAMED)
    .map(
      ({ user, tunnelId, flaps, suppressed }) =>
        html`<li>tunnel ${tunnelId} <a class="mono" href="/status/users/${user}" title="${user}">${shortKey(user)}</a>, ${flaps} transitions${suppressed ? html`, <b class="lost">too many</b>` : html``}</li>`,
    );
  return html`<ul class="flappers">${names}${most.length > MOST_NAMED ? html`<li class="dim">and ${most.length - MOST_NAMED} more</li>` : html``}</ul>`;
}
