import type { Clock } from '../lib/index.ts';
import type { FlapMinute } from './agent-status.ts';

export interface FlapHistory {
  /** So many transitions of one session, of which the last one led to `kind`. */
  add(kind: 'up' | 'down', transitions: number): void;
  /** The minutes of the last hour in which there were any, the newest last. */
  list(): readonly FlapMinute[];
}

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 60;

/** Counts transitions by the minute for an hour. It does not lose any in a mass flap, as a list of events that is bounded would. */
export function createFlapHistory(clock: Pick<Clock, 'wall'>): FlapHistory {
  let minutes: FlapMinute[] = [];
  const thisMinute = (): number => Math.floor(clock.wall() / MINUTE_MS) * MINUTE_MS;
  const forgetOld = (): void => {
    const oldest = thisMinute() - (MINUTES_KEPT - 1) * MINUTE_MS;
    minutes = minutes.filter(({ at }) => at >= oldest && at <= thisMinute());
  };
  return {
    add(kind, transitions) {
      forgetOld();
      const at = thisMinute();
      const last = minutes.at(-1);
      const { up, down } = last?.at === at ? last : { up: 0, down: 0 };
      const toKind = Math.ceil(transitions / 2);
      const back = transitions - toKind;
      const now = { at, up: up + (kind === 'up' ? toKind : back), down: down + (kind === 'down' ? toKind : back) };
      minutes = [...(last?.at === at ? minutes.slice(0, -1) : minutes), now];
    },
    list() {
      forgetOld();
      return minutes;
    },
  };
}
