/*
 * The tree of files that both packages install.
 *
 *   /usr/bin/dzd-telemetry                            the launcher: checks the C library, then becomes the executable
 *   /usr/lib/dzd-telemetry/dzd-telemetry              the executable
 *   /usr/lib/systemd/system/dzd-telemetry.service     the unit
 *   /etc/dzd-telemetry/config.yaml                    configuration: an upgrade leaves it as the operator made it
 *   /usr/share/man/man1/                              manual page
 *   /usr/share/doc/dzd-telemetry/                     README.md and docs/ with the links between them, licenses, bill of materials, examples, drop-ins
 *   /usr/share/dzd-telemetry/mixin/                   alerts, rules and dashboards for Prometheus and Grafana
 *
 * References to files of the repository become those to where the files are installed.
 */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Files that belong to the operator once they are installed. */
export const CONFIGURATION_FILES = ['/etc/dzd-telemetry/config.yaml'];

/** Of xz. The executable is nearly all there is: level 3 takes three times as long and saves a thirtieth. */
export const COMPRESSION = 1;

const DOC = 'usr/share/doc/dzd-telemetry';

/** @param {{ root: string, loader: string, executable: string, notices: string, bill: string, into: string }} options */
export function stageFiles({ root, loader, executable, notices, bill, into }) {
  const text = (path) => readFileSync(join(root, path), 'utf8');
  putText(into, text('packaging/launcher.sh').replace('@LOADER@', loader), 'usr/bin/dzd-telemetry', 0o755);
  putFile(into, executable, 'usr/lib/dzd-telemetry/dzd-telemetry', 0o755);
  putFile(into, join(root, 'systemd/dzd-telemetry.service'), 'usr/lib/systemd/system/dzd-telemetry.service');
  putText(into, text('config/mainnet-beta.yaml').replace('$schema=../', `$schema=/${DOC}/`), 'etc/dzd-telemetry/config.yaml');
  putText(into, gzipSync(readFileSync(join(root, 'packaging/dzd-telemetry.1')), { level: 9 }), 'usr/share/man/man1/dzd-telemetry.1.gz');
  putFolder(into, join(root, 'config'), join(DOC, 'config'));
  putFolder(into, join(root, 'systemd/drop-ins'), join(DOC, 'drop-ins'));
  putFolder(into, join(root, 'docs'), join(DOC, 'docs'), (name) => /\.(png|svg|schema\.json)$/.test(name));
  putFolder(into, join(root, 'examples'), join(DOC, 'examples'));
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...['docs', 'examples'].flatMap((folder) => filesOf(root, folder, /\.md$/)),
  ];
  for (const page of pages) putText(into, installedPage(text(page)), join(DOC, page));
  putText(into, gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }), join(DOC, 'CHANGELOG.md.gz'));
  putText(into, `${text('LICENSE')}\n${'='.repeat(78)}\n\n${readFileSync(notices, 'utf8')}`, join(DOC, 'copyright'));
  putFile(into, bill, join(DOC, 'sbom.cdx.json'));
  putFolder(into, join(root, 'mixin'), 'usr/share/dzd-telemetry/mixin');
  for (const path of filesOf(root, 'mixin', /\.(md|yaml)$/)) {
    putText(into, text(path).replaceAll('runbook_url: docs/', `runbook_url: file:///${DOC}/docs/`), join('usr/share/dzd-telemetry', path));
  }
}

/** The page with its links to what has another name or place where it is installed. */
function installedPage(page) {
  return page
    .replaceAll(/\]\(((?:\.\.\/)*)mixin\b/g, ']($1../../dzd-telemetry/mixin')
    .replaceAll(/\]\(((?:\.\.\/)*)CHANGELOG\.md\b/g, ']($1CHANGELOG.md.gz')
    .replaceAll(/\]\(((?:\.\.\/)*)LICENSE\b/g, ']($1copyright');
}

/** Paths relative to root of the files in a folder of it. */
function filesOf(root, folder, wanted) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => wanted.test(name))
    .map((name) => join(folder, name));
}

/** A copy in the tree, with this mode whatever the umask. */
export function putFile(tree, from, to, mode = 0o644) {
  makeFolder(tree, dirname(to));
  copyFileSync(from, join(tree, to));
  chmodSync(join(tree, to), mode);
}

export function putText(tree, content, to, mode = 0o644) {
  makeFolder(tree, dirname(to));
  writeFileSync(join(tree, to), content);
  chmodSync(join(tree, to), mode);
}

function putFolder(tree, from, to, wanted = () => true) {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !wanted(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    putFile(tree, path, join(to, relative(from, path)));
  }
}

/** A folder and those above it up to the tree's root, open to all whatever the umask. */
function makeFolder(tree, path) {
  let folder = tree;
  for (const part of ['.', ...path.split('/')]) {
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    chmodSync(folder, 0o755);
  }
}
