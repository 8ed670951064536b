import type { NeighborKey, NeighborSnapshot } from '../bgp/index.ts';
import type { Nanoseconds } from '../serviceability/index.ts';

/**
 * Runs show commands, for those who pass on what the switch says without reading it. It has connections of its own, so that no poll waits
 * behind an answer of megabytes.
 */
export interface ShowRunner {
  /**
   * The switch's answer to one command: a JSON object, byte for byte as it came. Throws AgentError `EAPI__…`, the signal's reason, or Stopped
   * once it is closed. Whether the command may be run is the caller's business.
   */
  run(command: string, signal: AbortSignal): Promise<Uint8Array>;
  /** Ends sessions and sockets. Idempotent. */
  close(): Promise<void>;
}

/** One way to read a switch. Every source and transport passes the same contract suite (test/collector/source-contract.ts). */
export interface SwitchSource {
  /** Its name in the configuration, for logs and metrics. */
  readonly name: string;
  /**
   * Polls every VRF once. A VRF that could not be read is in the snapshot as failed; when nothing at all could be read, or the answer cannot
   * be trusted (empty, cut, of the wrong type), it throws an AgentError. It never answers with a snapshot that claims more than it saw.
   */
  collect(signal: AbortSignal): Promise<NeighborSnapshot>;
  /**
   * Round-trip times of the named neighbors, by `neighborKeyText`; those without a sample are absent. Only sources that can tell have it.
   * An error here costs the RTT, never the status.
   */
  readRtts?(neighbors: readonly NeighborKey[], signal: AbortSignal): Promise<ReadonlyMap<string, Nanoseconds>>;
  /**
   * What came in since it was made and could not be made anything of, by the reason: figures for the operator. Only sources that count it
   * have it, always with the same reasons.
   */
  dropCounters?(): Readonly<Record<string, number>>;
  /** Ends sessions and sockets. Idempotent. */
  close(): Promise<void>;
}

export function neighborKeyText(key: NeighborKey): string {
  return `${key.vrf}|${key.address}`;
}
