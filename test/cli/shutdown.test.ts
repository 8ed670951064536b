import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { bgpStatusName } from '../../src/serviceability/index.ts';
import { type CommandFixture, commandFixture } from './command-fixture.ts';

const root = join(import.meta.dirname, '../..');
let dist = '';

beforeAll(() => {
  // Under node_modules, so that the bundle finds its packages.
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  dist = mkdtempSync(join(cache, 'shutdown-'));
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--quiet', '--outdir', dist], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}, 120_000);

afterAll(() => rmSync(dist, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  log(): readonly string[];
  /** Until a line of the log has these words. */
  until(words: string): Promise<void>;
  /** The exit code, or the signal that killed it. */
  ended(): Promise<number | string | null>;
}

/** The built command, as a process of its own. */
function start({ folder }: CommandFixture, ...args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(dist, 'dzd-telemetry.js'), 'run', '--config', join(folder, 'config.yaml'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const exited = once(child, 'exit');
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    log: () =>
      said
        .trimEnd()
        .split('\n')
        .map((line) => String(JSON.parse(line).msg)),
    async until(words) {
      while (!said.includes(words)) {
        if (isOver()) throw new Error(`it ended without saying "${words}":\n${said}`);
        await Promise.race([once(child.stderr, 'data'), exited]);
      }
    },
    async ended() {
      if (!isOver()) await exited;
      return child.exitCode ?? child.signalCode;
    },
  };
}

const ledgerSays = ({ localnet: { ledger, device } }: CommandFixture) =>
  [...ledger.admin.users(device).values()].map(({ bgpStatus }) => bgpStatusName(bgpStatus));

test('SIGTERM with nothing in flight ends the agent with 0', { timeout: 120_000 }, async () => {
  await using fixture = await commandFixture();
  const agent = start(fixture);
  await agent.until('status written');
  agent.child.kill('SIGTERM');
  expect([await agent.ended(), agent.log().slice(-2)]).toEqual([
    0,
    ['stopping: waiting for transactions in flight; a second signal exits at once', 'stopped'],
  ]);
});

test('SIGTERM with a transaction in flight waits for its confirmation', { timeout: 120_000 }, async () => {
  await using fixture = await commandFixture();
  fixture.localnet.ledger.faults.set({ delaySlots: 20 });
  const agent = start(fixture, '--log-level', 'debug');
  await agent.until('transaction sent');
  agent.child.kill('SIGTERM');
  expect([await agent.ended(), ledgerSays(fixture), agent.log().filter((line) => line.includes('in flight:'))]).toEqual([
    0,
    ['up', 'up', 'up'],
    [],
  ]);
});

test('SIGTERM while nothing lands waits for drainTimeout, logs the unconfirmed statuses and ends with 0', {
  timeout: 120_000,
}, async () => {
  await using fixture = await commandFixture();
  fixture.localnet.ledger.faults.set({ dropProbability: 1 });
  const agent = start(fixture, '--log-level', 'debug', '--worker.drainTimeout', '300ms');
  await agent.until('transaction sent');
  agent.child.kill('SIGTERM');
  await agent.until('"users":[');
  expect([await agent.ended(), agent.log().slice(-2)]).toEqual([
    0,
    ['stopped with unconfirmed writes; the next start reads their result from the ledger', 'stopped'],
  ]);
  expect(ledgerSays(fixture)).toEqual(['unknown', 'unknown', 'unknown']);
});

test('SIGHUP with a transaction in flight: the new agent waits for its confirmation and sends no second one', {
  timeout: 120_000,
}, async () => {
  await using fixture = await commandFixture();
  fixture.localnet.ledger.faults.set({ delaySlots: 40 });
  const agent = start(fixture, '--log-level', 'debug', '--worker.drainTimeout', '300ms');
  await agent.until('transaction sent');
  agent.child.kill('SIGHUP');
  await agent.until('status written');
  agent.child.kill('SIGTERM');
  await agent.ended();
  const printed = agent.log().filter((line) => ['transaction sent', 'configuration reloaded', 'status written'].includes(line));
  expect(printed).toEqual(['transaction sent', 'configuration reloaded', ...fixture.users.map(() => 'status written')]);
  expect(ledgerSays(fixture)).toEqual(['up', 'up', 'up']);
});

test('a second signal ends the agent at once, whatever is in flight', { timeout: 120_000 }, async () => {
  await using fixture = await commandFixture();
  fixture.localnet.ledger.faults.set({ dropProbability: 1 });
  const agent = start(fixture, '--log-level', 'debug', '--worker.drainTimeout', '5m');
  await agent.until('transaction sent');
  agent.child.kill('SIGTERM');
  await agent.until('stopping:');
  agent.child.kill('SIGTERM');
  expect([await agent.ended(), agent.log().at(-1)?.startsWith('stopped')]).toEqual([143, false]);
});

test('SIGHUP applies a changed configuration, and names what needs a restart', { timeout: 120_000 }, async () => {
  await using fixture = await commandFixture();
  const agent = start(fixture);
  await agent.until('status written');
  const file = join(fixture.folder, 'config.yaml');
  const settings = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...settings, log: { level: 'debug' }, policy: { downGrace: '9s' } }));
  agent.child.kill('SIGHUP');
  await agent.until('"keys":["log.level"]');
  writeFileSync(file, JSON.stringify({ ...settings, policy: { downGrace: 9 } }));
  agent.child.kill('SIGHUP');
  await agent.until('did you mean \\"9s\\"?');
  agent.child.kill('SIGTERM');
  expect(await agent.ended()).toBe(0);
});
