import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { type BytesEvent, createMeteredRpc, type RequestEvent } from '../../src/agent/counts.ts';
import { createAgentEvents } from '../../src/agent/events.ts';
import { openAgent } from '../../src/agent/from-config.ts';
import { loadConfig } from '../../src/config/index.ts';
import { DeadlineExceeded, Stopped, systemClock } from '../../src/lib/index.ts';
import { parseEndpointUrl } from '../../src/rpc/index.ts';
import { temporaryFile } from '../config/temporary-files.ts';
import { DEVICE } from '../support/bgp-builders.ts';

/** An endpoint that answers each method by its own name, metered. */
async function fixture(atEnd: (stop: () => Promise<void>) => void) {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const { id, method } = JSON.parse(body);
      if (method === 'silence') return;
      if (method === 'trouble') response.writeHead(503);
      const error = method === 'refusal' ? { error: { code: -32_000, message: 'no' } } : { result: 1 };
      response.end(method === 'noise' ? '<html>' : JSON.stringify({ jsonrpc: '2.0', id, ...error }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = parseEndpointUrl(`http://127.0.0.1:${port}/a-secret-token`);
  const requests: RequestEvent[] = [];
  const bytes: BytesEvent[] = [];
  const rpc = createMeteredRpc(
    { url, clock: systemClock, connections: 1, maxWaiting: 8, timeoutMs: 10_000, maxResponseBytes: 1_000 },
    { request: (event) => requests.push(event), bytes: (event) => bytes.push(event) },
  );
  atEnd(async () => {
    await rpc.close();
    server.closeAllConnections();
    server.close();
  });
  const call = (method: string, signal = new AbortController().signal) => rpc.call({ method, params: [] }, signal);
  return { call, requests, bytes, name: `http://127.0.0.1:${port}/…` };
}

test('each request is reported when it has ended, with its result and without the secrets of its URL', async ({ onTestFinished }) => {
  const { call, requests, name } = await fixture(onTestFinished);
  for (const method of ['getSlot', 'refusal', 'trouble', 'noise']) await call(method);
  expect(requests.map(({ endpoint, method, result }) => [endpoint, method, result])).toEqual([
    [name, 'getSlot', 'ok'],
    [name, 'refusal', 'rpc-error'],
    [name, 'trouble', 'http-error'],
    [name, 'noise', 'garbled'],
  ]);
  expect(requests.every(({ durationMs }) => durationMs >= 0 && durationMs < 10_000)).toBe(true);
});

test('an aborted request is not reported; one past its deadline is reported as failed', async ({ onTestFinished }) => {
  const { call, requests } = await fixture(onTestFinished);
  for (const reason of [new Stopped('the agent stops'), new DeadlineExceeded(20)]) {
    const controller = new AbortController();
    const reply = call('silence', controller.signal);
    await systemClock.sleep(20);
    controller.abort(reason);
    await reply;
  }
  expect(requests.map(({ method, result }) => [method, result])).toEqual([['silence', 'failed']]);
});

test('the bytes of bodies are reported in both directions', async ({ onTestFinished }) => {
  const { call, bytes, name } = await fixture(onTestFinished);
  await call('getSlot');
  expect(bytes).toEqual([
    { endpoint: name, direction: 'sent', bytes: '{"jsonrpc":"2.0","id":1,"method":"getSlot","params":[]}'.length },
    { endpoint: name, direction: 'received', bytes: '{"jsonrpc":"2.0","id":1,"result":1}'.length },
  ]);
});

test('an opened agent counts the requests of each endpoint and the drops of each source and trigger', async () => {
  const file = temporaryFile(`env: localnet
device: ${DEVICE}
ledger: { rpcUrls: ["http://192.0.2.1/a-token", "http://192.0.2.1/another"] }
collector:
  sources:
    - { type: eapi, url: "grpc://127.0.0.1:9543" }
    - { type: snmp, host: 192.0.2.1, community: public }
    - { type: sockets }
  wakeUps:
    - { type: bgp-watch }
    - { type: snmp-traps, community: public }
`);
  const agent = await openAgent({
    config: loadConfig({ file, environment: {} }).config,
    warn: () => undefined,
    reporter: createAgentEvents().reporter,
  });
  const none = { requests: 0, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0 };
  expect(agent.counts()).toEqual({
    endpoints: [
      { endpoint: 'http://192.0.2.1/… #1', ...none },
      { endpoint: 'http://192.0.2.1/… #2', ...none },
    ],
    dropCounters: [
      { part: 'eapi', counts: { controlCharacters: 0, duplicateKeys: 0 } },
      { part: 'snmp', counts: { wrongSource: 0, malformed: 0, unasked: 0 } },
      { part: 'sockets', counts: { duplicates: 0 } },
      { part: 'snmp-traps', counts: { unrelated: 0, wrongSource: 0, malformed: 0, refused: 0, shed: 0 } },
    ],
  });
  await agent.stop();
});
