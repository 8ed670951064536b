#!/usr/bin/env node
/*
 * node scripts/package.mjs [--outdir DIR]
 *
 *   src/cli/main.ts ──► bundle ──► out/dzd-telemetry          one executable for machines without Node.js
 *
 * It is made for the kind of machine that it is made on: the executable is a copy of the Node.js that runs this script.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleCommand, thirdPartyNotices } from './package/bundle.mjs';
import { makeExecutable } from './package/executable.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { outdir: { type: 'string', default: join(root, 'out') } } });
const outdir = resolve(values.outdir);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

mkdirSync(outdir, { recursive: true });
const work = mkdtempSync(join(outdir, '.work-'));
try {
  const bundle = join(work, 'bundle.cjs');
  const packages = await bundleCommand({ root, version, outfile: bundle });
  const notices = join(outdir, 'THIRD-PARTY-NOTICES.txt');
  writeFileSync(notices, thirdPartyNotices(root, packages));
  const executable = join(outdir, 'dzd-telemetry');
  await makeExecutable({ bundle, work, outfile: executable });
  for (const file of [executable, notices]) told(file);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function told(file) {
  console.log(`${relative(process.cwd(), file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}
