import type { Draw } from './draw.ts';
import type { Happening } from './happening.ts';
import type { SimulationClock } from './simulation-clock.ts';
import type { Story } from './story.ts';
import type { Trouble } from './troubles.ts';

export interface Chaos {
  start(): void;
  /** Ends every trouble that holds, and begins none any more. */
  stop(): void;
}

export interface ChaosOptions {
  readonly draw: Draw;
  readonly clock: SimulationClock;
  readonly story: Story;
  readonly happenings: readonly Happening[];
  readonly troubles: readonly Trouble[];
}

/** Lets things happen and go wrong, each at a pace of its own for this run. */
export function createChaos({ draw, clock, story, happenings, troubles }: ChaosOptions): Chaos {
  const holding = new Map<Trouble, () => void>();
  let stopped = false;
  const pace = { happening: draw.between(2_000, 60_000), trouble: draw.between(5_000, 240_000) };

  function happen(): void {
    if (stopped) return;
    const happening = draw.weighted(happenings);
    const told = happening?.happen();
    if (happening !== undefined && told !== undefined) story.tell(`world: ${happening.name} ${told}`);
    clock.after(pace.happening * draw.between(0.05, 1.95), happen);
  }

  function trouble(): void {
    if (stopped) return;
    const next = draw.weighted(troubles);
    if (next !== undefined && !holding.has(next)) {
      story.tell(`trouble: ${next.name} ${next.begin()}`);
      const cancel = clock.after(draw.between(...next.lasts), () => end(next));
      holding.set(next, cancel);
    }
    clock.after(pace.trouble * draw.between(0.05, 1.95), trouble);
  }

  function end(which: Trouble): void {
    holding.get(which)?.();
    holding.delete(which);
    which.end();
    story.tell(`trouble over: ${which.name}`);
  }

  return {
    start() {
      happen();
      trouble();
    },
    stop() {
      stopped = true;
      for (const which of [...holding.keys()]) end(which);
    },
  };
}
