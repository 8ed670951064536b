import { jitterShare } from '../../bgp/index.ts';
import type { PolicyConfig } from '../../config/index.ts';
import { HOLD_WORDS, milliseconds, span, type TimelineEntry, type UserReport } from '../../observability/index.ts';
import { parseNetworkV4, ServiceabilityError, tunnelSides } from '../../serviceability/index.ts';
import type { Sight } from './running-agent.ts';

export interface WordsOptions {
  readonly report: UserReport;
  readonly sight: Sight;
  readonly policy: Pick<PolicyConfig, 'refreshInterval' | 'refreshJitter'>;
  /** A reading of our own knows nothing of what happened before it. */
  readonly fresh: boolean;
}

const EVENTS_SHOWN = 8;

/** The whole chain from the neighbor on the switch to the record on the ledger, a line a link: what it is about, and what there is to say. Pure. */
export function wordsOfUser({ report, sight, policy, fresh }: WordsOptions): readonly (readonly [subject: string, words: string])[] {
  const events = fresh ? [] : sight.timeline.filter(({ user }) => user === report.user).slice(-EVENTS_SHOWN);
  return [
    ['account', `${report.accountStatus}, ${report.userType}, client ${report.clientIp}, tunnel ${report.tunnelId} on ${report.tunnelNet}`],
    ['expected', expected(report)],
    ['switch', found(report, sight)],
    ['observed', observed(report)],
    ['decided', decided(report)],
    ['ledger', record(report)],
    ['refresh', refresh(report, policy)],
    ...(fresh ? [] : [['in flight', report.inFlight === null ? 'nothing' : `${report.inFlight} was sent and is not resolved`] as const]),
    ...(fresh ? [] : [['flaps', flaps(report)] as const]),
    ...lastWrite(report, sight.now),
    ...(report.parked === null
      ? []
      : [
          [
            'parked',
            `the program rejected its status; it is tried again when its account changes, or after a minute to an hour: ${report.parked}`,
          ] as const,
        ]),
    ...unreadLedger(sight),
    ...(sight.halted === null
      ? []
      : [['halted', `nothing is written for anybody: ${sight.halted.message}; ${sight.halted.remedy}`] as const]),
    ...events.map((event) => ['event', eventWords(event, sight.now)] as const),
  ];
}

function expected({ tunnelId, tunnelNet, expectedVrf }: UserReport): string {
  const vrf = expectedVrf === null ? 'a VRF that is not known, because its tenant could not be read' : expectedVrf;
  const sides = sidesOf(tunnelNet);
  if (sides === undefined) return `nothing: ${tunnelNet} is no /31, so that no neighbor can be named`;
  return `a neighbor ${sides.clientSide} (else ${sides.deviceSide}) in ${vrf}, described USER-${tunnelId}`;
}

function found({ neighbor, observation, because, sinceMs, expectedVrf }: UserReport, { sources, failedVrfs }: Sight): string {
  const lost = sources.flatMap(({ name, state, problem }) =>
    state === 'lost' ? [`source ${name} is lost: ${problem ?? 'no reason given'}`] : [],
  );
  const failed = because === 'vrf-not-collected' ? failedVrfs.map(({ vrf, problem }) => `VRF ${vrf} could not be read: ${problem}`) : [];
  const trouble = [...lost, ...failed].map((text) => `; ${text}`).join('');
  if (neighbor === null)
    return `${observation === 'down' ? 'has no such neighbor, in no VRF' : 'nothing that speaks for this user'}${trouble}`;
  const { vrf, address, state, description, source } = neighbor;
  const elsewhere = expectedVrf === null || vrf === expectedVrf ? '' : `, which is not ${expectedVrf} where it belongs`;
  const since = sinceMs === null ? 'for a time that the source does not tell' : `for ${span(sinceMs)}`;
  const named = description === null ? '' : `, described ${description}`;
  return `${address} in ${vrf}${elsewhere}, ${state} ${since}${named}, by source ${source}${trouble}`;
}

function observed({ observation, because }: UserReport): string {
  if (observation !== 'unobserved') return observation;
  return `neither up nor down: ${because === null ? 'no reason given' : (HOLD_WORDS[because] ?? because)}`;
}

function decided({ decision, decisionReason, observation, ledger, inFlight }: UserReport): string {
  switch (decision) {
    case 'settled':
      return inFlight === null
        ? 'nothing to write: the ledger says what the switch says'
        : 'nothing more to write: what is in flight says it';
    case 'hold':
      return `to write nothing: ${decisionReason === null ? 'no reason given' : (HOLD_WORDS[decisionReason] ?? decisionReason)}`;
    case 'write':
      return writing(decisionReason, observation, ledger.status);
  }
}

function writing(reason: string | null, to: string, from: string): string {
  if (reason === 'refresh') return `to write ${to} again: the record has reached its age`;
  if (reason === 'ride-along') return `to write ${to} again if a transaction has room: the record grows old`;
  return `to write ${to}: the ledger says ${from}`;
}

function record({ ledger: { status, reportedAtSlot, lastUpAtSlot, rttNs, ageMs } }: UserReport): string {
  if (reportedAtSlot === 0n) return 'never reported by anybody';
  const age = ageMs === null ? 'at a time that is not known yet' : `${span(ageMs)} ago`;
  const up = lastUpAtSlot === 0n ? 'never up' : `last up in slot ${lastUpAtSlot}`;
  return `${status}, reported ${age} in slot ${reportedAtSlot}, ${up}, RTT ${milliseconds(rttNs)}`;
}

function refresh({ user, ledger, observation }: UserReport, { refreshInterval, refreshJitter }: WordsOptions['policy']): string {
  if (ledger.reportedAtSlot === 0n) return 'none: there is no record to repeat';
  if (ledger.ageMs === null) return 'not known: the length of a slot was not measured yet';
  const left = refreshInterval * (1 - refreshJitter * jitterShare(user)) - ledger.ageMs;
  const when = left <= 0 ? `due since ${span(-left)}` : `due in ${span(left)}`;
  return observation === 'unobserved' ? `${when}, but what is not observed is not repeated` : when;
}

function flaps({ flaps: number, penalty, suppressed }: UserReport): string {
  if (number === 0) return 'none seen';
  return `${number} seen, penalty ${Math.round(penalty)}${suppressed ? ', above what damping tolerates' : ''}`;
}

function lastWrite({ lastWrite: write }: UserReport, now: number): readonly (readonly [string, string])[] {
  if (write === null) return [];
  const { to, reason, slot, at, latencyMs, signature } = write;
  return [
    [
      'last write',
      `${to} (${reason}) landed in slot ${slot} ${span(now - at)} ago, ${Math.round(latencyMs)} ms after it was sent: ${signature}`,
    ],
  ];
}

function eventWords({ at, text }: TimelineEntry, now: number): string {
  return `${span(now - at)} ago: ${text}`;
}

/** What is decided is not written while the ledger cannot be read, and nothing else of a user tells so. */
function unreadLedger({ ledgerProblem, now }: Sight): readonly (readonly [string, string])[] {
  if (ledgerProblem === null) return [];
  const { since, message, remedy } = ledgerProblem;
  const told = remedy === null ? message : `${message}; ${remedy}`;
  return [['waits', `nothing is written, for the ledger cannot be read since ${span(now - since)}: ${told}`]];
}

function sidesOf(tunnelNet: string) {
  try {
    return tunnelSides(parseNetworkV4(tunnelNet));
  } catch (error) {
    if (error instanceof ServiceabilityError) return undefined;
    throw error;
  }
}
