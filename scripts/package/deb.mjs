/* The staged tree as a Debian package. No maintainer scripts: a service is switched on by whoever installs it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CONFIGURATION_FILES } from './staging.mjs';

const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

/** @param {{ tree: string, version: string, summary: string, description: string, epoch: number, outdir: string }} options */
export function makeDeb({ tree, version, summary, description, epoch, outdir }) {
  const architecture = ARCHITECTURES[process.arch];
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .map((name) => join(tree, name))
    .filter((path) => statSync(path).isFile() && !path.startsWith(join(tree, 'DEBIAN')))
    .sort();
  const kilobytes = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  const control = join(tree, 'DEBIAN');
  mkdirSync(control, { mode: 0o755 });
  chmodSync(control, 0o755);
  writeFileSync(
    join(control, 'control'),
    `Package: dzd-telemetry
Version: ${version}
Architecture: ${architecture}
Maintainer: DoubleZero telemetry maintainers <telemetry@example.org>
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6
Recommends: systemd, procps
Suggests: iproute2
Section: net
Priority: optional
Description: ${summary}
${description
  .split('\n')
  .map((line) => ` ${line}`)
  .join('\n')}
`,
  );
  writeFileSync(join(control, 'conffiles'), CONFIGURATION_FILES.map((path) => `${path}\n`).join(''));
  const sum = (path) => createHash('md5').update(readFileSync(path)).digest('hex');
  writeFileSync(join(control, 'md5sums'), files.map((path) => `${sum(path)}  ${relative(tree, path)}\n`).join(''));
  const target = join(outdir, `dzd-telemetry_${version}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z3', '--build', tree, target], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
  });
  return target;
}
