import { expect, onTestFinished, test } from 'vitest';
import { parseNetworkV4, slot, type UserChange, type WatchUsersOptions, watchUsers } from '../../src/serviceability/index.ts';
import { aUser, keyOf } from './builders.ts';
import { accountOf, DEVICE, lineOf, type ManualSleep, manualSleep, PROGRAM, type ScriptedLedger, scriptedLedger } from './watch-fixture.ts';

const [ANN, BEN] = [keyOf(11), keyOf(12)];
const NAMES = new Map([
  [ANN, 'ann'],
  [BEN, 'ben'],
]);

interface Watch {
  readonly ledger: ScriptedLedger;
  readonly sleeper: ManualSleep;
  readonly lines: string[];
  readonly errors: unknown[];
  readonly done: Promise<void>;
  readonly stop: AbortController;
  /** Lets the shortest pause between two polls pass, and the interval after it. */
  nextPoll(): Promise<void>;
}

function watch(options: Partial<WatchUsersOptions> = {}, failures: readonly Error[] = []): Watch {
  const ledger = scriptedLedger();
  ledger.users.set(ANN, aUser());
  ledger.failures = [...failures];
  const sleeper = manualSleep();
  const lines: string[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort(new Error('the test is over')));
  const changes = watchUsers({
    rpc: ledger.rpc,
    programId: PROGRAM,
    device: DEVICE,
    signal: stop.signal,
    sleep: sleeper.sleep,
    onError: (error) => errors.push(error),
    ...options,
  });
  const run = async (): Promise<void> => {
    for await (const change of changes) lines.push(lineOf(change, NAMES));
  };
  return {
    ledger,
    sleeper,
    lines,
    errors,
    done: run(),
    stop,
    async nextPoll() {
      await sleeper.wake();
      await sleeper.wake();
      await sleeper.asleep();
    },
  };
}

test('every user is added once, and then reported with the fields that changed, until it is removed', async () => {
  const { ledger, sleeper, lines, nextPoll } = watch();
  await sleeper.asleep();
  ledger.slot = 105;
  ledger.users.set(BEN, aUser({ tunnelId: 508 }));
  await nextPoll();
  ledger.slot = 110;
  ledger.users.set(ANN, aUser({ bgpStatus: 1, lastBgpUpAt: slot(109), lastBgpReportedAt: slot(109) }));
  await nextPoll();
  await nextPoll();
  ledger.slot = 120;
  ledger.users.delete(ANN);
  ledger.users.set(BEN, aUser({ tunnelId: 508, publishers: [keyOf(3)], tunnelNet: parseNetworkV4('169.254.0.16/31') }));
  await nextPoll();
  expect(lines).toEqual([
    '100 added ann',
    '105 added ben',
    '110 changed ann bgpStatus lastBgpUpAt lastBgpReportedAt',
    '120 removed ann',
    '120 changed ben tunnelNet publishers',
  ]);
});

test('the poll asks for the users of the device alone', async () => {
  const { ledger, sleeper } = watch();
  await sleeper.asleep();
  expect(ledger.requests).toEqual([
    {
      method: 'getProgramAccounts',
      params: [
        PROGRAM,
        {
          encoding: 'base64',
          commitment: 'confirmed',
          withContext: true,
          filters: [{ memcmp: { offset: 0, bytes: '8' } }, { memcmp: { offset: 83, bytes: DEVICE } }],
        },
      ],
    },
  ]);
});

test('an answer of an older slot is dropped', async () => {
  const { ledger, lines, nextPoll, sleeper } = watch();
  await sleeper.asleep();
  ledger.slot = 99;
  ledger.users.clear();
  await nextPoll();
  ledger.slot = 100;
  ledger.users.set(ANN, aUser({ status: 6 }));
  await nextPoll();
  expect(lines).toEqual(['100 added ann', '100 changed ann status']);
});

test('a failed poll is reported and retried with backoff, and no user counts as removed', async () => {
  const { ledger, lines, errors, sleeper } = watch();
  await sleeper.asleep();
  ledger.failures = [new Error('one'), new Error('two'), new Error('three')];
  for (let wakes = 0; wakes < 5; wakes++) await sleeper.wake();
  ledger.users.set(ANN, aUser({ status: 6 }));
  await sleeper.asleep();
  await sleeper.wake();
  await sleeper.asleep();
  expect(errors.map(String)).toEqual(['Error: one', 'Error: two', 'Error: three']);
  expect(sleeper.slept.slice(0, 5)).toEqual([250, 4_750, 1_000, 2_000, 4_000]);
  expect(lines).toEqual(['100 added ann', '100 changed ann status']);
});

test('the backoff after a failure is limited', async () => {
  const { sleeper } = watch(
    { maxRetryMs: 3_000 },
    Array.from({ length: 40 }, () => new Error('down')),
  );
  for (let wakes = 0; wakes < 39; wakes++) await sleeper.wake();
  expect([...new Set(sleeper.slept)]).toEqual([1_000, 2_000, 3_000]);
});

const user = accountOf(ANN, aUser());
const answer = (...value: readonly unknown[]): unknown => ({ context: { slot: 101 }, value });

test.each([
  ['nothing', null],
  ['no context', { value: [] }],
  ['a slot that is none', { context: { slot: -1 }, value: [] }],
  ['no list', { context: { slot: 101 } }],
  ['an account without an address', answer({ account: {} })],
  ['an account of another program', answer(accountOf(BEN, aUser(), { owner: DEVICE }))],
  ['an account listed twice', answer(user, user)],
  ['an account in another encoding', answer(accountOf(BEN, aUser(), { data: ['', 'base58'] }))],
  ['broken base64', answer(accountOf(BEN, aUser(), { data: ['B=AA', 'base64'] }))],
  ['an account of another type', answer(accountOf(BEN, aUser(), { data: ['BQ==', 'base64'] }))],
  ['a user of another device', answer(accountOf(BEN, aUser({ devicePk: keyOf(3) })))],
  ['too many users', answer(user, accountOf(BEN, aUser()), accountOf(keyOf(13), aUser()))],
])('%s is an error, not an answer with fewer users', async (_, value) => {
  const { ledger, sleeper, lines, errors } = watch({ maxUsers: 2 });
  await sleeper.asleep();
  ledger.answer = value;
  await sleeper.wake();
  await sleeper.wake();
  await sleeper.asleep();
  expect(errors).toEqual([expect.objectContaining({ name: 'ServiceabilityError', code: 'RPC__BAD_ANSWER' })]);
  expect(lines).toEqual(['100 added ann']);
});

test('a hint brings the next poll forward, and one that comes during a poll brings another', async () => {
  let wake: (at?: ReturnType<typeof slot>) => void = () => undefined;
  const { ledger, sleeper, lines } = watch({ hint: (ring) => (wake = ring) });
  await sleeper.wake();
  await sleeper.asleep();
  ledger.slot = 101;
  ledger.users.set(ANN, aUser({ status: 6 }));
  ledger.during = () => {
    ledger.during = () => undefined;
    ledger.slot = 102;
    ledger.users.set(ANN, aUser({ status: 8 }));
    wake();
  };
  wake();
  wake();
  await sleeper.wake();
  await sleeper.wake();
  await sleeper.asleep();
  expect(lines).toEqual(['100 added ann', '101 changed ann status', '102 changed ann status']);
  expect(sleeper.slept).toEqual([250, 4_750, 250, 250, 4_750]);
});

test('a hint of a slot that the node has not reached makes it ask again, but not for ever', async () => {
  let wake: (at?: ReturnType<typeof slot>) => void = () => undefined;
  const { ledger, sleeper } = watch({ hint: (ring) => (wake = ring) });
  await sleeper.wake();
  await sleeper.asleep();
  wake(slot(140));
  for (let wakes = 0; wakes < 11; wakes++) await sleeper.wake();
  await sleeper.asleep();
  expect(sleeper.slept).toEqual([250, 4_750, ...Array(11).fill(250), 4_750]);
  expect(ledger.requests.length).toBe(12);
});

test('the watch ends with the signal, and stops its hint', async () => {
  let hinted: AbortSignal | undefined;
  const { sleeper, stop, done, ledger } = watch({ hint: (_, signal) => (hinted = signal) });
  await sleeper.asleep();
  stop.abort(new Error('enough'));
  await done;
  expect([hinted?.aborted, ledger.requests.length]).toEqual([true, 1]);
});

test('the watch ends when its consumer leaves the loop', async () => {
  const ledger = scriptedLedger();
  ledger.users.set(ANN, aUser()).set(BEN, aUser());
  let hinted: AbortSignal | undefined;
  const seen: UserChange[] = [];
  for await (const change of watchUsers({ rpc: ledger.rpc, programId: PROGRAM, hint: (_, signal) => (hinted = signal) })) {
    seen.push(change);
    break;
  }
  expect([seen.length, hinted?.aborted]).toEqual([1, true]);
});

test('a signal that has aborted already polls nothing', async () => {
  const ledger = scriptedLedger();
  const signal = AbortSignal.abort(new Error('before'));
  for await (const _ of watchUsers({ rpc: ledger.rpc, programId: PROGRAM, signal, hint: () => expect.fail('no hint is wanted') })) {
    expect.fail('nothing was expected');
  }
  expect(ledger.requests).toEqual([]);
});

test('an error thrown by onError ends the watch', async () => {
  const onError = (error: unknown): void => {
    throw error;
  };
  await expect(watch({ onError }, [new Error('the first poll')]).done).rejects.toThrow('the first poll');
});
