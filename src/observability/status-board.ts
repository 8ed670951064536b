import type { LedgerMeter } from '../agent-counts.ts';
import type { AgentReporter } from '../agent-reporter.ts';
import { type AgentError, atOnce, type Breathe, type Clock, describeError, inSlices } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { TickReport } from '../tick-reporter.ts';
import type { AgentStatus, TimelineEntry, UserReport } from './agent-status.ts';
import { createFlapHistory } from './flap-history.ts';
import { createPartHealths } from './part-healths.ts';
import { createTransactionLog } from './transaction-log.ts';
import { userReports } from './user-report.ts';

export interface StatusBoardOptions {
  readonly version: string;
  readonly device: Address;
  readonly publisher: Address | undefined;
  readonly dryRun: boolean;
  /** Names of the configured sources and endpoints: what was never lost is never told of. */
  readonly sources: readonly string[];
  readonly endpoints: readonly string[];
  readonly clock: Clock;
}

export interface StatusBoard {
  readonly reporter: AgentReporter;
  /** Hears each request to an endpoint that has ended. */
  request: LedgerMeter['request'];
  read(): AgentStatus;
  /** The status of the moment when it is asked for, its users looked through with a pause after each. */
  readInSlices(breathe: Breathe): Promise<AgentStatus>;
  /** For those who ask often and of no user. */
  readWithoutUsers(): Omit<AgentStatus, 'users'>;
  /**
   * A reload has put another agent in place. What the former one had lost, or had halted for, is not known of this one; it tells where it is so.
   */
  replaced(parts: Pick<StatusBoardOptions, 'sources' | 'endpoints'>): void;
}

/** The timeline and the last writes are bounded, however long the agent runs. */
const MOST_TIMELINE = 500;

/** Listens to everything that happens to the agent, and keeps what people ask for: the last tick, the last write of each user, a timeline. */
export function createStatusBoard(options: StatusBoardOptions): StatusBoard {
  const { clock } = options;
  const startedAt = clock.wall();
  let sources = createPartHealths(options.sources, clock);
  let endpoints = createPartHealths(options.endpoints, clock);
  const timeline: TimelineEntry[] = [];
  const lastWrites = new Map<Address, NonNullable<UserReport['lastWrite']>>();
  const parked = new Map<Address, string>();
  const transactions = createTransactionLog(clock);
  const flaps = createFlapHistory(clock);
  const writes = { landed: 0, rejected: 0 };
  let lastTick: { readonly report: TickReport; readonly at: number } | undefined;
  let ready = false;
  let deviceCode: string | null = null;
  let halted: AgentError | undefined;
  let balance: AgentStatus['balance'] = null;
  let ledgerProblem: AgentStatus['ledgerProblem'] = null;

  const note = (kind: TimelineEntry['kind'], text: string, user: Address | null = null): void => {
    timeline.push({ at: clock.wall(), kind, user, text });
    if (timeline.length > MOST_TIMELINE) timeline.splice(0, timeline.length - MOST_TIMELINE);
  };
  const noteOfPart = (kind: 'source' | 'endpoint', name: string, state: 'lost' | 'back', error?: AgentError): void =>
    note(kind, `${kind} ${name} is ${state}${error === undefined ? '' : `: ${error.message}`}`);

  const reporter: AgentReporter = {
    tick(report) {
      lastTick = { report, at: clock.wall() };
      if (report.switchRead && report.viewSlot !== undefined) ready = true;
      for (const user of lastWrites.keys()) if (!report.outcomes.has(user) && report.viewSlot !== undefined) lastWrites.delete(user);
      for (const user of parked.keys()) if (!report.outcomes.has(user) && report.viewSlot !== undefined) parked.delete(user);
    },
    observed({ user, before, outcome }) {
      const { observation } = outcome;
      if (before === undefined || observation.kind === 'unobserved' || outcome.newFlaps === 0) return;
      flaps.add(observation.kind, outcome.newFlaps);
      note(observation.kind, `session is ${observation.kind}`, user);
    },
    wakeUp(event) {
      if (event.kind === 'lost') note('source', `wake-ups of ${event.source} are lost: ${event.error.message}`);
      if (event.kind === 'back') note('source', `wake-ups of ${event.source} are back`);
      if (event.kind === 'storm') note('source', `wake-ups of ${event.source} are held back: over ${event.maxPerMinute} a minute`);
    },
    sent: ({ signature, intents }) => transactions.sent(signature, intents),
    landed({ intent, signature, slot, latencyMs }) {
      transactions.settled(signature, 'landed');
      writes.landed += 1;
      parked.delete(intent.user);
      lastWrites.set(intent.user, { to: intent.to, reason: intent.reason, signature, slot, at: clock.wall(), latencyMs });
      note('landed', `${intent.to} written (${intent.reason})`, intent.user);
    },
    rejected({ intent, signature, error }) {
      transactions.settled(signature, 'failed', error.message);
      writes.rejected += 1;
      parked.set(intent.user, error.message);
      note('rejected', error.message, intent.user);
    },
    expired({ signature, intents }) {
      transactions.settled(signature, 'expired');
      note('expired', `a transaction of ${peopleCount(intents.length)} expired without landing`);
    },
    failed({ signature, error }) {
      const problem = describeError(error);
      transactions.settled(signature, 'failed', problem);
      note('failed', problem);
    },
    rebroadcast: () => undefined,
    withdrawn: ({ signature }) => transactions.settled(signature, 'failed', 'withdrawn: no endpoint took it, or writing was halted'),
    halted(error) {
      halted = error;
      note('halted', error.message);
    },
    resumed() {
      halted = undefined;
      note('resumed', 'writing again');
    },
    polled: ({ source, durationMs }) => sources.answered(source, durationMs),
    source({ source, state, error }) {
      sources.changed(source, state, error);
      noteOfPart('source', source, state, error);
    },
    endpoint({ endpoint, state, error }) {
      endpoints.changed(endpoint, state, error);
      noteOfPart('endpoint', endpoint, state, error);
    },
    ledgerView({ state, error }) {
      if (state === 'lost' && error !== undefined) ledgerProblem = { since: clock.wall(), message: error.message, remedy: error.remedy };
      else if (state === 'back') ledgerProblem = null;
      note(
        'ledger',
        `the view of the ledger is ${state === 'set-back' ? 'of an older slot: it was set back' : state}${error === undefined ? '' : `: ${error.message}`}`,
      );
    },
    massDown: ({ wentDown, wereUp, confirmed }) =>
      note('mass-down', `${wentDown} of ${wereUp} sessions read down at once, ${confirmed} confirmed by a second poll`),
    damping: ({ user, state, penalty }) => note('damping', `${state} with a penalty of ${Math.round(penalty)}`, user),
    foreignWrites: ({ users }) => note('foreign', `another writer reported ${peopleCount(users.length)} of this device`),
    budget: ({ allowance }) => note('balance', `the spending limit allows ${allowance}`),
    authorized({ code }) {
      deviceCode = code;
      if (halted?.code.startsWith('LEDGER__')) halted = undefined;
    },
    balance({ lamports, hoursToEmpty }) {
      balance = { lamports, hoursToEmpty: Number.isFinite(hoursToEmpty) ? hoursToEmpty : null, at: clock.wall() };
    },
    snapshotStored: ({ kind, failures }) => {
      if (failures > 0) note('snapshot', `snapshots of ${kind} are stored again`);
    },
    snapshotFailed: ({ kind, error, failures }) => {
      if (failures === 1) note('snapshot', `a snapshot of ${kind} failed: ${error.message}`);
    },
    snapshotRefused: ({ errors }) => {
      for (const error of errors) note('snapshot', error.message);
    },
    snapshotPlace: ({ place, state, error }) =>
      note('snapshot', `snapshots to ${place} are ${state}${error === undefined ? '' : `: ${error.message}`}`),
    defect: (error) => note('failed', `defect: ${describeError(error)}`),
  };

  /** Of the moment when it is called, however late its steps are taken. */
  function usersInSteps(): Generator<void, readonly UserReport[], void> {
    const inTheAir = transactions.inFlight();
    const [refused, written] = [new Map(parked), new Map(lastWrites)];
    return userReports(lastTick?.report, clock.monotonic(), (user) => ({
      inFlight: inTheAir.get(user) ?? null,
      parked: refused.get(user) ?? null,
      lastWrite: written.get(user) ?? null,
    }));
  }

  function readWithoutUsers(): Omit<AgentStatus, 'users'> {
    const report = lastTick?.report;
    return {
      version: options.version,
      device: options.device,
      deviceCode,
      publisher: options.publisher ?? null,
      startedAt,
      now: clock.wall(),
      dryRun: options.dryRun,
      lastTick:
        lastTick === undefined
          ? null
          : {
              at: lastTick.at,
              durationMs: lastTick.report.durationMs,
              switchRead: lastTick.report.switchRead,
              viewSlot: lastTick.report.view?.slot ?? null,
              slotTimeMs: lastTick.report.view?.slotTimeMs ?? null,
            },
      ready,
      sources: sources.list(),
      endpoints: endpoints.list(),
      ledgerProblem,
      failedVrfs: [...(report?.failedVrfs ?? [])].map(([vrf, problem]) => ({ vrf, problem })),
      halted: halted === undefined ? null : { code: halted.code, message: halted.message, remedy: halted.remedy },
      balance,
      transactions: transactions.counts(),
      recentTransactions: transactions.list(),
      writes: { ...writes },
      flaps: flaps.list(),
      timeline: [...timeline],
    };
  }

  return {
    reporter,
    request({ endpoint, result, durationMs }) {
      if (result === 'ok') endpoints.answered(endpoint, durationMs);
    },
    replaced(parts) {
      sources = createPartHealths(parts.sources, clock);
      endpoints = createPartHealths(parts.endpoints, clock);
      ledgerProblem = null;
      halted = undefined;
    },
    read: () => ({ ...readWithoutUsers(), users: atOnce(usersInSteps()) }),
    async readInSlices(breathe) {
      const [status, steps] = [readWithoutUsers(), usersInSteps()];
      return { ...status, users: await inSlices(steps, breathe) };
    },
    readWithoutUsers,
  };
}

const peopleCount = (number: number): string => (number === 1 ? 'one user' : `${number} users`);
