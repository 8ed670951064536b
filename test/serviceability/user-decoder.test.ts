import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressOf, createUserDecoder, decodeUser, encodeUser, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { aUser, keyOf, someUser } from './builders.ts';

test('users of one answer read as they do one by one, whatever keys they share', () => {
  const someSharing = fc
    .array(someUser, { maxLength: 6 })
    .map((users) => [...users, ...users.map((user) => ({ ...user, owner: keyOf(9) }))]);
  fc.assert(
    fc.property(someSharing, (users) => {
      const accounts = users.map(encodeUser);
      expect(accounts.map(createUserDecoder())).toEqual(accounts.map((data) => decodeUser(data)));
    }),
  );
});

test('keys that differ in any one byte are not taken for each other', () => {
  const decode = createUserDecoder();
  const key = new Uint8Array(32).fill(7);
  for (let at = 0; at < 32; at++) {
    const other = key.slice();
    other[at] = 8;
    for (const owner of [addressOf(key), addressOf(other), ZERO_ADDRESS, addressOf(key)]) {
      expect(decode(encodeUser(aUser({ owner }))).owner).toBe(owner);
    }
  }
});

test('the text of a key does not change with the bytes that it was read from', () => {
  const decode = createUserDecoder();
  const data = encodeUser(aUser({ owner: keyOf(5) }));
  decode(data);
  data.fill(6, 1, 33);
  expect(decode(data).owner).toBe(keyOf(6));
  expect(decode(encodeUser(aUser({ owner: keyOf(5) }))).owner).toBe(keyOf(5));
});
