import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeSetUserBgpStatus,
  encodeSetUserBgpStatus,
  encodeSetUserBgpStatusLegacy,
  nanoseconds,
  setUserBgpStatusInstruction,
} from '../../src/serviceability/index.ts';
import { fromHex, hex, keyOf, someU64 } from './builders.ts';

test('rfc19 11: the payload is number, status and round-trip time', () => {
  expect(hex(encodeSetUserBgpStatus({ status: 'up', rttNs: nanoseconds(7_500_000) }))).toBe('6a01e070720000000000');
  expect(hex(encodeSetUserBgpStatus({ status: 'down', rttNs: nanoseconds(0) }))).toBe('6a020000000000000000');
  expect(hex(encodeSetUserBgpStatus({ status: 'unknown', rttNs: nanoseconds(0) }))).toBe('6a000000000000000000');
});

test('rfc19 11: the legacy payload ends after the status', () => {
  expect(hex(encodeSetUserBgpStatusLegacy('up'))).toBe('6a01');
  expect(hex(encodeSetUserBgpStatusLegacy('down'))).toBe('6a02');
});

test('rfc19 9: the accounts are user, device, metrics publisher and System program, in this order', () => {
  const instruction = setUserBgpStatusInstruction({
    programId: keyOf(9),
    user: keyOf(1),
    device: keyOf(2),
    metricsPublisher: keyOf(3),
    status: 'up',
    rttNs: nanoseconds(1),
  });
  expect(instruction).toEqual({
    programId: keyOf(9),
    accounts: [
      { address: keyOf(1), signer: false, writable: true },
      { address: keyOf(2), signer: false, writable: false },
      { address: keyOf(3), signer: true, writable: true },
      { address: '11111111111111111111111111111111', signer: false, writable: false },
    ],
    data: fromHex('6a010100000000000000'),
  });
});

test.each(['down', 'unknown'] as const)('rfc19 7: a round-trip time with %s is refused', (status) => {
  expect(() => encodeSetUserBgpStatus({ status, rttNs: nanoseconds(5) })).toThrow(
    expect.objectContaining({
      code: 'INSTRUCTION__RTT_WITHOUT_UP',
      message: `status ${status} cannot carry a round-trip time of 5 ns: only up can, all others carry 0`,
    }),
  );
});

test.each([-1n, 1n << 64n])('a round-trip time of %d ns is refused', (rttNs) => {
  expect(() => encodeSetUserBgpStatus({ status: 'up', rttNs: nanoseconds(rttNs) })).toThrow(
    expect.objectContaining({ code: 'INSTRUCTION__RTT_OUT_OF_RANGE' }),
  );
});

test.each([
  ['6a', 'unknown', 0],
  ['6a01', 'up', 0],
  ['6a02', 'down', 0],
  ['6a000500000000000000', 'unknown', 5],
  ['6a020500000000000000', 'down', 5],
  ['6a01e070720000000000', 'up', 7_500_000],
  ['6a01e070720000000000ffff', 'up', 7_500_000],
] as const)('the program reads the payload %s as %s with %i ns', (payload, status, rttNs) => {
  expect(decodeSetUserBgpStatus(fromHex(payload))).toEqual({ status, rttNs: BigInt(rttNs) });
});

test.each(['6a03', '6aff', '6a030000000000000000', '6aff0500000000000000', '6a0102', '6a01e070720000', '6a01e0707200000000'])(
  'the program aborts on the payload %s, so it has no arguments',
  (payload) => {
    expect(decodeSetUserBgpStatus(fromHex(payload))).toBeUndefined();
  },
);

test('another instruction is not read', () => {
  expect(decodeSetUserBgpStatus(fromHex('6b01'))).toBeUndefined();
  expect(decodeSetUserBgpStatus(new Uint8Array())).toBeUndefined();
});

test('what was written reads back the same', () => {
  fc.assert(
    fc.property(someU64.map(nanoseconds), (rttNs) => {
      expect(decodeSetUserBgpStatus(encodeSetUserBgpStatus({ status: 'up', rttNs }))).toEqual({ status: 'up', rttNs });
    }),
  );
});
