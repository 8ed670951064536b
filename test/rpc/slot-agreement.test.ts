import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Endpoint, EndpointError } from '../../src/rpc/endpoint.ts';
import { createSlotAgreement } from '../../src/rpc/failover.ts';
import { slot } from '../../src/serviceability/index.ts';
import { endpointCalled, manualClock } from './builders.ts';

const SECOND = 1_000;
const DAYS_AHEAD = 1_000_000;

/** Endpoints a, b, c … and the true slot, which rises by five in two seconds. */
function clusterOf(count: number) {
  const clock = manualClock();
  const all = ['a', 'b', 'c'].slice(0, count).map((name) => endpointCalled(name, clock));
  const slots = createSlotAgreement({ clock, all });
  const truth = (): number => 1_000_000 + Math.floor(clock.monotonic() / 400);
  const endpoint = (name: string): Endpoint => {
    const found = all.find(({ url }) => url.name === `http://${name}`);
    if (found === undefined) throw new Error(`no endpoint ${name}`);
    return found;
  };

  /** The endpoint answers for the true slot and so many more; a refusal sets it aside, as it does in a call. */
  function says(name: string, more = 0): string {
    const which = endpoint(name);
    which.health.succeeded('getEpochInfo', which.health.now);
    try {
      slots.note(which, slot(truth() + more));
      return 'believed';
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      which.quarantine(error);
      return error.error.code;
    }
  }
  /** So many seconds, in each of which every endpoint that is named answers: `{ a: 0, b: 500 }`. */
  function follow(seconds: number, offsets: Readonly<Record<string, number>>): Record<string, string> {
    const last: Record<string, string> = {};
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(SECOND);
      for (const [name, more] of Object.entries(offsets)) last[name] = says(name, more);
    }
    return last;
  }
  return { clock, says, follow, endpoint };
}

describe('an endpoint far ahead of what can be', () => {
  test('is set aside, and the others are not, whoever is asked first', () => {
    const { says, follow } = clusterOf(3);
    follow(90, { a: 0, b: 3, c: -2 });
    expect([says('c', DAYS_AHEAD), says('a'), says('b')]).toEqual(['LEDGER__AHEAD', 'believed', 'believed']);
    expect(follow(300, { c: DAYS_AHEAD, a: 0, b: 0 })).toEqual({ c: 'LEDGER__AHEAD', a: 'believed', b: 'believed' });
  });

  test('that was the first to answer at all is outvoted by two', () => {
    const { says, follow } = clusterOf(3);
    expect([says('a', DAYS_AHEAD), says('b'), says('c'), says('b'), says('a', DAYS_AHEAD)]).toEqual([
      'believed',
      'LEDGER__LAGGING',
      'believed',
      'believed',
      'LEDGER__AHEAD',
    ]);
    expect(follow(30, { a: DAYS_AHEAD, b: 0, c: 0 })).toEqual({ a: 'LEDGER__AHEAD', b: 'believed', c: 'believed' });
  });

  test('is not believed against the only other one, which has been followed', () => {
    const { follow } = clusterOf(2);
    follow(90, { a: 0 });
    expect(follow(600, { b: DAYS_AHEAD, a: 0 })).toEqual({ b: 'LEDGER__AHEAD', a: 'believed' });
  });

  test('that is the only one is believed when it has said so for two minutes, and not before', () => {
    const { says, follow } = clusterOf(1);
    follow(90, { a: 0 });
    expect(follow(119, { a: DAYS_AHEAD })).toEqual({ a: 'LEDGER__AHEAD' });
    expect(follow(2, { a: DAYS_AHEAD })).toEqual({ a: 'believed' });
    expect(says('a', DAYS_AHEAD + 10)).toBe('believed');
  });

  test('says nothing against the others when it is found to serve in other ways', () => {
    const { says, follow, endpoint } = clusterOf(2);
    follow(90, { a: 0, b: 0 });
    expect(says('b', DAYS_AHEAD)).toBe('LEDGER__AHEAD');
    const { health } = endpoint('b');
    health.succeeded('sendTransaction', health.now);
    expect([endpoint('b').serves, says('a', -60)]).toEqual([true, 'believed']);
  });

  test('for one answer costs that answer only', () => {
    const { says, follow } = clusterOf(1);
    follow(90, { a: 0 });
    expect([says('a', DAYS_AHEAD), says('a')]).toEqual(['LEDGER__AHEAD', 'believed']);
    expect(follow(200, { a: 0 })).toEqual({ a: 'believed' });
  });

  test('by another figure each time is never believed', () => {
    const { says, follow, clock } = clusterOf(1);
    follow(90, { a: 0 });
    for (let minute = 1; minute < 10; minute += 1) {
      clock.advance(30 * SECOND);
      expect(says('a', DAYS_AHEAD * minute)).toBe('LEDGER__AHEAD');
    }
  });

  test('is the truth when most say so: this host had slept', () => {
    const { says, follow } = clusterOf(3);
    follow(90, { a: 0, b: 0, c: 0 });
    expect([says('a', DAYS_AHEAD), says('b', DAYS_AHEAD), says('c', DAYS_AHEAD), says('a', DAYS_AHEAD)]).toEqual([
      'LEDGER__AHEAD',
      'believed',
      'believed',
      'believed',
    ]);
  });
});

describe('an endpoint that lags', () => {
  test('is set aside when another one is more than fifty slots above it, and only then', () => {
    const { says } = clusterOf(2);
    expect([says('a'), says('b', -50), says('b', -51)]).toEqual(['believed', 'believed', 'LEDGER__LAGGING']);
  });

  test('by up to an hour never makes the right one look ahead, be they two against one', () => {
    const { follow } = clusterOf(3);
    follow(90, { a: -8_000, b: -8_000 });
    expect(follow(10, { c: 0, a: -8_000, b: -8_000 })).toEqual({ c: 'believed', a: 'LEDGER__LAGGING', b: 'LEDGER__LAGGING' });
  });

  test('by days, and stands still, gives way to one that moves', () => {
    const { clock, says } = clusterOf(2);
    const stuck = (): number => -DAYS_AHEAD - Math.floor(clock.monotonic() / 400);
    for (let second = 0; second < 120; second += 1) {
      clock.advance(SECOND);
      says('a', stuck());
    }
    expect([says('b'), says('a', stuck())]).toEqual(['believed', 'LEDGER__LAGGING']);
  });

  test('by days, and was followed until it stood still, gives way as well', () => {
    const { clock, says, follow } = clusterOf(2);
    follow(90, { a: -DAYS_AHEAD });
    const stuckAt = clock.monotonic();
    const stuck = (): number => -DAYS_AHEAD - Math.floor((clock.monotonic() - stuckAt) / 400);
    const said: string[] = [];
    for (let second = 0; second < 70; second += 1) {
      clock.advance(SECOND);
      says('a', stuck());
      said.push(says('b'));
    }
    expect([said[0], said.at(-1), says('a', stuck())]).toEqual(['LEDGER__AHEAD', 'believed', 'LEDGER__LAGGING']);
  });

  test('serves when it is the last one left', () => {
    const { clock, says } = clusterOf(2);
    expect([says('b'), says('a', -1_000)]).toEqual(['believed', 'LEDGER__LAGGING']);
    clock.advance(61 * SECOND);
    expect(says('a', -1_000)).toBe('believed');
  });

  test('and has stood still for minutes may go on from there', () => {
    const { clock, says } = clusterOf(1);
    says('a');
    clock.advance(180 * SECOND);
    expect([says('a', -450), says('a')]).toEqual(['believed', 'believed']);
  });
});

describe('a ledger that was set back', () => {
  test('condemns no endpoint for longer than the others take to say the same', () => {
    const { says, follow } = clusterOf(2);
    follow(90, { a: 0, b: 0 });
    expect([says('a', -5_000), says('b', -5_000), says('a', -5_000)]).toEqual(['LEDGER__LAGGING', 'believed', 'believed']);
    expect(follow(200, { a: -5_000, b: -5_000 })).toEqual({ a: 'believed', b: 'believed' });
  });

  test('far is the new measure at once when most say so, and one that stays behind in the past is ahead', () => {
    const { says, follow } = clusterOf(3);
    follow(90, { a: 0, b: 0, c: 0 });
    expect([says('a', -DAYS_AHEAD), says('b', -DAYS_AHEAD), says('c')]).toEqual(['LEDGER__LAGGING', 'believed', 'LEDGER__AHEAD']);
  });

  test('is the new measure for a single endpoint after two minutes', () => {
    const { says, follow } = clusterOf(1);
    follow(90, { a: 0 });
    follow(121, { a: -DAYS_AHEAD });
    follow(60, { a: -DAYS_AHEAD });
    expect(says('a')).toBe('LEDGER__AHEAD');
  });
});

test('two true ones are believed at every answer, whatever a third says of slots more than an hour away, and whenever', () => {
  const lie = fc.oneof(fc.integer({ min: 12_000, max: 1_000_000_000 }), fc.integer({ min: -900_000, max: -12_000 }));
  const rounds = fc.array(
    fc.record({ waitMs: fc.integer({ min: 0, max: 20_000 }), lie, order: fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 3 }) }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(rounds, (all) => {
      const { clock, says, follow } = clusterOf(3);
      follow(90, { a: 0, b: 0, c: 0 });
      for (const { waitMs, lie: more, order } of all) {
        clock.advance(waitMs);
        for (const name of order) {
          const said = says(name, name === 'c' ? more : 0);
          if (name !== 'c') expect(said).toBe('believed');
        }
      }
    }),
  );
});

test('a single one that tells the truth is refused for two minutes at most, whatever it has said before', () => {
  const past = fc.array(
    fc.record({ waitMs: fc.integer({ min: 0, max: 60_000 }), more: fc.integer({ min: -900_000, max: 1_000_000_000 }) }),
    {
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(past, (lies) => {
      const { clock, says, follow } = clusterOf(1);
      for (const { waitMs, more } of lies) {
        clock.advance(waitMs);
        says('a', more);
      }
      follow(121, { a: 0 });
      expect(says('a')).toBe('believed');
    }),
  );
});
