import { AgentError, type EpochMs } from '../../lib/index.ts';
import type { Authentication } from './authentication.ts';
import type { JsonObject } from './json.ts';
import { type CommandFailure, readEnvelope } from './read-envelope.ts';
import type { AnswerFilter, EapiReply, EapiTransport } from './transport.ts';

export interface EapiClientOptions {
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

export interface RunOutcome {
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

export function createEapiClient(options: EapiClientOptions): EapiClient {
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
