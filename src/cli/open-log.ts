import type { LogConfig } from '../config/index.ts';
import { createLogger, type Logger } from '../observability/index.ts';
import type { CommandIo } from './command.ts';

/** The log that the configuration asks for, on standard error. */
export function openLog({ level, format }: LogConfig, { stderr }: Pick<CommandIo, 'stderr'>): Logger {
  const fitting = stderr.isTerminal ? 'pretty' : stderr.isJournal === true ? 'journald' : 'json';
  const chosen = format === 'auto' ? fitting : format;
  return createLogger({ level, format: chosen, destination: stderr });
}
