import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatNetworkV4,
  ipv4,
  ipv4FromNumber,
  ipv4ToNumber,
  isGloballyRoutable,
  isIpv4,
  isLinkLocal,
  parseNetworkV4,
  tunnelSides,
} from '../../src/serviceability/index.ts';
import { someIpv4, someNetwork } from './builders.ts';

test('an address is four numbers from 0 to 255 without leading zeros', () => {
  expect(['0.0.0.0', '255.255.255.255', '192.0.2.1'].map(isIpv4)).toEqual([true, true, true]);
  const wrong = ['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '1.2.3.04', '1.2.3.-4', ' 1.2.3.4', '1.2.3.4\n', '::1', '1.2.3.4/32', 5, undefined];
  expect(wrong.filter(isIpv4)).toEqual([]);
  expect(() => ipv4('1.2.3.256')).toThrow(
    expect.objectContaining({
      code: 'IPV4__INVALID',
      message: '"1.2.3.256" is not an IPv4 address: expected four numbers from 0 to 255, as in 192.0.2.1',
    }),
  );
});

test('an address is its number and back', () => {
  expect(ipv4ToNumber(ipv4('169.254.0.1'))).toBe(0xa9fe0001);
  fc.assert(
    fc.property(someIpv4, (address) => {
      expect(isIpv4(address)).toBe(true);
      expect(ipv4FromNumber(ipv4ToNumber(address))).toBe(address);
    }),
  );
});

test('a network keeps its address as written', () => {
  expect(parseNetworkV4('169.254.0.15/31')).toEqual({ address: '169.254.0.15', prefixLength: 31 });
  fc.assert(
    fc.property(someNetwork, (network) => {
      expect(parseNetworkV4(formatNetworkV4(network))).toEqual(network);
    }),
  );
});

test.each(['', '1.2.3.4', '1.2.3.4/', '1.2.3.4/33', '1.2.3.4/031', '1.2.3/24', '1.2.3.4/24/1', '1.2.3.4/-1'])(
  '%j is not a network',
  (text) => {
    expect(() => parseNetworkV4(text)).toThrow(expect.objectContaining({ code: 'NETWORK_V4__INVALID' }));
  },
);

test('the device has the even side of a /31, the client the odd one, however the network is written', () => {
  const sides = { deviceSide: '169.254.0.14', clientSide: '169.254.0.15' };
  expect(tunnelSides(parseNetworkV4('169.254.0.14/31'))).toEqual(sides);
  expect(tunnelSides(parseNetworkV4('169.254.0.15/31'))).toEqual(sides);
  expect(tunnelSides(parseNetworkV4('255.255.255.255/31'))).toEqual({ deviceSide: '255.255.255.254', clientSide: '255.255.255.255' });
});

test('a tunnel that is no /31 has no sides', () => {
  const lengths = Array.from({ length: 33 }, (_, prefixLength) => prefixLength).filter((prefixLength) => prefixLength !== 31);
  expect(lengths.map((prefixLength) => tunnelSides({ address: ipv4('169.254.0.14'), prefixLength }))).toEqual(lengths.map(() => undefined));
});

test('the blocks that the program calls not global begin and end where they should', () => {
  const blocks = [
    ['0.0.0.0', '0.255.255.255'],
    ['10.0.0.0', '10.255.255.255'],
    ['100.64.0.0', '100.127.255.255'],
    ['127.0.0.0', '127.255.255.255'],
    ['169.254.0.0', '169.254.255.255'],
    ['172.16.0.0', '172.31.255.255'],
    ['192.0.0.0', '192.0.0.255'],
    ['192.0.2.0', '192.0.2.255'],
    ['192.168.0.0', '192.168.255.255'],
    ['198.51.100.0', '198.51.100.255'],
    ['203.0.113.0', '203.0.113.255'],
    ['224.0.0.0', '255.255.255.255'],
  ] as const;
  for (const [first, last] of blocks) {
    const [from, to] = [ipv4ToNumber(ipv4(first)), ipv4ToNumber(ipv4(last))];
    expect([first, isGloballyRoutable(ipv4(first)), isGloballyRoutable(ipv4(last))]).toEqual([first, false, false]);
    if (from > 0) expect([first, isGloballyRoutable(ipv4FromNumber(from - 1))]).toEqual([first, true]);
    if (to < 0xffff_ffff) expect([last, isGloballyRoutable(ipv4FromNumber(to + 1))]).toEqual([last, true]);
  }
});

test('198.18.0.0/15 counts as global, as the program has it', () => {
  expect(['198.18.0.1', '198.19.255.255', '1.1.1.1'].map((text) => isGloballyRoutable(ipv4(text)))).toEqual([true, true, true]);
});

test('link-local is 169.254.0.0/16', () => {
  const texts = ['169.253.255.255', '169.254.0.0', '169.254.255.255', '169.255.0.0'];
  expect(texts.map((text) => isLinkLocal(ipv4(text)))).toEqual([false, true, true, false]);
});
