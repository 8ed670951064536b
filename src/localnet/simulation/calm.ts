import { type Address, BgpStatus, UserStatus } from '../../serviceability/index.ts';
import type { SimulationClock } from './simulation-clock.ts';
import type { Verdict } from './verdict.ts';
import type { World } from './world.ts';

export interface CalmOptions {
  readonly clock: SimulationClock;
  readonly world: World;
  readonly verdict: Verdict;
  readonly isOver: () => boolean;
  /** How long the ledger may stay wrong, milliseconds. */
  readonly boundMs: number;
}

const LOOK_EVERY_MS = 1_000;
/** Right is what stays right until every transaction of the bad times is dead: the 150 blocks of a blockhash, and some. */
const STAYS_MS = 75_000;

/** Lets time pass without any trouble until the ledger is right for good; resolves to how long that took, or undefined when it never was. */
export async function waitUntilRight({ clock, world, verdict, isOver, boundMs }: CalmOptions): Promise<number | undefined> {
  const from = clock.monotonic();
  let rightSince: number | undefined;
  while (!isOver()) {
    const wrong = mismatches(world);
    const now = clock.monotonic();
    rightSince = wrong.length > 0 ? undefined : (rightSince ?? now);
    if (rightSince !== undefined && now - rightSince >= STAYS_MS) return rightSince - from;
    if (rightSince === undefined && now - from >= boundMs) verdict.fail('converges', `after ${(now - from) / 1000} s: ${wrong.join(', ')}`);
    await clock.run(now + LOOK_EVERY_MS, isOver);
  }
  return undefined;
}

/** Users whose record differs from the truth. One that is banned has no truth any more. */
function mismatches(world: World): readonly string[] {
  const wrong: string[] = [];
  for (const [address, { status, bgpStatus }] of world.users()) {
    const truth = status === UserStatus.activated ? world.truthOf(address) : undefined;
    if (truth !== undefined && bgpStatus !== BgpStatus[truth]) wrong.push(describe(world, address, truth, bgpStatus));
  }
  return wrong;
}

function describe(world: World, user: Address, truth: 'up' | 'down', status: number): string {
  const says = status === BgpStatus.up ? 'up' : status === BgpStatus.down ? 'down' : 'unknown';
  return `${world.nameOf(user)} is ${truth}, and the ledger says ${says}`;
}
