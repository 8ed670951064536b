import { CONFIG_CODES, LEDGER_CODES, RESOURCES_CODES, SNAPSHOT_CODES, SWITCH_CODES, WRITE_CODES } from './error-codes.ts';

/**
 * What a caller does about an error (rule 20).
 * retry-now: the same request may succeed at once; retry-later: back off first; fatal-for-user: wait until the user's account changes, with a
 * seldom retry; fatal: halt until a person acts.
 */
type ErrorClass = 'retry-now' | 'retry-later' | 'fatal-for-user' | 'fatal';

export interface CodeEntry {
  readonly class: ErrorClass;
  /** One line; `{name}` is filled from the context. */
  readonly message: string;
  /** What to do about it, one line, for logs, `check` and the docs. */
  readonly remedy: string;
}

/** Every error of the agent, one table per domain. */
export const CODES = {
  ...CONFIG_CODES,
  ...SWITCH_CODES,
  ...LEDGER_CODES,
  ...WRITE_CODES,
  ...SNAPSHOT_CODES,
  ...RESOURCES_CODES,
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof CODES;

type Placeholder<S extends string> = S extends `${string}{${infer P}}${infer Rest}` ? P | Placeholder<Rest> : never;

/** At least the values that a code's message names. */
type ErrorContext<C extends ErrorCode> = { readonly [K in Placeholder<(typeof CODES)[C]['message']>]: string | number | bigint } & {
  readonly [key: string]: unknown;
};

/** The error family of the agent. A code is stable and determines class and remedy, so that callers never match a message's text. */
export class AgentError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'AgentError';
  readonly class: ErrorClass;
  readonly remedy: string;

  constructor(
    readonly code: C,
    readonly context: ErrorContext<C>,
    options?: ErrorOptions,
  ) {
    super(fill(CODES[code].message, context), options);
    this.class = CODES[code].class;
    this.remedy = CODES[code].remedy;
  }
}

export function isAgentError(error: unknown): error is AgentError {
  return error instanceof AgentError;
}

/** Any thrown value as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** More causes than this do not help an operator. */
const MAX_CAUSES = 16;

/** Any thrown value as one line, even an error that is among its own causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const chain = new Set<Error>();
  for (let each: unknown = error; each instanceof Error && !chain.has(each) && chain.size < MAX_CAUSES; each = each.cause) chain.add(each);
  return [...chain].reduceRight(addCause, '');
}

function addCause(cause: string, error: Error): string {
  const message = reasonOfOpenSsl(error) ?? (error.message || error.name);
  const isSaid = cause === '' || message.includes(cause) || (error.cause instanceof Error && message.includes(error.cause.message));
  return `${message}${isSaid ? '' : `: ${cause}`}`.replaceAll(/\s+/g, ' ').trim();
}

/** OpenSSL's message names its source files. An operator can search for its reason. */
function reasonOfOpenSsl(error: Error): string | undefined {
  if (!('library' in error && 'reason' in error) || typeof error.reason !== 'string') return undefined;
  return 'code' in error && typeof error.code === 'string' ? `${error.reason} (${error.code})` : error.reason;
}

function fill(template: string, context: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, key: string) => String(context[key]));
}

/** Whether an unknown value, as JSON has them, is an object: not null and not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Characters that are invisible or change the order of the others (Trojan Source): formats, bidirectional controls, fillers, C1 controls, the blank of Braille. */
const INVISIBLE = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const BEYOND_ASCII = /[^\0-\x7e]/;

/** Text with its invisible characters as `\u202e`, which JSON reads as the character. Each output passes its whole text through this. */
export function visible(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  return text.replaceAll(INVISIBLE, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu;

/** Text from outside, fit for one line of a log: no control characters, at most `max` characters. */
export function oneLine(text: string, max = 120): string {
  // Only the beginning is shown, so only that is worked on, however long the rest is.
  const line = text
    .slice(0, max * 4)
    .replaceAll(NOT_PRINTABLE, ' ')
    .trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** Whether a host name of a URL, or an address, is this host itself: traffic to it crosses no network. */
export const isLoopbackHost = (host: string): boolean => /^(?:localhost|\[?::1\]?|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(host);

/** A host as a URL writes it: IPv6 in brackets. */
export const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);
