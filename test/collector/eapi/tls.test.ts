import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { EapiTls } from '../../../src/collector/index.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { statesOf } from '../source-contract.ts';
import { type EapiFixture, never, startEapiFixture, USER } from './fixture.ts';

describe('an https endpoint', () => {
  const certificate = selfSigned(['127.0.0.1']);
  const named = selfSigned(['dz1.example']);
  const foreign = selfSigned(['127.0.0.1']);
  const VRF1 = { '169.254.0.1': 'established', '169.254.0.3': 'active' };
  let directory: string;
  let fixture: EapiFixture | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dzd-tls-'));
    await writeFile(join(directory, 'certificate.pem'), certificate.cert);
    await writeFile(join(directory, 'named.pem'), named.cert);
    await writeFile(join(directory, 'foreign.pem'), foreign.cert);
    await writeFile(join(directory, 'nonsense.pem'), 'not a certificate');
  });
  afterAll(() => rm(directory, { recursive: true }));
  afterEach(() => fixture?.end());

  /** What VRF vrf1 reads as, and what the switch heard. */
  const read = async (tls: EapiTls | undefined, served = certificate): Promise<{ states: unknown; requests: number }> => {
    fixture = await startEapiFixture({ tls: served, credentials: USER }, () => ({
      credentials: { ...USER, login: 'session' },
      ...(tls === undefined ? {} : { tls }),
    }));
    const states = await fixture.source.collect(never).then(statesOf);
    return { states: states.vrf1, requests: fixture.server.stats().requests };
  };
  const pin = ({ cert }: { readonly cert: string }): string => new X509Certificate(cert).fingerprint256;

  test('an https endpoint is accepted when the configured authority has signed its certificate', async () => {
    await expect(read({ kind: 'ca', caFile: join(directory, 'certificate.pem') })).resolves.toEqual({ states: VRF1, requests: 2 });
  });

  test('an https endpoint is accepted under the configured name of its certificate', async () => {
    const tls: EapiTls = { kind: 'ca', caFile: join(directory, 'named.pem'), serverName: 'dz1.example' };
    await expect(read(tls, named)).resolves.toEqual({ states: VRF1, requests: 2 });
  });

  test('an https endpoint is accepted when its certificate is the pinned one, however the fingerprint is written', async () => {
    await expect(read({ kind: 'fingerprint', sha256: pin(certificate) })).resolves.toEqual({ states: VRF1, requests: 2 });
    await fixture?.end();
    const plain = pin(certificate).replaceAll(':', '').toLowerCase();
    await expect(read({ kind: 'fingerprint', sha256: plain })).resolves.toEqual({ states: VRF1, requests: 2 });
  });

  test('an https endpoint is accepted with any certificate when insecure is configured', async () => {
    await expect(read({ kind: 'insecure' })).resolves.toEqual({ states: VRF1, requests: 2 });
  });

  const refusals: [name: string, tls: () => EapiTls | undefined, problem: RegExp][] = [
    ['self-signed, by default', () => undefined, /self-signed certificate/],
    ['signed by another authority', () => ({ kind: 'ca', caFile: join(directory, 'foreign.pem') }), /self-signed certificate/],
    [
      'not the pinned one',
      () => ({ kind: 'fingerprint', sha256: pin(foreign) }),
      /its SHA-256 fingerprint is [0-9a-f]{64}, pinned is [0-9a-f]{64}$/,
    ],
    ['pinned by half a fingerprint', () => ({ kind: 'fingerprint', sha256: 'ab:cd' }), /does not have 64 hexadecimal digits/],
    [
      'to be checked with a file that is not there',
      () => ({ kind: 'ca', caFile: join(directory, 'absent.pem') }),
      /the CA file cannot be read: ENOENT/,
    ],
  ];
  for (const [name, tls, problem] of refusals) {
    test(`an https endpoint whose certificate is ${name} receives no byte of a request`, async () => {
      await expect(read(tls())).rejects.toMatchObject({ code: 'EAPI__TLS', message: expect.stringMatching(problem) });
      expect(fixture?.server.stats().requests).toBe(0);
    });
  }

  test('an https endpoint whose certificate is for another name is refused', async () => {
    await expect(read({ kind: 'ca', caFile: join(directory, 'named.pem') }, named)).rejects.toMatchObject({ code: 'EAPI__TLS' });
  });

  test('an https endpoint whose authority file holds no certificate is refused', async () => {
    await expect(read({ kind: 'ca', caFile: join(directory, 'nonsense.pem') })).rejects.toMatchObject({ code: 'EAPI__TLS' });
  });

  test('an https endpoint that speaks plain HTTP is refused', async () => {
    fixture = await startEapiFixture({}, ({ url }) => ({ endpoint: url.replace('http:', 'https:') }));
    await expect(fixture.source.collect(never)).rejects.toMatchObject({
      code: 'EAPI__TLS',
      message: expect.stringContaining(fixture.url.slice(7)),
    });
  });
});
