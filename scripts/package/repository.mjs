#!/usr/bin/env node
/*
 * node scripts/package/repository.mjs [--from DIR] [--to DIR] [--sign KEY]
 *
 *   out/*.deb ──► out/repository/apt/pool/, dists/stable/main/binary-ARCH/Packages, dists/stable/Release   (apt-ftparchive)
 *   out/*.rpm ──► out/repository/dnf/ARCH/*.rpm, repodata/                                                  (createrepo_c)
 *
 * Lays the packages of a release out as repositories for apt and dnf; any web server can serve the folder. --sign signs the indexes with
 * that key of gpg's, and puts its public half in out/repository/key.asc. Unsigned ones are for trying only.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ARCHITECTURES } from './node-binary.mjs';

const out = resolve(dirname(fileURLToPath(import.meta.url)), '../../out');
const { values } = parseArgs({
  options: { from: { type: 'string', default: out }, to: { type: 'string', default: join(out, 'repository') }, sign: { type: 'string' } },
});
const [from, to] = [resolve(values.from), resolve(values.to)];
const missing = ['apt-ftparchive', 'createrepo_c', ...(values.sign === undefined ? [] : ['gpg'])].filter(
  (program) => spawnSync(program, ['--version']).error !== undefined,
);
if (missing.length > 0) fail(`${missing.join(' and ')} cannot be run; on Debian: apt-get install apt-utils createrepo-c gpg`);
const packages = readdirSync(from).filter((name) => /\.(deb|rpm)$/.test(name));
if (packages.length === 0) fail(`${from} holds no packages: npm run release makes them`);

rmSync(to, { recursive: true, force: true });
makeAptRepository(join(to, 'apt'));
makeDnfRepository(join(to, 'dnf'));
if (values.sign !== undefined) writeFileSync(join(to, 'key.asc'), gpg('--armor', '--export', values.sign));
console.log(`${packages.length} packages in ${to}, ${values.sign === undefined ? 'unsigned' : `signed by ${values.sign}`}`);

function makeAptRepository(folder) {
  const options = { cwd: folder, maxBuffer: 64e6 };
  copy('.deb', join(folder, 'pool'));
  for (const { deb } of Object.values(ARCHITECTURES)) {
    const index = join(folder, 'dists/stable/main', `binary-${deb}`);
    mkdirSync(index, { recursive: true });
    const listed = execFileSync('apt-ftparchive', ['--arch', deb, 'packages', 'pool'], options);
    writeFileSync(join(index, 'Packages'), listed);
    writeFileSync(join(index, 'Packages.gz'), gzipSync(listed, { level: 9 }));
  }
  const facts = {
    Origin: 'dzd-telemetry',
    Label: 'dzd-telemetry',
    Suite: 'stable',
    Codename: 'stable',
    Components: 'main',
    Architectures: Object.values(ARCHITECTURES)
      .map(({ deb }) => deb)
      .join(' '),
  };
  const release = Object.entries(facts).flatMap(([name, value]) => ['-o', `APT::FTPArchive::Release::${name}=${value}`]);
  writeFileSync(join(folder, 'dists/stable/Release'), execFileSync('apt-ftparchive', [...release, 'release', 'dists/stable'], options));
  if (values.sign !== undefined) {
    const inRelease = gpg('--local-user', values.sign, '--clearsign', '--output', '-', join(folder, 'dists/stable/Release'));
    writeFileSync(join(folder, 'dists/stable/InRelease'), inRelease);
  }
}

function makeDnfRepository(folder) {
  for (const { rpm } of Object.values(ARCHITECTURES)) {
    const place = join(folder, rpm);
    copy(`.${rpm}.rpm`, place);
    execFileSync('createrepo_c', ['--quiet', place]);
    const index = join(place, 'repodata/repomd.xml');
    if (values.sign !== undefined) {
      writeFileSync(`${index}.asc`, gpg('--local-user', values.sign, '--detach-sign', '--armor', '--output', '-', index));
    }
  }
}

function copy(ending, folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of packages.filter((each) => each.endsWith(ending))) copyFileSync(join(from, name), join(folder, name));
}

function gpg(...args) {
  return execFileSync('gpg', ['--batch', '--yes', ...args]);
}

function fail(problem) {
  console.error(problem);
  process.exit(2);
}
