import { randomUUID } from 'node:crypto';
import { open, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createAgentEvents } from '../agent/events.ts';
import { openAgent, openCollect, openTrigger } from '../agent/from-config.ts';
import type { AgentConfig, LoadedConfig, TriggerConfig } from '../config/index.ts';
import { type AgentError, type Clock, describeError, isAgentError } from '../lib/index.ts';
import { count, printable, span } from '../observability/index.ts';
import { ACCEPTED_SKEW_MS, probeStateIngest, readConfiguredState, type WantedState } from '../snapshots/index.ts';
import { type Finding, fail, type Lookups, milliseconds, ok, Skip, type Step, warn } from './check-step.ts';
import { openAdminServer } from './daemon.ts';

/** The configuration itself. It is valid, or there would be no check. */
export function configurationStep({ config, file, warnings }: LoadedConfig): Step {
  return {
    name: 'configuration',
    run() {
      const { sources } = config.collector;
      const names = sources.map(({ name }) => name).join(', ');
      if (warnings.length === 0) return ok(`${file ?? 'no file'}: network ${config.env}, ${count(sources.length, 'source')} (${names})`);
      const unset = 'unset NODE_TLS_REJECT_UNAUTHORIZED';
      const others = warnings.filter((line) => !line.includes('NODE_TLS_REJECT_UNAUTHORIZED'));
      if (others.length === 0) return warn(warnings.join('; '), unset);
      const first = others.length < warnings.length ? `${unset}; ` : '';
      return warn(
        warnings.join('; '),
        `${first}correct these settings, or keep them if they are intended; docs/configuration.md lists every key`,
      );
    },
  };
}

export function keyStep({ key }: Lookups): Step {
  return {
    name: 'key',
    run() {
      const { keypair, warnings } = key();
      if (warnings.length > 0) return warn(warnings.join('; '), 'let only the user of this process read, change or replace it: chmod 400');
      return ok(`${keypair.address}, readable by its owner only`);
    },
  };
}

/** Opens, as `run` does before it starts, whatever the configuration names. What fails in it, and in no other step, is news. */
export function startStep(config: AgentConfig, { key }: Lookups): Step {
  return {
    name: 'start',
    async run() {
      const signer = key().keypair;
      const agent = await openAgent({ config, signer, warn: () => undefined, reporter: createAgentEvents().reporter });
      await agent.stop();
      return ok('`run` can open all that it needs');
    },
  };
}

/** The HTTP server of the agent, opened as `run` does. */
export function listenStep(config: AgentConfig, version: string, { agent }: Lookups): Step {
  const address = `${config.http.listen.host}:${config.http.listen.port}`;
  return {
    name: 'listen',
    async run() {
      const warnings: string[] = [];
      const unused = (): void => undefined;
      const logger = { debug: unused, info: unused, error: unused, warn: (line: string) => void warnings.push(line) };
      const reload = async () => ({ successful: false, message: 'no agent runs here' });
      const server = await openAdminServer({ config, version, commit: null, publisher: undefined, logger, reload });
      await server.close();
      const taken = server.problem === undefined ? undefined : await heldByOurs(server.problem, agent);
      if (taken !== undefined) return fail(taken.message, taken.remedy);
      if (server.problem !== undefined) return ok(`the running agent serves ${address}`);
      return warnings.length === 0
        ? ok(`${address} is free`)
        : warn(warnings.join('; '), 'make the token readable by the user of this process only');
    },
  };
}

/** The error, unless it is that the agent which runs with this configuration has the address. */
async function heldByOurs(error: AgentError, agent: Lookups['agent']): Promise<AgentError | undefined> {
  const isInUse = `${error.message} ${describeError(error.cause)}`.includes('EADDRINUSE');
  return isInUse && (await agent()).kind === 'answered' ? undefined : error;
}

/** A trigger source that fails does so at once; one that works says nothing. */
const TRIGGER_LISTENS_MS = 1_000;

/** Each trigger source: whether its secrets can be read, and whether it can listen. */
export function triggerSteps({ collector }: AgentConfig, clock: Clock, { agent }: Lookups): readonly Step[] {
  return collector.wakeUps.map((trigger) => ({
    name: `trigger ${trigger.name}`,
    async run(signal) {
      const warnings: string[] = [];
      const opened = await openTrigger(trigger, { clock, random: Math.random, warn: (line) => warnings.push(line) });
      let problem: AgentError | undefined;
      try {
        const listening = AbortSignal.any([signal, AbortSignal.timeout(TRIGGER_LISTENS_MS)]);
        opened.start(
          () => undefined,
          listening,
          (event) => {
            if (event.state === 'lost') problem ??= event.error;
          },
        );
        await clock.sleep(TRIGGER_LISTENS_MS, signal);
      } finally {
        await opened.close();
      }
      const failure = problem && (await heldByOurs(problem, agent));
      if (failure !== undefined) return fail(failure.message, failure.remedy);
      if (warnings.length > 0) return warn(warnings.join('; '), 'make it readable by the user of this process only: chmod 400');
      return ok(problem === undefined ? listens(trigger) : 'the running agent listens there');
    },
  }));
}

function listens(trigger: TriggerConfig): string {
  return trigger.type === 'snmp-traps' ? `can receive at ${trigger.host}:${trigger.port}` : `${trigger.address} answers`;
}

/** Whether the agent that runs with this configuration is well, by its own verdict. */
export function agentStep({ agent }: Lookups): Step {
  return {
    name: 'agent',
    async run() {
      const asked = await agent();
      if (asked.kind === 'hangs')
        return fail(asked.problem, 'if the agent listens there, save its log and restart it (systemctl restart dzd-telemetry)');
      if (asked.kind !== 'answered') throw new Skip(asked.problem);
      const { findings, lastTick, now } = asked.status;
      if (findings === undefined) return warn('the running agent is of an earlier version, which gives no verdict', 'restart the agent');
      const [first] = findings;
      if (first === undefined) return ok(`the running agent polled ${span(now - (lastTick?.at ?? now))} ago, and its verdict is ok`);
      const detail = findings.map(({ text, since }) => `${printable(text)} (for ${span(now - since)})`).join('; ');
      const finding = findings.some(({ severity }) => severity === 'critical') ? fail : warn;
      return finding(`the running agent reports: ${detail}`, `${printable(first.remedy)}; docs/runbooks/${first.runbook}.md`);
    },
  };
}

/** Whether snapshots can go where the configuration sends them, and which kinds this host cannot collect. */
export function snapshotStep(config: AgentConfig, clock: Clock): Step {
  const { sink, url, directory, collect } = config.snapshots;
  return {
    name: 'snapshots',
    async run(signal) {
      if (sink === 'state-ingest' && url !== undefined) return checkServer(url, config, clock, signal);
      if (sink !== 'folder' || directory === undefined) throw new Skip('not configured');
      const { state, detail, remedy } = await checkFolder(directory);
      return remedy === undefined ? collectFinding(detail, readConfiguredState(collect), config, clock, signal) : { state, detail, remedy };
    },
  };
}

/** Time for all kinds together; the others are named as not tried. */
const COLLECT_MS = 15_000;

/** Collects each kind once, as the agent would, and stores nothing. */
async function collectFinding(
  what: string,
  { items, refused }: WantedState,
  config: AgentConfig,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding> {
  const { collect, close } = await openCollect(config);
  const until = clock.monotonic() + COLLECT_MS;
  const problems = refused.map(({ message }) => message);
  let failed = 0;
  let tried = 0;
  try {
    for (const item of items) {
      if (clock.monotonic() >= until) break;
      tried += 1;
      try {
        await collect(item, signal);
      } catch (error) {
        if (!isAgentError(error)) throw error;
        failed += 1;
        problems.push(`kind ${item.kind} cannot be collected: ${error.message}`);
      }
    }
  } finally {
    await close();
  }
  const untried = tried < items.length ? `; ${count(items.length - tried, 'kind')} not tried within ${span(COLLECT_MS)}` : '';
  if (problems.length === 0) return ok(`${what}${untried}`);
  const finding = failed === items.length ? fail : warn;
  return finding(
    `${what}${untried}; ${problems.join('; ')}`,
    'docs/snapshots.md says what each kind needs on this host and on the switch; the other kinds are collected',
  );
}

async function checkServer(url: string, config: AgentConfig, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const { wanted, latencyMs, skewMs } = await probeStateIngest({ url, timeoutMs: config.snapshots.requestTimeout, clock }, signal);
  const what = `the server requests ${count(wanted.items.length, 'kind')}, answered in ${milliseconds(latencyMs)}`;
  if (skewMs !== undefined && Math.abs(skewMs) > ACCEPTED_SKEW_MS)
    return fail(
      `${what}; its clock is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`,
      'set the clock of this host by NTP: signatures more than 5 min off are refused',
    );
  return collectFinding(what, wanted, config, clock, signal);
}

/** The sink creates a missing folder. Only an attempt shows whether it can: below /proc, even root cannot, although the permissions allow it. */
async function checkFolder(directory: string): Promise<Finding> {
  const remedy = 'set snapshots.directory to a folder with free space in which the user of this process may write';
  const existing = await stat(directory).catch(() => undefined);
  if (existing !== undefined && !existing.isDirectory()) return fail(`${directory} is not a folder`, remedy);
  const place = await nearestFolder(directory);
  try {
    await tryToStore(place);
  } catch (error) {
    return fail(`cannot store a file in ${place}: ${describeError(error)}`, remedy);
  }
  return ok(`${directory} ${existing === undefined ? 'will be created' : 'is writable'}`);
}

/** Writes enough bytes for a full disk to refuse them. It unlinks the file first, so a killed check leaves nothing. */
async function tryToStore(place: string): Promise<void> {
  const path = join(place, `.dzd-telemetry-check-${randomUUID()}`);
  const file = await open(path, 'wx', 0o600);
  try {
    await unlink(path);
    await writeFile(file, Buffer.alloc(4_096));
  } finally {
    await file.close();
  }
}

async function nearestFolder(path: string): Promise<string> {
  const existing = await stat(path).catch(() => undefined);
  return existing !== undefined || dirname(path) === path ? path : nearestFolder(dirname(path));
}
