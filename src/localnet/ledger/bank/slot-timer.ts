import type { Clock } from '../../../lib/index.ts';

export interface SlotTimer {
  /** Whether time has begun to run. */
  readonly begun: boolean;
  /** Starts time; nothing when it runs already. */
  begin(): void;
  /** One value for each slot that has become due since the last call: the time at which it began, milliseconds since 1970. */
  due(): Iterable<number>;
  /** Lets one slot pass at once, and returns the time at which it begins. */
  skipAhead(): number;
}

/** Turns the clock into slots, without timers: whoever looks, finds the slots that have passed. */
export function createSlotTimer({ clock, slotMs }: { readonly clock: Clock; readonly slotMs: number }): SlotTimer {
  let begun = false;
  /** Monotonic time at which the newest slot began. */
  let openedAt: number = clock.monotonic();
  /** What to add to monotonic time for the ledger's own. */
  let offset = clock.wall() - openedAt;

  const begin = (): void => {
    if (begun) return;
    begun = true;
    openedAt = clock.monotonic();
  };
  return {
    get begun() {
      return begun;
    },
    begin,
    *due() {
      begin();
      const now = clock.monotonic();
      while (now - openedAt >= slotMs) {
        openedAt += slotMs;
        yield offset + openedAt;
      }
    },
    skipAhead() {
      begin();
      offset += slotMs;
      return offset + openedAt;
    },
  };
}
