import type { AgentListener, TickReport } from '../agent/events.ts';
import type { LedgerView, Observation, StatusIntent, UnobservedReason, UserOutcome } from '../bgp/index.ts';
import { asError, type Clock, type MonotonicMs, systemClock } from '../lib/index.ts';
import { type Address, deviceStatusName, formatNetworkV4, type User, UserStatus, userStatusName } from '../serviceability/index.ts';
import { type AgentStatus, type FindingCode, LOW_HOURS, type Verdict } from './findings.ts';
import type { LogFields, Logger } from './logger.ts';
import { COMPARE_VRFS } from './text.ts';

/** A kind that keeps failing is logged again after this many rounds: once an hour at the default interval. */
const REMIND_AFTER = 60;
/** A broken switch or folder fails every kind of a round with the same error code: within this time, one line stands for all of them. */
const SAME_ERROR_MS = 60_000;

/** One line for each change of state of the snapshots; repeats, and failures that another kind has already reported, go to debug. */
function createSnapshotLog(logger: Logger, clock: Pick<Clock, 'monotonic'>) {
  /** Kinds whose failure was logged, so that their recovery is logged, too. */
  const failing = new Set<string>();
  /** By error code: until when further failures go to debug. */
  const quietUntil = new Map<string, number>();
  return {
    snapshotStored({ kind, bytes, durationMs, failures }) {
      if (failing.delete(kind)) logger.info('snapshot recovered', { kind, bytes, failures });
      else logger.debug('snapshot stored', { kind, bytes, durationMs: Math.round(durationMs) });
    },
    snapshotFailed({ kind, error, failures }) {
      const isDue = failures % REMIND_AFTER === 1;
      const isNews = isDue && clock.monotonic() >= (quietUntil.get(error.code) ?? Number.NEGATIVE_INFINITY);
      if (isNews) {
        failing.add(kind);
        quietUntil.set(error.code, clock.monotonic() + SAME_ERROR_MS);
      }
      logger[isNews ? 'warn' : 'debug']('snapshot failed; status writes are not affected', { kind, error, failures });
    },
    snapshotRefused({ errors }) {
      for (const error of errors) logger.warn('snapshot entry refused', { error });
    },
    snapshotPlace({ place, state, error }) {
      if (state === 'back') logger.info('snapshot destination recovered', { place });
      else logger.warn('snapshot destination failed; snapshots pause, status writes are not affected', { place, error });
    },
  } satisfies AgentListener;
}

/** Fields of one write. */
function writeFields({ user, from, to, reason, neighbor, rttNs }: StatusIntent): LogFields {
  return { user, from, to, reason, vrf: neighbor?.vrf, peer: neighbor?.address, rttNs: rttNs > 0n ? rttNs : undefined };
}

/** Reasons that concern the whole switch: one line for all users. `switch-not-read` has a line of its own. */
const SWITCH_REASONS = ['vrf-not-collected', 'no-neighbors-at-all', 'mass-down-unconfirmed'] as const;

/** Reasons that concern a single user and need a person. */
const USER_REASON_TEXT: Readonly<Record<string, string>> = {
  'tunnel-net-invalid': 'tunnel_net on the ledger is not an IPv4 /31; no status is written for this user',
  'tunnel-net-shared': 'two users of this device have the same tunnel_net on the ledger; no status is written for either',
  'neighbor-of-another-user': "this user's address is configured for another user on the switch; no status is written until that changes",
  'state-unrecognized': 'the switch reports a BGP state that RFC 4271 does not define; no status is written for this user',
};

/** Foreign writes come in bursts: at most one line in this time. */
const FOREIGN_QUIET_MS = 3_600_000;

/** Changes of more users at once are one line with their number. */
const MOST_USERS_NAMED = 20;

/** One line for each user that the ledger gained, lost or changed since the view before. The first view is not logged. */
function createAccountLog(logger: Logger): (view: LedgerView) => void {
  let before: LedgerView | undefined;
  return (view) => {
    const former = before?.users;
    before = view;
    if (former === undefined || former === view.users) return;
    const changes: (readonly [what: string, fields: LogFields])[] = [];
    for (const [pubkey, { user }] of view.users) {
      const earlier = former.get(pubkey)?.user;
      if (earlier === undefined) changes.push(['user created', accountFields(pubkey, user)]);
      else if (earlier !== user) changes.push(...accountChanges(pubkey, earlier, user));
    }
    for (const [pubkey, { user }] of former)
      if (!view.users.has(pubkey)) changes.push(['user deleted, or moved to another device', accountFields(pubkey, user)]);
    for (const what of new Set(changes.map(([each]) => each))) {
      const these = changes.filter(([each]) => each === what);
      if (these.length > MOST_USERS_NAMED) logger.info(what, { users: these.length });
      else for (const [, fields] of these) logger.info(what, fields);
    }
  };
}

const accountFields = (user: Address, { tunnelId, tunnelNet, clientIp }: User): LogFields => ({
  user,
  tunnel: tunnelId,
  tunnelNet: formatNetworkV4(tunnelNet),
  clientIp,
});

function* accountChanges(pubkey: Address, earlier: User, user: User): Generator<readonly [string, LogFields]> {
  if (earlier.status !== user.status) {
    const name = userStatusName(user.status);
    yield [`user ${name}`, { ...accountFields(pubkey, earlier), was: userStatusName(earlier.status) }];
  }
  // A ban takes the tunnel away.
  const was = formatNetworkV4(earlier.tunnelNet);
  if (user.tunnelId !== 0 && (earlier.tunnelId !== user.tunnelId || was !== formatNetworkV4(user.tunnelNet)))
    yield ['user moved to another tunnel', { ...accountFields(pubkey, user), was: `${earlier.tunnelId} ${was}` }];
}

/** Refreshes are one line an hour; each is at debug. */
function createRefreshLog(logger: Logger, clock: Pick<Clock, 'monotonic'>) {
  let since = clock.monotonic();
  let refreshes = 0;
  const transactions = new Set<string>();
  return {
    add(signature: string): void {
      refreshes += 1;
      transactions.add(signature);
    },
    summarize(): void {
      const now = clock.monotonic();
      if (now - since < HOUR_MS) return;
      if (refreshes > 0)
        logger.info('statuses refreshed', { refreshes, transactions: transactions.size, inMinutes: Math.round((now - since) / 60_000) });
      since = now;
      refreshes = 0;
      transactions.clear();
    },
  };
}

const HOUR_MS = 3_600_000;

/** Remembers when something began, so that the line of its end says how long it lasted. */
function createSpans(clock: Pick<Clock, 'monotonic'>) {
  const begun = new Map<string, MonotonicMs>();
  return {
    begin(what: string): void {
      if (!begun.has(what)) begun.set(what, clock.monotonic());
    },
    /** Seconds since it began; undefined if it never did. */
    end(what: string): number | undefined {
      const from = begun.get(what);
      begun.delete(what);
      return from === undefined ? undefined : Math.round((clock.monotonic() - from) / 1_000);
    },
  };
}

/** Findings whose beginning and end no other event reports. If one joins or leaves others without changing the verdict, only this line reports it. */
const IN_VERDICT_ONLY: ReadonlySet<FindingCode> = new Set([
  'agent-silent',
  'users-all-down',
  'users-mostly-down',
  'balance-nearly-empty',
  'writes-delayed',
  'records-overdue',
  'ledger-lag',
  'users-ambiguous',
  'users-unlisted',
  'second-writer',
]);

const VERDICT_LEVELS = { ok: 'info', warning: 'warn', critical: 'error' } as const;

/**
 * Logs one line per change of the verdict, with its findings. Logs another for each finding that joins or leaves them and that nothing else logs.
 * Call it after each tick, once the board has its outcome, and also by a timer: a loop that stands still has no ticks.
 */
export function createVerdictLog(logger: Logger, read: () => AgentStatus, clock: Pick<Clock, 'monotonic'> = systemClock): () => void {
  const { begin, end } = createSpans(clock);
  let last: Verdict | undefined;
  let known: ReadonlySet<FindingCode> = new Set();
  return () => {
    const { verdict, findings } = read();
    const was = last;
    const before = known;
    known = new Set(findings.map(({ code }) => code));
    last = verdict;
    if (verdict === (was ?? 'ok')) {
      begin('verdict');
      for (const { severity, code, text, remedy, runbook } of findings) {
        if (!IN_VERDICT_ONLY.has(code) || before.has(code)) continue;
        logger[VERDICT_LEVELS[severity]]('another finding', { verdict, findings: [code], problem: text, remedy, runbook });
      }
      for (const code of before)
        if (IN_VERDICT_ONLY.has(code) && !known.has(code)) logger.info('finding ended; others remain', { verdict, findings: [code] });
      return;
    }
    const [first] = findings;
    const afterSeconds = end('verdict');
    begin('verdict');
    logger[VERDICT_LEVELS[verdict]]('verdict changed', {
      verdict,
      was,
      afterSeconds,
      findings: findings.length === 0 ? undefined : [...known],
      problem: first?.text,
      remedy: first?.remedy,
      runbook: first?.runbook,
    });
  };
}

/** Writes one line a change of state, none a tick. */
export function createLogListener(logger: Logger, clock: Pick<Clock, 'monotonic'> = systemClock) {
  const { begin, end } = createSpans(clock);
  const logAccounts = createAccountLog(logger);
  const refreshLog = createRefreshLog(logger, clock);
  /** The reasons for which some users are unobserved, and the VRFs: logged when they begin and when they end. */
  const unobserved = new Map<string, readonly string[]>();
  const logUnobserved = (outcomes: ReadonlyMap<string, UserOutcome>, failedVrfs: TickReport['failedVrfs']): void => {
    for (const reason of SWITCH_REASONS) {
      const users = [...outcomes.values()].filter((outcome) => reasonOf(outcome) === reason);
      if (users.length > 0 && !unobserved.has(reason)) {
        const expected = [...new Set(users.map(({ entry }) => entry.expectedVrf ?? 'unknown'))];
        // The VRF that failed is the cause, not those in which its users were expected.
        const failed = reason === 'vrf-not-collected' ? [...(failedVrfs ?? [])] : [];
        const [first] = failed.toSorted(([left], [right]) => Number(expected.includes(right)) - Number(expected.includes(left)));
        const vrfs = failed.length === 0 ? expected : failed.map(([vrf]) => vrf);
        unobserved.set(reason, vrfs);
        begin(reason);
        logger.warn('users not observed; no status is written for them', {
          reason,
          users: users.length,
          vrfs,
          code: first?.[1].error?.code,
          problem: first === undefined || failed.length === 1 ? first?.[1].problem : `${first[0]}: ${first[1].problem}`,
          remedy: first?.[1].error?.remedy ?? COMPARE_VRFS,
        });
      } else if (users.length === 0) {
        const vrfs = unobserved.get(reason);
        if (vrfs === undefined) continue;
        unobserved.delete(reason);
        const afterSeconds = end(reason);
        if (outcomes.size > 0) logger.info('users observed again', { after: reason, vrfs, afterSeconds });
      }
    }
  };
  /** A VRF that fails without a user that it concerns: its other neighbors are not seen either. */
  const failing = new Set<string>();
  const logFailedVrfs = (failedVrfs: TickReport['failedVrfs']): void => {
    for (const vrf of failing) {
      if (failedVrfs?.has(vrf)) continue;
      failing.delete(vrf);
      logger.info('VRF read again', { vrf });
    }
    const reported = unobserved.get('vrf-not-collected') ?? [];
    for (const [vrf, { problem, error }] of failedVrfs ?? []) {
      if (failing.has(vrf) || reported.includes(vrf)) continue;
      failing.add(vrf);
      const remedy = error?.remedy ?? COMPARE_VRFS;
      logger.warn('VRF cannot be read; no user is affected', { vrf, code: error?.code, problem, remedy });
    }
  };
  let wasRead: boolean | undefined;
  /** What has been logged of each failure, by code and message. These outlive a reload, after which a new agent reports what is known already. */
  const lostSources = new Map<string, Set<string | undefined>>();
  /** Endpoints that fail, and the errors of theirs that were logged since. */
  const lostEndpoints = new Map<string, Set<string | undefined>>();
  const ledgerProblems = new Set<string | undefined>();
  let reporting = '';
  let wasLow = false;
  let deviceWas: string | undefined;
  let foreignQuietUntil = Number.NEGATIVE_INFINITY;
  const foreign = new Set<string>();
  return {
    ...createSnapshotLog(logger, clock),
    tick({ switchRead, durationMs, outcomes, intents, view, viewSlot, failedVrfs }) {
      logger.debug('tick', {
        durationMs: Math.round(durationMs),
        users: outcomes.size,
        intents: intents.length,
        switchRead,
        slot: viewSlot,
      });
      logUnobserved(outcomes, failedVrfs);
      if (switchRead) logFailedVrfs(failedVrfs);
      if (view !== undefined) logAccounts(view);
      refreshLog.summarize();
      if (wasRead === switchRead) return;
      if (!switchRead) {
        begin('switch');
        logger.error('all switch sources failed; no status is written until one recovers');
      } else if (wasRead === false) logger.info('switch read again', { afterSeconds: end('switch') });
      wasRead = switchRead;
    },
    observed({ user, before, outcome }) {
      logObservation(logger, user, before, outcome);
    },
    massDown({ wentDown, wereUp, confirmed }) {
      const fields = { wentDown, wereUp, confirmed };
      if (confirmed === wentDown) logger.warn('most sessions went down at once; a second poll confirmed it', fields);
      else logger.warn('most sessions read down at once; no status is written for those that a second poll did not confirm', fields);
    },
    ledgerView({ state, error, again }) {
      if (state === 'lost') begin('ledger');
      if (again !== true) ledgerProblems.clear();
      if (again === true && ledgerProblems.has(error?.code)) return;
      if (state === 'lost') ledgerProblems.add(error?.code);
      if (state === 'back') logger.info('users read from the ledger again', { afterSeconds: end('ledger') });
      else if (state === 'rollback') logger.warn('ledger rolled back: for 2 min its endpoints returned older slots only');
      else if (state === 'too-old')
        logger.error('ledger data is older than ledger.maxLedgerAge; deciding stops until the users can be read');
      else logger.warn('cannot read the users from the ledger; no status is written meanwhile', { error });
    },
    // Comes before `source`, and also from an agent that has not seen the source fail.
    polled({ source }) {
      if (lostSources.delete(source)) logger.info('switch source recovered', { source, afterSeconds: end(`source ${source}`) });
    },
    source({ source, state, error, again }) {
      const logged = lostSources.get(source) ?? new Set();
      if (state === 'back' || logged.has(again === true ? error?.code : error?.message)) return;
      begin(`source ${source}`);
      lostSources.set(source, logged.add(error?.code).add(error?.message));
      logger.warn('switch source failed', { source, error });
    },
    trigger(event) {
      const { kind, source } = event;
      if (kind === 'woke') logger.debug('poll triggered by the switch', { source });
      else if (kind === 'held-back') logger.debug('trigger dropped by the rate limit', { source });
      else if (kind === 'back') logger.info('trigger source recovered', { source, afterSeconds: end(`trigger ${source}`) });
      else if (kind === 'lost') {
        begin(`trigger ${source}`);
        logger.warn('trigger source failed; falling back to the poll interval', { source, error: event.error });
      } else logger.warn('trigger rate limit reached; falling back to the poll interval', { source, maxPerMinute: event.maxPerMinute });
    },
    endpoint({ endpoint, state, error, again }) {
      const logged = lostEndpoints.get(endpoint) ?? new Set();
      if (state === 'back') {
        lostEndpoints.delete(endpoint);
        logger.info('ledger endpoint recovered', { endpoint, afterSeconds: end(`endpoint ${endpoint}`) });
      } else if (!logged.has(again === true ? error?.code : error?.message)) {
        begin(`endpoint ${endpoint}`);
        lostEndpoints.set(endpoint, logged.add(error?.code).add(error?.message));
        logger.warn('ledger endpoint failed', { endpoint, error });
      }
    },
    authorized({ device, code, publisher }) {
      const now = `${device} ${code} ${publisher}`;
      if (now !== reporting) logger.info('reporting for device', { device, code, publisher });
      reporting = now;
    },
    deviceStatus({ status }) {
      const name = deviceStatusName(status);
      // After a reload, the new agent reports what is known already.
      if (name !== deviceWas && (name !== 'activated' || deviceWas !== undefined))
        logger[name === 'activated' ? 'info' : 'warn'](`device is ${name} on the ledger`, { was: deviceWas });
      deviceWas = name;
    },
    ledgerLag({ slot, behindMs }) {
      logger.debug('block time compared with the clock', { slot, behindMs });
    },
    balance({ lamports, hoursToEmpty, publisher }) {
      logger.debug('balance', { publisher, lamports });
      const isLow = hoursToEmpty < LOW_HOURS;
      if (isLow === wasLow) return;
      wasLow = isLow;
      if (isLow)
        logger.warn('metrics publisher is running out of SOL', {
          publisher,
          lamports,
          hoursToEmpty: Math.round(hoursToEmpty),
          remedy: 'send SOL to the publisher on the DoubleZero ledger',
        });
      else logger.info('metrics publisher balance recovered', { publisher, lamports });
    },
    damping({ user, state, penalty, msUntilReuse }) {
      const fields = { user, penalty: Math.round(penalty) };
      if (state === 'free') logger.info('user no longer flaps', fields);
      else
        logger.warn('user flaps more than damping allows; its writes are delayed only with damping.mode enforce', {
          ...fields,
          freeInMinutes: Math.ceil(msUntilReuse / 60_000),
        });
    },
    foreignWrites({ users }) {
      for (const user of users) foreign.add(user);
      if (clock.monotonic() < foreignQuietUntil) return;
      foreignQuietUntil = clock.monotonic() + FOREIGN_QUIET_MS;
      logger.warn('another process writes statuses for this device; check whether a second agent uses its key', {
        users: foreign.size,
        user: users[0],
      });
      foreign.clear();
    },
    sent({ signature, intents }) {
      logger.debug('transaction sent', { signature, users: intents.length });
    },
    confirmed({ intent, signature, slot, latencyMs }) {
      const isChange = intent.reason === 'change';
      if (!isChange) refreshLog.add(signature);
      logger[isChange ? 'info' : 'debug']('status written', { ...writeFields(intent), signature, slot, latencyMs: Math.round(latencyMs) });
    },
    rejected({ intent, signature, error }) {
      logger.error('program rejected the status; retried when the account changes, or after a backoff', {
        ...writeFields(intent),
        signature,
        error,
      });
    },
    expired({ signature, intents }) {
      logger.warn('transaction expired unconfirmed; its users are re-evaluated at the next poll', { signature, users: intents.length });
    },
    failed({ signature, intents, error }) {
      logger.warn('transaction failed; its users are retried', { signature, users: intents.length, error });
    },
    rebroadcast({ signature }) {
      logger.debug('transaction resent', { signature });
    },
    withdrawn({ signature, intents }) {
      logger.debug('transaction withdrawn; it can no longer land', { signature, users: intents.length });
    },
    halted(error) {
      reporting = '';
      begin('halt');
      logger.error('writes halted until this is fixed', { error });
    },
    budget({ allowance }) {
      if (allowance !== 'all') begin('spending');
      if (allowance === 'all') logger.info('spending limit has room again', { afterSeconds: end('spending') });
      else if (allowance === 'changes-only') logger.warn('spending limit nearly reached; changes are written, refreshes wait');
      else
        logger.error(
          'spending limit reached; no status is written until it has room. See worker.maxTransactionsPerMinute and worker.maxLamportsPerDay',
        );
    },
    resumed() {
      logger.info('writes resumed', { afterSeconds: end('halt') });
    },
    writesStalled({ error, forMs, repeated, nothingToWrite = false }) {
      const what = nothingToWrite ? 'the ledger makes no progress; no write waits for it' : 'writes are not landing';
      logger[repeated ? 'error' : 'warn'](what, { forSeconds: Math.round(forMs / 1_000), error });
    },
    writesResumed({ forMs, nothingToWrite = false }) {
      logger.info(nothingToWrite ? 'the ledger makes progress again' : 'writes are confirmed again', {
        afterSeconds: Math.round(forMs / 1_000),
      });
    },
    internalError(error) {
      logger.error('internal error; the agent continues. Please report it', { error: asError(error) });
    },
  } satisfies AgentListener;
}

/** Why the agent writes no status for this user. Undefined for a user that needs none, such as a banned user without a tunnel. */
function reasonOf({ observation, entry }: UserOutcome): UnobservedReason | undefined {
  return observation.kind === 'unobserved' && entry.user.status === UserStatus.activated ? observation.reason : undefined;
}

function logObservation(logger: Logger, user: string, before: Observation | undefined, outcome: UserOutcome): void {
  const { observation, newFlaps } = outcome;
  if (observation.kind === 'unobserved') {
    const reason = reasonOf(outcome);
    const text = reason && USER_REASON_TEXT[reason];
    if (text !== undefined) logger.warn(text, { user, reason });
    return;
  }
  const { at } = observation;
  const downReason = observation.kind === 'down' ? observation.downReason : undefined;
  const fields = { user, vrf: at?.vrf, peer: at?.address, state: at?.neighbor.state, downReason };
  // A state that this process did not see begin is not news.
  if (before === undefined || newFlaps === 0) logger.debug(`session is ${observation.kind}`, fields);
  else logger.info(`session is ${observation.kind}`, fields);
}
