import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  AccountDataError,
  decodeUser,
  encodedUserLength,
  encodeUser,
  nanoseconds,
  parseNetworkV4,
  slot,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { aUser, emptyUser, fromHex, hex, isPrefixOf, keyOf, someUser } from './builders.ts';

/** A user with BGP fields set, byte by byte after the User account layout. */
const GOLDEN = [
  '07', // account_type
  '01'.repeat(32), // owner
  '00'.repeat(16), // index
  'ff', // bump_seed
  '00', // user_type
  '00'.repeat(32), // tenant_pk
  '02'.repeat(32), // device_pk
  '01', // cyoa_type
  'cb007207', // client_ip
  'cb007207', // dz_ip
  'fb01', // tunnel_id
  'a9fe000e1f', // tunnel_net
  '01', // status
  '00000000', // publishers
  '00000000', // subscribers
  '00'.repeat(32), // validator_pubkey
  '00000000', // tunnel_endpoint
  '00', // tunnel_flags
  '01', // bgp_status
  '2a00000000000000', // last_bgp_up_at
  '2b00000000000000', // last_bgp_reported_at
  'e070720000000000', // bgp_rtt_ns
  '00000000', // feed_pks
].join('');

const upUser = aUser({ bgpStatus: 1, lastBgpUpAt: slot(42), lastBgpReportedAt: slot(43), bgpRttNs: nanoseconds(7_500_000) });

test('a user reads and writes as the account layout says', () => {
  expect(decodeUser(fromHex(GOLDEN))).toEqual(upUser);
  expect(hex(encodeUser(upUser))).toBe(GOLDEN);
});

test('rfc19 4: the fields stand at their offsets when the user has no groups and feeds', () => {
  const data = encodeUser(upUser);
  expect(data.length).toBe(206);
  expect([data[177], data[178], data[186]]).toEqual([1, 42, 43]);
  expect(hex(data.subarray(194, 202))).toBe('e070720000000000');
});

test('groups and feeds move what follows them', () => {
  const user = aUser({ publishers: [keyOf(3)], subscribers: [keyOf(4)], feedPks: [keyOf(5), keyOf(6)], bgpStatus: 2 });
  const data = encodeUser(user);
  expect(data.length).toBe(334);
  expect(encodedUserLength(user)).toBe(334);
  expect(data[241]).toBe(2);
  expect(decodeUser(data)).toEqual(user);
});

test.each([
  [1, emptyUser],
  [132, aUser()],
  [176, aUser()],
  [177, aUser({ tunnelFlags: 1 })],
  [194, aUser({ tunnelFlags: 1, bgpStatus: 1, lastBgpUpAt: slot(42), lastBgpReportedAt: slot(43) })],
  [202, aUser({ ...upUser, tunnelFlags: 1 })],
])('rfc19 23: an account of an older layout, %i bytes long, reads with its missing fields as the defaults', (length, expected) => {
  const data = encodeUser({ ...upUser, tunnelFlags: 1 });
  expect(decodeUser(data.subarray(0, length))).toEqual(expected);
});

test('the former layout with one unset feed key, 234 bytes long, reads as without feeds', () => {
  const data = new Uint8Array(234);
  data.set(encodeUser(upUser).subarray(0, 202));
  expect(decodeUser(data)).toEqual(upUser);
});

test('a vector that counts more keys than the account holds is empty, and so is all that follows', () => {
  const data = encodeUser(upUser);
  data.set([0xff, 0xff, 0xff, 0xff], 132);
  expect(decodeUser(data)).toEqual(aUser());
  data.set([4, 0, 0, 0], 132);
  expect(decodeUser(data)).toEqual(aUser());
});

test('an unknown enum byte is kept', () => {
  const user = decodeUser(encodeUser(aUser({ status: 77, bgpStatus: 9, userType: 200 })));
  expect([user.status, user.bgpStatus, user.userType]).toEqual([77, 9, 200]);
});

test('a tunnel_net that is no network reads as unset, without moving what follows', () => {
  const data = encodeUser(upUser);
  data[130] = 33;
  expect(decodeUser(data)).toEqual({ ...upUser, tunnelNet: parseNetworkV4('0.0.0.0/0') });
});

test('data that is not a user is an error with a code', () => {
  expect(() => decodeUser(new Uint8Array())).toThrow(
    expect.objectContaining({
      name: 'AccountDataError',
      code: 'ACCOUNT__EMPTY',
      message: 'the account has no data, so it is closed or was never a user account',
    }),
  );
  expect(() => decodeUser(Uint8Array.of(5, 1, 2))).toThrow(
    new AccountDataError('ACCOUNT__WRONG_TYPE', { actual: 5, expected: 'user', expectedType: 7 }),
  );
});

test('a value that its field cannot hold is refused, not wrapped', () => {
  expect(() => encodeUser(aUser({ tunnelId: 65_536 }))).toThrow('65536 is not a valid u16 (field at byte 124)');
  expect(() => encodeUser(aUser({ status: -1 }))).toThrow('-1 is not a valid u8 (field at byte 131)');
  expect(() => encodeUser(aUser({ bumpSeed: 1.5 }))).toThrow('1.5 is not a valid u8 (field at byte 49)');
  expect(() => encodeUser(aUser({ index: 1n << 128n }))).toThrow('is not a valid u128 (field at byte 33)');
  expect(() => encodeUser(aUser({ bgpRttNs: nanoseconds(-1n) }))).toThrow('-1 is not a valid u64 (field at byte 194)');
  expect(() => encodeUser(aUser({ tunnelNet: { ...upUser.tunnelNet, prefixLength: 33 } }))).toThrow('33 is not a valid prefix length');
});

test('every user that can be written reads back the same, and has the length that was foretold', () => {
  fc.assert(
    fc.property(someUser, (user) => {
      const data = encodeUser(user);
      expect(data.length).toBe(encodedUserLength(user));
      expect(decodeUser(data)).toEqual(user);
    }),
  );
});

test('a user cut anywhere reads as the whole one up to the cut, and as the defaults after it', () => {
  fc.assert(
    fc.property(someUser, fc.double({ min: 0, max: 1, noNaN: true }), (user, part) => {
      const data = encodeUser(user);
      const length = 1 + Math.floor(part * (data.length - 1));
      expect(isPrefixOf(decodeUser(data.subarray(0, length)), user, emptyUser)).toBe(true);
    }),
  );
});

test('no bytes make the reading of a user fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const user = decodeUser(Uint8Array.of(7, ...bytes));
      expect(user.publishers.length + user.subscribers.length + user.feedPks.length).toBeLessThanOrEqual(bytes.length / 32);
    }),
  );
});

test('a user inside a larger buffer is read from its own bytes', () => {
  const buffer = new Uint8Array(300);
  buffer.set(encodeUser(upUser), 50);
  expect(decodeUser(buffer.subarray(50, 256))).toEqual(upUser);
  expect(decodeUser(Buffer.from(buffer.buffer, 50, 206)).tenantPk).toBe(ZERO_ADDRESS);
});
