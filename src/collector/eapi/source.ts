import type { NeighborSnapshot } from '../../bgp/index.ts';
import { type Clock, inSlices, Stopped, timeSlices } from '../../lib/index.ts';
import type { SwitchSource } from '../source.ts';
import { commandError, createInFlight, openEapiClient } from './client.ts';
import { type EapiCredentials, type EapiTls, parseEapiEndpoint } from './http.ts';
import { breathing } from './json-stream.ts';
import { createRttReader } from './rtt.ts';
import { createSummaryPeers, readSummaryInSteps, SUMMARY_COMMAND } from './summary.ts';

export interface EapiSourceOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** `https://host[:port]`, `http://host[:port]`, `unix:///path` or `grpc://host[:port]`. */
  readonly endpoint: string;
  /** Not used on a Unix socket and over gRPC, where the switch asks for none. */
  readonly credentials?: EapiCredentials;
  /** How an `https` endpoint proves itself; by the system's authorities when absent. */
  readonly tls?: EapiTls;
  readonly clock: Clock;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer; 64 MiB when absent. */
  readonly maxAnswerBytes?: number;
  /** 1, when absent: the first model of each command, which no upgrade of EOS changes. */
  readonly modelVersion?: 1 | 'latest';
}

const MAX_ANSWER_BYTES = 64 << 20;

export type EapiSource = SwitchSource & Required<Pick<SwitchSource, 'readRtts'>>;

/**
 * Reads the switch through eAPI, the JSON-RPC of EOS.
 *
 *   collect  ── show ip bgp summary vrf all ──────────┐             ┌─ auth ─► HTTP ─┐   ┌─ readSummary ──► NeighborSnapshot
 *   readRtts ── show ip bgp neighbors <a> vrf <v> … ──┴─► client ───┴─ gRPC ─────────┴───┴─ collectRtts ──► RTT by neighbor
 *
 * Errors are AgentErrors `EAPI__…` and `GRPC__…`, a signal's own reason, or Stopped once it is closed. Throws `EAPI__ENDPOINT_INVALID` here already.
 */
export function createEapiSource(options: EapiSourceOptions): EapiSource {
  const { name = 'eapi', clock } = options;
  const endpoint = parseEapiEndpoint(options.endpoint);
  const { client, end } = openEapiClient(endpoint, { maxAnswerBytes: MAX_ANSWER_BYTES, ...options });
  let established = 0;
  const readRtts = createRttReader({ endpoint: endpoint.text, client, clock, established: () => established });
  const inFlight = createInFlight();
  let closing: Promise<void> | undefined;

  async function collect(signal: AbortSignal): Promise<NeighborSnapshot> {
    const takenAt = clock.monotonic();
    const switchTime = await client.time?.(signal);
    const breathe = timeSlices(clock, signal);
    const peers = createSummaryPeers();
    const { results, failure } = await client.run([SUMMARY_COMMAND], signal, breathing(peers.filter, breathe));
    const [result] = results;
    if (failure !== undefined || result === undefined) {
      throw commandError(endpoint.text, SUMMARY_COMMAND, failure ?? { code: 0, problem: 'no result' });
    }
    await breathe();
    const summary = await inSlices(readSummaryInSteps(result, { endpoint: endpoint.text, source: name, switchTime }, peers.read), breathe);
    established = summary.established;
    return { vrfs: summary.vrfs, takenAt };
  }

  async function close(): Promise<void> {
    inFlight.end(new Stopped(`the eAPI source of ${endpoint.text} is closed`));
    await end();
  }

  return {
    name,
    collect: (signal) => inFlight.run(signal, collect),
    readRtts: (neighbors, signal) => inFlight.run(signal, (inner) => readRtts(neighbors, inner)),
    close() {
      closing ??= close();
      return closing;
    },
  };
}
