import { type Breathe, type Clock, inSlices, shareWork, timeSlices } from '../../lib/index.ts';
import type { AgentStatus } from '../agent-status.ts';
import { jsonLineInSteps } from '../plain-json.ts';
import type { StatusBoard } from '../status-board.ts';

export interface WholeAnswersOptions {
  readonly board: Pick<StatusBoard, 'readInSlices'>;
  readonly metrics: { text(status: AgentStatus): Promise<string> };
  /** The page for people; whoever puts it together breathes. */
  readonly page: (status: AgentStatus, breathe: Breathe) => string | Promise<string>;
  readonly clock: Clock;
}

type Shared<T> = (signal: AbortSignal) => Promise<T>;

/** Answers that tell of all users. Each is put together in turns of the event loop, so that the ticks go on. */
export interface WholeAnswers {
  readonly status: Shared<AgentStatus>;
  readonly page: Shared<string>;
  readonly json: Shared<string>;
  readonly metrics: Shared<string>;
}

/**
 * However many ask, each answer is put together once at a time: who asks meanwhile gets the same one, and when all who asked are gone, it is left.
 */
export function createWholeAnswers({ board, page, metrics, clock }: WholeAnswersOptions): WholeAnswers {
  const status = shareWork((signal) => board.readInSlices(timeSlices(clock, signal)));
  return {
    status,
    page: shareWork(async (signal) => page(await status(signal), timeSlices(clock, signal))),
    json: shareWork(async (signal) => inSlices(jsonLineInSteps(await status(signal)), timeSlices(clock, signal))),
    metrics: shareWork(async (signal) => metrics.text(await status(signal))),
  };
}
