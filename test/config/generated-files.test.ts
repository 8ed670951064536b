import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles } from '../../scripts/docs/generated-files.ts';
import { environmentNameOf, loadConfig, plainSettings, settingTree } from '../../src/config/index.ts';
import { NETWORKS } from '../../src/serviceability/index.ts';
import { temporaryFile } from './temporary-files.ts';

const root = join(import.meta.dirname, '../..');
const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';

test.each((await generatedFiles()).map(({ path, content }) => [path, content]))('%s is what the code makes of it', (path, content) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(content);
});

test('the JSON Schema accepts auto for a list of VRFs, and the number 3 for a version', () => {
  const { properties } = JSON.parse(readFileSync(join(root, 'docs/configuration.schema.json'), 'utf8'));
  const [, snmp] = properties.collector.properties.sources.items.oneOf;
  expect(snmp.properties.vrfs).toMatchObject({ default: ['default'], anyOf: [{ const: 'auto' }, { type: 'array', minItems: 1 }] });
  expect(snmp.properties.version).toEqual({ default: '2c', description: expect.any(String), enum: ['2c', '3', 3] });
  expect(JSON.stringify(properties)).not.toMatch(/"(expects|form|reloadable|ofNetwork)":/);
});

test('the page has every key and every variable', () => {
  const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
  const missing = plainSettings(settingTree()).filter(({ key }) => !page.includes(`\`${key}\`<br>\`${environmentNameOf(key)}\``));
  expect(missing).toEqual([]);
});

describe.each(NETWORKS.map(({ name }) => name))('config/%s.yaml', (name) => {
  const text = readFileSync(join(root, `config/${name}.yaml`), 'utf8');
  const flags = { device: DEVICE };

  test('the example file is valid, given a device', () => {
    const file = join(root, `config/${name}.yaml`);
    const { config, warnings } = loadConfig({ file, flags, environment: {} });
    expect([config.env, config.device, warnings]).toEqual([name, DEVICE, []]);
  });

  test('the example file sets only the network and the source, so an upgrade brings new defaults', () => {
    const { env, collector, ...others } = parse(text);
    expect([env, Object.keys(collector), others]).toEqual([
      name,
      ['sources'],
      { ledger: null, policy: { damping: null }, worker: null, snapshots: null, http: null, log: null },
    ]);
  });

  test('the example file without its comment signs sets every key to its default', () => {
    const everything = text.replaceAll(/^( *)#(?! \S)/gm, '$1').replace('PUBLIC_KEY_OF_THE_DEVICE', DEVICE);
    const full = loadConfig({ file: temporaryFile(everything), environment: {} }).config;
    const plain = loadConfig({ flags: { env: name, ...flags }, environment: {}, defaultFile: '/nonexistent' }).config;
    expect(full.collector.sources.map((source) => source.type)).toEqual(['eapi', 'snmp', 'sockets', 'eapi']);
    expect(full.collector.wakeUps.map((wakeUp) => wakeUp.type)).toEqual(['bgp-watch', 'snmp-traps']);
    const examples = { url: undefined, directory: undefined, source: undefined };
    const { collector, snapshots, http } = full;
    expect({
      ...full,
      keypair: undefined,
      collector: { ...collector, sources: [], wakeUps: [] },
      snapshots: { ...snapshots, ...examples },
      http: { ...http, tokenFile: undefined },
    }).toEqual({
      ...plain,
      keypair: undefined,
      collector: { ...plain.collector, sources: [] },
    });
    const shown = plainSettings(settingTree()).filter(
      ({ key }) => key.split('.').reduce((value, step) => value?.[step], parse(everything)) === undefined,
    );
    expect(shown.map(({ key }) => key)).toEqual([]);
  });
});
