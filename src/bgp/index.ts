export { byUrgency, type Decided, type DecideInput, decide, decideInSteps, ledgerStatus, type UserOutcome } from './decide.ts';
export {
  type Decision,
  decideStatus,
  type HoldReason,
  type LedgerStatus,
  type ReportableStatus,
  type UserStatusView,
  type WriteReason,
} from './decide-status.ts';
export { advancePenalty, type DampingPolicy, DEFAULT_DAMPING, type FlapPenalty, msUntilReuse, penaltyCeiling } from './flap-penalty.ts';
export type { LedgerUser, LedgerView } from './ledger-view.ts';
export { detectMassDown, type MassDown, reconcileMassDown } from './mass-down.ts';
export type { Neighbor, NeighborKey, NeighborSnapshot, NeighborState, VrfName, VrfReading } from './neighbor-snapshot.ts';
export type { LocatedNeighbor, Observation, UnobservedReason } from './observation.ts';
export { createTunnelAddressing, type Observations, observeInSteps, observeUsers, type Tunnel, type TunnelAddressing } from './observe.ts';
export { DEFAULT_POLICY, type StatusPolicy } from './policy.ts';
export { jitterShare, recordAgeMs } from './record-age.ts';
export type { StatusIntent } from './status-intent.ts';
export { accountStateOf, advanceTrack, type OwnWrites, type TrackStep, type UserTrack } from './track.ts';
