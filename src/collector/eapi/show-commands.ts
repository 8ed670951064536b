import { createAbortController, Stopped, withSignals } from '../../lib/index.ts';
import type { ShowRunner } from '../source.ts';
import { createEapiClient } from './client.ts';
import { parseEapiEndpoint } from './http.ts';
import type { EapiSourceOptions } from './source.ts';

export type EapiShowRunnerOptions = Pick<EapiSourceOptions, 'endpoint' | 'credentials' | 'tls' | 'modelVersion'> & {
  /** Upper bound for one command and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer. */
  readonly maxAnswerBytes: number;
};

/**
 * Show commands through eAPI, with a connection and a login of their own, and without the switch's time in the answers. Throws
 * `EAPI__ENDPOINT_INVALID` at once.
 */
export function createEapiShowRunner(options: EapiShowRunnerOptions): ShowRunner {
  const endpoint = parseEapiEndpoint(options.endpoint);
  const client = createEapiClient({ ...options, endpoint, timestamps: false });
  const closing = createAbortController();
  let closed: Promise<void> | undefined;

  return {
    async run(command, signal) {
      closing.signal.throwIfAborted();
      signal.throwIfAborted();
      return withSignals([signal, closing.signal], (inner) => client.runRaw(command, inner));
    },
    close() {
      closing.abort(new Stopped(`the show commands of ${endpoint.text} are closed`));
      closed ??= client.close();
      return closed;
    },
  };
}
