import type { LedgerMeter } from '../agent/counts.ts';
import type { AgentReporter, TickReport } from '../agent/events.ts';
import {
  type Decision,
  ledgerStatus,
  type NeighborKey,
  type Observation,
  recordAgeMs,
  type StatusIntent,
  type UserOutcome,
} from '../bgp/index.ts';
import { type AgentError, atOnce, type Breathe, type Clock, describeError, inSlices, type MonotonicMs } from '../lib/index.ts';
import { type Address, formatNetworkV4, type Lamports, type Slot, userStatusName, userTypeName } from '../serviceability/index.ts';

/** One user, as the last tick left it: the whole chain from neighbor to record. */
export interface UserReport {
  readonly user: Address;
  readonly tunnelId: number;
  readonly tunnelNet: string;
  readonly clientIp: string;
  readonly userType: string;
  /** User.status by name. */
  readonly accountStatus: string;
  readonly expectedVrf: string | null;
  readonly observation: Observation['kind'];
  /** The reason why it is unobserved. */
  readonly because: string | null;
  readonly neighbor: (NeighborKey & { readonly state: string; readonly description: string | null; readonly source: string }) | null;
  /** Age of the session's state by the switch's clock, milliseconds. */
  readonly sinceMs: number | null;
  readonly decision: Decision['kind'];
  /** The reason of the write, or of the hold. */
  readonly decisionReason: string | null;
  readonly ledger: {
    readonly status: string;
    readonly reportedAtSlot: Slot;
    readonly lastUpAtSlot: Slot;
    readonly rttNs: bigint;
    /** Age of the record, milliseconds; null if it was never reported, or while the slot time is unknown. */
    readonly ageMs: number | null;
  };
  readonly inFlight: string | null;
  /** The program's reason for rejecting its status. */
  readonly parked: string | null;
  readonly flaps: number;
  readonly penalty: number;
  readonly suppressed: boolean;
  readonly lastWrite: {
    readonly to: string;
    readonly reason: string;
    readonly signature: string;
    readonly slot: Slot;
    readonly at: number;
    readonly latencyMs: number;
  } | null;
}

/** One event of the timeline. */
export interface TimelineEntry {
  /** Milliseconds since 1970, this host's clock. */
  readonly at: number;
  readonly kind:
    | 'up'
    | 'down'
    | 'landed'
    | 'rejected'
    | 'expired'
    | 'failed'
    | 'source'
    | 'endpoint'
    | 'ledger'
    | 'halted'
    | 'resumed'
    | 'mass-down'
    | 'damping'
    | 'foreign'
    | 'snapshot'
    | 'balance';
  readonly user: Address | null;
  readonly text: string;
}

/** One transaction, in flight or resolved. */
export interface TransactionReport {
  /** Base58. */
  readonly signature: string;
  /** How many users' statuses it carries. */
  readonly users: number;
  /** Milliseconds since 1970, this host's clock. */
  readonly sentAt: number;
  readonly state: 'in-flight' | 'landed' | 'expired' | 'failed';
  /** From the first send to the outcome; null while it is in flight. */
  readonly tookMs: number | null;
  /** Why it failed. */
  readonly problem: string | null;
}

/** Transitions of all sessions in one minute. */
export interface FlapMinute {
  /** Start of the minute, milliseconds since 1970. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
}

/** A switch source or a ledger endpoint. */
export interface PartReport {
  readonly name: string;
  readonly state: 'ok' | 'lost';
  readonly since: number;
  /** Duration of the last successful poll of a source, or request to an endpoint. Null before the first. */
  readonly latencyMs: number | null;
  /** The current error. */
  readonly problem: string | null;
  /** What a person can do about it. */
  readonly remedy: string | null;
  /** The last failure and its time; null if it never failed. */
  readonly lastProblem: { readonly at: number; readonly text: string } | null;
}

/** The state of an agent, as `/status.json` shows it; JSON except for bigints. */
export interface AgentStatus {
  readonly version: string;
  readonly device: Address;
  readonly deviceCode: string | null;
  readonly publisher: Address | null;
  readonly startedAt: number;
  readonly now: number;
  readonly dryRun: boolean;
  readonly lastTick: {
    readonly at: number;
    readonly durationMs: number;
    readonly switchRead: boolean;
    readonly viewSlot: Slot | null;
    readonly slotTimeMs: number | null;
  } | null;
  readonly ready: boolean;
  readonly users: readonly UserReport[];
  readonly sources: readonly PartReport[];
  readonly endpoints: readonly PartReport[];
  /** Why the users cannot be read from the ledger, if so. No status is written meanwhile. */
  readonly ledgerProblem: { readonly since: number; readonly message: string; readonly remedy: string | null } | null;
  /** VRFs that the last poll could not read, and why. */
  readonly failedVrfs: readonly { readonly vrf: string; readonly problem: string }[];
  readonly halted: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly balance: { readonly lamports: Lamports; readonly hoursToEmpty: number | null; readonly at: number } | null;
  readonly transactions: { readonly sent: number; readonly landed: number; readonly expired: number; readonly failed: number };
  /** The newest last; bounded. */
  readonly recentTransactions: readonly TransactionReport[];
  readonly writes: { readonly landed: number; readonly rejected: number };
  /** Of the last hour, the newest last; minutes without transitions are absent. */
  readonly flaps: readonly FlapMinute[];
  readonly timeline: readonly TimelineEntry[];
}

interface FlapHistory {
  /** Adds transitions of one session, of which the last led to `kind`. */
  add(kind: 'up' | 'down', transitions: number): void;
  /** The minutes of the last hour with transitions, the newest last. */
  list(): readonly FlapMinute[];
}

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 60;

/** Counts transitions a minute for the last hour. A mass flap is counted in full, which a bounded list of events could not do. */
export function createFlapHistory(clock: Pick<Clock, 'wall'>): FlapHistory {
  let minutes: FlapMinute[] = [];
  const thisMinute = (): number => Math.floor(clock.wall() / MINUTE_MS) * MINUTE_MS;
  const dropOld = (): void => {
    const oldest = thisMinute() - (MINUTES_KEPT - 1) * MINUTE_MS;
    minutes = minutes.filter(({ at }) => at >= oldest && at <= thisMinute());
  };
  return {
    add(kind, transitions) {
      dropOld();
      const at = thisMinute();
      const last = minutes.at(-1);
      const { up, down } = last?.at === at ? last : { up: 0, down: 0 };
      const toKind = Math.ceil(transitions / 2);
      const back = transitions - toKind;
      const now = { at, up: up + (kind === 'up' ? toKind : back), down: down + (kind === 'down' ? toKind : back) };
      minutes = [...(last?.at === at ? minutes.slice(0, -1) : minutes), now];
    },
    list() {
      dropOld();
      return minutes;
    },
  };
}

/** The states of the sources, or of the endpoints. */
interface PartHealths {
  answered(name: string, latencyMs: number): void;
  changed(name: string, state: 'lost' | 'back', error?: AgentError): void;
  /** In the order of the configuration. */
  list(): readonly PartReport[];
}

/** Parts report changes only, so a part is ok until it reports a failure. */
function createPartHealths(names: readonly string[], clock: Pick<Clock, 'wall'>): PartHealths {
  const ok = (name: string): PartReport => {
    return { name, state: 'ok', since: clock.wall(), latencyMs: null, problem: null, remedy: null, lastProblem: null };
  };
  const parts = new Map(names.map((name) => [name, ok(name)]));
  return {
    answered(name, latencyMs) {
      const part = parts.get(name);
      if (part !== undefined) parts.set(name, { ...part, latencyMs });
    },
    changed(name, state, error) {
      const before = parts.get(name) ?? ok(name);
      const since = clock.wall();
      const problem = error?.message ?? null;
      parts.set(name, {
        ...before,
        state: state === 'lost' ? 'lost' : 'ok',
        since,
        problem,
        remedy: error?.remedy ?? null,
        lastProblem: problem === null ? before.lastProblem : { at: since, text: problem },
      });
    },
    list: () => [...parts.values()],
  };
}

interface TransactionLog {
  sent(signature: string, intents: readonly StatusIntent[]): void;
  /** The outcome; only the first one for a signature counts. */
  resolved(signature: string, outcome: 'landed' | 'expired' | 'failed', problem?: string): void;
  counts(): AgentStatus['transactions'];
  /** The newest last. */
  list(): readonly TransactionReport[];
  /** The status in flight, by user. */
  inFlight(): ReadonlyMap<Address, string>;
}

/** More than the worker ever has in flight at once. */
const MOST_KEPT = 100;
/** Long after its blockhash expired: the agent that sent it has been replaced and will not report an outcome. */
const ABANDONED_MS = 300_000;

interface InFlight {
  readonly sentAt: number;
  readonly intents: readonly StatusIntent[];
}

/** Keeps the transactions in flight and the outcomes of the last ones. */
function createTransactionLog(clock: Pick<Clock, 'wall'>): TransactionLog {
  const inFlight = new Map<string, InFlight>();
  const done: TransactionReport[] = [];
  const counts = { sent: 0, landed: 0, expired: 0, failed: 0 };

  const dropAbandoned = (): void => {
    for (const [signature, { sentAt }] of inFlight) if (clock.wall() - sentAt > ABANDONED_MS) inFlight.delete(signature);
  };
  return {
    sent(signature, intents) {
      dropAbandoned();
      counts.sent += 1;
      inFlight.set(signature, { sentAt: clock.wall(), intents });
    },
    resolved(signature, outcome, problem) {
      const sent = inFlight.get(signature);
      if (sent === undefined) return;
      inFlight.delete(signature);
      counts[outcome] += 1;
      const { sentAt, intents } = sent;
      done.push({ signature, users: intents.length, sentAt, state: outcome, tookMs: clock.wall() - sentAt, problem: problem ?? null });
      if (done.length > MOST_KEPT) done.shift();
    },
    counts: () => ({ ...counts }),
    list() {
      dropAbandoned();
      const unresolved = [...inFlight].map(([signature, { sentAt, intents }]): TransactionReport => {
        return { signature, users: intents.length, sentAt, state: 'in-flight', tookMs: null, problem: null };
      });
      return [...done, ...unresolved].sort((a, b) => a.sentAt - b.sentAt);
    },
    inFlight() {
      dropAbandoned();
      return new Map([...inFlight.values()].flatMap(({ intents }) => intents).map(({ user, to }): [Address, string] => [user, to]));
    },
  };
}

/** The part of a user's report that does not come from the last tick. */
type UserWriteState = Pick<UserReport, 'inFlight' | 'parked' | 'lastWrite'>;

/** The reports of all users of the last tick; a pause after each. */
function* userReports(
  tick: Pick<TickReport, 'view' | 'outcomes'> | undefined,
  now: MonotonicMs,
  writeStateOf: (user: Address) => UserWriteState,
): Generator<void, readonly UserReport[], void> {
  const users: UserReport[] = [];
  for (const [user, outcome] of tick?.outcomes ?? []) {
    const ageMs = tick?.view === undefined ? undefined : recordAgeMs(outcome.entry.user.lastBgpReportedAt, tick.view, now);
    users.push(userReport(outcome, ageMs, writeStateOf(user)));
    yield;
  }
  return users;
}

function userReport(
  { entry, observation, decision, track }: UserOutcome,
  ageMs: number | undefined,
  { inFlight, parked, lastWrite }: UserWriteState,
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
    neighbor:
      at === undefined
        ? null
        : { vrf: at.vrf, address: at.address, state: at.neighbor.state, description: at.neighbor.description ?? null, source: at.source },
    sinceMs: at?.sinceMs ?? null,
    decision: decision.kind,
    decisionReason: decision.kind === 'write' ? decision.reason : decision.kind === 'hold' ? decision.reason : null,
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

export interface StatusBoardOptions {
  readonly version: string;
  readonly device: Address;
  readonly publisher: Address | undefined;
  readonly dryRun: boolean;
  /** Names of the configured sources and endpoints. */
  readonly sources: readonly string[];
  readonly endpoints: readonly string[];
  readonly clock: Clock;
}

export interface StatusBoard {
  readonly reporter: AgentReporter;
  /** Called for each completed request to an endpoint. */
  request: LedgerMeter['request'];
  read(): AgentStatus;
  /** The status of the moment of the call; pauses after each user. */
  readInSlices(breathe: Breathe): Promise<AgentStatus>;
  /** Cheaper, for health checks. */
  readWithoutUsers(): Omit<AgentStatus, 'users'>;
  /**
   * A reload has replaced the agent. Failures and halts of the former agent are cleared; the new one reports its own.
   */
  replaced(parts: Pick<StatusBoardOptions, 'sources' | 'endpoints'>): void;
}

/** The timeline and the last writes are bounded, however long the agent runs. */
const MOST_TIMELINE = 500;

/** Listens to the agent's events and keeps what the status shows: the last tick, the last write of each user, a timeline. */
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
  const notePart = (kind: 'source' | 'endpoint', name: string, state: 'lost' | 'back', error?: AgentError): void =>
    note(kind, `${kind} ${name} ${stateText(state)}${error === undefined ? '' : `: ${error.message}`}`);

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
    trigger(event) {
      if (event.kind === 'lost') note('source', `trigger source ${event.source} failed: ${event.error.message}`);
      if (event.kind === 'back') note('source', `trigger source ${event.source} recovered`);
      if (event.kind === 'storm') note('source', `trigger source ${event.source} reached the rate limit of ${event.maxPerMinute} a minute`);
    },
    sent: ({ signature, intents }) => transactions.sent(signature, intents),
    confirmed({ intent, signature, slot, latencyMs }) {
      transactions.resolved(signature, 'landed');
      writes.landed += 1;
      parked.delete(intent.user);
      lastWrites.set(intent.user, { to: intent.to, reason: intent.reason, signature, slot, at: clock.wall(), latencyMs });
      note('landed', `${intent.to} written (${intent.reason})`, intent.user);
    },
    rejected({ intent, signature, error }) {
      transactions.resolved(signature, 'failed', error.message);
      writes.rejected += 1;
      parked.set(intent.user, error.message);
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
    rebroadcast: () => undefined,
    withdrawn: ({ signature }) => transactions.resolved(signature, 'failed', 'withdrawn: no endpoint accepted it, or writes were halted'),
    halted(error) {
      halted = error;
      note('halted', error.message);
    },
    resumed() {
      halted = undefined;
      note('resumed', 'writes resumed');
    },
    polled: ({ source, durationMs }) => sources.answered(source, durationMs),
    source({ source, state, error }) {
      sources.changed(source, state, error);
      notePart('source', source, state, error);
    },
    endpoint({ endpoint, state, error }) {
      endpoints.changed(endpoint, state, error);
      notePart('endpoint', endpoint, state, error);
    },
    ledgerView({ state, error }) {
      if (state === 'lost' && error !== undefined) ledgerProblem = { since: clock.wall(), message: error.message, remedy: error.remedy };
      else if (state === 'back') ledgerProblem = null;
      note('ledger', `${VIEW_TEXT[state]}${error === undefined ? '' : `: ${error.message}`}`);
    },
    massDown: ({ wentDown, wereUp, confirmed }) =>
      note('mass-down', `${wentDown} of ${wereUp} sessions read down at once; a second poll confirmed ${confirmed}`),
    damping: ({ user, state, penalty }) =>
      note('damping', `${state === 'free' ? 'no longer flaps' : 'flaps more than damping allows'}, penalty ${Math.round(penalty)}`, user),
    foreignWrites: ({ users }) => note('foreign', `another process wrote the status of ${userCount(users.length)} of this device`),
    budget: ({ allowance }) => note('balance', `spending limit allows ${ALLOWED[allowance]}`),
    authorized({ code }) {
      deviceCode = code;
      if (halted?.code.startsWith('LEDGER__')) halted = undefined;
    },
    balance({ lamports, hoursToEmpty }) {
      balance = { lamports, hoursToEmpty: Number.isFinite(hoursToEmpty) ? hoursToEmpty : null, at: clock.wall() };
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
    snapshotPlace: ({ place, state, error }) =>
      note('snapshot', `snapshot destination ${place} ${stateText(state)}${error === undefined ? '' : `: ${error.message}`}`),
    internalError: (error) => note('failed', `internal error: ${describeError(error)}`),
  };

  /** Of the moment of the call, however late its steps run. */
  function usersInSteps(): Generator<void, readonly UserReport[], void> {
    const inFlight = transactions.inFlight();
    const [rejected, written] = [new Map(parked), new Map(lastWrites)];
    return userReports(lastTick?.report, clock.monotonic(), (user) => ({
      inFlight: inFlight.get(user) ?? null,
      parked: rejected.get(user) ?? null,
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

/** What the spending limits leave room for, in words. */
const ALLOWED = { all: 'everything', 'changes-only': 'changes', none: 'nothing' } as const;

const userCount = (count: number): string => (count === 1 ? 'one user' : `${count} users`);

const stateText = (state: 'lost' | 'back'): string => (state === 'lost' ? 'failed' : 'recovered');

const VIEW_TEXT = {
  lost: 'cannot read the users from the ledger',
  'too-old': 'ledger data is too old to decide on',
  back: 'users read from the ledger again',
  'set-back': 'ledger rolled back to an older slot',
} as const;
