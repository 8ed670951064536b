import type { LedgerMeter } from '../agent-counts.ts';
import { type AgentReporter, SILENT_REPORTER, teeReporters } from '../agent-reporter.ts';
import { type AgentConfig, loadSecret } from '../config/index.ts';
import { AgentError, describeError, systemClock } from '../lib/index.ts';
import { createStatusBoard, type Logger, type StatusBoard } from '../observability/index.ts';
import type { OpenedAgent } from '../open-agent.ts';
import { parseEndpointUrls } from '../rpc/index.ts';
import type { Address } from '../serviceability/index.ts';

export interface AgentWindowOptions {
  readonly config: AgentConfig;
  readonly version: string;
  readonly publisher: Address | undefined;
  readonly logger: Logger;
  readonly reload: () => Promise<{ readonly successful: boolean; readonly message: string }>;
}

/** What people and programs see of a running agent. It outlives a reload. */
export interface AgentWindow {
  readonly reporter: AgentReporter;
  readonly board: StatusBoard;
  /** What the agent tells of its traffic with the ledger. */
  readonly meter: LedgerMeter;
  /** This agent was opened with these settings: the first runs now, another one from the moment when its reload is told to be done. */
  watch(agent: Pick<OpenedAgent, 'counts'>, config: AgentConfig): void;
  reloaded(successful: boolean): void;
  close(): Promise<void>;
}

/** Without a completed tick for so many intervals, and for half a minute at least, the agent is not healthy. */
const STALE_INTERVALS = 6;
const STALE_AT_LEAST_MS = 30_000;

const CLOSED: Omit<AgentWindow, 'board'> = {
  reporter: SILENT_REPORTER,
  meter: { request: () => undefined, bytes: () => undefined },
  watch: () => undefined,
  reloaded: () => undefined,
  close: async () => undefined,
};

/** What alerts compare with, so that they need not repeat it. */
const measuredSettings = ({ policy, collector, ledger }: AgentConfig) => ({
  refreshIntervalSeconds: policy.refreshInterval / 1_000,
  intervalSeconds: collector.interval / 1_000,
  idleIntervalSeconds: ledger.viewIdleInterval / 1_000,
});

const partNames = ({ collector, ledger }: AgentConfig) => ({
  sources: collector.sources.map(({ name }) => name),
  endpoints: parseEndpointUrls(ledger.rpcUrls).map(({ name }) => name),
});

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has it',
  EADDRNOTAVAIL: 'this host has no such address',
  EACCES: 'permission denied; ports below 1024 need a privilege',
  ENOTFOUND: 'the name is not known',
};

function whyNotListening(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return LISTEN_PROBLEMS[code] ?? describeError(error);
}

/** Opens the window that the configuration describes. Throws AgentError `CONFIG__PORT_IN_USE` where it can't be listened on. */
export async function openAgentWindow({ config, version, publisher, logger, reload }: AgentWindowOptions): Promise<AgentWindow> {
  const board = createStatusBoard({
    version,
    device: config.device,
    publisher,
    dryRun: false,
    ...partNames(config),
    clock: systemClock,
  });
  if (!config.http.enabled) return { ...CLOSED, board };

  const { createMetrics, createStatusServer, statusPageInSlices, userPage } = await import('../observability/http/index.ts');
  const metrics = createMetrics({ status: board.read, ...measuredSettings(config) });
  const { host, port } = config.http.listen;
  const { tokenFile } = config.http;
  const secret = tokenFile === undefined ? undefined : loadSecret('http.tokenFile', tokenFile);
  for (const line of secret?.warnings ?? []) logger.warn(line);
  const server = createStatusServer({
    host,
    port,
    ...(secret === undefined ? {} : { token: secret.value }),
    board,
    clock: systemClock,
    metrics,
    page: statusPageInSlices,
    userPage,
    staleAfterMs: Math.max(STALE_AT_LEAST_MS, STALE_INTERVALS * config.collector.interval),
    reload,
  });
  const bound = await server.start().catch((error: unknown) => {
    throw new AgentError('CONFIG__CANNOT_LISTEN', { address: `${host}:${port}`, problem: whyNotListening(error) }, { cause: error });
  });
  logger.info('status, metrics and health are served', { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/status` });
  let opened: { readonly counts: OpenedAgent['counts']; readonly config: AgentConfig } | undefined;
  const show = (): void => {
    if (opened !== undefined) metrics.watch(measuredSettings(opened.config), opened.counts);
  };
  return {
    reporter: teeReporters([board.reporter, metrics.reporter]),
    board,
    meter: {
      request(event) {
        board.request(event);
        metrics.meter.request(event);
      },
      bytes: metrics.meter.bytes,
    },
    watch({ counts }, of) {
      const isFirst = opened === undefined;
      opened = { counts, config: of };
      if (isFirst) show();
    },
    reloaded(successful) {
      metrics.reloaded(successful);
      if (!successful || opened === undefined) return;
      board.replaced(partNames(opened.config));
      show();
    },
    close: () => server.stop(),
  };
}
