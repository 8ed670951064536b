import type { Clock, Random } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { SimulatedSnmp, SimulatedSwitch, SwitchFaults } from './dzd/index.ts';
import type { Genesis } from './genesis.ts';
import type { LocalLedger } from './ledger/index.ts';
import type { LocalnetSnapshot } from './localnet-snapshot.ts';
import type { StateIngestServer } from './state-ingest/index.ts';
import type { NewLocalUser } from './world.ts';

export interface LocalnetOptions {
  /** Users that exist from the start; none is connected. Every fifth is multicast, the rest alternates between two tenants. */
  readonly users: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Ports on 127.0.0.1; a free one each unless told. */
  readonly rpcPort?: number;
  readonly eapiPort?: number;
  readonly snmpPort?: number;
  readonly grpcPort?: number;
  /** HTTPS instead of HTTP for the eAPI, with this key and certificate, PEM. */
  readonly eapiTls?: { readonly key: string; readonly cert: string };
  /** Port of a state-ingest server; there is none unless told. */
  readonly stateIngestPort?: number;
  /** Path of the eAPI's Unix socket; one in a directory of its own unless told. */
  readonly eapiSocket?: string;
  /** Milliseconds a slot, 400 unless told. */
  readonly slotMs?: number;
  /** Slots of an epoch, 432,000 unless told: access passes end with one. */
  readonly slotsPerEpoch?: bigint;
  /** Begins with this world instead of `users`. */
  readonly genesis?: Genesis | undefined;
  /** Goes on from this state, whatever `users` says. Throws Error, or ZodError, for what is none. */
  readonly restore?: LocalnetSnapshot | undefined;
  /** The device's metrics publisher; it is funded. */
  readonly publisher: Address;
}

export interface LocalnetAddresses {
  readonly rpcUrl: string;
  /** Solana's subscriptions over WebSocket. */
  readonly wsUrl: string;
  readonly eapiUrl: string;
  readonly eapiSocket: string;
  /** UDP; community `public`, or LOCALNET_SNMP_USER by SNMPv3. */
  readonly snmp: { readonly host: string; readonly port: number; readonly community: string };
  /** EosSdkRpc, in clear text. */
  readonly grpc: { readonly host: string; readonly port: number };
  readonly stateIngestUrl?: string;
}

/** What a session truly is. */
export type SessionTruth = 'up' | 'down';

export interface Localnet {
  readonly ledger: LocalLedger;
  readonly sim: SimulatedSwitch;
  readonly switchFaults: SwitchFaults;
  /** The switch's SNMP agent, which can be told where to send traps. */
  readonly snmp: SimulatedSnmp;
  /** Takes raw snapshots of the device; it listens only when a port was given. */
  readonly stateIngest: StateIngestServer;
  readonly device: Address;
  readonly programId: Address;
  start(): Promise<LocalnetAddresses>;
  stop(): Promise<void>;
  /** A new user on the ledger (CreateAndActivateUser), configured on the switch, not connected. */
  addUser(options?: NewLocalUser): Address;
  /** Deletes the account (DeleteUser), so that its tunnel is free for the next; the switch loses the neighbor with the controller's next push. */
  removeUser(user: Address): void;
  connect(user: Address, rttUs?: number): void;
  disconnect(user: Address): void;
  /** The ledger's state and who is connected, for `restore`. Faults, and transactions that wait, are no part of it. */
  snapshot(): LocalnetSnapshot;
  /** The truth about every user of the device; what the ledger should say in the end. */
  truth(): ReadonlyMap<Address, SessionTruth>;
}
