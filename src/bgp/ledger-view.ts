import type { MonotonicMs } from '../platform/index.ts';
import type { Address, Slot, User } from '../serviceability/index.ts';
import type { VrfName } from './neighbor-snapshot.ts';

/** One user of this device, as the ledger has it. */
export interface LedgerUser {
  readonly pubkey: Address;
  readonly user: User;
  /** The VRF in which the controller configures this user: `default` for multicast, else `vrf<tenant.vrf_id>`; absent when unknown. */
  readonly expectedVrf?: VrfName;
}

/** The users of this device at one slot: the reference of every decision (rule 9). */
export interface LedgerView {
  /** The slot for which the endpoint answered. */
  readonly slot: Slot;
  /** When the request for it was sent. */
  readonly readAt: MonotonicMs;
  /** Measured milliseconds a slot, absent until measured (rule 12: never a constant). */
  readonly slotTimeMs?: number;
  readonly users: ReadonlyMap<Address, LedgerUser>;
}
