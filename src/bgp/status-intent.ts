import type { Address, Nanoseconds, NetworkV4 } from '../serviceability/index.ts';
import type { LedgerStatus, ReportableStatus, WriteReason } from './decide-status.ts';
import type { NeighborKey } from './neighbor-snapshot.ts';

/** One write that the ledger should see: what `--dry-run` prints and the publisher packs. */
export interface StatusIntent {
  readonly user: Address;
  readonly from: LedgerStatus;
  readonly to: ReportableStatus;
  readonly reason: WriteReason;
  /** Goes with Up only (rule 15); 0 when there is no sample. */
  readonly rttNs: Nanoseconds;
  readonly tunnelNet: NetworkV4;
  /** Where the session was seen; absent for a user whose neighbor the switch does not have. */
  readonly neighbor?: NeighborKey;
  /** Age of the record that this replaces, milliseconds; Infinity when nothing was ever reported. */
  readonly ageMs: number;
  /** The account as it was when this was decided; a user that the program rejected is written at once when this changes (rule 20). */
  readonly accountState: string;
}
