import { lifeController, Stopped } from '../lib/index.ts';
import type { CommandIo, ExitCode, Output } from './command.ts';
import { logDefect } from './failure.ts';
import { leadsToJournal } from './journal-stream.ts';
import { VERSION } from './version.ts';

/** Signals that ask for an orderly end, and the exit code of a process that one of them kills. */
const STOP_SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Gives a program its process: signals become an AbortSignal, broken pipes an orderly end, and what nobody caught one log line.
 *
 *   SIGINT, SIGTERM ──► signal aborts, the program ends in order ──► exit code of the program
 *   the same again  ──► 130, 143 at once
 *   stdout closed   ──► signal aborts (`| head` has seen enough)
 *   uncaught        ──► one log line, 1
 */
export async function runProcess(program: (args: readonly string[], io: CommandIo) => Promise<ExitCode>): Promise<void> {
  const controller = lifeController();
  const stop = (why: string): void => controller.abort(new Stopped(why));
  const stdout = guard(process.stdout, 1, () => stop('the reader of standard output has gone'));
  const stderr = guard(process.stderr, 2, () => undefined);

  let asked = false;
  for (const [name, code] of Object.entries(STOP_SIGNALS)) {
    process.on(name, () => {
      if (asked) process.exit(code);
      asked = true;
      stop(name);
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logDefect(`${event}, this is a defect`, error, stderr);
      process.exit(1);
    });
  }

  const code = await program(process.argv.slice(2), {
    stdout,
    stderr,
    environment: process.env,
    signal: controller.signal,
    onHangup: (listener) => void process.on('SIGHUP', listener),
    version: VERSION,
  });
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  process.exit(code);
}

/** A stream whose closing is an event, not an exception. */
function guard(stream: NodeJS.WriteStream, descriptor: number, onClosed: () => void): Output {
  let open = true;
  stream.on('error', () => {
    if (!open) return;
    open = false;
    onClosed();
  });
  return {
    write: (text) => {
      if (open) stream.write(text);
    },
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
