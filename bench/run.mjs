#!/usr/bin/env node
/*
 * node bench/run.mjs [NAME…] [--output json|text] [--users N] [--runs N] [--quick] [--list]
 *
 *   bench/*.ts ──esbuild──► node_modules/.cache/dzd-bench/ ──► one process a bench ──► {"bench","n","metric","value","unit"} lines
 *
 * A bench is a module whose default export is `async (emit, options)`, see bench/support/bench.ts. Each runs in a process of its own, so that none
 * measures another's leftovers. Without names all run, one after the other.
 */
import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '..');
const outdir = join(root, 'node_modules/.cache/dzd-bench');
const hostPath = join(outdir, 'support/localnet-host.js');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', default: 'text' },
    users: { type: 'string' },
    runs: { type: 'string' },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    /** Set for the process of one bench only. */
    only: { type: 'string' },
  },
});

if (values.only === undefined) await runAll();
else await runOne(values.only);

async function runAll() {
  const known = readdirSync(here)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => basename(file, '.ts'));
  if (values.list) return console.log(known.join('\n'));
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0 || !['json', 'text'].includes(values.output)) {
    console.error(`usage: npm run bench -- [${known.join('|')}]… [--output json|text] [--users N] [--runs N] [--quick]`);
    process.exit(2);
  }
  await bundle(known);
  let failed = 0;
  for (const name of positionals.length > 0 ? positionals : known) failed += (await inOwnProcess(name)) === 0 ? 0 : 1;
  process.exitCode = failed > 0 ? 1 : 0;
}

async function bundle(names) {
  const { build } = await import('esbuild');
  const { identity, withPackages } = await import('../scripts/package/bundle.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: [
      ...names.map((name) => `bench/${name}.ts`),
      'bench/support/localnet-host.ts',
      'bench/support/switch-host.ts',
      'bench/support/heap.ts',
    ],
    outdir,
    outbase: 'bench',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // As the command is built: its packages are part of what is measured.
    ...withPackages,
    sourcemap: 'linked',
    logLevel: 'warning',
    define: { ...identity(root), __VERSION__: '"bench"' },
  });
}

function inOwnProcess(name) {
  const args = ['--only', name, '--output', values.output];
  for (const option of ['users', 'runs']) if (values[option] !== undefined) args.push(`--${option}`, values[option]);
  if (values.quick) args.push('--quick');
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: ['--expose-gc'] });
  return new Promise((done) => child.on('exit', done));
}

async function runOne(name) {
  // As `run` does, before anything else is loaded.
  const { keepHeapSmall } = await import(pathToFileURL(join(outdir, 'support/heap.js')).href);
  keepHeapSmall();
  const bench = await import(pathToFileURL(join(outdir, `${name}.js`)).href);
  await bench.default((line) => print({ bench: name, ...line }), {
    quick: values.quick,
    hostPath,
    ...(values.users === undefined ? {} : { users: Number(values.users) }),
    ...(values.runs === undefined ? {} : { runs: Number(values.runs) }),
  });
  process.disconnect?.();
}

function print({ bench, n, metric, value, unit }) {
  const rounded = Number(value.toPrecision(5));
  if (values.output === 'json') console.log(JSON.stringify({ bench, n, metric, value: rounded, unit }));
  else console.log(`${bench.padEnd(14)} ${String(n).padStart(6)}  ${metric.padEnd(44)} ${String(rounded).padStart(10)} ${unit}`);
}
