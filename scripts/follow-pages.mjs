#!/usr/bin/env node
/*
 * node scripts/follow-pages.mjs [PAGE …]
 * node scripts/follow-pages.mjs --check
 *
 *   page ──► blocks ──► commands, each with the output that the page shows ──► a shell in a fresh checkout ──► the same output?
 *
 * Types each command of the pages for users, in order, and fails where one fails or prints something else than the page shows. Runs as root: each page has
 * a copy of the checkout and network, mounts and processes of its own, so that it uses the ports and paths that it names, while other pages are followed
 * side by side. Needs the built dist/ and Debian's packages that .ci/pages installs. With --check it types nothing, and names the blocks that nothing types.
 *
 * A block of `sh` is typed, and so is one that begins with `$ `, command by command. The block after it is its output. A comment above a block says what differs:
 *
 *   <!-- not run: REASON -->        these commands are not typed
 *   <!-- not compared: REASON -->   the output of this block, or of its commands, is not compared
 *   <!-- saved as FILE -->          the reader saves this text; without a language, as the command above prints it
 *   <!-- added to FILE -->          the reader puts these settings into a configuration
 *   <!-- exit code N -->            the last command of this block ends with N
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { isAsShown, patternOf } from './transcript.mjs';

const script = fileURLToPath(import.meta.url);
const root = resolve(dirname(script), '..');
const AT_ONCE = 4;

/** The pages that are followed, the longest first, each with what it finds: nothing, the localnet of start.md, or a device with an installed agent. */
const FOLLOWED = {
  'docs/how-to/alerts.md': trial,
  'docs/localnet.md': nothing,
  'README.md': device,
  'docs/commands.md': nothing,
  'docs/rfc11.md': nothing,
  'docs/start.md': device,
  'docs/simulation.md': nothing,
  'docs/how-to/endpoints.md': device,
  'docs/how-to/secrets.md': device,
  'docs/how-to/snmpv3.md': device,
  'docs/how-to/switch-access.md': device,
  'docs/how-to/upgrade.md': device,
  'docs/localnet-ledger.md': nothing,
  'docs/performance.md': nothing,
  'docs/troubleshooting.md': device,
  'docs/watching.md': trial,
  'mixin/README.md': nothing,
};
/** Pages that another program follows. */
const FOLLOWED_ELSEWHERE = {
  'docs/runbooks/': 'test/mixin/live.mjs',
  'examples/README.md': 'scripts/run-examples.mjs',
};
/** Where blocks of `console` are typed, too: scripts/package/first-run.mjs follows them on a clean Debian. */
const OF_FIRST_RUN = 'docs/install.md';
const MARKS = /^(not (run|compared): .+|(saved as|added to) \S+|exit code [1-9]\d*)$/;

/** A command that only reads is repeated until the world is as the page shows it, for so long. */
const READS = [
  [/promtool query/, 240_000],
  [/\b(explain|status|check|history|audit|snmpwalk)\b|curl -s /, 120_000],
];
/** Commands that stay in a terminal of their own, and what each prints when it is ready. One of a kind runs at a time, the newest. */
const STAYS = [
  [/dzd-localnet(\.js)?( start)?( --|$)/, /Stop with Ctrl-C\.|"event":"ready"/],
  [/dzd-telemetry(\.js)? run (?!.*--once)/, /status written/],
  [/^prometheus /, /Server is ready to receive web requests/],
  [/^npm start$/, /dzd-localnet demo/],
];
/** What the first steps of .ci/run and .ci/pages have done. */
const DONE_BEFORE = /^(npm ci( && |$)|sudo apt-get install .*)/;
const COMMAND_DEADLINE_MS = 600_000;

await main(process.argv.slice(2));

async function main([option, page, ...more]) {
  if (option === '--here') return followHere(page);
  if (option === '--check') return check();
  const pages = option === undefined ? Object.keys(FOLLOWED) : [option, ...(page === undefined ? [] : [page]), ...more];
  const unknown = pages.filter((each) => !Object.hasOwn(FOLLOWED, each));
  if (unknown.length > 0)
    throw new Error(`${unknown.join(', ')}: not followed by this script; docs/testing.md names the step for each page`);
  const waiting = [...pages];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) if (!(await followApart(next))) process.exitCode = 1;
    }),
  );
}

/** In namespaces of its own, which end with everything that the page has started. */
async function followApart(page) {
  const child = spawn(
    'unshare',
    ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, script, '--here', page],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return new Promise((done) => child.once('close', (code) => done(code === 0)));
}

async function followHere(page) {
  const began = Date.now();
  const home = mkdtempSync(join(tmpdir(), 'dzd-pages-'));
  const place = newPlace(page, home);
  try {
    await FOLLOWED[page](place);
    const steps = stepsOf(readFileSync(join(root, page), 'utf8'));
    for (const step of steps) await take(place, step);
    console.log(`${page}: ${steps.length} steps, all as shown, in ${Math.round((Date.now() - began) / 1_000)} s`);
  } catch (error) {
    console.error(`${page}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    for (const { child } of place.running.values()) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  }
  process.exit();
}

function check() {
  const problems = partsOfCheckout()
    .flatMap((name) =>
      statSync(join(root, name)).isDirectory()
        ? readdirSync(join(root, name), { recursive: true }).map((file) => join(name, file))
        : [name],
    )
    .filter((name) => name.endsWith('.md'))
    .flatMap((page) => problemsOf(page).map((problem) => `${page}:${problem}`));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

function problemsOf(page) {
  const blocks = blocksOf(readFileSync(join(root, page), 'utf8'));
  const isElsewhere = Object.keys(FOLLOWED_ELSEWHERE).some((prefix) => page.startsWith(prefix));
  const typed = blocks.filter((block) => isTyped(block) && !block.mark.startsWith('not run: '));
  const problems = blocks.flatMap(({ mark, language, body, line }) => {
    if (mark !== '' && !MARKS.test(mark)) return [`${line}: no such mark: ${mark}`];
    if (language === 'console' && page !== OF_FIRST_RUN) return [`${line}: nothing types a block of console: name it sh`];
    if (language === '' && !mark.startsWith('not ') && /^(npm|npx|node|dzd-\w+|curl|ssh|docker|sudo|systemctl) /m.test(body))
      return [`${line}: commands in a block without a language: name it sh, or begin each with "$ "`];
    return [];
  });
  if (FOLLOWED[page] === undefined && !isElsewhere)
    problems.push(...typed.map(({ line }) => `${line}: nothing types these commands: put the page into FOLLOWED, or say why not`));
  if (FOLLOWED[page] !== undefined && typed.length === 0) problems.push('1: is in FOLLOWED, and has no command');
  return problems;
}

/** Without what is built or installed there. */
function partsOfCheckout() {
  return readdirSync(root).filter((name) => !['.git', 'node_modules', 'dist', 'out', 'coverage'].includes(name));
}

/** A page's blocks: the comment above each, its language and its text. */
function blocksOf(text) {
  return [...text.matchAll(/(?:^ *<!-- (.+) -->\n)?^( *)```(\w*)\n([\s\S]*?)^\2```$/gm)].map(
    ({ index, 1: mark = '', 2: indent, 3: language, 4: body }) => ({
      mark,
      language,
      body: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      line: text.slice(0, index).split('\n').length,
      before: text.slice(0, index).split('```').at(-1),
    }),
  );
}

function isTyped({ language, body }) {
  return language === 'sh' || (language === '' && body.startsWith('$ '));
}

function stepsOf(text) {
  const blocks = blocksOf(text);
  return blocks.flatMap((block, at) => {
    const [, verb, file] = block.mark.match(/^(saved as|added to) (\S+)$/) ?? [];
    if (verb !== undefined) return [{ file, verb, ...block }];
    if (!isTyped(block) || block.mark.startsWith('not run: ')) return [];
    const next = blocks[at + 1];
    const isOutput =
      next !== undefined && !/^#{1,6} /m.test(next.before) && ['', 'json'].includes(next.language) && next.mark === '' && !isTyped(next);
    const commands = block.language === 'sh' ? commandsOf(block.body, isOutput ? next.body : undefined) : transcriptOf(block.body);
    const [, code] = block.mark.match(/^exit code (\d+)$/) ?? [];
    const isCompared = !block.mark.startsWith('not compared: ');
    return commands.map(({ line, shown }, n) => ({
      line,
      shown: isCompared ? shown : undefined,
      code: n === commands.length - 1 ? Number(code ?? 0) : 0,
    }));
  });
}

/** The output that follows a block is its last command's. */
function commandsOf(body, shown) {
  const commands = [];
  for (const line of body.trimEnd().split('\n')) {
    const former = commands.at(-1);
    if (former !== undefined && (former.endsWith('\\') || former.split("'").length % 2 === 0))
      commands[commands.length - 1] = `${former}\n${line}`;
    else if (/^[^#]/.test(line)) commands.push(line);
  }
  return commands.map((line, n) => ({ line, shown: n === commands.length - 1 ? shown : undefined }));
}

function transcriptOf(body) {
  return body
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [line, ...shown] = part.trimEnd().split('\n');
      return { line, shown: shown.length > 0 ? shown.join('\n') : undefined };
    });
}

async function take(place, step) {
  if (step.file !== undefined) return save(place, step);
  const line = filledIn(place, step.line.replace(DONE_BEFORE, ''));
  const kind = STAYS.findIndex(([pattern]) => pattern.test(line));
  if (line === '') return;
  if (kind >= 0) return stay(place, kind, line, step.shown);
  const until = Date.now() + (READS.find(([pattern]) => pattern.test(line))?.[1] ?? 0);
  for (;;) {
    const { code, output } = await place.terminal.type(line);
    place.output = output;
    const isRight = code === step.code && (step.shown === undefined || isAsShown(step.shown, output));
    if (isRight) return;
    if (Date.now() > until)
      throw new Error(`"${line}" ended with ${code} and printed:\n${output}\nwhere the page shows:\n${step.shown ?? ''}`);
    await sleep(2_000);
  }
}

/** Placeholders of the page, and the folder in which the localnet has put its keys. */
function filledIn(place, text) {
  const values = Object.entries({ ...place.values, ...(place.keys === undefined ? {} : { '/tmp/dzd-telemetry-…': place.keys }) });
  const plain = text.replaceAll(/\/tmp\/dzd-telemetry-\w+(?=\/)/g, '/tmp/dzd-telemetry-…');
  return values.reduce((filled, [placeholder, value]) => filled.replaceAll(placeholder, value), plain);
}

function save(place, { file, verb, language, body }) {
  const path = join(place.folder, file);
  if (verb === 'added to') {
    const settings = { ...parse(readFileSync(path, 'utf8')), ...parse(filledIn(place, body)) };
    return writeFileSync(path, stringify(settings));
  }
  if (language !== '') return writeFileSync(path, filledIn(place, body));
  const source = patternOf(body).source.slice(1, -1);
  const [printed] = place.output.replaceAll(/^ {2}/gm, '').match(new RegExp(`^${source}`, 'm')) ?? [];
  if (printed === undefined) throw new Error(`what the page saves as ${file} was not printed:\n${place.output}`);
  writeFileSync(path, printed);
}

/** Resolves when the command is ready. */
async function stay(place, kind, line, shown) {
  const former = place.running.get(kind);
  if (former?.line === line) return;
  former?.child.kill('SIGTERM');
  await former?.ended;
  const program = { line, output: '', child: spawn('bash', ['-c', `exec ${line}`], { cwd: place.folder, env: place.env }) };
  program.ended = new Promise((done) => {
    program.child.once('close', (code) => {
      program.code = code;
      done();
    });
  });
  for (const stream of [program.child.stdout, program.child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => (program.output += chunk));
  place.running.set(kind, program);
  const until = Date.now() + COMMAND_DEADLINE_MS;
  while (!STAYS[kind][1].test(program.output)) {
    if (Date.now() > until || program.code !== undefined) throw new Error(`"${line}" is not ready:\n${program.output}`);
    await sleep(100);
  }
  place.output = program.output;
  place.keys = program.output.match(/\/[^\s"]+(?=\/foundation\.json)/)?.[0] ?? place.keys;
  if (shown !== undefined && !isAsShown(shown, program.output))
    throw new Error(`"${line}" printed something else than the page shows:\n${program.output}`);
}

/** A shell that keeps its variables, functions and aliases from command to command. */
function openTerminal(folder, env, typed) {
  const shell = spawn('bash', ['--norc'], { cwd: folder, env });
  const end = '== end of the command:';
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  shell.stdin.write('exec 2>&1\nshopt -s expand_aliases\n');
  return {
    async type(line) {
      output = '';
      const [, asked] = line.match(/\/dev\/stdin \S*?([^/\s]+)$/) ?? [];
      writeFileSync(join(env.HOME, 'typed'), asked === undefined ? '' : `${typed[asked] ?? 'secret'}\n`);
      shell.stdin.write(`{ ${line}\n} <"$HOME/typed"\necho "${end} $?"\n`);
      const until = Date.now() + COMMAND_DEADLINE_MS;
      for (;;) {
        const [before, code] = output.split(end);
        if (/\d\n/.test(code ?? '')) return { code: Number.parseInt(code, 10), output: before };
        if (Date.now() > until) throw new Error(`"${line}" does not end:\n${output}`);
        await sleep(20);
      }
    },
  };
}

/** A copy of the checkout with both programs by name, the loopback, and /etc, /mnt, /run and /usr/share/doc apart from this machine's own. */
function newPlace(page, home) {
  const run = (program, ...args) => execFileSync(program, args);
  run('ip', 'link', 'set', 'lo', 'up');
  for (const folder of ['/mnt', '/run', '/usr/share/doc']) run('mount', '-t', 'tmpfs', 'tmpfs', folder);
  run('cp', '-a', '/etc', '/mnt/etc');
  run('mount', '--bind', '/mnt/etc', '/etc');
  const folder = join(home, 'checkout');
  mkdirSync(folder);
  for (const file of [...partsOfCheckout(), 'dist']) cpSync(join(root, file), join(folder, file), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const bin = join(home, 'bin');
  mkdirSync(bin);
  for (const name of ['dzd-telemetry', 'dzd-localnet'])
    writeFileSync(join(bin, name), `#!/bin/sh\nexec node ${folder}/dist/${name}.js "$@"\n`, { mode: 0o755 });
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: home, TMPDIR: home, LANG: 'C.UTF-8', TERM: 'dumb' };
  const typed = {};
  return { page, home, folder, env, typed, values: {}, running: new Map(), output: '', terminal: openTerminal(folder, env, typed) };
}

function nothing() {}

/** What start.md leaves: its localnet, and trial.yaml. */
async function trial(place) {
  await stay(place, 0, 'node dist/dzd-localnet.js --users 5');
  const [, printed] = place.output.match(/A configuration file for it:\n\n((?: {2}.*\n)+)/);
  writeFileSync(join(place.folder, 'trial.yaml'), printed.replaceAll(/^ {2}/gm, ''));
}

/** A switch with HTTPS, SNMPv3 and eAPI's Unix socket at the usual addresses, its ledger at other ones than a localnet's, and an installed agent. */
async function device(place) {
  const { folder, home, values, env } = place;
  const [key, certificate] = ['switch.key', 'switch.pem'].map((name) => join(home, name));
  const subject = ['-subj', '/CN=switch', '-days', '2', '-nodes', '-newkey', 'rsa:2048'];
  execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  const fingerprint = execFileSync('openssl', ['x509', '-in', certificate, '-noout', '-fingerprint', '-sha256'])
    .toString()
    .trim()
    .split('=')[1];
  const ledger = 'http://127.0.0.1:18899';
  const ports = `--rpc-port 18899 --eapi-port 443 --snmp-port 161 --grpc-port 0 --eapi-socket /run/command-api.sock`;
  const line = `dzd-localnet --users 5 --output json ${ports} --eapi-key ${key} --eapi-cert ${certificate}`;
  const localnet = spawn('bash', ['-c', `exec ${line}`], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = await new Promise((done) => localnet.stdout.once('data', (chunk) => done(JSON.parse(chunk))));
  Object.assign(values, {
    PUBLIC_KEY_OF_THE_DEVICE: ready.device,
    ADDRESS_OF_THE_SWITCH: '127.0.0.1',
    SHA256_OF_ITS_CERTIFICATE: fingerprint,
    'env: mainnet-beta\\n': `env: localnet\\nledger: {rpcUrls: ["${ledger}"]}\\n`,
    'env: mainnet-beta\n': `env: localnet\nledger: {rpcUrls: ["${ledger}"]}\n`,
    'https://rpc.example.net/TOKEN': ledger,
    'https://doublezero-mainnet-beta.rpcpool.com/db336024-e7a8-46b1-80e5-352dd77060ab': 'http://127.0.0.1:1',
    'user: dzd-telemetry': 'user: localnet',
    'explain USER': 'explain 198.18.0.1',
  });
  Object.assign(place.typed, { 'snmp-auth': 'localnet-auth', 'snmp-priv': 'localnet-priv' });
  for (const name of ['/etc/dzd-telemetry', '/etc/systemd/system', '/mnt/flash/dzd-telemetry', '/usr/share/doc/dzd-telemetry'])
    mkdirSync(name, { recursive: true });
  cpSync(join(root, 'systemd/drop-ins'), '/usr/share/doc/dzd-telemetry/drop-ins', { recursive: true });
  const configuration = { env: 'localnet', device: ready.device, ledger: { rpcUrls: [ledger] } };
  for (const path of ['/etc/dzd-telemetry/config.yaml', join(folder, 'dzd.yaml')]) writeFileSync(path, stringify(configuration));
  for (const path of ['/etc/dzd-telemetry/keypair.json', join(folder, 'keypair.json'), join(folder, 'metrics-publisher.json')])
    copyFileSync(ready.keypair, path);
  writeFileSync(join(folder, 'eapi-password'), 'secret\n', { mode: 0o400 });
}
