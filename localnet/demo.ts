import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type AgentListener, createAgentEvents } from '../src/agent/events.ts';
import { openAgent } from '../src/agent/from-config.ts';
import type { Observation } from '../src/bgp/index.ts';
import type { CommandIo } from '../src/cli/command.ts';
import { type AgentConfig, loadConfig, loadKeypair } from '../src/config/index.ts';
import { type Clock, seededRandom, systemClock } from '../src/lib/index.ts';
import { createLogger, createLogListener } from '../src/observability/index.ts';
import { type Address, BgpStatus, bgpStatusName, formatNetworkV4 } from '../src/serviceability/index.ts';
import { createLocalnet } from './localnet.ts';
import type { DemoBody } from './options.ts';
import { createScenario, type ScenarioEvent } from './scenario.ts';
import { printEvent, temporaryFolder, writeNewKeypair } from './start.ts';
import type { Localnet, LocalnetAddresses } from './world.ts';

/** The demo's view of the agent: counts for the summary, and each user's latest state for the table. */
interface DemoBoard {
  readonly listener: AgentListener;
  readonly transactions: number;
  readonly writesLanded: number;
  readonly writesFailed: number;
  /** Users whose ledger status differs from their session. */
  mismatches(): readonly Address[];
  /** Users by their actual session state. */
  counts(): { readonly users: number; readonly up: number; readonly down: number };
  rows(): readonly DemoRow[];
}

interface DemoRow {
  readonly user: Address;
  readonly tunnel: string;
  readonly vrf: string;
  readonly switchSays: string;
  readonly ledgerSays: string;
  readonly rttMs: string;
  readonly lastTransaction: string;
}

function createDemoBoard(localnet: Localnet): DemoBoard {
  const landedTransactions = new Set<string>();
  const observations = new Map<Address, Observation>();
  const lastTransaction = new Map<Address, string>();
  let writesLanded = 0;
  let writesFailed = 0;
  const statusOf = (user: Address) => localnet.ledger.admin.user(user)?.bgpStatus ?? BgpStatus.unknown;

  return {
    listener: {
      tick({ outcomes }) {
        observations.clear();
        for (const [user, { observation }] of outcomes) observations.set(user, observation);
        for (const user of lastTransaction.keys()) if (!outcomes.has(user)) lastTransaction.delete(user);
      },
      confirmed({ intent, signature }) {
        landedTransactions.add(signature);
        lastTransaction.set(intent.user, signature);
        writesLanded += 1;
      },
      rejected() {
        writesFailed += 1;
      },
    },
    get transactions() {
      return landedTransactions.size;
    },
    get writesLanded() {
      return writesLanded;
    },
    get writesFailed() {
      return writesFailed;
    },
    mismatches: () => [...localnet.truth()].filter(([user, truth]) => statusOf(user) !== BgpStatus[truth]).map(([user]) => user),
    counts() {
      const truth = [...localnet.truth().values()];
      const up = truth.filter((state) => state === 'up').length;
      return { users: truth.length, up, down: truth.length - up };
    },
    rows() {
      return [...localnet.ledger.admin.users(localnet.device)].map(([user, account]) => {
        const observation = observations.get(user);
        const located = observation === undefined || observation.kind === 'unobserved' ? undefined : observation.at;
        return {
          user,
          tunnel: `${account.tunnelId} ${formatNetworkV4(account.tunnelNet)}`,
          vrf: located?.vrf ?? '-',
          switchSays: wordsFor(observation),
          ledgerSays: bgpStatusName(account.bgpStatus),
          rttMs: account.bgpRttNs === 0n ? '-' : (Number(account.bgpRttNs) / 1e6).toFixed(2),
          lastTransaction: lastTransaction.get(user) ?? '-',
        };
      });
    },
  };
}

function wordsFor(observation: Observation | undefined): string {
  if (observation === undefined) return 'not read yet';
  if (observation.kind === 'unobserved') return observation.reason;
  return observation.at?.neighbor.state ?? 'no neighbor';
}

/** Shorter intervals than on a real switch, so that changes show within seconds. */
const QUICK = {
  ledger: { viewIdleInterval: '5s' },
  collector: { interval: '1s' },
  policy: { downGrace: '3s', connectGrace: '5s', minWriteInterval: '2s' },
};

/** Writes the configuration file of the demo's agent, and loads it as `run` would. */
async function demoConfig(folder: string, addresses: LocalnetAddresses, device: Address, keypair: string): Promise<AgentConfig> {
  const file = join(folder, 'config.yaml');
  const content = {
    env: 'localnet',
    device,
    keypair,
    ledger: { rpcUrls: [addresses.rpcUrl], ...QUICK.ledger },
    collector: {
      ...QUICK.collector,
      sources: [
        { type: 'eapi', url: `unix://${addresses.eapiSocket}` },
        {
          type: 'snmp',
          host: addresses.snmp.host,
          port: addresses.snmp.port,
          community: addresses.snmp.community,
          vrfs: ['default', 'vrf1', 'vrf2'],
        },
      ],
      wakeUps: [{ type: 'bgp-watch', address: `${addresses.grpc.host}:${addresses.grpc.port}` }],
    },
    policy: QUICK.policy,
  };
  await writeFile(file, stringify(content), { mode: 0o600 });
  return loadConfig({ file, environment: {} }).config;
}

/** The demo's events with `--output json`, in addition to the summary: changes of the world, and the agent's reactions. */
type DemoEvent =
  | { readonly event: 'world'; readonly kind: ScenarioEvent['kind']; readonly user: string }
  | { readonly event: 'observed'; readonly user: string; readonly observation: string; readonly because: string | null }
  | {
      readonly event: 'landed';
      readonly user: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
      readonly rttNs: bigint;
      readonly signature: string;
      readonly slot: bigint;
    }
  | { readonly event: 'rejected'; readonly user: string; readonly to: string; readonly problem: string }
  | { readonly event: 'expired'; readonly signature: string; readonly users: number };

interface DemoEvents {
  readonly listener: AgentListener;
  world(event: ScenarioEvent): void;
}

function createDemoEvents(emit: (event: DemoEvent) => void): DemoEvents {
  return {
    listener: {
      observed: ({ user, outcome: { observation } }) =>
        emit({
          event: 'observed',
          user,
          observation: observation.kind,
          because: observation.kind === 'unobserved' ? observation.reason : null,
        }),
      confirmed: ({ intent: { user, from, to, reason, rttNs }, signature, slot }) =>
        emit({ event: 'landed', user, from, to, reason, rttNs, signature, slot }),
      rejected: ({ intent: { user, to }, error }) => emit({ event: 'rejected', user, to, problem: error.message }),
      expired: ({ signature, intents }) => emit({ event: 'expired', signature, users: intents.length }),
    },
    world: ({ kind, user }) => emit({ event: 'world', kind, user }),
  };
}

interface DemoScreenOptions {
  readonly board: DemoBoard;
  /** The newest lines of the agent's log and the world's events. */
  readonly recentLines: () => readonly string[];
  readonly columns: number;
  readonly rows: number;
  readonly elapsedMs: number;
}

const CLEAR = '\u001b[H\u001b[J';
const RECENT_LINES = 8;
const TITLES: readonly (readonly [title: string, width: number, cell: (row: DemoRow) => string])[] = [
  ['USER', 10, ({ user }) => `${user.slice(0, 8)}…`],
  ['TUNNEL', 22, ({ tunnel }) => tunnel],
  ['VRF', 8, ({ vrf }) => vrf],
  ['SWITCH SAYS', 14, ({ switchSays }) => switchSays],
  ['LEDGER SAYS', 12, ({ ledgerSays }) => ledgerSays],
  ['RTT MS', 8, ({ rttMs }) => rttMs],
  ['LAST TRANSACTION', 20, ({ lastTransaction }) => (lastTransaction.length > 19 ? `${lastTransaction.slice(0, 18)}…` : lastTransaction)],
];

/** One frame of the demo as text; `liveFrame` adds the code that clears the screen. */
function renderDemo({ board, recentLines, columns, rows, elapsedMs }: DemoScreenOptions): string {
  const { users, up, down } = board.counts();
  const head = `dzd-localnet demo  ${seconds(elapsedMs)}   users ${users}: ${up} up, ${down} down   transactions ${board.transactions}   writes ${board.writesLanded}   ledger behind for ${board.mismatches().length}`;
  const lines = board.rows().map((row) => TITLES.map(([, width, cell]) => cell(row).padEnd(width)).join(' '));
  const room = Math.max(3, rows - RECENT_LINES - 5);
  const shown = lines.length > room ? [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more`] : lines;
  const body = [
    head,
    '',
    TITLES.map(([title, width]) => title.padEnd(width)).join(' '),
    ...shown,
    '',
    ...recentLines().slice(-RECENT_LINES),
  ];
  return `${body.map((line) => line.trimEnd().slice(0, columns)).join('\n')}\n`;
}

function liveFrame(options: DemoScreenOptions): string {
  return `${CLEAR}${renderDemo(options)}`;
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1_000)}s`;
}

/** The scenario stops this long before the end, so that the ledger can catch up: grace, tick and confirmation. */
const SETTLE_MS = 9_000;
/** Extra time if the ledger has not caught up by the end. */
const EXTRA_SETTLE_MS = 10_000;
const EVENT_INTERVAL_MS = 1_200;
const FRAME_MS = 500;
/** Frame interval without a terminal. */
const TEXT_FRAME_MS = 10_000;

/**
 * `dzd-localnet demo`: the real agent between a ledger and a switch of its own.
 *
 *   scenario ─► switch ─► agent ─► ledger        over real sockets on loopback
 *       └──────────► truth ◄── compared ──┘
 */
export const demoBody: DemoBody = async ({ users, forMs, output, seed = Math.floor(Math.random() * 0x1_0000_0000) }, io) => {
  const clock = systemClock;
  const folder = await temporaryFolder();
  const keypair = await writeNewKeypair(folder.path);
  const signer = loadKeypair(keypair).keypair;
  const random = seededRandom(seed);
  const localnet = createLocalnet({ users, random, publisher: signer.address });
  const board = createDemoBoard(localnet);
  const recentLines: string[] = [];
  const events = createDemoEvents((event) => printEvent(event, output, io.stdout));
  const log = createLogger({
    level: output === 'json' ? 'warn' : 'info',
    format: output === 'json' ? 'json' : 'pretty',
    destination: output === 'json' ? io.stderr : { write: (line) => remember(recentLines, line) },
  });
  const onEvent = (event: ScenarioEvent): void => {
    if (output === 'json') events.world(event);
    else remember(recentLines, `world: ${event.kind} ${event.user}`);
  };
  const scenario = createScenario({ localnet, clock, random, meanIntervalMs: EVENT_INTERVAL_MS, onEvent });
  const startedAt = clock.monotonic();
  const screen = startScreen(output, io, (width, height) => ({
    board,
    recentLines: () => recentLines,
    columns: width,
    rows: height,
    elapsedMs: clock.monotonic() - startedAt,
  }));
  try {
    const config = await demoConfig(folder.path, await localnet.start(), localnet.device, keypair);
    const agentEvents = createAgentEvents(createLogListener(log), board.listener);
    if (output === 'json') agentEvents.listen(events.listener);
    const agent = await openAgent({
      config,
      signer,
      warn: (line) => log.warn(line),
      reporter: agentEvents.reporter,
    });
    agent.start();
    scenario.start();
    await runScenario({ forMs, startedAt, clock, signal: io.signal, freeze: () => scenario.stop(), board });
    await agent.stop();
  } finally {
    await scenario.stop();
    screen.stop();
    await localnet.stop();
    await folder.remove();
  }
  const summary = summaryOf(board);
  printEvent(summary, output, io.stdout);
  // After an interrupt, changes may be in flight: only a settled world counts.
  return io.signal.aborted || summary.mismatches === 0 ? 0 : 1;
};

interface RunOptions {
  readonly forMs: number | undefined;
  readonly startedAt: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly freeze: () => Promise<void>;
  readonly board: DemoBoard;
}

/** Runs the scenario, stops it before the end, and waits for the ledger to catch up. A signal ends it at once. */
async function runScenario({ forMs, startedAt, clock, signal, freeze, board }: RunOptions): Promise<void> {
  const sleepUntil = async (ms: number): Promise<void> => {
    const left = startedAt + ms - clock.monotonic();
    if (left > 0) await clock.sleep(left, signal);
  };
  try {
    if (forMs === undefined) return await clock.sleep(2 ** 31 - 1, signal);
    await sleepUntil(Math.max(forMs - SETTLE_MS, forMs / 2));
    await freeze();
    await sleepUntil(forMs);
    while (board.mismatches().length > 0 && clock.monotonic() < startedAt + forMs + EXTRA_SETTLE_MS) await clock.sleep(100, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The result of a run of `demo`. */
interface SummaryEvent {
  readonly event: 'summary';
  readonly users: number;
  readonly up: number;
  readonly down: number;
  readonly transactions: number;
  readonly writesLanded: number;
  readonly writesFailed: number;
  /** Users whose status on the ledger differs from the simulated switch. */
  readonly mismatches: number;
}

function summaryOf(board: DemoBoard): SummaryEvent {
  const { transactions, writesLanded, writesFailed } = board;
  return { event: 'summary', ...board.counts(), transactions, writesLanded, writesFailed, mismatches: board.mismatches().length };
}

function startScreen(
  output: 'table' | 'json',
  { stdout }: CommandIo,
  contents: (columns: number, rows: number) => Parameters<typeof renderDemo>[0],
): { stop(): void } {
  if (output === 'json') return { stop: () => undefined };
  const columns = stdout.columns ?? 120;
  const render = (): void => {
    stdout.write(stdout.isTerminal ? liveFrame(contents(columns, process.stdout.rows ?? 40)) : `${renderDemo(contents(columns, 1_000))}\n`);
  };
  const timer = setInterval(render, stdout.isTerminal ? FRAME_MS : TEXT_FRAME_MS);
  return {
    stop() {
      clearInterval(timer);
      render();
    },
  };
}

const MAX_RECENT_LINES = 100;

function remember(recentLines: string[], line: string): void {
  recentLines.push(line.trimEnd());
  if (recentLines.length > MAX_RECENT_LINES) recentLines.splice(0, recentLines.length - MAX_RECENT_LINES);
}
