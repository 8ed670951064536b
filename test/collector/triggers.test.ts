import { expect, test } from 'vitest';
import { createTriggers, type TriggerEvent, type TriggerSource } from '../../src/collector/index.ts';
import { AgentError } from '../../src/lib/index.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

function setUpTriggers({ maxPerMinute = 3, names = ['traps'] }: { maxPerMinute?: number; names?: readonly string[] } = {}) {
  const clock = createVirtualClock();
  const events: TriggerEvent[] = [];
  const starters = new Map<string, Parameters<TriggerSource['start']>>();
  let triggered = 0;
  const closed: string[] = [];
  const sources = names.map(
    (name): TriggerSource => ({
      name,
      start: (...given) => void starters.set(name, given),
      close: async () => void closed.push(name),
    }),
  );
  const triggers = createTriggers({
    sources,
    maxPerMinute,
    clock,
    onTrigger: () => {
      triggered += 1;
    },
    reporter: { trigger: (event) => events.push(event) },
  });
  triggers.start();
  const starterOf = (name: string): Parameters<TriggerSource['start']> => {
    const starter = starters.get(name);
    if (starter === undefined) throw new Error(`${name} was not started`);
    return starter;
  };
  return {
    clock,
    triggers,
    closed,
    triggered: () => triggered,
    kinds: () => events.map(({ kind }) => kind),
    events,
    hint: (name = 'traps') => starterOf(name)[0](),
    starterOf,
  };
}

test('hints trigger at once, and those within 250 ms count as one', async () => {
  const { clock, hint, kinds, triggered } = setUpTriggers();
  hint();
  hint();
  await clock.advance(100);
  hint();
  await clock.advance(1_000);
  hint();
  expect(kinds()).toEqual(['woke', 'woke']);
  // Each calls onTrigger: the poll of the first may have begun before the change of the last.
  expect(triggered()).toBe(4);
});

test('hints over the rate limit are held back, reported as one storm, and trigger again a minute later', async () => {
  const { clock, hint, events, triggered } = setUpTriggers({ maxPerMinute: 3 });
  for (let second = 0; second < 6; second += 1) {
    hint();
    await clock.advance(1_000);
  }
  expect(triggered()).toBe(3);
  const held = { kind: 'held-back', source: 'traps' };
  const woke = { kind: 'woke', source: 'traps' };
  expect(events).toEqual([woke, woke, woke, { kind: 'storm', source: 'traps', maxPerMinute: 3 }, held, held, held]);
  await clock.advance(60_000);
  hint();
  expect(triggered()).toBe(4);
});

test('a session that flaps every second for an hour is one storm, with the rate limit of triggers a minute', async () => {
  const { clock, hint, kinds } = setUpTriggers({ maxPerMinute: 10 });
  for (let second = 0; second < 3_600; second += 1) {
    hint();
    await clock.advance(1_000);
  }
  const count = (kind: string): number => kinds().filter((each) => each === kind).length;
  expect({ storms: count('storm'), woke: count('woke'), heldBack: count('held-back') }).toEqual({ storms: 1, woke: 600, heldBack: 3_000 });
});

test('the rate limit counts all sources together', async () => {
  const { clock, hint, triggered } = setUpTriggers({ maxPerMinute: 2, names: ['traps', 'watch'] });
  for (const name of ['traps', 'watch', 'traps', 'watch']) {
    hint(name);
    await clock.advance(1_000);
  }
  expect(triggered()).toBe(2);
});

test('the state of a source is reported with its name', () => {
  const { starterOf, events } = setUpTriggers({ names: ['watch'] });
  const error = new AgentError('GRPC__UNREACHABLE', { endpoint: 'grpc://127.0.0.1:9543', problem: 'refused' });
  const [, , onState = () => undefined] = starterOf('watch');
  onState({ state: 'lost', error });
  onState({ state: 'back' });
  expect(events).toEqual([
    { kind: 'lost', source: 'watch', error },
    { kind: 'back', source: 'watch' },
  ]);
});

test('stopping ends all sources, and later hints do not trigger', async () => {
  const { triggers, hint, closed, triggered, starterOf } = setUpTriggers({ names: ['traps', 'watch'] });
  await triggers.stop();
  await triggers.stop();
  hint();
  expect([closed.slice(0, 2), triggered(), starterOf('traps')[1].aborted]).toEqual([['traps', 'watch'], 0, true]);
});
