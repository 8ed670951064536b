import type { NeighborKey, NeighborSnapshot } from '../../bgp/index.ts';
import { type Clock, createAbortController, Stopped, withSignals } from '../../lib/index.ts';
import type { Nanoseconds } from '../../serviceability/index.ts';
import type { ShowRunner, SwitchSource } from '../collector.ts';
import { DownReasons } from '../down-reasons.ts';
import { commandError, createEapiClient, type EapiClient } from './client.ts';
import { type EapiCredentials, type EapiTls, parseEapiEndpoint } from './http.ts';
import { readDownReasons, readRtts, readSummary, SUMMARY_COMMAND } from './summary.ts';

export interface EapiSourceOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** `https://host[:port]`, `http://host[:port]`, `unix:///path` or `grpc://host[:port]`. */
  readonly endpoint: string;
  /** Not used on a Unix socket and over gRPC, where the switch asks for none. */
  readonly credentials?: EapiCredentials;
  /** How an `https` endpoint is verified; by the system's certificate authorities by default. */
  readonly tls?: EapiTls;
  readonly clock: Clock;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer; 4 MiB by default. */
  readonly maxAnswerBytes?: number;
}

/** A kilobyte for each of 4,096 neighbors: four times what EOS writes. */
const MAX_ANSWER_BYTES = 4 << 20;

/** The details of a neighbor that is down take 3 kB. */
const REASONS_PER_POLL = 8;

/** A client and its end: closing aborts its commands, and no command begins afterwards. */
class EapiConnection {
  readonly endpoint: string;
  readonly client: EapiClient;
  readonly #closing = createAbortController();
  #closed: Promise<void> | undefined;

  constructor({ endpoint: url, ...options }: EapiShowRunnerOptions & { readonly timestamps?: boolean }) {
    const endpoint = parseEapiEndpoint(url);
    this.endpoint = endpoint.text;
    this.client = createEapiClient({ ...options, endpoint });
  }

  async use<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#closing.signal.throwIfAborted();
    signal.throwIfAborted();
    return withSignals([signal, this.#closing.signal], work);
  }

  close(): Promise<void> {
    this.#closing.abort(new Stopped(`the eAPI commands of ${this.endpoint} are closed`));
    this.#closed ??= this.client.close();
    return this.#closed;
  }
}

/**
 * Reads the switch through eAPI, the JSON-RPC of EOS.
 *
 *   collect  ── show ip bgp summary vrf all ──────────┐             ┌─ auth ─► HTTP ─┐   ┌─ readSummary ──► NeighborSnapshot
 *   readRtts ── show ip bgp neighbors <a> vrf <v> … ──┴─► client ───┴─ gRPC ─────────┴───┴─ collectRtts ──► RTT by neighbor
 *
 * A neighbor that went down without an idle reason costs `collect` one more request, for its last notification.
 *
 * Errors are AgentErrors `EAPI__…` and `GRPC__…`, a signal's own reason, or Stopped once it is closed.
 */
export function createEapiSource(options: EapiSourceOptions): EapiSource {
  return new EapiSource(options);
}

export class EapiSource implements SwitchSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #connection: EapiConnection;
  readonly #downReasons: DownReasons;
  /** How many neighbors were Established in the last poll. */
  #established = 0;

  constructor({ name = 'eapi', clock, maxAnswerBytes = MAX_ANSWER_BYTES, ...access }: EapiSourceOptions) {
    this.name = name;
    this.#clock = clock;
    this.#downReasons = new DownReasons({ clock, most: REASONS_PER_POLL });
    this.#connection = new EapiConnection({ ...access, maxAnswerBytes });
  }

  collect(signal: AbortSignal): Promise<NeighborSnapshot> {
    return this.#connection.use(signal, (inner) => this.#poll(inner));
  }

  async #poll(signal: AbortSignal): Promise<NeighborSnapshot> {
    const { endpoint, client } = this.#connection;
    const takenAt = this.#clock.monotonic();
    const switchTime = await client.time?.(signal);
    const { results, failure } = await client.run([SUMMARY_COMMAND], signal);
    const [result] = results;
    if (failure !== undefined || result === undefined)
      throw commandError(endpoint, SUMMARY_COMMAND, failure ?? { code: 0, problem: 'no result' });
    const { vrfs, established } = readSummary(result, { endpoint, source: this.name, switchTime });
    this.#established = established;
    const read = (neighbors: readonly NeighborKey[], inner: AbortSignal) => readDownReasons(this.#connection, neighbors, inner);
    return { vrfs: await this.#downReasons.addTo(vrfs, read, signal), takenAt };
  }

  dropCounters(): Readonly<Record<string, number>> {
    return { ...this.#connection.client.counts };
  }

  readRtts(neighbors: readonly NeighborKey[], signal: AbortSignal): Promise<ReadonlyMap<string, Nanoseconds>> {
    return this.#connection.use(signal, (inner) => readRtts(this.#connection, neighbors, this.#established, inner));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

export type EapiShowRunnerOptions = Pick<EapiSourceOptions, 'endpoint' | 'credentials' | 'tls'> & {
  /** Upper bound for one command and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer. */
  readonly maxAnswerBytes: number;
};

/** Show commands through eAPI, with a connection and a login of their own, and without the switch's time in the answers. */
export function createEapiShowRunner(options: EapiShowRunnerOptions): ShowRunner {
  const connection = new EapiConnection({ ...options, timestamps: false });
  return {
    run: (command, signal) => connection.use(signal, (inner) => connection.client.runRaw(command, inner)),
    close: () => connection.close(),
  };
}
