import type { TimelineEntry } from '../../agent-status.ts';
import { html, type Markup } from './markup.ts';

const MINUTES = 60;
const MINUTE_MS = 60_000;
const WIDTH = 600;
const HEIGHT = 40;

/** Transitions a minute over the last hour, as bars. */
export function flapStrip(timeline: readonly TimelineEntry[], now: number): Markup {
  const counts = new Array<number>(MINUTES).fill(0);
  for (const { at, kind } of timeline) {
    const age = Math.floor((now - at) / MINUTE_MS);
    if ((kind === 'up' || kind === 'down') && age >= 0 && age < MINUTES) counts[MINUTES - 1 - age] = (counts[MINUTES - 1 - age] ?? 0) + 1;
  }
  const most = Math.max(1, ...counts);
  const width = WIDTH / MINUTES;
  const bars = counts.map((count, index) => {
    const height = (count / most) * HEIGHT;
    return count === 0
      ? html``
      : html`<rect x="${index * width + 1}" y="${HEIGHT - height}" width="${width - 2}" height="${height}"><title>${count} transitions ${MINUTES - 1 - index} min ago</title></rect>`;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${total} transitions in the last hour"><line x1="0" y1="${HEIGHT}" x2="${WIDTH}" y2="${HEIGHT}"/>${bars}</svg><p class="dim">${total} transitions in the last hour, a bar a minute, at most ${most} in one</p>`;
}
