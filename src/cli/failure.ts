import { configProblems } from '../config/index.ts';
import { isAgentError, Stopped } from '../lib/index.ts';
import { createLogger, JOURNAL_PRIORITY, printable } from '../observability/index.ts';
import type { CommandIo, ExitCode, Output } from './command.ts';

/**
 * Tells a person why a command ended, and returns the exit code that says the same to a program. What was wrong with the usage or the
 * configuration is told in plain lines, one a problem; a defect in one log line with its stack.
 */
export function reportFailure(error: unknown, { stderr, signal }: Pick<CommandIo, 'stderr' | 'signal'>): ExitCode {
  if (error instanceof Stopped || (signal.aborted && error === signal.reason)) return 0;
  if (!isAgentError(error)) {
    logDefect('the command failed', error, stderr);
    return 1;
  }
  // Of the journal's lines, those of an error are found by their priority.
  const mark = stderr.isJournal === true ? `<${JOURNAL_PRIORITY.error}>` : '';
  const isConfig = error.code.startsWith('CONFIG__');
  for (const line of isConfig ? configProblems(error) : [error.message]) stderr.write(`${mark}dzd-telemetry: ${printable(line)}\n`);
  stderr.write(`${mark}dzd-telemetry: ${error.remedy}\n`);
  return isConfig ? 2 : 1;
}

/** One log line about something that should not have happened. */
export function logDefect(message: string, error: unknown, stderr: Output): void {
  createLogger({
    level: 'error',
    format: stderr.isTerminal ? 'pretty' : stderr.isJournal === true ? 'journald' : 'json',
    destination: stderr,
  }).error(message, {
    error: error instanceof Error ? error : new Error(String(error)),
  });
}
