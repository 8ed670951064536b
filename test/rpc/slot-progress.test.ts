import { expect, test } from 'vitest';
import { monotonicMs } from '../../src/lib/index.ts';
import { SlotProgressWatch, standstillSince } from '../../src/rpc/slots.ts';
import { slot } from '../../src/serviceability/index.ts';
import { calm, OUR_KEY, rpcOver, slotted } from './builders.ts';
import { fakeEndpoint } from './fake-endpoint.ts';

/** Slots in the order of their answers, one a second, as `[endpoint, slot]`. */
function afterAnswers(...answers: readonly (readonly [string, number])[]) {
  const watch = new SlotProgressWatch();
  for (const [second, [endpoint, at]] of answers.entries()) watch.note(endpoint, slot(at), monotonicMs(second * 1_000));
  return watch.progress;
}

test('slot progress is unknown before the first answer', () => {
  expect(afterAnswers()).toBeUndefined();
});

test('slot progress names the newest slot, and when it advanced', () => {
  expect(afterAnswers(['a', 10], ['a', 12], ['a', 12])).toEqual({ slot: 12n, advancedAt: 1_000, answeredAt: 2_000 });
});

test('rule 20: a ledger that stands still makes no progress behind an address of nodes that are some slots apart', () => {
  expect(afterAnswers(['a', 12], ['a', 10], ['a', 12], ['a', 11], ['a', 12])).toMatchObject({ slot: 12n, advancedAt: 0 });
});

test('a ledger makes progress although another endpoint once answered for a slot far ahead', () => {
  expect(afterAnswers(['b', 9_999], ['a', 10], ['b', 11], ['a', 12])).toMatchObject({ advancedAt: 3_000 });
});

test('rule 20: a slot that another endpoint has answered for is no progress when a silent endpoint is back', () => {
  const answers: [string, number][] = [
    ['b', 10],
    ['a', 12],
    ['a', 12],
    ['b', 11],
    ['b', 12],
    ['c', 12],
  ];
  expect(afterAnswers(...answers)).toMatchObject({ slot: 12n, advancedAt: 1_000, answeredAt: 5_000 });
});

test('a confirmed write is progress of a ledger whose only endpoint has named a slot far ahead', () => {
  const watch = new SlotProgressWatch();
  for (const [second, at] of [10, 9_999, 11, 12].entries()) watch.note('a', slot(at), monotonicMs(second * 1_000));
  watch.confirmed(monotonicMs(4_000));
  expect(watch.progress).toMatchObject({ slot: 9_999n, advancedAt: 4_000 });
});

test('a ledger stands still after answers of twenty seconds without progress', () => {
  const after = (seconds: number) => standstillSince({ advancedAt: 1_000, answeredAt: 1_000 + seconds * 1_000 });
  expect([after(19.9), after(20), after(300)]).toEqual([undefined, 1_000, 1_000]);
});

test('a ledger makes progress again after a rollback of two minutes', () => {
  const rolledBack = Array.from({ length: 122 }, (_, second): [string, number] => ['a', 100 + second]);
  expect(afterAnswers(['a', 5_000], ...rolledBack.slice(0, 110))).toMatchObject({ advancedAt: 0 });
  expect(afterAnswers(['a', 5_000], ...rolledBack)).toMatchObject({ slot: 221n, advancedAt: 122_000 });
});

test('the client notes the slot of each answer', async () => {
  const fake = await fakeEndpoint();
  const { rpc, clock } = rpcOver([fake.url]);
  expect(rpc.slotProgress()).toBeUndefined();
  fake.on('getBalance', slotted(70, 1));
  await rpc.balance(OUR_KEY, calm());
  clock.advance(5_000);
  await rpc.balance(OUR_KEY, calm());
  const { slot: newest, advancedAt = 0, answeredAt = 0 } = rpc.slotProgress() ?? {};
  expect([newest, answeredAt - advancedAt]).toEqual([70n, 5_000]);
  await rpc.close();
  await fake.close();
});

test('rule 20: the slot of statuses is no progress, since a ledger that confirms nothing may still make blocks', async () => {
  const fake = await fakeEndpoint();
  const { rpc, clock } = rpcOver([fake.url]);
  fake.on('getBalance', slotted(70, 1)).on('getSignatureStatuses', slotted(71, [null]));
  await rpc.balance(OUR_KEY, calm());
  clock.advance(5_000);
  await rpc.signatureStatuses(['1'.repeat(64)], calm());
  expect(rpc.slotProgress()).toEqual({ slot: 70n, advancedAt: 0, answeredAt: 0 });
  await rpc.close();
  await fake.close();
});
