import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createLocalnet, type LocalnetOptions } from '../../localnet/index.ts';
import { createEapiSource } from '../../src/collector/eapi/source.ts';
import { systemClock } from '../../src/lib/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { selfSigned } from '../support/self-signed.ts';

const never = new AbortController().signal;

async function startLocalnet(options: Partial<LocalnetOptions>, atEnd: (stop: () => Promise<void>) => void) {
  const localnet = createLocalnet({ users: 2, publisher: signerNumber(7).address, ...options });
  atEnd(() => localnet.stop());
  return localnet.start();
}

test('every protocol of the switch shows the same neighbors', async ({ onTestFinished }) => {
  const { eapiUrl, eapiSocket, grpc } = await startLocalnet({}, onTestFinished);
  const seen: string[][] = [];
  for (const endpoint of [eapiUrl, `unix://${eapiSocket}`, `grpc://${grpc.host}:${grpc.port}`]) {
    const source = createEapiSource({ endpoint, clock: systemClock, timeoutMs: 10_000 });
    const { vrfs } = await source.collect(never);
    await source.close();
    seen.push(
      [...vrfs].flatMap(([vrf, reading]) => (reading.kind === 'failed' ? [] : [...reading.neighbors.keys()].map((at) => `${vrf} ${at}`))),
    );
  }
  expect(seen[0]).toContain('vrf1 169.254.0.1');
  expect([seen[1], seen[2]]).toEqual([seen[0], seen[0]]);
});

test('with a certificate the eAPI uses HTTPS', async ({ onTestFinished }) => {
  const tls = selfSigned(['127.0.0.1']);
  const { eapiUrl } = await startLocalnet({ eapiTls: tls }, onTestFinished);
  const sha256 = new X509Certificate(tls.cert).fingerprint256;
  const source = createEapiSource({ endpoint: eapiUrl, tls: { kind: 'fingerprint', sha256 }, clock: systemClock, timeoutMs: 10_000 });
  onTestFinished(() => source.close());
  expect(eapiUrl).toMatch(/^https:/);
  expect((await source.collect(never)).vrfs.get('vrf1')?.kind).toBe('collected');
});
