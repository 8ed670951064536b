import { jitterShare } from '../bgp/index.ts';
import type { PolicyConfig } from '../config/index.ts';
import { AgentError } from '../lib/index.ts';
import { HOLD_REASON_TEXT, jsonLine, printable, rttText, span } from '../observability/index.ts';
import { parseNetworkV4, ServiceabilityError, tunnelSides } from '../serviceability/index.ts';
import { askRunningAgent, type ExplainedUser, readStatusOnce, type StatusExcerpt } from './agent-status.ts';
import { type CommandBody, type ExitCode, loadChosen } from './command.ts';
import type { ExplainOptions, Wanted } from './options.ts';

const SUBJECT_WIDTH = 11;

/** `dzd-telemetry explain`: asks the running agent, or reads switch and ledger once. */
export const explainBody: CommandBody<ExplainOptions> = async (options, io) => {
  const { config, warnings } = loadChosen(options, io);
  const note = (line: string): void => io.stderr.write(`dzd-telemetry: ${printable(line)}\n`);
  for (const line of warnings) note(line);
  const asked = options.fresh ? undefined : await askRunningAgent(config.http, config.device, io.signal);
  if (asked !== undefined && asked.kind !== 'answered') note(`${asked.problem}; reading switch and ledger once instead`);
  const fresh = asked?.kind !== 'answered';
  const status = fresh ? await readStatusOnce(config, { version: io.version, warn: note }, io.signal) : asked.status;
  const reports = status.users.filter((user) => isWanted(user, options.wanted));
  if (reports.length === 0) throw new AgentError('LEDGER__USER_UNKNOWN', { device: config.device, wanted: options.text });
  for (const report of reports)
    io.stdout.write(options.output === 'json' ? jsonLine(report) : textOf({ report, status, policy: config.policy, fresh }));
  return 0 satisfies ExitCode;
};

function isWanted({ user, clientIp, tunnelId }: ExplainedUser, wanted: Wanted): boolean {
  if (wanted.by === 'pubkey') return user === wanted.user;
  return wanted.by === 'client-ip' ? clientIp === wanted.clientIp : tunnelId === wanted.tunnelId;
}

function textOf(options: DescribeUserOptions): string {
  const { report, status, fresh } = options;
  const seen = status.lastTick === null ? 'before its first tick' : `${span(status.now - status.lastTick.at)} ago`;
  const title = `${report.user}, ${fresh ? 'read just now' : `as the running agent saw it ${seen}`}`;
  const lines = describeUser(options).map(([subject, text]) => `  ${subject.padEnd(SUBJECT_WIDTH)} ${printable(text)}`);
  return `${[title, ...lines].join('\n')}\n`;
}

export interface DescribeUserOptions {
  readonly report: ExplainedUser;
  readonly status: StatusExcerpt;
  readonly policy: Pick<PolicyConfig, 'refreshInterval' | 'refreshJitter'>;
  /** Whether the status comes from a single reading, without history. */
  readonly fresh: boolean;
}

const EVENTS_SHOWN = 8;

/** Subject and text. */
type Line = readonly [subject: string, text: string];

/** Describes the chain from the neighbor on the switch to the record on the ledger, a line per link. Pure. */
export function describeUser({ report, status, policy, fresh }: DescribeUserOptions): readonly Line[] {
  const { inFlight, lastWrite, parked } = report;
  const { ledgerProblem, halted, writesStalled, now } = status;
  const lines: Line[] = [
    ['account', `${report.accountStatus}, ${report.userType}, client ${report.clientIp}, tunnel ${report.tunnelId} on ${report.tunnelNet}`],
    ['expected', expected(report)],
    ['switch', found(report, status)],
    ['observed', observed(report)],
    ['decided', decided(report)],
    ['ledger', record(report)],
    ['refresh', refresh(report, policy)],
  ];
  if (!fresh) {
    lines.push(['in flight', inFlight === null ? 'nothing' : `${inFlight} sent, not confirmed yet`]);
    lines.push(['flaps', flaps(report)]);
  }
  if (lastWrite !== null) lines.push(['last write', writeText(lastWrite, now)]);
  if (parked !== null)
    lines.push(['backed off', `the program rejected its status; retry when its account changes, or after 30 s to 1 h: ${parked}`]);
  // No other line shows that decided writes wait for the ledger.
  const problemText = ({ message, remedy }: { readonly message: string; readonly remedy: string | null }): string =>
    remedy === null ? message : `${message}; ${remedy}`;
  if (ledgerProblem !== null)
    lines.push(['waits', `no write: the ledger has been unreadable for ${span(now - ledgerProblem.since)}: ${problemText(ledgerProblem)}`]);
  if (writesStalled)
    lines.push(['stalled', `no write of any user has landed for ${span(now - writesStalled.since)}: ${problemText(writesStalled)}`]);
  if (halted !== null) lines.push(['halted', `writes halted for all users: ${halted.message}; ${halted.remedy}`]);
  if (!fresh) {
    const events = status.timeline.filter(({ user }) => user === report.user).slice(-EVENTS_SHOWN);
    lines.push(...events.map(({ at, text }): Line => ['event', `${span(now - at)} ago: ${text}`]));
  }
  return lines;
}

function expected({ tunnelId, tunnelNet, expectedVrf }: ExplainedUser): string {
  const vrf = expectedVrf === null ? 'an unknown VRF, because its tenant could not be read' : expectedVrf;
  const sides = sidesOf(tunnelNet);
  if (sides === undefined) return `nothing: ${tunnelNet} is not a /31, so it has no neighbor address`;
  return `neighbor ${sides.clientSide} (or ${sides.deviceSide}) in ${vrf}, described USER-${tunnelId}`;
}

function found({ neighbor, observation, because, sinceMs, expectedVrf }: ExplainedUser, { sources, failedVrfs }: StatusExcerpt): string {
  const lost = sources.flatMap(({ name, state, problem }) =>
    state === 'lost' ? [`source ${name} failed: ${problem ?? 'no reason given'}`] : [],
  );
  const failed = because === 'vrf-not-collected' ? failedVrfs.map(({ vrf, problem }) => `VRF ${vrf} could not be read: ${problem}`) : [];
  const problems = [...lost, ...failed].map((text) => `; ${text}`).join('');
  if (neighbor === null)
    return `${observation === 'down' ? 'no such neighbor in any VRF' : 'no BGP neighbor found for this user'}${problems}`;
  const { vrf, address, state, description, source } = neighbor;
  const elsewhere = expectedVrf === null || vrf === expectedVrf ? '' : ` instead of ${expectedVrf}`;
  const since = sinceMs === null ? 'for an unknown time' : `for ${span(sinceMs)}`;
  const named = description === null ? '' : `, described ${description}`;
  return `${address} in ${vrf}${elsewhere}, ${state} ${since}${named}, by source ${source}${problems}`;
}

function observed({ observation, because, downReason }: ExplainedUser): string {
  if (observation !== 'unobserved') return downReason === null ? observation : `${observation}: ${downReason}`;
  return `neither up nor down: ${because === null ? 'no reason given' : (HOLD_REASON_TEXT[because] ?? because)}`;
}

function decided({ decision, decisionReason, observation, ledger, inFlight }: ExplainedUser): string {
  switch (decision) {
    case 'settled':
      return inFlight === null
        ? 'nothing to write: the ledger matches the switch'
        : 'nothing to write: the write in flight has this status';
    case 'hold':
      return `write nothing: ${decisionReason === null ? 'no reason given' : (HOLD_REASON_TEXT[decisionReason] ?? decisionReason)}`;
    case 'write':
      return writing(decisionReason, observation, ledger.status);
  }
}

function writing(reason: string | null, to: string, from: string): string {
  if (reason === 'refresh') return `refresh ${to}: the record has reached its refresh age`;
  if (reason === 'ride-along') return `refresh ${to} early if a transaction has room`;
  return `write ${to}: the ledger says ${from}`;
}

function record({ ledger: { status, reportedAtSlot, lastUpAtSlot, rttNs, ageMs } }: ExplainedUser): string {
  if (reportedAtSlot === 0n) return 'never reported';
  const age = ageMs === null ? 'at an unknown time' : `${span(ageMs)} ago`;
  const up = lastUpAtSlot === 0n ? 'never up' : `last up in slot ${lastUpAtSlot}`;
  return `${status}, reported ${age} in slot ${reportedAtSlot}, ${up}, RTT ${rttText(rttNs)}`;
}

function refresh({ user, ledger, observation }: ExplainedUser, { refreshInterval, refreshJitter }: DescribeUserOptions['policy']): string {
  if (ledger.reportedAtSlot === 0n) return 'none: there is no record to refresh';
  if (ledger.ageMs === null) return 'unknown: the slot time has not been measured yet';
  const left = refreshInterval * (1 - refreshJitter * jitterShare(user)) - ledger.ageMs;
  const when = left <= 0 ? `due since ${span(-left)}` : `due in ${span(left)}`;
  return observation === 'unobserved' ? `${when}, but an unobserved user is not refreshed` : when;
}

function flaps({ flaps: number, penalty, suppressed }: ExplainedUser): string {
  if (number === 0) return 'none seen';
  return `${number} seen, penalty ${Math.round(penalty)}${suppressed ? ', above policy.damping.suppress' : ''}`;
}

function writeText({ to, reason, slot, at, latencyMs, signature }: NonNullable<ExplainedUser['lastWrite']>, now: number): string {
  return `${to} (${reason}) confirmed in slot ${slot} ${span(now - at)} ago, ${Math.round(latencyMs)} ms after sending: ${signature}`;
}

function sidesOf(tunnelNet: string) {
  try {
    return tunnelSides(parseNetworkV4(tunnelNet));
  } catch (error) {
    if (error instanceof ServiceabilityError) return undefined;
    throw error;
  }
}
