import { pino } from 'pino';
import { type Clock, systemClock } from '../platform/index.ts';
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
  readonly format: 'json' | 'pretty';
  /** Takes whole lines; standard error in the agent. */
  readonly destination: { write(line: string): unknown };
  readonly clock?: Pick<Clock, 'wall'>;
}

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
    { write: (line) => void destination.write(format === 'json' ? line : prettyLine(JSON.parse(line))) },
  );
  return wrap(log);
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
