/*
 * Compares what a command prints with what a page shows.
 *
 *   page's output ──► patternOf ──► a pattern in which only what differs from run to run is open
 */
const BASE58 = '[1-9A-HJ-NP-Za-km-z]{32,88}';
/** Text of a page that stands for any text of its kind; the rest is literal. */
const OPEN = [
  [/…/, '.*'],
  [/\/tmp\/dzd[^\s"]*(?=\/)/, '/[^\\s"]+'],
  [new RegExp(`\\b${BASE58}\\b`), BASE58],
  [/\d{4}-\d\d-\d\d/, '\\d{4}-\\d\\d-\\d\\d'],
  [/\d\d:\d\d:\d\d(?:\.\d+)?/, '\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?'],
  [/\d+(?:\.\d+)? (?:ms|s|min|h|d)\b/, '[\\d.]+ (?:ms|s|min|h|d)'],
  [/\d+(?:\.\d+)? (?=SOL|%)/, '[\\d.]+ '],
  [/\b(?:[Ss]lot|penalty|rss|heap) \d+/, '\\w+ \\d+'],
  [/(?<=^\d{4}.* (?:up|down|unknown) +)\d+/, '\\d+'],
  [/(?<=":)[1-9]\d*|(?<="since": )\d+/, '\\d+'],
  [/^\d+ (?=added|changed)/, '\\d+ '],
  [/(?:ahead of|behind) (?=this host)/, '(?:ahead of|behind) '],
  [/@\[\S+\]/, '@\\[\\S+\\]'],
  [/ {2,}/, ' {2,}'],
];
const TOKEN = new RegExp(OPEN.map(([{ source }]) => `(${source})`).join('|'), 'g');

/** Keys, paths of keys, times, slots, numbers of JSON and widths of columns are open; a line of `…` is any number of lines. */
export function patternOf(shown) {
  const lines = shown.trimEnd().split('\n');
  return new RegExp(`^${lines.map((line) => (line.trim() === '…' ? '(?:.*\\n)*?' : `${sourceOf(line)}\\n`)).join('')}$`);
}

export function isAsShown(shown, output) {
  return patternOf(shown).test(`${output.replace(/^\n+/, '').trimEnd()}\n`);
}

function sourceOf(line) {
  let source = '';
  let at = 0;
  for (const { 0: text, index, ...groups } of line.matchAll(TOKEN)) {
    const kind = OPEN.findIndex((_, n) => groups[n + 1] !== undefined);
    source += literal(line.slice(at, index)) + OPEN[kind][1];
    at = index + text.length;
  }
  return source + literal(line.slice(at));
}

function literal(text) {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
