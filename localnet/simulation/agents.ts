import { type Agent, type AgentTiming, createAgent } from '../../src/agent/agent.ts';
import { type AgentListener, type AgentReporter, createAgentEvents } from '../../src/agent/events.ts';
import { describeError, seededRandom } from '../../src/lib/index.ts';
import { createStatusBoard, type StatusBoard } from '../../src/observability/index.ts';
import { createLedgerRpc } from '../../src/rpc/index.ts';
import { createTickJudge, type FlightJudge, type TickJudge, type Verdict } from './invariants.ts';
import { createSimulatedTransport, type NodeOnPath } from './network.ts';
import { createPrng, type Prng, type RunPlan } from './plan.ts';
import { createStallJudge, type StallJudge } from './process-judges.ts';
import { createSimulatedSource, type SourceConditions } from './sources.ts';
import { createIncarnation, type Incarnation, type SimulationClock, type Trace, type World } from './world.ts';

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
function createAgentOf(incarnation: Incarnation, stalls: StallJudge, board: StatusBoard, options: AgentsOptions): Agent {
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
    reporter: judgingReporter(incarnation, { ticks, stalls, board }, options),
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
    const { world, sources, nodes } = options;
    const board = createStatusBoard({
      version: 'simulated',
      device: world.device,
      publisher: world.signer.address,
      dryRun: false,
      sources: sources.map((_, n) => `source-${n}`),
      endpoints: nodes.map((_, n) => `http://node-${n}`),
      clock: incarnation.clock,
    });
    const isWell = () => board.read().verdict === 'ok';
    const stalls = createStallJudge({ verdict, now: clock.monotonic, frozenSince, isWell });
    const agent = createAgentOf(incarnation, stalls, board, options);
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

interface JudgingReporterOptions {
  readonly world: World;
  readonly trace: Trace;
  readonly verdict: Verdict;
  readonly flights: FlightJudge;
}

interface JudgesOfIncarnation {
  readonly ticks: TickJudge;
  readonly stalls: StallJudge;
  readonly board: StatusBoard;
}

/** Forwards the agent's events to the judges and to the trace, until the kill. */
function judgingReporter(
  incarnation: Incarnation,
  { ticks, stalls, board }: JudgesOfIncarnation,
  { world, trace, verdict, flights }: JudgingReporterOptions,
): AgentReporter {
  const brief = (signature: string): string => signature.slice(0, 6);
  const log = (line: string): void => trace.log(`agent: ${line}`);
  /** What a killed process reports is not heard. */
  const whileAlive =
    <A extends readonly unknown[]>(act: (...args: A) => void) =>
    (...args: A): void => {
      if (incarnation.isAlive) act(...args);
    };
  const judges: AgentListener = {
    tick: whileAlive((report) => {
      ticks.ticked(report);
      stalls.ticked(report);
    }),
    sent({ signature, intents }) {
      incarnation.step();
      if (!incarnation.isAlive) return;
      log(`sends ${brief(signature)}: ${intents.map(({ user, to, reason }) => `${world.nameOf(user)} ${to} (${reason})`).join(', ')}`);
      ticks.sent(intents);
      flights.sent(signature, intents);
      stalls.sent(signature, intents);
    },
    confirmed: whileAlive(({ intent, signature }) => {
      log(`${brief(signature)} landed: ${world.nameOf(intent.user)} ${intent.to}`);
      stalls.confirmed(signature);
    }),
    expired: whileAlive(({ signature }) => {
      log(`${brief(signature)} expired`);
      stalls.ended(signature);
    }),
    withdrawn: whileAlive(({ signature }) => {
      log(`${brief(signature)} withdrawn`);
      stalls.ended(signature);
    }),
    rejected: whileAlive(({ intent, signature, error }) => {
      log(`${brief(signature)} rejected: ${world.nameOf(intent.user)}: ${error.message}`);
      stalls.rejected(signature, intent.user);
    }),
    failed: whileAlive(({ signature, error }) => {
      log(`${brief(signature)} failed: ${error.message}`);
      stalls.ended(signature);
    }),
    halted: whileAlive((error) => {
      log(`halted: ${error.message}`);
      stalls.problem('halted', true);
    }),
    resumed: whileAlive(() => {
      log('resumed');
      stalls.problem('halted', false);
    }),
    budget: whileAlive(({ allowance }) => {
      log(`budget: ${allowance}`);
      stalls.problem('budget', allowance === 'none');
    }),
    writesStalled: whileAlive(({ error, forMs }) => {
      log(`writes have not landed for ${Math.round(forMs / 1_000)} s: ${error.message}`);
      stalls.stalled(true);
    }),
    writesResumed: whileAlive(() => {
      log('writes land again');
      stalls.stalled(false);
    }),
    foreignWrites: whileAlive(({ users }) => {
      log(`another writer: ${users.map((user) => world.nameOf(user)).join(', ')}`);
      flights.foreignWrites(incarnation, users);
    }),
    source: whileAlive(({ source, state }) => log(`${source} ${state}`)),
    ledgerView: whileAlive(({ state, error }) => {
      log(`ledger view ${state}${error === undefined ? '' : `: ${error.message}`}`);
      if (state !== 'rollback') stalls.problem('ledger', state !== 'back');
    }),
    massDown: whileAlive(({ wentDown, wereUp, confirmed }) => log(`${wentDown} of ${wereUp} read down at once, ${confirmed} confirmed`)),
    internalError: whileAlive((error) =>
      verdict.fail('no-defect', error instanceof Error ? (error.stack ?? error.message) : String(error)),
    ),
  };
  return createAgentEvents(board.listener, judges).reporter;
}
