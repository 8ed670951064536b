import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Account,
  AccountType,
  type AccountValues,
  decodeAccount,
  encodeAccount,
  encodeUser,
  type KnownAccount,
  slot,
} from '../../src/serviceability/index.ts';
import { ACCOUNT_TYPES, someAccount } from './account-builders.ts';
import { aUser, fromHex, hex } from './builders.ts';

const bytesOf = (type: keyof AccountValues, value: AccountValues[keyof AccountValues]): Uint8Array =>
  encodeAccount({ type, value } as Account);

test('there is an account of every type that the program has', () => {
  expect([...ACCOUNT_TYPES, 'none'].sort()).toEqual(Object.keys(AccountType).sort());
});

test.each(ACCOUNT_TYPES)('every %s that can be written reads back the same, and begins with its type', (type) => {
  fc.assert(
    fc.property(someAccount[type], (value) => {
      const data = bytesOf(type, value);
      expect(data[0]).toBe(AccountType[type]);
      expect(decodeAccount(data)).toEqual({ type, value });
    }),
  );
});

test.each(ACCOUNT_TYPES)('a %s of any length and with anything behind it is given back byte by byte', (type) => {
  const someCut = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(someAccount[type], someCut, fc.uint8Array({ maxLength: 40 }), (value, part, surplus) => {
      const whole = bytesOf(type, value);
      const cut = whole.subarray(0, 1 + Math.floor(part * (whole.length - 1)));
      for (const data of [cut, Uint8Array.of(...whole, ...surplus)]) expect(hex(encodeAccount(decodeAccount(data)))).toBe(hex(data));
    }),
  );
});

test('bytes behind the last field that is known are kept', () => {
  const data = Uint8Array.of(...encodeUser(aUser()), 1, 2, 3);
  expect(decodeAccount(data)).toEqual({ type: 'user', value: aUser(), unread: { offset: 206, bytes: Uint8Array.of(1, 2, 3) } });
});

test('an account from before a field was added keeps its length, and its own encoder gives it the field', () => {
  const old = encodeUser(aUser()).subarray(0, 177);
  const account = decodeAccount(old);
  expect(account).toEqual({ type: 'user', value: aUser(), unread: { offset: 177, bytes: new Uint8Array() } });
  expect(encodeAccount(account)).toEqual(old);
  expect(encodeUser((account as KnownAccount<'user'>).value).length).toBe(206);
});

test('a changed value is written with the unread bytes behind it', () => {
  const data = Uint8Array.of(...encodeUser(aUser()), 9);
  const account = decodeAccount(data) as KnownAccount<'user'>;
  const changed = { ...account, value: { ...account.value, lastBgpUpAt: slot(7) } };
  expect(decodeAccount(encodeAccount(changed))).toEqual({ ...changed, unread: { offset: 206, bytes: Uint8Array.of(9) } });
});

test.each(['00', '0e0102', 'ff', '13aa'])('%s, of a type that has no name, is kept as it is', (text) => {
  expect(decodeAccount(fromHex(text))).toEqual({ type: 'unknown', data: fromHex(text) });
  expect(hex(encodeAccount(decodeAccount(fromHex(text))))).toBe(text);
});

test('an account without data is an error with a code', () => {
  expect(() => decodeAccount(new Uint8Array())).toThrow(expect.objectContaining({ code: 'ACCOUNT__EMPTY' }));
});

test('what is returned does not change with the bytes that it was read from', () => {
  const data = Uint8Array.of(...encodeUser(aUser()), 5);
  const account = decodeAccount(data);
  const unknown = Uint8Array.of(200, 1);
  const kept = decodeAccount(unknown);
  data.fill(0);
  unknown.fill(0);
  expect(account).toEqual({ type: 'user', value: aUser(), unread: { offset: 206, bytes: Uint8Array.of(5) } });
  expect(kept).toEqual({ type: 'unknown', data: Uint8Array.of(200, 1) });
});
