import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const cache = join(root, 'node_modules/.cache');
let dist = '';

const node = (...args: readonly string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' });
const command = (...args: readonly string[]) => node(join(dist, 'dzd-telemetry.js'), ...args);

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  dist = mkdtempSync(join(cache, 'build-'));
});

afterAll(() => rmSync(dist, { recursive: true, force: true }));

test('a quiet build prints nothing and takes away what an earlier one left', () => {
  const stale = join(dist, 'chunks/run-body-OLD.js');
  mkdirSync(dirname(stale));
  writeFileSync(stale, '');
  const { status, stdout, stderr } = node(join(root, 'scripts/build.mjs'), '--quiet', '--outdir', dist);
  expect([status, stdout, stderr, existsSync(stale)]).toEqual([0, '', '', false]);
});

test('the command can be executed and knows the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const path = join(dist, 'dzd-telemetry.js');
  expect([statSync(path).mode & 0o111, readFileSync(path, 'utf8').split('\n')[0]]).toEqual([0o111, '#!/usr/bin/env node']);
  expect(command('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test('bad usage ends with 2', () => {
  expect(command('run', '--dryrun')).toMatchObject({ status: 2, stdout: '' });
});

test('what starts the command imports neither a ledger nor a switch library', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    // Static imports only: those that stand at the beginning of a line.
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/^(?:import|\} from|export .* from)[^"'\n]*["']([^"']+)["'];$/gm)) {
      if (name.startsWith('.')) visit(join(dirname(path), name));
      else if (!name.startsWith('node:')) packages.add(name);
    }
  };
  const entry = join(dist, 'dzd-telemetry.js');
  visit(entry);
  // The entry sets the heap before it loads what parses the command line.
  const [, commands = ''] = readFileSync(entry, 'utf8').match(/^void import\("([^"]+)"\)/m) ?? [];
  visit(join(dist, commands));
  expect(packages).toContain('yargs');
  expect([...packages].filter((name) => /web3|undici|snmp|grpc|p-queue/.test(name))).toEqual([]);
});

test('the SDK is a file of its own that can be imported', async () => {
  const sdk = await import(pathToFileURL(join(dist, 'serviceability.js')).href);
  expect(sdk.findNetwork('d')).toMatchObject({ name: 'devnet' });
});
