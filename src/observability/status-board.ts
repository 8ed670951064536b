import { hostname } from 'node:os';
import type { RequestEvent } from '../agent/counts.ts';
import type { AgentListener, TickReport } from '../agent/events.ts';
import { DEFAULT_POLICY, ledgerStatus, type UserOutcome, watchedAgeMs } from '../bgp/index.ts';
import { type AgentError, type Clock, describeError, type MonotonicMs, monotonicMs } from '../lib/index.ts';
import { standstillSince } from '../rpc/slots.ts';
import { type Address, deviceStatusName, formatNetworkV4, userStatusName, userTypeName } from '../serviceability/index.ts';
import { type AgentStatus, assess, isLagging, LOW_HOURS, MOST_NAMED, SILENT_MS } from './findings.ts';
import type { AgentState, TimelineEntry, UserReport } from './status.ts';
import { FlapHistory, PartStates, TransactionLog } from './status-history.ts';
import { ALLOWANCE_TEXT, userCount } from './text.ts';

/** Since when the states of one user are as they are, milliseconds since 1970. */
interface UserTimes {
  readonly observation: string;
  readonly observedSince: MonotonicMs;
  readonly decision: string;
  readonly decidedSince: MonotonicMs;
  readonly pendingSince: MonotonicMs | null;
  readonly suppressedSince: MonotonicMs | null;
}

/** Whether the ledger says what the switch says, so that nothing is to be written. */
const agrees = ({ decision, observation, entry }: UserOutcome): boolean =>
  decision.kind === 'settled' && observation.kind === ledgerStatus(entry.user.bgpStatus);

/** `isRejected`: the program rejected its status, so it does not wait for a confirmation. */
function userTimes(outcome: UserOutcome, before: UserTimes | undefined, at: MonotonicMs, isRejected: boolean): UserTimes {
  const { observation, decision, track } = outcome;
  const observed = observation.kind === 'unobserved' ? `unobserved ${observation.reason}` : observation.kind;
  const decided = decision.kind === 'settled' ? 'settled' : `${decision.kind} ${decision.reason}`;
  const sinceMs = observation.kind === 'unobserved' ? undefined : observation.at?.sinceMs;
  const isIntended = decision.kind === 'write' && decision.reason === 'change';
  const isInFlight = decision.kind === 'settled' && !agrees(outcome);
  const isPending = !isRejected && (isIntended || (isInFlight && before?.pendingSince != null));
  return {
    observation: observed,
    observedSince: sinceMs !== undefined ? monotonicMs(at - sinceMs) : before?.observation === observed ? before.observedSince : at,
    decision: decided,
    decidedSince: before?.decision === decided ? before.decidedSince : at,
    pendingSince: isPending ? (before?.pendingSince ?? at) : null,
    suppressedSince: track.penalty?.suppressed === true ? (before?.suppressedSince ?? at) : null,
  };
}

/** `ageMs`, `writes` and `times` do not come from the last tick's outcome. `wallAt` gives the wall clock at a monotonic time. */
function userReport(
  { entry, observation, decision, track }: UserOutcome,
  ageMs: number | null,
  writes: Pick<UserReport, 'inFlight' | 'parked' | 'parkedSince' | 'lastWrite'>,
  { observedSince, decidedSince, pendingSince, suppressedSince }: UserTimes,
  wallAt: (at: MonotonicMs) => number,
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
    because: observation.kind === 'unobserved' ? observation.reason : null,
    downReason: (observation.kind === 'down' ? observation.downReason : undefined) ?? null,
    neighbor:
      at === undefined
        ? null
        : { vrf: at.vrf, address: at.address, state: at.neighbor.state, description: at.neighbor.description ?? null, source: at.source },
    sinceMs: at?.sinceMs ?? null,
    decision: decision.kind,
    decisionReason: decision.kind === 'settled' ? null : decision.reason,
    ledger: {
      status: ledgerStatus(user.bgpStatus),
      reportedAtSlot: user.lastBgpReportedAt,
      lastUpAtSlot: user.lastBgpUpAt,
      rttNs: user.bgpRttNs,
      ageMs,
    },
    ...writes,
    flaps: track.flaps,
    penalty: track.penalty?.value ?? 0,
    suppressed: track.penalty?.suppressed === true,
    observedSince: wallAt(observedSince),
    decidedSince: wallAt(decidedSince),
    pendingSince: pendingSince === null ? null : wallAt(pendingSince),
    suppressedSince: suppressedSince === null ? null : wallAt(suppressedSince),
  };
}

interface StatusBoardOptions {
  readonly version: string;
  readonly commit?: string | null;
  readonly network?: string;
  /** This host's name by default. */
  readonly host?: string;
  readonly device: Address;
  readonly publisher: Address | undefined;
  readonly dryRun: boolean;
  /** Names of the configured sources and endpoints. */
  readonly sources: readonly string[];
  readonly endpoints: readonly string[];
  /** `policy.refreshInterval`, milliseconds; its default by default. */
  readonly refreshIntervalMs?: number;
  /** Without a completed tick for so long, the agent is silent, milliseconds; a minute by default. */
  readonly silentAfterMs?: number;
  readonly clock: Clock;
}

export type StatusBoard = ReturnType<typeof createStatusBoard>;

/** The timeline and the last writes are bounded, however long the agent runs. */
const MOST_TIMELINE = 500;

/** Listens to the agent's events and keeps what the status shows: the last tick, the last write of each user, a timeline. */
export function createStatusBoard(options: StatusBoardOptions) {
  const { clock } = options;
  const startedAt = clock.wall();
  let sources = new PartStates(options.sources, clock);
  let endpoints = new PartStates(options.endpoints, clock);
  const timeline: TimelineEntry[] = [];
  const lastWrites = new Map<Address, NonNullable<UserReport['lastWrite']>>();
  const parked = new Map<Address, { readonly reason: string; readonly since: number }>();
  let times = new Map<Address, UserTimes>();
  const transactions = new TransactionLog(clock);
  const flaps = new FlapHistory(clock);
  const writes = { landed: 0, rejected: 0 };
  let lastTick: { readonly report: TickReport; readonly at: MonotonicMs } | undefined;
  let ready = false;
  let deviceCode: string | null = null;
  let deviceStatus: AgentStatus['deviceStatus'] = null;
  let halted: AgentStatus['halted'] = null;
  let writesStalled: AgentStatus['writesStalled'] = null;
  let balance: AgentStatus['balance'] = null;
  let ledgerProblem: AgentStatus['ledgerProblem'] = null;
  let failedVrfs: AgentStatus['failedVrfs'] = [];
  const failedTriggers = new Map<string, AgentStatus['failedTriggers'][number]>();
  let ambiguous: AgentStatus['ambiguous'] = null;
  let unlisted: { readonly sessions: number; readonly tunnels: readonly number[]; readonly since: MonotonicMs } | null = null;
  let slotProgress: AgentStatus['slotProgress'] = null;
  let ledgerLag: AgentStatus['ledgerLag'] = null;
  let { refreshIntervalMs = DEFAULT_POLICY.refreshIntervalMs, silentAfterMs = SILENT_MS } = options;
  let spend: AgentStatus['spend'] = { allowance: 'all', since: startedAt };
  let reload: AgentStatus['reload'] = null;
  let snapshotProblem: AgentStatus['snapshotProblem'] = null;

  /**
   * The wall clock at a monotonic time of the past. Findings measure with monotonic times, so a step of the wall clock does not count as a
   * hang or a long wait.
   */
  const wallAt = (at: MonotonicMs): number => Math.round(clock.wall() - (clock.monotonic() - at));
  const note = (kind: TimelineEntry['kind'], text: string, user: Address | null = null): void => {
    timeline.push({ at: clock.wall(), kind, user, text });
    if (timeline.length > MOST_TIMELINE) timeline.shift();
  };

  const listener = {
    tick(report) {
      const at = clock.wall();
      const now = clock.monotonic();
      lastTick = { report, at: now };
      const { slotProgress: progress, outcomes } = report;
      const wasStill = slotProgress !== null && standstillSince(slotProgress) !== undefined;
      slotProgress =
        progress === undefined
          ? null
          : { slot: progress.slot, advancedAt: wallAt(progress.advancedAt), answeredAt: wallAt(progress.answeredAt) };
      // When the ledger moves again, its former lag ends; the next comparison finds a new one.
      if (wasStill && slotProgress !== null && standstillSince(slotProgress) === undefined) ledgerLag = null;
      failedVrfs = [...(report.failedVrfs ?? [])].map(([vrf, { problem }]) => ({
        vrf,
        problem,
        since: failedVrfs.find((before) => before.vrf === vrf)?.since ?? at,
      }));
      // Without a poll or a view nothing is compared: what was found stays so.
      if (report.switchRead && report.viewSlot !== undefined) {
        unlisted =
          report.unlisted === undefined
            ? null
            : { sessions: report.unlisted.length, tunnels: report.unlisted.slice(0, MOST_NAMED), since: unlisted?.since ?? now };
        ambiguous =
          report.ambiguous.length === 0
            ? null
            : { users: report.ambiguous.length, tunnels: report.ambiguous.slice(0, MOST_NAMED), since: ambiguous?.since ?? at };
      }
      // Without a view nothing was decided: what was pending stays so.
      if (report.viewSlot === undefined) return;
      if (report.switchRead) ready = true;
      times = new Map([...outcomes].map(([user, outcome]) => [user, userTimes(outcome, times.get(user), now, parked.has(user))]));
      for (const user of lastWrites.keys()) if (!report.outcomes.has(user)) lastWrites.delete(user);
      const flying = transactions.inFlight();
      for (const user of parked.keys()) {
        const outcome = outcomes.get(user);
        if (outcome === undefined || (agrees(outcome) && !flying.has(user))) parked.delete(user);
      }
    },
    observed({ user, before, outcome }) {
      const { observation } = outcome;
      if (before === undefined || observation.kind === 'unobserved' || outcome.newFlaps === 0) return;
      flaps.add(observation.kind, outcome.newFlaps);
      const why = observation.kind === 'down' && observation.downReason !== undefined ? `: ${observation.downReason}` : '';
      note(observation.kind, `session is ${observation.kind}${why}`, user);
    },
    trigger(event) {
      if (event.kind === 'lost') {
        const { message, remedy } = event.error;
        failedTriggers.set(event.source, { name: event.source, since: clock.wall(), message, remedy });
        note('source', `trigger source ${event.source} failed: ${message}`);
      } else if (event.kind === 'back') {
        failedTriggers.delete(event.source);
        note('source', `trigger source ${event.source} recovered`);
      } else if (event.kind === 'storm')
        note('source', `trigger source ${event.source} reached the rate limit of ${event.maxPerMinute} a minute`);
    },
    sent: ({ signature, intents }) => transactions.sent(signature, intents),
    confirmed({ intent, signature, slot, latencyMs }) {
      transactions.resolved(signature, 'landed');
      writes.landed += 1;
      parked.delete(intent.user);
      noLongerPending(intent.user);
      lastWrites.set(intent.user, { to: intent.to, reason: intent.reason, signature, slot, at: clock.wall(), latencyMs });
      note('landed', `${intent.to} written (${intent.reason})`, intent.user);
    },
    rejected({ intent, signature, error }) {
      transactions.resolved(signature, 'failed', error.message);
      writes.rejected += 1;
      parked.set(intent.user, { reason: error.message, since: parked.get(intent.user)?.since ?? clock.wall() });
      noLongerPending(intent.user);
      note('rejected', error.message, intent.user);
    },
    expired({ signature, intents }) {
      transactions.resolved(signature, 'expired');
      note('expired', `transaction with ${userCount(intents.length)} expired unconfirmed`);
    },
    failed({ signature, error }) {
      const problem = describeError(error);
      transactions.resolved(signature, 'failed', problem);
      note('failed', problem);
    },
    withdrawn: ({ signature }) => transactions.resolved(signature, 'failed', 'withdrawn: no endpoint accepted it, or writes were halted'),
    halted(error) {
      const { code, message, remedy } = error;
      halted = { code, message, remedy, since: halted?.code === code ? halted.since : clock.wall() };
      note('halted', error.message);
    },
    resumed() {
      halted = null;
      note('resumed', 'writes resumed');
    },
    writesStalled({ error, forMs }) {
      const { code, message, remedy } = error;
      writesStalled = { since: writesStalled?.since ?? Math.round(clock.wall() - forMs), code, message, remedy };
      note('stalled', `writes are not landing: ${message}`);
    },
    writesResumed() {
      writesStalled = null;
      note('resumed', 'writes are confirmed again');
    },
    polled: ({ source, durationMs }) => sources.responded(source, durationMs),
    source({ source, state, error, again }) {
      sources.changed(source, state, error);
      if (again !== true) note('source', withError(`source ${source} ${STATE_TEXT[state]}`, error));
    },
    endpoint({ endpoint, state, error, again }) {
      endpoints.changed(endpoint, state, error);
      if (again === true) return;
      note('endpoint', error?.message.includes(endpoint) ? error.message : withError(`endpoint ${endpoint} ${STATE_TEXT[state]}`, error));
    },
    ledgerView({ state, error, again }) {
      if (state === 'lost' && error !== undefined)
        ledgerProblem = { since: ledgerProblem?.since ?? clock.wall(), message: error.message, remedy: error.remedy };
      else if (state === 'back') ledgerProblem = null;
      if (again !== true) note('ledger', withError(VIEW_TEXT[state], error));
    },
    massDown: ({ wentDown, wereUp, confirmed }) =>
      note('mass-down', `${wentDown} of ${wereUp} sessions read down at once; a second poll confirmed ${confirmed}`),
    damping: ({ user, state, penalty }) =>
      note('damping', `${state === 'free' ? 'no longer flaps' : 'flaps more than damping allows'}, penalty ${Math.round(penalty)}`, user),
    foreignWrites: ({ users }) => note('foreign', `another process wrote the status of ${userCount(users.length)} of this device`),
    budget({ allowance }) {
      spend = { allowance, since: clock.wall() };
      note('balance', `spending limit allows ${ALLOWANCE_TEXT[allowance]}`);
    },
    authorized({ code }) {
      deviceCode = code;
      if (halted?.code.startsWith('LEDGER__')) halted = null;
    },
    deviceStatus({ status }) {
      const name = deviceStatusName(status);
      if (deviceStatus?.name === name) return;
      deviceStatus = { name, since: clock.wall() };
      note('ledger', `the device is ${name}`);
    },
    ledgerLag({ slot, behindMs }) {
      const wasLagging = ledgerLag !== null && isLagging(ledgerLag);
      ledgerLag =
        behindMs === undefined
          ? null
          : { slot, behindMs, since: wasLagging && isLagging({ behindMs }) ? (ledgerLag?.since ?? clock.wall()) : clock.wall() };
    },
    balance({ lamports, hoursToEmpty }) {
      const at = clock.wall();
      balance = { lamports, hoursToEmpty: finite(hoursToEmpty), at, lowSince: hoursToEmpty < LOW_HOURS ? (balance?.lowSince ?? at) : null };
    },
    snapshotStored: ({ kind, failures }) => {
      if (failures > 0) note('snapshot', `snapshot of ${kind} recovered`);
    },
    snapshotFailed: ({ kind, error, failures }) => {
      if (failures === 1) note('snapshot', `snapshot of ${kind} failed: ${error.message}`);
    },
    snapshotRefused: ({ errors }) => {
      for (const error of errors) note('snapshot', error.message);
    },
    snapshotPlace({ place, state, error }) {
      const { message = `${place} failed`, remedy = 'check the snapshots section of the configuration' } = error ?? {};
      snapshotProblem = state === 'back' ? null : { since: snapshotProblem?.since ?? clock.wall(), message, remedy };
      note('snapshot', withError(`snapshot destination ${place} ${STATE_TEXT[state]}`, error));
    },
    internalError: (error) => note('failed', `internal error: ${describeError(error)}`),
  } satisfies AgentListener;

  function noLongerPending(user: Address): void {
    const before = times.get(user);
    if (before?.pendingSince != null) times.set(user, { ...before, pendingSince: null });
  }

  function userReports(): readonly UserReport[] {
    if (lastTick === undefined) return [];
    const { outcomes } = lastTick.report;
    const inFlight = transactions.inFlight();
    const now = clock.monotonic();
    const { at } = lastTick;
    return [...outcomes].map(([user, outcome]) => {
      const ageMs = finite(watchedAgeMs(outcome.track, now));
      const { reason = null, since = null } = parked.get(user) ?? {};
      const writesOfUser = {
        inFlight: inFlight.get(user) ?? null,
        parked: reason,
        parkedSince: since,
        lastWrite: lastWrites.get(user) ?? null,
      };
      return userReport(outcome, ageMs, writesOfUser, times.get(user) ?? userTimes(outcome, undefined, at, false), wallAt);
    });
  }

  function readWithoutUsers(): Omit<AgentState, 'users'> {
    const pending = [...times.values()].flatMap(({ pendingSince }) => pendingSince ?? []);
    return {
      version: options.version,
      commit: options.commit ?? null,
      node: process.versions.node,
      host: options.host ?? hostname(),
      network: options.network ?? null,
      device: options.device,
      deviceCode,
      deviceStatus,
      publisher: options.publisher ?? null,
      startedAt,
      now: clock.wall(),
      dryRun: options.dryRun,
      lastTick:
        lastTick === undefined
          ? null
          : {
              at: wallAt(lastTick.at),
              durationMs: lastTick.report.durationMs,
              switchRead: lastTick.report.switchRead,
              viewSlot: lastTick.report.view?.slot ?? null,
              slotTimeMs: lastTick.report.view?.slotTimeMs ?? null,
            },
      ready,
      sources: sources.list(),
      endpoints: endpoints.list(),
      ledgerProblem,
      failedVrfs,
      failedTriggers: [...failedTriggers.values()],
      ambiguous,
      unlisted: unlisted === null ? null : { ...unlisted, since: wallAt(unlisted.since) },
      halted,
      writesStalled,
      oldestPendingSince: pending.length === 0 ? null : wallAt(monotonicMs(Math.min(...pending))),
      slotProgress,
      ledgerLag,
      refreshIntervalMs,
      silentAfterMs,
      spend,
      balance,
      reload,
      snapshotProblem,
      transactions: transactions.counts(),
      recentTransactions: transactions.list(),
      writes: { ...writes },
      flaps: flaps.list(),
      timeline: [...timeline],
    };
  }

  return {
    listener,
    /** Called for each completed request to an endpoint. */
    request({ endpoint, result, durationMs }: RequestEvent): void {
      if (result === 'ok') endpoints.responded(endpoint, durationMs);
    },
    /** A reload has replaced the agent. Failures, halts and stalls of the former agent are cleared; the new one reports its own. The spend budget stays. */
    replaced(parts: Pick<StatusBoardOptions, 'sources' | 'endpoints' | 'refreshIntervalMs' | 'silentAfterMs'>): void {
      refreshIntervalMs = parts.refreshIntervalMs ?? DEFAULT_POLICY.refreshIntervalMs;
      silentAfterMs = parts.silentAfterMs ?? SILENT_MS;
      sources = new PartStates(parts.sources, clock);
      endpoints = new PartStates(parts.endpoints, clock);
      ledgerProblem = null;
      halted = null;
      writesStalled = null;
      failedTriggers.clear();
      snapshotProblem = null;
    },
    /** A reload of the configuration was attempted. */
    reloaded(successful: boolean, message: string): void {
      reload = { successful, at: clock.wall(), message };
    },
    read(): AgentStatus {
      const state = { ...readWithoutUsers(), users: userReports() };
      return { ...state, ...assess(state) };
    },
    /** Cheaper, for health checks. */
    readWithoutUsers,
  };
}

const finite = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) ? value : null);

const withError = (text: string, error: AgentError | undefined): string => (error === undefined ? text : `${text}: ${error.message}`);

const STATE_TEXT = { lost: 'failed', back: 'recovered' } as const;

const VIEW_TEXT = {
  lost: 'cannot read the users from the ledger',
  'too-old': 'ledger data is too old to decide on',
  back: 'users read from the ledger again',
  rollback: 'ledger rolled back to an older slot',
} as const;
