#!/usr/bin/env node
/*
 * unshare --net sh -c 'ip link set lo up && exec node scripts/follow-pages.mjs'
 *
 *   docs/start.md          "2. Do it by hand" ──► localnet, trial.yaml, check, dry run, run, status, explain
 *   docs/how-to/alerts.md  "On a laptop"      ──► on the same localnet: Prometheus, a fault, an alert that fires and ends
 *
 * Types each command of these sections, in order, and fails where one fails or prints something else than the page shows. Takes four minutes, the built
 * dist/, Debian's package prometheus, and the ports that the pages name: hence a network namespace of its own.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(join(tmpdir(), 'dzd-pages-'));
for (const name of ['dist', 'mixin']) symlinkSync(join(root, name), join(folder, name));
const running = [];
/** What a command prints at once is right at once; these wait for the world: a status, a scrape, an alert that fires and one that ends. */
const WAITS_MS = { explain: 30_000, promtool: 240_000 };
/** Commands that stay in a terminal of their own, and what each prints when it is ready. */
const STAYS = [
  [/dzd-localnet\.js --users/, /Stop with Ctrl-C\./],
  [/dzd-telemetry\.js run --config trial\.yaml$/, /"msg":"status written"/],
  [/^prometheus /, /Server is ready to receive web requests/],
];

try {
  await follow('docs/start.md', '### 2. Do it by hand');
  await follow('docs/how-to/alerts.md', '## On a laptop');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  for (const { child } of running.reverse()) child.kill('SIGTERM');
  await Promise.all(running.map(({ ended }) => ended));
  rmSync(folder, { recursive: true, force: true });
}

async function follow(page, heading) {
  const text = readFileSync(join(root, page), 'utf8');
  const [, rest] = text.split(`\n${heading}\n`);
  const section = rest?.split(/^#{1,3} /m)[0] ?? '';
  const blocks = [...section.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(([, indent, language, body]) => ({
    language,
    body: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
  const commands = blocks.flatMap(({ language, body }, index) => {
    if (language === 'yaml') return [{ save: body }];
    if (language !== 'sh') return [];
    const lines = body.trimEnd().split('\n');
    const shown = blocks[index + 1]?.language === '' ? blocks[index + 1].body : undefined;
    return lines.map((line, at) => ({ line, shown: at === lines.length - 1 ? shown : undefined }));
  });
  if (commands.length === 0) throw new Error(`${page} has no commands under "${heading}"`);
  for (const { line, shown, save } of commands) {
    if (save !== undefined) writeFileSync(join(folder, 'prometheus.yml'), save);
    else if (!isDone(line)) await type(page, line, shown);
  }
  console.log(`${page}: ${commands.length} steps under "${heading.replace(/^#+ /, '')}", all as shown`);
}

/** Prometheus is installed before; localnet and agent of the page before still run. */
function isDone(line) {
  return line.startsWith('sudo apt-get') || running.some((process) => process.line === line);
}

async function type(page, line, shown) {
  const ready = STAYS.find(([command]) => command.test(line))?.[1];
  if (ready !== undefined) return stay(page, line, ready, shown);
  const kind = Object.keys(WAITS_MS).find((word) => line.includes(word));
  const until = Date.now() + (WAITS_MS[kind] ?? 0);
  for (;;) {
    const { code, output } = await start(line).ended;
    if (code === 0 && (shown === undefined || patternOf(shown).test(output))) return;
    if (Date.now() > until)
      throw new Error(`${page}: "${line}" ended with ${code} and printed something else than the page shows:\n${output}`);
    await sleep(2_000);
  }
}

/** Resolves when the command is ready. The configuration that a localnet prints is saved, as the page says. */
async function stay(page, line, ready, shown) {
  const process = start(line);
  running.push(process);
  const until = Date.now() + 60_000;
  while (!ready.test(process.output)) {
    if (Date.now() > until) throw new Error(`${page}: "${line}" is not ready:\n${process.output}`);
    await sleep(100);
  }
  if (shown === undefined) return;
  const [, printed = ''] = process.output.match(/A configuration file for it:\n\n((?: {2}.*\n)+)/) ?? [];
  const configuration = printed.replaceAll(/^ {2}/gm, '');
  if (!patternOf(shown).test(configuration)) throw new Error(`${page}: "${line}" printed another configuration:\n${configuration}`);
  writeFileSync(join(folder, 'trial.yaml'), configuration);
}

function start(line) {
  const child = spawn('sh', ['-c', line.startsWith('node') || line.startsWith('prom') ? `exec ${line}` : line], { cwd: folder });
  const process = { line, child, output: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (process.output += chunk));
  process.ended = new Promise((done) => child.once('close', (code) => done({ code, output: process.output })));
  return process;
}

/** Keys, folders, times and slots are any; a line of `…` is any number of lines; everything else is literal. */
function patternOf(shown) {
  const source = shown
    .trimEnd()
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\/tmp\/dzd-telemetry-\w+/g, '/\\S+')
    .replaceAll(/\d+ s\b/g, '\\d+ s')
    .replaceAll(/slot \d+/g, 'slot \\d+')
    .replaceAll(/@\\\[\S+\\\]/g, '@\\[\\S+\\]')
    .replaceAll(/^…$/gm, '(?:.*\\n?)*?');
  return new RegExp(`^${source}\\s*$`);
}
