import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tarOf } from '../../src/cli/support.ts';
import { loadConfig, settingTree, shareable } from '../../src/config/index.ts';
import { createAbortController, Stopped, systemClock } from '../../src/lib/index.ts';
import { RecentLines } from '../../src/observability/index.ts';
import { temporaryFile } from '../config/temporary-files.ts';
import { type CommandFixture, commandFixture } from './command-fixture.ts';

/** The files of a bundle, unpacked by the system's tar. */
function unpack(archive: Uint8Array, { newFolder }: Pick<CommandFixture, 'newFolder'>) {
  const folder = newFolder();
  const { status, stderr } = spawnSync('tar', ['-xzf', '-', '-C', folder], { input: archive });
  expect([status, stderr.toString()]).toEqual([0, '']);
  return (name: string): string => readFileSync(join(folder, 'dzd-telemetry-support', name), 'utf8');
}

describe.concurrent('the bundle', () => {
  test('support packs version, configuration, status, metrics, log and check of the running agent', async () => {
    await using at = await commandFixture();
    const life = createAbortController();
    let log = '';
    const running = at.run(['run'], life.signal, (text) => {
      log += text;
    });
    while (!/status written/.test(log)) await systemClock.sleep(20);
    const host = /http:\/\/(127\.0\.0\.1:\d+)\/status/.exec(log)?.[1] ?? expect.fail(log);
    const { exitCode, stdout, stderr, bytes } = await at.run(['support', '--http.listen', host]);
    life.abort(new Stopped('the test is over'));
    await running;
    const read = unpack(bytes, at);
    expect([exitCode, stdout, stderr, read('missing.txt')]).toEqual([0, '', '', '']);
    expect(JSON.parse(read('version.json'))).toMatchObject({ version: '1.2.3', node: process.versions.node, platform: 'linux' });
    expect(JSON.parse(read('config.json'))).toMatchObject({
      file: join(at.folder, 'config.yaml'),
      settings: {
        env: 'localnet',
        device: at.localnet.device,
        collector: { interval: '5s', sources: [{ type: 'eapi', url: at.addresses.eapiUrl }] },
      },
    });
    expect(JSON.parse(read('status.json'))).toMatchObject({ device: at.localnet.device, users: { length: 3 } });
    expect(read('metrics.txt')).toContain('dzd_telemetry_');
    expect(read('log.txt').split('\n')[0]).toBe(log.split('\n')[0]);
    expect(read('check.txt')).toMatch(/^ok +configuration: [\s\S]*\nexit code 0\n$/);
  });

  test('support without an agent names what is missing, and packs the rest', async () => {
    await using at = await commandFixture({ http: { listen: '127.0.0.1:1' } });
    const { exitCode, stderr, bytes } = await at.run(['support']);
    const read = unpack(bytes, at);
    expect([exitCode, read('missing.txt')]).toEqual([
      0,
      expect.stringMatching(/^status\.json: no agent answers at 127\.0\.0\.1:1 .*\nmetrics\.txt: no agent answers/),
    ]);
    expect(stderr).toContain('dzd-telemetry: not in the bundle: status.json: no agent answers at 127.0.0.1:1');
    expect(read('check.txt')).toContain('instruction');
  });

  test('support packs what it can of a configuration that is invalid', async () => {
    await using at = await commandFixture({ policy: { downGrace: 5 } });
    const read = unpack((await at.run(['support'])).bytes, at);
    expect(read('missing.txt')).toMatch(/^config\.json: .*policy\.downGrace: /);
    expect(read('check.txt')).toMatch(/policy\.downGrace[\s\S]*\nexit code 2\n$/);
  });

  test('support refuses to write bytes to a terminal', async () => {
    await using at = await commandFixture();
    const { exitCode, stderr, bytes } = await at.run(['support'], undefined, undefined, undefined, {
      stdout: { isTerminal: true, writeBytes: undefined },
    });
    expect([exitCode, bytes.length, stderr]).toEqual([
      2,
      0,
      expect.stringContaining('redirect it, as in `dzd-telemetry support > bundle.tar.gz`'),
    ]);
  });
});

test('an archive is one that tar lists, whatever the length of its files', async () => {
  const lengths = [0, 1, 511, 512, 513, 1_024, 70_000];
  const archive = tarOf(
    lengths.map((length) => ({ name: `a/${length}`, content: 'ä'.repeat(length / 2).padEnd(length % 2, 'x') })),
    1_790_000_000,
  );
  const { status, stdout } = spawnSync('tar', ['--utc', '-tvf', '-'], { input: archive });
  const listed = stdout.toString().trim().split('\n');
  expect([status, archive.length % 512, listed.length]).toEqual([0, 0, lengths.length]);
  expect(listed[5]).toMatch(/^-rw------- 0\/0 +1024 2026-09-21 14:13 a\/1024$/);
});

describe('a configuration to share', () => {
  const shared = (settings: object) => {
    const file = temporaryFile(JSON.stringify({ env: 'localnet', device: '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q', ...settings }));
    const { config } = loadConfig({ file, environment: {} });
    return shareable(settingTree(), config) as { ledger: object; collector: { sources: unknown }; http: unknown };
  };

  test('secrets are hidden, and addresses are cut to their origin', () => {
    const { ledger, collector, http } = shared({
      ledger: { rpcUrls: ['https://user:word@rpc.example/v2/token?api-key=1', 'https://plain.example'] },
      collector: {
        sources: [
          { type: 'snmp', host: 'sw', community: 'geheim' },
          { type: 'eapi', url: 'unix:///var/run/command-api.sock' },
        ],
      },
      http: { listen: '[::1]:50100' },
    });
    expect(ledger).toMatchObject({ rpcUrls: ['https://rpc.example/(hidden)', 'https://plain.example'], requestTimeout: '10s' });
    expect(collector.sources).toMatchObject([
      { type: 'snmp', host: 'sw', community: '(hidden)' },
      { type: 'eapi', url: 'unix:///var/run/command-api.sock' },
    ]);
    expect(http).toMatchObject({ enabled: true, listen: '[::1]:50100' });
  });

  test('what the schema does not know is left out', () => {
    const value = { env: 'localnet', extra: 'geheim', log: { level: 'info', token: 'geheim' }, device: { nested: 'geheim' } };
    expect(shareable(settingTree(), value)).toEqual({ env: 'localnet', log: { level: 'info' }, device: '(hidden)' });
  });
});

test('the newest lines of a log are kept, 1,000 at most and a million characters', () => {
  const recent = new RecentLines();
  for (let line = 0; line < 2_500; line += 1) recent.push(`${line}\n`);
  expect(recent.text().split('\n').slice(0, 2)).toEqual(['1500', '1501']);
  for (let line = 0; line < 300; line += 1) recent.push('x'.repeat(100_000));
  expect([recent.text().length <= 1_000_000, recent.text().includes('1500\n')]).toEqual([true, false]);
});
