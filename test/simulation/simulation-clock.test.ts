import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSimulationClock } from '../../localnet/simulation/world.ts';
import { Stopped, withDeadline } from '../../src/lib/index.ts';

const never = (): boolean => false;

test('sleepers wake at their time, and at equal times in the order of their calls', async () => {
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

test('all continuations of one wake-up run before the next wake-up, however many promises they take', async () => {
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

test('sums and differences of times are exact', async () => {
  const clock = createSimulationClock();
  const offsets = [0.1, 1 / 3, Math.PI, 1e-9];
  for (const ms of offsets) {
    const before = clock.monotonic();
    await Promise.all([clock.sleep(ms), clock.run(before + 10, never)]);
    const since = clock.monotonic();
    expect(since + 450 - since).toBe(450);
  }
});

test('an aborted sleep rejects with the reason and leaves no sleeper', async () => {
  const clock = createSimulationClock();
  const controller = new AbortController();
  const slept = clock.sleep(1_000, controller.signal).catch((error: unknown) => error);
  expect(clock.sleepers).toBe(1);

  const reason = new Stopped('enough');
  controller.abort(reason);

  expect([await slept, clock.sleepers]).toEqual([reason, 0]);
});

test('a deadline on this clock ends work at its simulated time', async () => {
  const clock = createSimulationClock();
  const outcome = withDeadline(3_600_000, undefined, (signal) => clock.sleep(7_200_000, signal), clock).catch(
    (error: Error) => error.message,
  );

  await clock.run(3_600_000, never);

  expect(await outcome).toBe('no answer within 3600000 ms');
});

test('a jump of the wall clock does not move the monotonic clock', async () => {
  const clock = createSimulationClock();
  const [wall, monotonic] = [clock.wall(), clock.monotonic()];

  clock.jumpWall(-60_000);

  expect([clock.wall() - wall, clock.monotonic() - monotonic]).toEqual([-60_000, 0]);
});
