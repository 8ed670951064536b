import { isUtf8 } from 'node:buffer';
import { AgentError, Stopped } from '../../lib/index.ts';
import type { ShowRunner } from '../source.ts';
import { commandError, createInFlight, openEapiClient } from './client.ts';
import { parseEapiEndpoint } from './http.ts';
import { createRawResultFilter } from './json-stream.ts';
import type { EapiSourceOptions } from './source.ts';

export type EapiShowRunnerOptions = Pick<EapiSourceOptions, 'endpoint' | 'credentials' | 'tls' | 'modelVersion'> & {
  /** Upper bound for one command and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer. */
  readonly maxAnswerBytes: number;
};

/**
 * Show commands through eAPI, on a connection and a login of its own, and without the switch's time in the answers. Nothing of an answer is
 * parsed but its frame. Throws `EAPI__ENDPOINT_INVALID` here already.
 */
export function createEapiShowRunner(options: EapiShowRunnerOptions): ShowRunner {
  const endpoint = parseEapiEndpoint(options.endpoint);
  const { client, end } = openEapiClient(endpoint, { ...options, timestamps: false });
  const inFlight = createInFlight();
  let closing: Promise<void> | undefined;

  async function run(command: string, signal: AbortSignal): Promise<Uint8Array> {
    let raw: Buffer | undefined;
    const filter = () => {
      raw = undefined;
      return createRawResultFilter((bytes) => {
        raw = bytes;
      });
    };
    const { results, failure } = await client.run([command], signal, filter);
    if (failure !== undefined) throw commandError(endpoint.text, command, failure);
    const [result] = results;
    if (result === undefined) throw new AgentError('EAPI__MALFORMED', { endpoint: endpoint.text, problem: 'it has no result' });
    if (raw !== undefined && !isUtf8(raw)) throw new AgentError('EAPI__MALFORMED', { endpoint: endpoint.text, problem: 'it is not UTF-8' });
    // Some commands answer with text that is JSON.
    return raw ?? Buffer.from(JSON.stringify(result));
  }

  async function close(): Promise<void> {
    inFlight.end(new Stopped(`the show commands of ${endpoint.text} are closed`));
    await end();
  }

  return {
    run: (command, signal) => inFlight.run(signal, (inner) => run(command, inner)),
    close() {
      closing ??= close();
      return closing;
    },
  };
}
