export { advancePenalty, type DampingPolicy, DEFAULT_DAMPING, type FlapPenalty, msUntilReuse, penaltyCeiling } from './damping.ts';
export {
  byUrgency,
  type Decided,
  type DecideInput,
  type Decision,
  decide,
  decideInSteps,
  decideStatus,
  type HoldReason,
  jitterShare,
  type LedgerStatus,
  ledgerStatus,
  type ReportableStatus,
  recordAgeMs,
  type StatusIntent,
  type UserOutcome,
  type UserStatusView,
  type WriteReason,
} from './decide.ts';
export { detectMassDown, type MassDown, reconcileMassDown } from './mass-down.ts';
export { createTunnelAddressing, type Observations, observeInSteps, observeUsers, type Tunnel, type TunnelAddressing } from './observe.ts';
export { DEFAULT_POLICY, type StatusPolicy } from './policy.ts';
export type {
  LedgerUser,
  LedgerView,
  LocatedNeighbor,
  Neighbor,
  NeighborKey,
  NeighborSnapshot,
  NeighborState,
  Observation,
  UnobservedReason,
  VrfName,
  VrfReading,
} from './types.ts';
export { accountStateOf, advanceTrack, type OwnWrites, type TrackStep, type UserTrack } from './user-history.ts';
