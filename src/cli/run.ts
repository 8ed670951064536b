import { once } from 'node:events';
import type { Agent, OnceOutcome } from '../agent/agent.ts';
import { createAgentEvents } from '../agent/events.ts';
import { type OpenedAgent, openAgent } from '../agent/from-config.ts';
import { type AgentConfig, keepUntilRestart, type LoadedConfig, loadKeypair } from '../config/index.ts';
import { AgentError, DeadlineExceeded, describeError, systemClock, withDeadline } from '../lib/index.ts';
import { createLogListener, createNotifyRunner, createSdNotify, type Logger, RecentLines, tableStyle } from '../observability/index.ts';
import type { Signer } from '../publisher/index.ts';
import { type CommandBody, type CommandIo, type ExitCode, loadChosen } from './command.ts';
import { COMMIT } from './command-line.ts';
import { type AdminServer, AgentService, openAdminServer, stopAgent } from './daemon.ts';
import { createIntentPrinter, intentWriter } from './dry-run.ts';
import type { RunOptions } from './options.ts';
import { openLog, withConfigLocation } from './process.ts';

/** A blockhash is valid for about a minute: by then every write of one tick is confirmed or expired. */
const ONCE_DEADLINE_MS = 120_000;

/** `dzd-telemetry run`: the agent itself, until a signal ends it. */
export const runBody: CommandBody<RunOptions> = async (options, io) => {
  const loaded = loadChosen(options, io);
  try {
    return await run(loaded, options, io);
  } catch (error) {
    throw withConfigLocation(error, loaded);
  }
};

async function run({ config, warnings, file }: LoadedConfig, options: RunOptions, io: CommandIo): Promise<ExitCode> {
  const recent = new RecentLines();
  const logger = openLog(config.log, io, recent);
  for (const line of warnings) logger.warn(line);
  const signer = signerFor(options, config, logger);
  logger.info('starting', {
    version: io.version,
    env: config.env,
    device: config.device,
    sources: config.collector.sources.map(({ name }) => name),
    dryRun: options.dryRun,
    file,
    publisher: signer?.address,
  });

  const events = createAgentEvents(createLogListener(logger));
  const open = (of: AgentConfig, server?: AdminServer): Promise<OpenedAgent> =>
    openAgent({
      config: of,
      signer: options.dryRun ? undefined : signer,
      publisher: signer?.address,
      warn: (line) => logger.warn(line),
      reporter: events.reporter,
      meter: server?.meter,
    });
  const print = intentWriter({ output: options.output, destination: io.stdout, columns: tableStyle(io.stdout, io.environment).columns });
  if (options.dryRun) events.listen(createIntentPrinter(config.device, print));
  if (options.once) return runOnce(await open(config), logger, io);
  // The configuration was read a moment ago.
  io.onHangup(() => undefined);

  const server = options.dryRun
    ? undefined
    : await openAdminServer({
        config,
        version: io.version,
        commit: COMMIT,
        publisher: signer?.address,
        logger,
        recent,
        reload: () => service.reload(),
      });
  const notify = createNotifyRunner(io.environment);
  const { environment } = io;
  const manager = createSdNotify({ environment, pid: process.pid, run: notify, clock: systemClock, logger, finding: server?.finding });
  // Its status line shows the verdict, so it listens after the server.
  if (server !== undefined) events.listen(server.reporter);
  events.listen(manager.listener);
  let isFirst = true;
  const service = new AgentService({
    open: async () => {
      const again = isFirst ? undefined : loadChosen(options, io);
      isFirst = false;
      for (const line of again?.warnings ?? []) logger.warn(line);
      const { config: next, waiting } = again === undefined ? { config, waiting: [] } : keepUntilRestart(config, again.config);
      try {
        const agent = await open(next, server);
        server?.watch(agent, next);
        return { agent, waiting };
      } catch (error) {
        throw again === undefined ? error : withConfigLocation(error, again);
      }
    },
    logger,
    onReloading: () => manager.reloading(),
    onReload: (outcome) => {
      server?.reloaded(outcome);
      manager.reloaded();
    },
  });
  io.onHangup(() => void service.reload());
  try {
    if (!io.signal.aborted) await service.start();
    if (!io.signal.aborted) await once(io.signal, 'abort');
    logger.info('stopping: waiting for transactions in flight; a second signal exits at once', {
      reason: describeError(io.signal.reason),
      atMostSeconds: config.worker.drainTimeout / 1_000,
    });
  } finally {
    manager.stopping();
    await service.stop();
    await server?.close();
    await manager.flush();
  }
  return 0;
}

/** A dry run needs no key; with `--keypair` on the command line, it compares that key with the device's publisher. */
function signerFor({ dryRun, settings }: RunOptions, { keypair: file }: AgentConfig, logger: Logger): Signer | undefined {
  if (dryRun && settings.keypair === undefined) return undefined;
  const { keypair, warnings } = loadKeypair(file);
  for (const line of warnings) logger.warn(line);
  return keypair;
}

async function runOnce(agent: Agent, logger: Logger, { signal }: CommandIo): Promise<ExitCode> {
  try {
    const outcome = await withDeadline(ONCE_DEADLINE_MS, signal, (inner) => agent.once(inner));
    return reportOnce(outcome, logger);
  } catch (error) {
    if (!(error instanceof DeadlineExceeded)) throw error;
    throw new AgentError('WRITE__NOT_SETTLED', { seconds: ONCE_DEADLINE_MS / 1_000 }, { cause: error });
  } finally {
    await stopAgent(agent, logger);
    logger.info('stopped');
  }
}

function reportOnce({ report, problem, backedOffUsers, unconfirmed }: OnceOutcome, logger: Logger): ExitCode {
  const counts = { up: 0, down: 0, unobserved: 0 };
  for (const { observation } of report.outcomes.values()) counts[observation.kind] += 1;
  const fields = {
    users: report.outcomes.size,
    ...counts,
    intents: report.intents.length,
    rejected: backedOffUsers.size,
    notLanded: unconfirmed.length,
  };
  const failures = [
    report.switchRead ? [] : ['the switch could not be read'],
    report.viewSlot === undefined ? ['the users could not be read from the ledger'] : [],
    problem === undefined ? [] : [problem.message],
    backedOffUsers.size === 0 ? [] : ['the program rejected statuses'],
    unconfirmed.length === 0 ? [] : ['writes did not land'],
  ].flat();
  if (failures.length === 0) logger.info('poll completed', fields);
  else logger.error('poll failed', { ...fields, problem: failures.join('; ') });
  return failures.length === 0 ? 0 : 1;
}
