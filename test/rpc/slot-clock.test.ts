import fc from 'fast-check';
import { expect, test } from 'vitest';
import { monotonicMs } from '../../src/lib/index.ts';
import { medianSlotTime, SlotClock } from '../../src/rpc/slots.ts';
import { slot } from '../../src/serviceability/index.ts';
import { calm, manualClock } from './builders.ts';

const measuring = () => new SlotClock({ rpc: { recentSlotTimeMs: async () => undefined }, clock: manualClock() });
const note = (clock: ReturnType<typeof measuring>, at: number, ms: number): void => clock.note(slot(at), monotonicMs(ms));

test('the slot time is unknown before it is measured', () => {
  expect(measuring().slotTimeMs()).toBe(undefined);
});

test('two sightings less than five seconds apart measure nothing', () => {
  const clock = measuring();
  note(clock, 100, 0);
  note(clock, 112, 4_999);
  expect(clock.slotTimeMs()).toBe(undefined);
  note(clock, 120, 8_000);
  expect(clock.slotTimeMs()).toBe(400);
});

test('lagging answers and slots that stand still measure nothing', () => {
  const clock = measuring();
  note(clock, 100, 0);
  note(clock, 90, 6_000);
  expect(clock.slotTimeMs()).toBe(undefined);
  note(clock, 100, 12_000);
  expect(clock.slotTimeMs()).toBe(undefined);
});

test('an implausible slot time is dropped', () => {
  const clock = measuring();
  note(clock, 100, 0);
  note(clock, 101, 60_000);
  expect(clock.slotTimeMs()).toBe(undefined);
});

test('a change of the slot time shows after ten minutes or so', () => {
  const clock = measuring();
  for (let ms = 0; ms < 1_200_000; ms += 10_000) note(clock, ms / 400, ms);
  expect(clock.slotTimeMs()).toBe(400);
  for (let ms = 1_200_000; ms < 2_600_000; ms += 10_000) note(clock, 3_000 + (ms - 1_200_000) / 200, ms);
  expect(clock.slotTimeMs()).toBe(200);
});

test('the node’s samples go before our own measurement, and stay while the node does not answer', async () => {
  const manual = manualClock();
  let answer: () => Promise<number | undefined> = async () => 250;
  const clock = new SlotClock({ rpc: { recentSlotTimeMs: () => answer() }, clock: manual });
  note(clock, 100, 0);
  note(clock, 120, 8_000);
  await clock.refresh(calm());
  expect(clock.slotTimeMs()).toBe(250);
  answer = () => Promise.reject(new Error('gone'));
  manual.advance(60_000);
  await clock.refresh(calm());
  expect(clock.slotTimeMs()).toBe(250);
  answer = async () => undefined;
  manual.advance(10_000);
  await clock.refresh(calm());
  expect(clock.slotTimeMs()).toBe(400);
});

test('the median lies between the fastest and the slowest sample, and no minority moves it far', () => {
  const sample = fc.record({ slots: fc.integer({ min: 100, max: 400 }), ms: fc.constant(60_000) });
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 30 }), (samples) => {
      const times = samples.map(({ slots, ms }) => ms / slots);
      const median = medianSlotTime([...samples, { slots: 3, ms: 60_000 }]);
      expect(median).toBeGreaterThanOrEqual(Math.min(...times));
      expect(median).toBeLessThanOrEqual(Math.max(...times));
    }),
  );
});
