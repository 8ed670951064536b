import { AgentError } from '../../lib/index.ts';
import { type GrpcChannel, loadMessages } from '../grpc/index.ts';
import type { EapiClient, RunOutcome } from './client.ts';
import { readEpochSeconds } from './peer-values.ts';
import { readResultText } from './read-envelope.ts';
import { oneLine } from './text.ts';
import type { AnswerFilter } from './transport.ts';

export interface GrpcEapiClientOptions {
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
