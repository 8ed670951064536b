import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { SYSTEM_PATH } from './requirements.ts';

export interface Daemon {
  readonly name: string;
  /** The last of what it printed. */
  output(): string;
  isRunning(): boolean;
  /** Ends it at once, as a crash or a power cut would; resolves when it is gone. Idempotent. */
  kill(): Promise<void>;
}

export interface DaemonOptions {
  readonly name: string;
  readonly namespace: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const KEPT_OUTPUT = 4_000;

/** Runs the command in the foreground, in the namespace. `ip netns exec` becomes the command, so that the child is the daemon itself. */
export function startDaemon({ name, namespace, command, env = {} }: DaemonOptions): Daemon {
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace, ...command], {
    env: { ...process.env, PATH: SYSTEM_PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const exited = once(child, 'exit').catch((error: unknown) => keep(Buffer.from(String(error))));
  const isRunning = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

  return {
    name,
    output: () => output.trim(),
    isRunning,
    async kill() {
      if (!isRunning()) return;
      child.kill('SIGKILL');
      await exited;
    },
  };
}
