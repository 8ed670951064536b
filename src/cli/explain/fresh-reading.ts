import { SILENT_REPORTER, teeReporters } from '../../agent-reporter.ts';
import type { AgentConfig } from '../../config/index.ts';
import { AgentError, systemClock, withDeadline } from '../../lib/index.ts';
import { createStatusBoard } from '../../observability/index.ts';
import { openAgent } from '../../open-agent.ts';
import type { Sight } from './running-agent.ts';

export interface FreshReadingOptions {
  readonly config: AgentConfig;
  readonly version: string;
  /** What is worth a warning. */
  readonly warn: (line: string) => void;
}

/** Longer than a tick takes that has to try every source and every endpoint. */
const READ_WITHIN_MS = 60_000;

/**
 * One tick of an agent that may not write: what it sees and would do. Throws the AgentError that kept the ledger from being read; a switch
 * that cannot be read is told in `sources`, and its users are unobserved.
 */
export async function readAfresh({ config, version, warn }: FreshReadingOptions, signal: AbortSignal): Promise<Sight> {
  const board = createStatusBoard({
    version,
    device: config.device,
    publisher: undefined,
    dryRun: true,
    sources: config.collector.sources.map(({ name }) => name),
    endpoints: [],
    clock: systemClock,
  });
  let lost: AgentError | undefined;
  const listener = {
    ...SILENT_REPORTER,
    ledgerView: ({ error }: { readonly error?: AgentError }) => {
      lost = error ?? lost;
    },
  };
  const agent = await openAgent({ config: readingOnly(config), warn, reporter: teeReporters([board.reporter, listener]) });
  try {
    const { report, problem } = await withDeadline(READ_WITHIN_MS, signal, (inner) => agent.once(inner));
    if (report.viewSlot === undefined)
      throw lost ?? problem ?? new AgentError('LEDGER__VIEW_FAILED', { problem: 'it did not answer in time' });
    if (problem?.class === 'agent-never') throw problem;
    return board.read();
  } finally {
    await agent.stop();
  }
}

/** One tick takes no snapshots, and waits for no wake-ups. */
function readingOnly(config: AgentConfig): AgentConfig {
  return { ...config, collector: { ...config.collector, wakeUps: [] }, snapshots: { ...config.snapshots, sink: 'none' } };
}
