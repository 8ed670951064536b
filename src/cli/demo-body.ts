import { teeReporters } from '../agent/events.ts';
import { openAgent } from '../agent/from-config.ts';
import { loadKeypair } from '../config/index.ts';
import { type Clock, seededRandom, systemClock } from '../lib/index.ts';
import { createLocalnet, createScenario, type ScenarioEvent } from '../localnet/index.ts';
import {
  createEventSink,
  createLogger,
  createLogReporter,
  type EventSink,
  type OutputEvent,
  type SummaryEvent,
} from '../observability/index.ts';
import type { CommandIo } from './command.ts';
import { createDemoBoard, type DemoBoard } from './demo-board.ts';
import { demoConfig } from './demo-config.ts';
import { createDemoEvents, type DemoEvent } from './demo-events.ts';
import type { DemoBody } from './demo-options.ts';
import { drawDemo, liveFrame } from './demo-screen.ts';
import { temporaryFolder, writeNewKeypair } from './temporary-keypair.ts';

/** Before the end the world stands still for this long, so that the ledger can catch up with it: grace, tick and landing. */
const SETTLE_MS = 9_000;
/** … and if it has not by the end, so much longer. */
const MERCY_MS = 10_000;
const EVENT_INTERVAL_MS = 1_200;
const FRAME_MS = 500;
/** Between two pictures where the output is no terminal. */
const PICTURE_MS = 10_000;

/**
 * `dzd-telemetry demo`: the real agent between a ledger and a switch of its own.
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
  const sink: EventSink<OutputEvent | DemoEvent> = createEventSink({ output, destination: io.stdout });
  const news: string[] = [];
  const events = createDemoEvents((event) => sink.emit(event));
  const log = createLogger({
    level: output === 'json' ? 'warn' : 'info',
    format: output === 'json' ? 'json' : 'pretty',
    destination: output === 'json' ? io.stderr : { write: (line) => remember(news, line) },
  });
  const onEvent = (event: ScenarioEvent): void => {
    if (output === 'json') events.world(event);
    else remember(news, `world: ${event.kind} ${event.user}`);
  };
  const scenario = createScenario({ localnet, clock, random, meanIntervalMs: EVENT_INTERVAL_MS, onEvent });
  const startedAt = clock.monotonic();
  const screen = startScreen(output, io, (width, height) => ({
    board,
    news: () => news,
    columns: width,
    rows: height,
    elapsedMs: clock.monotonic() - startedAt,
  }));
  try {
    const config = await demoConfig(folder.path, await localnet.start(), localnet.device, keypair);
    const agent = await openAgent({
      config,
      signer,
      warn: (line) => log.warn(line),
      reporter: teeReporters([createLogReporter(log), board.reporter, ...(output === 'json' ? [events.reporter] : [])]),
    });
    agent.start();
    scenario.start();
    await play({ forMs, startedAt, clock, signal: io.signal, freeze: () => scenario.stop(), board });
    await agent.stop();
  } finally {
    await scenario.stop();
    screen.stop();
    await localnet.stop();
    await folder.remove();
  }
  const summary = summaryOf(board);
  sink.emit(summary);
  // Whoever interrupts the world in the middle finds changes on their way; only a world that was let come to rest is judged.
  return io.signal.aborted || summary.mismatches === 0 ? 0 : 1;
};

interface Play {
  readonly forMs: number | undefined;
  readonly startedAt: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly freeze: () => Promise<void>;
  readonly board: DemoBoard;
}

/** Lets the world move, freezes it before the end, and gives the ledger time to agree with it. A signal ends it at once. */
async function play({ forMs, startedAt, clock, signal, freeze, board }: Play): Promise<void> {
  const sleepUntil = async (ms: number): Promise<void> => {
    const left = startedAt + ms - clock.monotonic();
    if (left > 0) await clock.sleep(left, signal);
  };
  try {
    if (forMs === undefined) return await clock.sleep(2 ** 31 - 1, signal);
    await sleepUntil(Math.max(forMs - SETTLE_MS, forMs / 2));
    await freeze();
    await sleepUntil(forMs);
    while (board.mismatches().length > 0 && clock.monotonic() < startedAt + forMs + MERCY_MS) await clock.sleep(100, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function summaryOf(board: DemoBoard): SummaryEvent {
  const { transactions, writesLanded, writesFailed } = board;
  return { event: 'summary', ...board.counts(), transactions, writesLanded, writesFailed, mismatches: board.mismatches().length };
}

function startScreen(
  output: 'table' | 'json',
  { stdout }: CommandIo,
  contents: (columns: number, rows: number) => Parameters<typeof drawDemo>[0],
): { stop(): void } {
  if (output === 'json') return { stop: () => undefined };
  const columns = stdout.columns ?? 120;
  const draw = (): void => {
    stdout.write(stdout.isTerminal ? liveFrame(contents(columns, process.stdout.rows ?? 40)) : `${drawDemo(contents(columns, 1_000))}\n`);
  };
  const timer = setInterval(draw, stdout.isTerminal ? FRAME_MS : PICTURE_MS);
  return {
    stop() {
      clearInterval(timer);
      draw();
    },
  };
}

const MOST_NEWS = 100;

function remember(news: string[], line: string): void {
  news.push(line.trimEnd());
  if (news.length > MOST_NEWS) news.splice(0, news.length - MOST_NEWS);
}
