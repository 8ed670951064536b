#!/usr/bin/env node
/*
 * node scripts/generate-docs.mjs [--check]
 *
 *   src/config        ──► scripts/docs/*.ts ──► docs/configuration.md, docs/configuration.schema.json, config/*.yaml
 *   src/observability ──► scripts/docs/*.ts ──► docs/metrics.md, the tables of docs/watching.md
 *   src, localnet     ──► scripts/docs/*.ts ──► docs/errors.md, docs/output.md, docs/schemas/*.json
 *   test              ──► scripts/docs/*.ts ──► docs/rules.md
 *
 * With --check nothing is written, and files that are not up to date are named with exit code 1.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const check = process.argv.includes('--check');
process.chdir(root);

const stale = (await generatedFiles()).filter(({ path, content }) => content !== currentContent(path));
for (const { path, content } of check ? [] : stale) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
for (const { path } of stale) console.log(`${path} ${check ? 'is not up to date: run node scripts/generate-docs.mjs' : 'written'}`);
process.exitCode = check && stale.length > 0 ? 1 : 0;

/** The renderers are TypeScript, so they are bundled in memory and run from there. */
async function generatedFiles() {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['scripts/docs/generated-files.ts'],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    packages: 'external',
    // A module that reads the runbooks is in it; no page here is made of them.
    define: { __RUNBOOKS__: '{}', 'import.meta.url': "''" },
    write: false,
    logLevel: 'warning',
  });
  const module = { exports: {} };
  new Function('require', 'module', 'exports', outputFiles[0].text)(createRequire(import.meta.url), module, module.exports);
  return module.exports.generatedFiles();
}

function currentContent(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}
