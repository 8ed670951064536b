import { type Agent, type AgentTiming, createAgent } from '../../src/agent/agent.ts';
import { describeError, seededRandom } from '../../src/lib/index.ts';
import { createLedgerRpc } from '../../src/rpc/index.ts';
import type { NodeOnPath } from './events.ts';
import { createTickJudge, type FlightJudge, judgingReporter, type Verdict } from './invariants.ts';
import { createLife, type Life } from './life.ts';
import { createSimulatedSource, createSimulatedTransport, type SourceConditions } from './network.ts';
import { createDraw, type Draw, type RunPlan } from './plan.ts';
import type { SimulationClock, Story, World } from './world.ts';

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

interface AgentsOptions {
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
function createAgentOf(life: Life, options: AgentsOptions): Agent {
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

/** The agent under test, one life after the other with the same key. */
interface Agents {
  start(): void;
  /** The one that lives now dies at its `steps`-th step. */
  lightFuse(steps: number): void;
  /** A trap or a stream says that something has changed. */
  wake(): void;
  /** Stops it as systemd would, and starts the next. */
  restart(): void;
  /** From now on the one that lives goes on living. */
  calm(): void;
  readonly lives: number;
}

/** systemd's RestartSec, or a person's patience. */
const LONGEST_PAUSE_MS = 20_000;

export function createAgents(options: AgentsOptions): Agents {
  const { clock, draw, story, verdict, flights } = options;
  let lives = 0;
  let current: { readonly life: Life; readonly agent: Agent } | undefined;
  let isCalm = false;

  function begin(): void {
    lives += 1;
    const number = lives;
    story.tell(`life ${number} begins`);
    const life = createLife({ number, clock, onDeath: () => onDeath(life) });
    const agent = createAgentOf(life, options);
    current = { life, agent };
    agent.start();
  }

  function onDeath({ number }: Life): void {
    story.tell(`life ${number} is over`);
    flights.disturbed();
    clock.after(draw.between(0, LONGEST_PAUSE_MS), begin);
  }

  return {
    start: begin,
    lightFuse(steps) {
      if (!isCalm) current?.life.lightFuse(steps);
    },
    wake() {
      if (current?.life.isAlive) current.agent.wake();
    },
    restart() {
      const stopping = current;
      if (isCalm || stopping === undefined || !stopping.life.isAlive) return;
      story.tell(`life ${stopping.life.number} is asked to stop`);
      // `stop` may be asked twice, and the second asks nothing more.
      stopping.agent.stop().then(
        () => stopping.life.kill(),
        (error: unknown) => verdict.fail('no-defect', `stop failed: ${describeError(error)}`),
      );
    },
    calm() {
      isCalm = true;
      current?.life.lightFuse(Number.POSITIVE_INFINITY);
    },
    get lives() {
      return lives;
    },
  };
}
