import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { SimulatedEapiOptions } from '../../../localnet/switch/index.ts';
import { createEapiShowRunner, type EapiShowRunnerOptions } from '../../../src/collector/eapi/source.ts';
import type { ShowRunner } from '../../../src/collector/index.ts';
import { never, startEapiFixture, USER } from './fixture.ts';

async function fixtureWithRunner(server: Partial<SimulatedEapiOptions> = {}, options: Partial<EapiShowRunnerOptions> = {}) {
  const fixture = await startEapiFixture(server);
  onTestFinished(() => fixture.end());
  return { ...fixture, runner: runnerAt(fixture.url, options) };
}

function runnerAt(endpoint: string, options: Partial<EapiShowRunnerOptions> = {}): ShowRunner {
  const runner = createEapiShowRunner({ endpoint, timeoutMs: 10_000, maxAnswerBytes: 1 << 20, ...options });
  onTestFinished(() => runner.close());
  return runner;
}

/** A server that answers every request with these bytes. */
async function answering(body: Buffer): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.closeAllConnections() ?? server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const framed = (result: string): Buffer => Buffer.from(`{"jsonrpc":"2.0","id":"dzd-telemetry-1","result":[${result}]}`, 'latin1');

test('a show command is answered without the switch’s time in it', async () => {
  const { runner } = await fixtureWithRunner();
  expect(JSON.parse(Buffer.from(await runner.run('show hostname', never)).toString())).toEqual({ hostname: 'dz1', fqdn: 'dz1' });
});

test('a show command is answered byte for byte, numbers beyond 2^53 included', async () => {
  const text = '{ "octets": 18446744073709551615,"rate":1.10 }';
  const runner = runnerAt(await answering(framed(text)));
  expect(Buffer.from(await runner.run('show interfaces', never)).toString()).toBe(text);
});

test('a show command with a raw tab in a text is answered as JSON, with the tab escaped and everything else as it was', async () => {
  const runner = runnerAt(await answering(framed('{ "octets": 18446744073709551615, "description": "fabric\tpeer" }')));
  const text = Buffer.from(await runner.run('show interfaces', never)).toString();
  expect(text).toBe('{ "octets": 18446744073709551615, "description": "fabric\\u0009peer" }');
});

test('a show command logs in by itself, and out again', async () => {
  const { runner, server } = await fixtureWithRunner({ credentials: USER }, { credentials: { ...USER, login: 'session' } });
  await runner.run('show hostname', never);
  expect(server.openSessions()).toBe(1);
  await runner.close();
  expect(server.openSessions()).toBe(0);
  await expect(runner.run('show hostname', never)).rejects.toThrow('are closed');
});

test('a show command that answers with text that is JSON is answered all the same', async () => {
  const { runner } = await fixtureWithRunner({ eosQuirks: { resultsAsText: true } });
  expect(JSON.parse(Buffer.from(await runner.run('show hostname', never)).toString())).toEqual({ hostname: 'dz1', fqdn: 'dz1' });
});

test.for([
  ['show nonsense', 'EAPI__COMMAND_INVALID'],
  ['show tech-support', 'EAPI__COMMAND_UNCONVERTED'],
] as const)('a show command that fails, as %s, is the error that the switch reports', async ([command, code]) => {
  const { runner } = await fixtureWithRunner();
  await expect(runner.run(command, never)).rejects.toMatchObject({ code });
});

test.for([
  ['data next to errors', framed('{"a":1,"errors":["half of it"]}'), 'EAPI__COMMAND_FAILED'],
  ['no JSON', framed('{"a":nope}'), 'EAPI__MALFORMED_JSON'],
  ['half of an object', framed('{"a":1').subarray(0, -2), 'EAPI__MALFORMED_JSON'],
  ['what is not UTF-8', framed('{"a":"\xff"}'), 'EAPI__MALFORMED'],
  ['more than the bound', framed(`{"a":"${'x'.repeat(50_000_000)}"}`), 'EAPI__TOO_LARGE'],
] as const)('a show command answered with %s is refused', async ([, body, code]) => {
  const runner = runnerAt(await answering(body));
  await expect(runner.run('show interfaces', never)).rejects.toMatchObject({ code });
});

test('a show command that takes too long is given up', async () => {
  const { runner, faults } = await fixtureWithRunner({}, { timeoutMs: 50 });
  faults.begin({ kind: 'hang' });
  await expect(runner.run('show hostname', never)).rejects.toMatchObject({ code: 'EAPI__TIMEOUT' });
});
