import type { Draw } from './draw.ts';
import type { SimulationClock } from './simulation-clock.ts';
import type { World } from './world.ts';

/** Something that happens to users, to the ledger's accounts, to clocks, or to the agent. */
export interface Happening {
  readonly name: string;
  readonly weight: number;
  /** How much longer than else the ledger may then take to come right, milliseconds. */
  readonly delaysMs?: number;
  /** Tells what it did; undefined when there was nothing to do it to. */
  happen(): string | undefined;
}

export interface HappeningOptions {
  readonly world: World;
  readonly draw: Draw;
  readonly clock: SimulationClock;
  /** Runs after `ms` milliseconds, also when the run has calmed down by then. */
  readonly later: (ms: number, act: () => void) => void;
  /** A record may now differ from what its last writer knew. */
  readonly onDisturbed: () => void;
  readonly onSwitchClockMoved: () => void;
  /** The agent dies at its so many-th step from now. */
  readonly lightFuse: (steps: number) => void;
  readonly restartAgent: () => void;
}
