import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { selfSigned } from '../support/self-signed.ts';

// Under node_modules, so that the bundle finds its packages.
const cache = join(import.meta.dirname, '../../node_modules/.cache');
let folder = '';

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'process-shell-'));
  await build({
    entryPoints: [join(import.meta.dirname, 'fixtures/shell-program.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: join(folder, 'program.js'),
    logLevel: 'error',
  });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (command: string) => spawn(process.execPath, [join(folder, 'program.js'), command], { stdio: ['ignore', 'pipe', 'pipe'] });

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

test.concurrent.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGPWR', 'SIGXCPU'] as const)(
  'rule 17: %s ends a command in order, with exit code 0',
  async (signal) => {
    const child = start('orderly');
    await once(child.stdout, 'data');
    child.kill(signal);
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
    expect([stdout, stderr, code]).toEqual([`stopped by ${signal}\n`, '', 0]);
  },
);

test.concurrent('rule 17: SIGHUP while `run` loads does not end it', async () => {
  const child = start('run');
  await once(child.stdout, 'data');
  child.kill('SIGHUP');
  await systemClock.sleep(200);
  child.kill('SIGTERM');
  const [stdout, code] = await Promise.all([text(child.stdout), ended(child)]);
  expect([stdout, code]).toEqual(['stopped by SIGTERM\n', 0]);
});

test.concurrent.each(['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGSTKFLT'] as const)(
  'rule 17: %s neither ends a command nor opens a debugger',
  async (signal) => {
    const child = start('orderly');
    await once(child.stdout, 'data');
    for (let time = 0; time < 5; time += 1) child.kill(signal);
    // Node opens the debugger in a separate thread.
    await systemClock.sleep(500);
    child.kill('SIGTERM');
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
    expect([stdout, stderr, code]).toEqual(['stopped by SIGTERM\n', '', 0]);
  },
);

test.concurrent('rule 17: a debugger that was opened before the program began is closed', async () => {
  const opening = `data:text/javascript,import { open } from 'node:inspector'; open(0)`;
  const child = spawn(process.execPath, ['--import', opening, join(folder, 'program.js'), 'orderly'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[announced], [ready]] = await Promise.all([once(child.stderr, 'data'), once(child.stdout, 'data')]);
  const port = Number(/ws:\/\/127\.0\.0\.1:(\d+)/.exec(String(announced))?.[1]);
  const answer = await fetch(`http://127.0.0.1:${port}/json`).then(
    ({ status }) => status,
    ({ cause }) => cause.code,
  );
  child.kill('SIGTERM');
  await ended(child);
  expect([String(ready), answer]).toEqual(['ready\n', 'ECONNREFUSED']);
});

test.runIf(process.platform === 'linux')('a core dump would hold nothing of the memory', async () => {
  const child = start('orderly');
  await once(child.stdout, 'data');
  const filter = readFileSync(`/proc/${child.pid}/coredump_filter`, 'utf8');
  child.kill('SIGTERM');
  await ended(child);
  expect(filter).toBe('00000000\n');
});

test.concurrent.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('a second signal, %s, ends the process at once with %d', async (signal, expected) => {
  const child = start('stubborn');
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  await once(child.stdout, 'data');
  child.kill(signal);
  expect(await ended(child)).toBe(expected);
});

test.concurrent('a closed standard output ends the command quietly', async () => {
  const child = start('chatty');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [stderr, code] = await Promise.all([text(child.stderr), ended(child)]);
  expect([stderr, code]).toEqual(['', 0]);
});

test.runIf(process.platform === 'linux')('output to a full disk ends with one line on stderr and exit code 1', async () => {
  const full = openSync('/dev/full', 'w');
  for (const command of ['chatty', 'misled']) {
    const child = spawn(process.execPath, [join(folder, 'program.js'), command], { stdio: ['ignore', full, 'pipe'] });
    if (child.stderr === null) throw new Error('standard error is a pipe');
    const [stderr, code] = await Promise.all([text(child.stderr), ended(child)]);
    const lines = stderr.split('\n').filter((line) => !line.startsWith('note'));
    expect([lines, code]).toEqual([['program: standard output is incomplete: ENOSPC: no space left on device, write', ''], 1]);
  }
  closeSync(full);
});

test.concurrent('bidirectional and invisible characters reach neither output as they are', async () => {
  const child = start('misled');
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
  expect([stdout, stderr, code]).toEqual(['access \\u202elevel\\u2066\\u200b\n', 'note \\ufeffof it\n', 0]);
});

test.concurrent('output written last still arrives', async () => {
  const child = start('bulky');
  const [stdout, code] = await Promise.all([text(child.stdout), ended(child)]);
  expect([stdout.length, code]).toEqual([2_000_000, 1]);
});

test.concurrent('an unhandled rejection is one log line and exit code 1', async () => {
  const child = start('careless');
  const [stderr, code] = await Promise.all([text(child.stderr), ended(child)]);
  expect(code).toBe(1);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(stderr)).toMatchObject({
    level: 'error',
    msg: 'internal error: unhandledRejection',
    error: { message: 'forgotten' },
  });
});

test.concurrent('NODE_TLS_REJECT_UNAUTHORIZED=0 turns no verification off, and the command is given it to warn of', async () => {
  const server = createServer(selfSigned(['127.0.0.1']), (_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const child = spawn(process.execPath, [join(folder, 'program.js'), 'secure'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SERVER: `https://127.0.0.1:${port}`, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  });
  const [stdout, code] = await Promise.all([text(child.stdout), ended(child)]);
  server.close();
  expect([stdout, code]).toEqual(['0 DEPTH_ZERO_SELF_SIGNED_CERT', 0]);
});

test.concurrent('lines on a standard error that leads to the journal have priorities', async () => {
  const file = join(folder, 'journal');
  const descriptor = openSync(file, 'w');
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  const child = spawn(process.execPath, [join(folder, 'program.js'), 'careless'], {
    stdio: ['ignore', 'ignore', descriptor],
    env: { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` },
  });
  expect(await ended(child)).toBe(1);
  closeSync(descriptor);
  expect(readFileSync(file, 'utf8')).toMatch(/^<3>\{"level":"error"/);
});
