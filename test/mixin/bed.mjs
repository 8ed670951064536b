import { execFile, spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '../..');
const cli = join(root, 'dist/dzd-telemetry.js');
const localnetCli = join(root, 'dist/dzd-localnet.js');

const children = new Set();

let endEarly;
/** Rejects when a program ends that should still run, with its last output. */
export const earlyEnd = new Promise((_, reject) => {
  endEarly = reject;
});

/** Starts a program; resolves to it and to the first result of `find` for a line of its output. */
export function start(command, args, find) {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
    children.add(child);
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on('line', (line) => {
        printed = `${printed}${line}\n`.slice(-20_000);
        const found = find(line);
        if (found !== undefined) resolvePromise({ child, found });
      });
    child.on('error', reject);
    child.on('exit', (code, signal) => endEarly(new Error(`${command} ${args[0]} ended with ${code ?? signal}:\n${printed}`)));
  });
}

/** Ends a program, and resolves when it has ended. */
export async function end(child, signal = 'SIGTERM') {
  children.delete(child);
  child.removeAllListeners('exit');
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  const forced = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(forced);
}

export const endAll = () => Promise.all([...children].map((child) => end(child)));

/** Polls until `ask` resolves to a value. */
export async function until(what, ask, seconds) {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what()}`);
    await sleep(500);
  }
}

/** A free TCP port, so that an agent that is started again has the same address. */
function freePort() {
  return new Promise((done, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

const isSection = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** The settings with a change: sections are merged, everything else is replaced. */
const merged = (settings, change) => ({
  ...settings,
  ...Object.fromEntries(Object.entries(change).map(([key, value]) => [key, isSection(value) ? merged(settings[key] ?? {}, value) : value])),
});

/** Starts a localnet; resolves to it and to its addresses. */
export function startLocalnet(flags) {
  const ports = ['--rpc-port', '0', '--eapi-port', '0', '--snmp-port', '0', '--grpc-port', '0'];
  return start(process.execPath, [localnetCli, ...flags, ...ports, '--output', 'json'], (line) =>
    line.startsWith('{"event":"ready"') ? JSON.parse(line) : undefined,
  );
}

/** A localnet and its agent, in a folder of their own; `flags` or `genesis` are the localnet's, and `settings` makes the agent's of the localnet's addresses. */
export async function startBed({ name, flags = [], genesis, settings: own = () => ({}) }, folder, prometheus) {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const logFile = join(folder, 'agent.log');
  const config = join(folder, 'config.yaml');
  const keypair = join(folder, 'keypair.json');
  if (genesis !== undefined) writeFileSync(join(folder, 'genesis.yaml'), JSON.stringify(genesis));
  const { found: localnet } = await startLocalnet(genesis === undefined ? flags : ['--genesis', join(folder, 'genesis.yaml')]);
  copyFileSync(localnet.keypair, keypair);
  // journald keeps the agent's lines where there is one.
  for (const [program, command] of [
    ['dzd-telemetry', `'${process.execPath}' '${cli}' "$@"`],
    ['journalctl', `cat '${logFile}'`],
  ])
    writeFileSync(join(folder, 'bin', program), `#!/bin/sh\nexec ${command}\n`, { mode: 0o755 });

  const [snmpHost, snmpPort] = localnet.snmp.split(':');
  const host = `127.0.0.1:${await freePort()}`;
  let settings = merged(
    {
      env: 'localnet',
      device: localnet.device,
      ledger: { rpcUrls: [localnet.rpcUrl], authorityInterval: '5s', viewIdleInterval: '2s' },
      collector: {
        interval: '1s',
        sources: [
          { type: 'eapi', url: localnet.eapiUrl },
          { type: 'snmp', host: snmpHost, port: Number(snmpPort), community: 'public', vrfs: ['default', 'vrf1', 'vrf2'] },
        ],
        wakeUps: [{ type: 'bgp-watch', address: localnet.grpc }],
      },
      http: { listen: host },
    },
    own(localnet, folder),
  );

  // A connection each: on a busy machine, a server closes an idle one just as the next request uses it.
  const ask = (url, { headers = {}, ...options } = {}) => fetch(url, { ...options, headers: { ...headers, connection: 'close' } });
  const askAgent = (path, options) => ask(new URL(path, `http://${host}`), options);
  const rpc = async (method, params = {}) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [params] });
    const answer = await (await ask(localnet.rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json();
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  };
  let agent;

  const bed = {
    name,
    folder,
    host,
    localnet,
    config,
    keypair,
    prometheus,
    rpc,
    fetch: askAgent,
    status: async () => (await askAgent('/status.json')).json(),
    log: () => readFileSync(logFile, 'utf8'),
    /** What the agent logs from now on is all that `journalctl` shows. */
    forgetLog: () => writeFileSync(logFile, ''),
    /** Writes the configuration with a change, which stays. */
    configure(change) {
      settings = merged(settings, change);
      writeFileSync(config, JSON.stringify(settings));
    },
    reload: () => askAgent('/-/reload', { method: 'POST' }),
    /** Starts an agent on a configuration with a change, which does not stay, until a line of its log has the text. */
    async startSecond(change, text) {
      const file = join(folder, 'second.yaml');
      writeFileSync(file, JSON.stringify(merged(settings, change)));
      const args = [cli, 'run', '--config', file, '--keypair', keypair];
      return (await start(process.execPath, args, (line) => (line.includes(text) ? true : undefined))).child;
    },
    async startAgent() {
      const args = [cli, 'run', '--config', config, '--keypair', keypair];
      const started = await start(process.execPath, args, (line) => {
        appendFileSync(logFile, `${line}\n`);
        return line.includes('"serving status, metrics and health"') ? true : undefined;
      });
      agent = started.child;
    },
    stopAgent: (signal) => end(agent, signal),
    /** Starts an agent that does not come up, and waits for its end. */
    async failToStart() {
      const { output } = await bed.execute(`dzd-telemetry run --config ${config} --keypair ${keypair}`);
      appendFileSync(logFile, output);
    },
    /** Runs a line of a runbook here. */
    execute: (line, user = '') =>
      new Promise((done) => {
        const command = line
          .replaceAll('/etc/dzd-telemetry/config.yaml', config)
          .replaceAll('/etc/dzd-telemetry/keypair.json', keypair)
          .replaceAll('127.0.0.1:50100', host)
          .replace('/etc/prometheus/prometheus.yml', prometheus.config)
          .replace('PROMETHEUS:9090', prometheus.address)
          .replace(/\bUSER\b/, user);
        const env = { PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
        execFile('bash', ['--norc', '-c', command], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
          done({ code: error?.code ?? 0, output: `${stdout}${stderr}` }),
        );
      }),
    /** The users of the ledger, in the order of their tunnels. */
    users: async () => (await rpc('localnet_users', { device: localnet.device })).sort((a, b) => a.tunnelId - b.tunnelId),
    disconnect: (users) => Promise.all(users.map(({ address }) => rpc('localnet_disconnectUser', { user: address }))),
    connect: (users) => Promise.all(users.map(({ address }) => rpc('localnet_connectUser', { user: address }))),
    faultOfLedger: (patch) => rpc('localnet_setFaults', patch),
    faultOfSwitch: (fault) => rpc('localnet_beginSwitchFault', fault),
    clear: () => Promise.all([rpc('localnet_clearFaults'), rpc('localnet_clearSwitchFaults')]),
  };
  bed.configure({});
  bed.forgetLog();
  await bed.startAgent();
  return bed;
}
