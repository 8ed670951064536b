import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSimulationClock } from '../../localnet/simulation/world.ts';
import { Stopped, withDeadline } from '../../src/lib/index.ts';

const never = (): boolean => false;

test('whoever sleeps wakes at its time, in the order of the times and, at one time, of the asking', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 40 }), async (delays) => {
      const clock = createSimulationClock();
      const woken: [number, number][] = [];
      for (const [index, ms] of delays.entries()) void clock.sleep(ms).then(() => woken.push([clock.monotonic(), index]));

      await clock.run(100, never);

      const expected = delays.map((ms, index): [number, number] => [ms, index]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      expect(woken).toEqual(expected);
      expect([clock.monotonic(), clock.sleepers]).toEqual([100, 0]);
    }),
  );
});

test('everything that one wake-up sets in motion happens before the next, however many promises it takes', async () => {
  const clock = createSimulationClock();
  const events: string[] = [];
  void clock.sleep(10).then(async () => {
    for (let n = 0; n < 500; n += 1) await undefined;
    events.push('first, after 500 promises');
  });
  void clock.sleep(11).then(() => events.push('second'));

  await clock.run(20, never);

  expect(events).toEqual(['first, after 500 promises', 'second']);
});

test('times add up exactly, so that no loop finds itself at once early and with nothing left to wait for', async () => {
  const clock = createSimulationClock();
  const offsets = [0.1, 1 / 3, Math.PI, 1e-9];
  for (const ms of offsets) {
    const before = clock.monotonic();
    await Promise.all([clock.sleep(ms), clock.run(before + 10, never)]);
    const since = clock.monotonic();
    expect(since + 450 - since).toBe(450);
  }
});

test('a sleep that is aborted rejects with the reason and leaves nothing behind', async () => {
  const clock = createSimulationClock();
  const controller = new AbortController();
  const slept = clock.sleep(1_000, controller.signal).catch((error: unknown) => error);
  expect(clock.sleepers).toBe(1);

  const reason = new Stopped('enough');
  controller.abort(reason);

  expect([await slept, clock.sleepers]).toEqual([reason, 0]);
});

test('a deadline of this clock ends work when its own time has come, in no real time', async () => {
  const clock = createSimulationClock();
  const outcome = withDeadline(3_600_000, undefined, (signal) => clock.sleep(7_200_000, signal), clock).catch(
    (error: Error) => error.message,
  );

  await clock.run(3_600_000, never);

  expect(await outcome).toBe('no answer within 3600000 ms');
});

test('the wall clock jumps, and the monotonic one does not', async () => {
  const clock = createSimulationClock();
  const [wall, monotonic] = [clock.wall(), clock.monotonic()];

  clock.jumpWall(-60_000);

  expect([clock.wall() - wall, clock.monotonic() - monotonic]).toEqual([-60_000, 0]);
});
