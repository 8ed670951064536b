import { expect, test } from 'vitest';
import { ipv4, parseNetworkV4, programErrorName, type User, validateUser, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { aUser } from './builders.ts';

test('a user as CreateUser makes it passes', () => {
  expect(validateUser(aUser())).toBeUndefined();
  expect(validateUser(aUser({ tunnelEndpoint: ipv4('203.0.114.9'), tunnelId: 4595 }))).toBeUndefined();
});

const failing: readonly (readonly [Partial<User>, number, string])[] = [
  [{ devicePk: ZERO_ADDRESS }, 6, 'InvalidDevicePubkey'],
  [{ clientIp: ipv4('10.0.0.1') }, 26, 'InvalidClientIp'],
  [{ dzIp: ipv4('0.0.0.0') }, 27, 'InvalidDzIp'],
  [{ tunnelNet: parseNetworkV4('172.16.0.0/31') }, 28, 'InvalidTunnelNet'],
  [{ tunnelId: 4596 }, 29, 'InvalidTunnelId'],
  [{ tunnelEndpoint: ipv4('192.168.0.1') }, 80, 'InvalidTunnelEndpoint'],
];

test.each(failing)('the program refuses a user with %o: %i', (changes, code, name) => {
  expect(validateUser(aUser(changes))).toBe(code);
  expect(programErrorName(code)).toBe(name);
});

test('of several faults the first in the program’s order counts', () => {
  const everything = Object.assign({}, ...failing.map(([changes]) => changes));
  expect(validateUser(aUser(everything))).toBe(6);
  expect(validateUser(aUser({ ...everything, devicePk: aUser().devicePk }))).toBe(26);
});

test.each([3, 6])('a user with status %i, being deleted or banned, is not checked', (status) => {
  expect(validateUser(aUser({ status, clientIp: ipv4('0.0.0.0'), tunnelNet: parseNetworkV4('0.0.0.0/0') }))).toBeUndefined();
});
