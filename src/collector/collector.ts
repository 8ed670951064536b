import type { LocatedNeighbor, NeighborKey, NeighborSnapshot, VrfName, VrfReading } from '../bgp/index.ts';
import { AgentError, backoffDelays, type Clock, describeError, isAgentError, type Random, withDeadline } from '../lib/index.ts';
import type { Nanoseconds } from '../serviceability/index.ts';

/** Runs show commands for raw snapshots. It has its own connection, so that no poll waits behind an answer of megabytes. */
export interface ShowRunner {
  /**
   * The switch's answer to one command: a JSON object in UTF-8, as the switch wrote it. Throws AgentError `EAPI__…`, the signal's reason, or
   * Stopped once it is closed. The caller checks that the command is harmless.
   */
  run(command: string, signal: AbortSignal): Promise<Uint8Array>;
  /** Ends sessions and sockets. Idempotent. */
  close(): Promise<void>;
}

/** One way to read a switch. Every source and transport passes the same contract suite (test/collector/source-contract.ts). */
export interface SwitchSource {
  /** Its name in the configuration, for logs and metrics. */
  readonly name: string;
  /** Its own upper bound for a poll, milliseconds, which it keeps by itself, so that what it has read by then counts. */
  readonly pollTimeoutMs?: number;
  /**
   * Polls every VRF once. A VRF that could not be read is failed in the snapshot. Throws an AgentError when no VRF could be read, or when the
   * answer cannot be trusted (empty, cut, of the wrong type). A snapshot never claims more than the source saw.
   */
  collect(signal: AbortSignal): Promise<NeighborSnapshot>;
  /**
   * Round-trip times of the named neighbors, by `neighborKeyText`; those without a sample are absent. Only sources with RTTs have this.
   * An error here costs the RTT, never the status.
   */
  readRtts?(neighbors: readonly NeighborKey[], signal: AbortSignal): Promise<ReadonlyMap<string, Nanoseconds>>;
  /**
   * What it received and dropped since it was made, by reason, always the same ones. Only sources that count it have this.
   */
  dropCounters?(): Readonly<Record<string, number>>;
  /** Ends sessions and sockets. Idempotent. */
  close(): Promise<void>;
}

export function neighborKeyText(key: NeighborKey): string {
  return `${key.vrf}|${key.address}`;
}

/** The error of a source. An unexpected one becomes `SWITCH__SOURCE_FAILED`, and never ends the agent. */
export function sourceError(source: string, error: unknown): AgentError {
  if (isAgentError(error)) return error;
  return new AgentError('SWITCH__SOURCE_FAILED', { source, problem: describeError(error) }, { cause: error });
}

export interface CollectorReporter {
  /** A source answered a poll, after so many milliseconds. */
  polled(event: { readonly source: string; readonly durationMs: number }): void;
  /**
   * Reported once when a source fails and once when it recovers, not for each failed poll; in between, with `again`, when it fails for another
   * reason than before.
   */
  source(event: { readonly source: string; readonly state: 'lost' | 'back'; readonly error?: AgentError; readonly again?: boolean }): void;
}

interface CollectorOptions {
  /** In the order of preference. */
  readonly sources: readonly SwitchSource[];
  /** Upper bound for one poll of a source that has none of its own, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: CollectorReporter;
}

export type Collector = ReturnType<typeof createCollector>;

/** A source that keeps its own bound has this much longer, to hand over what it has read. */
const GRACE_MS = 1_000;

/** A source and its health. */
interface Tracked {
  readonly source: SwitchSource;
  /** The code of its last error, until it is read again. */
  lost?: string;
  retryAt: number;
  delays: Generator<number, never>;
  /** The poll in the background. It never rejects. */
  inBackground?: Promise<unknown>;
}

/**
 * The ordered sources as one.
 *
 *   source 1 ──► every VRF there? ──► done
 *      │ failed or missing VRFs
 *   source 2 ──► fills only those ──► …
 *
 * A failed source is polled again after its backoff, in the background if nothing needs it, so that its recovery is reported.
 */
export function createCollector({ sources, timeoutMs, clock, random, reporter }: CollectorOptions) {
  const newDelays = (): Tracked['delays'] => backoffDelays({ baseMs: 1_000, maxMs: 30_000, random });
  const tracked = sources.map((source): Tracked => ({ source, retryAt: 0, delays: newDelays() }));

  async function poll(polled: Tracked, signal: AbortSignal): Promise<NeighborSnapshot | undefined> {
    const { source } = polled;
    // One poll of a source at a time: the result of its last poll decides whether neighbors may be gone.
    await polled.inBackground;
    const from = clock.monotonic();
    try {
      const boundMs = source.pollTimeoutMs === undefined ? timeoutMs : source.pollTimeoutMs + GRACE_MS;
      const snapshot = await withDeadline(boundMs, signal, (inner) => source.collect(inner), clock);
      reporter.polled({ source: source.name, durationMs: clock.monotonic() - from });
      if (polled.lost !== undefined) reporter.source({ source: source.name, state: 'back' });
      polled.lost = undefined;
      polled.delays = newDelays();
      return snapshot;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const problem = sourceError(source.name, error);
      const again = polled.lost !== undefined;
      if (polled.lost !== problem.code) reporter.source({ source: source.name, state: 'lost', error: problem, again });
      polled.lost = problem.code;
      polled.retryAt = clock.monotonic() + polled.delays.next().value;
      return undefined;
    }
  }

  return {
    /**
     * The first source's snapshot, its failed and missing VRFs filled by the others; undefined when none could be read. `needed` are VRFs in
     * which users are expected. A confirmation poll begins with another source than the first where there is one (rule 8).
     */
    async collect(
      { needed, confirmationPoll = false }: { readonly needed: ReadonlySet<VrfName>; readonly confirmationPoll?: boolean },
      signal: AbortSignal,
    ): Promise<NeighborSnapshot | undefined> {
      const order = confirmationPoll ? [...tracked.slice(1), ...tracked.slice(0, 1)] : tracked;
      const backedOff = order.filter(({ lost, retryAt }) => lost !== undefined && clock.monotonic() < retryAt);
      // A source that just failed is polled again only when no other answers.
      const candidates = [...order.filter((each) => !backedOff.includes(each)), ...backedOff];
      let merged: NeighborSnapshot | undefined;
      /** Next to a full snapshot, the empty VRFs of one without any neighbor would pass for sessions that are gone. */
      let empty: NeighborSnapshot | undefined;
      for (const each of candidates) {
        if (merged !== undefined && (isComplete(merged, needed) || backedOff.includes(each))) {
          if (each.lost !== undefined && !backedOff.includes(each)) {
            each.retryAt = Number.POSITIVE_INFINITY;
            each.inBackground = poll(each, signal).catch(() => undefined);
          }
          continue;
        }
        const snapshot = await poll(each, signal);
        if (snapshot === undefined) continue;
        if (hasNeighbors(snapshot)) merged = merged === undefined ? snapshot : fill(merged, snapshot);
        else empty ??= snapshot;
      }
      return merged ?? empty;
    },
    /** RTTs by `neighborKeyText`, from the sources that have them. Throws only for an aborted signal: an RTT is not worth a status. */
    async readRtts(neighbors: readonly LocatedNeighbor[], signal: AbortSignal): Promise<ReadonlyMap<string, Nanoseconds>> {
      const found = new Map<string, Nanoseconds>();
      for (const { source, lost } of tracked) {
        if (source.readRtts === undefined || lost !== undefined) continue;
        const missing = found.size === 0 ? neighbors : neighbors.filter((key) => !found.has(neighborKeyText(key)));
        if (missing.length === 0) break;
        try {
          const rtts = await withDeadline(timeoutMs, signal, async (inner) => source.readRtts?.(missing, inner), clock);
          for (const [key, rtt] of rtts ?? []) found.set(key, rtt);
        } catch {
          if (signal.aborted) throw signal.reason;
        }
      }
      return found;
    },
    async close(): Promise<void> {
      await Promise.allSettled(sources.map((source) => source.close()));
    },
  };
}

function isComplete({ vrfs }: NeighborSnapshot, needed: ReadonlySet<VrfName>): boolean {
  return [...vrfs.values()].every(({ kind }) => kind === 'collected') && [...needed].every((vrf) => vrfs.has(vrf));
}

/** Whether any VRF of the snapshot was collected and has a neighbor. */
export function hasNeighbors({ vrfs }: Pick<NeighborSnapshot, 'vrfs'>): boolean {
  return [...vrfs.values()].some((reading) => reading.kind === 'collected' && reading.neighbors.size > 0);
}

/** `first`, with the VRFs that it could not read or does not have from `second`. */
function fill(first: NeighborSnapshot, second: NeighborSnapshot): NeighborSnapshot {
  const vrfs = new Map<VrfName, VrfReading>(first.vrfs);
  for (const [vrf, reading] of second.vrfs) {
    if (!vrfs.has(vrf) || (reading.kind === 'collected' && vrfs.get(vrf)?.kind === 'failed')) vrfs.set(vrf, reading);
  }
  return { vrfs, takenAt: first.takenAt };
}
