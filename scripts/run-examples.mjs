#!/usr/bin/env node
/*
 * node scripts/run-examples.mjs [--project DIR] [--localnet FILE]
 *
 * Runs each command of DIR/examples/README.md against a localnet, in the page's order, and fails where a program fails, prints something else than the
 * page shows, or is not on the page. DIR is this repository by default, FILE its built dzd-localnet; scripts/check-package.mjs hands in a project that
 * has the package installed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isAsShown } from './transcript.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: { project: { type: 'string', default: root }, localnet: { type: 'string', default: join(root, 'dist/dzd-localnet.js') } },
});
const project = resolve(values.project);
const DEADLINE_MS = 40_000;

const page = readFileSync(join(project, 'examples/README.md'), 'utf8');
const [, users] = /^node dist\/dzd-localnet\.js --users (\d+)$/m.exec(page);
const folder = mkdtempSync(join(tmpdir(), 'dzd-examples-'));
const ports = ['rpc', 'eapi', 'snmp', 'grpc'].flatMap((name) => [`--${name}-port`, '0']);
const localnet = start([values.localnet, '--users', users, '--output', 'json', ...ports, '--eapi-socket', join(folder, 'eapi.sock')]);
try {
  const ready = await readyLine();
  const variables = {
    RPC: ready.rpcUrl,
    PROGRAM: ready.programId,
    DEVICE: ready.device,
    KEYPAIR: ready.keypair,
    FOUNDATION: ready.foundationKeypair,
  };
  const commands = commandsOf(page);
  const programs = readdirSync(join(project, 'examples'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.[cm]?js$/.test(name));
  const missing = programs.filter((name) => !commands.some(({ line }) => line.startsWith(`node examples/${name} `)));
  if (programs.length === 0 || missing.length > 0)
    throw new Error(`examples/README.md has no command for ${missing.join(', ') || 'anything'}`);

  let background;
  for (const { line, output } of commands) {
    const [, ...args] = line
      .replace(/ &$/, '')
      .replaceAll(/"\$(\w+)"/g, (_, name) => variables[name])
      .split(' ');
    const child = start(args);
    const finished = finish(line, child, output);
    if (line.endsWith(' &')) {
      background = finished;
      await Promise.race([new Promise((done) => child.stdout.once('data', done)), finished]);
    } else {
      await finished;
      await background;
    }
  }
  console.log(`${programs.length} examples ran and printed what examples/README.md shows`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  localnet.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}

/** The commands of the page (`$ node examples/…`), each with the lines that it shows below. */
function commandsOf(text) {
  return [...text.matchAll(/^\$ (node examples\/.*)\n((?:(?!\$ |```).*\n)*)/gm)].map(([, line, output]) => ({ line, output }));
}

function start(args) {
  return spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
}

function readyLine() {
  return new Promise((done, fail) => {
    createInterface({ input: localnet.stdout }).on('line', (line) => {
      const event = JSON.parse(line);
      if (event.event === 'ready') done(event);
    });
    localnet.once('exit', (code) => fail(new Error(`the localnet ended with code ${code}`)));
  });
}

function finish(line, child, expected) {
  return new Promise((done, fail) => {
    let output = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0) fail(new Error(`${line} ended with ${signal ?? code}:\n${output}`));
      else if (!isAsShown(expected, output)) fail(new Error(`${line} printed something else than examples/README.md shows:\n${output}`));
      else done();
    });
  });
}
