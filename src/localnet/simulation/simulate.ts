/*
 * One seeded run of the whole agent.
 *
 *   chaos ──► happenings (users, accounts, forks, kills, clocks) ──► world: embedded ledger, simulated switch
 *     └─────► troubles (nodes, paths, chain, sources) ──► what lies between the world and the agent
 *
 *   world ◄── simulated network, simulated sources ◄── the agent, one life after the other
 *     └──────────────── judges watch both sides at each slot and each event ────────────────┘
 */
import { seededRandom } from '../../lib/index.ts';
import { createAgents } from './agents.ts';
import { waitUntilRight } from './calm.ts';
import { createChaos } from './chaos.ts';
import { createDraw } from './draw.ts';
import { createFlightJudge } from './flight-judge.ts';
import { happeningsOf } from './happenings.ts';
import { createLater } from './later.ts';
import { createMemoryJudge } from './memory-judge.ts';
import { drawPlan } from './plan.ts';
import { healthyPath } from './simulated-network.ts';
import { healthySource } from './simulated-source.ts';
import { createSimulationClock } from './simulation-clock.ts';
import { createStory } from './story.ts';
import { troublesOf } from './troubles.ts';
import { createVerdict, type Violation } from './verdict.ts';
import { createWorld } from './world.ts';

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
  /** From the end of all trouble until the ledger said what the switch says, and went on to; milliseconds. */
  readonly convergedAfterMs: number | undefined;
  readonly simulatedMs: number;
  readonly lives: number;
  readonly transactions: number;
  readonly writes: number;
  /** Older statuses that landed after newer ones: of dead processes, or brought back by a fork. */
  readonly outOfOrder: number;
  readonly heapByHour: readonly number[];
}

const SLOT_MS = 400;
const HOUR_MS = 3_600_000;
/** A trap or a stream is quick, when it comes at all. */
const HINTS = { share: 0.8, latestMs: 300 };

/** One run: a world, an agent, some hours of trouble, and the calm in which everything must come right. The same seed is the same run. */
export async function simulate({ seed, hours, onLine }: SimulationOptions): Promise<SimulationResult> {
  const clock = createSimulationClock();
  const draw = createDraw(seededRandom(seed));
  const plan = drawPlan(draw);
  const story = createStory({ clock, ...(onLine === undefined ? {} : { onLine }) });
  const verdict = createVerdict(({ invariant, detail }) => story.tell(`VIOLATION of ${invariant}: ${detail}`));
  const isOver = (): boolean => verdict.violation !== undefined;

  const world = createWorld({ clock, draw, users: plan.users });
  const nodes = Array.from({ length: plan.nodes }, () => ({ node: world.ledger.addNode(), path: healthyPath() }));
  const sources = Array.from({ length: plan.sources }, healthySource);
  const { maxTransactionsPerMinute } = plan.limits;
  const slotsAreFalse = (): boolean => nodes.some(({ path }) => path.slotsAhead > 0);
  const flights = createFlightJudge({ world, story, verdict, now: clock.monotonic, slotsAreFalse, maxTransactionsPerMinute });
  const memory = createMemoryJudge({ clock, verdict });
  let switchClockMovedAt = Number.NEGATIVE_INFINITY;
  const agents = createAgents({
    plan,
    clock,
    draw,
    world,
    nodes,
    sources,
    story,
    verdict,
    flights,
    switchClockMovedAt: () => switchClockMovedAt,
  });

  const { schedule, flush } = createLater(clock);
  const happenings = happeningsOf({
    world,
    draw,
    clock,
    later: schedule,
    onDisturbed: flights.disturbed,
    onSwitchClockMoved: () => {
      switchClockMovedAt = clock.monotonic();
    },
    lightFuse: agents.lightFuse,
    restartAgent: agents.restart,
  });
  /** Each run knows only some of what can happen: rare things meet more often among few than among many. */
  const some = <T>(all: readonly T[]): readonly T[] => {
    const share = draw.between(0.1, 1);
    return all.filter(() => draw.chance(share));
  };
  const troubles = some(troublesOf({ world, draw, nodes, sources }));
  const known = some(happenings);
  const chaos = createChaos({ draw, clock, story, happenings: known, troubles });

  world.ledger.bank.onLanded(flights.landed);
  if (plan.hints) {
    world.sim.onChange(() => {
      if (draw.chance(HINTS.share)) clock.after(draw.between(1, HINTS.latestMs), agents.wake);
    });
  }
  const everySlot = (): void => {
    flights.step();
    memory.step();
    clock.after(SLOT_MS, everySlot);
  };
  everySlot();
  agents.start();
  chaos.start();
  await clock.run(hours * HOUR_MS, isOver);

  chaos.stop();
  agents.calm();
  flush();
  world.push();
  story.tell('all trouble is over');
  const delayMs = Math.max(0, ...[...known, ...troubles].map(({ delaysMs = 0 }) => delaysMs));
  const boundMs = plan.convergenceBoundMs + delayMs + world.slotsToCatchUp() * SLOT_MS;
  const convergedAfterMs = await waitUntilRight({ clock, world, verdict, isOver, boundMs });

  return {
    seed,
    violation: verdict.violation,
    story: story.lines,
    convergedAfterMs,
    simulatedMs: clock.monotonic(),
    lives: agents.lives,
    transactions: flights.counts.signatures,
    writes: flights.counts.writes,
    outOfOrder: flights.counts.outOfOrder,
    heapByHour: memory.heapByHour,
  };
}
