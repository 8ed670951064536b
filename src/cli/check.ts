import type { LoadedConfig } from '../config/index.ts';
import { describeError, isAgentError, systemClock } from '../lib/index.ts';
import { count, jsonLine, paint, printable, type Tone, usesColor } from '../observability/index.ts';
import { agentStep, configurationStep, keyStep, listenStep, snapshotStep, startStep, triggerSteps } from './check-config.ts';
import { deviceSteps, endpointSteps, programSteps } from './check-ledger.ts';
import { type CheckEvent, type CheckState, createLookups, runStep } from './check-step.ts';
import { sourceSteps, userStep } from './check-switch.ts';
import { type CommandBody, type CommandIo, type ExitCode, loadChosen } from './command.ts';
import { openLedger } from './ledger.ts';
import type { CheckOptions } from './options.ts';

/** Longer than any request may take, failover included. */
const STEP_DEADLINE_MS = 25_000;

/** The last line. */
interface CheckSummaryEvent extends Record<CheckState, number> {
  readonly event: 'summary';
}

/** `dzd-telemetry check`: all steps run at the same time, and print in their order. */
export const checkBody: CommandBody<CheckOptions> = async (options, io) => {
  const print = printer(options.output, io);
  const loaded = load(options, io, print);
  const { config } = loaded;
  const { collector } = config;
  const clock = systemClock;
  const { rpc, endpoints, close } = openLedger(config.ledger);
  const lookups = createLookups({ config, rpc, clock, signal: io.signal });
  const steps = [
    configurationStep(loaded),
    keyStep(lookups),
    ...deviceSteps(config, lookups),
    ...endpointSteps(endpoints, lookups),
    ...programSteps(config, rpc, lookups),
    ...sourceSteps(collector.sources, lookups),
    userStep(collector.sources, lookups),
    ...triggerSteps(config, clock, lookups),
    snapshotStep(config, clock),
    ...(config.http.enabled ? [listenStep(config, io.version, lookups)] : []),
    startStep(config, lookups),
    // An agent on a port of the system's choice cannot be asked.
    ...(config.http.enabled && config.http.listen.port !== 0 ? [agentStep(lookups)] : []),
  ];
  const events: CheckEvent[] = [];
  try {
    const running = steps.map((step) => runStep(step, STEP_DEADLINE_MS, clock, io.signal));
    // One that rejects ends the loop below; the rejections of the others must not stay unhandled.
    void Promise.allSettled(running);
    for (const step of running) {
      const found = await step;
      // The same fault, found when all parts are opened as `run` does.
      const known = found.name === 'start' && events.some(({ state, detail }) => state === 'fail' && detail === found.detail);
      const event: CheckEvent = known ? { ...found, state: 'skipped', detail: 'another step has failed', remedy: null } : found;
      events.push(event);
      print(event);
    }
  } finally {
    await close();
  }
  const summary = summaryOf(events);
  print(summary);
  return (summary.fail === 0 ? 0 : 1) satisfies ExitCode;
};

/** An invalid configuration is a finding, too, and ends the check. */
function load(options: CheckOptions, io: CommandIo, print: (event: CheckEvent | CheckSummaryEvent) => void): LoadedConfig {
  try {
    return loadChosen(options, io);
  } catch (error) {
    const remedy = isAgentError(error) ? error.remedy : null;
    const event: CheckEvent = { event: 'check', name: 'configuration', state: 'fail', detail: describeError(error), remedy };
    if (options.output === 'json') for (const line of [event, summaryOf([event])]) print(line);
    throw error;
  }
}

function summaryOf(events: readonly CheckEvent[]): CheckSummaryEvent {
  const number = (wanted: CheckState): number => events.filter(({ state }) => state === wanted).length;
  return { event: 'summary', ok: number('ok'), warn: number('warn'), fail: number('fail'), skipped: number('skipped') };
}

const TONES: Readonly<Record<CheckState, Tone>> = { ok: 'good', warn: 'warn', fail: 'bad', skipped: 'dim' };

function printer(output: CheckOptions['output'], { stdout, environment }: CommandIo): (event: CheckEvent | CheckSummaryEvent) => void {
  if (output === 'json') return (event) => stdout.write(jsonLine(event));
  const color = usesColor(stdout, environment);
  return (event) => {
    if (event.event === 'summary') {
      stdout.write(`\n${event.ok} ok, ${count(event.warn, 'warning')}, ${event.fail} failed, ${event.skipped} skipped\n`);
      return;
    }
    stdout.write(`${paint(event.state.padEnd(7), TONES[event.state], color)}  ${printable(event.name)}: ${printable(event.detail)}\n`);
    if (event.remedy !== null) stdout.write(`         → ${event.remedy}\n`);
  };
}
