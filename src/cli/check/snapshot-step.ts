import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SnapshotsConfig } from '../../config/index.ts';
import { type Clock, describeError } from '../../lib/index.ts';
import { span } from '../../observability/index.ts';
import { type Finding, fail, ok, Skip, type Step, warn } from './step.ts';
import { count, milliseconds } from './words.ts';

/** A state-ingest server refuses what is signed further from its own time. */
const ACCEPTED_SKEW_MS = 5 * 60_000;

/** Can snapshots be taken to where the configuration sends them? */
export function snapshotStep({ sink, url, directory, requestTimeout }: SnapshotsConfig, clock: Clock): Step {
  return {
    name: 'snapshots',
    look(signal) {
      if (sink === 'state-ingest' && url !== undefined) return server(url, requestTimeout, clock, signal);
      if (sink === 'folder' && directory !== undefined) return folder(directory);
      throw new Skip('none are configured');
    },
  };
}

async function server(url: string, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const { probeStateIngest } = await import('../../snapshots/index.ts');
  const { wanted, latencyMs, skewMs } = await probeStateIngest({ url, timeoutMs, clock }, signal);
  const what = `the server wants ${count(wanted.items.length, 'kind')}, told in ${milliseconds(latencyMs)}`;
  if (skewMs !== undefined && Math.abs(skewMs) > ACCEPTED_SKEW_MS)
    return fail(
      `${what}; its clock is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`,
      'set the clock of this host by NTP: signatures more than 5 min off are refused',
    );
  if (wanted.refused.length > 0)
    return warn(
      `${what}; ${wanted.refused.map(({ message }) => message).join('; ')}`,
      'what is refused is not collected; docs/snapshots.md tells what is',
    );
  return ok(what);
}

/** The sink makes the folder when it is missing: then the nearest one above it counts. */
async function folder(directory: string): Promise<Finding> {
  const remedy = 'name another folder in snapshots.directory, or let the user of this process write into it';
  const there = await stat(directory).catch(() => undefined);
  if (there !== undefined && !there.isDirectory()) return fail(`${directory} is no folder`, remedy);
  const place = there === undefined ? await nearestFolder(dirname(directory)) : directory;
  try {
    await access(place, constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(`${place} cannot be written into: ${describeError(error)}`, remedy);
  }
  return ok(there === undefined ? `${directory} will be made` : `${directory} can be written into`);
}

async function nearestFolder(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  return there !== undefined || dirname(path) === path ? path : nearestFolder(dirname(path));
}
