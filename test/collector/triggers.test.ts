import { expect, test } from 'vitest';
import { createWakeUps, type WakeUpEvent, type WakeUpSource } from '../../src/collector/index.ts';
import { AgentError, createVirtualClock } from '../../src/lib/index.ts';

function layWakeUps({ maxPerMinute = 3, names = ['traps'] }: { maxPerMinute?: number; names?: readonly string[] } = {}) {
  const clock = createVirtualClock();
  const events: WakeUpEvent[] = [];
  const starters = new Map<string, Parameters<WakeUpSource['start']>>();
  let woken = 0;
  const closed: string[] = [];
  const sources = names.map(
    (name): WakeUpSource => ({
      name,
      start: (...given) => void starters.set(name, given),
      close: async () => void closed.push(name),
    }),
  );
  const wakeUps = createWakeUps({
    sources,
    maxPerMinute,
    clock,
    onTrigger: () => {
      woken += 1;
    },
    reporter: { trigger: (event) => events.push(event) },
  });
  wakeUps.start();
  const starterOf = (name: string): Parameters<WakeUpSource['start']> => {
    const starter = starters.get(name);
    if (starter === undefined) throw new Error(`${name} was not started`);
    return starter;
  };
  return {
    clock,
    wakeUps,
    closed,
    woken: () => woken,
    kinds: () => events.map(({ kind }) => kind),
    events,
    hint: (name = 'traps') => starterOf(name)[0](),
    starterOf,
  };
}

test('hints go through as they come, those of one moment as one', async () => {
  const { clock, hint, kinds, woken } = layWakeUps();
  hint();
  hint();
  await clock.advance(100);
  hint();
  await clock.advance(1_000);
  hint();
  expect(kinds()).toEqual(['woke', 'woke']);
  // Each is handed on: the poll that the first began may have begun before what the last tells of.
  expect(woken()).toBe(4);
});

test('over the bound they are held back, a storm is told once, and a minute later they go through again', async () => {
  const { clock, hint, events, woken } = layWakeUps({ maxPerMinute: 3 });
  for (let second = 0; second < 6; second += 1) {
    hint();
    await clock.advance(1_000);
  }
  expect(woken()).toBe(3);
  const held = { kind: 'held-back', source: 'traps' };
  const woke = { kind: 'woke', source: 'traps' };
  expect(events).toEqual([woke, woke, woke, { kind: 'storm', source: 'traps', maxPerMinute: 3 }, held, held, held]);
  await clock.advance(60_000);
  hint();
  expect(woken()).toBe(4);
});

test('a session that flaps for ever, a change a second for an hour, is one storm and the bound a minute', async () => {
  const { clock, hint, kinds } = layWakeUps({ maxPerMinute: 10 });
  for (let second = 0; second < 3_600; second += 1) {
    hint();
    await clock.advance(1_000);
  }
  const count = (kind: string): number => kinds().filter((each) => each === kind).length;
  expect({ storms: count('storm'), woke: count('woke'), heldBack: count('held-back') }).toEqual({ storms: 1, woke: 600, heldBack: 3_000 });
});

test('the bound is that of all sources together', async () => {
  const { clock, hint, woken } = layWakeUps({ maxPerMinute: 2, names: ['traps', 'watch'] });
  for (const name of ['traps', 'watch', 'traps', 'watch']) {
    hint(name);
    await clock.advance(1_000);
  }
  expect(woken()).toBe(2);
});

test('what a source tells of itself is told by its name', () => {
  const { starterOf, events } = layWakeUps({ names: ['watch'] });
  const error = new AgentError('GRPC__UNREACHABLE', { endpoint: 'grpc://127.0.0.1:9543', problem: 'refused' });
  const [, , onState = () => undefined] = starterOf('watch');
  onState({ state: 'lost', error });
  onState({ state: 'back' });
  expect(events).toEqual([
    { kind: 'lost', source: 'watch', error },
    { kind: 'back', source: 'watch' },
  ]);
});

test('stopping ends all of them, and what still hints is not heard', async () => {
  const { wakeUps, hint, closed, woken, starterOf } = layWakeUps({ names: ['traps', 'watch'] });
  await wakeUps.stop();
  await wakeUps.stop();
  hint();
  expect([closed.slice(0, 2), woken(), starterOf('traps')[1].aborted]).toEqual([['traps', 'watch'], 0, true]);
});
