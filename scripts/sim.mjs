#!/usr/bin/env node
/*
 * node scripts/sim.mjs [chaos] … : bundles localnet/simulation/main.ts, or chaos.ts, and runs it with the other arguments (see docs/simulation.md).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [first, ...rest] = process.argv.slice(2);
const [entry, args] = first === 'chaos' ? ['chaos', rest] : ['main', process.argv.slice(2)];
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
// In the folder of node_modules, or the packages that stay outside of the bundle would not be found; one for each call, since several may run at once.
const outdir = mkdtempSync(join(root, 'node_modules', '.sim-'));
const outfile = join(outdir, 'sim.js');
try {
  await build({
    absWorkingDir: root,
    entryPoints: [`localnet/simulation/${entry}.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  const child = spawn(process.execPath, ['--enable-source-maps', '--expose-gc', outfile, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
  process.exitCode = await new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
