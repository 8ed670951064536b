import { createServer, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { epochMs, type MonotonicMs, monotonicMs } from '../../src/lib/index.ts';
import { probeStateIngest } from '../../src/snapshots/index.ts';
import { never } from './fixture.ts';

const NOON = Date.UTC(2026, 2, 1, 12);
const clock = { wall: () => epochMs(NOON), monotonic: (): MonotonicMs => monotonicMs(0) };

async function probe(listener: RequestListener, timeoutMs = 10_000) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return probeStateIngest({ url: `http://127.0.0.1:${port}/base`, timeoutMs, clock }, never).catch((error: unknown) =>
    error instanceof Error ? error.message.replaceAll(/:\d{2,}/g, ':PORT') : 'thrown',
  );
}

test('a probe reads the list below the base of a state-ingest server, and its clock', async () => {
  const paths: (string | undefined)[] = [];
  const found = await probe(({ url }, response) => {
    paths.push(url);
    response.setHeader('date', new Date(NOON + 60_000).toUTCString());
    response.end('{"show_commands":[{"kind":"ip-mroute","command":"show ip mroute"}]}');
  });
  expect(paths).toEqual(['/base/v1/state-to-collect']);
  expect(found).toMatchObject({ wanted: { items: [{ kind: 'ip-mroute' }], refused: [] }, latencyMs: 0, skewMs: 60_000 });
});

test.for<readonly [what: string, listener: RequestListener, problem: RegExp]>([
  ['another status', (_, response) => void response.writeHead(404).end(), /GET \/…\/v1\/state-to-collect.*HTTP 404/],
  ['not a list', (_, response) => void response.end('[1]'), /it is not a list of what to collect/],
  ['not JSON', (_, response) => void response.end('<html>'), /it is not a list of what to collect/],
  ['nothing in time', () => undefined, /no answer within 50 ms/],
])('a probe of a server whose answer is %s is an error', async ([what, listener, problem]) => {
  expect(await probe(listener, what === 'nothing in time' ? 50 : undefined)).toMatch(problem);
});
