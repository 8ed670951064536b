#!/usr/bin/env node
/*
 * node scripts/build.mjs [--quiet] [--outdir DIR]
 *
 *   src/cli/main.ts             ──esbuild──► dist/dzd-telemetry.js ─┬─ dist/chunks/   (what is imported on demand stays apart)
 *   localnet/main.ts            ──esbuild──► dist/dzd-localnet.js ──┘
 *   licenses of their packages  ───────────► dist/THIRD-PARTY-NOTICES.txt
 *   src/serviceability/index.ts, rfc11/index.ts ──esbuild──► dist/serviceability.js, rfc11.js, and what both use in serviceability-common.js
 *                                                          └► the same as .cjs
 *                                               ──tsc──────► dist/types/, dist/types-cjs/   (not with --quiet, which is for a quick start)
 *
 * The commands hold their packages. The SDK imports its own by name: a program that uses it has one copy of each, and its bundler sees them.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, transform } from 'esbuild';
import { AGENT, identity, LOCALNET, packagesOf, thirdPartyNotices, withPackages } from './package/bundle.mjs';

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
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'warning',
  outdir,
};

/** For browsers too: nothing in it may depend on Node. @type {import('esbuild').BuildOptions} */
const sdk = {
  ...common,
  platform: 'neutral',
  target: 'es2022',
  packages: 'external',
  format: 'esm',
  entryPoints: { serviceability: 'src/serviceability/index.ts', rfc11: 'src/serviceability/rfc11/index.ts' },
  // One copy of what both use: an error of one is an instance of the other's class.
  splitting: true,
  chunkNames: 'serviceability-common',
};

const started = performance.now();
const [commands, ...others] = await Promise.all([
  build({
    ...common,
    entryPoints: { 'dzd-telemetry': AGENT, 'dzd-localnet': LOCALNET },
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    ...withPackages,
    // For file and line; the sources themselves are in the repository.
    sourcesContent: false,
    define: identity(root),
  }),
  build(sdk),
]).catch(() => process.exit(1)); // esbuild has said what is wrong, and where.

await Promise.all(
  Object.keys(others[0].metafile.outputs)
    .filter((path) => path.endsWith('.js'))
    .map((path) => writeCommonJs(resolve(root, path))),
);
for (const name of ['dzd-telemetry.js', 'dzd-localnet.js']) chmodSync(join(outdir, name), 0o755);
writeFileSync(join(outdir, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, packagesOf(commands.metafile)));
removeStaleChunks([commands, ...others].flatMap((result) => Object.keys(result.metafile.outputs)));
if (!values.quiet) {
  writeDeclarations();
  console.log(`built ${basename(outdir)}/ of version ${version} in ${Math.round(performance.now() - started)} ms`);
}

/** esbuild splits only ES modules. */
async function writeCommonJs(file) {
  const source = readFileSync(file, 'utf8').replaceAll(/(from "\.\/[^"]*)\.js"/g, '$1.cjs"');
  const { code } = await transform(source, { format: 'cjs', platform: 'neutral', target: sdk.target });
  writeFileSync(file.replace(/\.js$/, '.cjs'), code.replace(/^\/\/# sourceMappingURL=.*$/m, ''));
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
  const types = join(outdir, 'types');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(root, 'scripts/tsconfig.types.json'), '--outDir', types];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  // The compiler leaves the extensions of our sources, which a compiler may refuse unless an option allows them.
  for (const path of readdirSync(types, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))) {
    const file = join(types, path);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/((?:from |import\()(['"])\.[^'"]*)\.ts\2/g, '$1.js$2'));
  }
  // The same declarations once more for `require`: what kind of module they describe is read from the nearest package.json.
  const commonJs = join(outdir, 'types-cjs');
  cpSync(types, commonJs, { recursive: true });
  writeFileSync(join(commonJs, 'package.json'), '{ "type": "commonjs" }\n');
}
