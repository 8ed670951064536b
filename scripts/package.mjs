#!/usr/bin/env node
/*
 * node scripts/package.mjs [--outdir DIR] [--only executable|localnet]
 *
 *   src/cli/main.ts  ──► bundle ──► out/dzd-telemetry ──┬─► out/dzd-telemetry_VERSION_ARCH.deb     (dpkg-deb)
 *                         unit, configuration, manual ──┴─► out/dzd-telemetry-VERSION-1.ARCH.rpm   (rpmbuild)
 *   localnet/main.ts ──► bundle ──► out/dzd-localnet    to try the agent on; in no package
 *
 * Made for the kind of machine that it is made on: the executables are copies of the Node.js that runs this script.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AGENT, bundleCommand, LOCALNET, thirdPartyNotices } from './package/bundle.mjs';
import { makeDeb } from './package/deb.mjs';
import { makeExecutable } from './package/executable.mjs';
import { makeRpm } from './package/rpm.mjs';
import { stageFiles } from './package/staging.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { outdir: { type: 'string', default: join(root, 'out') }, only: { type: 'string' } } });
const outdir = resolve(values.outdir);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const summary = "BGP status of a DoubleZero Device's users, kept right on the ledger";
const description = `Polls the BGP neighbors of one DoubleZero Device, an Arista EOS switch,
maps their sessions to the users of the DoubleZero ledger, and keeps each
user's BGP status there right. One executable; Node.js is inside.`;
// The builder of the package is its maintainer, by Debian's convention; without these variables, an address that cannot exist (RFC 2606).
const { DEBFULLNAME = 'The dzd-telemetry-agent authors', DEBEMAIL = 'nobody@dzd-telemetry-agent.invalid' } = process.env;
const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`;

const { only } = values;
if (![undefined, 'executable', 'localnet'].includes(only)) fail(`--only knows "executable" and "localnet", not "${only}"`);
if (only === undefined) {
  const missing = ['dpkg-deb', 'rpmbuild'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length > 0) fail(`${missing.join(' and ')} cannot be run; on Debian: apt-get install dpkg rpm`);
}

mkdirSync(outdir, { recursive: true });
const work = mkdtempSync(join(outdir, '.work-'));
try {
  const notices = join(outdir, 'THIRD-PARTY-NOTICES.txt');
  if (only !== 'executable') await makeCommand(LOCALNET, 'dzd-localnet', join(outdir, 'THIRD-PARTY-NOTICES.dzd-localnet.txt'));
  if (only !== 'localnet') {
    const executable = await makeCommand(AGENT, 'dzd-telemetry', notices);
    if (only === undefined) makePackages(executable, notices);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** An executable of the entry, and the licences of what is in it. Resolves with its path. */
async function makeCommand(entry, name, notices) {
  const bundle = join(work, `${name}.cjs`);
  const packages = await bundleCommand({ root, version, entry, outfile: bundle });
  writeFileSync(notices, thirdPartyNotices(root, packages));
  const executable = join(outdir, name);
  await makeExecutable({ bundle, work, outfile: executable });
  printSize(executable);
  return executable;
}

function makePackages(executable, notices) {
  const tree = join(work, 'tree');
  stageFiles({ root, executable, notices, into: tree });
  const forRpm = join(work, 'rpm-tree');
  cpSync(tree, forRpm, { recursive: true, preserveTimestamps: true });
  const about = { root, version, maintainer, summary, description, epoch: lastChange(), outdir };
  printSize(makeDeb({ ...about, tree }));
  printSize(makeRpm({ ...about, tree: forRpm, work }));
}

/** Seconds since 1970 of the last commit, so that the same sources carry the same times; now, outside of a repository. */
function lastChange() {
  try {
    return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return Math.floor(Date.now() / 1_000);
  }
}

function printSize(file) {
  console.log(`${relative(process.cwd(), file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}

function fail(problem) {
  console.error(problem);
  process.exit(2);
}
