import { CONFIG_CODES } from './config-codes.ts';
import { LEDGER_CODES } from './ledger-codes.ts';
import { SNAPSHOT_CODES } from './snapshot-codes.ts';
import { SWITCH_CODES } from './switch-codes.ts';
import { WRITE_CODES } from './write-codes.ts';

/**
 * What a caller does about an error (rule 20).
 * retry-now: the same request may work at once; retry-later: back off first; user-never: not for this user as its account is, but for a try now and
 * then in case the cause was another; agent-never: nothing this process can do until a person acts.
 */
export type ErrorClass = 'retry-now' | 'retry-later' | 'user-never' | 'agent-never';

export interface CodeEntry {
  readonly class: ErrorClass;
  /** One line; `{name}` is filled from the context. */
  readonly message: string;
  /** What to do about it, one line, for logs, `check` and the docs. */
  readonly remedy: string;
}

/** Every error of the agent, a table a domain. */
export const CODES = { ...CONFIG_CODES, ...SWITCH_CODES, ...LEDGER_CODES, ...WRITE_CODES, ...SNAPSHOT_CODES } as const satisfies Record<
  string,
  CodeEntry
>;

export type ErrorCode = keyof typeof CODES;

type Placeholder<S extends string> = S extends `${string}{${infer P}}${infer Rest}` ? P | Placeholder<Rest> : never;

/** The values that a code's message names, at least. */
export type ErrorContext<C extends ErrorCode> = { readonly [K in Placeholder<(typeof CODES)[C]['message']>]: string | number | bigint } & {
  readonly [key: string]: unknown;
};
