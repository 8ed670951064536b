import type { SimulationClock } from './simulation-clock.ts';

/** Acts that are due some time later, or when the run calms down, whichever comes first. */
export interface Later {
  readonly schedule: (ms: number, act: () => void) => void;
  /** Does at once whatever is still due. */
  flush(): void;
}

export function createLater(clock: Pick<SimulationClock, 'after'>): Later {
  const due = new Map<() => void, () => void>();
  return {
    schedule(ms, act) {
      const once = (): void => {
        due.delete(once);
        act();
      };
      due.set(once, clock.after(ms, once));
    },
    flush() {
      for (const [act, cancel] of [...due]) {
        cancel();
        act();
      }
    },
  };
}
