/*
 * The tree of files that both packages install.
 *
 *   /usr/bin/dzd-telemetry                            the executable
 *   /usr/lib/systemd/system/dzd-telemetry.service     the unit
 *   /etc/dzd-telemetry/config.yaml                    configuration: an upgrade leaves it as the operator made it
 *   /usr/share/man/man1/, /usr/share/doc/             manual page, licences, examples
 */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Files that belong to the operator once they are installed. */
export const CONFIGURATION_FILES = ['/etc/dzd-telemetry/config.yaml'];

const DOC = 'usr/share/doc/dzd-telemetry';

/**
 * @param {{ root: string, executable: string, notices: string, into: string }} options
 */
export function stageFiles({ root, executable, notices, into }) {
  const put = (from, to, mode = 0o644) => {
    const target = join(into, to);
    makeFolder(into, dirname(to));
    copyFileSync(from, target);
    chmodSync(target, mode);
  };
  const write = (content, to) => {
    makeFolder(into, dirname(to));
    writeFileSync(join(into, to), content, { mode: 0o644 });
  };
  put(executable, 'usr/bin/dzd-telemetry', 0o755);
  put(join(root, 'systemd/dzd-telemetry.service'), 'usr/lib/systemd/system/dzd-telemetry.service');
  put(join(root, 'config/mainnet-beta.yaml'), 'etc/dzd-telemetry/config.yaml');
  write(gzipSync(readFileSync(join(root, 'packaging/dzd-telemetry.1')), { level: 9 }), 'usr/share/man/man1/dzd-telemetry.1.gz');
  for (const folder of ['config', 'systemd/drop-ins']) {
    for (const name of readdirSync(join(root, folder))) put(join(root, folder, name), join(DOC, folder.replace('systemd/', ''), name));
  }
  put(join(root, 'docs/configuration.md'), join(DOC, 'configuration.md'));
  put(join(root, 'docs/configuration.schema.json'), join(DOC, 'configuration.schema.json'));
  write(gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }), join(DOC, 'changelog.gz'));
  write(`${readFileSync(join(root, 'LICENSE'), 'utf8')}\n${'='.repeat(78)}\n\n${readFileSync(notices, 'utf8')}`, join(DOC, 'copyright'));
}

/** A folder and those above it, open to all whatever the umask. */
function makeFolder(into, path) {
  let folder = into;
  for (const part of path.split('/')) {
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    chmodSync(folder, 0o755);
  }
}
