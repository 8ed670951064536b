import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { AgentConfig, LoadedConfig, SnapshotsConfig } from '../config/index.ts';
import { type Clock, describeError } from '../lib/index.ts';
import { printable, span } from '../observability/index.ts';
import { askRunningAgent } from './agent-status.ts';
import { count, type Finding, fail, type Lookups, milliseconds, ok, Skip, type Step, warn } from './check-step.ts';

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
      if (warnings.length > 0) return warn(warnings.join('; '), 'make it readable by the user of this process only: chmod 400');
      return ok(`${keypair.address}, readable by its owner only`);
    },
  };
}

/** Whether the agent that runs with this configuration is well, by its own verdict. */
export function agentStep({ http, device }: AgentConfig): Step {
  return {
    name: 'agent',
    async run(signal) {
      const asked = await askRunningAgent(http, device, signal);
      if (asked.kind === 'none') throw new Skip(asked.problem);
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

/** A state-ingest server refuses signatures with a time further from its own. */
const ACCEPTED_SKEW_MS = 5 * 60_000;

/** Whether snapshots can go where the configuration sends them. */
export function snapshotStep({ sink, url, directory, requestTimeout }: SnapshotsConfig, clock: Clock): Step {
  return {
    name: 'snapshots',
    run(signal) {
      if (sink === 'state-ingest' && url !== undefined) return checkServer(url, requestTimeout, clock, signal);
      if (sink === 'folder' && directory !== undefined) return checkFolder(directory);
      throw new Skip('not configured');
    },
  };
}

async function checkServer(url: string, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const { probeStateIngest } = await import('../snapshots/index.ts');
  const { wanted, latencyMs, skewMs } = await probeStateIngest({ url, timeoutMs, clock }, signal);
  const what = `the server requests ${count(wanted.items.length, 'kind')}, answered in ${milliseconds(latencyMs)}`;
  if (skewMs !== undefined && Math.abs(skewMs) > ACCEPTED_SKEW_MS)
    return fail(
      `${what}; its clock is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`,
      'set the clock of this host by NTP: signatures more than 5 min off are refused',
    );
  if (wanted.refused.length === 0) return ok(what);
  return warn(
    `${what}; ${wanted.refused.map(({ message }) => message).join('; ')}`,
    'refused kinds are not collected; docs/snapshots.md lists the others',
  );
}

/** The sink creates a missing folder: then the nearest existing one above it must be writable. */
async function checkFolder(directory: string): Promise<Finding> {
  const remedy = 'set snapshots.directory to another folder, or let the user of this process write to it';
  const existing = await stat(directory).catch(() => undefined);
  if (existing !== undefined && !existing.isDirectory()) return fail(`${directory} is not a folder`, remedy);
  const place = await nearestFolder(directory);
  try {
    await access(place, constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(`${place} is not writable: ${describeError(error)}`, remedy);
  }
  return ok(`${directory} ${existing === undefined ? 'will be created' : 'is writable'}`);
}

async function nearestFolder(path: string): Promise<string> {
  const existing = await stat(path).catch(() => undefined);
  return existing !== undefined || dirname(path) === path ? path : nearestFolder(dirname(path));
}
