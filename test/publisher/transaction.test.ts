import { createHash } from 'node:crypto';
import {
  AccountRole,
  decompileTransactionMessage,
  getCompiledTransactionMessageDecoder,
  getPublicKeyFromAddress,
  getTransactionDecoder,
  address as kitAddress,
  verifySignature,
} from '@solana/kit';
import bs58 from 'bs58';
import { describe, expect, test } from 'vitest';
import type { StatusIntent } from '../../src/bgp/index.ts';
import { buildTransaction, ComputeModel, instructionsOf, packNext, trimEarlyRefreshes } from '../../src/publisher/index.ts';
import { decodeSetUserBgpStatus, nanoseconds, parseNetworkV4, SYSTEM_PROGRAM_ID } from '../../src/serviceability/index.ts';
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

describe('size', () => {
  test.each([
    [{}, 20, 1_210],
    [{ unitLimit: 200_000 }, 19, 1_201],
    [{ heapBytes: 262_144 }, 19, 1_201],
    [{ unitLimit: 200_000, heapBytes: 262_144 }, 19, 1_209],
  ])('a transaction with %j holds %i writes in %i of the 1,232 bytes', (compute, most, bytes) => {
    const waiting = Array.from({ length: 30 }, (_, n) => ({ intent: intent(n, 'change'), since: 0 }));
    expect(packNext(waiting, { request: () => compute })?.intents.length).toBe(most);
    expect(build(most, compute).wire.length).toBe(bytes);
    expect(bytes + 49).toBeGreaterThan(1_232);
  });
});

describe('signing', () => {
  test('a transaction of one write has these bytes', () => {
    expect(Buffer.from(build(1).wire).toString('hex')).toBe(
      [
        '01', // one signature
        '509b5e984654423192a62c192cbc52ccdf23712818becc2322c3c6b81b0be2e2ef1421ad252849524af115e910205be38df046df99e4ecd0f06c27e787587a0a',
        '010003', // one signer, three accounts that are only read
        '05ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1', // the metrics publisher, first of five accounts
        '0000000100000000000000000000000000000000000000000000000000000000', // the user
        '000dbba200000000000000000000000000000000000000000000000000000000', // the program
        '000dbba100000000000000000000000000000000000000000000000000000000', // the device
        '0000000000000000000000000000000000000000000000000000000000000000', // the System program
        '000004d300000000000000000000000000000000000000000000000000000000', // the blockhash
        '010204010300040a', // one instruction: program, four accounts, ten bytes of data
        '6a01e070720000000000',
      ].join(''),
    );
  });

  test.each([
    [2, { unitLimit: 50_000, heapBytes: 262_144 }, '6c98e8948e1de3948d973822927ed59212af78c1d34ffa25cf70ad57e8ed0a74'],
    [20, {}, '33f5bbba190b111361f55d2fa012f436902c747d7a2b49515b4606f17c214e1b'],
    [19, { unitLimit: 257_948 }, 'abf1acdc409949bf3639764cdd824b037053f78bb51b11a8250fab7ac7e18cf4'],
    [19, { unitLimit: 257_948, heapBytes: 262_144 }, '9393645a63d3e3949b74eefcce06a885023386f30aeb27c03e3ca865909ac7ad'],
  ])('the bytes of %i writes with %j have this SHA-256', (count, compute, sha256) => {
    expect(createHash('sha256').update(build(count, compute).wire).digest('hex')).toBe(sha256);
  });

  test('@solana/kit reads each write as instruction 106 with its four accounts, behind the compute budget, and accepts the signature', async () => {
    const { wire, signature, prefixInstructions } = build(3, { unitLimit: 50_000, heapBytes: 262_144 });
    const { messageBytes, signatures } = getTransactionDecoder().decode(wire);
    const message = getCompiledTransactionMessageDecoder().decode(messageBytes);
    const { instructions = [] } = decompileTransactionMessage(message);
    expect(prefixInstructions).toBe(2);
    expect(instructions.map(({ programAddress }) => programAddress)).toEqual([
      'ComputeBudget111111111111111111111111111111',
      'ComputeBudget111111111111111111111111111111',
      PROGRAM,
      PROGRAM,
      PROGRAM,
    ]);
    expect(instructions.slice(0, 2).map(({ data }) => Buffer.from(data ?? []).toString('hex'))).toEqual(['0250c30000', '0100000400']);
    expect(
      instructions.slice(2).map(({ accounts = [], data = new Uint8Array() }) => ({
        accounts: accounts.map(({ address, role }) => [address, role]),
        ...decodeSetUserBgpStatus(Uint8Array.from(data)),
      })),
    ).toEqual(
      writes(3).map(({ user, status, rttNs }) => ({
        accounts: [
          [user, AccountRole.WRITABLE],
          [DEVICE, AccountRole.READONLY],
          [signer.address, AccountRole.WRITABLE_SIGNER],
          [SYSTEM_PROGRAM_ID, AccountRole.READONLY],
        ],
        status,
        rttNs,
      })),
    );
    expect(message).toMatchObject({ version: 'legacy', lifetimeToken: BLOCKHASH });
    const [bytes] = Object.values(signatures);
    expect(bs58.encode(bytes ?? [])).toBe(signature);
    const publicKey = await getPublicKeyFromAddress(kitAddress(signer.address));
    expect(bytes && (await verifySignature(publicKey, bytes, messageBytes))).toBe(true);
  });
});

describe('compute units', () => {
  test('a transaction requests the measured compute units and a tenth more, up to the ceiling of a transaction', () => {
    const model = new ComputeModel();
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
    const model = new ComputeModel();
    for (const units of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) model.learn(1, units);
    model.learn(0, 500);
    expect(model.needsMeasurement).toBe(true);
  });
});

describe('packing', () => {
  const model = new ComputeModel();

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

  test('changes that have waited equally long are packed by age, the oldest record first, then by address', () => {
    const ages = [5, 7, Number.POSITIVE_INFINITY, 7, Number.POSITIVE_INFINITY, 6];
    const waiting = ages.map((ageMs, n) => ({ intent: intent(n, 'change', ageMs), since: 10 }));
    const packed = (order: typeof waiting) => packNext(order, model)?.intents.map(({ user }) => user);
    expect(packed(waiting)).toEqual([2, 4, 1, 3, 5, 0].map(keyNumber));
    expect(packed([...waiting].reverse())).toEqual([2, 4, 1, 3, 5, 0].map(keyNumber));
  });

  test('the most urgent twenty of many are packed, in whatever order they wait', () => {
    const waiting = Array.from({ length: 50 }, (_, n) => ({ intent: intent(n, 'change'), since: (n * 37) % 50 }));
    const bySince = [...waiting].sort((a, b) => a.since - b.since).map(({ intent: { user } }) => user);
    expect(packNext(waiting, model)?.intents.map(({ user }) => user)).toEqual(bySince.slice(0, 20));
  });

  test('nothing is packed when nothing waits', () => {
    expect(packNext([], model)).toBeUndefined();
  });

  test('the intents of a dry run are printed by urgency, whatever their order', () => {
    const intents = [
      intent(1, 'ride-along', 9),
      intent(2, 'refresh', 5),
      intent(3, 'change', 1),
      intent(4, 'refresh', 7),
      intent(5, 'change', 2),
    ];
    expect(trimEarlyRefreshes(intents).map(({ user }) => user)).toEqual([5, 3, 4, 2, 1].map(keyNumber));
    expect(trimEarlyRefreshes([...intents].reverse()).map(({ user }) => user)).toEqual([5, 3, 4, 2, 1].map(keyNumber));
  });

  test('rule 13: early refreshes alone make no transaction, and others carry only as many as they have room for', () => {
    expect(packNext([{ intent: intent(1, 'ride-along'), since: 0 }], model)).toBeUndefined();
    const earlyRefreshes = Array.from({ length: 50 }, (_, n) => intent(100 + n, 'ride-along'));
    expect(trimEarlyRefreshes(earlyRefreshes)).toEqual([]);
    expect(trimEarlyRefreshes([intent(1, 'change'), ...earlyRefreshes]).length).toBe(19);
    expect(trimEarlyRefreshes([...Array.from({ length: 19 }, (_, n) => intent(n, 'change')), ...earlyRefreshes]).length).toBe(19);
    expect(trimEarlyRefreshes([...Array.from({ length: 20 }, (_, n) => intent(n, 'change')), ...earlyRefreshes]).length).toBe(38);
  });
});

describe('reading back', () => {
  test('instructionsOf finds the writes of a transaction, without its compute budget', () => {
    const { wire } = build(3, { unitLimit: 200_000 });
    const found = instructionsOf({ wire, loaded: [], inner: [] }, PROGRAM);
    expect(found.map(({ accounts, data }) => [accounts, decodeSetUserBgpStatus(data)])).toEqual(
      writes(3).map(({ user, status, rttNs }) => [[user, DEVICE, signer.address, SYSTEM_PROGRAM_ID], { status, rttNs }]),
    );
  });

  test('instructionsOf finds a write that another program called, at the place of its caller, with accounts of a lookup table', () => {
    const { wire } = build(2);
    const keys = getCompiledTransactionMessageDecoder().decode(getTransactionDecoder().decode(wire).messageBytes).staticAccounts;
    const called = {
      of: 0,
      programIdIndex: keys.indexOf(kitAddress(PROGRAM)),
      accountIndexes: [keys.length, keys.indexOf(kitAddress(DEVICE)), 0, 0],
      data: bs58.encode(Uint8Array.of(0x6a, 2)),
    };
    const found = instructionsOf({ wire, loaded: [keyNumber(77)], inner: [called] }, PROGRAM);
    expect(found.map(({ accounts, data }) => [accounts[0], decodeSetUserBgpStatus(data)?.status])).toEqual([
      [keyNumber(0), 'up'],
      [keyNumber(77), 'down'],
      [keyNumber(1), 'down'],
    ]);
    expect(() => instructionsOf({ wire, loaded: [], inner: [called] }, PROGRAM)).toThrow(
      `an instruction names account ${keys.length} of ${keys.length}`,
    );
  });

  test('instructionsOf throws for bytes that are no transaction', () => {
    expect(() => instructionsOf({ wire: Uint8Array.of(0, 0, 0), loaded: [], inner: [] }, PROGRAM)).toThrow(Error);
  });
});
