import { visible } from '../../lib/index.ts';
import type { Verdict } from '../findings.ts';
import { printable } from '../text.ts';

/** Escaped HTML. */
export interface Markup {
  readonly html: string;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

type Part = Markup | string | number | bigint | readonly Part[];

/** Builds HTML; every value is escaped, invisible and control characters too (curl shows the page in a terminal), unless it is Markup itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += render(part) + (strings[index + 1] ?? '');
  return { html: text };
}

function render(part: Part): string {
  if (typeof part === 'object') return 'html' in part ? part.html : part.map(render).join('');
  return visible(String(part)).replaceAll(/[&<>"']|(?![\t\n])\p{Cc}/gu, (character) => ESCAPES[character] ?? printable(character));
}

/** A text with what is between backticks as code. */
export function withCode(text: string): Markup {
  return html`${text.split(/(`[^`]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? html`<code>${part.slice(1, -1)}</code>` : part))}`;
}

/** How a page is colored; neutral is neither good nor bad. */
export type Tone = Verdict | 'neutral';

/** In the title, so that a browser tab shows the state, and in the verdict, for readers who do not see colors. */
const SIGNS: Readonly<Record<Tone, string>> = { ok: '✓', warning: '!', critical: '✗', neutral: '–' };

interface Layout {
  readonly level: Tone;
  /** Whether it never changes, and is not loaded again. */
  readonly isStatic?: boolean;
  /** Seconds after which a browser without scripts loads it again; 5 by default. */
  readonly reloadSeconds?: number;
  readonly title: string;
  readonly header: Markup;
  readonly main: Markup;
  readonly footer: Markup;
}

/** A complete document. The script updates `#live`; without scripts the browser reloads the document. */
export function layout({ level, title, isStatic = false, reloadSeconds = 5, header, main, footer }: Layout): string {
  const reload = isStatic
    ? html``
    : html`
<noscript><meta http-equiv="refresh" content="${reloadSeconds}"></noscript>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>${isStatic ? '' : `${SIGNS[level]} `}${title} · dzd-telemetry</title>${reload}<style>${{ html: STYLE }}</style></head><body>
<p id="stale" role="alert" hidden></p><p id="news" role="status"></p>
<div id="live">
<header>${header}</header>
<main>
${main}
</main>
<footer class="dim">${footer}</footer>
</div>${isStatic ? '' : html`<script>${{ html: SCRIPT }}</script>`}</body></html>
`.html;
}

/**
 * The box at the top: one sentence in the color of its level, and details. `state` is what has to change for a screen reader to announce the box: the
 * sentence may contain durations.
 */
export function verdictBox(level: Tone, label: string, state: string, what: string, more: Markup): Markup {
  return html`<section id="verdict" class="verdict ${level}" aria-label="${label}" data-state="${state}"><p class="what"><span aria-hidden="true">${SIGNS[level]}</span> ${what}.</p>${more}</section>`;
}

export interface Column<Row> {
  readonly title: string;
  /** CSS class of its cells. */
  readonly kind?: string;
  /** Whether a narrow screen shows its title with each cell. */
  readonly isTitled?: boolean;
  readonly cell: (row: Row) => Part;
  /** Whether its cells are the row headers. */
  readonly isName?: boolean;
}

/**
 * A table that a narrow screen shows as a list, for which cells carry their titles. The roles are explicit because a browser drops them when
 * CSS displays a table as something else.
 */
export function table<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Markup {
  const heads = columns.map(({ title }) => html`<th role="columnheader" scope="col">${title}</th>`);
  const line = (row: Row): Markup =>
    html`<tr role="row">${columns.map(({ title, kind, isTitled = false, cell, isName = false }) => {
      const more = html`${kind === undefined ? '' : html` class="${kind}"`}${isTitled ? html` data-title="${title}"` : ''}`;
      return isName ? html`<th role="rowheader" scope="row"${more}>${cell(row)}</th>` : html`<td role="cell"${more}>${cell(row)}</td>`;
    })}</tr>
`;
  return html`<table role="table" aria-label="${caption}"><thead role="rowgroup"><tr role="row">${heads}</tr></thead><tbody role="rowgroup">
${rows.map(line)}</tbody></table>`;
}

/**
 * With scripts the page updates in place: folded groups stay folded, an update waits for a minute at most while text is selected or typed, and a banner appears if the agent
 * no longer answers, since old numbers look current. A screen reader announces a changed verdict, and no update beyond that. Without scripts the browser reloads the page.
 */
export const SCRIPT = `
const touched=new Map(),stale=document.getElementById('stale');let answered=Date.now(),shown=answered,failures=0;
document.addEventListener('click',(e)=>{const d=e.target.closest&&e.target.closest('summary')&&e.target.closest('details');if(d)touched.set(d.id,!d.open)});
const warn=(why)=>{failures+=1;if(failures<2)return;stale.hidden=false;stale.textContent='The agent does not answer ('+why+'): this page is '+Math.round((Date.now()-answered)/1000)+' s old.'};
const update=async()=>{try{
const r=await fetch(location.origin+location.pathname+location.search,{cache:'no-store',signal:AbortSignal.timeout(5000)});if(!r.ok)return warn('HTTP '+r.status);
const d=new DOMParser().parseFromString(await r.text(),'text/html'),next=d.getElementById('live');if(!next)return warn('unexpected response');
answered=Date.now();failures=0;stale.hidden=true;document.title=d.title;
if((String(window.getSelection())!==''||document.activeElement?.closest('form'))&&answered-shown<60000)return;
shown=answered;
for(const [id,open] of touched){const e=next.querySelector('#'+id);if(e)e.open=open}
const here=document.activeElement,href=here&&here.getAttribute('href'),old=document.getElementById('live'),[typed,search]=[old,next].map((e)=>e.querySelector('#q')),[was,now]=[old,next].map((e)=>e.querySelector('#verdict'));
if(was.dataset.state!==now.dataset.state)document.getElementById('news').textContent=[...now.children].map((e)=>e.textContent).join(' ').slice(2);
if(typed&&search)search.value=typed.value;
old.replaceWith(next);
if(href){const again=next.querySelector('a[href="'+CSS.escape(href)+'"]');if(again)again.focus({preventScroll:true})}
}catch(e){warn('no connection')}};
setInterval(update,3000);
`;

/** Colors follow the reader's scheme; states differ in shape as well as in color. Contrasts are at least 4.5 to 1 (WCAG 2.1, AA). */
export const STYLE = `
:root{color-scheme:light dark;--bg:#f4f6f8;--fg:#14181c;--dim:#55606b;--card:#fff;--line:#d9dee4;--up:#0b6b40;--down:#b01e17;--hold:#7d5200;--link:#0b57c2;--ok-bg:#e3f4ea;--warning-bg:#fdf1d8;--critical-bg:#fce4e2}
@media(prefers-color-scheme:dark){:root{--bg:#0e1114;--fg:#e8eaed;--dim:#9ca6b1;--card:#171b20;--line:#2c333b;--up:#4cc38a;--down:#ff8a82;--hold:#f0b849;--link:#8ab8ff;--ok-bg:#10291d;--warning-bg:#2e2410;--critical-bg:#361613}}
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}body{margin:0 auto;padding:1rem;max-width:78rem;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .5rem}p{margin:.3rem 0}a{color:var(--link)}.dim{color:var(--dim)}.pad{padding:.7rem .9rem}
header p{font-size:.85rem}nav a{display:inline-block;padding:.3rem .6rem .3rem 0}
.mono{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
.card,table,details,.verdict{background:var(--card);border:1px solid var(--line);border-radius:.5rem}
.verdict{border-left-width:.4rem;padding:.8rem 1rem;margin-top:.8rem;overflow-wrap:anywhere}.verdict .what{font-size:1.15rem;font-weight:600}.verdict ul{margin:.5rem 0 0;padding-left:1.2rem}.todo{font-weight:500}
.verdict li{margin:.25rem 0}.verdict.ok{border-color:var(--up);background:var(--ok-bg)}.verdict.warning{border-color:var(--hold);background:var(--warning-bg)}.verdict.critical{border-color:var(--down);background:var(--critical-bg)}
.verdict.neutral{border-color:var(--dim)}.verdict .dim{color:inherit;opacity:.85}
#stale{position:sticky;top:0;z-index:1;margin:0 0 .5rem;padding:.6rem .9rem;background:var(--down);color:var(--bg);border-radius:.5rem;font-weight:600}#stale[hidden]{display:none}#news{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:.8rem 0 0}.tiles>div{min-width:0;overflow-wrap:anywhere;display:flex;flex-direction:column-reverse;justify-content:flex-end;padding:.6rem .8rem}
.tiles dd{margin:0;font-size:1.4rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}.tiles dt{color:var(--dim);font-size:.85rem}
figure{margin:0}svg{display:block;width:100%;height:5rem}.bar-up{fill:var(--up)}.bar-down{fill:var(--down)}svg line{stroke:var(--line)}.axis{display:flex;justify-content:space-between;font-size:.8rem;margin:.2rem 0}.flappers{margin:.4rem 0 0;padding-left:1.2rem}
details{margin:.6rem 0;overflow:hidden}summary{padding:.5rem .9rem;cursor:pointer;font-weight:500}details table,details .card{border-width:1px 0 0;border-radius:0}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.9rem}th,td{text-align:left;padding:.35rem .8rem;vertical-align:baseline;font-weight:400;font-variant-numeric:tabular-nums}
thead th{font-weight:600;color:var(--dim);font-size:.8rem}tbody tr>*{border-top:1px solid var(--line)}td.wrap{min-width:12rem;overflow-wrap:anywhere}.name{min-width:14rem}
details.users table{table-layout:fixed}details.users thead th:nth-child(1){width:6%}details.users thead th:nth-child(2){width:11%}details.users thead th:nth-child(3){width:12%}details.users thead th:nth-child(4){width:14%}details.users thead th:nth-child(5){width:16%}details.users thead th:nth-child(6){width:13%}details.users thead th:nth-child(7){width:8%}details.users thead th:nth-child(8){width:20%}
form{display:flex;flex-wrap:wrap;gap:.4rem .6rem;align-items:baseline}input,button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--dim);border-radius:.3rem;padding:.3rem .6rem}input[type=search]{min-width:0;flex:0 1 22rem}nav a[aria-current]{font-weight:600;color:inherit;text-decoration:none}.pages>*{display:inline-block;padding:.3rem .6rem .3rem 0}
.sig>*{display:inline-block;max-width:22rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;vertical-align:bottom}.sig span{user-select:all}
.up{color:var(--up)}.down{color:var(--down)}.unobserved,.failed,.unknown,.tx-expired,.tx-failed{color:var(--hold)}.up::before{content:"▲ ";content:"▲ "/""}.down::before{content:"▼ ";content:"▼ "/""}.unobserved::before,.unknown::before{content:"◌ ";content:"◌ "/""}.failed::before,.tx-expired::before,.tx-failed::before{content:"! ";content:"! "/""}
ol.card{list-style:none;margin:0;padding:.5rem .9rem}ol.card li{padding:.15rem 0;overflow-wrap:anywhere}dl.facts{margin:0;padding:.5rem .9rem;display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}dl.facts dt{color:var(--dim)}dl.facts dd{margin:0;overflow-wrap:anywhere}article{max-width:60rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}code{font-family:ui-monospace,monospace;font-size:.9em}article code{overflow-wrap:anywhere}article li{margin:.3rem 0}footer{margin:1.5rem 0 .5rem;font-size:.85rem}
@media(max-width:60rem){
body{padding:.7rem}.tiles{grid-template-columns:repeat(6,1fr)}.tiles>div{grid-column:span 3}.tiles>div:nth-child(-n+3){grid-column:span 2}
table,tbody,tr,td,tbody th{display:block}thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{display:flex;flex-wrap:wrap;gap:.1rem .9rem;padding:.5rem .9rem;border-top:1px solid var(--line)}tbody tr:first-child{border-top:0}tbody tr>*{border:0;padding:0;max-width:100%}tbody tr>:empty{display:none}
tbody th{font-weight:600}td.wrap{flex-basis:100%;min-width:0}.name{min-width:0}.sig{flex-basis:100%}details.users table{table-layout:auto}
.sig>*{max-width:100%}
[data-title]::before{content:attr(data-title) " ";color:var(--dim)}
a{padding:.15rem 0}
}
`;
