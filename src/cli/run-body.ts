import type { Agent, OnceOutcome } from '../agent.ts';
import { teeReporters } from '../agent-reporter.ts';
import { type AgentConfig, loadConfig, loadKeypair } from '../config/index.ts';
import { createEventSink, createLogReporter, type Logger } from '../observability/index.ts';
import { openAgent } from '../open-agent.ts';
import { AgentError, withDeadline } from '../platform/index.ts';
import type { Signer } from '../publisher/index.ts';
import type { CommandIo, ExitCode } from './command.ts';
import { openLog } from './open-log.ts';
import { createIntentPrinter } from './print-intents.ts';
import type { RunBody, RunOptions } from './run.ts';

/** A blockhash lives for about a minute: by then everything that one tick wanted has landed or provably can't. */
const ONCE_DEADLINE_MS = 120_000;

/** `dzd-telemetry run`: the agent itself, until a signal ends it. */
export const runBody: RunBody = async (options, io) => {
  const { config, warnings, file } = loadConfig({
    ...(options.configFile === undefined ? {} : { file: options.configFile }),
    flags: options.settings,
    environment: io.environment,
  });
  const logger = openLog(config.log, io);
  for (const line of warnings) logger.warn(line);
  const signer = signerFor(options, config, logger);
  logger.info('starting', {
    version: io.version,
    env: config.env,
    device: config.device,
    sources: config.collector.sources.map(({ name }) => name),
    dryRun: options.dryRun,
    ...(file === undefined ? {} : { file }),
    ...(signer === undefined ? {} : { publisher: signer.address }),
  });

  const log = createLogReporter(logger);
  const sink = createEventSink({ output: options.output, destination: io.stdout });
  const agent = await openAgent({
    config,
    ...(options.dryRun || signer === undefined ? {} : { signer }),
    ...(signer === undefined ? {} : { publisher: signer.address }),
    warn: (line) => logger.warn(line),
    reporter: options.dryRun ? teeReporters([log, createIntentPrinter(config.device, sink)]) : log,
  });
  return options.once ? runOnce(agent, logger, io) : runUntilStopped(agent, logger, io);
};

/** A dry run does without the key; only a `--keypair` on the command line makes it compare the key with the device's publisher. */
function signerFor({ dryRun, settings }: RunOptions, { keypair: file }: AgentConfig, logger: Logger): Signer | undefined {
  if (dryRun && settings.keypair === undefined) return undefined;
  if (file === undefined) throw new AgentError('CONFIG__KEYPAIR_NOT_NAMED', {});
  const { keypair, warnings } = loadKeypair(file);
  for (const line of warnings) logger.warn(line);
  return keypair;
}

async function runUntilStopped(agent: Agent, logger: Logger, { signal }: CommandIo): Promise<ExitCode> {
  agent.start();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await stop(agent, logger);
  return 0;
}

async function runOnce(agent: Agent, logger: Logger, { signal }: CommandIo): Promise<ExitCode> {
  try {
    const outcome = await withDeadline(ONCE_DEADLINE_MS, signal, (inner) => agent.once(inner));
    return tellOnce(outcome, logger);
  } finally {
    await stop(agent, logger);
  }
}

function tellOnce({ report, problem, parked }: OnceOutcome, logger: Logger): ExitCode {
  const counts = { up: 0, down: 0, unobserved: 0 };
  for (const { observation } of report.outcomes.values()) counts[observation.kind] += 1;
  logger.info('one tick done', { users: report.outcomes.size, ...counts, intents: report.intents.length, rejected: parked.size });
  const failed = !report.switchRead || report.viewSlot === undefined || problem !== undefined || parked.size > 0;
  return failed ? 1 : 0;
}

async function stop(agent: Agent, logger: Logger): Promise<void> {
  const { unresolved } = await agent.stop();
  if (unresolved.length === 0) logger.info('stopped');
  else
    logger.warn('stopped with statuses in flight: whether they landed is seen at the next start', {
      users: unresolved.map(({ user, to }) => `${user} ${to}`),
    });
}
