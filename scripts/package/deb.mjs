/*
 * The staged tree as a Debian package, with what only Debian wants: a changelog in its form, exceptions for lintian, and the scripts of
 * packaging/deb/. They start nothing: the operator enables the service.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { COMPRESSION, CONFIGURATION_FILES, putFile, putText } from './staging.mjs';

const SCRIPTS = ['postinst', 'prerm', 'postrm'];

/** @param {{ root: string, architecture: string, tree: string, version: string, maintainer: string, summary: string, description: string, epoch: number, outdir: string }} options */
export function makeDeb({ root, architecture, tree, version, maintainer, summary, description, epoch, outdir }) {
  const debianOnly = join(root, 'packaging/deb');
  putFile(tree, join(debianOnly, 'lintian-overrides'), 'usr/share/lintian/overrides/dzd-telemetry');
  putText(tree, gzipSync(changelog({ version, maintainer, epoch }), { level: 9 }), 'usr/share/doc/dzd-telemetry/changelog.gz');
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .map((name) => join(tree, name))
    .filter((path) => statSync(path).isFile() && !path.startsWith(join(tree, 'DEBIAN')))
    .sort();
  const kilobytes = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  putText(
    tree,
    `Package: dzd-telemetry
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 5)
Recommends: systemd
Suggests: iproute2
Section: net
Priority: optional
Description: ${summary}
${description
  .split('\n')
  .map((line) => ` ${line}`)
  .join('\n')}
`,
    'DEBIAN/control',
  );
  putText(tree, CONFIGURATION_FILES.map((path) => `${path}\n`).join(''), 'DEBIAN/conffiles');
  for (const script of SCRIPTS) putFile(tree, join(debianOnly, script), join('DEBIAN', script), 0o755);
  const sum = (path) => createHash('md5').update(readFileSync(path)).digest('hex');
  putText(tree, files.map((path) => `${sum(path)}  ${relative(tree, path)}\n`).join(''), 'DEBIAN/md5sums');
  const target = join(outdir, `dzd-telemetry_${version}_${architecture}.deb`);
  // What xz makes depends on whether it has one thread or several, and the default on the machine.
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', `-z${COMPRESSION}`, '--threads-max=2', '--build', tree, target], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
  });
  return target;
}

/** What Debian's tools read; people read CHANGELOG.md, in the same folder. */
function changelog({ version, maintainer, epoch }) {
  const date = new Date(epoch * 1_000).toUTCString().replace('GMT', '+0000');
  return `dzd-telemetry (${version}) unstable; urgency=medium

  * CHANGELOG.md.gz, in the same folder, has what is new.

 -- ${maintainer}  ${date}
`;
}
