import { expect, test } from 'vitest';
import { createBalanceCheck } from '../../src/agent/preconditions.ts';
import { type Lamports, lamports } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;

function setUp({ minBalance = 0 } = {}) {
  const clock = createVirtualClock();
  const reported: string[] = [];
  const ledger = { balance: lamports(10_000_000) as Lamports | undefined, rate: 1_000 as number | undefined };
  const check = createBalanceCheck({
    read: async () => ledger.balance,
    publisher: keyNumber(7),
    minBalance: lamports(minBalance),
    intervalMs: MINUTE,
    isHalted: () => false,
    spendRate: () => ledger.rate,
    clock,
    onBalance: ({ hoursToEmpty }) => reported.push(`lasts ${hoursToEmpty} h`),
    onTooLow: ({ code }) => reported.push(code),
    onEnough: () => reported.push('enough'),
  });
  return { clock, ledger, reported, check: () => check(new AbortController().signal) };
}

test('how long the balance lasts is known as soon as the users are, and read again after the interval', async () => {
  const { clock, ledger, reported, check } = setUp();
  ledger.rate = undefined;
  await check();
  ledger.rate = 1_000;
  await check();
  await check();
  await clock.advance(MINUTE);
  await check();
  expect(reported).toEqual(['lasts Infinity h', 'enough', 'lasts 10000 h', 'enough', 'lasts 10000 h', 'enough']);
});

test.each([
  ['below worker.minBalance', 10_000, 9_999, 'WRITE__BALANCE_LOW'],
  ['below the fee of one transaction', 0, 4_999, 'WRITE__NO_FUNDS'],
  ['of the fee of one transaction', 0, 5_000, 'enough'],
])('a balance %s', async (_, minBalance, balance, expected) => {
  const { ledger, reported, check } = setUp({ minBalance });
  ledger.balance = lamports(balance);
  await check();
  expect(reported.at(-1)).toBe(expected);
});

test("the agent does not report the balance of a key that is not the device's publisher", async () => {
  const { ledger, reported, check } = setUp();
  ledger.balance = undefined;
  await check();
  expect(reported).toEqual([]);
});
