/*
 * The tree of files that both packages install.
 *
 *   /usr/bin/dzd-telemetry                            the executable
 *   /usr/lib/systemd/system/dzd-telemetry.service     the unit
 *   /etc/dzd-telemetry/config.yaml                    configuration: an upgrade leaves it as the operator made it
 *   /usr/share/man/man1/                              manual page
 *   /usr/share/doc/dzd-telemetry/                     README.md and docs/ with the links between them, licences, examples, drop-ins
 *   /usr/share/dzd-telemetry/mixin/                   alerts, rules and dashboards for Prometheus and Grafana
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Files that belong to the operator once they are installed. */
export const CONFIGURATION_FILES = ['/etc/dzd-telemetry/config.yaml'];

/** Of xz. The executable is nearly all there is: level 3 takes three times as long and saves a thirtieth. */
export const COMPRESSION = 1;

const DOC = 'usr/share/doc/dzd-telemetry';

/** @param {{ root: string, executable: string, notices: string, into: string }} options */
export function stageFiles({ root, executable, notices, into }) {
  putFile(into, executable, 'usr/bin/dzd-telemetry', 0o755);
  putFile(into, join(root, 'systemd/dzd-telemetry.service'), 'usr/lib/systemd/system/dzd-telemetry.service');
  putFile(into, join(root, 'config/mainnet-beta.yaml'), 'etc/dzd-telemetry/config.yaml');
  putText(into, gzipSync(readFileSync(join(root, 'packaging/dzd-telemetry.1')), { level: 9 }), 'usr/share/man/man1/dzd-telemetry.1.gz');
  putFolder(into, join(root, 'config'), join(DOC, 'config'));
  putFolder(into, join(root, 'systemd/drop-ins'), join(DOC, 'drop-ins'));
  putFile(into, join(root, 'README.md'), join(DOC, 'README.md'));
  putFolder(into, join(root, 'docs'), join(DOC, 'docs'), (name) => /\.(md|schema\.json)$/.test(name));
  putText(into, gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }), join(DOC, 'CHANGELOG.md.gz'));
  putText(
    into,
    `${readFileSync(join(root, 'LICENSE'), 'utf8')}\n${'='.repeat(78)}\n\n${readFileSync(notices, 'utf8')}`,
    join(DOC, 'copyright'),
  );
  if (existsSync(join(root, 'mixin'))) putFolder(into, join(root, 'mixin'), 'usr/share/dzd-telemetry/mixin');
}

/** A copy in the tree, with this mode whatever the umask. */
export function putFile(tree, from, to, mode = 0o644) {
  makeFolder(tree, dirname(to));
  copyFileSync(from, join(tree, to));
  chmodSync(join(tree, to), mode);
}

export function putText(tree, content, to) {
  makeFolder(tree, dirname(to));
  writeFileSync(join(tree, to), content);
  chmodSync(join(tree, to), 0o644);
}

function putFolder(tree, from, to, wanted = () => true) {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !wanted(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    putFile(tree, path, join(to, relative(from, path)));
  }
}

/** A folder and those above it, open to all whatever the umask. */
function makeFolder(tree, path) {
  let folder = tree;
  for (const part of path.split('/')) {
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    chmodSync(folder, 0o755);
  }
}
