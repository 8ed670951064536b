import { describe, expect, test } from 'vitest';
import { type Clock, createVirtualClock, monotonicMs, systemClock, timeSlices } from '../../src/lib/index.ts';

const never = new AbortController().signal;

/** A clock that only work moves, on the real event loop; and how much work each turn of that loop has seen. */
function layLoop() {
  let now = 0;
  const turns: number[] = [0];
  let counting = true;
  const count = (): void => {
    turns.push(0);
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const clock: Clock = { ...systemClock, monotonic: () => monotonicMs(now) };
  return {
    clock,
    work(ms: number): void {
      now += ms;
      turns.push((turns.pop() ?? 0) + ms);
    },
    /** Milliseconds of work in each turn that saw any. */
    stop(): readonly number[] {
      counting = false;
      return turns.filter((ms) => ms > 0);
    },
  };
}

async function workInSteps(loop: ReturnType<typeof layLoop>, steps: number, ms: number): Promise<void> {
  const breathe = timeSlices(loop.clock, never);
  for (let step = 0; step < steps; step += 1) {
    loop.work(ms);
    await breathe();
  }
}

describe('long work', () => {
  test('goes on without a pause while it is short', async () => {
    const loop = layLoop();
    await workInSteps(loop, 4, 1);
    expect(loop.stop()).toEqual([4]);
  });

  test('gives the event loop back after each slice', async () => {
    const loop = layLoop();
    await workInSteps(loop, 20, 1);
    const turns = loop.stop();
    expect(Math.max(...turns)).toBe(5);
    expect(turns.reduce((sum, ms) => sum + ms)).toBe(20);
  });

  test('of several pieces, each too short to pause, is one long work', async () => {
    const loop = layLoop();
    for (let piece = 0; piece < 10; piece += 1) await workInSteps(loop, 4, 1);
    expect(Math.max(...loop.stop())).toBeLessThanOrEqual(6);
  });

  test('beside other long work has a turn of the event loop for itself', async () => {
    const loop = layLoop();
    await Promise.all([workInSteps(loop, 40, 1), workInSteps(loop, 40, 1), workInSteps(loop, 40, 1)]);
    expect(Math.max(...loop.stop())).toBeLessThanOrEqual(7);
  });

  test('that is given up in its pause does not hold up the others', async () => {
    const loop = layLoop();
    const controller = new AbortController();
    const breathe = timeSlices(loop.clock, controller.signal);
    loop.work(6);
    const pause = breathe();
    const other = workInSteps(loop, 20, 1);
    controller.abort(new Error('given up'));
    await expect(pause).rejects.toThrow('given up');
    await other;
    loop.stop();
  });

  test('that is given up behind others does not wait for them', async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const [breathe, breatheToo] = [timeSlices(clock, never), timeSlices(clock, controller.signal)];
    await clock.advance(10);
    const [first, second] = [breathe(), breatheToo()];
    controller.abort(new Error('given up'));
    // The clock stands still: the first one's turn has not come.
    await expect(second).rejects.toThrow('given up');
    await clock.advance(0);
    await first;
  });
});
