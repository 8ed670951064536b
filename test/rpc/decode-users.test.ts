import { expect, test } from 'vitest';
import { type DecodedUser, decodeUsers } from '../../src/rpc/users.ts';
import { type Address, encodeUser } from '../../src/serviceability/index.ts';
import { keyNumber, userNumber } from '../support/bgp-builders.ts';

test('an unchanged account keeps its decoded user and takes the bytes of the newest answer, so that old answers are freed', () => {
  const decode = (data: Uint8Array, before: ReadonlyMap<Address, DecodedUser>) => decodeUsers(new Map([[keyNumber(1), data]]), before);
  const bytes = encodeUser(userNumber(1).user);
  const first = decode(bytes, new Map()).get(keyNumber(1));
  const again = Uint8Array.from(bytes);
  const second = decode(again, new Map(first === undefined ? [] : [[keyNumber(1), first]])).get(keyNumber(1));
  expect(second?.user).toBe(first?.user);
  expect(second?.data).toBe(again);
});
