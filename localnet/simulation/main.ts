import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { megabytes } from './invariants.ts';
import { createTally, type SimulationResult, simulate } from './simulate.ts';

const USAGE = `npm run sim -- --seed N [--hours H] [--verbose]     one run, with its trace
npm run sim -- --runs N [--from SEED] [--hours H] [--jobs J]     many runs, with consecutive seeds

  --hours    simulated hours with faults in each run (default 0.25); the recovery comes on top
  --verbose  the complete trace, not only the last lines before a violation
  --jobs     processes that share the runs (default: one per core)`;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const DEFAULT_HOURS = 0.25;
const TRACE_LINES = 60;
/** Runs between two lines of progress. */
const PROGRESS_RUNS = 500;
/** Seeds per portion. */
const PORTION = 20;

interface Portion {
  readonly from: number;
  readonly count: number;
  readonly hours: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      runs: { type: 'string' },
      from: { type: 'string', default: '1' },
      hours: { type: 'string', default: String(DEFAULT_HOURS) },
      jobs: { type: 'string', default: String(availableParallelism()) },
      verbose: { type: 'boolean', default: false },
    },
  });
  const hours = Number(values.hours);
  const [seed, runs, from, jobs] = [values.seed, values.runs, values.from, values.jobs].map((text) => Number(text ?? Number.NaN));
  if (!(hours > 0)) return usage();
  if (Number.isSafeInteger(seed)) return runOne(seed ?? 0, hours, values.verbose);
  if (!Number.isSafeInteger(runs) || !Number.isSafeInteger(from) || !Number.isSafeInteger(jobs) || (jobs ?? 0) < 1) return usage();
  return runMany({ from: from ?? 1, count: runs ?? 0, hours }, jobs ?? 1);
}

function usage(): number {
  process.stderr.write(`${USAGE}\n`);
  return 2;
}

async function runOne(seed: number, hours: number, verbose: boolean): Promise<number> {
  const startedAt = performance.now();
  const result = await simulate({ seed, hours, onLine: verbose ? print : undefined });
  if (!verbose) for (const line of result.trace.slice(-TRACE_LINES)) print(line);
  const tally = createTally();
  tally.add(result);
  if (result.heapByHour.length > 0) print(`heap after each hour: ${result.heapByHour.map(megabytes).join(', ')}`);
  print(tally.summary(performance.now() - startedAt));
  return result.violation === undefined ? 0 : 1;
}

/** Shares the seeds among processes, a portion at a time, and prints how to replay each failed one. */
async function runMany({ from, count, hours }: Portion, jobs: number): Promise<number> {
  const startedAt = performance.now();
  const tally = createTally();
  const end = from + count;
  let next = from;
  const portion = (): Portion | undefined => {
    if (next >= end) return undefined;
    const taken = { from: next, count: Math.min(PORTION, end - next), hours };
    next += taken.count;
    return taken;
  };
  const onResult = (result: SimulationResult): void => {
    tally.add(result);
    if (tally.runs % PROGRESS_RUNS === 0) print(`${tally.runs} of ${count} runs, ${tally.failed} failed`);
    if (result.violation === undefined) return;
    print(`seed ${result.seed}: ${result.violation.invariant}: ${result.violation.detail}`);
    print(`  replay: npm run sim -- --seed ${result.seed} --hours ${hours} --verbose`);
  };
  const codes = await Promise.all(Array.from({ length: jobs }, () => runWorker(portion, onResult)));
  print(tally.summary(performance.now() - startedAt));
  const isWhole = tally.runs === count && codes.every((code) => code === 0);
  if (!isWhole) print(`only ${tally.runs} of ${count} runs completed`);
  return isWhole && tally.failed === 0 ? 0 : 1;
}

/** One process that works until no portions are left; resolves to its exit code. */
function runWorker(portion: () => Portion | undefined, onResult: (result: SimulationResult) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = fork(fileURLToPath(import.meta.url), ['--worker'], { serialization: 'advanced', execArgv: [] });
    const sendPortion = (): void => {
      const work = portion();
      if (work === undefined) worker.disconnect();
      else worker.send(work);
    };
    worker.on('message', (message: SimulationResult | 'done') => (message === 'done' ? sendPortion() : onResult(message)));
    worker.on('error', reject);
    worker.on('exit', (code) => resolve(code ?? 1));
    sendPortion();
  });
}

function work(): void {
  // The simulation creates thousands of errors to end waits; their stack traces are expensive. A replay has them.
  Error.stackTraceLimit = 0;
  process.on('message', async ({ from, count, hours }: Portion) => {
    for (let seed = from; seed < from + count; seed += 1) process.send?.(await simulate({ seed, hours }));
    process.send?.('done');
  });
}

if (process.argv.includes('--worker')) work();
else process.exitCode = await main();
