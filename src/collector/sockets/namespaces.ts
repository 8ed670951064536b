import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { delimiter } from 'node:path';
import type { VrfName } from '../../bgp/index.ts';
import { AgentError, describeError } from '../../lib/index.ts';

/** The network namespaces of this host and what `ss` prints in each. The seam where a simulated switch steps in. */
export interface Namespaces {
  /** Names of all of them. Throws AgentError `SOCKETS__FOLDER`. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** The output of `ss` for port 179 in one of them, with the configured flags. Throws AgentError `SOCKETS__SS_FAILED`, or the signal's reason. */
  sockets(namespace: string, signal: AbortSignal): Promise<string>;
}

export interface NamespacesOptions {
  /** Where the namespaces are mounted: `/var/run/netns`. */
  readonly folder: string;
  /** `ss` and what runs it in a namespace: `ss` and `ip`. */
  readonly ss?: string;
  readonly ip?: string;
  /** What `ss` is told to print: one line a socket, numbers only; with `e`, `m` and `o` its memory and timers too. `-tinHO` when absent. */
  readonly flags?: '-tinHO' | '-tinemoHO';
}

/** 4,096 sessions take 3 MB. */
const MAX_OUTPUT_BYTES = 16 << 20;

/** A daemon's PATH may lack the folders of the system's own tools. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** The real ones: the folder read anew each time, `ip netns exec` without a shell. */
export function createNamespaces({ folder, ss = 'ss', ip = 'ip', flags = '-tinHO' }: NamespacesOptions): Namespaces {
  return {
    async list(signal) {
      signal.throwIfAborted();
      try {
        return (await readdir(folder)).sort();
      } catch (error) {
        throw new AgentError('SOCKETS__FOLDER', { folder, problem: describeError(error) }, { cause: error });
      }
    },
    sockets(namespace, signal) {
      const args = ['netns', 'exec', namespace, ss, flags, 'sport = :179 or dport = :179'];
      return run(ip, args, namespace, signal);
    },
  };
}

function run(file: string, args: readonly string[], namespace: string, signal: AbortSignal): Promise<string> {
  const path = [...new Set([...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS])].join(delimiter);
  const options = {
    env: { PATH: path, LANG: 'C', LC_ALL: 'C' },
    encoding: 'utf8',
    maxBuffer: MAX_OUTPUT_BYTES,
    killSignal: 'SIGKILL',
  } as const;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      signal.removeEventListener('abort', onAbort);
      if (error === null) resolve(stdout);
      else reject(new AgentError('SOCKETS__SS_FAILED', { namespace, problem: problemOf(error, stderr) }, { cause: error }));
    });
    // Given the signal itself, execFile would ask with SIGTERM, whatever its killSignal is.
    const onAbort = (): void => {
      child.kill('SIGKILL');
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** What the tools printed tells more than the command line that Node repeats. */
function problemOf(error: Error, stderr: string): string {
  const printed = stderr
    .slice(0, 1_000)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  const problem = printed === '' ? describeError(error) : printed;
  return problem.length > 120 ? `${problem.slice(0, 119)}…` : problem;
}

/** The VRF that EOS keeps in this namespace: `ns-vrf1` is vrf1, `default` the default VRF; any other name stands for itself. */
export function vrfOfNamespace(namespace: string): VrfName {
  return /^ns-(.+)$/.exec(namespace)?.[1] ?? namespace;
}

/** Whether `ip` takes it for the name of a namespace, rather than for an option or a path. */
export function isNamespaceName(name: string): boolean {
  return /^[A-Za-z0-9_.][\w.@:+-]{0,254}$/.test(name) && name !== '.' && name !== '..';
}
