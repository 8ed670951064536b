import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, type Sleep, type User, watchUsers } from '../../src/serviceability/index.ts';
import { aUser, keyOf } from './builders.ts';
import { PROGRAM, scriptedLedger } from './watch-fixture.ts';

/** What happens between two polls, or to one. */
const someEvent = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), user: fc.nat(5), status: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), user: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'poll' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'fail' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'garbage' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'behind' as const }) },
);

test("a consumer that applies all changes has the ledger's users, despite failures, lag and lost hints", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someEvent, { maxLength: 40 }), async (events) => {
      const ledger = scriptedLedger();
      const stop = new AbortController();
      const script = [...events, { kind: 'poll' as const }];
      /** Plays events up to the next poll; the watch asks for its pauses between polls only. */
      const play = (): void => {
        for (let event = script.shift(); event !== undefined; event = script.shift()) {
          ledger.slot += 1;
          switch (event.kind) {
            case 'put':
              ledger.users.set(keyOf(event.user + 1), aUser({ bgpStatus: event.status }));
              break;
            case 'delete':
              ledger.users.delete(keyOf(event.user + 1));
              break;
            case 'fail':
              ledger.failures.push(new Error('down'));
              return;
            case 'garbage':
              ledger.answer = { context: { slot: ledger.slot }, value: [{}] };
              return;
            case 'behind':
              ledger.answer = { context: { slot: 99 }, value: [] };
              return;
            case 'poll':
              return;
          }
        }
        stop.abort(new Error('the script is over'));
      };
      // A pause of 0 ms is the rest of the interval; the one before it plays on.
      const sleep: Sleep = async (ms, signal) => {
        await Promise.resolve();
        if (ms > 0) play();
        signal.throwIfAborted();
      };
      const applied = new Map<Address, User>();
      const watch = watchUsers({ rpc: ledger.rpc, programId: PROGRAM, signal: stop.signal, sleep, intervalMs: 1, minIntervalMs: 1 });
      for await (const change of watch) {
        if (change.kind === 'removed') expect(applied.delete(change.address)).toBe(true);
        else {
          expect(applied.has(change.address)).toBe(change.kind === 'changed');
          if (change.kind === 'changed') expect(applied.get(change.address)).toEqual(change.before);
          applied.set(change.address, change.user);
        }
      }
      expect(new Map([...applied].sort())).toEqual(new Map([...ledger.users].sort()));
    }),
    { numRuns: 200 },
  );
});
