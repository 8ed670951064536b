import { type Agent, type AgentTiming, createAgent } from '../../agent.ts';
import { type AgentReporter, SILENT_REPORTER } from '../../agent-reporter.ts';
import { createLedgerRpc } from '../../ledger/index.ts';
import { describeError, seededRandom } from '../../platform/index.ts';
import { createDraw, type Draw } from './draw.ts';
import type { FlightJudge } from './flight-judge.ts';
import { createLife, type Life } from './life.ts';
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
export const TIMING: AgentTiming = {
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

/** The agent under test, one life after the other with the same key. */
export interface Agents {
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

const REQUEST_TIMEOUT_MS = 10_000;
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
    reporter: reporterOf(life, ticks, options),
  });
}

/** Hears the agent while it lives, for the judges and for the story. */
function reporterOf(
  life: Life,
  ticks: ReturnType<typeof createTickJudge>,
  { world, story, verdict, flights }: AgentsOptions,
): AgentReporter {
  const brief = (signature: string): string => signature.slice(0, 6);
  const tell = (line: string): void => {
    if (life.isAlive) story.tell(`agent: ${line}`);
  };
  return {
    ...SILENT_REPORTER,
    tick(report) {
      if (life.isAlive) ticks.ticked(report);
    },
    sent({ signature, intents }) {
      life.step();
      if (!life.isAlive) return;
      story.tell(
        `agent: sends ${brief(signature)}: ${intents.map(({ user, to, reason }) => `${world.nameOf(user)} ${to} (${reason})`).join(', ')}`,
      );
      ticks.sent(intents);
      flights.sent(signature, intents);
    },
    landed: ({ intent, signature }) => tell(`${brief(signature)} landed: ${world.nameOf(intent.user)} ${intent.to}`),
    expired: ({ signature }) => tell(`${brief(signature)} expired`),
    rejected: ({ intent, signature, error }) => tell(`${brief(signature)} rejected: ${world.nameOf(intent.user)}: ${error.message}`),
    failed: ({ signature, error }) => tell(`${brief(signature)} failed: ${error.message}`),
    halted: (error) => tell(`halted: ${error.message}`),
    resumed: () => tell('resumed'),
    source: ({ source, state }) => tell(`${source} ${state}`),
    ledgerView: ({ state }) => tell(`ledger view ${state}`),
    massDown: ({ wentDown, wereUp, confirmed }) => tell(`${wentDown} of ${wereUp} read down at once, ${confirmed} confirmed`),
    defect(error) {
      if (life.isAlive) verdict.fail('no-defect', error instanceof Error ? (error.stack ?? error.message) : String(error));
    },
  };
}
