import { stripVTControlCharacters } from 'node:util';
import { pino } from 'pino';
import { type Clock, describeError, isAgentError, isRecord, systemClock, visible } from '../lib/index.ts';
import { paint, printable, type Tone } from './text.ts';

/**
 * A JSON number for a bigint that a double holds exactly, else its digits as a string: a reader of JSON would silently round it.
 * Slots, lamports and nanoseconds of this agent are numbers; only a u64 that is not a plausible measurement becomes a string.
 */
function bigintAsJson(value: bigint): number | string {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

/** One line of JSON. Bigints as `bigintAsJson`. */
export function jsonLine(value: object): string {
  return `${visible(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? bigintAsJson(inner) : inner)))}\n`;
}

const TONES: Readonly<Record<string, Tone>> = { warn: 'warn', error: 'bad' };

/** One line for a person: `12:00:01 INFO text key=value`, in the time of this host. */
function prettyLine({ time, level, msg, ...fields }: Readonly<Record<string, unknown>>, color: boolean): string {
  const at = typeof time === 'string' ? new Date(time).toTimeString().slice(0, 8) : '--:--:--';
  const shown = String(level).toUpperCase().padEnd(5);
  const parts = [at, paint(shown, TONES[String(level)], color), printable(String(msg ?? ''))];
  return `${[...parts, ...fieldTexts(fields)].join(' ')}\n${stackText(fields.error)}`;
}

function fieldTexts(fields: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    if (key !== 'error' || !isRecord(value)) return [`${key}=${valueText(value)}`];
    const { message, code, remedy } = value;
    // The class is for programs; a person needs what happened and what to do.
    return [
      `error=${valueText(message)}`,
      ...(code === undefined ? [] : [`code=${valueText(code)}`]),
      ...(remedy === undefined ? [] : [`remedy=${valueText(remedy)}`]),
    ];
  });
}

/** The frames of an unexpected error, indented below its line. */
function stackText(error: unknown): string {
  if (!isRecord(error) || typeof error.stack !== 'string') return '';
  const frames = error.stack.split('\n').filter((line) => line.startsWith('    at '));
  return frames.map((frame) => `${printable(frame)}\n`).join('');
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const plain = typeof value !== 'string' || /^[^\s"=]+$/.test(text);
  return printable(plain ? text : JSON.stringify(text));
}

/** An error as a log line has it. */
interface SerializedError {
  readonly message: string;
  /** Stable; of an AgentError only. */
  readonly code?: string;
  /** What the agent does about it; of an AgentError only. */
  readonly class?: string;
  /** What a person can do about it; of an AgentError only. */
  readonly remedy?: string;
  /** Where it came from; of an unexpected error only. */
  readonly stack?: string;
}

/** The frames that lead to the cause; the rest is the runtime's. */
const STACK_LINES = 12;

/**
 * What went wrong and what to do about it. An AgentError explains itself, so its stack would only hide the line that matters; anything else
 * is an internal error, which the stack helps to find. The context of an AgentError is left out: its message has the part that may be printed.
 */
function serializeError(error: unknown): SerializedError {
  const message = describeError(error);
  if (isAgentError(error)) return { message, code: error.code, class: error.class, remedy: error.remedy };
  if (!(error instanceof Error) || error.stack === undefined) return { message };
  return { message, stack: error.stack.split('\n').slice(0, STACK_LINES).join('\n') };
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields of a line. An Error under any name is written as its message, code and remedy; a bigint as a number. */
export type LogFields = Readonly<Record<string, unknown>> & { readonly level?: never; readonly time?: never; readonly msg?: never };

/** The part of pino that the agent uses: narrow enough for a stub in a test. */
export type Logger = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;

export interface LoggerOptions {
  /** The least important level that is written. */
  readonly level: LogLevel;
  /** journald: JSON after the line's priority, as sd-daemon(3) defines it; the journal strips that prefix. */
  readonly format: 'json' | 'pretty' | 'journald';
  /** Takes whole lines; standard error in the agent. */
  readonly destination: { write(line: string): unknown };
  /** Colors the levels of warnings and errors in pretty lines. */
  readonly color?: boolean;
  readonly clock?: Pick<Clock, 'wall'>;
}

/** The priorities of syslog(3) by level. */
export const JOURNAL_PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** Values under these names are never logged. */
const SECRET_NAMES = new Set(['password', 'community', 'secret', 'secretKey', 'privateKey', 'seed', 'token', 'cookie', 'authorization']);

/** A log of one line an event. JSON lines have `level`, `time` (ISO 8601, UTC), `msg` and the fields. */
export function createLogger({ level, format, destination, color = false, clock = systemClock }: LoggerOptions): Logger {
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wall()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void destination.write(visible(arranged(line, format, color))) },
  );
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (log.isLevelEnabled(level)) log[level](plainFields(fields), message);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function arranged(line: string, format: LoggerOptions['format'], color: boolean): string {
  if (format === 'json') return line;
  const fields = JSON.parse(line);
  if (format === 'pretty') return prettyLine(fields, color);
  const level = LOG_LEVELS.find((each) => each === fields.level) ?? 'info';
  return `<${JOURNAL_PRIORITY[level]}>${line}`;
}

/** Deeper than any field of the agent. It bounds a value that contains itself. */
const MAX_DEPTH = 8;

// pino's `redact` takes longer than the rest of a line, and a mass flap writes one line per user.
function plainFields(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, SECRET_NAMES.has(name) ? '[hidden]' : plainValue(value, depth)]),
  );
}

function plainValue(value: unknown, depth: number): unknown {
  if (value instanceof Error) return serializeError(value);
  if (typeof value === 'bigint') return bigintAsJson(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) return value.map((each) => plainValue(each, depth + 1));
  // A date, for example, has no fields.
  if ('toJSON' in value && typeof value.toJSON === 'function') return plainValue(value.toJSON(), depth + 1);
  return plainFields(value, depth + 1);
}

const RECENT_LINES = 1_000;
const RECENT_CHARACTERS = 1_000_000;
const LONGEST_LINE = 8_000;

/** The newest lines of a log, at most 1,000 and a million characters, for a support bundle. */
export class RecentLines {
  readonly #lines: string[] = [];
  #characters = 0;

  push(line: string): void {
    const plain = stripVTControlCharacters(line);
    const kept = plain.length <= LONGEST_LINE ? plain : `${plain.slice(0, LONGEST_LINE)}…\n`;
    this.#lines.push(kept);
    this.#characters += kept.length;
    while (this.#lines.length > RECENT_LINES || this.#characters > RECENT_CHARACTERS) this.#characters -= this.#lines.shift()?.length ?? 0;
  }

  text(): string {
    return this.#lines.join('');
  }
}
