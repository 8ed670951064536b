import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { EapiTls } from '../../../src/collector/eapi/http.ts';
import { createEapiSource } from '../../../src/collector/eapi/source.ts';
import { describeError, systemClock } from '../../../src/lib/index.ts';
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
    await writeFile(join(directory, 'empty.pem'), '');
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
    await expect(read({ kind: 'ca', caFile: join(directory, 'certificate.pem') })).resolves.toEqual({ states: VRF1, requests: 3 });
  });

  test('an https endpoint is accepted under the configured name of its certificate', async () => {
    const tls: EapiTls = { kind: 'ca', caFile: join(directory, 'named.pem'), serverName: 'dz1.example' };
    await expect(read(tls, named)).resolves.toEqual({ states: VRF1, requests: 3 });
  });

  test('an https endpoint is accepted when its certificate is the pinned one, however the fingerprint is written', async () => {
    await expect(read({ kind: 'fingerprint', sha256: pin(certificate) })).resolves.toEqual({ states: VRF1, requests: 3 });
    await fixture?.end();
    const plain = pin(certificate).replaceAll(':', '').toLowerCase();
    await expect(read({ kind: 'fingerprint', sha256: plain })).resolves.toEqual({ states: VRF1, requests: 3 });
  });

  test('an https endpoint is accepted with any certificate when insecure is configured', async () => {
    await expect(read({ kind: 'insecure' })).resolves.toEqual({ states: VRF1, requests: 3 });
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
    [
      'to be checked with an empty file, which Node takes for the authorities of the system',
      () => ({ kind: 'ca', caFile: join(directory, 'empty.pem') }),
      /the CA file cannot be read: it contains no certificate/,
    ],
    [
      'to be checked with a file without an end',
      () => ({ kind: 'ca', caFile: '/dev/zero' }),
      /the CA file cannot be read: it has 1048576 bytes or more/,
    ],
  ];
  for (const [name, tls, problem] of refusals) {
    test(`an https endpoint whose certificate is ${name} receives no byte of a request`, async () => {
      await expect(read(tls())).rejects.toMatchObject({ code: 'EAPI__TLS', message: expect.stringMatching(problem) });
      expect(fixture?.server.stats().requests).toBe(0);
    });
  }

  test('the agent refuses an https endpoint whose certificate is for another name, and the error names the setting', async () => {
    await expect(read({ kind: 'ca', caFile: join(directory, 'named.pem') }, named)).rejects.toThrow(
      /IP: 127\.0\.0\.1 is not in the cert's list.* \(ERR_TLS_CERT_ALTNAME_INVALID\); set tls\.serverName to a name in the certificate$/,
    );
    await fixture?.end();
    await expect(read({ kind: 'ca', caFile: join(directory, 'named.pem') }, named)).rejects.toMatchObject({ code: 'EAPI__TLS' });
  });

  test('an https endpoint that speaks plain HTTP is named as such', async () => {
    fixture = await startEapiFixture({}, ({ url }) => ({ endpoint: url.replace('http:', 'https:') }));
    const error = await fixture.source.collect(never).catch((caught: unknown) => caught);
    // A cause would bring OpenSSL's message, with its source files, into the log.
    expect(describeError(error)).toMatch(/does not speak TLS: wrong version number \(ERR_SSL_WRONG_VERSION_NUMBER\)$/);
    await expect(fixture.source.collect(never)).rejects.toMatchObject({
      code: 'EAPI__NOT_TLS',
      message: expect.stringContaining(fixture.url.slice(7)),
      remedy: expect.stringContaining('write http://'),
    });
  });

  test('no environment variable makes the agent accept a certificate', async () => {
    fixture = await startEapiFixture({ tls: certificate });
    const program = join(directory, 'read.cjs');
    await build({
      stdin: { contents: READ_ONCE, resolveDir: import.meta.dirname, loader: 'ts' },
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'silent',
    });
    const environment = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    for (const caFile of ['', join(directory, 'foreign.pem')]) {
      const { stdout } = await promisify(execFile)(process.execPath, [program, fixture.url, caFile], { env: environment });
      expect(stdout.trim()).toBe('EAPI__TLS');
    }
    expect(fixture.server.stats().requests).toBe(0);
  });
});

/** Prints the code of the error of one poll. */
const READ_ONCE = `
import { createEapiSource } from '../../../src/collector/eapi/source.ts';
import { describeError, systemClock } from '../../../src/lib/index.ts';
const [, , endpoint, caFile] = process.argv;
const tls = caFile === '' ? undefined : { kind: 'ca', caFile };
const source = createEapiSource({ endpoint, tls, clock: systemClock, timeoutMs: 10_000 });
source.collect(new AbortController().signal).then(
  () => console.log('read'),
  (error) => console.log(error.code),
).finally(() => source.close());
`;

describe('what listens at an endpoint', () => {
  /** Answers the first bytes of a client with these, and closes; at once when it does not wait for them. */
  const answering = async (answer: Buffer | string, waits = true): Promise<number> => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (waits) socket.once('data', () => socket.end(answer));
      else socket.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  const errorAt = async (endpoint: string, tls?: EapiTls): Promise<unknown> => {
    const source = createEapiSource({ endpoint, tls, clock: systemClock, timeoutMs: 10_000 });
    onTestFinished(() => source.close());
    return source.collect(never).catch((error: unknown) => error);
  };
  const alert = (description: number): Buffer => Buffer.from([0x15, 3, 1, 0, 2, 2, description]);

  test.each([
    ['a TLS version that neither side accepts', alert(70), true, 'EAPI__TLS_PROTOCOL', /cannot agree on TLS: .*protocol version/],
    ['no common cipher', alert(40), true, 'EAPI__TLS_PROTOCOL', /cannot agree on TLS: .*handshake failure/],
    ['an internal error of its TLS', alert(80), true, 'EAPI__TLS_PROTOCOL', /cannot agree on TLS: .*internal error/],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n', false, 'EAPI__NOT_TLS', /does not speak TLS: /],
    ['an error of plain HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', true, 'EAPI__NOT_TLS', /does not speak TLS: /],
    ['a connection that is closed', '', true, 'EAPI__UNREACHABLE', /disconnected before secure TLS connection/],
  ])('behind https, %s has its own code', async (_, answer, waits, code, message) => {
    const error = await errorAt(`https://127.0.0.1:${await answering(answer, waits)}`, { kind: 'insecure' });
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('openssl/');
  });

  test.each([
    ['an alert of TLS', alert(70)],
    ['the answer of nginx to plain HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>'],
    ['an SSH server', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('behind http, %s has its own code', async (_, answer) => {
    expect(await errorAt(`http://127.0.0.1:${await answering(answer)}`)).toMatchObject({
      code: 'EAPI__NOT_HTTP',
      remedy: expect.stringContaining('write https://'),
    });
  });
});
