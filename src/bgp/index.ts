export { advancePenalty, DEFAULT_DAMPING, type FlapPenalty, msUntilReuse, penaltyCeiling } from './damping.ts';
export {
  type DecideInput,
  type Decision,
  decideUser,
  detectMassDown,
  type HoldReason,
  intentsOf,
  jitterShare,
  type LedgerStatus,
  ledgerStatus,
  mayNeedWrite,
  type ReportableStatus,
  reconcileMassDown,
  type StatusIntent,
  type UserOutcome,
  watchedAgeMs,
} from './decide.ts';
export { type Observations, observeUsers, tunnelIdIn } from './observe.ts';
export {
  DEFAULT_POLICY,
  type LedgerUser,
  type LedgerView,
  type LocatedNeighbor,
  type Neighbor,
  type NeighborKey,
  type NeighborSnapshot,
  type NeighborState,
  type Observation,
  type StatusPolicy,
  type UnobservedReason,
  type VrfName,
  type VrfReading,
} from './types.ts';
export { sameTunnel, withoutDownRun } from './user-history.ts';
