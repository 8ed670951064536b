#!/usr/bin/env node
/*
 * node test/mixin/live.mjs [--write FILE]
 *
 *   localnet ◄── agent ◄── Prometheus, with mixin/'s rules ◄── every query of mixin/dashboards/
 *
 * Fails if promtool rejects a metric name, a dashboard query finds nothing, a runbook command fails, an alert fires on a healthy agent, or a fault (an unreadable switch, an endpoint that refuses
 * transactions, a drained device, a ledger that stands still, an empty key, a configuration with a mistake, a revoked key) fires no alert, has no finding with its runbook, leaves a command of
 * that runbook without output, or outlives its end. --write saves the queries' results in FILE. Needs dist/ and Debian's package prometheus.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { panelQueries, prometheusAt, runbookCommands, runbookQueries, variableQueries } from './prometheus.mjs';
import { resultsPage } from './results-page.mjs';

const root = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { write: { type: 'string' } } });
const folder = mkdtempSync(join(tmpdir(), 'dzd-mixin-'));
const cli = join(root, 'dist/dzd-telemetry.js');
const localnetCli = join(root, 'dist/dzd-localnet.js');
const children = [];
const execute = promisify(execFile);
const startedAt = Date.now();
const say = (line) => process.stdout.write(`${line} (${Math.round((Date.now() - startedAt) / 1_000)} s)\n`);

/** Rejects when a program ends that should still run, with its last output. */
let endEarly;
const earlyEnd = new Promise((_, reject) => {
  endEarly = reject;
});

/** Starts a program, and resolves to the first result of `find` for a line of its output. */
function start(command, args, find) {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
    children.push(child);
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      createInterface(stream).on('line', (line) => {
        printed = `${printed}${line}\n`.slice(-20_000);
        const found = find(line);
        if (found !== undefined) resolvePromise(found);
      });
    child.on('error', reject);
    child.on('exit', (code, signal) => endEarly(new Error(`${command} ${args[0]} ended with ${code ?? signal}:\n${printed}`)));
  });
}

/** Polls until `ask` resolves to a value. */
async function until(what, ask, seconds = 30) {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what()}`);
    await sleep(500);
  }
}

const file = (name, content) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

/** Prometheus with the rules of mixin/, evaluated each second and with `for` at 3 s, to keep the run short. */
async function startPrometheus(target) {
  const rules = ['recording-rules.yaml', 'alerts.yaml'].map((name) => {
    const text = readFileSync(join(root, 'mixin', name), 'utf8');
    return file(name, text.replaceAll(/interval: 30s/g, 'interval: 1s').replaceAll(/for: \d+m/g, 'for: 3s'));
  });
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rules,
    scrape_configs: [{ job_name: 'dzd-telemetry', static_configs: [{ targets: [target] }] }],
  };
  const args = [`--config.file=${file('prometheus.yaml', JSON.stringify(config))}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`];
  return start('prometheus', [...args, '--web.listen-address=127.0.0.1:0'], (line) => /Listening on" address=([\d.:]+)/.exec(line)?.[1]);
}

async function run() {
  const ports = ['--rpc-port', '0', '--eapi-port', '0', '--snmp-port', '0', '--grpc-port', '0'];
  const localnet = await start(process.execPath, [localnetCli, '--scenario', 'churn', ...ports, '--output', 'json'], (line) =>
    line.startsWith('{"event":"ready"') ? JSON.parse(line) : undefined,
  );
  const [snmpHost, snmpPort] = localnet.snmp.split(':');
  const settings = {
    env: 'localnet',
    device: localnet.device,
    ledger: { rpcUrls: [localnet.rpcUrl, localnet.rpcUrl.replace('127.0.0.1', 'localhost')], authorityInterval: '5s' },
    collector: {
      interval: '1s',
      sources: [
        { type: 'eapi', url: localnet.eapiUrl },
        { type: 'snmp', host: snmpHost, port: Number(snmpPort), community: 'public', vrfs: ['default', 'vrf1', 'vrf2'] },
      ],
      wakeUps: [{ type: 'bgp-watch', address: localnet.grpc }],
    },
    http: { listen: '127.0.0.1:0' },
  };
  const config = file('agent.yaml', JSON.stringify(settings));
  const agent = await start(process.execPath, [cli, 'run', '--config', config, '--keypair', localnet.keypair], (line) =>
    line.includes('"serving status, metrics and health"') ? new URL(JSON.parse(line).url) : undefined,
  );
  const drive = (...args) => {
    const { status, stderr } = spawnSync(process.execPath, [localnetCli, ...args, '--rpc-url', localnet.rpcUrl], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`localnet ${args.join(' ')}: ${stderr}`);
  };

  const metrics = await (await fetch(new URL('/metrics', agent))).text();
  const lint = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
  if (lint.status !== 0) throw new Error(`promtool check metrics:\n${lint.stdout}${lint.stderr}`);
  say(`the agent's ${metrics.match(/^# TYPE/gm)?.length} metrics pass promtool check metrics`);

  const prometheus = prometheusAt(`http://${await startPrometheus(agent.host)}`);
  await until(
    () => 'the agent is scraped',
    async () => ((await prometheus.query('up == 1')).length === 1 ? true : undefined),
  );
  const names = { job: 'dzd-telemetry', instance: agent.host, device: 'lo-dz001', window: '15s' };
  const queries = panelQueries(root, names);
  let results = [];
  const empty = () => results.filter(({ query, samples }) => samples.length === 0 && !query.mayBeEmpty);
  await until(
    () =>
      `data for ${empty()
        .map(({ query }) => `${query.dashboard}, ${query.panel}: ${query.expr}`)
        .join('\n')}`,
    async () => {
      results = await Promise.all(queries.map(async (query) => ({ query, samples: await prometheus.query(query.expr) })));
      return empty().length === 0 ? true : undefined;
    },
    45,
  );
  say(`each of the dashboards' ${queries.length} queries has data`);
  for (const { metric, label } of variableQueries(root, names)) {
    if (!(await prometheus.query(metric)).some((sample) => sample.metric[label])) throw new Error(`${metric} has no ${label}`);
  }
  for (const { expr } of runbookQueries(root)) await prometheus.query(expr);
  const users = async () => (await (await fetch(new URL('/status.json', agent))).json()).users.map(({ user }) => user);
  const here = (command, user) =>
    command
      .replace(/^dzd-telemetry/, `${process.execPath} ${cli}`)
      .replace('/etc/dzd-telemetry/config.yaml', config)
      .replace('/etc/dzd-telemetry/keypair.json', localnet.keypair)
      .replace('127.0.0.1:50100', agent.host)
      .replace(/\bUSER\b/, user);
  const attempt = async (command, tries = 3) => {
    // The scenario deletes users now and then, and the agent notices a little later: retry with another user.
    const user = (await users()).at(-tries);
    await execute('bash', ['-o', 'pipefail', '-c', here(command, user)]).catch(({ code, stdout, stderr }) => {
      if (command.includes('USER') && tries > 1) return attempt(command, tries - 1);
      throw new Error(`runbook command ${command}\nfailed with ${code}:\n${stdout}${stderr}`);
    });
  };
  await Promise.all(runbookCommands(root).map((command) => attempt(command)));
  say("the runbooks' queries and commands work");
  const early = await prometheus.firing();
  if (early.length > 0) throw new Error(`alerts fire on a healthy agent: ${early.join(', ')}`);
  say('no alert fires on a healthy agent');
  if (values.write !== undefined) writeFileSync(resolve(root, values.write), resultsPage(results));

  /** Begins a fault, follows the runbook of its alert, ends the fault, and waits until the alert is resolved. */
  const follow = async (what, alert, begin, end) => {
    await begin();
    await becomes(alert, true, prometheus, 120);
    const { findings } = await (await fetch(new URL('/status.json', agent))).json();
    if (!findings.some(({ runbook }) => runbook === alert))
      throw new Error(`no finding has the runbook ${alert}: ${JSON.stringify(findings)}`);
    if (!(await fetch(new URL(`/runbooks/${alert}`, agent))).ok) throw new Error(`the agent does not serve the runbook ${alert}`);
    // `check` and `status` exit with 1 for what they find; every other command of the runbook has to show something.
    for (const command of runbookCommands(root, alert)) {
      const [user] = await users();
      const { stdout } = await execute('bash', ['-o', 'pipefail', '-c', here(command, user)]).catch((error) => {
        if (error.code === 1 && /^dzd-telemetry/.test(command)) return error;
        throw error;
      });
      if (stdout.trim() === '') throw new Error(`the command of ${alert} prints nothing: ${command}`);
    }
    await end();
    await becomes(alert, false, prometheus, 60);
    say(`${what} fires ${alert}, its runbook's commands show it, and its end resolves it`);
  };
  const clear = () => drive('faults', 'clear');
  const rpc = (method, params) =>
    fetch(localnet.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [params] }),
    });
  const reload = () => fetch(new URL('/-/reload', agent), { method: 'POST' });
  const { publisher } = await (await fetch(new URL('/status.json', agent))).json();
  const refusal = 'rpc=[{"kind":"error","methods":["sendTransaction"],"code":-32005,"message":"rate limit of the plan"}]';
  await follow('an unreadable switch', 'DzdSwitchUnreachable', () => drive('faults', 'set', 'switch', 'kind=refuse'), clear);
  await follow('an endpoint that refuses transactions', 'DzdWritesNotLanding', () => drive('faults', 'set', 'ledger', refusal), clear);
  await follow(
    'a drained device',
    'DzdDeviceNotActivated',
    () => drive('device', 'status', 'drained'),
    () => drive('device', 'status', 'activated'),
  );
  await follow('a ledger that stands still', 'DzdLedgerStandsStill', () => drive('faults', 'set', 'ledger', 'frozen=true'), clear);
  await follow(
    'an empty key',
    'DzdPayerEmpty',
    () => rpc('localnet_fund', { address: publisher, lamports: 0 }),
    () => rpc('localnet_fund', { address: publisher, lamports: 10_000_000_000 }),
  );
  const right = readFileSync(config, 'utf8');
  await follow(
    'a configuration with a mistake',
    'DzdReloadFailed',
    async () => {
      file('agent.yaml', right.replace('"interval":"1s"', '"interval":"soon"'));
      await reload();
      file('agent.yaml', right);
    },
    reload,
  );
  await follow(
    'a revoked key',
    'DzdAuthorityLost',
    () => drive('device', 'publisher', localnet.programId),
    () => drive('device', 'publisher', publisher),
  );
}

async function becomes(alert, wanted, prometheus, seconds = 30) {
  let fired = [];
  await until(
    () => `${alert} ${wanted ? 'fires' : 'is resolved'}; firing: ${fired.join(', ') || 'none'}`,
    async () => {
      fired = await prometheus.firing();
      return fired.includes(alert) === wanted ? true : undefined;
    },
    seconds,
  );
}

try {
  await Promise.race([run(), earlyEnd]);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  const ended = children.map((child) => {
    child.removeAllListeners('exit');
    return child.exitCode === null ? new Promise((done) => child.once('exit', done)) : undefined;
  });
  for (const child of children) child.kill('SIGTERM');
  const forced = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, 10_000);
  await Promise.all(ended);
  clearTimeout(forced);
  rmSync(folder, { recursive: true, force: true });
}
// After an early end, `run` would still wait for what cannot come.
process.exit();
