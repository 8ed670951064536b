import { PublicKey } from '@solana/web3.js';
import bs58 from 'bs58';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase58 } from '../../src/serviceability/address.ts';
import { address, addressBytes, addressOf, isAddress, SYSTEM_PROGRAM_ID, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { someKeyBytes } from './builders.ts';

const someKeyLikeBytes = fc.oneof(
  someKeyBytes,
  fc.tuple(fc.nat(32), someKeyBytes).map(([zeros, key]) => key.fill(0, 0, zeros)),
  fc.tuple(fc.nat(32), someKeyBytes).map(([zeros, key]) => key.fill(0, zeros)),
  fc.tuple(fc.nat(32), someKeyBytes).map(([from, key]) => key.fill(255, from)),
);

test('a key has the same text as in bs58, whatever its bytes', () => {
  fc.assert(
    fc.property(someKeyLikeBytes, (key) => {
      expect(addressOf(key)).toBe(bs58.encode(key));
    }),
    { numRuns: 2000 },
  );
});

test('every power of two and the number before it have the same text as in bs58', () => {
  for (let bit = 0; bit <= 256; bit++) {
    for (const number of [1n << BigInt(bit), (1n << BigInt(bit)) - 1n]) {
      const key = Uint8Array.from({ length: 32 }, (_, index) => Number((number >> BigInt(8 * (31 - index))) & 255n));
      expect(addressOf(key)).toBe(bs58.encode(key));
    }
  }
});

test('an address gives back its bytes', () => {
  fc.assert(
    fc.property(someKeyLikeBytes, (key) => {
      expect(addressBytes(addressOf(key))).toEqual(key);
    }),
  );
});

test('the zero address is the System program', () => {
  expect(ZERO_ADDRESS).toBe(PublicKey.default.toBase58());
  expect(SYSTEM_PROGRAM_ID).toBe(addressOf(new Uint8Array(32)));
});

test.each([
  ['', '"" is not an address: it has 0 characters, not 32 to 44'],
  ['1'.repeat(31), '"1111111111111111111111111111111" is not an address: it has 31 characters, not 32 to 44'],
  ['z'.repeat(500), `"${'z'.repeat(57)}..." is not an address: it has 500 characters, not 32 to 44`],
  [
    'ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAG0',
    '"ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAG0" is not an address: "0" at position 43 is not a base58 digit',
  ],
  [
    'ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTA💥',
    '"ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTA💥" is not an address: "💥" at position 42 is not a base58 digit',
  ],
  ['z'.repeat(44), `"${'z'.repeat(44)}" is not an address: it decodes to 33 bytes, not 32`],
  ['z'.repeat(32), `"${'z'.repeat(32)}" is not an address: it decodes to 24 bytes, not 32`],
])('the address %j is rejected with the problem', (text, message) => {
  expect(isAddress(text)).toBe(false);
  expect(() => address(text)).toThrow(expect.objectContaining({ code: 'ADDRESS__INVALID', message }));
});

test('a key of another length is refused', () => {
  expect(() => addressOf(new Uint8Array(31))).toThrow('the key is not an address: it has 31 bytes, not 32');
});

test('only text can be an address', () => {
  expect([undefined, null, 7, {}, [ZERO_ADDRESS]].map(isAddress)).toEqual([false, false, false, false, false]);
  expect(isAddress(ZERO_ADDRESS)).toBe(true);
});

test('base58 of any length is read as the reference implementation reads it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(5), (bytes, zeros) => {
      const text = bs58.encode(Uint8Array.of(...new Uint8Array(zeros), ...bytes));
      expect(decodeBase58(text)).toEqual(Uint8Array.from(bs58.decode(text)));
    }),
  );
  expect([decodeBase58(''), decodeBase58('0'), decodeBase58('1l1')]).toEqual([new Uint8Array(), undefined, undefined]);
});
