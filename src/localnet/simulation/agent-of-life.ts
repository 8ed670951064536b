import { type Agent, type AgentTiming, createAgent } from '../../agent/agent.ts';
import { seededRandom } from '../../lib/index.ts';
import { createLedgerRpc } from '../../rpc/index.ts';
import { createDraw, type Draw } from './draw.ts';
import type { FlightJudge } from './flight-judge.ts';
import { judgingReporter } from './judging-reporter.ts';
import type { Life } from './life.ts';
import type { RunPlan } from './plan.ts';
import { createSimulatedTransport } from './simulated-network.ts';
import { createSimulatedSource, type SourceConditions } from './simulated-source.ts';
import type { SimulationClock } from './simulation-clock.ts';
import type { Story } from './story.ts';
import { createTickJudge } from './tick-judge.ts';
import type { NodeOnPath } from './troubles.ts';
import type { Verdict } from './verdict.ts';
import type { World } from './world.ts';

/** The defaults of the configuration. */
const TIMING: AgentTiming = {
  intervalMs: 5_000,
  collectTimeoutMs: 10_000,
  viewMaxAgeMs: 5_000,
  viewIdleIntervalMs: 30_000,
  maxLedgerAgeMs: 300_000,
  authorityIntervalMs: 60_000,
  drainMs: 10_000,
  worker: {
    statusPollIntervalMs: 450,
    rebroadcastIntervalMs: 2_000,
    blockhashMaxAgeMs: 2_000,
    sendStaggerMs: 10,
    maxInFlight: 64,
    skipPreflight: false,
  },
};

const REQUEST_TIMEOUT_MS = 10_000;

export interface AgentsOptions {
  readonly plan: RunPlan;
  readonly clock: SimulationClock;
  readonly draw: Draw;
  readonly world: World;
  readonly nodes: readonly NodeOnPath[];
  readonly sources: readonly SourceConditions[];
  readonly story: Story;
  readonly verdict: Verdict;
  readonly flights: FlightJudge;
  readonly switchClockMovedAt: () => number;
}

/** Builds the agent that one process would run, between the simulated network and the simulated switch. */
export function createAgentOf(life: Life, options: AgentsOptions): Agent {
  const { plan, clock, draw, world, nodes, sources, story, verdict, flights } = options;
  const { policy, limits, blind, skipPreflight } = plan;
  const random = seededRandom(draw.whole(0, 2 ** 31));
  const ticks = createTickJudge({
    world,
    verdict,
    policy,
    blind,
    now: clock.monotonic,
    switchClockMovedAt: options.switchClockMovedAt,
  });
  const watcher = flights.watcherOf(life);
  const urls = nodes.map((_, n) => `http://node-${n}`);
  const rpc = createLedgerRpc({
    urls,
    programId: world.ledger.programId,
    random,
    clock: life.clock,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    onEndpoint: ({ endpoint, state }) => story.tell(`agent: ${endpoint} ${state}`),
    openTransport(transport) {
      const place = nodes[urls.indexOf(transport.url.origin)];
      if (place === undefined) throw new Error(`no node at ${transport.url.origin}`);
      return createSimulatedTransport(transport, { clock, draw, life, node: place.node, conditions: place.path, watcher });
    },
  });
  return createAgent({
    device: world.device,
    programId: world.ledger.programId,
    signer: world.signer,
    rpc,
    sources: sources.map((conditions, n) =>
      createSimulatedSource({
        name: `source-${n}`,
        sim: world.sim,
        life,
        draw: createDraw(random),
        conditions,
        blind,
        onPoll: ticks.polled,
      }),
    ),
    policy,
    limits,
    timing: { ...TIMING, worker: { ...TIMING.worker, skipPreflight } },
    clock: life.clock,
    random,
    reporter: judgingReporter(life, ticks, options),
  });
}
