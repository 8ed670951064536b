import { isJsonObject, type JsonObject, typeName } from './json.ts';
import { oneLine } from './text.ts';

/** The command that ended a runCmds, as the switch says it. */
export interface CommandFailure {
  /** 1000 to 1005 of eAPI, or one of JSON-RPC's own; 0 when the switch gave none. */
  readonly code: number;
  /** One line, of `errors` where the switch gave them, else of its message. */
  readonly problem: string;
}

/** What a runCmds came to: the results of its first commands, and the failure of the one after them. */
export type Envelope =
  | { readonly kind: 'answered'; readonly results: readonly JsonObject[]; readonly failure?: CommandFailure }
  | { readonly kind: 'malformed'; readonly problem: string };

const NO_REASON = 'no reason given';

/**
 * Reads the JSON-RPC answer to a runCmds of `count` commands with the given id. On an error, `error.data` holds the results up to and
 * including the failed command's, whose element has `errors`; a result may be an object or text that is JSON.
 */
export function readEnvelope(body: string, id: string, count: number): Envelope {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return malformed(body === '' ? 'it is empty' : `it is not JSON, it begins “${oneLine(body, 40)}”`);
  }
  if (!isJsonObject(answer)) return malformed(`it is ${typeName(answer)}`);
  if (answer.error !== undefined && answer.error !== null) return readError(answer.error);
  if (answer.id !== id) return malformed('it answers another request');
  if (!Array.isArray(answer.result)) return malformed(`its result is ${typeName(answer.result)}`);
  if (answer.result.length !== count) return malformed(`it has ${answer.result.length} results for ${count} commands`);
  return readResults(answer.result);
}

/** Reads the result of one command that came by itself, as JSON text. */
export function readResultText(text: string): Envelope {
  return readResults([text]);
}

function readResults(elements: readonly unknown[]): Envelope {
  const results: JsonObject[] = [];
  for (const element of elements) {
    const result = typeof element === 'string' ? parsed(element) : element;
    if (!isJsonObject(result)) return malformed(`a result is ${typeof element === 'string' ? 'text that is no object' : typeName(result)}`);
    const errors = errorsOf(result);
    // Data beside an error is what the command had when it failed, not an answer.
    if (errors !== undefined) return { kind: 'answered', results, failure: { code: 1000, problem: errors === '' ? NO_REASON : errors } };
    results.push(result);
  }
  return { kind: 'answered', results };
}

function readError(error: unknown): Envelope {
  if (!isJsonObject(error)) return malformed(`its error is ${typeName(error)}`);
  const code = typeof error.code === 'number' && Number.isInteger(error.code) ? error.code : 0;
  const data: readonly unknown[] = Array.isArray(error.data) ? error.data : [];
  const before = readResults(data.slice(0, -1));
  if (before.kind === 'malformed') return before;
  const last: unknown = data.at(-1);
  const message = typeof error.message === 'string' ? oneLine(error.message) : NO_REASON;
  const problem = (isJsonObject(last) ? errorsOf(last) : undefined) || message;
  return { kind: 'answered', results: before.results, failure: before.failure ?? { code, problem } };
}

/** The `errors` of a result in one line, empty when they say nothing (`[""]` occurs); undefined when there are none. */
function errorsOf({ errors }: JsonObject): string | undefined {
  if (errors === undefined || errors === null) return undefined;
  if (!Array.isArray(errors)) return `errors is ${typeName(errors)}`;
  return errors.length === 0 ? undefined : oneLine(errors.filter((text) => typeof text === 'string' && text !== '').join('; '));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function malformed(problem: string): Envelope {
  return { kind: 'malformed', problem };
}
