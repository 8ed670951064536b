import { ledgerStatus, recordAgeMs, type UserOutcome } from '../bgp/index.ts';
import type { MonotonicMs } from '../lib/index.ts';
import { type Address, formatNetworkV4, userStatusName, userTypeName } from '../serviceability/index.ts';
import type { TickReport } from '../tick-reporter.ts';
import type { UserReport } from './agent-status.ts';

/** What is known of a user beside the last tick. */
type Surroundings = Pick<UserReport, 'inFlight' | 'parked' | 'lastWrite'>;

/** The users as the last tick saw them, in the words of the status; a pause after each. */
export function* userReports(
  tick: Pick<TickReport, 'view' | 'outcomes'> | undefined,
  now: MonotonicMs,
  surroundingsOf: (user: Address) => Surroundings,
): Generator<void, readonly UserReport[], void> {
  const users: UserReport[] = [];
  for (const [user, outcome] of tick?.outcomes ?? []) {
    const ageMs = tick?.view === undefined ? undefined : recordAgeMs(outcome.entry.user.lastBgpReportedAt, tick.view, now);
    users.push(userReport(outcome, ageMs, surroundingsOf(user)));
    yield;
  }
  return users;
}

function userReport(
  { entry, observation, decision, track }: UserOutcome,
  ageMs: number | undefined,
  { inFlight, parked, lastWrite }: Surroundings,
): UserReport {
  const { pubkey, user, expectedVrf } = entry;
  const at = observation.kind === 'unobserved' ? undefined : observation.at;
  return {
    user: pubkey,
    tunnelId: user.tunnelId,
    tunnelNet: formatNetworkV4(user.tunnelNet),
    clientIp: user.clientIp,
    userType: userTypeName(user.userType),
    accountStatus: userStatusName(user.status),
    expectedVrf: expectedVrf ?? null,
    observation: observation.kind,
    because: observation.kind === 'unobserved' ? observation.because : null,
    neighbor:
      at === undefined
        ? null
        : { vrf: at.vrf, address: at.address, state: at.neighbor.state, description: at.neighbor.description ?? null, source: at.source },
    sinceMs: at?.sinceMs ?? null,
    decision: decision.kind,
    decisionReason: decision.kind === 'write' ? decision.reason : decision.kind === 'hold' ? decision.because : null,
    ledger: {
      status: ledgerStatus(user.bgpStatus),
      reportedAtSlot: user.lastBgpReportedAt,
      lastUpAtSlot: user.lastBgpUpAt,
      rttNs: user.bgpRttNs,
      ageMs: ageMs === undefined || !Number.isFinite(ageMs) ? null : ageMs,
    },
    inFlight,
    parked,
    flaps: track.flaps,
    penalty: track.penalty?.value ?? 0,
    suppressed: track.penalty?.suppressed === true,
    lastWrite,
  };
}
