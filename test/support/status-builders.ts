import { type AgentState, type AgentStatus, assess, type PartReport, type UserReport } from '../../src/observability/index.ts';
import { lamports, slot } from '../../src/serviceability/index.ts';
import { DEVICE, keyNumber } from './bgp-builders.ts';

export const NOW = 1_790_000_000_000;
export const HOUR = 3_600_000;

/** A user that is up, also on the ledger. */
export function userReport(n: number, changes: Partial<UserReport> = {}): UserReport {
  return {
    user: keyNumber(n),
    tunnelId: 500 + n,
    tunnelNet: '169.254.0.0/31',
    clientIp: '198.18.0.1',
    userType: 'IBRL',
    accountStatus: 'activated',
    expectedVrf: 'vrf1',
    observation: 'up',
    because: null,
    downReason: null,
    neighbor: { vrf: 'vrf1', address: '169.254.0.1', state: 'established', description: null, source: 'eapi' },
    sinceMs: 60_000,
    decision: 'settled',
    decisionReason: null,
    ledger: { status: 'up', reportedAtSlot: slot(5), lastUpAtSlot: slot(5), rttNs: 1_000_000n, ageMs: 60_000 },
    inFlight: null,
    parked: null,
    flaps: 0,
    penalty: 0,
    suppressed: false,
    observedSince: NOW - 60_000,
    decidedSince: NOW - 60_000,
    pendingSince: null,
    parkedSince: null,
    suppressedSince: null,
    lastWrite: null,
    ...changes,
  };
}

export const unobservedUser = (n: number, because: string) => userReport(n, { observation: 'unobserved', because, neighbor: null });
export const okPart = (name: string): PartReport => ({
  name,
  state: 'ok',
  since: NOW - HOUR,
  latencyMs: 12,
  problem: null,
  remedy: null,
  lastProblem: null,
});
export const lostPart = (name: string, problem: string): PartReport => ({
  name,
  state: 'lost',
  since: NOW - HOUR,
  latencyMs: null,
  problem,
  remedy: 'check the cable',
  lastProblem: { at: NOW - HOUR, text: problem },
});

/** A healthy agent, an hour after its start, with these changes, and its verdict. */
export function agentStatus(changes: Partial<AgentState> = {}): AgentStatus {
  const state: AgentState = {
    version: '1.2.3',
    commit: 'c0ffee',
    node: '24.1.0',
    host: 'switch-host',
    network: 'testnet',
    device: DEVICE,
    deviceCode: 'ams-dz001',
    deviceStatus: { name: 'activated', since: NOW - HOUR },
    publisher: keyNumber(99),
    startedAt: NOW - HOUR,
    now: NOW,
    dryRun: false,
    lastTick: { at: NOW - 2_000, durationMs: 12, switchRead: true, viewSlot: slot(9), slotTimeMs: 400 },
    ready: true,
    users: [userReport(0), userReport(1)],
    sources: [okPart('eapi')],
    endpoints: [okPart('http://a'), okPart('http://b')],
    ledgerProblem: null,
    failedVrfs: [],
    failedTriggers: [],
    ambiguous: null,
    unlisted: null,
    halted: null,
    writesStalled: null,
    oldestPendingSince: null,
    slotProgress: { slot: slot(9), advancedAt: NOW - 2_000, answeredAt: NOW - 2_000 },
    ledgerLag: { slot: slot(9), behindMs: 900, since: NOW - HOUR },
    refreshIntervalMs: HOUR,
    silentAfterMs: 60_000,
    spend: { allowance: 'all', since: NOW - HOUR },
    balance: { lamports: lamports(2_500_000_000), hoursToEmpty: 5_000, at: NOW, lowSince: null },
    reload: null,
    snapshotProblem: null,
    transactions: { sent: 1, landed: 1, expired: 0, failed: 0 },
    recentTransactions: [{ signature: 'Sig1', users: 2, sentAt: NOW - 9_000, state: 'landed', tookMs: 900, problem: null }],
    writes: { landed: 2, rejected: 0 },
    flaps: [],
    timeline: [],
    ...changes,
  };
  return { ...state, ...assess(state) };
}
