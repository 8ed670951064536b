import { fstatSync, writeFileSync } from 'node:fs';
import { close as closeDebugger } from 'node:inspector';
import { basename } from 'node:path';
import { configProblems, type LoadedConfig, type LogConfig } from '../config/index.ts';
import { AgentError, asError, createAbortController, isAgentError, Stopped, visible } from '../lib/index.ts';
import { createLogger, JOURNAL_PRIORITY, type Logger, printable, type RecentLines, usesColor } from '../observability/index.ts';
import type { CommandIo, ExitCode, Output } from './command.ts';

/** Put in by the build from package.json. */
declare const __VERSION__: string | undefined;

/**
 * Prints why a command failed, and returns its exit code. Problems of usage or configuration are plain lines, one per problem; an unexpected
 * error is one log line with its stack.
 */
export function reportFailure(
  error: unknown,
  { stderr, signal }: Pick<CommandIo, 'stderr' | 'signal'>,
  program: string = 'dzd-telemetry',
): ExitCode {
  if (error instanceof Stopped || (signal.aborted && error === signal.reason)) return 0;
  if (!isAgentError(error)) {
    logInternalError('internal error: the command failed', error, stderr);
    return 1;
  }
  // The journal finds errors by their priority.
  const mark = stderr.isJournal === true ? `<${JOURNAL_PRIORITY.error}>` : '';
  const isConfig = error.code.startsWith('CONFIG__');
  for (const line of isConfig ? configProblems(error) : [error.message]) stderr.write(`${mark}${program}: ${printable(line)}\n`);
  stderr.write(`${mark}${program}: ${error.remedy}\n`);
  return isConfig ? 2 : 1;
}

const fittingFormat = ({ isTerminal, isJournal }: Output) => (isTerminal ? 'pretty' : isJournal === true ? 'journald' : 'json');

/** One log line about an unexpected error. */
function logInternalError(message: string, error: unknown, stderr: Output): void {
  createLogger({
    level: 'error',
    format: fittingFormat(stderr),
    destination: stderr,
  }).error(message, { error: asError(error) });
}

/**
 * Whether this file descriptor leads to systemd's journal: `JOURNAL_STREAM` of the environment names device and inode of the
 * stream that systemd connected (systemd.exec(5)). A redirection after that leads elsewhere, and then the numbers differ.
 */
export function leadsToJournal(descriptor: number, { JOURNAL_STREAM: stream = '' }: Readonly<Record<string, string | undefined>>): boolean {
  const [, device, inode] = /^(\d+):(\d+)$/.exec(stream) ?? [];
  if (device === undefined || inode === undefined) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return dev === BigInt(device) && ino === BigInt(inode);
  } catch {
    return false;
  }
}

/** Adds the line of the configuration that names the unusable file or address. Other errors stay as they are. */
export function withConfigLocation(error: unknown, { placeOf }: Pick<LoadedConfig, 'placeOf'>): unknown {
  if (!isAgentError(error)) return error;
  const { code, cause, context } = error;
  if (!code.startsWith('CONFIG__KEYPAIR_') && code !== 'CONFIG__SECRET_UNREADABLE' && code !== 'CONFIG__CANNOT_LISTEN') return error;
  const placed = Object.entries<unknown>(context).map(([name, value]) => {
    const place = name === 'file' || name === 'address' ? placeOf(String(value)) : undefined;
    return [name, place === undefined ? value : `${value} (${place})`];
  });
  return new AgentError(code, { ...context, ...Object.fromEntries(placed) }, { cause });
}

/** The log of this configuration, on standard error; `recent` gets its lines, too. */
export function openLog(
  { level, format }: LogConfig,
  { stderr, environment = {} }: Pick<CommandIo, 'stderr'> & Partial<Pick<CommandIo, 'environment'>>,
  recent?: RecentLines,
): Logger {
  const chosen = format === 'auto' ? fittingFormat(stderr) : format;
  const write = (line: string): void => {
    recent?.push(line);
    stderr.write(line);
  };
  return createLogger({ level, format: chosen, destination: { write }, color: usesColor(stderr, environment) });
}

/** Signals that end the process in order, and the exit code of a process that they kill. Some container runtimes stop with SIGQUIT or SIGPWR. */
const STOP_SIGNALS = { SIGINT: 130, SIGQUIT: 131, SIGTERM: 143, SIGXCPU: 152, SIGPWR: 158 } as const;
/** By default SIGUSR1 opens a debugger in the process that holds the key, and the others end it with writes in flight. A listener prevents that. */
const IGNORED_SIGNALS = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGSTKFLT'] as const;

/**
 * Runs a program as this process: signals become an AbortSignal, broken pipes an orderly end, and uncaught errors one log line.
 *
 *   SIGINT, SIGTERM ──► signal aborts, the program ends in order ──► exit code of the program
 *   the same again  ──► 130, 143 at once
 *   SIGQUIT, SIGPWR ──► as SIGTERM; the same for SIGXCPU
 *   SIGHUP          ──► the program's own handler; without one, as SIGTERM; ignored while `run` loads
 *   SIGUSR1, 2      ──► ignored; the same for signals of timers and I/O
 *   stdout closed   ──► signal aborts (`| head` ended)
 *   stdout fails    ──► the same, one line on stderr, 1 (the disk is full)
 *   uncaught        ──► one log line, 1
 */
export async function runProcess(program: (args: readonly string[], io: CommandIo) => Promise<ExitCode>): Promise<void> {
  const controller = createAbortController();
  const stop = (why: string): void => controller.abort(new Stopped(why));
  let outputProblem: Error | undefined;
  const stdout = guard(process.stdout, 1, (error) => {
    if (!CLOSED.has('code' in error ? error.code : undefined)) outputProblem = error;
    stop('standard output was closed');
  });
  const stderr = guard(process.stderr, 2, () => undefined);

  let isStopping = false;
  for (const [name, code] of Object.entries(STOP_SIGNALS)) {
    process.on(name, () => {
      if (isStopping) process.exit(code);
      isStopping = true;
      stop(name);
    });
  }
  const args = process.argv.slice(2);
  // `run` reads its configuration later, so there is nothing to reload yet.
  let hangUp = (): void => (args.includes('run') ? undefined : stop('SIGHUP'));
  process.on('SIGHUP', () => hangUp());
  for (const name of IGNORED_SIGNALS) process.on(name, () => undefined);
  emptyCoreDumps();
  // A SIGUSR1 that came before the listeners has opened one; Node.js 20 has no option against it.
  if (!process.execArgv.some((flag) => flag.startsWith('--inspect'))) closeDebugger();
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logInternalError(`internal error: ${event}`, error, stderr);
      process.exit(1);
    });
  }

  const environment = { ...process.env };
  // Node reads this variable at each connection, and with 0 verifies no certificate at all. `loadConfig` warns of it.
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;

  const code = await program(args, {
    stdout,
    stderr,
    environment,
    signal: controller.signal,
    onHangup: (listener) => {
      hangUp = listener;
    },
    version: typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0-unbuilt',
  });
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  // A stream reports the error of a write later.
  await new Promise(setImmediate);
  if (outputProblem === undefined) process.exit(code);
  const name = basename(process.argv[1] ?? '', '.js');
  stderr.write(`${name}: standard output is incomplete: ${outputProblem.message}\n`);
  await flush(process.stderr);
  process.exit(1);
}

/**
 * Keeps all memory, and the key in it, out of a core dump of this process. A limit of 0 (`ulimit -c 0`) does not keep it from a program to which
 * the kernel pipes the dump. Only Linux has this file: core(5).
 */
function emptyCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // Not Linux, or /proc is read-only.
  }
}

/** The reader closed the pipe. */
const CLOSED: ReadonlySet<unknown> = new Set(['EPIPE', 'EOF', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);

/** Makes the closing of a stream an event instead of an exception. */
function guard(stream: NodeJS.WriteStream, descriptor: number, onClosed: (error: Error) => void): Output {
  let open = true;
  stream.on('error', (error) => {
    if (!open) return;
    open = false;
    onClosed(error);
  });
  const write = (content: string | Uint8Array): void => {
    if (open) stream.write(content);
  };
  return {
    write: (text) => write(visible(text)),
    writeBytes: stream.isTTY === true ? undefined : write,
    isTerminal: stream.isTTY === true,
    isJournal: leadsToJournal(descriptor, process.env),
    get columns() {
      return stream.columns;
    },
  };
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
}
