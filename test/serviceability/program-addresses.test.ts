import { PublicKey } from '@solana/web3.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Address,
  accessPassAddress,
  address,
  addressBytes,
  contributorAddress,
  deviceAddress,
  exchangeAddress,
  feedAddress,
  findProgramAddress,
  globalConfigAddress,
  globalStateAddress,
  indexAddress,
  ipv4,
  legacyUserAddress,
  linkAddress,
  locationAddress,
  multicastGroupAddress,
  type ProgramAddress,
  permissionAddress,
  programConfigAddress,
  resourceExtensionAddress,
  tenantAddress,
  topologyAddress,
  userAddress,
} from '../../src/serviceability/index.ts';
import { userAddress as draftedUserAddress } from '../../src/serviceability/rfc11/index.ts';
import { keyOf, someKey } from './builders.ts';

const MAINNET = address('ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAGv');

describe('the addresses of a network are where the deployed program has them', () => {
  test.each([
    [
      'mainnet-beta',
      'ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAGv',
      ['9krR83okkMCRqtmtJ2uLVmgfXyGfD1h7tEo2Q2wsqXjs', 255],
      ['7jiLhZvcERnAPKnobALqAKGZwe7BR23cUYvrkZCgp5Sy', 254],
      ['AygqqJuwTuG8RQ3x1mT8jXcug3dbQKCLyXCKjC1yrxWD', 255],
    ],
    [
      'testnet',
      'DZtnuQ839pSaDMFG5q1ad2V95G82S5EC4RrB3Ndw2Heb',
      ['5cNB1387r3wt3aBAT1uoTge7y1LAadWkC9DFQ3F89Dt6', 255],
      ['8uA3su1WQPXvnhN5DhNueXrmizA8CY7dE5sj1vXkAWnf', 254],
      ['64GnM7vWSr7PJkqaeiVV7HMxs8o3WjsBcRvm1j75BcAE', 255],
    ],
    [
      'devnet',
      'GYhQDKuESrasNZGyhMJhGYFtbzNijYhcrN9poSqCQVah',
      ['Fh2p5sDLwsmAWpmmjM14FqRKYkDgRWCBbpa7Mgrv6iGM', 255],
      ['8TXwVgWNcg49cbKdFWtPvuQxYTZDuQU9Ei38zswGPnJh', 255],
      ['14MFRMJ2smurwWKXCdDVTmZ3cB5wguP94PprpwhUfZjW', 254],
    ],
    [
      'localnet',
      '7CTniUa88iJKUHTrCkB4TjAoG6TD7AMivhQeuqN2LPtX',
      ['BDyMLcbs3S9MaaSKhcshb5HHfV9j8kwhgmfFR4ULb8Be', 255],
      ['Bwyq7Q25F8DF2HS6UKrd8xEWq6LZu1y7s9m6FtViuvHX', 253],
      ['FHN1ipPzVqhQY67VzNRdZCwZfsF5QAG5de8zXwFuaMeK', 255],
    ],
  ] as const)('%s', (_network, programId, globalState, globalConfig, programConfig) => {
    const program = address(programId);
    expect([globalStateAddress(program), globalConfigAddress(program), programConfigAddress(program)]).toEqual(
      [globalState, globalConfig, programConfig].map(([text, bump]) => ({ address: text, bump })),
    );
  });
});

test('users and devices of mainnet-beta are where the deployed program has them', () => {
  const client = ipv4('203.0.114.7');
  expect(userAddress(MAINNET, client, 0)).toEqual({ address: 'Hx3HKmEnV4Bz6xa6nTjDwqLphhbQr6tFcUx7kfNGtMMb', bump: 255 });
  expect(userAddress(MAINNET, client, 3)).toEqual({ address: 'HJ323jbhvwdXb1gAHcmcRBSF2RnrrxyEZZPudqMGEv5h', bump: 255 });
  expect(deviceAddress(MAINNET, 1n)).toEqual({ address: 'GX8AmQ3tD7GLbwESpAmh7pKRnF6jUphtxnvKFmpFRQGG', bump: 254 });
});

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const index = Uint8Array.of(7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
const part = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0);
const key = keyOf(4);

const derivations: readonly (readonly [string, ProgramAddress, readonly Uint8Array[]])[] = [
  ['location', locationAddress(MAINNET, 263n), [ascii('location'), index]],
  ['exchange', exchangeAddress(MAINNET, 263n), [ascii('exchange'), index]],
  ['link', linkAddress(MAINNET, 263n), [ascii('link'), index]],
  ['multicast group', multicastGroupAddress(MAINNET, 263n), [ascii('multicast'), index]],
  ['contributor', contributorAddress(MAINNET, 263n), [ascii('contributor'), index]],
  ['legacy user', legacyUserAddress(MAINNET, 263n), [ascii('user'), index]],
  ['tenant', tenantAddress(MAINNET, 'acme'), [ascii('tenant'), ascii('acme')]],
  ['permission', permissionAddress(MAINNET, key), [ascii('permission'), addressBytes(key)]],
  [
    'access pass',
    accessPassAddress(MAINNET, ipv4('203.0.114.7'), key),
    [ascii('accesspass'), Uint8Array.of(203, 0, 114, 7), addressBytes(key)],
  ],
  ['feed', feedAddress(MAINNET, 'prices', key), [ascii('feed'), ascii('prices'), addressBytes(key)]],
  ['topology', topologyAddress(MAINNET, 'Low-latency'), [ascii('topology'), ascii('LOW-LATENCY')]],
  ['topology outside ASCII', topologyAddress(MAINNET, 'ünï'), [ascii('topology'), ascii('üNï')]],
  ['index', indexAddress(MAINNET, 'device', 'LA2R-dz01'), [ascii('index'), ascii('device'), ascii('la2r-dz01')]],
  ['index outside ASCII', indexAddress(MAINNET, 'device', 'ÜNÏ'), [ascii('index'), ascii('device'), ascii('ÜnÏ')]],
  ['user tunnel block', resourceExtensionAddress(MAINNET, { kind: 'usertunnelblock' }), [ascii('usertunnelblock')]],
  [
    'tunnel ids of a device',
    resourceExtensionAddress(MAINNET, { kind: 'tunnelids', device: key, index: 2n }),
    [ascii('tunnelids'), addressBytes(key), part],
  ],
];

test.each(derivations)('the address of a %s comes from its seeds', (_name, actual, seeds) => {
  expect(actual).toEqual(web3Address([ascii('doublezero'), ...seeds], MAINNET));
});

test('any seeds give the address that web3.js finds', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 32 }), { maxLength: 5 }), someKey, (seeds, programId) => {
      expect(findProgramAddress(seeds, programId)).toEqual(web3Address(seeds, programId));
    }),
    { numRuns: 50 },
  );
});

test('a number that its seed cannot hold is refused, because it would give the address of another account', () => {
  const client = ipv4('198.18.0.1');
  const refused = expect.objectContaining({ code: 'ENCODING__OUT_OF_RANGE' });
  for (const derive of [
    () => userAddress(MAINNET, client, 256),
    () => draftedUserAddress(MAINNET, client, -1),
    () => deviceAddress(MAINNET, -1n),
    () => deviceAddress(MAINNET, 1n << 128n),
    () => resourceExtensionAddress(MAINNET, { kind: 'tunnelids', device: MAINNET, index: 1n << 64n }),
  ])
    expect(derive).toThrow(refused);
});

test('seeds that are too many or too long are refused', () => {
  expect(() => tenantAddress(MAINNET, 'x'.repeat(33))).toThrow(
    'no program address can be derived from these seeds: seed 3 is 33 bytes long, and at most 32 are allowed',
  );
  expect(() => findProgramAddress(new Array(16).fill(part), MAINNET)).toThrow(expect.objectContaining({ code: 'PDA__BAD_SEEDS' }));
});

function web3Address(seeds: readonly Uint8Array[], programId: Address): ProgramAddress {
  const [found, bump] = PublicKey.findProgramAddressSync([...seeds], new PublicKey(programId));
  return { address: address(found.toBase58()), bump };
}
