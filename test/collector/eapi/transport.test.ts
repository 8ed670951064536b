import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { createEapiSource } from '../../../src/collector/eapi/source.ts';
import { systemClock } from '../../../src/lib/index.ts';
import { collected } from '../source-contract.ts';
import { type EapiFixture, never, startEapiFixture } from './fixture.ts';

let fixture: EapiFixture | undefined;
afterEach(() => fixture?.end());

/** What a read of this endpoint comes to. */
async function readOf(endpoint: string): Promise<unknown> {
  const source = createEapiSource({ endpoint, clock: systemClock, timeoutMs: 10_000 });
  try {
    return await source.collect(never);
  } finally {
    await source.close();
  }
}

test('an endpoint without a listener is named with the system’s error, over TCP', async () => {
  const port = await closedPort();
  await expect(readOf(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
    code: 'EAPI__UNREACHABLE',
    message: `eAPI at http://127.0.0.1:${port} cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}`,
  });
});

test('an endpoint without a listener is named with the system’s error, at a Unix socket', async () => {
  await expect(readOf('unix:///nonexistent/command-api.sock')).rejects.toMatchObject({
    code: 'EAPI__UNREACHABLE',
    message: 'eAPI at unix:///nonexistent/command-api.sock cannot be reached: connect ENOENT /nonexistent/command-api.sock',
  });
});

test('creating a source opens nothing', async () => {
  fixture = await startEapiFixture();
  await fixture.source.close();
  expect(fixture.server.stats().connections).toBe(0);
});

test('an idle connection that the switch has ended is replaced without the poll noticing', async () => {
  fixture = await startEapiFixture();
  for (let poll = 0; poll < 3; poll += 1) {
    await fixture.source.collect(never);
    // The source hears of the end only after it has sent its next request.
    fixture.server.hangUp();
  }
  expect(fixture.server.stats().connections).toBe(3);
});

test('an answer beyond the limit is given up while it arrives', async () => {
  fixture = await startEapiFixture({}, () => ({ maxAnswerBytes: 200 }));
  await expect(fixture.source.collect(never)).rejects.toMatchObject({
    code: 'EAPI__TOO_LARGE',
    message: `eAPI response from ${fixture.url} is larger than 200 bytes`,
  });
});

test('an answer that breaks off is reported as incomplete, with its number of bytes', async () => {
  fixture = await startEapiFixture();
  fixture.faults.begin({ kind: 'cut' });
  await expect(fixture.source.collect(never)).rejects.toMatchObject({ code: 'EAPI__INCOMPLETE', context: { bytes: expect.any(Number) } });
});

test.each<[status: number, headers: Record<string, string>, body: string, message: string]>([
  [
    301,
    { location: 'https://dz1/command-api' },
    '<html></html>',
    'HTTP 301, a redirect to https://dz1/command-api, which the agent does not follow',
  ],
  [503, {}, 'eAPI is starting\n', 'HTTP 503: eAPI is starting'],
  [502, {}, '<html><title>502 Bad Gateway</title><body>x</body></html>', 'HTTP 502: 502 Bad Gateway'],
  [500, {}, '', 'HTTP 500'],
])('an answer with status %i is reported with the words of what answered', async (status, headers, body, message) => {
  const server = createHttpServer((_, response) => void response.writeHead(status, headers).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  await expect(readOf(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
    code: 'EAPI__HTTP_STATUS',
    message: `eAPI at http://127.0.0.1:${port} answered /command-api with ${message}`,
  });
});

test('a web page in place of an answer is reported as malformed, with its beginning', async () => {
  fixture = await startEapiFixture();
  fixture.faults.begin({ kind: 'garbage' });
  await expect(fixture.source.collect(never)).rejects.toMatchObject({
    code: 'EAPI__MALFORMED_JSON',
    message: `eAPI at ${fixture.url} returned malformed JSON at offset 0 (near <!DOCTYPE html><html><head><title>Sign i)`,
    remedy: expect.stringContaining('nothing between agent and switch rewrites the answer'),
  });
});

test('a switch that is slower than the timeout is reported with the timeout', async () => {
  fixture = await startEapiFixture({}, () => ({ timeoutMs: 60 }));
  fixture.faults.begin({ kind: 'slow', delayMs: 1_000 });
  await expect(fixture.source.collect(never)).rejects.toMatchObject({
    code: 'EAPI__TIMEOUT',
    message: `eAPI at ${fixture.url} did not answer within 60 ms`,
  });
});

test('an EOS that does not know timestamps is asked without them from then on, and its sessions have no age', async () => {
  fixture = await startEapiFixture({ eosQuirks: { knowsTimestamps: false } });
  for (let poll = 0; poll < 3; poll += 1) {
    expect(collected(await fixture.source.collect(never), 'vrf1').switchTime).toBeUndefined();
  }
  // One in vain, three polls, and the reason of the neighbor that is down.
  expect(fixture.server.stats().requests).toBe(5);
});

/** A loopback port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
