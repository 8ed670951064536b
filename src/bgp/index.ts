export type { LedgerUser, LedgerView } from './ledger-view.ts';
export type { Neighbor, NeighborKey, NeighborSnapshot, NeighborState, VrfName, VrfReading } from './neighbor-snapshot.ts';
