import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { AgentListener, TickReport } from '../agent/events.ts';
import { type Clock, describeError, type MonotonicMs } from '../lib/index.ts';
import type { Finding } from './findings.ts';
import type { Logger } from './logger.ts';
import { count, printable } from './text.ts';

/** Hands assignments such as `READY=1` to the service manager, all in one datagram. Rejects where that fails. */
type NotifyRunner = (assignments: readonly string[]) => Promise<void>;

interface SdNotifyOptions {
  /** Of the process: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` as sd_notify(3) and sd_watchdog_enabled(3) describe them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly run: NotifyRunner;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Pick<Logger, 'warn'>;
  /** The gravest finding of the verdict; a dry run has none. */
  readonly finding?: () => Finding | undefined;
}

/** A tick this long feeds the watchdog in any case: the next one may be as long, and half of its timeout would be lost. */
const LONG_TICK_MS = 10_000;
/** A status line costs a process, so it changes at most this often. */
const STATUS_GAP_MS = 10_000;

/**
 * The service manager's view of the agent; silent without `NOTIFY_SOCKET`.
 *
 *   first tick that read switch and ledger ──► READY=1
 *   completed ticks, at most every half of WATCHDOG_USEC, but each long one ──► WATCHDOG=1       a wedged tick loop stops feeding, and is restarted
 *   reload ──► RELOADING=1 … READY=1          stop ──► STOPPING=1
 *
 * No timer feeds the watchdog. Messages go one after the other, as their order is their meaning.
 */
export function createSdNotify({ environment, pid, run, clock, logger, finding }: SdNotifyOptions) {
  const isManaged = (environment.NOTIFY_SOCKET ?? '') !== '';
  const feedEveryMs = watchdogMs(environment, pid) / 2;
  let ready = false;
  let stopping = false;
  let fedAt: MonotonicMs | undefined;
  let sentText = '';
  let sentTextAt: MonotonicMs | undefined;
  let failed = false;
  /** Messages not yet delivered. While there are any, a tick adds none; the next tick sends the newer state. */
  let pending = 0;
  let queue = Promise.resolve();

  function send(...assignments: readonly string[]): void {
    pending += 1;
    queue = queue
      .then(() => run(assignments))
      .then(() => {
        failed = false;
      })
      .catch((error: unknown) => {
        // The next tick sends again what was not delivered.
        if (assignments.includes('READY=1')) ready = false;
        if (assignments.includes('WATCHDOG=1')) fedAt = undefined;
        sentText = '';
        if (!failed) logger.warn('cannot notify systemd', { problem: describeError(error) });
        failed = true;
      })
      .finally(() => {
        pending -= 1;
      });
  }

  /** Whether this much time has passed since `last`; always true at first. */
  const isDue = (last: MonotonicMs | undefined, ms: number): boolean => last === undefined || clock.monotonic() - last >= ms;

  function tick(report: TickReport): void {
    if (!isManaged || stopping || pending > 0) return;
    const assignments: string[] = [];
    if (!ready && report.switchRead && report.viewSlot !== undefined) {
      ready = true;
      assignments.push('READY=1');
    }
    if (Number.isFinite(feedEveryMs) && (report.durationMs >= LONG_TICK_MS || isDue(fedAt, feedEveryMs))) {
      fedAt = clock.monotonic();
      assignments.push('WATCHDOG=1');
    }
    if (assignments.length > 0 || isDue(sentTextAt, STATUS_GAP_MS)) {
      const text = statusLine(report, finding?.());
      if (text !== sentText) {
        sentText = text;
        sentTextAt = clock.monotonic();
        assignments.push(`STATUS=${text}`);
      }
    }
    if (assignments.length > 0) send(...assignments);
  }

  return {
    listener: { tick } satisfies AgentListener,
    reloading() {
      if (ready) send('RELOADING=1');
    },
    /** After a reload, successful or not: the agent runs either way. */
    reloaded() {
      if (ready) send('READY=1');
    },
    stopping() {
      if (!isManaged || stopping) return;
      stopping = true;
      send('STOPPING=1', 'STATUS=waiting for the transactions in flight');
    },
    /** Resolves when every message was delivered or has failed. */
    flush: () => queue,
  };
}

/** Milliseconds after which the service manager restarts a silent process; infinite if it does not watch this one. */
function watchdogMs({ WATCHDOG_USEC: usec = '', WATCHDOG_PID: watched }: SdNotifyOptions['environment'], pid: number): number {
  if (!/^[1-9]\d{0,15}$/.test(usec)) return Number.POSITIVE_INFINITY;
  if (watched !== undefined && watched !== '' && watched !== String(pid)) return Number.POSITIVE_INFINITY;
  return Number(usec) / 1_000;
}

function statusLine({ viewSlot, outcomes }: TickReport, finding: Finding | undefined): string {
  const counts = { up: 0, down: 0, unobserved: 0 };
  for (const { observation } of outcomes.values()) counts[observation.kind] += 1;
  const users =
    viewSlot === undefined
      ? 'the users have not been read from the ledger'
      : `${count(outcomes.size, 'user')}: ${counts.up} up, ${counts.down} down, ${counts.unobserved} unobserved`;
  return finding === undefined ? users : `${finding.severity}: ${printable(finding.text)}; ${users}`;
}

/** Longer than a busy switch takes to start a small process. */
const TIMEOUT_MS = 5_000;

/**
 * Notifies the service manager through the program `systemd-notify`, as Node.js has no datagrams over Unix sockets. The unit needs
 * `NotifyAccess=all`, so that the manager accepts messages from children of the service.
 */
export function createNotifyRunner({ NOTIFY_SOCKET, PATH }: Readonly<Record<string, string | undefined>>): NotifyRunner {
  const run = promisify(execFile);
  return async (assignments) => {
    await run('systemd-notify', [...assignments], {
      timeout: TIMEOUT_MS,
      // It needs nothing else of our environment.
      env: { PATH: PATH ?? '/usr/bin:/bin', NOTIFY_SOCKET },
    });
  };
}
