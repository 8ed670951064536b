/** A write that the ledger should see, as `--dry-run` prints it. */
export interface IntentEvent {
  readonly event: 'intent';
  /** Accounts in base58. */
  readonly user: string;
  readonly device: string;
  /** The user's /31, `a.b.c.d/31`. */
  readonly tunnelNet: string;
  /** Where the session was seen; null for a user whose neighbor the switch does not have. */
  readonly vrf: string | null;
  readonly peer: string | null;
  readonly from: string;
  readonly to: string;
  readonly reason: 'change' | 'refresh' | 'ride-along';
  readonly rttNs: bigint;
  /** The data of the instruction, in hex. */
  readonly instruction: string;
}

/** `localnet` is up and can be used. */
export interface ReadyEvent {
  readonly event: 'ready';
  readonly rpcUrl: string;
  /** Of the ledger's subscriptions. */
  readonly wsUrl: string;
  readonly programId: string;
  readonly device: string;
  /** Path of the metrics publisher's key file. */
  readonly keypair: string;
  readonly eapiUrl: string;
  readonly eapiSocket: string;
  /** `host:port` over UDP. */
  readonly snmp: string;
  /** `host:port` over TCP. */
  readonly grpc: string;
  /** Of the state-ingest server, where one was asked for. */
  readonly stateIngestUrl?: string;
}

/** What a run of `demo` came to. */
export interface SummaryEvent {
  readonly event: 'summary';
  readonly users: number;
  readonly up: number;
  readonly down: number;
  readonly transactions: number;
  readonly writesLanded: number;
  readonly writesFailed: number;
  /** Users whose status on the ledger is not what the simulated switch knows to be true. */
  readonly mismatches: number;
}

/** What the commands answer on standard output: with `--output json` one object a line. */
export type OutputEvent = IntentEvent | ReadyEvent | SummaryEvent;
