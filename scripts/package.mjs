#!/usr/bin/env node
/*
 * node scripts/package.mjs [--outdir DIR] [--arch x64|arm64] [--only executable|localnet] [--release]
 *
 *   src/cli/main.ts  ──► bundle ──► out/dzd-telemetry ──┬─► out/dzd-telemetry_VERSION_ARCH.deb     (dpkg-deb)
 *                         unit, configuration, manual ──┼─► out/dzd-telemetry-VERSION-1.ARCH.rpm   (rpmbuild)
 *                                                       └─► out/dzd-telemetry-VERSION.swix         (for EOS; x64 only)
 *   localnet/main.ts ──► bundle ──► out/dzd-localnet    to try the agent on; in no package
 *
 * Made for the architecture of this machine, or for the one of --arch; the executables of another one are named dzd-telemetry-ARCH.
 * --release makes everything for all of them, with out/SHA256SUMS, and prints a table of sizes. Licenses and bill of materials go with everything.
 * The same commit makes the same bytes, whatever the folder: times are those of the commit, or of SOURCE_DATE_EPOCH without a repository.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AGENT, bundleCommand, LOCALNET, thirdPartyNotices } from './package/bundle.mjs';
import { makeDeb } from './package/deb.mjs';
import { makeExecutable } from './package/executable.mjs';
import { ARCHITECTURES, NODE_VERSION, nodeBinary } from './package/node-binary.mjs';
import { printSizes, writeBillOfMaterials, writeChecksums } from './package/release.mjs';
import { makeRpm } from './package/rpm.mjs';
import { stageFiles } from './package/staging.mjs';
import { makeSwix } from './package/swix.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    outdir: { type: 'string', default: join(root, 'out') },
    arch: { type: 'string', default: process.arch },
    only: { type: 'string' },
    release: { type: 'boolean', default: false },
  },
});
const outdir = resolve(values.outdir);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const summary = "BGP status of a DoubleZero Device's users, kept right on the ledger";
const description = `Polls the BGP neighbors of one DoubleZero Device, an Arista EOS switch,
maps their sessions to the users of the DoubleZero ledger, and keeps each
user's BGP status there right. One executable; Node.js is inside.`;
// The builder of the package is its maintainer, by Debian's convention; without these variables, an address that cannot exist (RFC 2606).
const { DEBFULLNAME = 'The dzd-telemetry-agent authors', DEBEMAIL = 'nobody@dzd-telemetry-agent.invalid' } = process.env;
const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`;

const { only, release } = values;
if (![undefined, 'executable', 'localnet'].includes(only)) fail(`--only knows "executable" and "localnet", not "${only}"`);
if (release && only !== undefined) fail('--release makes everything: --only cannot go with it');
// By Debian's name, too: a container build knows only that one.
const chosen = Object.values(ARCHITECTURES).filter(({ node, deb }) => release || [node, deb].includes(values.arch));
if (chosen.length === 0) fail(`--arch knows ${Object.keys(ARCHITECTURES).join(' and ')}, not "${values.arch}"`);
if (only === undefined) {
  const missing = ['dpkg-deb', 'rpmbuild'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length > 0) fail(`${missing.join(' and ')} cannot be run; on Debian: apt-get install dpkg rpm`);
}

mkdirSync(outdir, { recursive: true });
const work = mkdtempSync(join(outdir, '.work-'));
const made = [];
try {
  const notices = join(outdir, 'THIRD-PARTY-NOTICES.txt');
  const bill =
    only === 'localnet' ? undefined : writeBillOfMaterials({ root, work, outdir, nodeVersion: NODE_VERSION, epoch: lastChange() });
  if (only !== 'executable') await makeCommand(LOCALNET, 'dzd-localnet', join(outdir, 'THIRD-PARTY-NOTICES.dzd-localnet.txt'));
  if (only !== 'localnet') {
    const executables = await makeCommand(AGENT, 'dzd-telemetry', notices);
    if (only === undefined) for (const [index, names] of chosen.entries()) makePackages(names, executables[index], notices, bill);
    made.push(bill);
  }
  if (release) made.push(writeChecksums(outdir, made));
  printSizes(made.map((path) => [relative(process.cwd(), path), statSync(path).size]));
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The executables of the entry, one for each chosen architecture, and the licenses of what is in them. Resolves with their paths. */
async function makeCommand(entry, name, notices) {
  const bundle = join(work, `${name}.cjs`);
  const packages = await bundleCommand({ root, entry, outfile: bundle });
  const { license } = nodeBinary(root, process.arch);
  writeFileSync(
    notices,
    `Node.js ${NODE_VERSION}\n\n${readFileSync(license, 'utf8')}\n${'-'.repeat(78)}\n\n${thirdPartyNotices(root, packages)}`,
  );
  const executables = [];
  for (const { node: arch } of chosen) {
    const outfile = join(outdir, arch === process.arch ? name : `${name}-${arch}`);
    await makeExecutable({ root, arch, bundle, work, outfile });
    executables.push(outfile);
  }
  made.push(...executables, notices);
  return executables;
}

function makePackages({ deb, rpm, loader }, executable, notices, bill) {
  const about = { root, version, maintainer, summary, description, epoch: lastChange() };
  const folder = join(work, deb);
  const tree = join(folder, 'tree');
  stageFiles({ root, loader, executable, notices, bill, into: tree });
  const forRpm = join(folder, 'rpm-tree');
  cpSync(tree, forRpm, { recursive: true, preserveTimestamps: true });
  made.push(makeDeb({ ...about, architecture: deb, tree, outdir }));
  made.push(makeRpm({ ...about, architecture: rpm, forEos: false, tree: forRpm, work: folder, outdir }));
  // No EOS for another processor is known.
  if (rpm !== 'x86_64') return;
  const forEos = makeRpm({ ...about, architecture: rpm, forEos: true, tree: forRpm, work: folder, outdir: folder });
  made.push(makeSwix({ rpm: forEos, version, epoch: about.epoch, outdir }));
}

/** Seconds since 1970 of the last commit, so that the same sources carry the same times. Outside of a repository SOURCE_DATE_EPOCH, by the convention of that name, or now. */
function lastChange() {
  try {
    return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return Number(process.env.SOURCE_DATE_EPOCH || Math.floor(Date.now() / 1_000));
  }
}

function fail(problem) {
  console.error(problem);
  process.exit(2);
}
