import type { EpochMs } from '../lib/index.ts';
import type { Address, BgpStatusValue, Slot } from '../serviceability/index.ts';

/** A SetUserBGPStatus of a user that the ledger carried out, or a change of its account. */
export type LedgerEvent = StatusReport | AccountChange;

export interface StatusReport extends Landed {
  readonly kind: 'report';
  readonly status: BgpStatusValue;
  readonly rttNs: bigint;
  readonly writer: Address;
  readonly device: Address;
}

interface AccountChange extends Landed {
  readonly kind: 'created' | 'deleted';
}

interface Landed {
  readonly slot: Slot;
  /** By the ledger's own clock. */
  readonly at: EpochMs;
  readonly signature: string;
}

type PeriodStatus = 'up' | 'down' | 'unknown' | 'absent';

/** Why a status is not known, or the user is not there, in words. */
export const PERIOD_REASONS = {
  /** The account is new, or its last report is older than a report is valid. */
  'no-report': 'no report',
  /** The report said neither up nor down. */
  'reported-unknown': 'reported as unknown',
  /** Before the oldest transaction that the endpoint has. */
  'before-history': 'before the history of this endpoint',
  'ledger-halted': 'after the newest block of the ledger',
  'not-created': 'not created yet',
  deleted: 'deleted',
} as const;
type PeriodReason = keyof typeof PERIOD_REASONS;

/** A stretch of time with one status by one writer; refreshes are folded into it. */
export interface Period {
  readonly status: PeriodStatus;
  /** Null for up and down, which were reported. */
  readonly reason: PeriodReason | null;
  readonly fromMs: number;
  readonly untilMs: number;
  /** The first report of the period, or the transaction that created or deleted the account; null for neither. */
  readonly first: LedgerEvent | null;
  /** Reports in it, the first one and its refreshes. */
  readonly reports: number;
}

export interface TimelineOptions {
  /** The window, milliseconds since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** How long a report stands without a refresh, milliseconds. */
  readonly validForMs: number;
  /** The newest block of the ledger: what came later is unknown. */
  readonly knownUntilMs: number;
  /** From here on the endpoint has every transaction. */
  readonly historyFromMs: number;
  /** Whether the account is on the ledger: without it, and without any event, the user was absent all the time. */
  readonly existsNow: boolean;
}

/** A period without its times. */
type Stretch = Omit<Period, 'fromMs' | 'untilMs'>;

/**
 * The status of one user over a window, as the ledger's transactions report it. `events` are in the order of the ledger. A report stands until the
 * next one, and no longer than it is valid: what follows is unknown. The periods cover the window without a gap. Pure.
 */
export function foldTimeline(events: readonly LedgerEvent[], options: TimelineOptions): readonly Period[] {
  const { validForMs, historyFromMs, existsNow } = options;
  const timeline = new Timeline(options, events.at(-1));
  const [oldest] = events;
  const firstAt = oldest?.at ?? Number.POSITIVE_INFINITY;
  if (oldest === undefined && !existsNow) timeline.add(absent('deleted'), Number.NEGATIVE_INFINITY, firstAt);
  else if (oldest?.kind === 'created') timeline.add(absent('not-created'), Number.NEGATIVE_INFINITY, firstAt);
  else {
    const listedFrom = Math.min(historyFromMs, firstAt);
    timeline.addUnlisted(listedFrom);
    timeline.add(unknown('no-report'), listedFrom, firstAt);
  }
  let at = Number.NEGATIVE_INFINITY;
  for (const [index, event] of events.entries()) {
    // The clock of the ledger is agreed on by vote, and may step back by a second.
    at = Math.max(at, event.at);
    const next = Math.max(at, events[index + 1]?.at ?? Number.POSITIVE_INFINITY);
    if (event.kind !== 'report') timeline.add(event.kind === 'created' ? unknown('no-report', event) : absent('deleted', event), at, next);
    else if (event.status === 'unknown')
      timeline.add({ status: 'unknown', reason: 'reported-unknown', first: event, reports: 1 }, at, next);
    else {
      const validUntil = Math.min(next, at + validForMs);
      timeline.add({ status: event.status, reason: null, first: event, reports: 1 }, at, validUntil);
      timeline.add(unknown('no-report'), validUntil, next);
    }
  }
  return timeline.periods;
}

const unknown = (reason: PeriodReason, first: LedgerEvent | null = null): Stretch => ({ status: 'unknown', reason, first, reports: 0 });
const absent = (reason: PeriodReason, first: LedgerEvent | null = null): Stretch => ({ status: 'absent', reason, first, reports: 0 });

/** The periods in order, cut to the window. A stretch that continues the last period extends it. */
class Timeline {
  readonly periods: Period[] = [];
  readonly #options: TimelineOptions;
  readonly #newest: LedgerEvent | undefined;

  constructor(options: TimelineOptions, newest: LedgerEvent | undefined) {
    this.#options = options;
    this.#newest = newest;
  }

  /** Adds a stretch. Its part after the newest block of the ledger is unknown. */
  add(stretch: Stretch, from: number, until: number): void {
    const { knownUntilMs } = this.#options;
    this.#put(stretch, from, Math.min(until, knownUntilMs));
    this.#put(unknown('ledger-halted'), Math.max(from, knownUntilMs), until);
  }

  /** Adds the time before the endpoint has every transaction. */
  addUnlisted(until: number): void {
    this.#put(unknown('before-history'), Number.NEGATIVE_INFINITY, until);
  }

  #put(stretch: Stretch, from: number, until: number): void {
    const [start, end] = [Math.max(from, this.#options.fromMs), Math.min(until, this.#options.untilMs)];
    const last = this.periods.at(-1);
    if (last !== undefined && isSame(last, stretch))
      this.periods[this.periods.length - 1] = { ...last, untilMs: Math.max(last.untilMs, end), reports: last.reports + stretch.reports };
    else if (start < end || (start === end && from === start && this.#isInstant(stretch)))
      this.periods.push({ ...stretch, fromMs: start, untilMs: end });
  }

  /**
   * Blocks have times in whole seconds. A report that the next one replaced within the same second is a period without length. So is the state after
   * the newest event, if that came in the last known second.
   */
  #isInstant({ reports, first }: Stretch): boolean {
    return reports > 0 || (first !== null && first === this.#newest);
  }
}

/** Only a report of the same writer for the same device refreshes. */
function isSame(a: Pick<Period, 'status' | 'reason' | 'first'>, b: Pick<Period, 'status' | 'reason' | 'first'>): boolean {
  if (a.status !== b.status || a.reason !== b.reason || a.first?.kind !== b.first?.kind) return false;
  return (
    a.first?.kind !== 'report' || b.first?.kind !== 'report' || (a.first.writer === b.first.writer && a.first.device === b.first.device)
  );
}

/** How a user's window was spent. */
export interface Availability {
  /** Milliseconds. The time in which there was no account is in none of them. */
  readonly upMs: number;
  readonly downMs: number;
  readonly unknownMs: number;
  /** Times that up was followed by down, with or without unknown between them. */
  readonly flaps: number;
  /** The longest stretch of reported down, by any writer; null if there was none. Unknown time ends it. */
  readonly longestOutage: Outage | null;
}

interface Outage {
  readonly fromMs: number;
  readonly ms: number;
}

/** Sums up periods that follow each other. Pure. */
export function availabilityOf(periods: readonly Period[]): Availability {
  const sums = { up: 0, down: 0, unknown: 0, absent: 0 };
  let flaps = 0;
  let longest = null as Outage | null;
  let outage = null as Outage | null;
  let lastKnown: PeriodStatus | undefined;
  for (const { status, fromMs, untilMs } of periods) {
    const ms = untilMs - fromMs;
    sums[status] += ms;
    if (status === 'down' && lastKnown === 'up') flaps += 1;
    // A user that was created anew was not up before.
    if (status !== 'unknown') lastKnown = status;
    outage = status === 'down' ? { fromMs: outage?.fromMs ?? fromMs, ms: (outage?.ms ?? 0) + ms } : null;
    if (outage !== null && outage.ms > (longest?.ms ?? -1)) longest = outage;
  }
  return { upMs: sums.up, downMs: sums.down, unknownMs: sums.unknown, flaps, longestOutage: longest };
}
