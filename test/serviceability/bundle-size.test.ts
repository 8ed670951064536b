import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a web page gets of the SDK: a minified bundle for browsers. */
async function bundle(contents: string): Promise<{ readonly gzipped: number; readonly inputs: readonly string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  return {
    gzipped: gzipSync(outputFiles[0]?.contents ?? new Uint8Array()).length,
    inputs: used.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path),
  };
}

test('the whole SDK is at most 60 kB minified and gzipped, without a Solana library', async () => {
  const { gzipped, inputs } = await bundle(`export * from './src/serviceability/index.ts';`);
  expect(gzipped).toBeGreaterThan(10_000);
  expect(gzipped).toBeLessThan(60_000);
  expect(inputs.filter((path) => path.includes('@solana') || path.includes('rfc11'))).toEqual([]);
});

test('a page that decodes users gets what that takes, and neither curves nor the other accounts', async () => {
  const { gzipped, inputs } = await bundle(`export { decodeUser } from './src/serviceability/index.ts';`);
  expect(inputs.filter((path) => !path.startsWith('src/serviceability/'))).toEqual([]);
  expect(inputs.map((path) => path.replace('src/serviceability/', '')).sort()).toEqual([
    'address.ts',
    'borsh.ts',
    'network.ts',
    'units.ts',
    'user.ts',
  ]);
  expect(gzipped).toBeLessThan(4_000);
});

test('a page that plans writes gets no curves', async () => {
  const { inputs } = await bundle(`export { planBgpStatusBatches, parseSendResponse } from './src/serviceability/index.ts';`);
  expect(inputs.filter((path) => path.includes('@noble'))).toEqual([]);
});

test('nothing is left of the SDK when nothing of it is used', async () => {
  const { inputs } = await bundle(`import './src/serviceability/index.ts';`);
  expect(inputs).toEqual([]);
});

test('nothing is left of layouts and networks that are not used, although the package has all of them in one file', async () => {
  async function bundled(contents: string): Promise<string> {
    const stdin = { contents, resolveDir: root };
    const { outputFiles } = await build({ stdin, bundle: true, packages: 'external', format: 'esm', write: false });
    return outputFiles[0]?.text ?? '';
  }
  const published = await bundled(`export * from './src/serviceability/index.ts';`);
  const unused = await bundled(published.replace(/^export \{[^}]*\};$/m, ''));
  for (const word of ['reader', 'mainnet-beta']) expect([published.includes(word), unused.includes(word)]).toEqual([true, false]);
});
