import { isIP } from 'node:net';
import type { NeighborState } from '../../bgp/index.ts';
import { AgentError, type EpochMs, epochMs } from '../../lib/index.ts';
import { createGrpcChannel, type GrpcChannel, loadMessages } from '../grpc/index.ts';
import {
  type AnswerFilter,
  type Authentication,
  createAuthentication,
  createEapiTransport,
  type EapiCredentials,
  type EapiEndpoint,
  type EapiReply,
  type EapiTls,
  type EapiTransport,
} from './http.ts';

/** The pieces of work under way, so that closing can end them all at once. */
interface InFlight {
  /** Runs `work` with a signal that aborts when `signal` does or when everything is ended. */
  run<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts what runs, and refuses what comes later, with this reason. */
  end(reason: Error): void;
}

export function createInFlight(): InFlight {
  const running = new Set<AbortController>();
  let ended: Error | undefined;

  return {
    async run(signal, work) {
      if (ended !== undefined) throw ended;
      signal.throwIfAborted();
      const controller = new AbortController();
      const onAbort = (): void => controller.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      running.add(controller);
      try {
        return await work(controller.signal);
      } finally {
        running.delete(controller);
        signal.removeEventListener('abort', onAbort);
      }
    },
    end(reason) {
      ended ??= reason;
      for (const controller of running) controller.abort(reason);
    },
  };
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is wrong with a piece of JSON, for a message: its type, never its content. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** `peerState` of `show ip bgp summary`; the six of RFC 4271 8.2.2 as EOS writes them. */
const STATES: ReadonlyMap<unknown, NeighborState> = new Map([
  ['Idle', 'idle'],
  ['Connect', 'connect'],
  ['Active', 'active'],
  ['OpenSent', 'open-sent'],
  ['OpenConfirm', 'open-confirm'],
  ['Established', 'established'],
]);

/** Anything but the six, `NotNegotiated` included, is neither up nor down. */
export function readState(value: unknown): NeighborState {
  return STATES.get(value) ?? 'unrecognized';
}

/** An AS number as a number, as decimal text or as asdot text (RFC 5396); undefined for anything else. */
export function readAs(value: unknown): number | undefined {
  if (typeof value === 'number') return isAs(value) ? value : undefined;
  if (typeof value !== 'string' || value.length > 11) return undefined;
  if (/^\d+$/.test(value)) return isAs(Number(value)) ? Number(value) : undefined;
  const [, high, low] = /^(\d+)\.(\d+)$/.exec(value) ?? [];
  if (high === undefined || low === undefined || Number(high) > 0xffff || Number(low) > 0xffff) return undefined;
  const asn = Number(high) * 0x1_0000 + Number(low);
  return isAs(asn) ? asn : undefined;
}

function isAs(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 0xffff_ffff;
}

/** 2100-01-01; a switch that claims a later time has no clock worth reading. */
const LATEST_EPOCH_SECONDS = 4_102_444_800;

/** Epoch seconds, a number or decimal text, in whole milliseconds; undefined for anything else, zero included. */
export function readEpochSeconds(value: unknown): EpochMs | undefined {
  const seconds = typeof value === 'string' && /^\d{1,10}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < LATEST_EPOCH_SECONDS)) return undefined;
  return epochMs(Math.round(seconds * 1_000));
}

/** Text of at most `max` characters; undefined for anything else. */
export function readText(value: unknown, max: number): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= max ? value : undefined;
}

/**
 * Whether this is how EOS names a peer: by an address, with a zone for a link-local one (`fe80::1%Et3`), or by an interface. A text that
 * only looks like an address names nobody.
 */
export function isPeerName(name: string): boolean {
  if (isIP(name) !== 0) return true;
  if (name.length > 100) return false;
  const zone = name.indexOf('%');
  return zone > 0 ? isIP(name.slice(0, zone)) === 6 : /^[A-Z][A-Za-z-]*\d[\d/.]*$/.test(name);
}

const CONTROL_CHARACTERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu;

/** Text of a switch, made fit for one line of a log: no control characters, no secret that a command was given, not longer than `max`. */
export function oneLine(text: string, max = 120): string {
  const line = text
    // Only the beginning can be shown, so only that is worked on, however long the rest.
    .slice(0, max * 4)
    .replaceAll(CONTROL_CHARACTERS, ' ')
    .replaceAll(/input=\S*( '[^']*')?/g, 'input=…')
    .trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** The command that ended a runCmds, as the switch says it. */
interface CommandFailure {
  /** 1000 to 1005 of eAPI, or one of JSON-RPC's own; 0 when the switch gave none. */
  readonly code: number;
  /** One line, of `errors` where the switch gave them, else of its message. */
  readonly problem: string;
}

/** What a runCmds came to: the results of its first commands, and the failure of the one after them. */
type Envelope =
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
function readResultText(text: string): Envelope {
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

interface EapiClientOptions {
  /** For messages. */
  readonly endpoint: string;
  readonly username: string;
  readonly transport: EapiTransport;
  readonly authentication: Authentication;
  /** The model of the results: 1 pins each command's first revision, so that an upgrade of EOS cannot change it. */
  readonly modelVersion: 1 | 'latest';
  /** Whether the switch adds its own time to each result, in `_meta`; it does when absent. */
  readonly timestamps?: boolean;
}

interface RunOutcome {
  /** One a command, in order, up to the one that failed. */
  readonly results: readonly JsonObject[];
  readonly failure?: CommandFailure;
}

export interface EapiClient {
  /**
   * Runs the commands in one request, with the switch's own time in `_meta` of each result. Throws `EAPI__UNAUTHORIZED`,
   * `EAPI__HTTP_STATUS`, `EAPI__MALFORMED`, or what the transport throws; a command that fails is an outcome. `filter` sees the answer as
   * it comes.
   */
  run(commands: readonly string[], signal: AbortSignal, filter?: AnswerFilter): Promise<RunOutcome>;
  /**
   * The switch's own time, for a transport whose results bring none; undefined when the switch does not tell. Throws as `run` does for
   * everything but the command.
   */
  time?(signal: AbortSignal): Promise<EpochMs | undefined>;
}

const PATH = '/command-api';

function createEapiClient(options: EapiClientOptions): EapiClient {
  const { endpoint, username, transport, authentication, modelVersion, timestamps = true } = options;
  let requests = 0;
  // An EOS that does not know the parameter rejects the whole request; it is told so once.
  let knowsTimestamps = timestamps;

  async function post(body: string, signal: AbortSignal, filter: AnswerFilter | undefined): Promise<EapiReply> {
    const request = { path: PATH, body, ...(filter === undefined ? {} : { filter }) } as const;
    const headers = await authentication.headers(signal);
    const reply = await transport.post({ ...request, headers }, signal);
    // A session expires, or the switch restarts: one new login, one more try.
    if (reply.status !== 401 || !authentication.refused(headers)) return reply;
    return transport.post({ ...request, headers: await authentication.headers(signal) }, signal);
  }

  async function run(commands: readonly string[], signal: AbortSignal, filter?: AnswerFilter): Promise<RunOutcome> {
    requests += 1;
    const id = `dzd-telemetry-${requests}`;
    const params = { version: modelVersion, cmds: commands, format: 'json', ...(knowsTimestamps ? { timestamps: true } : {}) };
    const { status, body } = await post(JSON.stringify({ jsonrpc: '2.0', method: 'runCmds', params, id }), signal, filter);
    if (status === 401 || status === 403) throw new AgentError('EAPI__UNAUTHORIZED', { endpoint, user: username, status });
    if (status !== 200) throw new AgentError('EAPI__HTTP_STATUS', { endpoint, path: PATH, status });
    const envelope = readEnvelope(body, id, commands.length);
    if (envelope.kind === 'malformed') throw new AgentError('EAPI__MALFORMED', { endpoint, problem: envelope.problem });
    if (knowsTimestamps && envelope.failure !== undefined && rejectsTimestamps(envelope.failure)) {
      knowsTimestamps = false;
      return run(commands, signal, filter);
    }
    return envelope;
  }

  return { run };
}

/** Older releases answer with Python's own words for an argument that a function does not have. */
function rejectsTimestamps({ problem }: CommandFailure): boolean {
  return /unexpected keyword argument\W+timestamps\b/.test(problem);
}

/** How EOS says that BGP does not run, in `errors` or `warnings`: `BGP inactive`, or `BGP is disabled for VRF default`. */
export function saysNoBgp(text: string): boolean {
  return /\bBGP (is )?(inactive|disabled|not running)\b/i.test(text);
}

/** The error for a command that the switch would not or could not run, one code of ours for each of eAPI's. */
export function commandError(endpoint: string, command: string, { code, problem }: CommandFailure): AgentError {
  if (code === 1000 && saysNoBgp(problem)) return new AgentError('EAPI__NO_BGP', { endpoint, problem });
  switch (code) {
    case 1001:
      return new AgentError('EAPI__COMMAND_INTERNAL_ERROR', { endpoint, command, problem });
    case 1002:
      return new AgentError('EAPI__COMMAND_INVALID', { endpoint, command, problem });
    case 1003:
      return new AgentError('EAPI__COMMAND_UNCONVERTED', { endpoint, command, problem });
    case 1004:
      return new AgentError('EAPI__COMMAND_INCOMPATIBLE', { endpoint, command, problem });
    case 1005:
      return new AgentError('EAPI__COMMAND_UNAUTHORIZED', { endpoint, command, problem });
    default:
      return new AgentError('EAPI__COMMAND_FAILED', { endpoint, command, code, problem });
  }
}

/** Whether another command of the same kind may do better: the failure lies in what this one asked for, not in the asking. */
export function isOfThisCommandAlone({ code, problem }: CommandFailure): boolean {
  return (code === 1000 || code === 1001) && !saysNoBgp(problem);
}

interface GrpcEapiClientOptions {
  /** For messages. */
  readonly endpoint: string;
  readonly channel: GrpcChannel;
}

const CLOCK_COMMAND = 'show clock';

/** What filters expect around a result. */
const BEFORE = Buffer.from('{"result":[');
const AFTER = Buffer.from(']}');
/** What a socket gives at a time. */
const PIECE_BYTES = 64 * 1_024;

/**
 * eAPI's commands over EosSdkRpc, one a call. Its results bring no `_meta`, so the switch's time is asked for by `show clock` just before: what
 * ages come of it are too small by the time between the two, never too large, and nobody is down earlier than the switch says.
 */
export function createGrpcEapiClient({ endpoint, channel }: GrpcEapiClientOptions): EapiClient {
  async function runOne(command: string, signal: AbortSignal, filter?: AnswerFilter): Promise<RunOutcome> {
    const { RUN_SHOW_CMD, decodeShowResponse, encodeShowCommand } = await loadMessages();
    const response = decodeShowResponse(await channel.call(RUN_SHOW_CMD, encodeShowCommand(command), signal));
    switch (response.kind) {
      case 'malformed':
        throw new AgentError('GRPC__MALFORMED', { endpoint, problem: response.problem });
      case 'failed':
        return { results: [], failure: { code: response.code, problem: oneLine(response.message) || 'no reason given' } };
      case 'answered': {
        const json = filter === undefined ? response.json : await filtered(response.json, filter);
        const envelope = readResultText(json.toString('utf8'));
        if (envelope.kind === 'malformed') throw new AgentError('GRPC__MALFORMED', { endpoint, problem: envelope.problem });
        return envelope;
      }
    }
  }

  return {
    async run(commands, signal, filter) {
      const results: RunOutcome['results'][number][] = [];
      for (const command of commands) {
        const outcome = await runOne(command, signal, filter);
        results.push(...outcome.results);
        if (outcome.failure !== undefined) return { results, failure: outcome.failure };
      }
      return { results };
    },
    async time(signal) {
      const { results } = await runOne(CLOCK_COMMAND, signal);
      return readEpochSeconds(results[0]?.utcTime);
    },
  };
}

/** The answer without what the filter takes out of it; the filter knows results by the frame that they have over HTTP, and such pieces. */
async function filtered(json: Buffer, filter: AnswerFilter): Promise<Buffer> {
  const keep = filter();
  const parts = [await keep(BEFORE)];
  for (let from = 0; from < json.byteLength; from += PIECE_BYTES) parts.push(await keep(json.subarray(from, from + PIECE_BYTES)));
  parts.push(await keep(AFTER));
  const kept = Buffer.concat(parts);
  return kept.subarray(BEFORE.byteLength, kept.byteLength - AFTER.byteLength);
}

interface OpenEapiClientOptions {
  /** Not used on a Unix socket and over gRPC, where the switch asks for none. */
  readonly credentials?: EapiCredentials;
  /** By the system's authorities when absent. */
  readonly tls?: EapiTls;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  /** 1, when absent. */
  readonly modelVersion?: 1 | 'latest';
  /** Whether results carry the switch's time, where the transport can; they do when absent. */
  readonly timestamps?: boolean;
}

interface OpenEapiClient {
  readonly client: EapiClient;
  /** Ends its session on the switch and its connection. */
  end(): Promise<void>;
}

/** A client with a connection of its own, by the transport that the endpoint names. Nothing is opened before the first command. */
export function openEapiClient(endpoint: EapiEndpoint, options: OpenEapiClientOptions): OpenEapiClient {
  return endpoint.grpcAddress === undefined ? overHttp(endpoint, options) : overGrpc(endpoint, endpoint.grpcAddress, options);
}

function overHttp(endpoint: EapiEndpoint, options: OpenEapiClientOptions): OpenEapiClient {
  const { timeoutMs, maxAnswerBytes, modelVersion = 1, timestamps = true, tls = { kind: 'system' } } = options;
  const credentials = endpoint.socketPath === undefined ? options.credentials : undefined;
  const transport = createEapiTransport({ endpoint, tls, timeoutMs, maxAnswerBytes });
  const authentication = createAuthentication({ endpoint: endpoint.text, credentials, transport });
  const username = credentials?.username ?? '(none)';
  return {
    client: createEapiClient({ endpoint: endpoint.text, username, transport, authentication, modelVersion, timestamps }),
    async end() {
      await authentication.end();
      await transport.close();
    },
  };
}

function overGrpc(endpoint: EapiEndpoint, address: string, { timeoutMs, maxAnswerBytes }: OpenEapiClientOptions): OpenEapiClient {
  const channel = createGrpcChannel({ endpoint: endpoint.text, address, timeoutMs, maxAnswerBytes });
  return { client: createGrpcEapiClient({ endpoint: endpoint.text, channel }), end: () => channel.close() };
}
