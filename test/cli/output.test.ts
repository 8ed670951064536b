import { describe, expect, test } from 'vitest';
import { createAbortController, Stopped, systemClock } from '../../src/lib/index.ts';
import { expectDocumented } from '../support/documented-output.ts';
import { commandFixture, jsonLines, shareFixture } from './command-fixture.ts';

describe.concurrent('the schemas in docs/schemas', () => {
  const shared = shareFixture(() => commandFixture({}, { program: 'rfc11' }));

  test('a running agent that writes answers as the schemas of /status.json and /debug/users say', async () => {
    await using at = await commandFixture();
    const life = createAbortController();
    let log = '';
    const running = at.run(['run'], life.signal, (text) => {
      log += text;
    });
    while (!/status written/.test(log)) await systemClock.sleep(20);
    at.localnet.switchFaults.begin({ kind: 'refuse' });
    const { origin } = new URL(/http:\/\/127\.0\.0\.1:\d+\/status/.exec(log)?.[0] ?? expect.fail(log));
    const read = async (path: string): Promise<string> => await (await fetch(`${origin}${path}`)).text();
    let status = await read('/status.json');
    while (JSON.parse(status).findings.length === 0) {
      await systemClock.sleep(50);
      status = await read('/status.json');
    }
    const user = await read(`/debug/users/${at.users[0]}`);
    life.abort(new Stopped('the test is over'));
    await running;
    expectDocumented('status-json', status);
    expectDocumented('debug-user', user);
    const known = JSON.parse(status);
    expect(known).toMatchObject({ users: { length: 3 }, transactions: { landed: 1 }, findings: [{ severity: expect.any(String) }] });
    for (const more of [
      { ...known, more: 1 },
      { ...known, users: [{ ...known.users[0], more: 1 }] },
      { ...known, lastTick: {} },
    ])
      expect(() => expectDocumented('status-json', JSON.stringify(more))).toThrow('docs/schemas/status-json.schema.json refuses');
  });

  test.for([
    ['run', ['run', '--dry-run', '--once', '--output', 'json'], 'intent'],
    ['check', ['check', '--output', 'json'], 'summary'],
    ['status', ['status', '--columns', 'tenant,dz-ip,access-pass', '--output', 'json'], 'summary'],
    ['explain', ['explain', '500', '--fresh', '--output', 'json'], undefined],
    ['history', ['history', '--output', 'json'], 'summary'],
    ['resources', ['resources', 'show', '--output', 'json'], 'summary'],
    ['resources', ['resources', 'audit', '--output', 'json'], 'summary'],
  ] as const)('%s.schema.json has every key of %j, and refuses another', async ([name, [command, ...args], last]) => {
    const at = shared();
    const { stdout } = await at.run([command, ...args]);
    const lines = jsonLines(stdout).map(Object);
    expect(lines.at(-1)?.event).toBe(last);
    expectDocumented(name, stdout);
    for (const line of lines) expect(() => expectDocumented(name, JSON.stringify({ ...line, more: 1 }))).toThrow('refuses');
  });
});
