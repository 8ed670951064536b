import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AgentConfig, keepUntilRestart, loadConfig, plainSettings, settingTree } from '../../src/config/index.ts';
import { temporaryFolder } from './temporary-files.ts';

const DEVICE = '11111111111111111111111111111112';
const OTHER = '11111111111111111111111111111113';

function configOf(settings: Readonly<Record<string, unknown>> = {}): AgentConfig {
  const file = join(temporaryFolder(), 'config.yaml');
  writeFileSync(file, JSON.stringify({ env: 'localnet', device: DEVICE, ...settings }));
  return loadConfig({ file, environment: {} }).config;
}

test('a reload applies the settings of reading, deciding and writing', () => {
  const read = configOf({
    collector: { interval: '9s' },
    policy: { downGrace: '9s' },
    ledger: { viewMaxAge: '9s' },
    worker: { minBalance: 5 },
  });
  expect(keepUntilRestart(configOf(), read)).toEqual({ config: read, waiting: [] });
});

test('a reload keeps key, device, log and http, and names the changed ones', () => {
  const running = configOf({ http: { listen: '127.0.0.1:1' } });
  const read = configOf({
    device: OTHER,
    keypair: '/k',
    http: { listen: '127.0.0.1:2' },
    log: { level: 'debug' },
    collector: { interval: '9s' },
  });
  const { config, waiting } = keepUntilRestart(running, read);
  expect(waiting).toEqual(['device', 'keypair', 'http.listen', 'log.level']);
  expect(config).toEqual({ ...running, collector: read.collector });
});

test('a reload keeps the key when the new configuration has none', () => {
  const running = configOf({ keypair: '/k' });
  expect(keepUntilRestart(running, configOf())).toEqual({ config: running, waiting: ['keypair'] });
});

test('the settings that a reload keeps are those marked as not reloadable', () => {
  const restart = plainSettings(settingTree()).filter(({ meta }) => !meta.reloadable);
  expect(restart.map(({ key }) => key)).toEqual([
    'device',
    'keypair',
    'http.enabled',
    'http.tokenFile',
    'http.listen',
    'log.level',
    'log.format',
  ]);
});
