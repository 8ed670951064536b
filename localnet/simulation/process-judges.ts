import type { TickReport } from '../../src/agent/events.ts';
import type { StatusIntent } from '../../src/bgp/index.ts';
import { type Clock, isRecord } from '../../src/lib/index.ts';
import { type Address, BgpStatus, decodeSetUserBgpStatus, tunnelSides } from '../../src/serviceability/index.ts';
import { parseTransaction } from '../ledger/index.ts';
import { megabytes, type Verdict } from './invariants.ts';
import { sessionName, type World } from './world.ts';

/* Judges of an agent in a process of its own, which shows its transactions and its memory, but neither its polls nor its decisions. */

/** Of the grace of 6 s; the rest is for clocks and answers under way. */
const GRACE_MS = 5_000;
/** What the log says reaches us a little late. */
const LOG_DELAY_MS = 1_000;
/** After the account, the tunnel or the switch's clock has changed, what polls showed before says little. */
const UNCLEAR_MS = 90_000;
/** A transaction leaves soon after the log has named it, or never. */
const REMEMBERED_MS = 180_000;

export interface StatusJudge {
  /** A process begins, or its log names a tick that took so long. Nothing is decided before the tick in front of the last one. */
  ticked(durationMs: number): void;
  /** The log names a transaction. */
  sent(signature: string): void;
  /** A transaction leaves for the first time, before or after that. */
  departed(wire: string): void;
  switchClockMoved(): void;
  /** Called each slot. */
  step(): void;
}

interface Session {
  readonly name: string;
  readonly since: number;
}

/** What a transaction says, or when it was decided and built, monotonic milliseconds. */
interface Sending {
  readonly at: number;
  readonly decided?: { readonly from: number; readonly to: number };
  readonly statuses?: readonly { readonly user: Address; readonly session: Session; readonly status: string; readonly isChange: boolean }[];
}

/** A Down of a session that was not down for the grace when a poll could see it, and an Up of one that no poll can have seen up, are false. */
export function createStatusJudge(world: World, clock: Pick<Clock, 'monotonic'>, verdict: Verdict): StatusJudge {
  const sessions = new Map<Address, Session>();
  const sendings = new Map<string, Sending>();
  let lastTickAt: number = clock.monotonic();
  let clockMovedAt = Number.NEGATIVE_INFINITY;
  const nameOf = (user: Address): string | undefined => {
    const account = world.ledger.admin.user(user);
    const sides = account === undefined ? undefined : tunnelSides(account.tunnelNet);
    return account === undefined || sides === undefined ? undefined : sessionName(sides.clientSide, account.tunnelId);
  };
  const merge = (signature: string, part: Partial<Sending>): void => {
    const sending = { at: clock.monotonic(), ...sendings.get(signature), ...part };
    sendings.set(signature, sending);
    const { decided, statuses } = sending;
    if (decided === undefined || statuses === undefined) return;
    for (const { user, session, status, isChange } of statuses) {
      if (decided.from - session.since < UNCLEAR_MS) continue;
      if (status === 'up' && world.sessions.wasDownThroughout(session.name, decided.from, decided.to))
        verdict.fail('writes-what-was-seen', `${world.nameOf(user)} is sent up, but its session was down throughout the last two polls`);
      const graceMs = isChange && decided.from - clockMovedAt > UNCLEAR_MS ? GRACE_MS : 0;
      if (status === 'down' && !wasDown(session.name, decided, graceMs))
        verdict.fail('down-is-believable', `${world.nameOf(user)} is sent down, but its session had not been down for ${graceMs} ms`);
    }
  };
  const wasDown = (session: string, { from, to }: NonNullable<Sending['decided']>, graceMs: number): boolean => {
    for (let at = to; at >= from; at -= 100) if (world.sessions.wasDownThroughout(session, at - graceMs, at)) return true;
    return false;
  };
  return {
    ticked(durationMs) {
      lastTickAt = clock.monotonic() - durationMs - LOG_DELAY_MS;
    },
    sent: (signature) => merge(signature, { decided: { from: lastTickAt, to: clock.monotonic() } }),
    departed(wire) {
      const { signature, instructions, accountKeys } = parseTransaction(Buffer.from(wire, 'base64'));
      const statuses = instructions.flatMap(({ data, accountIndexes }) => {
        const status = decodeSetUserBgpStatus(data)?.status;
        const user = accountKeys[accountIndexes[0] ?? -1];
        const session = user === undefined ? undefined : sessions.get(user);
        if (status === undefined || user === undefined || session === undefined) return [];
        return [{ user, session, status, isChange: world.ledger.admin.user(user)?.bgpStatus !== BgpStatus.down }];
      });
      merge(signature, { statuses });
    },
    switchClockMoved() {
      clockMovedAt = clock.monotonic();
    },
    step() {
      const now = clock.monotonic();
      const users = world.users();
      for (const user of users.keys()) {
        const name = nameOf(user);
        if (name === undefined) sessions.delete(user);
        else if (sessions.get(user)?.name !== name) sessions.set(user, { name, since: now });
      }
      for (const user of sessions.keys()) if (!users.has(user)) sessions.delete(user);
      for (const [signature, { at }] of sendings) if (now - at > REMEMBERED_MS) sendings.delete(signature);
    },
  };
}

const MINUTE_MS = 60_000;
/** Meanwhile modules are loaded, functions are compiled, and the buffer of the log's last lines fills. */
const WARM_UP_MS = 90_000;

/** What a process holds after a full collection. */
export interface LiveMemory {
  /** V8's heap without compiled code, and the memory outside of the heap that its objects hold. */
  readonly bytes: number;
  /** Open sockets and files, and timers that wait. */
  readonly handles: number;
}

export function isLiveMemory(value: unknown): value is LiveMemory {
  return isRecord(value) && typeof value.bytes === 'number' && typeof value.handles === 'number';
}

/** Ten minutes after the warm-up a sound agent holds up to 1 MB more: the log's last lines, what V8 notes about code that runs for the first time. */
const MOST_LIVE_GROWTH_BYTES = 2 * 1024 * 1024;
const MOST_MORE_HANDLES = 30;
/** V8 and malloc keep pages that nothing uses. This bound is for memory that V8 does not count. */
const MOST_PRIVATE_GROWTH_BYTES = 24 * 1024 * 1024;

/**
 * Memory of the last process. What is alive in the last calm is compared with the first one; the fewest private pages in the last third of its time with
 * those in the first third.
 */
export class MemoryWatch {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #startedAt = 0;
  #live: { readonly at: number; readonly value: LiveMemory }[] = [];
  #private: number[] = [];

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** A process begins; those before it no longer count. */
  begin(): void {
    this.#startedAt = this.#clock.monotonic();
    this.#live = [];
    this.#private = [];
  }

  /** In a calm. */
  sampleLive(value: LiveMemory | undefined): void {
    if (value !== undefined && this.#isWarm()) this.#live.push({ at: this.#clock.monotonic(), value });
  }

  /** Every few seconds. `bytes`: resident and backed by no file. */
  samplePrivate(bytes: number | undefined): void {
    if (bytes !== undefined && this.#isWarm()) this.#private.push(bytes);
  }

  #isWarm(): boolean {
    return this.#clock.monotonic() - this.#startedAt >= WARM_UP_MS;
  }

  /** Fails the run for each growth beyond its bound, and where nothing could be measured. Returns the figures. */
  judge(verdict: Verdict): string {
    const [first, last] = [this.#live[0], this.#live.at(-1)];
    const after = last === undefined || first === undefined ? 0 : last.at - first.at;
    if (first === undefined || last === undefined || after < MINUTE_MS) {
      const text = 'no process lived long enough to measure its memory';
      verdict.fail('bounded', text);
      return text;
    }
    const texts: string[] = [];
    const compare = (from: number, to: number, most: number, text: string): void => {
      texts.push(text);
      if (to - from > most) verdict.fail('bounded', text);
    };
    const [before, now] = [first.value, last.value];
    const minutes = `${(after / MINUTE_MS).toFixed(1)} min`;
    compare(
      before.bytes,
      now.bytes,
      MOST_LIVE_GROWTH_BYTES,
      `live memory ${megabytes(before.bytes)}, ${megabytes(now.bytes)} after ${minutes}`,
    );
    compare(before.handles, now.handles, MOST_MORE_HANDLES, `${before.handles} handles, then ${now.handles}`);
    const third = Math.ceil(this.#private.length / 3);
    // Only Linux reports private memory.
    if (third > 0) {
      const least = (of: readonly number[]): number => Math.min(...of);
      const [from, to] = [least(this.#private.slice(0, third)), least(this.#private.slice(-third))];
      compare(from, to, MOST_PRIVATE_GROWTH_BYTES, `private memory ${megabytes(from)}, then ${megabytes(to)}`);
    }
    return texts.join('; ');
  }
}

/**
 * Checks that one incarnation reports writes that do not land (`stalls-are-reported`). It waits for a write while its ticks decide on changes, or
 * while a transaction of its own is unresolved.
 */
export interface StallJudge {
  ticked(report: TickReport): void;
  sent(signature: string, intents: readonly StatusIntent[]): void;
  /** Expired, failed or withdrawn. */
  ended(signature: string): void;
  confirmed(signature: string): void;
  rejected(signature: string, user: Address): void;
  /** What the agent reports by itself: halted writes, a ledger that cannot be read, a budget that is used up. */
  problem(kind: 'halted' | 'ledger' | 'budget', isNow: boolean): void;
  /** `writesStalled` and `writesResumed`. */
  stalled(isNow: boolean): void;
  /** Called each slot while the process is alive. */
  step(): void;
  readonly isStalled: boolean;
}

export interface StallJudgeOptions {
  readonly verdict: Verdict;
  readonly now: () => number;
  /** Since when the chain has stood still, monotonic milliseconds; undefined while it moves. */
  readonly frozenSince: () => number | undefined;
  /** The agent's own verdict, as its page shows it. */
  readonly isWell?: () => boolean;
}

/** The agent reports a stall within this time. */
const REPORTED_WITHIN_MS = 60_000;
/** With nothing to write the agent reads the ledger every 30 s only. */
const STILL_REPORTED_WITHIN_MS = 95_000;
/** A stall is not reported so soon after a confirmed write. */
const RECENT_MS = 30_000;

export function createStallJudge({ verdict, now, frozenSince, isWell }: StallJudgeOptions): StallJudge {
  const startedAt = now();
  const unresolved = new Set<string>();
  const rejected = new Set<Address>();
  const problems = new Set<string>();
  let waitingSince: number | undefined;
  let confirmedAt = Number.NEGATIVE_INFINITY;
  /** The end of the last problem that the agent reported by itself. */
  let soundSince = startedAt;
  let isStalled = false;

  const fail = (detail: string): void => verdict.fail('stalls-are-reported', detail);
  const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

  return {
    ticked({ view, intents }) {
      // Without a view a tick decides nothing, which ends no wait.
      if (view === undefined || problems.has('ledger')) return;
      const wants = intents.some(({ user, reason }) => reason === 'change' && !rejected.has(user));
      waitingSince = wants || unresolved.size > 0 ? (waitingSince ?? now()) : undefined;
    },
    sent(signature, intents) {
      unresolved.add(signature);
      waitingSince ??= now();
      for (const { user } of intents) rejected.delete(user);
    },
    ended: (signature) => void unresolved.delete(signature),
    confirmed(signature) {
      unresolved.delete(signature);
      confirmedAt = now();
    },
    rejected(signature, user) {
      unresolved.delete(signature);
      rejected.add(user);
    },
    problem(kind, isNow) {
      if (isNow) problems.add(kind);
      else problems.delete(kind);
      soundSince = now();
      // What waited before has to be decided on again.
      if (!isNow && unresolved.size === 0) waitingSince = undefined;
    },
    stalled(isNow) {
      isStalled = isNow;
      if (!isNow || frozenSince() !== undefined || problems.size > 0) return;
      if (now() - confirmedAt < RECENT_MS) fail(`reported ${seconds(now() - confirmedAt)} after a confirmed write`);
    },
    step() {
      const quietMs = waitingSince === undefined ? 0 : now() - Math.max(waitingSince, confirmedAt, soundSince);
      if (quietMs > REPORTED_WITHIN_MS && isWell?.() === true) fail(`nothing was confirmed for ${seconds(quietMs)} under a verdict of ok`);
      if (isStalled || problems.size > 0) return;
      if (waitingSince !== undefined) {
        if (quietMs > REPORTED_WITHIN_MS) fail(`nothing was confirmed for ${seconds(quietMs)} although something waits, without a report`);
      }
      const still = frozenSince();
      if (still === undefined) return;
      const stillMs = now() - Math.max(still, soundSince);
      if (stillMs > STILL_REPORTED_WITHIN_MS) fail(`the ledger stood still for ${seconds(stillMs)} without a report`);
    },
    // A stall lasts at least as long as the ledger cannot be read, which is reported by itself.
    get isStalled() {
      return isStalled && problems.size === 0;
    },
  };
}
