#!/usr/bin/env node
/*
 * node test/mixin/live.mjs [--write FILE] [--only TEXT …]
 *
 *   localnet ◄── agent ◄─┐
 *   localnet ◄── agent ◄─┼─ Prometheus, with mixin/'s rules ◄── every query of mixin/dashboards/
 *   localnet ◄── agent ◄─┘
 *
 * Fails if promtool rejects a metric name, a dashboard query finds nothing, a runbook command fails, or an alert fires on a healthy agent. Then follows the runbook of each alert of
 * faults.mjs while its fault lasts: the alert fires, the verdict names the runbook, the agent serves it, each of its commands shows the fault, each of its queries has data, and what it says to do
 * resolves the alert. --write saves the queries' results in FILE, --only takes the faults whose name has the text. Needs dist/ and Debian's packages prometheus and jq.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { earlyEnd, endAll, start, startBed, until } from './bed.mjs';
import { ANY, BEDS, HEALTHY, targetsLost } from './faults.mjs';
import { panelQueries, prometheusAt, runbookCommands, runbookQueries, variableQueries } from './prometheus.mjs';
import { resultsPage } from './results-page.mjs';

const root = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { write: { type: 'string' }, only: { type: 'string', multiple: true, default: [''] } } });
const folder = mkdtempSync(join(tmpdir(), 'dzd-mixin-'));
const startedAt = Date.now();
const say = (line) => process.stdout.write(`${line} (${Math.round((Date.now() - startedAt) / 1_000)} s)\n`);

const file = (name, content) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

/** Prometheus with the rules of mixin/, sped up: evaluated each second, `for` at 3 s, two seconds for a minute of a range, a minute for the five of DzdWritesDelayed. */
async function startPrometheus() {
  const targets = file('targets.json', '[]');
  const rules = ['recording-rules.yaml', 'alerts.yaml'].map((name) => {
    const text = readFileSync(join(root, 'mixin', name), 'utf8')
      .replaceAll(/interval: 30s/g, 'interval: 1s')
      .replaceAll(/for: \d+m/g, 'for: 3s')
      .replaceAll(/\[(\d+)m\]/g, (_, minutes) => `[${2 * minutes}s]`)
      .replace('oldest_pending_age:seconds > 300', 'oldest_pending_age:seconds > 60');
    return file(name, text);
  });
  const config = {
    global: { scrape_interval: '2s', evaluation_interval: '1s' },
    rule_files: rules,
    scrape_configs: [{ job_name: 'dzd-telemetry', file_sd_configs: [{ files: [targets], refresh_interval: '1s' }] }],
  };
  const configFile = file('prometheus.yaml', JSON.stringify(config));
  const args = [`--config.file=${configFile}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`, '--web.listen-address=127.0.0.1:0'];
  const { found: address } = await start('prometheus', args, (line) => /Listening on" address=([\d.:]+)/.exec(line)?.[1]);
  return { address, config: configFile, targets };
}

/** The dashboards and the commands of the runbooks, with an agent that has no fault; resolves to what each command printed. */
async function inspectHealthy(bed, prometheus) {
  const metrics = await (await bed.fetch('/metrics')).text();
  const lint = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
  if (lint.status !== 0) throw new Error(`promtool check metrics:\n${lint.stdout}${lint.stderr}`);
  say(`the agent's ${metrics.match(/^# TYPE/gm)?.length} metrics pass promtool check metrics`);

  const names = { job: 'dzd-telemetry', instance: bed.host, device: 'lo-dz001', window: '15s' };
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
    60,
  );
  say(`each of the dashboards' ${queries.length} queries has data`);
  for (const { metric, label } of variableQueries(root, names)) {
    if (!(await prometheus.query(metric)).some((sample) => sample.metric[label])) throw new Error(`${metric} has no ${label}`);
  }
  for (const expr of runbookQueries(root)) await prometheus.query(expr);
  const early = await prometheus.firing(bed.host);
  if (early.length > 0) throw new Error(`alerts fire on a healthy agent: ${early.join(', ')}`);
  say('no alert fires on a healthy agent');
  if (values.write !== undefined) writeFileSync(resolve(root, values.write), resultsPage(results));

  const printed = new Map();
  for (const command of runbookCommands(root)) {
    let answer;
    await until(
      () => `runbook command ${command}\nexit code ${answer?.code}:\n${answer?.output}`,
      async () => {
        // The scenario deletes users, and the agent notices a little later.
        const { user } = (await bed.status()).users.at(-1);
        answer = await bed.execute(command, user);
        // grep finds no line of a fault in the log of a healthy agent.
        return answer.code === 0 || command.includes('| grep') ? true : undefined;
      },
      120,
    );
    printed.set(command, answer.output);
  }
  say("the runbooks' queries and commands work");
  return printed;
}

/** Begins a fault, follows the runbook of each alert that it fires, ends the fault as the runbook says, and waits until the alerts are resolved. */
async function follow(fault, bed, prometheus, healthy) {
  const { what, begin, end, alerts, silent = false, noData = false, user = 0, finding } = fault;
  const names = Object.keys(alerts);
  const become = (name, wanted, seconds) => becomes(name, wanted, prometheus, bed.host, seconds);
  await Promise.all(names.map((name) => become(name, false, 90)));
  bed.forgetLog();
  await begin(bed);
  const { address } = (await bed.users())[user];
  await Promise.all(names.map((name) => become(name, true, 240)));
  await Promise.all(
    names.map((name) =>
      followRunbook(name, { bed, prometheus, healthy, shows: alerts[name], address, silent, noData, finding: finding ?? name }),
    ),
  );
  bed.forgetLog();
  await end(bed);
  await Promise.all(
    names.map(async (name) => {
      await become(name, false, 120);
      for (const line of recoveryLines(name))
        await until(
          () => `the log has ${line} after ${what}`,
          async () => (line.test(bed.log()) ? true : undefined),
          60,
        );
    }),
  );
  say(`${what} fires ${names.join(', ')}; commands show it, the remedy resolves it`);
}

async function followRunbook(name, { bed, prometheus, healthy, shows, address, silent, noData, finding }) {
  if (!silent) {
    let findings;
    await until(
      () => `a finding has the runbook ${finding}: ${JSON.stringify(findings)}`,
      async () => {
        ({ findings } = await bed.status());
        return findings.some(({ runbook }) => runbook === finding) ? true : undefined;
      },
      60,
    );
    if (!(await bed.fetch(`/runbooks/${name}`)).ok) throw new Error(`the agent does not serve the runbook ${name}`);
  }
  const commands = runbookCommands(root, name);
  if (commands.length !== shows.length) throw new Error(`${name} has ${commands.length} commands, and faults.mjs ${shows.length} outputs`);
  const printedWithout = await healthy;
  for (const [at, command] of commands.entries()) {
    let printed = '';
    await until(
      () => `${shows[at]} in what ${name} says to run: ${command}\n${printed}`,
      async () => {
        const { code, output } = await bed.execute(command, address);
        printed = `${output}exit code ${code}`;
        return shows[at].test(printed) ? true : undefined;
      },
      60,
    );
    if (shows[at] !== ANY && shows[at].test(printedWithout.get(command)))
      throw new Error(`${name}: ${command}\nprints ${shows[at]} without the fault, too`);
  }
  for (const expr of runbookQueries(root, name))
    await until(
      () => `the query of ${name} has ${noData ? 'no ' : ''}data: ${expr}`,
      async () => ((await prometheus.query(expr)).length === 0 ? noData : !noData) || undefined,
      60,
    );
}

/** What the log says after the remedy, by "How to verify the fix". */
function recoveryLines(name) {
  const [, page] = readFileSync(join(root, 'docs/runbooks', `${name}.md`), 'utf8').split('## How to verify the fix');
  return [...page.matchAll(/log says `([^`]+)`(?:, or `([^`]+)`)?/g)].map(([, line, or = line]) => new RegExp(`${line}|${or}`));
}

const targetsOf = (beds) => JSON.stringify([{ targets: beds.map(({ host }) => host) }]);

async function becomes(alert, wanted, prometheus, host, seconds) {
  let fired = [];
  await until(
    () => `${alert} ${wanted ? 'fires' : 'is resolved'}; firing: ${fired.join(', ') || 'none'}`,
    async () => {
      fired = await prometheus.firing(host);
      return fired.includes(alert) === wanted ? true : undefined;
    },
    seconds,
  );
}

async function run() {
  const server = await startPrometheus();
  const prometheus = prometheusAt(`http://${server.address}`);
  const chosen = BEDS.map((bed) => ({ ...bed, faults: bed.faults.filter(({ what }) => values.only.some((text) => what.includes(text))) }));
  const plans = chosen.filter(({ faults }) => faults.length > 0);
  const [healthyBed, ...beds] = await Promise.all([HEALTHY, ...plans].map((plan) => startBed(plan, join(folder, plan.name), server)));
  writeFileSync(server.targets, targetsOf([healthyBed, ...beds]));
  await until(
    () => 'the agents are scraped',
    async () => ((await prometheus.query('max_over_time(up[1h]) == 1')).length === 1 + beds.length ? true : undefined),
    120,
  );
  say(`Prometheus scrapes ${1 + beds.length} agents`);
  const healthy = inspectHealthy(healthyBed, prometheus);
  const followed = plans.map(async ({ faults }, at) => {
    for (const fault of faults) await follow(fault, beds[at], prometheus, healthy);
  });
  await Promise.all([healthy, ...followed]);
  await follow(targetsLost(targetsOf([healthyBed, ...beds])), healthyBed, prometheus, healthy);
}

try {
  await Promise.race([run(), earlyEnd]);
} catch (error) {
  process.stderr.write(`${error.message}${error.cause === undefined ? '' : `: ${error.cause.message}`}\n`);
  process.exitCode = 1;
} finally {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
}
// After a failure, other beds would still wait.
process.exit();
