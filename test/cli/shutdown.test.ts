import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import { bgpStatusName } from '../../src/serviceability/index.ts';
import { type CommandFixture, commandFixture } from './command-fixture.ts';

interface Running {
  /** Messages of the log so far. */
  log(): readonly string[];
  /** Until the log contains this text. */
  until(text: string): Promise<void>;
  terminate(): void;
  hangUp(): void;
  /** The exit code. */
  readonly ended: Promise<number>;
}

/** `dzd-telemetry run` with this fixture. Its signals are those that the process would get: see process-shell.test.ts. */
function start(fixture: CommandFixture, ...args: readonly string[]): Running {
  const life = createAbortController();
  const written: string[] = [];
  let isOver = false;
  let notify = (): void => undefined;
  let hangUp = (): void => undefined;
  const running = fixture.run(
    ['run', ...args],
    life.signal,
    (text) => {
      written.push(text);
      notify();
    },
    (listener) => {
      hangUp = listener;
    },
  );
  const ended = running.then(({ exitCode }) => exitCode);
  void ended.finally(() => {
    isOver = true;
    notify();
  });
  return {
    log: () => written.map((line) => String(JSON.parse(line).msg)),
    async until(text) {
      while (!written.some((line) => line.includes(text))) {
        if (isOver) throw new Error(`it ended without "${text}":\n${written.join('')}`);
        await new Promise<void>((resolve) => {
          notify = resolve;
        });
      }
    },
    terminate: () => life.abort(new Stopped('SIGTERM')),
    hangUp: () => hangUp(),
    ended,
  };
}

const statuses = ({ localnet: { ledger, device } }: CommandFixture) =>
  [...ledger.admin.users(device).values()].map(({ bgpStatus }) => bgpStatusName(bgpStatus));

describe.concurrent('shutdown and reload', () => {
  test('SIGTERM with nothing in flight ends the agent with 0', async () => {
    await using fixture = await commandFixture();
    const agent = start(fixture);
    await agent.until('status written');
    agent.terminate();
    expect([await agent.ended, agent.log().slice(-2)]).toEqual([
      0,
      ['stopping: waiting for transactions in flight; a second signal exits at once', 'stopped'],
    ]);
  });

  test('SIGTERM with a transaction in flight waits for its confirmation', async () => {
    await using fixture = await commandFixture();
    fixture.localnet.ledger.faults.set({ delaySlots: 20 });
    const agent = start(fixture, '--log-level', 'debug');
    await agent.until('transaction sent');
    agent.terminate();
    expect([await agent.ended, statuses(fixture), agent.log().filter((line) => line.includes('unconfirmed'))]).toEqual([
      0,
      ['up', 'up', 'up'],
      [],
    ]);
  });

  test('SIGTERM while nothing lands waits for drainTimeout, logs the unconfirmed statuses and ends with 0', async () => {
    await using fixture = await commandFixture();
    fixture.localnet.ledger.faults.set({ dropProbability: 1 });
    const agent = start(fixture, '--log-level', 'debug', '--worker.drainTimeout', '300ms');
    await agent.until('transaction sent');
    agent.terminate();
    await agent.until('"users":[');
    expect([await agent.ended, agent.log().slice(-2)]).toEqual([
      0,
      ['stopped with unconfirmed writes; the next start reads their result from the ledger', 'stopped'],
    ]);
    expect(statuses(fixture)).toEqual(['unknown', 'unknown', 'unknown']);
  });

  test('SIGHUP with a transaction in flight: the new agent waits for its confirmation and sends no second one', async () => {
    await using fixture = await commandFixture();
    fixture.localnet.ledger.faults.set({ delaySlots: 40 });
    const agent = start(fixture, '--log-level', 'debug', '--worker.drainTimeout', '300ms');
    await agent.until('transaction sent');
    agent.hangUp();
    await agent.until('status written');
    agent.terminate();
    await agent.ended;
    const events = agent.log().filter((line) => ['transaction sent', 'configuration reloaded', 'status written'].includes(line));
    expect(events).toEqual(['transaction sent', 'configuration reloaded', ...fixture.users.map(() => 'status written')]);
    expect(statuses(fixture)).toEqual(['up', 'up', 'up']);
  });

  test('SIGHUP applies a changed configuration, and names what needs a restart', async () => {
    await using fixture = await commandFixture();
    const agent = start(fixture);
    await agent.until('status written');
    const file = join(fixture.folder, 'config.yaml');
    const settings = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...settings, log: { level: 'debug' }, policy: { downGrace: '9s' } }));
    agent.hangUp();
    await agent.until('"keys":["log.level"]');
    writeFileSync(file, JSON.stringify({ ...settings, policy: { downGrace: 9 } }));
    agent.hangUp();
    await agent.until('did you mean \\"9s\\"?');
    agent.terminate();
    expect(await agent.ended).toBe(0);
  });
});
