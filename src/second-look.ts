import {
  detectMassDown,
  type LedgerView,
  type NeighborSnapshot,
  type Observation,
  type Observations,
  reconcileMassDown,
  type StatusPolicy,
} from './bgp/index.ts';
import type { Collector } from './collector/index.ts';
import type { Breathe } from './lib/index.ts';
import { neededVrfs } from './needed-vrfs.ts';
import { type Address, BgpStatus } from './serviceability/index.ts';
import type { TickReporter } from './tick-reporter.ts';

export interface SecondLookOptions {
  readonly collector: Collector;
  readonly policy: StatusPolicy;
  readonly reporter: Pick<TickReporter, 'massDown'>;
  readonly observe: (view: LedgerView, snapshot: NeighborSnapshot, breathe: Breathe) => Promise<Observations>;
  /** What the ticks before saw of a user, if they saw it. */
  readonly lastSeen: (user: Address) => 'up' | 'down' | undefined;
}

/** What a second look says of those that went down in a mass; nothing when there was none. */
export type SecondLook = (
  first: ReadonlyMap<Address, Observation>,
  view: LedgerView,
  breathe: Breathe,
  signal: AbortSignal,
) => Promise<ReadonlyMap<Address, Observation>>;

/** Looks at the switch once more where most sessions went down at once: the switch is the likelier cause (rule 8). */
export function createSecondLook({ collector, policy, reporter, observe, lastSeen }: SecondLookOptions): SecondLook {
  return async (first, view, breathe, signal) => {
    const wasUp = (user: Address): boolean => {
      const seen = lastSeen(user);
      return seen === undefined ? view.users.get(user)?.user.bgpStatus === BgpStatus.up : seen === 'up';
    };
    const mass = detectMassDown(first, wasUp, policy);
    if (mass === undefined) return new Map();
    const again = await collector.collect({ needed: neededVrfs(view), secondLook: true }, signal);
    await breathe();
    const secondLook = reconcileMassDown(mass, again === undefined ? undefined : (await observe(view, again, breathe)).byUser);
    const confirmed = [...secondLook.values()].filter(({ kind }) => kind === 'down').length;
    reporter.massDown({ wentDown: mass.wentDown.length, wereUp: mass.wereUp, confirmed });
    return secondLook;
  };
}
