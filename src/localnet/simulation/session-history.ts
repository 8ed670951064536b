import type { Clock } from '../../lib/index.ts';

/** Whether a session was up, and when: what every answer of the switch is held against. */
export interface SessionHistory {
  /** The sessions that are Established now; those not named are down, or not there. Called after each change of the switch. */
  record(established: ReadonlySet<string>): void;
  isUp(session: string): boolean;
  /** Whether it was down all the time from `from` to `to`, monotonic milliseconds. */
  wasDownThroughout(session: string, from: number, to: number): boolean;
}

/** One stretch of being up; `end` is Infinity while it lasts. */
interface Stretch {
  readonly begin: number;
  end: number;
}

/** Longer ago than anything is judged by. */
const REMEMBERED_MS = 600_000;

/** A session is named by its client's address and the description of its neighbor: the same address under another user is another session. */
export function sessionName(address: string, tunnelId: number): string {
  return `${address} USER-${tunnelId}`;
}

export function createSessionHistory(clock: Pick<Clock, 'monotonic'>): SessionHistory {
  const sessions = new Map<string, Stretch[]>();
  let up = new Set<string>();
  return {
    record(established) {
      const now = clock.monotonic();
      for (const session of up) {
        const last = sessions.get(session)?.at(-1);
        if (!established.has(session) && last !== undefined) last.end = now;
      }
      for (const session of established) {
        if (up.has(session)) continue;
        const recent = (sessions.get(session) ?? []).filter(({ end }) => end > now - REMEMBERED_MS);
        sessions.set(session, [...recent, { begin: now, end: Number.POSITIVE_INFINITY }]);
      }
      up = new Set(established);
    },
    isUp: (session) => up.has(session),
    wasDownThroughout(session, from, to) {
      return !(sessions.get(session) ?? []).some(({ begin, end }) => begin < to && end > from);
    },
  };
}
