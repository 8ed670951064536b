import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DEFAULT_KINDS, type StateIngestFaults } from '../../localnet/state-ingest.ts';
import { makeSnapshot } from '../../src/snapshots/snapshot.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { DEVICE, ingestAt, NOON, never, PUBLISHER, startServer } from './fixture.ts';

const snapshotOf = (kind: string, data: string) => makeSnapshot({ kind, device: DEVICE, takenAt: NOON, data: Buffer.from(data) });

/** The message of what storing a snapshot is refused with. */
async function refusalWith(faults: Partial<StateIngestFaults>): Promise<string> {
  const server = await startServer();
  server.set(faults);
  const error: unknown = await ingestAt(server.url)
    .store(await snapshotOf('ip-mroute', '{}'), never)
    .catch((thrown: unknown) => thrown);
  expect(server.snapshots()).toEqual([]);
  return error instanceof Error ? error.message.replaceAll(new URL(server.url).host, 'SERVER') : 'stored';
}

describe('a state-ingest server', () => {
  test('a state-ingest server lists what to collect', async () => {
    const { url } = await startServer();
    const { items, refused } = await ingestAt(url).wanted(never);
    expect(items.map(({ kind }) => kind)).toEqual(['bgp-sockets', ...DEFAULT_KINDS]);
    expect(items[1]).toEqual({ type: 'show', kind: 'snmp-mib-ifmib-ifindex', command: 'show snmp mib ifmib ifindex' });
    expect(items.at(-1)).toMatchObject({ command: 'show ip msdp sa-cache rejected' });
    expect(refused).toEqual([]);
  });

  test('a snapshot is uploaded byte for byte to the URL and with the headers of the state-ingest server', async () => {
    const server = await startServer();
    await ingestAt(server.url).store(await snapshotOf('ip-mroute', '{"octets": 18446744073709551615}'), never);
    const bytes = `{"metadata":{"kind":"ip-mroute","timestamp":"2026-03-01T12:34:56Z","device":"${DEVICE}"},"data":{"octets": 18446744073709551615}}`;
    expect(server.snapshots()).toEqual([
      {
        device: DEVICE,
        kind: 'ip-mroute',
        timestamp: '2026-03-01T12:34:56Z',
        sha256: createHash('sha256').update(bytes).digest('hex'),
        s3Key: `snapshots/ip-mroute/device=${DEVICE}/date=2026-03-01/hour=12/20260301T123456Z.json`,
        bytes: Buffer.from(bytes),
        hashMatches: true,
      },
    ]);
    expect([...server.requests()]).toEqual([
      ['POST /v1/snapshots/upload-url', 1],
      ['PUT /bucket/', 1],
    ]);
  });

  test('a state-ingest server may have a base path', async () => {
    const server = await startServer();
    server.set({ answer: ({ path }) => (path === '/ingest/v1/state-to-collect' ? { status: 200, body: '{}' } : { status: 404 }) });
    expect(await ingestAt(`${server.url}/ingest`).wanted(never)).toEqual({ items: [], refused: [] });
    await expect(ingestAt(`${server.url}/4f3e2d1c`).wanted(never)).rejects.toThrow('GET /…/v1/state-to-collect');
    server.set({ answer: () => ({ status: 200, body: '[]' }) });
    await expect(ingestAt(`${server.url}/4f3e2d1c`).wanted(never)).rejects.toThrow('GET /…/v1/state-to-collect');
  });

  test('a state-ingest server that does not know our key is an error', async () => {
    const server = await startServer();
    const foreign = signerNumber(8);
    const storing = ingestAt(server.url, { wall: () => NOON }, foreign).store(await snapshotOf('ip-mroute', '{}'), never);
    await expect(storing).rejects.toThrow(
      `the state-ingest server ${new URL(server.url).host} refuses the signature of ${foreign.address} for device ${DEVICE}: invalid signature`,
    );
  });

  test.for([
    [6 * 60_000 + 1_000, '6 min behind'],
    [-3 * 3_600_000, '3 h ahead of'],
    [400 * 86_400_000, '400 days behind'],
  ] as const)('a state-ingest server whose clock is %d ms off is an error with the difference: %s', async ([clockOffsetMs, words]) => {
    expect(await refusalWith({ clockOffsetMs })).toBe(
      `the clock of this host is ${words} the one of the state-ingest server SERVER, which accepts 5 min`,
    );
  });

  test('a state-ingest server whose clock is 4 min off accepts the snapshot', async () => {
    const server = await startServer();
    server.set({ clockOffsetMs: 4 * 60_000 });
    await ingestAt(server.url).store(await snapshotOf('ip-mroute', '{}'), never);
    expect(server.snapshots()).toHaveLength(1);
  });

  const busy = (headers: Record<string, string>) => ({ answer: () => ({ status: 503, headers }) });
  test.for([
    ['while it is not ready', { ready: false }, 60],
    ['for five seconds', busy({ 'retry-after': '5' }), 5],
    ['until a date, by its own clock', { ...busy({ 'retry-after': 'Sun, 01 Mar 2026 13:35:16 GMT' }), clockOffsetMs: 3_600_000 }, 20],
    ['for no time', busy({ 'retry-after': '0' }), 1],
    ['for years', busy({ 'retry-after': '999999999' }), 900],
    ['without saying how long', busy({}), 60],
    ['in words', busy({ 'retry-after': 'soon' }), 60],
  ] as const)('a state-ingest server that is busy %s gets the next request then', async ([, faults, seconds]) => {
    expect(await refusalWith(faults)).toBe(`the state-ingest server SERVER is busy (HTTP 503); the next attempt is in ${seconds} s`);
  });

  const answering = (path: string, status: number, body?: string, headers?: Record<string, string>): Partial<StateIngestFaults> => ({
    answer: (request) =>
      request.path.startsWith(path)
        ? { status, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) }
        : undefined,
  });
  const POST = '/v1/snapshots/upload-url';
  test.for([
    ['401', answering(POST, 401, '{"error":"device not authorized","code":401}'), `device not authorized`],
    ['401 without words', answering(POST, 401, '<html>'), 'no reason given'],
    ['413', answering(POST, 413), 'does not take it: HTTP 413'],
    ['500', answering(POST, 500, '{"error":"failed to create upload url"}'), 'with HTTP 500: failed to create upload url'],
    ['a redirect', answering(POST, 307, undefined, { location: 'http://127.0.0.1:1/' }), 'it redirects, which is not followed'],
    ['a page', answering(POST, 200, '<html>'), 'it is not JSON'],
    ['another form', answering(POST, 200, '{"status":"ok"}'), 'it names no upload'],
    ['two megabytes', answering(POST, 200, `"${'x'.repeat(2 << 20)}"`), 'the answer has more than 1048576 bytes'],
    ['413 at the bucket', answering('/bucket/', 413), 'does not take it: HTTP 413'],
    ['403 at the bucket', answering('/bucket/', 403), 'could not be uploaded to SERVER: HTTP 403'],
    [
      'a redirect at the bucket',
      answering('/bucket/', 307, undefined, { location: 'http://127.0.0.1:1/' }),
      'it redirects (HTTP 307), which is not followed',
    ],
  ] as const)('a state-ingest server that answers with %s is an error in one line', async ([, faults, words]) => {
    const message = await refusalWith(faults);
    expect(message).toContain(words);
    expect(message).not.toContain('\n');
  });

  test.for([
    ['another scheme', 'ftp://127.0.0.1/x', 'its upload URL has the scheme ftp://'],
    ['a file', 'file:///etc/passwd', 'its upload URL has the scheme file://'],
    ['no URL', 'over there', 'its upload URL is invalid'],
    ['credentials', 'https://user:secret@127.0.0.1/x', 'its upload URL contains credentials'],
  ] as const)('an upload URL with %s is refused', async ([, url, words]) => {
    expect(await refusalWith({ uploadUrl: () => url })).toBe(`the snapshot of ip-mroute is not uploaded to SERVER: ${words}`);
  });

  test('a state-ingest server that cannot be reached is named, without the secret parts of its URL', async () => {
    const sink = ingestAt('http://127.0.0.1:1/token-in-a-path');
    await expect(sink.wanted(never)).rejects.toThrow(
      'the state-ingest server 127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
    );
  });

  test('a state-ingest server that never answers is given up', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise((resolve) => server.closeAllConnections() ?? server.close(() => resolve())));
    const { createStateIngest } = await import('../../src/snapshots/index.ts');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sink = createStateIngest({ url, device: DEVICE, signer: PUBLISHER, timeoutMs: 50, clock: { wall: () => NOON } });
    onTestFinished(() => sink.close());
    await expect(sink.wanted(never)).rejects.toThrow('cannot be reached: no answer within 50 ms');
  });
});
