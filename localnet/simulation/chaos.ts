/*
 * The agent as it ships, in a process of its own, with real sockets and real time.
 *
 *   events, faults ──► world: embedded ledger, simulated switch ──► judges
 *                         │ in process       │ eAPI
 *                      front ends: cut, delay, reorder, garble, refuse, by seed
 *                         ▲ HTTP             ▲ HTTP
 *                         └── dzd-telemetry run ──► log, memory
 *
 * Trouble and calm alternate. The seed decides what happens; real time decides in which order it meets the agent, so a seed does not replay a run.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { isRecord, monotonicMs, seededRandom, systemClock } from '../../src/lib/index.ts';
import { type Address, addressBytes, isAddress } from '../../src/serviceability/index.ts';
import { createSimulatedEapi, createSwitchFaults } from '../switch/index.ts';
import { eventsOf, faultsOf, type SimulationFault } from './events.ts';
import { type FrontEnd, passOn, startFrontEnd } from './front-end.ts';
import { createFlightJudge, createVerdict, megabytes, type Verdict } from './invariants.ts';
import { type HttpAnswer, healthyPath, type NodeOnPath, type Outcome, SimulatedNetwork } from './network.ts';
import { createPrng, type Prng } from './plan.ts';
import { createStatusJudge, isLiveMemory, type LiveMemory, MemoryWatch, type StatusJudge } from './process-judges.ts';
import { createChaos, mismatches, waitUntilConverged } from './simulate.ts';
import { healthySource, type SourceConditions } from './sources.ts';
import {
  createIncarnation,
  createLater,
  createTrace,
  createWorld,
  type Incarnation,
  type SimulationClock,
  type Trace,
  type World,
} from './world.ts';

const USAGE = 'npm run chaos -- --minutes N [--seed S] [--verbose]';

const SLOT_MS = 400;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;
/** Much happens in a minute: twenty times as much as in the simulation. */
const PACE = { event: 1_200, fault: 5_000 };
const TROUBLE_MS = [45_000, 90_000] as const;
/** The ledger is right within this time after the end of all trouble. */
const CALM_MS = 60_000;
/** The last calm lasts so long after the ledger is right that whatever was sent before has landed or expired. */
const LAST_CALM_MS = 75_000;
/** A process that starts in the middle is measured twice: after its warm-up, when the last calm begins, and at its end. */
const LEAST_MINUTES = 8;
const TRACE_LINES = 80;
const SIGNER_SEED = new Uint8Array(32).fill(7);

/** Real time, as the parts of the simulation want it. */
function createRealClock(): SimulationClock {
  const from = systemClock.monotonic();
  const clock: SimulationClock = {
    monotonic: () => monotonicMs(systemClock.monotonic() - from),
    wall: systemClock.wall,
    sleep: systemClock.sleep,
    after(ms, onOver) {
      const timer = setTimeout(onOver, ms);
      return () => clearTimeout(timer);
    },
    async run(at, isOver) {
      while (!isOver() && clock.monotonic() < at) await clock.sleep(Math.min(100, at - clock.monotonic()));
    },
    jumpWall: () => undefined,
    sleepers: 0,
  };
  return clock;
}

/** What an eAPI front end does, next to what the source itself does. */
interface EapiConditions extends SourceConditions {
  cut: number;
  garble: number;
}

/** No answer that could pass for another state of the switch. */
const GARBLED_EAPI: readonly ((answer: HttpAnswer, prng: Prng) => HttpAnswer)[] = [
  (answer, prng) => ({ ...answer, body: answer.body.slice(0, Math.floor(answer.body.length * prng.random())) }),
  () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html><body>Sign in</body></html>' }),
  () => ({ status: 502, body: 'Bad Gateway' }),
  () => ({ status: 200, body: '' }),
  (answer) => ({ ...answer, body: answer.body.replaceAll('"vrfs"', '"vrf"') }),
  (answer) => ({ ...answer, body: `${answer.body}${answer.body}` }),
];

async function startEapi(world: World, conditions: EapiConditions, clock: SimulationClock, prng: Prng) {
  const faults = createSwitchFaults();
  const eapi = createSimulatedEapi({ switch: world.sim, faults, clock });
  const { url } = await eapi.start();
  const frontEnd = await startFrontEnd({
    clock,
    prng,
    isDown: () => conditions.unreachable,
    async exchange(body, request): Promise<Outcome> {
      if (conditions.hangs) return { kind: 'silence' };
      const beforeMs = conditions.slowMs * prng.random();
      await clock.sleep(prng.between(1, 40) + beforeMs);
      faults.clear();
      if (conditions.empty) faults.begin({ kind: 'empty' });
      for (const vrf of conditions.failingVrfs) faults.begin({ kind: 'vrf-failing', vrf });
      for (const vrf of conditions.missingVrfs) faults.begin({ kind: 'vrf-missing', vrf });
      let answer = await passOn(url, request, body);
      if (conditions.withoutDescriptions)
        answer = { ...answer, body: JSON.stringify(JSON.parse(answer.body, (key, value) => (key === 'description' ? undefined : value))) };
      await clock.sleep(prng.between(1, 40) + conditions.slowMs - beforeMs);
      if (prng.chance(conditions.cut)) return { kind: 'cut', within: prng.chance(0.7) ? answer : undefined };
      const garble = prng.chance(conditions.garble) ? prng.one(GARBLED_EAPI) : undefined;
      return { kind: 'answer', answer: garble?.(answer, prng) ?? answer };
    },
  });
  return {
    url: frontEnd.url,
    async close() {
      await frontEnd.close();
      await eapi.stop();
    },
  };
}

function eapiFaults(conditions: EapiConditions, number: number, prng: Prng): readonly SimulationFault[] {
  const fault = (name: 'cut' | 'garble'): SimulationFault => ({
    name: `source ${number} ${name}s`,
    weight: 3,
    lasts: [5 * SECOND_MS, 60 * SECOND_MS],
    begin() {
      conditions[name] = prng.between(0.1, 1);
      return conditions[name].toFixed(2);
    },
    end() {
      conditions[name] = 0;
    },
  });
  return [fault('cut'), fault('garble')];
}

interface AgentProcessOptions {
  readonly clock: SimulationClock;
  readonly trace: Trace;
  readonly verdict: Verdict;
  readonly config: string;
  readonly statuses: StatusJudge;
  readonly memory: MemoryWatch;
  readonly onForeignWrites: (incarnation: Incarnation, user: Address) => void;
  readonly onDeath: () => void;
}

/** As in packaging/launcher.sh. An arena for each thread would grow for minutes. */
const MALLOC = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '32768' };
/** The time for which a process drains is 10 s. */
const KILLED_AFTER_MS = 30_000;
/** A process that runs for less shows little. */
const SHORTEST_LIFE_MS = 20_000;
/** A collection takes some 50 ms, on a busy machine longer. */
const MEASURED_WITHIN_MS = 10_000;
/** Bytes that a killed process has left in its sockets arrive meanwhile. */
const SHORTEST_PAUSE_MS = 1_000;

/** One process of the agent after the other. One that ends by itself is a defect. */
class AgentProcess {
  readonly #options: AgentProcessOptions;
  #child: ChildProcess | undefined;
  #isExpected = false;
  #isClosed = false;
  incarnation: Incarnation;
  startedAt = 0;
  incarnations = 0;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
    this.incarnation = this.#begin();
  }

  #begin(): Incarnation {
    const { clock, trace, verdict, config, statuses, memory, onDeath, onForeignWrites } = this.#options;
    this.incarnations += 1;
    const incarnation = createIncarnation({ number: this.incarnations, clock, onDeath });
    this.incarnation = incarnation;
    this.startedAt = clock.monotonic();
    this.#isExpected = false;
    trace.log(`incarnation ${incarnation.number} starts`);
    statuses.ticked(0);
    memory.begin();
    const flags = ['--expose-gc', '--import', resolve('localnet/simulation/memory-probe.mjs')];
    const child = spawn(process.execPath, [...flags, resolve('dist/dzd-telemetry.js'), 'run', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...MALLOC },
    });
    this.#child = child;
    createInterface({ input: child.stderr as Readable }).on('line', (text) => {
      if (!incarnation.isAlive) return;
      const line = parsed(text);
      const { level, msg, time: _, ...fields } = line;
      if (msg === 'tick') statuses.ticked(Number(fields.durationMs));
      if (msg === 'transaction sent') statuses.sent(String(fields.signature));
      if (level === 'debug') return;
      trace.log(`agent: ${level === 'info' ? '' : `${level} `}${msg} ${JSON.stringify(fields)}`);
      if (String(msg).startsWith('internal error') || level === undefined) verdict.fail('no-defect', text);
      if (String(msg).startsWith('another process writes') && isAddress(fields.user)) onForeignWrites(incarnation, fields.user);
    });
    child.on('exit', (code, signal) => {
      trace.log(`incarnation ${incarnation.number} ended (${signal ?? `exit code ${code}`})`);
      incarnation.kill();
      if (!this.#isExpected || (code !== 0 && signal !== 'SIGKILL')) verdict.fail('no-defect', `the process ended with ${signal ?? code}`);
      if (!this.#isClosed) clock.after(SHORTEST_PAUSE_MS, () => void (this.#isClosed || this.#begin()));
    });
    return incarnation;
  }

  end(signal: 'SIGKILL' | 'SIGTERM'): void {
    // A second SIGTERM ends a process that drains at once, with another exit code.
    if (!this.incarnation.isAlive || (this.#isExpected && signal === 'SIGTERM')) return;
    this.#isExpected = true;
    this.#child?.kill(signal);
  }

  /** Resident bytes that no file backs; undefined between two processes. */
  get privateBytes(): number | undefined {
    if (!this.incarnation.isAlive || this.#child?.pid === undefined) return undefined;
    try {
      const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')) ?? [];
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
    } catch {
      return undefined;
    }
  }

  /** Makes the process collect all garbage. Undefined between two processes, and of one that ends meanwhile. */
  async liveMemory(): Promise<LiveMemory | undefined> {
    const child = this.#child;
    if (!this.incarnation.isAlive || child?.connected !== true) return undefined;
    const answer = once(child, 'message', { signal: AbortSignal.timeout(MEASURED_WITHIN_MS) });
    child.send('collect', () => undefined);
    const [value] = await answer.catch(() => []);
    return isLiveMemory(value) ? value : undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.end('SIGTERM');
    const deadline = this.#options.clock.monotonic() + KILLED_AFTER_MS;
    while (this.incarnation.isAlive && this.#options.clock.monotonic() < deadline) await this.#options.clock.sleep(50);
    if (!this.incarnation.isAlive) return;
    this.#options.verdict.fail('no-defect', `the process did not end within ${KILLED_AFTER_MS} ms of SIGTERM`);
    this.#child?.kill('SIGKILL');
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : { msg: text };
  } catch {
    return { msg: text };
  }
}

const SAMPLE_MS = 2_000;

interface RunOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly onLine?: (line: string) => void;
}

async function runChaos({
  seed,
  minutes,
  onLine,
}: RunOptions): Promise<{ readonly trace: Trace; readonly verdict: Verdict; readonly summary: string }> {
  const clock = createRealClock();
  const prng = createPrng(seededRandom(seed));
  const trace = createTrace({ clock, onLine });
  const verdict = createVerdict(({ invariant, detail }) => trace.log(`VIOLATION of ${invariant}: ${detail}`));
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  const isOver = (): boolean => interruption.signal.aborted || verdict.violation !== undefined;
  const endsAt = minutes * MINUTE_MS;

  const world = createWorld({ clock, prng, users: prng.whole(8, 30) });
  const takenLate = new Set<string>();
  const nodes: NodeOnPath[] = Array.from({ length: prng.whole(1, 3) }, () => ({
    node: world.ledger.addNode(),
    path: healthyPath(),
    takenLate,
  }));
  const sources = Array.from({ length: prng.whole(1, 2) }, (): EapiConditions => ({ ...healthySource(), cut: 0, garble: 0 }));
  const flights = createFlightJudge({
    world,
    trace,
    verdict,
    now: clock.monotonic,
    slotsAreFalse: () => false,
    maxTransactionsPerMinute: 600,
  });
  const statuses = createStatusJudge(world, clock, verdict);
  const memory = new MemoryWatch(clock);
  world.ledger.bank.onLanded(flights.landed);

  let agent: AgentProcess | undefined;
  const departures = new Set<string>();
  const watcher = {
    departed(wire: string): void {
      if (agent === undefined) return;
      if (!departures.has(wire)) statuses.departed(wire);
      departures.add(wire);
      flights.watcherOf(agent.incarnation).departed(wire);
    },
    arrived(wire: string, taken: boolean): void {
      if (agent !== undefined) flights.watcherOf(agent.incarnation).arrived(wire, taken);
    },
  };
  const frontEnds: Pick<FrontEnd, 'close'>[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'dzd-chaos-'));
  try {
    const rpcUrls: string[] = [];
    for (const place of nodes) {
      const network = new SimulatedNetwork({ clock, prng, place, watcher });
      const frontEnd = await startFrontEnd({ clock, prng, isDown: () => place.path.down, exchange: (body) => network.exchange(body) });
      frontEnds.push(frontEnd);
      rpcUrls.push(frontEnd.url);
    }
    const eapis: string[] = [];
    for (const conditions of sources) {
      const eapi = await startEapi(world, conditions, clock, prng);
      frontEnds.push(eapi);
      eapis.push(eapi.url);
    }
    const keypair = join(folder, 'keypair.json');
    writeFileSync(keypair, JSON.stringify([...SIGNER_SEED, ...addressBytes(world.signer.address)]), { mode: 0o600 });
    const config = join(folder, 'config.yaml');
    const settings = {
      env: 'localnet',
      device: world.device,
      keypair,
      ledger: { rpcUrls, programId: world.ledger.programId },
      collector: { sources: eapis.map((url) => ({ type: 'eapi', url })) },
      policy: { refreshInterval: '2m' },
      http: { listen: '127.0.0.1:0' },
      log: { format: 'json', level: 'debug' },
    };
    writeFileSync(config, JSON.stringify(settings));

    agent = new AgentProcess({
      clock,
      trace,
      verdict,
      config,
      statuses,
      memory,
      onForeignWrites: (incarnation, user) => flights.foreignWrites(incarnation, [user]),
      onDeath: flights.disturbed,
    });
    const running = agent;
    /** Processes are killed in the first half, so that the memory of one can be measured in the second. */
    const mayEnd = (): boolean => clock.monotonic() < endsAt / 2 && clock.monotonic() - running.startedAt > SHORTEST_LIFE_MS;
    const { schedule, flush } = createLater(clock);
    const events = eventsOf({
      world,
      prng,
      clock,
      later: schedule,
      onDisturbed: flights.disturbed,
      onFork: () => undefined,
      onSwitchClockMoved: statuses.switchClockMoved,
      killAfter: (steps) => void (mayEnd() && clock.after(steps * 50, () => running.end('SIGKILL'))),
      restartAgent: () => void (mayEnd() && running.end('SIGTERM')),
    });
    // Those that the agent answers with minutes of caution have the simulation; the wall clock of this host stays as it is.
    const prompt = <T extends { readonly name: string; readonly delaysMs?: number }>(all: readonly T[]): readonly T[] =>
      all.filter(({ name, delaysMs = 0 }) => delaysMs === 0 && name !== 'a fork' && name !== 'the wall clock jumps');
    const faults = prompt([...faultsOf({ world, prng, nodes, sources }), ...sources.flatMap((source, n) => eapiFaults(source, n, prng))]);

    const stepping = setInterval(() => {
      flights.step();
      statuses.step();
    }, SLOT_MS);
    const sampling = setInterval(() => memory.samplePrivate(running.privateBytes), SAMPLE_MS);
    const measure = async (): Promise<void> => {
      const live = await running.liveMemory();
      memory.sampleLive(live);
      if (live !== undefined)
        trace.log(`live memory ${megabytes(live.bytes)}, ${live.handles} handles, private memory ${megabytes(running.privateBytes ?? 0)}`);
    };
    const converged: number[] = [];
    try {
      while (!isOver()) {
        const chaos = createChaos({ prng, clock, trace, events: prompt(events), faults, pace: PACE });
        chaos.start();
        await clock.run(clock.monotonic() + prng.between(...TROUBLE_MS), isOver);
        chaos.stop();
        flush();
        world.push();
        trace.log('calm');
        const isLast = clock.monotonic() + CALM_MS + LAST_CALM_MS >= endsAt;
        const [tookMs] = await Promise.all([waitUntilRight(isLast), measure()]);
        if (tookMs !== undefined) converged.push(tookMs);
        if (!isLast) continue;
        await measure();
        break;
      }
    } finally {
      clearInterval(stepping);
      clearInterval(sampling);
    }
    if (interruption.signal.aborted) throw new Error('interrupted');
    const memoryText = memory.judge(verdict);
    await running.close();
    const { signatures, writes, outOfOrder } = flights.counts;
    const longest = Math.max(0, ...converged) / 1000;
    const summary = [
      `${(clock.monotonic() / MINUTE_MS).toFixed(1)} min with seed ${seed}: ${nodes.length} endpoints, ${sources.length} sources, ${world.users().size} users, ${running.incarnations} processes`,
      `${signatures} transactions, ${writes} writes landed, ${outOfOrder} out of order after kills`,
      `right after ${converged.length} times of trouble within ${longest.toFixed(1)} s at most`,
      memoryText,
    ].join('\n');
    return { trace, verdict, summary };

    async function waitUntilRight(isLast: boolean): Promise<number | undefined> {
      const startedAt = (): number => running.startedAt;
      if (isLast) return waitUntilConverged({ clock, world, verdict, isOver, startedAt, boundMs: CALM_MS, connectGraceMs: MINUTE_MS });
      const from = clock.monotonic();
      let wrong = mismatches(world, true);
      while (wrong.length > 0 && !isOver()) {
        if (clock.monotonic() - Math.max(from, startedAt()) > CALM_MS)
          verdict.fail('converges', `after ${CALM_MS / 1000} s: ${wrong.join(', ')}`);
        await clock.run(clock.monotonic() + 500, isOver);
        wrong = mismatches(world, true);
      }
      trace.log('the ledger is right');
      return isOver() ? undefined : clock.monotonic() - from;
    }
  } finally {
    await agent?.close();
    await Promise.all(frontEnds.map((each) => each.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const print = (line: string): void => void process.stdout.write(`${line}\n`);
if (!(minutes >= LEAST_MINUTES) || !Number.isSafeInteger(seed)) {
  process.stderr.write(`${USAGE}\n\n  --minutes  ${LEAST_MINUTES} at least: in less, the memory of no process can be measured\n`);
  process.exitCode = 2;
} else {
  const { trace, verdict, summary } = await runChaos({ seed, minutes, onLine: values.verbose ? print : undefined });
  if (verdict.violation !== undefined && !values.verbose) for (const line of trace.lines.slice(-TRACE_LINES)) print(line);
  print(summary);
  process.exitCode = verdict.violation === undefined ? 0 : 1;
}
