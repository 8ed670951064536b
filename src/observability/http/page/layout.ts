import { SCRIPT } from './live-script.ts';
import { html, type Markup } from './markup.ts';
import { STYLE } from './style.ts';
import type { Level } from './verdict.ts';

/** Before the name in the tab, so that a tab among many tells the state; and beside the verdict, for those who see no colours. */
export const SIGNS: Readonly<Record<Level, string>> = { well: '✓', look: '!', wrong: '✗' };

export interface Layout {
  readonly level: Level;
  readonly title: string;
  readonly header: Markup;
  readonly main: Markup;
  readonly footer: Markup;
}

/** A whole document. What is in `#live` is renewed by the script, or with the document where there are no scripts. */
export function layout({ level, title, header, main, footer }: Layout): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>${SIGNS[level]} ${title} · dzd-telemetry</title>
<noscript><meta http-equiv="refresh" content="5"></noscript><style>${{ html: STYLE }}</style></head><body>
<p id="stale" role="alert" hidden></p>
<div id="live">
<header>${header}</header>
<main>
${main}
</main>
<footer class="dim">${footer}</footer>
</div><script>${{ html: SCRIPT }}</script></body></html>
`.html;
}

/** The box at the top: one sentence in the colour of its level, and what belongs to it. */
export function verdictBox(level: Level, label: string, what: string, more: Markup): Markup {
  return html`<section id="verdict" class="verdict ${level}" aria-label="${label}" aria-live="polite"><p class="what"><span aria-hidden="true">${SIGNS[level]}</span> ${what}.</p>${more}</section>`;
}
