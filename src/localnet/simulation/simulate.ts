import { DEFAULT_POLICY } from '../../bgp/index.ts';
import { seededRandom } from '../../platform/index.ts';
import { BgpStatus, UserStatus } from '../../serviceability/index.ts';
import { createAgents } from './agents.ts';
import { createChaos } from './chaos.ts';
import { createDraw } from './draw.ts';
import { createFlightJudge } from './flight-judge.ts';
import { happeningsOf } from './happenings.ts';
import { healthyPath } from './simulated-network.ts';
import { healthySource } from './simulated-source.ts';
import { createSimulationClock } from './simulation-clock.ts';
import { createStory } from './story.ts';
import { troublesOf } from './troubles.ts';
import { createVerdict, type Violation } from './verdict.ts';
import { createWorld, type World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** How long things go wrong, simulated hours; the calm after it comes on top. */
  readonly hours: number;
  /** Hears the story as it goes on. */
  readonly onLine?: (line: string) => void;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** The newest lines of the story. */
  readonly story: readonly string[];
  /** From the end of all trouble until the ledger said what the switch says, milliseconds. */
  readonly convergedAfterMs: number | undefined;
  readonly simulatedMs: number;
  readonly lives: number;
  readonly transactions: number;
  readonly writes: number;
  readonly outOfOrder: number;
}

const SLOT_MS = 400;
/**
 * Longest from the end of all trouble to a ledger that is right: the device's account is read again after up to 60 s, a transaction of unknown
 * fate blocks its users for the 150 blocks of its blockhash (60 s), an endpoint or a source that failed rests for up to 30 s, then one
 * tick (5 s), the grace (6 s) or the patience with newcomers (60 s, beside all the rest), and the landing.
 */
export const CONVERGENCE_BOUND_MS = 180_000;
/** Right is what stays right until every transaction of the bad times is dead. */
const STAYS_MS = 75_000;
const MOST_SLEEPERS = 3_000;

/** One run: a world, an agent, some hours of trouble, and the calm in which everything must come right. The same seed is the same run. */
export async function simulate({ seed, hours, onLine }: SimulationOptions): Promise<SimulationResult> {
  const clock = createSimulationClock();
  const draw = createDraw(seededRandom(seed));
  const story = createStory({ clock, ...(onLine === undefined ? {} : { onLine }) });
  const verdict = createVerdict(({ invariant, detail }) => story.tell(`VIOLATION of ${invariant}: ${detail}`));
  const world = createWorld({ clock, draw, users: draw.whole(1, 24) });
  const nodes = Array.from({ length: draw.whole(1, 3) }, () => ({ node: world.ledger.addNode(), path: healthyPath() }));
  const sources = Array.from({ length: draw.chance(0.3) ? 2 : 1 }, healthySource);
  const flights = createFlightJudge({ world, story, verdict, now: clock.monotonic });
  let switchClockMovedAt = Number.NEGATIVE_INFINITY;
  const agents = createAgents({
    clock,
    draw,
    world,
    nodes,
    sources,
    blind: draw.chance(0.25),
    skipPreflight: draw.chance(0.3),
    policy: DEFAULT_POLICY,
    story,
    verdict,
    flights,
    switchClockMovedAt: () => switchClockMovedAt,
  });
  const isOver = (): boolean => verdict.violation !== undefined;
  world.ledger.bank.onLanded(flights.landed);
  const pending = new Set<() => void>();
  const later = (ms: number, act: () => void): void => {
    const once = (): void => {
      if (pending.delete(once)) attempt(act);
    };
    pending.add(once);
    clock.after(ms, once);
  };
  const happenings = happeningsOf({
    world,
    draw,
    clock,
    later,
    onDisturbed: flights.disturbed,
    onSwitchClockMoved: () => {
      switchClockMovedAt = clock.monotonic();
    },
    lightFuse: agents.lightFuse,
    restartAgent: agents.restart,
  });
  const troubles = troublesOf({ world, draw, nodes, sources });

  const everySlot = (): void => {
    flights.step();
    if (clock.sleepers > MOST_SLEEPERS) verdict.fail('bounded', `${clock.sleepers} wait for the clock`);
    clock.after(SLOT_MS, everySlot);
  };
  everySlot();
  agents.start();
  const chaos = createChaos({ draw, clock, story, happenings: some(happenings), troubles: some(troubles) });
  chaos.start();
  const chaosMs = hours * 3_600_000;
  await clock.run(chaosMs, isOver);
  chaos.stop();
  agents.calm();
  for (const act of pending) attempt(act);
  pending.clear();
  world.push();
  story.tell('all trouble is over');

  const calmFrom = clock.monotonic();
  let rightSince: number | undefined;
  const isProven = (): boolean => rightSince !== undefined && clock.monotonic() - rightSince >= STAYS_MS;
  while (!isOver() && !isProven()) {
    const wrong = mismatches(world);
    const now = clock.monotonic();
    if (wrong.length === 0) rightSince ??= now;
    else rightSince = undefined;
    if (rightSince === undefined && now - calmFrom >= CONVERGENCE_BOUND_MS) {
      verdict.fail('converges', `after ${(now - calmFrom) / 1000} s: ${wrong.join(', ')}`);
    }
    await clock.run(now + SLOT_MS, isOver);
  }
  return {
    seed,
    violation: verdict.violation,
    story: story.lines,
    convergedAfterMs: rightSince === undefined ? undefined : rightSince - calmFrom,
    simulatedMs: clock.monotonic(),
    lives: agents.lives,
    transactions: flights.counts.signatures,
    writes: flights.counts.writes,
    outOfOrder: flights.counts.outOfOrder,
  };

  /** Each run knows only some of what can happen: rare things meet more often among few than among many. */
  function some<T>(all: readonly T[]): readonly T[] {
    const share = draw.between(0.1, 1);
    return all.filter(() => draw.chance(share));
  }
}

/** A user may be gone by the time something was to happen to it. */
function attempt(act: () => void): void {
  act();
}

/** Users whose record differs from the truth. One that is banned has no truth any more. */
function mismatches(world: World): readonly string[] {
  const wrong: string[] = [];
  for (const [address, { status, bgpStatus }] of world.users()) {
    if (status !== UserStatus.activated) continue;
    const truth = world.truthOf(address);
    if (truth !== undefined && bgpStatus !== BgpStatus[truth])
      wrong.push(`${world.nameOf(address)} is ${truth}, and the ledger says ${bgpStatus}`);
  }
  return wrong;
}
