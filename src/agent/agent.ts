import type { StatusIntent, StatusPolicy } from '../bgp/index.ts';
import { createCollector, createTriggers, type SwitchSource, type TriggerSource } from '../collector/index.ts';
import {
  type AgentError,
  type Clock,
  createAbortController,
  createNotifier,
  type MonotonicMs,
  type Random,
  Stopped,
  waitAtMost,
} from '../lib/index.ts';
import { isEarlyRefresh, type Signer } from '../publisher/index.ts';
import { createUserViewReader, type DeviceAuthority, type LedgerRpc, readDeviceAuthority } from '../rpc/index.ts';
import { type Address, type Lamports, lamports } from '../serviceability/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { type Handover, refreshLamportsPerHour, type SpendLimits, Worker, type WorkerTiming } from '../worker/index.ts';
import type { AgentReporter, TickReport } from './events.ts';
import { createLedgerCache, type LedgerTiming } from './ledger-cache.ts';
import { AuthorityWatch, createBalanceCheck, createLagCheck } from './preconditions.ts';
import { Ticker } from './tick.ts';

interface TickLoopOptions {
  /** Resolves to when the next tick is due at the latest, where that is before the interval ends. */
  readonly tick: (signal: AbortSignal) => Promise<{ readonly nextDueAt?: MonotonicMs }>;
  readonly intervalMs: number;
  /** While true, ticks come each second, to retry what failed. */
  readonly isRetrying: () => boolean;
  readonly clock: Clock;
  /** A tick threw without being aborted: an internal error. */
  readonly onError: (error: unknown) => void;
}

/** Triggers are coalesced to one tick in this time, so that a storm of them cannot starve the switch. */
const MIN_GAP_MS = 250;
const RETRY_MS = 1_000;

/**
 * Runs ticks one after the other, each `intervalMs` after the last one began, or when it is due before that (rule 9). A switch that answers slowly
 * gets as long a rest before a tick that is due early, so that it is never polled without a pause.
 */
export function createTickLoop({ tick, intervalMs, isRetrying, clock, onError }: TickLoopOptions) {
  const controller = createAbortController();
  const notifier = createNotifier(clock);
  let running: Promise<void> | undefined;

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      let dueAt = Number.POSITIVE_INFINITY;
      try {
        dueAt = (await tick(signal)).nextDueAt ?? dueAt;
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
      }
      const interval = isRetrying() ? Math.min(intervalMs, RETRY_MS) : intervalMs;
      const endedAt = clock.monotonic();
      const elapsed = endedAt - startedAt;
      const nextAt = Math.min(startedAt + interval, Math.max(dueAt, endedAt + elapsed));
      if (elapsed < MIN_GAP_MS) await clock.sleep(Math.min(MIN_GAP_MS, interval) - elapsed, signal);
      await notifier.wait(Math.max(0, nextAt - clock.monotonic()), signal);
    }
  }

  return {
    start(): void {
      running ??= loop(controller.signal).catch((error: unknown) => {
        if (!controller.signal.aborted) onError(error);
      });
    },
    /** Waits for the current tick. */
    async stop(): Promise<void> {
      controller.abort(new Stopped('the agent stops'));
      await running;
    },
    /** Asks for a tick at once; any number of triggers make one early tick per `MIN_GAP_MS`. */
    trigger: () => notifier.signal(),
  };
}

/** All times in milliseconds. */
export interface AgentTiming extends LedgerTiming {
  readonly intervalMs: number;
  readonly collectTimeoutMs: number;
  readonly authorityIntervalMs: number;
  readonly drainMs: number;
  /** Polls per minute that triggers may bring forward; 60 by default. */
  readonly wakeUpsPerMinute?: number;
  readonly worker: WorkerTiming;
}

/** Spend limits. */
export interface AgentLimits extends SpendLimits {
  /** Writes are halted while the key holds less. */
  readonly minBalance: Lamports;
}

/** Ten times what the largest device needs on a bad day. */
export const DEFAULT_LIMITS: AgentLimits = { maxTransactionsPerMinute: 600, maxLamportsPerDay: 100_000_000, minBalance: lamports(0) };

interface AgentOptions {
  readonly device: Address;
  readonly programId: Address;
  /** Absent in a dry run: every decision is made and reported, nothing is sent. */
  readonly signer?: Signer;
  /** Compared with the device's publisher; the signer's by default. */
  readonly publisher?: Address;
  readonly rpc: LedgerRpc;
  readonly sources: readonly SwitchSource[];
  /** Sources of triggers: they report changes between the polls. */
  readonly triggers?: readonly TriggerSource[];
  /** Takes raw snapshots, independently of the ticks; starts and stops with the agent. */
  readonly snapshotter?: Pick<Snapshotter, 'start' | 'stop'>;
  readonly policy: StatusPolicy;
  readonly timing: AgentTiming;
  /** DEFAULT_LIMITS by default. */
  readonly limits?: AgentLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: AgentReporter;
}

export interface OnceOutcome {
  readonly report: TickReport;
  /** Why writes are halted, where they are. */
  readonly problem: AgentError | undefined;
  /** Users that the program rejected. */
  readonly backedOffUsers: ReadonlyMap<Address, AgentError>;
  /** Desired writes that are not on the ledger: their transaction expired, or writes are halted. */
  readonly unconfirmed: readonly StatusIntent[];
}

export type Agent = ReturnType<typeof createAgent>;

/**
 * Builds the agent by hand from its parts.
 *
 *   sources ─► collector ─┐
 *                         ├─► ticker ─► worker ─► ledger        (dry run: no worker)
 *   ledger ─► ledger cache┘      ▲         │
 *                            tick loop ◄───┘ a transaction that did not land triggers a tick
 *   traps, streams ─► triggers ──┘
 *
 * Start: worker, ticks, triggers, snapshots. Stop: snapshots, ticks and triggers, then worker (drains), then sources and RPC.
 */
export function createAgent(options: AgentOptions) {
  const { device, programId, signer, rpc, sources, policy, timing, limits = DEFAULT_LIMITS, clock, random, reporter } = options;
  const publisher = options.publisher ?? signer?.address;
  const stopping = createAbortController();
  const collector = createCollector({ sources, timeoutMs: timing.collectTimeoutMs, clock, random, reporter });
  const reader = createUserViewReader({ rpc, device, programId, clock });
  const views = createLedgerCache({
    ...timing,
    read: (readOptions, signal) => reader.read(signal, readOptions),
    clock,
    reporter,
    maxWaitMs: timing.intervalMs,
  });
  let reportedStatus: number | undefined;
  const reportStatus = (status: number): void => {
    if (status !== reportedStatus) reporter.deviceStatus({ status });
    reportedStatus = status;
  };
  const readAuthority = (signal: AbortSignal): Promise<DeviceAuthority> =>
    readDeviceAuthority({ rpc, device, programId, publisher, onStatus: reportStatus }, signal);

  const worker =
    signer === undefined
      ? undefined
      : new Worker({
          rpc,
          clock,
          random,
          programId,
          device,
          signer,
          timing: timing.worker,
          limits,
          reporter,
          verifyAuthority: async (signal) => void (await readAuthority(signal)),
          onUndecided: () => loop.trigger(),
          onInternalError: (error) => reporter.internalError(error),
        });

  const isHalted = (): boolean => worker?.halted !== undefined;
  let reportedAuthority = false;
  /** A tick had writes while it was unknown whether this key may write. */
  let withheld = false;
  const authority = new AuthorityWatch({
    verify: async (signal) => {
      const { code, metricsPublisher } = await readAuthority(signal);
      if (!reportedAuthority) reporter.authorized({ device, code, publisher: metricsPublisher });
      reportedAuthority = true;
    },
    clock,
    intervalMs: timing.authorityIntervalMs,
    isHalted,
    onAuthorized: () => {
      worker?.resume();
      // Writes that were withheld until the authority was verified go at once, not an interval later.
      if (withheld) loop.trigger();
      withheld = false;
    },
    onRefused: (error) => {
      reportedAuthority = false;
      if (worker === undefined) reporter.halted(error);
      else worker.halt(error);
    },
  });

  const checkBalance =
    worker === undefined || publisher === undefined
      ? undefined
      : createBalanceCheck({
          read: async (signal) => {
            const [balance] = await Promise.all([rpc.balance(publisher, signal), authority.check(signal)]);
            return authority.problem?.class === 'fatal' ? undefined : balance;
          },
          publisher,
          minBalance: limits.minBalance,
          intervalMs: timing.authorityIntervalMs,
          isHalted,
          // The actual spending, but at least the cost of refreshing every user.
          spendRate: () => {
            const users = views.latest()?.users.size;
            return users === undefined
              ? undefined
              : Math.max(worker.lamportsPerHour, refreshLamportsPerHour(users, policy.refreshIntervalMs));
          },
          clock,
          onBalance: (event) => reporter.balance(event),
          onTooLow: (error) => worker.halt(error, 'balance'),
          onEnough: () => worker.resume('balance'),
        });

  const checkLag = createLagCheck({
    latest: () => views.latest(),
    blockTime: (slot, signal) => rpc.blockTime(slot, signal),
    clock,
    onLag: (event) => reporter.ledgerLag(event),
  });

  const ticker = new Ticker({
    collector,
    views,
    policy,
    clock,
    reporter,
    inFlight: () => worker?.inFlight() ?? new Map(),
    isOwnWrite: (user, status, slot) => worker?.isOwnWrite(user, status, slot) === true,
    lastConfirmedSlot: () => worker?.lastConfirmedSlot,
    slotProgress: () => rpc.slotProgress(),
    // Before the device account was read it is unknown whether this key may write.
    setDesired(intents, view, usable) {
      const mayWrite = authority.isAuthorized || intents.length === 0;
      withheld ||= !mayWrite;
      const error = usable ? authority.problem : views.problem;
      worker?.setDesired(mayWrite ? intents : [], view, usable && mayWrite ? undefined : { error });
    },
    onNoView: () => worker?.withhold(views.problem),
  });

  const tick = async (signal: AbortSignal): Promise<TickReport> => {
    const checking = Promise.all([authority.check(signal), checkBalance?.(signal)]);
    void checkLag(signal).catch((error: unknown) => reporter.internalError(error));
    checking.catch((error: unknown) => reporter.internalError(error));
    if (!authority.isAuthorized) await waitAtMost(clock, checking, timing.intervalMs, signal);
    return ticker.tick(signal);
  };
  const loop = createTickLoop({
    tick,
    intervalMs: timing.intervalMs,
    isRetrying: () =>
      views.problem !== undefined || (worker !== undefined && !authority.isAuthorized && authority.problem?.class !== 'fatal'),
    clock,
    onError: (error) => reporter.internalError(error),
  });
  const triggers = createTriggers({
    sources: options.triggers ?? [],
    maxPerMinute: timing.wakeUpsPerMinute ?? 60,
    clock,
    onTrigger: () => loop.trigger(),
    reporter,
  });
  let stopped: Promise<Handover> | undefined;

  return {
    /** Ticks until stopped. `left` is from the agent that this one replaces: the users of its unresolved transactions wait for them (rule 17). */
    start(left: Handover = { unresolved: [] }): void {
      worker?.adopt(left);
      worker?.start();
      loop.start();
      triggers.start();
      options.snapshotter?.start();
    },
    /** Runs one tick and waits until its writes are confirmed or have failed. Does not combine with `start`. */
    async once(signal: AbortSignal): Promise<OnceOutcome> {
      worker?.start();
      const untilStopped = AbortSignal.any([signal, stopping.signal]);
      // There is no next tick that could use a late answer.
      await Promise.all([authority.check(untilStopped), checkBalance?.(untilStopped), views.readNow(untilStopped)]);
      const report = await tick(untilStopped);
      await worker?.whenIdle(untilStopped);
      return {
        report,
        problem: worker?.halted ?? authority.problem,
        backedOffUsers: worker?.backedOffUsers() ?? new Map(),
        unconfirmed:
          worker === undefined
            ? []
            : report.intents.filter((intent) => !isEarlyRefresh(intent) && worker.confirmedIn(intent.user) === undefined),
      };
    },
    /** Brings the next tick forward, at most once in 250 ms. */
    trigger: () => loop.trigger(),
    /** Stops collecting, waits up to `drainMs` for transactions in flight, closes sockets, and waits as long for a snapshot. Idempotent. */
    stop(): Promise<Handover> {
      stopped ??= (async () => {
        stopping.abort(new Stopped('the agent stops'));
        const snapshotsStopped = options.snapshotter?.stop();
        // Closing a trigger can take seconds: no tick decides meanwhile.
        await Promise.all([loop.stop(), triggers.stop()]);
        const left = (await worker?.stop(timing.drainMs)) ?? { unresolved: [] };
        await collector.close();
        await rpc.close();
        // The folder may be on a file server that hangs. Without the bound, neither a reload nor a stop would finish.
        if (snapshotsStopped !== undefined) await waitAtMost(clock, snapshotsStopped, timing.drainMs, createAbortController().signal);
        return left;
      })();
      return stopped;
    },
  };
}
