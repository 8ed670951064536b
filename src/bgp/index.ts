export { advancePenalty, type DampingPolicy, DEFAULT_DAMPING, type FlapPenalty, msUntilReuse, penaltyCeiling } from './damping.ts';
export {
  type DecideInput,
  type Decision,
  decideUser,
  type HoldReason,
  intentsOf,
  jitterShare,
  type LedgerStatus,
  ledgerStatus,
  mayNeedWrite,
  type ReportableStatus,
  recordAgeMs,
  type StatusIntent,
  type UserOutcome,
  type WriteReason,
} from './decide.ts';
export { detectMassDown, reconcileMassDown } from './mass-down.ts';
export { type Observations, observeUsers } from './observe.ts';
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
export { DEFAULT_POLICY, type StatusPolicy } from './types.ts';
export { sameTunnel, withoutDownRun } from './user-history.ts';
