#!/usr/bin/env node
/*
 * node scripts/package/first-run.mjs ROOT PACKAGE LOCALNET [TRANSCRIPT]
 *
 * Runs in the root file system ROOT the commands that docs/install.md gives a new user, and nothing else, and writes down what came of it.
 *
 *   ```console blocks of "Five minutes" ──► "# …" as root, "$ …" as a user without rights ──► what it printed, how long it took
 *
 * `dzd-localnet` stays in a terminal of its own until the end; the configuration that it prints is what the user saves. Fails with
 * the first command that does. As root, in a network namespace of its own, so that the usual ports are free.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';

const [root, packageFile, localnetFile, transcript] = process.argv.slice(2);
const USER = 1000;
const HOME = '/home/trial';
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME, TERM: 'dumb', COLUMNS: '150' };

mkdirSync(join(root, HOME), { recursive: true });
chownSync(join(root, HOME), USER, USER);
for (const file of [packageFile, localnetFile]) copyFileSync(file, join(root, HOME, basename(file)));

const followed = [];
const begun = performance.now();
const localnet = { child: undefined, printed: '' };
try {
  for (const command of commandsOf(readFileSync('docs/install.md', 'utf8'))) followed.push(await follow(command));
} finally {
  localnet.child?.kill('SIGINT');
}
const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
await once(localnet.child, 'exit');
if (localnet.child.exitCode !== 0) throw new Error(`localnet ended with ${localnet.child.exitCode}`);
console.log(`${followed.length} commands of docs/install.md, all right, in ${seconds} s`);
if (transcript !== undefined) writeFileSync(transcript, page());

/** In order; a comment after a command is for the reader. */
function commandsOf(text) {
  const section = text.split(/^## /m).find((part) => part.startsWith('Five minutes')) ?? '';
  const blocks = [...section.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block]) => block);
  const commands = blocks
    .flatMap((block) => block.trimEnd().split('\n'))
    .map((line) => ({ asRoot: line.startsWith('# '), line: line.slice(2), shown: line }));
  if (commands.length === 0) throw new Error('docs/install.md has no commands under "Five minutes"');
  return commands;
}

async function follow(command) {
  const start = performance.now();
  let printed = '';
  if (command.line.startsWith('dzd-localnet')) printed = await inAnotherTerminal(command);
  else if (command.line.startsWith('cat >')) printed = save(command);
  else printed = inThisTerminal(command);
  const took = ((performance.now() - start) / 1_000).toFixed(1);
  return `${command.shown.padEnd(76)}  [${took} s]\n${printed}`;
}

function inside({ asRoot }) {
  return ['chroot', [...(asRoot ? [] : [`--userspec=${USER}:${USER}`]), root, '/bin/sh', '-c']];
}

function inThisTerminal(command) {
  const [program, args] = inside(command);
  const { status, stdout, stderr } = spawnSync(program, [...args, `cd ${HOME} && ${command.line}`], { env: ENV, encoding: 'utf8' });
  if (status !== 0) throw new Error(`"${command.line}" ended with ${status}:\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** Resolves with what it printed until it waits. */
async function inAnotherTerminal(command) {
  const [program, args] = inside(command);
  localnet.child = spawn(program, [...args, `cd ${HOME} && exec ${command.line}`], { env: ENV, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const chunk of localnet.child.stdout.iterator({ destroyOnReturn: false })) {
    localnet.printed += chunk;
    if (localnet.printed.includes('Stop with Ctrl-C.')) return localnet.printed;
  }
  throw new Error(`"${command.line}" ended after:\n${localnet.printed}`);
}

/** What a person copies from the other terminal and pastes here. */
function save({ line }) {
  const [, file = ''] = line.match(/^cat >(\S+)/) ?? [];
  const [, pasted = ''] = localnet.printed.match(/A configuration file for it:\n\n((?: {2}.*\n)+)/) ?? [];
  const text = pasted.replace(/^ {2}/gm, '');
  writeFileSync(join(root, HOME, file), text);
  return text;
}

function page() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  return `# A first run, as it was

Written by \`.ci/packages --transcript docs/first-run.md\`, which follows the commands of [Five minutes](install.md#five-minutes-a-dry-run-against-localnet)
and no others: on a clean Debian (minbase, no Node.js, no network but the loopback), version ${version}, \`#\` as root, \`$\` as a user without rights.
\`dzd-localnet\` runs in a terminal of its own. The seconds behind a command are what it took; all of them together took ${seconds} s, without the time
to read and to type.

\`\`\`
${followed
  .join('\n')
  .replace(/[ \t]+$/gm, '')
  .trimEnd()}
\`\`\`
`;
}
