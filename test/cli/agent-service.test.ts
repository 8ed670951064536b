import { expect, test } from 'vitest';
import type { Agent } from '../../src/agent/agent.ts';
import { AgentService } from '../../src/cli/daemon.ts';
import { type Clock, monotonicMs } from '../../src/lib/index.ts';
import { createLogger } from '../../src/observability/index.ts';
import { SendAttempts } from '../../src/rpc/index.ts';
import { nanoseconds, parseNetworkV4, slot } from '../../src/serviceability/index.ts';
import type { InFlightTransaction } from '../../src/worker/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

function fixture(clock?: Pick<Clock, 'sleep'>) {
  const events: string[] = [];
  const logger = createLogger({
    level: 'warn',
    format: 'json',
    destination: {
      write(line) {
        const { msg, users = [] } = JSON.parse(line);
        events.push(['log', msg, ...users].join(' '));
      },
    },
  });
  const agentNamed = (name: string): Agent => ({
    start: ({ unresolved } = { unresolved: [] }) =>
      void events.push([`${name} starts`, ...unresolved.map(({ signature }) => `with ${signature}`)].join(' ')),
    stop: async () => {
      events.push(`${name} stops`);
      return { unresolved: [] };
    },
    trigger: () => undefined,
    once: () => Promise.reject(new Error('not in this test')),
  });
  const configured: (() => Agent | Promise<Agent>)[] = [];
  let opened = 0;
  let waiting: readonly string[] = [];
  const service = new AgentService({
    open: async () => ({ agent: (await configured.shift()?.()) ?? agentNamed(`agent ${++opened}`), waiting }),
    logger,
    clock,
    onReload: ({ successful }) => events.push(successful ? 'reloaded' : 'not reloaded'),
  });
  const changed = (keys: readonly string[]): void => {
    waiting = keys;
  };
  return { events, service, configured, changed, agentNamed };
}

test('a reload builds the new agent before it stops the old one, and starts it after', async () => {
  const { events, service } = fixture();
  await service.start();
  expect(await service.reload()).toEqual({ successful: true, message: 'configuration reloaded' });
  await service.stop();
  expect(events).toEqual(['agent 1 starts', 'agent 1 stops', 'reloaded', 'agent 2 starts', 'agent 2 stops']);
});

test('a configuration with a mistake leaves the running agent as it is, and says what is wrong', async () => {
  const { events, service, configured } = fixture();
  await service.start();
  configured.push(() => {
    throw new Error('config.yaml:3: policy.downGrace: expected a duration');
  });
  expect(await service.reload()).toEqual({ successful: false, message: 'config.yaml:3: policy.downGrace: expected a duration' });
  expect(events).toEqual(['agent 1 starts', 'log configuration reload failed; the agent keeps its current configuration', 'not reloaded']);
  await service.stop();
  expect(events.at(-1)).toBe('agent 1 stops');
});

test('a reload names what was changed and needs a restart', async () => {
  const { events, service, changed } = fixture();
  await service.start();
  changed(['http.listen', 'log.level']);
  expect(await service.reload()).toEqual({
    successful: true,
    message: 'configuration reloaded; changes of http.listen, log.level need a restart',
  });
  expect(events).toContain('log configuration reloaded, but some changes need a restart');
  await service.stop();
});

test('concurrent reload requests share one reload', async () => {
  const { events, service } = fixture();
  await service.start();
  await Promise.all([service.reload(), service.reload(), service.reload()]);
  expect(events.filter((event) => event === 'reloaded')).toEqual(['reloaded']);
});

test('a thousand requests to reload make two reloads, 5 s apart, and each gets the result of one that read the configuration after it', async () => {
  const clock = createVirtualClock();
  const { events, service } = fixture(clock);
  await service.start();
  const first = service.reload();
  await first;
  const others = Array.from({ length: 1_000 }, () => service.reload());
  await clock.advance(4_999);
  expect(events.filter((event) => event === 'reloaded')).toHaveLength(1);
  await clock.advance(1);
  expect(await Promise.all(others)).toEqual(Array(1_000).fill({ successful: true, message: 'configuration reloaded' }));
  expect(events.filter((event) => event === 'reloaded')).toHaveLength(2);
  await service.stop();
});

test('a request during a reload that has read the configuration is a reload of its own', async () => {
  const clock = createVirtualClock();
  const { events, service, configured, agentNamed } = fixture(clock);
  await service.start();
  let again: Promise<unknown> | undefined;
  configured.push(() => {
    again = service.reload();
    return agentNamed('old');
  });
  await service.reload();
  await clock.advance(5_000);
  await again;
  expect(events.filter((event) => event === 'reloaded')).toHaveLength(2);
  await service.stop();
});

test('a stop ends a reload that waits for its turn', async () => {
  const { service } = fixture(createVirtualClock());
  await service.start();
  await service.reload();
  const waiting = service.reload();
  await service.stop();
  expect(await waiting).toEqual({ successful: false, message: 'the agent is stopping' });
});

test('a stop during a reload waits for it, and stops what it started', async () => {
  const { events, service } = fixture();
  await service.start();
  void service.reload();
  await service.stop();
  expect(events.filter((event) => event.endsWith('stops'))).toEqual(['agent 1 stops', 'agent 2 stops']);
  expect(events).not.toContain('agent 2 starts');
});

test('a reload during the first start waits for it: never two agents with one key', async () => {
  const { events, service } = fixture();
  const started = service.start();
  const reloaded = service.reload();
  await Promise.all([started, reloaded]);
  expect(events).toEqual(['agent 1 starts', 'agent 1 stops', 'reloaded', 'agent 2 starts']);
  await service.stop();
  expect(events.filter((event) => event.endsWith('stops'))).toEqual(['agent 1 stops', 'agent 2 stops']);
});

test('a reload waits for a first agent that takes longer to build than the second', async () => {
  const { events, service, configured, agentNamed } = fixture();
  configured.push(async () => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    return agentNamed('slow agent');
  });
  await Promise.all([service.start(), service.reload()]);
  await service.stop();
  expect(events).toEqual(['slow agent starts', 'slow agent stops', 'reloaded', 'agent 1 starts', 'agent 1 stops']);
});

test('a reload fails when the first agent failed to start', async () => {
  const { events, service, configured } = fixture();
  configured.push(() => Promise.reject(new Error('no such source')));
  const started = service.start();
  const reloaded = service.reload();
  await expect(started).rejects.toThrow('no such source');
  expect(await reloaded).toEqual({ successful: false, message: 'the agent failed to start: no such source' });
  await service.stop();
  expect(events).toEqual([]);
});

const inFlight: InFlightTransaction = {
  signature: 'first',
  wire: new Uint8Array(),
  attempts: new SendAttempts(new Uint8Array()),
  prefixInstructions: 0,
  slot: slot(100),
  blockHeight: 90n,
  lastValidBlockHeight: 240n,
  sentAt: monotonicMs(0),
  lastSentAt: monotonicMs(0),
  sends: 1,
  intents: [
    {
      user: keyNumber(1),
      from: 'up',
      to: 'down',
      reason: 'change',
      rttNs: nanoseconds(0),
      tunnelNet: parseNetworkV4('169.254.0.2/31'),
      ageMs: 0,
      accountState: 'as created',
    },
  ],
};
const notNow = (): void => undefined;
const leaving = (): Agent => ({
  start: notNow,
  stop: async () => ({ unresolved: [inFlight] }),
  trigger: notNow,
  once: () => Promise.reject(new Error('not in this test')),
});

test('a reload hands transactions in flight over to the new agent', async () => {
  const { events, service, configured } = fixture();
  configured.push(leaving);
  await service.start();
  await service.reload();
  await service.stop();
  expect(events).toEqual(['reloaded', 'agent 1 starts with first', 'agent 1 stops']);
});

test('a stop during a reload logs the unconfirmed statuses', async () => {
  const { events, service, configured } = fixture();
  configured.push(leaving);
  await service.start();
  void service.reload();
  await service.stop();
  expect(events).toContain(`log stopped with unconfirmed writes; the next start reads their result from the ledger ${keyNumber(1)} down`);
});

test('rule 17: a stop logs the unconfirmed statuses and ends in order', async () => {
  const { events, service, configured } = fixture();
  configured.push(leaving);
  await service.start();
  await service.stop();
  expect(events).toEqual([`log stopped with unconfirmed writes; the next start reads their result from the ledger ${keyNumber(1)} down`]);
});
