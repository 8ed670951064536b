import { describe, expect, test } from 'vitest';
import { createTickLoop } from '../../src/agent/agent.ts';
import { monotonicMs } from '../../src/lib/index.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const SECOND = 1_000;

function setUp({ tickMs = 0 } = {}) {
  const clock = createVirtualClock();
  const begun: number[] = [];
  const errors: unknown[] = [];
  const state = { running: 0, mostAtOnce: 0, retrying: false, fails: false, dueIn: undefined as number | undefined };
  const loop = createTickLoop({
    async tick(signal) {
      begun.push(clock.monotonic());
      state.running += 1;
      state.mostAtOnce = Math.max(state.mostAtOnce, state.running);
      try {
        if (tickMs > 0) await clock.sleep(tickMs, signal);
        if (state.fails) throw new Error('internal');
        return { nextDueAt: state.dueIn === undefined ? undefined : monotonicMs(clock.monotonic() + state.dueIn) };
      } finally {
        state.running -= 1;
      }
    },
    intervalMs: 5 * SECOND,
    isRetrying: () => state.retrying,
    clock,
    onError: (error) => errors.push(error),
  });
  return { clock, begun, errors, state, loop };
}

describe('tick loop', () => {
  test('the first tick begins at once, and each other one an interval after the last began', async () => {
    const { clock, begun, loop } = setUp({ tickMs: 2 * SECOND });
    loop.start();
    loop.start();
    await clock.advance(17 * SECOND);
    expect(begun).toEqual([0, 5_000, 10_000, 15_000]);
  });

  test('ticks never overlap: one that outlasts the interval is followed by the next', async () => {
    const { clock, begun, state, loop } = setUp({ tickMs: 7 * SECOND });
    loop.start();
    await clock.advance(20 * SECOND);
    expect([begun, state.mostAtOnce]).toEqual([[0, 7_000, 14_000], 1]);
  });

  test('ticks come each second while a failure is retried', async () => {
    const { clock, begun, state, loop } = setUp();
    state.retrying = true;
    loop.start();
    await clock.advance(3 * SECOND);
    state.retrying = false;
    await clock.advance(7 * SECOND);
    // The tick that was already due still comes.
    expect(begun).toEqual([0, 1_000, 2_000, 3_000, 4_000, 9_000]);
  });

  test('ticks go on after one that threw, and its error is reported', async () => {
    const { clock, begun, errors, state, loop } = setUp();
    state.fails = true;
    loop.start();
    await clock.advance(5 * SECOND);
    expect([begun, errors]).toEqual([
      [0, 5_000],
      [new Error('internal'), new Error('internal')],
    ]);
  });
});

describe('ticks that are due before the interval ends', () => {
  test('rule 9: a tick begins at the moment at which a grace or an interval of a user ends', async () => {
    const { clock, begun, state, loop } = setUp();
    state.dueIn = 1_200;
    loop.start();
    await clock.advance(1_200);
    state.dueIn = 60 * SECOND;
    await clock.advance(11 * SECOND);
    expect(begun).toEqual([0, 1_200, 2_400, 7_400]);
  });

  test('a moment in the past makes a tick every quarter of a second, and none without a pause', async () => {
    const { clock, begun, state, loop } = setUp();
    state.dueIn = -10 * SECOND;
    loop.start();
    await clock.advance(SECOND);
    expect(begun).toEqual([0, 250, 500, 750, 1_000]);
  });

  test('a switch that takes two seconds to answer gets two seconds of rest before a tick that is due', async () => {
    const { clock, begun, state, loop } = setUp({ tickMs: 2 * SECOND });
    state.dueIn = 0;
    loop.start();
    await clock.advance(9 * SECOND);
    expect(begun).toEqual([0, 4_000, 8_000]);
  });
});

describe('triggers', () => {
  test('a trigger brings the next tick forward', async () => {
    const { clock, begun, loop } = setUp();
    loop.start();
    await clock.advance(2 * SECOND);
    loop.trigger();
    await clock.advance(6 * SECOND);
    expect(begun).toEqual([0, 2_000, 7_000]);
  });

  test('any number of triggers make one tick in a quarter of a second', async () => {
    const { clock, begun, loop } = setUp();
    loop.start();
    for (let ms = 0; ms < SECOND; ms += 10) {
      loop.trigger();
      await clock.advance(10);
    }
    expect(begun).toEqual([0, 250, 500, 750, 1_000]);
  });

  test('a trigger during a tick is not lost', async () => {
    const { clock, begun, loop } = setUp({ tickMs: SECOND });
    loop.start();
    await clock.advance(500);
    loop.trigger();
    await clock.advance(1_000);
    expect(begun).toEqual([0, 1_000]);
  });
});

test('stopping ends the current tick, begins no other, and is idempotent', async () => {
  const { clock, begun, errors, state, loop } = setUp({ tickMs: 3 * SECOND });
  loop.start();
  await clock.advance(SECOND);
  await Promise.all([loop.stop(), loop.stop()]);
  await clock.advance(20 * SECOND);
  expect([begun, errors, state.running]).toEqual([[0], [], 0]);
});

test('rule 17: stopping waits for the current tick, however long it takes', async () => {
  const clock = createVirtualClock();
  const ended: string[] = [];
  const loop = createTickLoop({
    async tick(signal) {
      await clock.sleep(3 * SECOND, signal).catch(() => undefined);
      await clock.sleep(SECOND);
      ended.push('the tick');
      return {};
    },
    intervalMs: 5 * SECOND,
    isRetrying: () => false,
    clock,
    onError: () => undefined,
  });
  loop.start();
  await clock.advance(SECOND);
  const stopped = loop.stop().then(() => ended.push('the loop'));
  await clock.advance(2 * SECOND);
  await stopped;
  expect(ended).toEqual(['the tick', 'the loop']);
});
