import { describeError, isAgentError } from '../lib/index.ts';

/** An error as a log line has it. */
export interface SerializedError {
  readonly message: string;
  /** Stable; of an AgentError only. */
  readonly code?: string;
  /** What the agent does about it; of an AgentError only. */
  readonly class?: string;
  /** What a person can do about it; of an AgentError only. */
  readonly remedy?: string;
  /** Where it came from; only of an error that nobody expected. */
  readonly stack?: string;
}

/** The frames that lead to the cause; the rest is the runtime's. */
const STACK_LINES = 12;

/**
 * What went wrong and what to do about it. An AgentError explains itself, so its stack would only hide the line that matters; whatever else
 * was thrown is a defect, and the stack is what finds it. The context of an AgentError is left out: its message says what of it is fit to print.
 */
export function serializeError(error: unknown): SerializedError {
  const message = describeError(error);
  if (isAgentError(error)) return { message, code: error.code, class: error.class, remedy: error.remedy };
  if (!(error instanceof Error) || error.stack === undefined) return { message };
  return { message, stack: error.stack.split('\n').slice(0, STACK_LINES).join('\n') };
}
