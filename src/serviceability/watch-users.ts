import { type ReadUsersOptions, readUsers, type UserEntry, type UsersAnswer } from './read-users.ts';
import type { Address, Slot } from './units.ts';
import { type UserChange, userChanges } from './user-changes.ts';
import { createWakeBell, type Sleep, timerSleep } from './wake-bell.ts';

/*
 *   interval ─┐
 *   hint ─────┴─► getProgramAccounts ──► older than the newest? dropped ──► compared with what is known ──► changes
 *
 * Only whole answers are compared, so that nothing is missed however many hints were lost or the connection was away.
 */

/**
 * A source of hints: calls `wake` whenever something may have changed, with the slot where it knows it, until the signal aborts. See
 * subscriptionHint.
 */
export type UserHint = (wake: (slot?: Slot) => void, signal: AbortSignal) => void;

/** What watchUsers watches, and how. */
export interface WatchUsersOptions extends ReadUsersOptions {
  /** Ends the watch, and the iteration with it. */
  readonly signal?: AbortSignal;
  /** Milliseconds from one poll to the next while there is no hint; 5,000 unless told. */
  readonly intervalMs?: number;
  /** Milliseconds between two polls at least, however many hints there are; 250 unless told. */
  readonly minIntervalMs?: number;
  /** Milliseconds after which a poll that failed is repeated at most: 1,000 after the first failure, doubled with each; 60,000 unless told. */
  readonly maxRetryMs?: number;
  readonly hint?: UserHint;
  /** Told of every poll that failed. What it throws ends the watch, and the iteration with that error. Nothing unless told. */
  readonly onError?: (error: unknown) => void;
  /** Timers unless told. */
  readonly sleep?: Sleep;
}

const FIRST_RETRY_MS = 1_000;
/** Polls in a row for a slot that a hint has named and the node has not reached; then the interval goes on. */
const MAX_CHASES = 10;

/**
 * The changes of the users of a device or a network, from the first poll on, in which every user is `added`. A change is a difference between
 * two polls: one that was undone between them is not seen, and several of one user are one. Nothing is polled while the consumer is busy, so
 * that nothing piles up. Ends without an error when the signal aborts; leaving the loop ends it too.
 *
 * Polls that fail are told to `onError` and repeated. An answer of an older slot than one before (a node that is behind) is dropped.
 */
export async function* watchUsers(options: WatchUsersOptions): AsyncGenerator<UserChange, void, void> {
  const { signal, intervalMs = 5_000, minIntervalMs = 250, maxRetryMs = 60_000, sleep = timerSleep, onError } = options;
  const life = new AbortController();
  const bell = createWakeBell(sleep);
  const end = (): void => life.abort(signal?.reason instanceof Error ? signal.reason : new Error('the watch ends'));
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  else options.hint?.((slot) => bell.ring(slot), life.signal);

  let known: ReadonlyMap<Address, UserEntry> = new Map();
  let newest: Slot | undefined;
  let wanted: Slot | undefined;
  let chases = 0;
  let failures = 0;
  try {
    while (!life.signal.aborted) {
      wanted = later(bell.take(), wanted);
      const answer = await poll();
      if (answer === undefined) continue;
      if (newest === undefined || answer.slot >= newest) {
        const changes = userChanges(known, answer.users, answer.slot);
        known = answer.users;
        newest = answer.slot;
        for (const change of changes) {
          if (life.signal.aborted) return;
          yield change;
        }
      }
      await pause(minIntervalMs);
      const behind: boolean = wanted !== undefined && newest < wanted && chases < MAX_CHASES;
      chases = behind ? chases + 1 : 0;
      if (!behind) {
        wanted = undefined;
        await bell.wait(Math.max(0, intervalMs - minIntervalMs), life.signal);
      }
    }
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }

  /** undefined when it failed; then it has waited already. */
  async function poll(): Promise<UsersAnswer | undefined> {
    try {
      const answer = await readUsers(options, life.signal, known);
      failures = 0;
      return answer;
    } catch (error) {
      if (life.signal.aborted) return undefined;
      onError?.(error);
      await pause(Math.min(maxRetryMs, FIRST_RETRY_MS * 2 ** Math.min(failures, 20)));
      failures += 1;
      return undefined;
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, life.signal).catch((error: unknown) => {
      if (!life.signal.aborted) throw error;
    });
  }
}

function later(one: Slot | undefined, other: Slot | undefined): Slot | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}
