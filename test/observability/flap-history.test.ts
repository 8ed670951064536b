import { expect, test } from 'vitest';
import { epochMs } from '../../src/lib/index.ts';
import { FlapHistory } from '../../src/observability/status-history.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;
const START = 29_833_333 * MINUTE;

test('the flap history counts transitions by the minute, hidden ones in both directions', async () => {
  const clock = createVirtualClock(epochMs(START));
  const history = new FlapHistory(clock);
  history.add('down', 1);
  history.add('up', 2);
  await clock.advance(3 * MINUTE);
  history.add('up', 3);
  expect(history.list()).toEqual([
    { at: START, up: 1, down: 2 },
    { at: START + 3 * MINUTE, up: 2, down: 1 },
  ]);
});

test('the flap history keeps an hour and counts a mass flap in full', async () => {
  const clock = createVirtualClock(epochMs(START));
  const history = new FlapHistory(clock);
  for (let minute = 0; minute < 90; minute += 1) {
    for (let user = 0; user < 40; user += 1) history.add('down', 1);
    await clock.advance(MINUTE);
  }
  expect([history.list().length, history.list().every(({ down }) => down === 40)]).toEqual([59, true]);
  await clock.advance(60 * MINUTE);
  expect(history.list()).toEqual([]);
});
