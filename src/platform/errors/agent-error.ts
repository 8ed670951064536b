import { CODES, type ErrorClass, type ErrorCode, type ErrorContext } from './codes.ts';

/**
 * The one error family. A code is stable and carries its class and its remedy, so that no caller ever matches a message's text.
 */
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

/** What went wrong, in one line, whatever was thrown. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? `: ${describeError(error.cause)}` : '';
  return `${error.message || error.name}${cause}`.replaceAll(/\s+/g, ' ');
}

function fill(template: string, context: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, key: string) => String(context[key]));
}
