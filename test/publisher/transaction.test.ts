import { VersionedTransaction } from '@solana/web3.js';
import { describe, expect, test } from 'vitest';
import type { StatusIntent } from '../../src/bgp/index.ts';
import {
  buildTransaction,
  createComputeModel,
  maxWritesPerTransaction,
  packNext,
  transactionBytes,
  trimRideAlongs,
} from '../../src/publisher/index.ts';
import { addressOf, decodeSetUserBgpStatus, nanoseconds, parseNetworkV4, SYSTEM_PROGRAM_ID } from '../../src/serviceability/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { DEVICE, keyNumber, PROGRAM } from '../support/bgp-builders.ts';

const BLOCKHASH = keyNumber(1_234);
const signer = signerNumber(3);
const writes = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    user: keyNumber(n),
    status: n % 2 === 0 ? ('up' as const) : ('down' as const),
    rttNs: nanoseconds(n % 2 === 0 ? 7_500_000 : 0),
  }));
const build = (count: number, compute = {}) =>
  buildTransaction({ programId: PROGRAM, device: DEVICE, signer, blockhash: BLOCKHASH, writes: writes(count), compute });

describe('size', () => {
  test.each([
    [{}, 20],
    [{ unitLimit: 200_000 }, 19],
    [{ unitLimit: 200_000, heapBytes: 262_144 }, 19],
  ])('with %o is computed to the byte, and %i writes fit', (compute, most) => {
    for (const count of [1, 7, most]) expect(build(count, compute).wire.length).toBe(transactionBytes(count, compute));
    expect(maxWritesPerTransaction(compute)).toBe(most);
    expect(transactionBytes(most, compute)).toBeLessThanOrEqual(1_232);
    expect(transactionBytes(most + 1, compute)).toBeGreaterThan(1_232);
  });
});

describe('signing', () => {
  test('a signed transaction carries each write as instruction 106 with its four accounts, behind the compute budget', () => {
    const { wire, signature, prefixInstructions } = build(3, { unitLimit: 50_000, heapBytes: 262_144 });
    const { message, signatures } = VersionedTransaction.deserialize(wire);
    const keys = message.staticAccountKeys.map((key) => addressOf(key.toBytes()));
    expect(prefixInstructions).toBe(2);
    expect(message.compiledInstructions.length).toBe(5);
    expect(
      message.compiledInstructions.slice(2).map(({ accountKeyIndexes, data }) => ({
        accounts: accountKeyIndexes.map((index) => keys[index]),
        ...decodeSetUserBgpStatus(data),
      })),
    ).toEqual(writes(3).map(({ user, status, rttNs }) => ({ accounts: [user, DEVICE, signer.address, SYSTEM_PROGRAM_ID], status, rttNs })));
    expect(message.recentBlockhash).toBe(BLOCKHASH);
    expect(signatures[0]).toEqual(signer.sign(message.serialize()));
    expect(signature.length).toBeGreaterThan(80);
  });
});

describe('compute units', () => {
  test('a transaction requests the measured compute units and a tenth more, up to the ceiling of a transaction', () => {
    const model = createComputeModel();
    expect([model.needsMeasurement, model.request(19)]).toEqual([true, {}]);
    model.learn(2, 24_684);
    expect([model.needsMeasurement, model.request(19)]).toEqual([false, { unitLimit: 257_948 }]);
    model.learn(10, 1_000);
    expect(model.request(1)).toEqual({ unitLimit: 13_577 });
    model.learn(1, 900_000);
    expect(model.request(19)).toEqual({ unitLimit: 1_400_000 });
    model.exceeded();
    expect(model.request(19)).toEqual({});
    model.needHeap();
    expect(model.request(19)).toEqual({ heapBytes: 262_144 });
  });

  test('a measurement that makes no sense is ignored', () => {
    const model = createComputeModel();
    for (const units of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) model.learn(1, units);
    model.learn(0, 500);
    expect(model.needsMeasurement).toBe(true);
  });
});

describe('packing', () => {
  const intent = (n: number, reason: StatusIntent['reason'], ageMs = 0): StatusIntent => ({
    user: keyNumber(n),
    from: 'unknown',
    to: 'up',
    reason,
    rttNs: nanoseconds(0),
    tunnelNet: parseNetworkV4('169.254.0.0/31'),
    ageMs,
    accountState: '',
  });
  const model = createComputeModel();

  test('a batch takes changes by waiting time, then refreshes by age, then early refreshes by age', () => {
    const waiting = [
      { intent: intent(1, 'ride-along', 9), since: 0 },
      { intent: intent(2, 'refresh', 5), since: 0 },
      { intent: intent(3, 'change', 99), since: 20 },
      { intent: intent(4, 'refresh', 7), since: 0 },
      { intent: intent(5, 'change', 1), since: 10 },
    ];
    expect(packNext(waiting, model)?.intents.map(({ user }) => user)).toEqual([5, 3, 4, 2, 1].map(keyNumber));
  });

  test('rule 13: early refreshes alone make no transaction, and others carry only as many as they have room for', () => {
    expect(packNext([{ intent: intent(1, 'ride-along'), since: 0 }], model)).toBeUndefined();
    const earlyRefreshes = Array.from({ length: 50 }, (_, n) => intent(100 + n, 'ride-along'));
    expect(trimRideAlongs(earlyRefreshes)).toEqual([]);
    expect(trimRideAlongs([intent(1, 'change'), ...earlyRefreshes]).length).toBe(19);
    expect(trimRideAlongs([...Array.from({ length: 19 }, (_, n) => intent(n, 'change')), ...earlyRefreshes]).length).toBe(19);
    expect(trimRideAlongs([...Array.from({ length: 20 }, (_, n) => intent(n, 'change')), ...earlyRefreshes]).length).toBe(38);
  });
});
