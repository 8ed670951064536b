import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { temporaryFile } from './temporary-files.ts';

// Under node_modules, so that the bundle finds its packages.
const cache = join(import.meta.dirname, '../../node_modules/.cache');
let folder = '';

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'key-memory-'));
  await build({
    entryPoints: [join(import.meta.dirname, 'fixtures/key-holder.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: join(folder, 'holder.js'),
    logLevel: 'error',
  });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How often each of these is in the memory that the process may write; undefined where this host does not let its parent read it. */
function countInMemory(pid: number, wanted: readonly Buffer[]): readonly number[] | undefined {
  const counts = wanted.map(() => 0);
  let memory: number;
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    return undefined;
  }
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === '' || line.includes('[v')) continue;
    const bytes = Buffer.alloc(Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)));
    try {
      readSync(memory, bytes, 0, bytes.length, BigInt(`0x${from}`));
    } catch {
      continue;
    }
    for (const [index, each] of wanted.entries())
      for (let at = bytes.indexOf(each); at >= 0; at = bytes.indexOf(each, at + 1)) counts[index] = (counts[index] ?? 0) + 1;
  }
  closeSync(memory);
  return counts;
}

test('the seed of a key is in memory once, and the text of its file is not', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const text = JSON.stringify([...seed, ...point]);
  const child = spawn(process.execPath, [join(folder, 'holder.js'), temporaryFile(text, { name: 'id.json' })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  expect(String(line)).toMatch(/ 64\n$/);
  const counts = countInMemory(child.pid ?? 0, [seed, Buffer.from(text.slice(1, 60)), Buffer.from(text.slice(1, 60), 'utf16le')]);
  if (counts !== undefined) expect(counts).toEqual([1, 0, 0]);
  child.stdin.end();
});

test('neither the unit nor the container writes a core, which would hold the key', () => {
  const file = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
  expect(file('systemd/dzd-telemetry.service')).toMatch(/^LimitCORE=0$/m);
  expect(parse(file('compose.yaml')).services['dzd-telemetry'].ulimits).toEqual({ core: 0 });
});
