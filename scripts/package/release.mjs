/* What goes with the files of a release: checksums, a bill of materials, and a table of sizes. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** One line a file, as `sha256sum --check` reads it. */
export function writeChecksums(outdir, files) {
  const target = join(outdir, 'SHA256SUMS');
  const sum = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
  writeFileSync(target, files.map((file) => `${sum(file)}  ${basename(file)}\n`).join(''));
  return target;
}

/** Licenses of packages whose package.json does not name one, read from the license text in the package. */
const LICENSES = { eyes: 'MIT', 'text-encoding-utf-8': 'Unlicense' };

/**
 * CycloneDX by `npm sbom`, and the Node.js of the executables, which is no package of npm's tree. Made of a lock file without development
 * dependencies, without what differs from run to run: `--omit dev` would leave out those that both need, and npm refuses a tree with our TypeScript, which a library's peer is older than.
 */
export function writeBillOfMaterials({ root, work, outdir, nodeVersion, epoch }) {
  const target = join(outdir, 'sbom.cdx.json');
  const { devDependencies, ...shipped } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, { dev }]) => dev !== true));
  delete lock.packages[''].devDependencies;
  const folder = join(work, 'shipped');
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify(shipped));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const args = ['sbom', '--package-lock-only', '--legacy-peer-deps', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
  const printed = execFileSync('npm', args, { cwd: folder, encoding: 'utf8', maxBuffer: 64e6 });
  const { serialNumber, ...bill } = JSON.parse(printed);
  // npm uses the name of the folder.
  bill.metadata.component.name = shipped.name;
  for (const each of bill.components) {
    const id = LICENSES[each.name];
    if (each.licenses === undefined && id === undefined) throw new Error(`the package ${each.name} names no license`);
    each.licenses ??= [{ license: { id } }];
  }
  bill.metadata.timestamp = new Date(epoch * 1_000).toISOString();
  bill.components.push({
    type: 'platform',
    'bom-ref': `node@${nodeVersion}`,
    name: 'node',
    version: nodeVersion,
    purl: `pkg:generic/node@${nodeVersion}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${nodeVersion}:*:*:*:*:*:*:*`,
    licenses: [{ license: { id: 'MIT' } }],
  });
  writeFileSync(target, `${JSON.stringify(bill, null, 2)}\n`);
  return target;
}

/** @param {readonly (readonly [path: string, bytes: number])[]} sizes */
export function printSizes(sizes) {
  const width = Math.max(...sizes.map(([path]) => path.length));
  for (const [path, bytes] of sizes) console.log(`${path.padEnd(width)}  ${(bytes / 1e6).toFixed(1).padStart(6)} MB`);
}
