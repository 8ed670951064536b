import { isUtf8 } from 'node:buffer';
import type { HttpReply } from '../../lib/http.ts';
import { AgentError, type EpochMs, type ErrorCode, epochMs, isRecord } from '../../lib/index.ts';
import { GrpcChannel, loadMessages } from '../grpc/channel.ts';
import type { ShowResponse } from '../grpc/messages.ts';
import { Authentication, type EapiCredentials, type EapiEndpoint, type EapiTls, EapiTransport, statusError } from './http.ts';
import { type JsonCounts, type JsonObject, type MalformedJson, noJsonCounts, readJson, switchText, typeName } from './json.ts';

/** 2100-01-01; a switch that claims a later time has no usable clock. */
const LATEST_EPOCH_SECONDS = 4_102_444_800;

/** Epoch seconds, a number or decimal text, in whole milliseconds; undefined for anything else, zero included. */
export function readEpochSeconds(value: unknown): EpochMs | undefined {
  const seconds = typeof value === 'string' && /^\d{1,10}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < LATEST_EPOCH_SECONDS)) return undefined;
  return epochMs(Math.round(seconds * 1_000));
}

/** Why a command ended a runCmds, as the switch reports it. */
interface CommandFailure {
  /** 1000 to 1005 of eAPI, or one of JSON-RPC's own; 0 when the switch gave none. */
  readonly code: number;
  /** One line, from `errors` where the switch gave them, else from its message. */
  readonly problem: string;
}

/** The results of the commands of a runCmds up to the one that failed, in order, and its failure. */
interface RunOutcome {
  readonly results: readonly JsonObject[];
  readonly failure?: CommandFailure;
}

type Envelope = ({ readonly kind: 'answered' } & RunOutcome) | { readonly kind: 'malformed'; readonly problem: string } | MalformedJson;

/** The text for an error without one. */
export const NO_REASON = 'no reason given';

/**
 * Reads the JSON-RPC answer to a runCmds of `count` commands with the given id. On an error, `error.data` holds the results up to and
 * including the failed command's, whose element has `errors`; a result may be an object or text that is JSON.
 */
export function readEnvelope(body: string, id: string, count: number, counts?: JsonCounts): Envelope {
  if (body === '') return malformed('it is empty');
  const json = readJson(body, counts);
  if (json.kind === 'malformed-json') return json;
  const answer = json.value;
  if (!isRecord(answer)) return malformed(`it is ${typeName(answer)}`);
  if (answer.error !== undefined && answer.error !== null) return readError(answer.error, counts);
  if (answer.id !== id) return malformed('it answers another request');
  if (!Array.isArray(answer.result)) return malformed(`its result is ${typeName(answer.result)}`);
  if (answer.result.length !== count) return malformed(`it has ${answer.result.length} results for ${count} commands`);
  return readResults(answer.result, counts);
}

/**
 * The text of the only result in an answer, as the switch wrote it; undefined for an answer of another shape. What surrounds the outermost
 * brackets parses without the result, so a text that parses, too, is that result and nothing else.
 */
export function onlyResultText(body: string, id: string): string | undefined {
  const from = body.indexOf('[') + 1;
  const to = body.lastIndexOf(']');
  if (from === 0 || to < from) return undefined;
  const json = readJson(body.slice(0, from) + body.slice(to));
  const frame = json.kind === 'read' ? json.value : undefined;
  return isRecord(frame) && frame.id === id && Array.isArray(frame.result) ? body.slice(from, to) : undefined;
}

/**
 * The text of a result as the switch wrote it, but for control characters, which are escaped; undefined for one that is no object, or that
 * failed. It is not parsed: a table of megabytes would take many times its size.
 */
function rawResult(text: string, counts: JsonCounts): Buffer | undefined {
  const json = readJson(text, counts, 'keys');
  if (json.kind !== 'read' || !isRecord(json.value)) return undefined;
  const parsed = 'errors' in json.value ? readJson(json.text) : undefined;
  const isFailure = parsed !== undefined && !(parsed.kind === 'read' && isRecord(parsed.value) && errorsOf(parsed.value) === undefined);
  return isFailure ? undefined : Buffer.from(json.text.trim());
}

function readResults(elements: readonly unknown[], counts?: JsonCounts): Envelope {
  const results: JsonObject[] = [];
  for (const element of elements) {
    const json = typeof element === 'string' ? readJson(element, counts) : undefined;
    if (json?.kind === 'malformed-json') return json;
    const result = json === undefined ? element : json.value;
    if (!isRecord(result)) return malformed(`a result is ${json === undefined ? typeName(result) : 'text that is not an object'}`);
    const errors = errorsOf(result);
    // Data next to an error is what the command had when it failed, not an answer.
    if (errors !== undefined) return { kind: 'answered', results, failure: { code: 1000, problem: errors === '' ? NO_REASON : errors } };
    results.push(result);
  }
  return { kind: 'answered', results };
}

function readError(error: unknown, counts?: JsonCounts): Envelope {
  if (!isRecord(error)) return malformed(`its error is ${typeName(error)}`);
  const code = typeof error.code === 'number' && Number.isInteger(error.code) ? error.code : 0;
  const data: readonly unknown[] = Array.isArray(error.data) ? error.data : [];
  const before = readResults(data.slice(0, -1), counts);
  if (before.kind !== 'answered') return before;
  const last: unknown = data.at(-1);
  const message = typeof error.message === 'string' ? switchText(error.message) : NO_REASON;
  const problem = (isRecord(last) ? errorsOf(last) : undefined) || message;
  return { kind: 'answered', results: before.results, failure: before.failure ?? { code, problem } };
}

/** The `errors` of a result in one line, empty when they say nothing (`[""]` occurs); undefined when there are none. */
export function errorsOf({ errors }: JsonObject): string | undefined {
  if (errors === undefined || errors === null) return undefined;
  if (!Array.isArray(errors)) return `errors is ${typeName(errors)}`;
  return errors.length === 0 ? undefined : switchText(errors.filter((text) => typeof text === 'string' && text !== '').join('; '));
}

function malformed(problem: string): Envelope {
  return { kind: 'malformed', problem };
}

/** The codes of a malformed answer, by transport. */
const MALFORMED = {
  http: { malformed: 'EAPI__MALFORMED', 'malformed-json': 'EAPI__MALFORMED_JSON' },
  grpc: { malformed: 'GRPC__MALFORMED', 'malformed-json': 'GRPC__MALFORMED_JSON' },
} as const;
type Transport = keyof typeof MALFORMED;

function requireAnswer(envelope: Envelope, by: Transport, endpoint: string): RunOutcome {
  if (envelope.kind === 'answered') return { results: envelope.results, failure: envelope.failure };
  throw new AgentError(MALFORMED[by][envelope.kind], { endpoint, problem: envelope.problem });
}

function requireUtf8(bytes: Buffer, by: Transport, endpoint: string): string {
  if (!isUtf8(bytes)) throw new AgentError(MALFORMED[by].malformed, { endpoint, problem: 'it is not UTF-8' });
  return bytes.toString('utf8');
}

/** The result of the one command of a run, as JSON. Throws the error of the command. */
function onlyResult({ results, failure }: RunOutcome, command: string, endpoint: string): Buffer {
  if (failure !== undefined) throw commandError(endpoint, command, failure);
  return Buffer.from(JSON.stringify(results[0]));
}

/** How EOS says that BGP does not run, in `errors` or `warnings`: `BGP inactive`, or `BGP is disabled for VRF default`. */
export function saysNoBgp(text: string): boolean {
  return /\bBGP (is )?(inactive|disabled|not running)\b/i.test(text);
}

const COMMAND_CODES: ReadonlyMap<number, Extract<ErrorCode, `EAPI__COMMAND_${string}`>> = new Map([
  [1001, 'EAPI__COMMAND_INTERNAL_ERROR'],
  [1002, 'EAPI__COMMAND_INVALID'],
  [1003, 'EAPI__COMMAND_UNCONVERTED'],
  [1004, 'EAPI__COMMAND_INCOMPATIBLE'],
  [1005, 'EAPI__COMMAND_UNAUTHORIZED'],
]);

/** The error for a command that the switch would not or could not run: one code of the agent for each code of eAPI. */
export function commandError(endpoint: string, command: string, { code, problem }: CommandFailure): AgentError {
  if (code === 1000 && saysNoBgp(problem)) return new AgentError('EAPI__NO_BGP', { endpoint, problem });
  return new AgentError(COMMAND_CODES.get(code) ?? 'EAPI__COMMAND_FAILED', { endpoint, command, code, problem });
}

/** Whether the failure concerns this command only, so that another one of the same kind may succeed. */
export function concernsOneCommand({ code, problem }: CommandFailure): boolean {
  return (code === 1000 || code === 1001) && !saysNoBgp(problem);
}

export interface EapiClient {
  /**
   * Runs the commands in order, over HTTP in one request. A command that fails ends the run and is an outcome. Throws
   * `EAPI__UNAUTHORIZED`, `EAPI__HTTP_STATUS`, `EAPI__MALFORMED…`, `GRPC__MALFORMED…`, or what the transport throws.
   */
  run(commands: readonly string[], signal: AbortSignal): Promise<RunOutcome>;
  /**
   * Runs one command; resolves with its result as the switch wrote it: a JSON object in UTF-8, all digits of its numbers included, and raw
   * control characters escaped. Throws as `run` does, and `EAPI__COMMAND_…` for a command that fails.
   */
  runRaw(command: string, signal: AbortSignal): Promise<Buffer>;
  /** The switch's own time, for a transport whose results bring none; undefined when the switch does not answer. Throws as `run` does. */
  time?(signal: AbortSignal): Promise<EpochMs | undefined>;
  /** What was wrong in the answers so far, and could be read all the same. */
  readonly counts: JsonCounts;
  /** Ends the session on the switch and the connection. */
  close(): Promise<void>;
}

interface EapiClientOptions {
  readonly endpoint: EapiEndpoint;
  /** Not used on a Unix socket and over gRPC, where the switch asks for none. */
  readonly credentials?: EapiCredentials;
  /** The certificate authorities of the system by default. */
  readonly tls?: EapiTls;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  /** Whether the switch adds its own time to each result, in `_meta`, where the transport can. True by default. */
  readonly timestamps?: boolean;
}

/** A client with a connection of its own, by the transport that the endpoint names. The first command opens it. */
export function createEapiClient(options: EapiClientOptions): EapiClient {
  const { endpoint, timeoutMs, maxAnswerBytes } = options;
  const { text, grpcAddress: address } = endpoint;
  if (address === undefined) return new HttpEapiClient(options);
  return new GrpcEapiClient(text, new GrpcChannel({ endpoint: text, address, timeoutMs, maxAnswerBytes }));
}

const PATH = '/command-api';

class HttpEapiClient implements EapiClient {
  readonly counts = noJsonCounts();
  readonly #endpoint: string;
  readonly #username: string | undefined;
  readonly #transport: EapiTransport;
  readonly #authentication: Authentication;
  #requests = 0;
  /** An EOS that does not know the parameter rejects the whole request; it is sent without it from then on. */
  #asksForTimestamps: boolean;

  constructor({ endpoint, credentials, tls, timeoutMs, maxAnswerBytes, timestamps = true }: EapiClientOptions) {
    const used = endpoint.socketPath === undefined ? credentials : undefined;
    this.#endpoint = endpoint.text;
    this.#username = used?.username;
    this.#asksForTimestamps = timestamps;
    this.#transport = new EapiTransport({ endpoint, tls, timeoutMs, maxAnswerBytes });
    this.#authentication = new Authentication(endpoint.text, used, this.#transport);
  }

  async run(commands: readonly string[], signal: AbortSignal): Promise<RunOutcome> {
    const { id, body } = await this.#post(commands, signal);
    const outcome = requireAnswer(readEnvelope(body.toString('utf8'), id, commands.length, this.counts), 'http', this.#endpoint);
    if (!this.#asksForTimestamps || outcome.failure === undefined || !rejectsTimestamps(outcome.failure)) return outcome;
    this.#asksForTimestamps = false;
    return this.run(commands, signal);
  }

  async runRaw(command: string, signal: AbortSignal): Promise<Buffer> {
    const { id, body } = await this.#post([command], signal);
    const whole = requireUtf8(body, 'http', this.#endpoint);
    const text = onlyResultText(whole, id);
    const raw = text === undefined ? undefined : rawResult(text, this.counts);
    return raw ?? onlyResult(requireAnswer(readEnvelope(whole, id, 1, this.counts), 'http', this.#endpoint), command, this.#endpoint);
  }

  async close(): Promise<void> {
    await this.#authentication.end();
    await this.#transport.close();
  }

  async #post(commands: readonly string[], signal: AbortSignal): Promise<{ readonly id: string; readonly body: Buffer }> {
    this.#requests += 1;
    const id = `dzd-telemetry-${this.#requests}`;
    const timestamps = this.#asksForTimestamps ? true : undefined;
    // Version 1 pins the first revision of each command's model, so that an upgrade of EOS does not change the answer.
    const params = { version: 1, cmds: commands, format: 'json', timestamps };
    const reply = await this.#send(JSON.stringify({ jsonrpc: '2.0', method: 'runCmds', params, id }), signal);
    const { status, body } = reply;
    if (status === 401 || status === 403) {
      const user = this.#username;
      const requests = user === undefined ? 'requests without a user' : `user ${user}`;
      throw new AgentError('EAPI__UNAUTHORIZED', { endpoint: this.#endpoint, requests, user, status });
    }
    if (status !== 200) throw statusError(this.#endpoint, PATH, reply);
    return { id, body };
  }

  async #send(body: string, signal: AbortSignal): Promise<HttpReply> {
    const headers = await this.#authentication.headers(signal);
    const reply = await this.#transport.post({ path: PATH, body, headers }, signal);
    // A session expires, or the switch restarts: one new login, one more try.
    if (reply.status !== 401 || !this.#authentication.refused(headers)) return reply;
    return this.#transport.post({ path: PATH, body, headers: await this.#authentication.headers(signal) }, signal);
  }
}

/** Older releases answer with Python's message for an argument that a function does not have. */
function rejectsTimestamps({ problem }: CommandFailure): boolean {
  return /unexpected keyword argument\W+timestamps\b/.test(problem);
}

const CLOCK_COMMAND = 'show clock';

/**
 * eAPI's commands over EosSdkRpc, one a call. Its results bring no `_meta`, so `show clock` just before gives the switch's time. Ages
 * computed from it are too small by the time between the two, never too large: no user is down earlier than the switch says.
 */
export class GrpcEapiClient implements EapiClient {
  readonly counts = noJsonCounts();
  readonly #endpoint: string;
  readonly #channel: Pick<GrpcChannel, 'call' | 'close'>;

  /** `endpoint` is the switch's name in messages. */
  constructor(endpoint: string, channel: Pick<GrpcChannel, 'call' | 'close'>) {
    this.#endpoint = endpoint;
    this.#channel = channel;
  }

  async run(commands: readonly string[], signal: AbortSignal): Promise<RunOutcome> {
    const results: JsonObject[] = [];
    for (const command of commands) {
      const outcome = this.#outcome(await this.#ask(command, signal));
      results.push(...outcome.results);
      if (outcome.failure !== undefined) return { results, failure: outcome.failure };
    }
    return { results };
  }

  async runRaw(command: string, signal: AbortSignal): Promise<Buffer> {
    const response = await this.#ask(command, signal);
    const raw = response.kind === 'answered' ? rawResult(requireUtf8(response.json, 'grpc', this.#endpoint), this.counts) : undefined;
    return raw ?? onlyResult(this.#outcome(response), command, this.#endpoint);
  }

  async time(signal: AbortSignal): Promise<EpochMs | undefined> {
    const { results } = this.#outcome(await this.#ask(CLOCK_COMMAND, signal));
    return readEpochSeconds(results[0]?.utcTime);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  async #ask(command: string, signal: AbortSignal): Promise<ShowResponse> {
    const { RUN_SHOW_CMD, decodeShowResponse, encodeShowCommand } = await loadMessages();
    return decodeShowResponse(await this.#channel.call(RUN_SHOW_CMD, encodeShowCommand(command), signal));
  }

  #outcome(response: ShowResponse): RunOutcome {
    if (response.kind === 'failed')
      return { results: [], failure: { code: response.code, problem: switchText(response.message) || NO_REASON } };
    if (response.kind === 'malformed') return requireAnswer(response, 'grpc', this.#endpoint);
    const json = readJson(response.json.toString('utf8'), this.counts);
    return requireAnswer(json.kind === 'read' ? readResults([json.value]) : json, 'grpc', this.#endpoint);
  }
}
