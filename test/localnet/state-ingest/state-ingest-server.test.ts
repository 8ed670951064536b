import { createHash } from 'node:crypto';
import bs58 from 'bs58';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLocalnet } from '../../../localnet/index.ts';
import { createStateIngestServer } from '../../../localnet/state-ingest.ts';
import { epochMs, systemClock } from '../../../src/lib/index.ts';
import { addressOf } from '../../../src/serviceability/index.ts';
import { createStateIngest } from '../../../src/snapshots/index.ts';
import { makeSnapshot } from '../../../src/snapshots/snapshot.ts';
import { signerNumber } from '../../support/agent-fixture.ts';

const NOON = epochMs(Date.UTC(2026, 2, 1, 12, 0, 0));
const DEVICE = addressOf(Buffer.alloc(32, 42));
const OTHER_DEVICE = addressOf(Buffer.alloc(32, 43));
const PUBLISHER = signerNumber(7);
const PATH = '/v1/snapshots/upload-url';
const BYTES = '{"metadata":{},"data":{}}';
const HASH = createHash('sha256').update(BYTES).digest('hex');

async function start() {
  const server = createStateIngestServer({
    publisherOf: (device) => (device === DEVICE ? PUBLISHER.address : undefined),
    clock: { wall: () => NOON },
  });
  const { url } = await server.start();
  onTestFinished(() => server.stop());
  return { ...server, url };
}

interface Asking {
  readonly fields?: Record<string, unknown>;
  readonly body?: string;
  readonly timestamp?: string;
  readonly device?: string;
  readonly headers?: Record<string, string | undefined>;
  /** What is signed, where that is not what is sent. */
  readonly signed?: string;
}

/** A request as a client of the protocol would write it down, or nearly so. */
async function ask(
  url: string,
  { fields = {}, device = DEVICE, timestamp = '2026-03-01T12:00:00Z', headers = {}, signed, ...rest }: Asking = {},
) {
  const all = { device_pubkey: DEVICE, snapshot_timestamp: '2026-03-01T11:59:58Z', snapshot_sha256: HASH, kind: 'ip-mroute', ...fields };
  const body = rest.body ?? JSON.stringify(all);
  const hash = createHash('sha256').update(body).digest('hex');
  const text = signed ?? `DOUBLEZERO_V1\nmethod:POST\npath:${PATH}\ntimestamp:${timestamp}\nbody-sha256:${hash}\n`;
  const signature = bs58.encode(PUBLISHER.sign(Buffer.from(text)));
  const given = { 'x-dz-device': device, 'x-dz-timestamp': timestamp, 'x-dz-signature': signature, ...headers };
  const sent = Object.entries(given).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]));
  return fetch(`${url}${PATH}`, { method: 'POST', body, headers: sent });
}

interface Given {
  readonly upload: { readonly url: string; readonly method: string; readonly headers: Record<string, string[]> };
}

describe('state-ingest server', () => {
  test('the state-ingest server gives a URL to the key that signs as the metrics publisher of the device, and keeps what is put there', async () => {
    const server = await start();
    const reply = await ask(server.url);
    const s3Key = `snapshots/ip-mroute/device=${DEVICE}/date=2026-03-01/hour=11/20260301T115958Z.json`;
    const answer = (await reply.json()) as Given;
    expect([reply.status, answer]).toEqual([
      200,
      {
        status: 'ok',
        s3_key: s3Key,
        upload: { method: 'PUT', url: expect.any(String), headers: { 'Content-Type': ['application/json'] } },
      },
    ]);
    const put = await fetch(answer.upload.url, { method: 'PUT', body: BYTES, headers: { 'content-type': 'application/json' } });
    expect(put.status).toBe(200);
    const fields = { device: DEVICE, kind: 'ip-mroute', timestamp: '2026-03-01T11:59:58Z', sha256: HASH };
    expect(server.snapshots()).toEqual([{ ...fields, s3Key, bytes: Buffer.from(BYTES), hashMatches: true }]);
  });

  const refusals: readonly [string, Asking, number, string][] = [
    ['no device', { headers: { 'x-dz-device': undefined } }, 401, 'missing auth headers'],
    ['no timestamp', { headers: { 'x-dz-timestamp': undefined } }, 401, 'missing auth headers'],
    ['no signature', { headers: { 'x-dz-signature': '' } }, 401, 'missing auth headers'],
    ['a timestamp in another form', { timestamp: '1772366400' }, 401, 'invalid timestamp'],
    ['a timestamp of 5 min 1 s ago', { timestamp: '2026-03-01T11:54:59Z' }, 401, 'timestamp outside acceptable window'],
    ['a timestamp in 5 min 1 s', { timestamp: '2026-03-01T12:05:01Z' }, 401, 'timestamp outside acceptable window'],
    ['a device that is not on the ledger', { device: OTHER_DEVICE }, 401, 'device not authorized'],
    ['a device that is none', { device: 'me' }, 401, 'device not authorized'],
    ['a signature that is not base58', { headers: { 'x-dz-signature': '0OIl' } }, 401, 'invalid signature encoding'],
    [
      'a signature that is too short',
      { headers: { 'x-dz-signature': bs58.encode(Buffer.alloc(63, 1)) } },
      401,
      'invalid signature encoding',
    ],
    ['a signature of another text', { signed: 'DOUBLEZERO_V1\n' }, 401, 'invalid signature'],
    ['a body that is not JSON', { body: '{' }, 400, 'invalid json'],
    ['another device in its body', { fields: { device_pubkey: OTHER_DEVICE } }, 401, 'device pubkey mismatch'],
    ['no device in its body', { fields: { device_pubkey: undefined } }, 401, 'device pubkey mismatch'],
    ['no kind', { fields: { kind: '' } }, 400, 'missing fields'],
    ['no hash', { fields: { snapshot_sha256: undefined } }, 400, 'missing fields'],
    ['half a hash', { fields: { snapshot_sha256: HASH.slice(32) } }, 400, 'invalid snapshot_sha256'],
    ['a number as its kind', { fields: { kind: 1 } }, 400, 'invalid json'],
    ['a kind that was not requested', { fields: { kind: 'running-config' } }, 400, 'invalid kind'],
    ['a time in another form', { fields: { snapshot_timestamp: 'now' } }, 400, 'invalid snapshot_timestamp (expect RFC3339)'],
    ['more than a megabyte', { body: ' '.repeat((1 << 20) + 1) }, 413, 'request body too large'],
  ];
  test.for(refusals)('the state-ingest server refuses a request with %s', async ([, asking, status, error]) => {
    const { url, snapshots } = await start();
    const reply = await ask(url, asking);
    expect([reply.status, await reply.json()]).toEqual([status, { error, code: status }]);
    expect(snapshots()).toEqual([]);
  });

  test('the state-ingest server puts everybody off while it does not know the ledger', async () => {
    const { url, set, clearFaults } = await start();
    set({ ready: false });
    const reply = await ask(url);
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '60']);
    clearFaults();
    expect((await ask(url)).status).toBe(200);
  });

  test.for([
    ['POST', '/v1/state-to-collect', 405, 'GET'],
    ['GET', PATH, 405, 'POST'],
    ['GET', '/bucket/x', 405, 'PUT'],
    ['GET', '/', 404, null],
  ] as const)('the state-ingest server answers %s %s with %d', async ([method, path, status, allow]) => {
    const { url } = await start();
    const reply = await fetch(`${url}${path}`, { method });
    expect([reply.status, reply.headers.get('allow')]).toEqual([status, allow]);
  });

  test.for([
    ['without a signature', (url: string) => url.replace(/\?.*/, ''), 'application/json'],
    ['under another name', (url: string) => url.replace('ip-mroute', 'ip-other'), 'application/json'],
    ['as another type', (url: string) => url, 'text/plain'],
  ] as const)('the state-ingest server refuses an upload %s', async ([, change, type]) => {
    const { url, snapshots } = await start();
    const { upload } = (await (await ask(url)).json()) as Given;
    const put = await fetch(change(upload.url), { method: 'PUT', body: BYTES, headers: { 'content-type': type } });
    expect(put.status).toBe(403);
    expect(snapshots()).toEqual([]);
  });

  test('the state-ingest server refuses bytes other than the announced ones', async () => {
    const { url, snapshots } = await start();
    const { upload } = (await (await ask(url)).json()) as Given;
    await fetch(upload.url, { method: 'PUT', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(snapshots().map(({ hashMatches }) => hashMatches)).toEqual([false]);
  });
});

test('a localnet has one when it is given a port, and it knows the publisher of the device', async () => {
  const localnet = createLocalnet({ users: 0, publisher: PUBLISHER.address, stateIngestPort: 0 });
  onTestFinished(() => localnet.stop());
  const { stateIngestUrl = '' } = await localnet.start();
  const sink = createStateIngest({
    url: stateIngestUrl,
    device: localnet.device,
    signer: PUBLISHER,
    timeoutMs: 10_000,
    clock: systemClock,
  });
  onTestFinished(() => sink.close());
  const { signal } = new AbortController();
  await sink.store(
    makeSnapshot({ kind: 'ip-mroute', device: localnet.device, takenAt: systemClock.wall(), data: Buffer.from('{}') }),
    signal,
  );
  expect(localnet.stateIngest.snapshots().map(({ device, hashMatches }) => [device, hashMatches])).toEqual([[localnet.device, true]]);
});
