import { AgentError, type Clock, describeError } from '../lib/index.ts';
import { createHttpExchange, type HttpReply } from './http-exchange.ts';
import { readStateToCollect, type WantedState } from './wanted-state.ts';

export interface StateIngestProbe {
  /** What the server wants to have collected. */
  readonly wanted: WantedState;
  readonly latencyMs: number;
  /** How far the server's clock is ahead of this host's, milliseconds, give or take a second; absent when it does not say. */
  readonly skewMs?: number;
}

export interface StateIngestProbeOptions {
  /** The base URL, http or https, with or without a path. */
  readonly url: string;
  /** Upper bound for the request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall' | 'monotonic'>;
}

/** Asks a state-ingest server what it wants, which needs no signature, and stores nothing. Throws AgentError `SNAPSHOT__SERVER_…`. */
export async function probeStateIngest({ url, timeoutMs, clock }: StateIngestProbeOptions, signal: AbortSignal): Promise<StateIngestProbe> {
  const target = new URL('v1/state-to-collect', url.endsWith('/') ? url : `${url}/`);
  const [server, request] = [target.host, `GET ${target.pathname}`];
  const http = createHttpExchange({ timeoutMs });
  const [sentAt, askedAt] = [clock.wall(), clock.monotonic()];
  try {
    const reply = await http.send({ method: 'GET', url: target }, signal);
    const latencyMs = clock.monotonic() - askedAt;
    if (reply.status !== 200)
      throw new AgentError('SNAPSHOT__SERVER_STATUS', { server, request, status: reply.status, problem: 'a list was expected' });
    const wanted = wantedOf(reply);
    if (wanted === undefined)
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request, problem: 'it is no list of what to collect' });
    const date = Date.parse(reply.header('date') ?? '');
    return { wanted, latencyMs, ...(Number.isNaN(date) ? {} : { skewMs: date - (sentAt + latencyMs / 2) }) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof AgentError) throw error;
    throw new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server, problem: describeError(error) }, { cause: error });
  } finally {
    await http.close();
  }
}

function wantedOf({ body }: HttpReply): WantedState | undefined {
  try {
    return readStateToCollect(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}
