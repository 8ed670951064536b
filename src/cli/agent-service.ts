import type { Agent } from '../agent.ts';
import { describeError } from '../lib/index.ts';
import type { Logger } from '../observability/index.ts';
import type { LeftInFlight } from '../worker/index.ts';

export interface OpenedService {
  readonly agent: Agent;
  /** Keys that were changed since the start and that only a restart changes. */
  readonly waiting: readonly string[];
}

export interface AgentServiceOptions {
  /** Reads and checks the configuration, and builds an agent from it; throws what is wrong with it. Starts nothing. */
  readonly open: () => Promise<OpenedService>;
  readonly logger: Logger;
  /** A reload begins; `onReload` tells how it ended. */
  readonly onReloading?: () => void;
  readonly onReload: (successful: boolean) => void;
}

export interface ReloadOutcome {
  readonly successful: boolean;
  /** One line a problem. */
  readonly message: string;
}

/** The running agent, and its successor after a reload. */
export interface AgentService {
  start(): Promise<void>;
  /** Validates first and swaps then: a configuration with a mistake leaves the running agent as it is. One reload at a time. */
  reload(): Promise<ReloadOutcome>;
  stop(): Promise<void>;
}

/**
 * A reload replaces the agent by a new one. Nothing is lost by that: what is in the air is drained first, what is left there is handed over, and
 * the new one decides from what the ledger says, as after any start.
 */
export function createAgentService({ open, logger, onReloading, onReload }: AgentServiceOptions): AgentService {
  let agent: Agent | undefined;
  let reloading: Promise<ReloadOutcome> | undefined;
  let starting: Promise<void> | undefined;
  let stopped = false;

  async function swap(): Promise<ReloadOutcome> {
    // The first agent may still be being built: whoever came second would be forgotten, and go on writing with the same key.
    try {
      await starting;
    } catch (error) {
      return { successful: false, message: `the agent could not be started: ${describeError(error)}` };
    }
    onReloading?.();
    let next: OpenedService;
    try {
      next = await open();
    } catch (error) {
      const message = describeError(error);
      logger.error('the configuration was not taken; the agent goes on with the one it has', {
        error: error instanceof Error ? error : new Error(message),
      });
      onReload(false);
      return { successful: false, message };
    }
    const left = await agent?.stop();
    agent = next.agent;
    if (!stopped) agent.start(left);
    else if (left !== undefined) tellOfLeft(left, logger);
    const { waiting } = next;
    if (waiting.length === 0) logger.info('the configuration was read again');
    else logger.warn('the configuration was read again, but some of its changes need a restart', { keys: waiting });
    onReload(true);
    const rest = waiting.length === 0 ? '' : `; changes of ${waiting.join(', ')} need a restart`;
    return { successful: true, message: `the configuration was read again${rest}` };
  }

  return {
    async start() {
      starting ??= open().then((first) => {
        agent = first.agent;
        if (!stopped) agent.start();
      });
      await starting;
    },
    reload() {
      if (stopped) return Promise.resolve({ successful: false, message: 'the agent stops' });
      reloading ??= swap().finally(() => {
        reloading = undefined;
      });
      return reloading;
    },
    async stop() {
      stopped = true;
      await starting?.catch(() => undefined);
      await reloading;
      if (agent !== undefined) await stopAgent(agent, logger);
      logger.info('stopped');
    },
  };
}

/** Drains what is in the air, and says what was left there. */
export async function stopAgent(agent: Agent, logger: Logger): Promise<void> {
  tellOfLeft(await agent.stop(), logger);
}

function tellOfLeft({ unresolved }: LeftInFlight, logger: Logger): void {
  if (unresolved.length === 0) return;
  logger.warn('stopped with statuses in flight: whether they landed is seen at the next start', {
    users: unresolved.flatMap(({ intents }) => intents.map(({ user, to }) => `${user} ${to}`)),
  });
}
