import { pino } from 'pino';
import { type Clock, systemClock } from '../lib/index.ts';
import { bigintAsJson } from './plain-json.ts';
import { prettyLine } from './pretty-line.ts';
import { serializeError } from './serialize-error.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts that go with a line. An Error under any name is written as its message, code and remedy; a bigint as a number. */
export type LogFields = Readonly<Record<string, unknown>> & { readonly level?: never; readonly time?: never; readonly msg?: never };

/** What the agent's parts know of logging: narrow enough for a stub in a test. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with these fields in each line. */
  child(bindings: LogFields): Logger;
}

export interface LoggerOptions {
  /** The least important level that is written. */
  readonly level: LogLevel;
  /** journald: JSON with the line's priority before it, as sd-daemon(3) has it; the journal takes that off again. */
  readonly format: 'json' | 'pretty' | 'journald';
  /** Takes whole lines; standard error in the agent. */
  readonly destination: { write(line: string): unknown };
  readonly clock?: Pick<Clock, 'wall'>;
}

/** The priorities of syslog(3) by level. */
export const JOURNAL_PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** Values under these names never leave, whoever logs them. */
const SECRET_NAMES = ['password', 'community', 'secret', 'secretKey', 'privateKey', 'seed', 'token', 'cookie', 'authorization'];

/** A log of one line an event. JSON lines have `level`, `time` (ISO 8601, UTC), `msg` and the fields. */
export function createLogger({ level, format, destination, clock = systemClock }: LoggerOptions): Logger {
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wall()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
    },
    { write: (line) => void destination.write(arranged(line, format)) },
  );
  return wrap(log);
}

function arranged(line: string, format: LoggerOptions['format']): string {
  if (format === 'json') return line;
  const fields = JSON.parse(line);
  if (format === 'pretty') return prettyLine(fields);
  const level = LOG_LEVELS.find((each) => each === fields.level) ?? 'info';
  return `<${JOURNAL_PRIORITY[level]}>${line}`;
}

function wrap(log: pino.Logger): Logger {
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      log[level](plainFields(fields), message);
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (bindings) => wrap(log.child(plainFields(bindings))),
  };
}

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (value instanceof Error) return serializeError(value);
  return typeof value === 'bigint' ? bigintAsJson(value) : value;
}
