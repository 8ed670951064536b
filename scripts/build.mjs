#!/usr/bin/env node
/*
 * node scripts/build.mjs [--quiet] [--outdir DIR]
 *
 *   src/cli/main.ts             ──esbuild──► dist/dzd-telemetry.js + dist/chunks/   (what is imported on demand stays apart)
 *   src/serviceability/index.ts ──esbuild──► dist/serviceability.js
 *                               ──tsc──────► dist/types/                            (not with --quiet, which is for a quick start)
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: { quiet: { type: 'boolean', default: false }, outdir: { type: 'string', default: join(root, 'dist') } },
});
const outdir = resolve(values.outdir);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'warning',
  outdir,
};

const started = performance.now();
const results = await Promise.all([
  build({
    ...common,
    entryPoints: { 'dzd-telemetry': 'src/cli/main.ts' },
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    define: { __VERSION__: JSON.stringify(version) },
  }),
  build({ ...common, entryPoints: { serviceability: 'src/serviceability/index.ts' } }),
]).catch(() => process.exit(1)); // esbuild has said what is wrong, and where.

chmodSync(join(outdir, 'dzd-telemetry.js'), 0o755);
removeStaleChunks(results.flatMap((result) => Object.keys(result.metafile.outputs)));
if (!values.quiet) {
  writeDeclarations();
  console.log(`built ${basename(outdir)}/ of version ${version} in ${Math.round(performance.now() - started)} ms`);
}

/** Names of chunks change with their content; those of earlier builds would pile up. */
function removeStaleChunks(outputs) {
  const chunks = join(outdir, 'chunks');
  const current = new Set(outputs.map((path) => relative(chunks, resolve(root, path))));
  for (const name of readdirSync(chunks, { withFileTypes: false })) {
    if (!current.has(name)) rmSync(join(chunks, name));
  }
}

function writeDeclarations() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(root, 'scripts/tsconfig.types.json'), '--outDir', join(outdir, 'types')];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
