/*
 * node scripts/package/installed-links.mjs ROOT
 *
 * What the package installed in the root file system ROOT refers to is there: links and images of its pages, runbooks of its alerts, and the
 * schema that its configuration names.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [root = '/'] = process.argv.slice(2);
const doc = join(root, 'usr/share/doc/dzd-telemetry');
const mixin = join(root, 'usr/share/dzd-telemetry/mixin');
const references = [...pages(doc), ...runbooks(mixin), ...schemas(join(doc, 'config')), ...schemas(join(root, 'etc/dzd-telemetry'))];
const broken = references.filter(({ to }) => !existsSync(to));
for (const { from, to } of broken) console.error(`${from.slice(root.length)} refers to ${to.slice(root.length)}, which is not installed`);
console.log(`${references.length} references of installed files, ${broken.length} of them broken`);
if (broken.length > 0 || references.length === 0) process.exitCode = 1;

function pages(folder) {
  return filesOf(folder, '.md').flatMap((from) =>
    [...readFileSync(from, 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)|<img src="([^"]+)"/g)]
      .map(([, link, image]) => link ?? image)
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => ({ from, to: join(dirname(from), target) })),
  );
}

function runbooks(folder) {
  return filesOf(folder, '.yaml').flatMap((from) =>
    [...readFileSync(from, 'utf8').matchAll(/runbook_url: (\S+)/g)].map(([, url]) => ({
      from,
      to: url.startsWith('file:///') ? join(root, url.slice('file://'.length)) : url,
    })),
  );
}

function schemas(folder) {
  return filesOf(folder, '.yaml').flatMap((from) =>
    [...readFileSync(from, 'utf8').matchAll(/\$schema=(\S+)/g)].map(([, path]) => ({
      from,
      to: path.startsWith('/') ? join(root, path) : join(folder, path),
    })),
  );
}

function filesOf(folder, ending) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}
