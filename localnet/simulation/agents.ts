import { type Agent, type AgentTiming, createAgent } from '../../src/agent/agent.ts';
import { describeError, seededRandom } from '../../src/lib/index.ts';
import { createLedgerRpc } from '../../src/rpc/index.ts';
import { createIncarnation, type Incarnation } from './incarnation.ts';
import { createTickJudge, type FlightJudge, judgingReporter, type Verdict } from './invariants.ts';
import { createSimulatedTransport, type NodeOnPath } from './network.ts';
import { createPrng, type Prng, type RunPlan } from './plan.ts';
import { createSimulatedSource, type SourceConditions } from './sources.ts';
import { createStallJudge, type StallJudge } from './stall-judge.ts';
import type { SimulationClock, Trace, World } from './world.ts';

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
  readonly prng: Prng;
  readonly world: World;
  readonly nodes: readonly NodeOnPath[];
  readonly sources: readonly SourceConditions[];
  readonly trace: Trace;
  readonly verdict: Verdict;
  readonly flights: FlightJudge;
  readonly switchClockMovedAt: () => number;
  readonly frozenSince: () => number | undefined;
}

/** The agent of one process, between the simulated network and the simulated switch. */
function createAgentOf(incarnation: Incarnation, stalls: StallJudge, options: AgentsOptions): Agent {
  const { plan, clock, prng, world, nodes, sources, trace, verdict, flights } = options;
  const { policy, limits, blind, skipPreflight } = plan;
  const random = seededRandom(prng.whole(0, 2 ** 31));
  const ticks = createTickJudge({
    world,
    verdict,
    policy,
    blind,
    now: clock.monotonic,
    switchClockMovedAt: options.switchClockMovedAt,
  });
  const watcher = flights.watcherOf(incarnation);
  const urls = nodes.map((_, n) => `http://node-${n}`);
  const rpc = createLedgerRpc({
    urls,
    programId: world.ledger.programId,
    random,
    clock: incarnation.clock,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    // A limit waits in real time.
    requestsPerSecond: Number.POSITIVE_INFINITY,
    sendsPerSecond: Number.POSITIVE_INFINITY,
    onEndpoint: ({ endpoint, state }) => trace.log(`agent: ${endpoint} ${state}`),
    openTransport(transport) {
      const place = nodes[urls.indexOf(transport.url.origin)];
      if (place === undefined) throw new Error(`no node at ${transport.url.origin}`);
      return createSimulatedTransport(transport, { clock, prng, incarnation, place, watcher });
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
        incarnation,
        prng: createPrng(random),
        conditions,
        blind,
        onPoll: ticks.polled,
      }),
    ),
    policy,
    limits,
    timing: { ...TIMING, worker: { ...TIMING.worker, skipPreflight } },
    clock: incarnation.clock,
    random,
    reporter: judgingReporter(incarnation, { ticks, stalls }, options),
  });
}

/** The agent under test: one incarnation after another, with the same key. */
interface Agents {
  start(): void;
  /** Kills the running incarnation at its `steps`-th step. */
  killAfter(steps: number): void;
  /** Delivers a trigger, as a trap or a stream would. */
  trigger(): void;
  /** Stops the incarnation as systemd would, and starts the next. */
  restart(): void;
  /** Cancels a pending kill and ignores later kills and restarts. */
  calm(): void;
  /** Called each slot. */
  step(): void;
  /** Whether writes are reported as stalled. */
  readonly isStalled: boolean;
  readonly incarnations: number;
  /** When the last incarnation began, monotonic milliseconds. */
  readonly startedAt: number;
}

/** Longest time from the end of an incarnation to the next: systemd's RestartSec, or an operator. */
const LONGEST_PAUSE_MS = 20_000;

export function createAgents(options: AgentsOptions): Agents {
  const { clock, prng, trace, verdict, flights, frozenSince } = options;
  let incarnations = 0;
  let startedAt = 0;
  let current: { readonly incarnation: Incarnation; readonly agent: Agent; readonly stalls: StallJudge } | undefined;
  let isCalm = false;

  function begin(): void {
    incarnations += 1;
    const number = incarnations;
    trace.log(`incarnation ${number} starts`);
    const incarnation = createIncarnation({ number, clock, onDeath: () => onDeath(incarnation) });
    const stalls = createStallJudge({ verdict, now: clock.monotonic, frozenSince });
    const agent = createAgentOf(incarnation, stalls, options);
    current = { incarnation, agent, stalls };
    startedAt = clock.monotonic();
    agent.start();
  }

  function onDeath({ number }: Incarnation): void {
    trace.log(`incarnation ${number} ended`);
    flights.disturbed();
    clock.after(prng.between(0, LONGEST_PAUSE_MS), begin);
  }

  return {
    start: begin,
    killAfter(steps) {
      if (!isCalm) current?.incarnation.killAfter(steps);
    },
    trigger() {
      if (current?.incarnation.isAlive) current.agent.trigger();
    },
    restart() {
      const stopping = current;
      if (isCalm || stopping === undefined || !stopping.incarnation.isAlive) return;
      trace.log(`incarnation ${stopping.incarnation.number} stops`);
      // A second `stop` changes nothing.
      stopping.agent.stop().then(
        () => stopping.incarnation.kill(),
        (error: unknown) => verdict.fail('no-defect', `stop failed: ${describeError(error)}`),
      );
    },
    calm() {
      isCalm = true;
      current?.incarnation.killAfter(Number.POSITIVE_INFINITY);
    },
    step() {
      if (current?.incarnation.isAlive) current.stalls.step();
    },
    get isStalled() {
      return current?.incarnation.isAlive === true && current.stalls.isStalled;
    },
    get incarnations() {
      return incarnations;
    },
    get startedAt() {
      return startedAt;
    },
  };
}
