#!/usr/bin/env node
/*
 * node scripts/check-package.mjs [--link]
 *
 *   npm pack ──► tarball ──► npm install in an empty project ──► programs of README.md and docs/sdk.md, types for import and require, examples/
 *
 * Does what a user of the package does, and fails where that fails. With --link nothing is packed or downloaded: the project
 * gets a fresh build and this repository's node_modules, which takes seconds and no network.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { link: { type: 'boolean', default: false } } });
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** What the examples build transactions with. */
const SOLANA_LIBRARIES = Object.entries({ ...dependencies, ...devDependencies })
  .filter(([name]) => name.startsWith('@solana/'))
  .map(([name, version]) => `${name}@${version}`);
const project = mkdtempSync(join(tmpdir(), 'dzd-package-'));
const installed = join(project, 'node_modules/dzd-telemetry-agent');
writeFileSync(join(project, 'package.json'), '{ "private": true }\n');

try {
  if (values.link) link();
  else install();
  for (const page of ['README.md', 'docs/sdk.md']) {
    for (const [name, { source, printed }] of programsOf(page)) {
      writeFileSync(join(project, name), source);
      const output = run(process.execPath, [name]).split('\n');
      const missing = printed.find((line, index) => !isShown(output[index] ?? '', line));
      if (missing !== undefined) throw new Error(`${name} of ${page} did not print "${missing}" but:\n${output.join('\n')}`);
    }
  }
  checkTypes();
  cpSync(join(root, 'examples'), join(project, 'examples'), { recursive: true });
  run(process.execPath, [
    join(root, 'scripts/run-examples.mjs'),
    '--project',
    project,
    '--localnet',
    join(installed, 'dist/dzd-localnet.js'),
  ]);
  console.log(`the package works where it is ${values.link ? 'linked' : 'installed'}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}

function install() {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--silent', '--pack-destination', project], root).replace(/^[^[]*/, ''));
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(project, filename), ...SOLANA_LIBRARIES]);
  run(process.execPath, [join(root, 'scripts/links.mjs'), installed], root);
}

function link() {
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
  symlinkSync(join(root, 'node_modules/@solana'), join(project, 'node_modules/@solana'));
  run(process.execPath, [join(root, 'scripts/build.mjs'), '--outdir', join(installed, 'dist')], root);
}

/** The `js` blocks of a page: whole programs, whose comments behind console.log say what they print; `…` stands for anything. */
function programsOf(page) {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, source]) => source);
  if (blocks.length === 0) throw new Error(`${page} has no programs`);
  return blocks.map((source, index) => {
    const printed = [...source.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => line);
    return [`program-${index + 1}.${source.includes('require(') ? 'cjs' : 'mjs'}`, { source, printed }];
  });
}

function isShown(output, expected) {
  return expected.endsWith('…') ? output.startsWith(expected.slice(0, -1)) : output === expected;
}

/** Types for `import`, for `require` and for bundlers, on Node and in browsers, and with the declarations themselves checked. */
function checkTypes() {
  const use = [
    'const user: User = decodeUser(Uint8Array.of(7));',
    // A browser's own fetch and WebSocket are what the SDK takes them to be.
    `const rpc = fetchRpc('http://127.0.0.1', { fetch: globalThis.fetch });`,
    `const hint = subscriptionHint({ programId: user.owner, connect: () => new WebSocket('ws://127.0.0.1') });`,
    'const changes: AsyncIterable<UserChange> = watchUsers({ rpc, hint, programId: user.owner });',
    'export { changes };',
    'const slots: UserSlots | undefined = decodeUserWithSlots(Uint8Array.of(7)).slots;',
    'const gone = deleteUser({ programId: user.owner, user: user.owner, device: user.devicePk, accessPass: user.owner, authority: user.owner });',
    'export { gone, slots };',
  ].join('\n');
  const names = '{ decodeUser, fetchRpc, subscriptionHint, type User, type UserChange, watchUsers }';
  for (const [name, head] of [
    [
      'types.mts',
      `import ${names} from 'dzd-telemetry-agent/serviceability';\nimport { decodeUserWithSlots, deleteUser, type UserSlots } from 'dzd-telemetry-agent/serviceability/rfc11';`,
    ],
    [
      'types.cts',
      `import sdk = require('dzd-telemetry-agent/serviceability');\nconst { decodeUser, fetchRpc, subscriptionHint, watchUsers } = sdk;\ntype User = sdk.User;\ntype UserChange = sdk.UserChange;\nimport rfc11 = require('dzd-telemetry-agent/serviceability/rfc11');\nconst { decodeUserWithSlots, deleteUser } = rfc11;\ntype UserSlots = rfc11.UserSlots;`,
    ],
  ]) {
    writeFileSync(join(project, name), `${head}\n${use}\n`);
  }
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const common = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--types', ''];
  run(process.execPath, [tsc, ...common, '--lib', 'es2023,dom', '--module', 'nodenext', 'types.mts', 'types.cts']);
  run(process.execPath, [tsc, ...common, '--lib', 'es2023,dom', '--module', 'esnext', '--moduleResolution', 'bundler', 'types.mts']);
  checkShownTypes(tsc);
}

/** A type without a name is shown by its fields, and not by the codecs that it follows from. */
function checkShownTypes(tsc) {
  const decoded = `Extract<DecodedInstruction, { readonly name: 'CreateDevice' }>`;
  writeFileSync(
    join(project, 'shown.mts'),
    `import type { DecodedInstruction } from 'dzd-telemetry-agent/serviceability';\nexport const shown = ({ args }: ${decoded}) => args;\n`,
  );
  run(process.execPath, [tsc, '--declaration', '--emitDeclarationOnly', '--strict', '--module', 'nodenext', '--types', '', 'shown.mts']);
  const shown = readFileSync(join(project, 'shown.d.mts'), 'utf8');
  if (!shown.includes('readonly mgmtVrf: string')) throw new Error(`the arguments of an instruction are shown as:\n${shown}`);
}

function run(command, args, cwd = project) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 240_000 });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed (${error?.message ?? status}):\n${stdout}${stderr}`);
}
