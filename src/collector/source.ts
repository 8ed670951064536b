import type { NeighborKey, NeighborSnapshot } from '../bgp/index.ts';
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
