import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { isBuiltin } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { commandFixture } from './command-fixture.ts';

const root = join(import.meta.dirname, '../..');
const cache = join(root, 'node_modules/.cache');
let dist = '';

const node = (...args: readonly string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' });
const command = (...args: readonly string[]) => node(join(dist, 'dzd-telemetry.js'), ...args);

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  dist = mkdtempSync(join(cache, 'build-'));
});

afterAll(() => rmSync(dist, { recursive: true, force: true }));

test('a quiet build prints nothing and takes away what an earlier one left', () => {
  const stale = join(dist, 'chunks/run-body-OLD.js');
  mkdirSync(dirname(stale));
  writeFileSync(stale, '');
  const { status, stdout, stderr } = node(join(root, 'scripts/build.mjs'), '--quiet', '--outdir', dist);
  expect([status, stdout, stderr, existsSync(stale)]).toEqual([0, '', '', false]);
});

test('the runbooks are in one chunk, which only an agent with its HTTP server loads', () => {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
  expect(files.filter((file) => readFileSync(join(dist, file), 'utf8').includes('## What it costs'))).toEqual([
    expect.stringMatching(/^chunks\/http-\w+\.js$/),
  ]);
});

test.each(['dzd-telemetry.js', 'dzd-localnet.js'])('%s can be executed and knows the version of the package', (name) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const path = join(dist, name);
  expect([statSync(path).mode & 0o111, readFileSync(path, 'utf8').split('\n')[0]]).toEqual([0o111, '#!/usr/bin/env node']);
  expect(node(path, '--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test.each(['dzd-telemetry', 'dzd-localnet'])('%s ends with one line if its working directory was deleted', (name) => {
  const folder = mkdtempSync(join(cache, 'deleted-'));
  const script = 'cd "$0" && rmdir "$0" && exec "$@"';
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script, folder, process.execPath, join(dist, `${name}.js`), '--version'], {
    encoding: 'utf8',
  });
  const line = `${name}: the working directory no longer exists; change to another one, for example with \`cd /\`\n`;
  expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: line });
});

test('bad usage ends with 2', () => {
  expect(command('run', '--dryrun')).toMatchObject({ status: 2, stdout: '' });
});

test('the built agent serves its runbooks, reloads at SIGHUP, ends in order at SIGTERM and at once at a second SIGTERM', async ({
  onTestFinished,
}) => {
  await using fixture = await commandFixture();
  const start = (...args: readonly string[]) => {
    const child = spawn(
      process.execPath,
      [join(dist, 'dzd-telemetry.js'), 'run', '--config', join(fixture.folder, 'config.yaml'), ...args],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    const exited = once(child, 'exit');
    const until = async (text: string): Promise<void> => {
      while (!log.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended without "${text}":\n${log}`);
        await Promise.race([once(child.stderr, 'data'), exited]);
      }
    };
    return { child, exited, until, log: () => log, lastLine: () => log.trimEnd().split('\n').at(-1) };
  };
  fixture.localnet.ledger.faults.set({ dropProbability: 1 });
  const first = start('--log-level', 'debug', '--worker.drainTimeout', '5m');
  await first.until('transaction sent');
  first.child.kill('SIGTERM');
  await first.until('stopping:');
  first.child.kill('SIGTERM');
  expect([await first.exited, first.lastLine()]).toEqual([[143, null], expect.not.stringContaining('"msg":"stopped')]);

  fixture.localnet.ledger.faults.set({ dropProbability: 0 });
  const second = start();
  await second.until('status written');
  const address = /"url":"(http[^"]+)\/status"/.exec(second.log())?.[1];
  const runbook = await fetch(`${address}/runbooks/DzdDefect`);
  expect([runbook.status, (await runbook.text()).includes('<h1>DzdDefect</h1>')]).toEqual([200, true]);
  second.child.kill('SIGUSR1');
  second.child.kill('SIGUSR2');
  second.child.kill('SIGHUP');
  await second.until('configuration reloaded');
  expect(second.log()).not.toContain('Debugger');
  second.child.kill('SIGTERM');
  expect([await second.exited, second.lastLine()]).toEqual([[0, null], expect.stringContaining('"msg":"stopped"')]);
});

/** Prints in the end which modules of Node.js were loaded, and at once when the tables for characters of several code points are. */
const REPORTS_LOADED = `data:text/javascript,${encodeURIComponent(`
  process.on('exit', () => process.stderr.write(process.moduleLoadList.join('\\n')));
  Intl.Segmenter = class extends Intl.Segmenter {
    constructor() { super(); process.stderr.write('Intl.Segmenter\\n'); }
  };
`)}`;

test('the built agent reaches the ledger through a proxy', async ({ onTestFinished }) => {
  await using fixture = await commandFixture();
  const targets: (string | undefined)[] = [];
  const proxy = createServer().on('connect', ({ url }, client) => {
    targets.push(url);
    const upstream = connect(Number(new URL(fixture.addresses.rpcUrl).port), '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    onTestFinished(() => void upstream.destroy());
  });
  await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const env = { ...process.env, HTTP_PROXY: `http://127.0.0.1:${port}`, DZD_LEDGER_RPC_URLS: 'http://ledger.example:8899' };
  const args = ['status', '--config', join(fixture.folder, 'config.yaml'), '--output', 'json'];
  const child = spawn(process.execPath, [join(dist, 'dzd-telemetry.js'), ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect([code, stderr, targets[0]]).toEqual([0, '', 'ledger.example:8899']);
});

test('the executable loads nothing of Node.js that only unused parts of its packages need', async ({ onTestFinished }) => {
  await using fixture = await commandFixture();
  const outfile = join(fixture.folder, 'dzd-telemetry.cjs');
  const { AGENT, bundleCommand } = await import(join(root, 'scripts/package/bundle.mjs'));
  await bundleCommand({ root, entry: AGENT, outfile });
  const args = [outfile, 'run', '--config', join(fixture.folder, 'config.yaml')];
  const child = spawn(process.execPath, ['--import', REPORTS_LOADED, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
    if (log.includes('status written') && !child.killed) child.kill('SIGTERM');
  });
  await once(child, 'close');
  const loaded = log.split('\n').map((line) => line.replace(/^NativeModule /, ''));
  const unused = ['http2', 'internal/deps/undici/undici', 'Intl.Segmenter'];
  expect([loaded.includes('http'), unused.filter((name) => loaded.includes(name))]).toEqual([true, []]);
});

/** Prints a line as soon as the program listens for SIGTERM. Until then, Node itself ends the process. */
const REPORTS_LISTENING = `data:text/javascript,${encodeURIComponent(
  'const timer = setInterval(() => { if (process.listenerCount("SIGTERM") > 0) { process.stdout.write("listening\\n"); clearInterval(timer); } }, 1)',
)}`;

test('no signal of a reload or a debugger ends the process while modules load', async () => {
  const ends = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'].map(async (signal) => {
    const child = spawn(process.execPath, ['--import', REPORTS_LISTENING, join(dist, 'dzd-telemetry.js'), 'run', '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit');
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child.stdout, 'data');
    child.kill(signal as NodeJS.Signals);
    return [await exited, stdout.includes('--config'), stderr];
  });
  expect(await Promise.all(ends)).toEqual(Array(3).fill([[0, null], true, '']));
});

test('SIGTERM while modules and configuration load ends a command in order, with 0', async () => {
  await using fixture = await commandFixture();
  const endedAfter = async (command: string, delayMs: number) => {
    const args = [join(dist, 'dzd-telemetry.js'), command, '--config', join(fixture.folder, 'config.yaml')];
    const child = spawn(process.execPath, ['--import', REPORTS_LISTENING, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const exited = once(child, 'exit');
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    await once(child.stdout, 'data');
    await systemClock.sleep(delayMs);
    child.kill('SIGTERM');
    const [code, signal] = await exited;
    return { command, delayMs, code, signal, errors: log.split('\n').filter((line) => line.includes('rror')) };
  };
  for (const [command, delays] of [
    ['run', [0, 50, 150, 400]],
    ['check', [100]],
  ] as const)
    for (const delayMs of delays)
      expect(await endedAfter(command, delayMs)).toEqual({ command, delayMs, code: 0, signal: null, errors: [] });
}, 60_000);

const packageOf = (file: string): string => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? 'the house';

/** The packages in a file and in what it imports at once, by the source maps. Static imports only: those on demand stand in parentheses. */
function packagesOf(path: string, seen = new Set<string>()): ReadonlySet<string> {
  const packages = new Set<string>();
  if (seen.has(path)) return packages;
  seen.add(path);
  const { sources }: { sources: readonly string[] } = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
  for (const source of sources) packages.add(packageOf(resolve(dirname(path), source)));
  for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/\b(?:import|from) ?["'](\.[^"']+\.js)["']/g)) {
    for (const each of packagesOf(join(dirname(path), name), seen)) packages.add(each);
  }
  return packages;
}

test('what starts the command imports neither a ledger nor a switch library', () => {
  const entry = join(dist, 'dzd-telemetry.js');
  // The entry sets the heap before it loads what parses the command line.
  const [, commands = ''] = readFileSync(entry, 'utf8').match(/\bimport\("([^"]+)"\)/) ?? [];
  const packages = new Set([...packagesOf(entry), ...packagesOf(join(dist, commands))]);
  expect(packages).toContain('the house');
  expect(packages).toContain('yargs');
  expect([...packages].filter((name) => /web3|undici|snmp|grpc|p-queue/.test(name))).toEqual([]);
});

test('the agent has no line of localnet, and no WebSocket library', () => {
  const filesOf = (entry: string): readonly string[] => {
    const reached = new Set([join(dist, entry)]);
    // What is imported on demand, too.
    for (const path of reached) {
      for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/["'](\.[^"'\s]+\.js)["']/g)) {
        const file = join(dirname(path), name);
        if (existsSync(file)) reached.add(file);
      }
    }
    return [...reached].flatMap((path) => {
      const { sources }: { sources: readonly string[] } = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
      return sources.map((source) => relative(root, resolve(dirname(path), source)));
    });
  };
  const ofLocalnet = (file: string): boolean => /^localnet\/|node_modules\/ws\//.test(file);
  expect(filesOf('dzd-localnet.js')).toEqual(expect.arrayContaining(['localnet/start.ts', 'node_modules/ws/lib/websocket-server.js']));
  expect(filesOf('dzd-telemetry.js')).toContain('src/worker/submit.ts');
  expect(filesOf('dzd-telemetry.js').filter(ofLocalnet)).toEqual([]);
});

test('the commands hold their packages, and hand their licenses on', () => {
  const chunks = readdirSync(join(dist, 'chunks')).filter((name) => name.endsWith('.js'));
  const imported = chunks.flatMap((name) =>
    [...readFileSync(join(dist, 'chunks', name), 'utf8').matchAll(/^import\b[^;]*?["']([^"'.][^"']*)["'];/gm)].map(([, from]) => from),
  );
  expect(imported.filter((name) => !isBuiltin(name ?? ''))).toEqual([]);
  expect(readFileSync(join(dist, 'THIRD-PARTY-NOTICES.txt'), 'utf8')).toMatch(/^undici \d+\.\d+\.\d+, MIT\n\nMIT License/m);
});

test('the SDK is a file of its own that can be imported', async () => {
  const sdk = await import(pathToFileURL(join(dist, 'serviceability.js')).href);
  expect(sdk.findNetwork('d')).toMatchObject({ name: 'devnet' });
});
