import { expect, test } from 'vitest';
import { createVirtualClock, monotonicMs } from '../../src/lib/index.ts';
import { createLogger, createLogReporter } from '../../src/observability/index.ts';
import { lamports } from '../../src/serviceability/index.ts';
import { decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

function log() {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } });
  const texts = () => lines.splice(0).map((line) => JSON.parse(line));
  return { reporter: createLogReporter(logger, createVirtualClock()), texts };
}

test('users of a VRF that failed are one line with the reason and what to do, and one when they are seen again', () => {
  const { reporter, texts } = log();
  const users = [userNumber(0), userNumber(1)];
  const decide = decider();
  const tick = (snapshot: ReturnType<typeof snapshotOf>, failedVrfs?: ReadonlyMap<string, string>) =>
    reporter.tick({
      startedAt: monotonicMs(0),
      durationMs: 1,
      view: viewOf(users),
      outcomes: decide({ at: 0, users, snapshot }).outcomes,
      intents: [],
      switchRead: true,
      ...(failedVrfs === undefined ? {} : { failedVrfs }),
      phases: { switchMs: 1, ledgerMs: 1 },
      ambiguous: 0,
    });
  const failing = () => tick(snapshotOf({ vrf1: 'failed', default: [established(9)] }), new Map([['vrf1', 'timeout']]));
  failing();
  failing();
  tick(snapshotOf({ vrf1: [established(0), established(1)] }));
  expect(texts().map(({ time: _, ...line }) => line)).toEqual([
    {
      level: 'warn',
      because: 'vrf-not-collected',
      users: 2,
      vrfs: ['vrf1'],
      problem: 'timeout',
      remedy: 'compare `show ip bgp summary vrf all` on the switch',
      msg: 'users cannot be observed: nothing is reported for them',
    },
    { level: 'info', heldBecause: 'vrf-not-collected', msg: 'users that were held are observed again' },
  ]);
});

test('money that runs out is one line that says whom to send some, and one when it is there', () => {
  const { reporter, texts } = log();
  for (const hoursToEmpty of [5_000, 20.4, 19, 5_000]) reporter.balance({ lamports: lamports(5), hoursToEmpty, publisher: keyNumber(7) });
  expect(texts().map(({ level, publisher, hoursToEmpty, remedy }) => [level, publisher, hoursToEmpty, remedy])).toEqual([
    ['warn', keyNumber(7), 20, 'send SOL of the DoubleZero ledger to the publisher'],
    ['info', keyNumber(7), undefined, undefined],
  ]);
});
