import type { Agent } from '../agent/agent.ts';
import type { LedgerMeter } from '../agent/counts.ts';
import { createAgentEvents } from '../agent/events.ts';
import type { OpenedAgent } from '../agent/from-config.ts';
import { type AgentConfig, loadSecret } from '../config/index.ts';
import {
  AgentError,
  backoffDelays,
  type Clock,
  createAbortController,
  describeError,
  hostInUrl,
  Stopped,
  systemClock,
} from '../lib/index.ts';
import { createStatusBoard, createVerdictLog, type Logger, type RecentLines, SILENT_MS, type StatusBoard } from '../observability/index.ts';
import { parseEndpointUrls } from '../rpc/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { Handover } from '../worker/index.ts';

interface OpenedService {
  readonly agent: Agent;
  /** Keys that changed since the start and need a restart. */
  readonly waiting: readonly string[];
}

interface AgentServiceOptions {
  /** Reads the configuration and builds an agent from it. Throws its problems. Starts nothing. */
  readonly open: () => Promise<OpenedService>;
  readonly logger: Logger;
  /** A reload begins; `onReload` gets its result. */
  readonly onReloading?: () => void;
  readonly onReload: (outcome: ReloadOutcome) => void;
  readonly clock?: Pick<Clock, 'sleep'>;
}

/** From the end of one reload to the start of the next: each ends the tick under way, and a thousand in a row would leave no time for another. */
const RELOAD_PAUSE_MS = 5_000;

interface ReloadOutcome {
  readonly successful: boolean;
  /** One line per problem. */
  readonly message: string;
}

/**
 * The running agent, and its successor after a reload. A reload replaces the agent by a new one. No write is lost: the old agent drains its
 * transactions in flight and hands over the rest, and the new one decides from the ledger's records, as after any start.
 */
export class AgentService {
  readonly #options: AgentServiceOptions;
  #agent: Agent | undefined;
  #starting: Promise<void> | undefined;
  /** The reload that has not read the configuration yet: requests share it. */
  #nextReload: Promise<ReloadOutcome> | undefined;
  #reloading: Promise<ReloadOutcome> | undefined;
  /** Until the next reload may begin. */
  #pause: Promise<void> | undefined;
  readonly #stopping = createAbortController();

  constructor(options: AgentServiceOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#starting ??= this.#options.open().then(({ agent }) => {
      this.#agent = agent;
      if (!this.#stopping.signal.aborted) agent.start();
    });
    await this.#starting;
  }

  /**
   * Opens the new agent before it stops the old one: an invalid configuration leaves the old one running. One reload at a time, and one in 5 s:
   * requests in between share the next one.
   */
  reload(): Promise<ReloadOutcome> {
    this.#nextReload ??= this.#reloadInTurn();
    return this.#nextReload;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Stopped('the agent stops'));
    await this.#starting?.catch(() => undefined);
    await this.#reloading;
    if (this.#agent !== undefined) await stopAgent(this.#agent, this.#options.logger);
    this.#options.logger.info('stopped');
  }

  async #reloadInTurn(): Promise<ReloadOutcome> {
    const { clock = systemClock } = this.#options;
    const { signal } = this.#stopping;
    if (this.#pause !== undefined) await this.#pause;
    if (signal.aborted) return { successful: false, message: 'the agent is stopping' };
    const reloading = this.#swap();
    this.#reloading = reloading;
    this.#pause = reloading
      .then(() => clock.sleep(RELOAD_PAUSE_MS, signal))
      .catch(() => undefined)
      .finally(() => {
        this.#pause = undefined;
      });
    return reloading;
  }

  async #swap(): Promise<ReloadOutcome> {
    const { open, logger, onReloading, onReload } = this.#options;
    // The first agent may still be starting. A second one would write with the same key, and never be stopped.
    const problem = await this.#starting?.then(
      () => undefined,
      (error: unknown) => `the agent failed to start: ${describeError(error)}`,
    );
    this.#nextReload = undefined;
    if (problem !== undefined) return { successful: false, message: problem };
    onReloading?.();
    let next: OpenedService;
    try {
      next = await open();
    } catch (error) {
      const message = describeError(error);
      logger.error('configuration reload failed; the agent keeps its current configuration', {
        error: error instanceof Error ? error : new Error(message),
      });
      const failed = { successful: false, message };
      onReload(failed);
      return failed;
    }
    const left = await this.#agent?.stop();
    this.#agent = next.agent;
    const { waiting } = next;
    if (waiting.length === 0) logger.info('configuration reloaded');
    else logger.warn('configuration reloaded, but some changes need a restart', { keys: waiting });
    const rest = waiting.length === 0 ? '' : `; changes of ${waiting.join(', ')} need a restart`;
    const reloaded = { successful: true, message: `configuration reloaded${rest}` };
    onReload(reloaded);
    // Last, as what the new agent reports at once is no longer about the former one.
    if (!this.#stopping.signal.aborted) next.agent.start(left);
    else if (left !== undefined) warnOfUnresolved(left, logger);
    return reloaded;
  }
}

/** Drains the transactions in flight, and warns of those that stay unconfirmed. */
export async function stopAgent(agent: Agent, logger: Logger): Promise<void> {
  warnOfUnresolved(await agent.stop(), logger);
}

function warnOfUnresolved({ unresolved }: Handover, logger: Logger): void {
  if (unresolved.length === 0) return;
  logger.warn('stopped with unconfirmed writes; the next start reads their result from the ledger', {
    users: unresolved.flatMap(({ intents }) => intents.map(({ user, to }) => `${user} ${to}`)),
  });
}

interface AdminServerOptions {
  readonly config: AgentConfig;
  readonly version: string;
  readonly commit: string | null;
  readonly publisher: Address | undefined;
  readonly logger: Logger;
  /** The newest lines of the log, to serve. */
  readonly recent?: RecentLines;
  readonly reload: () => Promise<ReloadOutcome>;
}

/** The agent's status, and with `http.enabled` status, metrics and health over HTTP. It outlives a reload. */
export type AdminServer = Awaited<ReturnType<typeof openAdminServer>>;

/** Without a completed tick for this many intervals, for at least 30 s and for longer than a slow poll takes, the agent is unhealthy. */
const STALE_INTERVALS = 6;
const STALE_AT_LEAST_MS = 30_000;

/** What the collector adds to the timeout of a source that keeps its own. */
const POLL_GRACE_MS = 1_000;

/** How long may lie between two completed ticks. Each SNMP source may take its whole time, and once more for the confirmation poll. */
export function staleAfterMs({ collector }: Pick<AgentConfig, 'collector'>): number {
  const polls = collector.sources.map((source) => (source.type === 'snmp' ? 2 * (source.pollTimeout + POLL_GRACE_MS) : 0));
  const slowest = collector.interval + polls.reduce((sum, ms) => sum + ms, 0);
  return Math.max(STALE_AT_LEAST_MS, STALE_INTERVALS * collector.interval, slowest);
}

/** Settings that alerts compare with. */
const measuredSettings = ({ policy, collector, ledger }: AgentConfig) => ({
  refreshIntervalSeconds: policy.refreshInterval / 1_000,
  intervalSeconds: collector.interval / 1_000,
  idleIntervalSeconds: ledger.viewIdleInterval / 1_000,
});

const boardSettings = (config: AgentConfig) => ({
  refreshIntervalMs: config.policy.refreshInterval,
  // A drain has no ticks either.
  silentAfterMs: Math.max(SILENT_MS, staleAfterMs(config) + config.worker.drainTimeout),
  sources: config.collector.sources.map(({ name }) => name),
  endpoints: parseEndpointUrls(config.ledger.rpcUrls).map(({ name }) => name),
});

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses it',
  EADDRNOTAVAIL: 'this host has no such address',
  EACCES: 'permission denied; a port below 1024 requires a privilege',
  ENOTFOUND: 'unknown host name',
};

/** These end without a person: an address that a booting host does not have yet, a port that an earlier process still holds. */
const TRANSIENT = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EAI_AGAIN']);

/** Why the HTTP server cannot listen, and whether that may end without a person. */
function listenError(error: unknown, { host, port }: AgentConfig['http']['listen']) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const problem = LISTEN_PROBLEMS[code] ?? describeError(error);
  return {
    error: new AgentError('CONFIG__CANNOT_LISTEN', { address: `${host}:${port}`, problem }, { cause: error }),
    isTransient: TRANSIENT.has(code),
  };
}

/** A verdict reads all users: it is asked for at each tick, and after this long without one. */
const VERDICT_INTERVAL_MS = 10_000;

/**
 * Keeps the agent's status, logs each change of its verdict, and opens the HTTP server of the configuration. Where its address is not free yet,
 * it resolves at once, and listens as soon as it can. Throws AgentError `CONFIG__CANNOT_LISTEN` for what only a person can correct.
 */
export async function openAdminServer({ config, version, commit, publisher, logger, recent, reload }: AdminServerOptions) {
  const board = createStatusBoard({
    version,
    commit,
    network: config.env,
    device: config.device,
    publisher,
    dryRun: false,
    ...boardSettings(config),
    clock: systemClock,
  });
  const served = config.http.enabled ? await serve(board, { config, logger, recent, reload }) : undefined;
  const metrics = served?.metrics;
  let opened: { readonly counts: OpenedAgent['counts']; readonly config: AgentConfig } | undefined;
  const show = (): void => {
    if (opened !== undefined) metrics?.watch(measuredSettings(opened.config), opened.counts);
  };
  const logVerdict = createVerdictLog(logger, board.read);
  const verdictTimer = setInterval(() => {
    try {
      logVerdict();
    } catch (error) {
      reporter.internalError(error);
    }
  }, VERDICT_INTERVAL_MS).unref();
  const tick = (): void => {
    logVerdict();
    verdictTimer.refresh();
  };
  const { reporter } = createAgentEvents(board.listener, metrics?.listener ?? {}, { tick });
  return {
    /** Why the HTTP server does not listen yet. */
    problem: served?.problem,
    reporter,
    /** The gravest finding of the verdict. */
    finding: () => board.read().findings[0],
    /** Receives the requests and bytes that the agent exchanges with the ledger. */
    meter: {
      request(event) {
        board.request(event);
        metrics?.meter.request(event);
      },
      bytes: (event) => metrics?.meter.bytes(event),
    } satisfies LedgerMeter,
    /** The agent that was opened with these settings. The first one shows at once, the next one after a successful reload. */
    watch({ counts }: Pick<OpenedAgent, 'counts'>, of: AgentConfig): void {
      const isFirst = opened === undefined;
      opened = { counts, config: of };
      if (isFirst) show();
    },
    reloaded({ successful, message }: ReloadOutcome): void {
      metrics?.reloaded(successful);
      board.reloaded(successful, message);
      if (!successful || opened === undefined) return;
      board.replaced(boardSettings(opened.config));
      show();
    },
    async close() {
      clearInterval(verdictTimer);
      await served?.close();
    },
  };
}

/** Loaded only where the configuration enables it: prom-client costs memory. */
async function serve(
  board: StatusBoard,
  { config, logger, recent, reload }: Pick<AdminServerOptions, 'config' | 'logger' | 'recent' | 'reload'>,
) {
  const { createMetrics, createStatusServer, statusPage, userPage } = await import('../observability/http/index.ts');
  const {
    listen: { host, port },
    tokenFile,
  } = config.http;
  const metrics = createMetrics({ status: board.read, ...measuredSettings(config) });
  const secret = tokenFile === undefined ? undefined : loadSecret('http.tokenFile', tokenFile);
  for (const line of secret?.warnings ?? []) logger.warn(line);
  const server = createStatusServer({
    host,
    port,
    token: secret?.value,
    board,
    metrics,
    page: statusPage,
    userPage,
    log: recent && (() => recent.text()),
    staleAfterMs: staleAfterMs(config),
    reload,
  });
  const listen = async (): Promise<ReturnType<typeof listenError> | undefined> => {
    try {
      const bound = await server.start();
      logger.info('serving status, metrics and health', { url: `http://${hostInUrl(host)}:${bound}/status` });
      return undefined;
    } catch (error) {
      return listenError(error, config.http.listen);
    }
  };
  const closing = createAbortController();
  const retry = async (first: AgentError): Promise<void> => {
    let last: AgentError | undefined;
    let error: AgentError | undefined = first;
    for (const delayMs of backoffDelays({ baseMs: 1_000, maxMs: 30_000, random: Math.random })) {
      if (error.message !== last?.message)
        logger.warn('status, metrics and health are not served yet; the agent runs and retries', { error });
      last = error;
      await systemClock.sleep(delayMs, closing.signal);
      error = (await listen())?.error;
      if (error === undefined) return;
    }
  };
  const failed = await listen();
  if (failed !== undefined && !failed.isTransient) throw failed.error;
  const retrying = failed && retry(failed.error).catch(() => undefined);
  return {
    problem: failed?.error,
    metrics,
    async close(): Promise<void> {
      closing.abort(new Stopped('the admin server is closed'));
      await retrying;
      await server.stop();
    },
  };
}
