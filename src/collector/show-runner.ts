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
