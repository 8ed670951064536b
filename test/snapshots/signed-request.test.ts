import { expect, test } from 'vitest';
import { address } from '../../src/serviceability/index.ts';
import { canonicalText, signedHeaders } from '../../src/snapshots/state-ingest.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { NOON } from './fixture.ts';

/*
 * Made with OpenSSL 3.0, independently of this code. The key is the seed of 32 bytes 07:
 *
 *   printf '302e020100300506032b657004220420%s' "$(printf '07%.0s' $(seq 32))" | xxd -r -p > k.der
 *   printf '%s' "$BODY" > body
 *   H=$(openssl dgst -sha256 -r body | cut -d' ' -f1)
 *   printf 'DOUBLEZERO_V1\nmethod:POST\npath:/v1/snapshots/upload-url\ntimestamp:2026-03-01T12:34:56Z\nbody-sha256:%s\n' $H > text
 *   openssl pkeyutl -sign -inkey k.der -keyform DER -rawin -in text | xxd -p -c 64
 *
 * and from hex into base58 with python3:
 *
 *   A='123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'; n=int(HEX,16); s=''
 *   while n: n,r=divmod(n,58); s=A[r]+s
 */
const BODY =
  '{"device_pubkey":"DygSr5HvcVYGG62U2Tg9nJmwxc1uVkrFaoZoPRe2UeEX","snapshot_timestamp":"2026-03-01T12:34:50Z","snapshot_sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","kind":"ip-mroute"}';
const TEXT = `DOUBLEZERO_V1
method:POST
path:/v1/snapshots/upload-url
timestamp:2026-03-01T12:34:56Z
body-sha256:d0775e1cafe54387b8d8fffee1f169f32731671ce97df6fcfed7c1ce2c649274
`;
const SIGNATURE = '3rCSXHvSXNEpYCHgE7YyPykR9d4tZ8VVCKGGwaaYukwMps3KHUAxH3ZNfekMM3zDuS89JF5zE7yBqYtGMKRhTFqU';

const request = { method: 'POST', path: '/v1/snapshots/upload-url', body: Buffer.from(BODY) };

test('a signed request is signed over the canonical text, with a line feed after each line', () => {
  expect(canonicalText({ ...request, timestamp: '2026-03-01T12:34:56Z' })).toBe(TEXT);
});

test('a signed request has the same signature as with OpenSSL', () => {
  const device = address('DygSr5HvcVYGG62U2Tg9nJmwxc1uVkrFaoZoPRe2UeEX');
  expect(signedHeaders({ ...request, at: NOON }, device, signerNumber(7))).toEqual({
    'x-dz-device': 'DygSr5HvcVYGG62U2Tg9nJmwxc1uVkrFaoZoPRe2UeEX',
    'x-dz-timestamp': '2026-03-01T12:34:56Z',
    'x-dz-signature': SIGNATURE,
  });
});
