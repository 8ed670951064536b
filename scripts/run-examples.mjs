#!/usr/bin/env node
/*
 * node scripts/run-examples.mjs [--project DIR] [--localnet FILE]
 *
 * Runs each program of DIR/examples against a localnet of its own, and fails when one fails or does not print what it should. DIR is this
 * repository by default, FILE its built dzd-localnet; scripts/check-package.mjs hands in a project that has the package installed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: { project: { type: 'string', default: root }, localnet: { type: 'string', default: join(root, 'dist/dzd-localnet.js') } },
});
const project = resolve(values.project);
const DEADLINE_MS = 40_000;
const USERS = 21;

const folder = mkdtempSync(join(tmpdir(), 'dzd-examples-'));
const localnet = start([
  values.localnet,
  '--users',
  String(USERS),
  '--output',
  'json',
  ...freePorts(),
  '--eapi-socket',
  join(folder, 'eapi.sock'),
]);
try {
  const { rpcUrl, programId, device, keypair, foundationKeypair } = await readyLine(localnet);
  const place = [rpcUrl, programId, device];
  const examples = {
    'list-users.mjs': () =>
      run('list-users.mjs', place, new RegExp(`never-reported {2}agent-silent\\n[^]*${USERS} users at slot \\d+\\n$`)),
    // The watch sees every user added, and then what the writer does to each.
    'watch-users.mjs': async () => {
      const watching = start([join(project, 'examples/watch-users.mjs'), ...place, String(2 * USERS)]);
      const firstLine = new Promise((done) => watching.stdout.once('data', done));
      const seen = finish('watch-users.mjs', watching, /changed \w+ up \(bgpStatus, lastBgpUpAt, lastBgpReportedAt, bgpRttNs\)\n$/);
      await Promise.race([firstLine, seen]);
      await run('write-status.mjs', [...place, keypair], /^20 users in \w+\n1 users in \w+\n$/);
      await seen;
    },
    'write-status-kit.mjs': () => run('write-status-kit.mjs', [...place, keypair], /^20 users in \w+\n1 users in \w+\n$/),
    'rfc11-user.mjs': () =>
      run(
        'rfc11-user.mjs',
        [...place, foundationKeypair],
        new RegExp(
          `^CreateAndActivateUser allocated [^]*\\ntunnel ${500 + USERS} is slot ${USERS}, [^]*\\nDeleteUser deallocated tunnel_id ${USERS}, tunnel_net ${USERS}, dz_ip ${USERS + 2}\\n$`,
        ),
      ),
    'read-account.cjs': () => run('read-account.cjs', [rpcUrl, device], /"type": "device"/),
  };
  const files = readdirSync(join(project, 'examples')).filter((name) => /\.[cm]?js$/.test(name));
  const missing = files.filter((name) => !(name in examples) && name !== 'write-status.mjs');
  if (missing.length > 0) throw new Error(`nothing is known of ${missing.join(', ')}: add it to scripts/run-examples.mjs`);
  for (const example of Object.values(examples)) await example();
  console.log(`${files.length} examples ran`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  localnet.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}

function freePorts() {
  return ['rpc', 'eapi', 'snmp', 'grpc'].flatMap((name) => [`--${name}-port`, '0']);
}

function start(args) {
  return spawn(process.execPath, args, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
}

function readyLine(child) {
  return new Promise((done, fail) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line);
      if (event.event === 'ready') done(event);
    });
    child.once('exit', (code) => fail(new Error(`the localnet ended with code ${code}`)));
  });
}

function run(name, args, expected) {
  return finish(name, start([join(project, 'examples', name), ...args]), expected);
}

function finish(name, child, expected) {
  return new Promise((done, fail) => {
    let output = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0) fail(new Error(`${name} ended with ${signal ?? code}:\n${output}`));
      else if (!expected.test(output)) fail(new Error(`${name} printed something else than ${expected}:\n${output}`));
      else done();
    });
  });
}
