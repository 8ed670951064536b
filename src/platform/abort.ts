import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.ts';

/**
 * Abort reasons are Error objects without exception: libraries (web3.js for one) drop a string reason and leave the promise pending for ever.
 */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(readonly ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

export class Stopped extends Error {
  override readonly name = 'Stopped';
  constructor(what = 'stopping') {
    super(what);
  }
}

/**
 * Runs `work` with a signal that aborts when `parent` does, or after `ms` milliseconds with a DeadlineExceeded. The inner signal is
 * aborted when `work` settles either way, so nothing that it started outlives it; the timer and the listener are gone by then.
 * The milliseconds are real ones, but for a clock that has deadlines of its own.
 */
export async function withDeadline<T>(
  ms: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  clock?: Pick<Clock, 'after'>,
): Promise<T> {
  const controller = lifeController();
  const onParentAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) onParentAbort();
  else parent?.addEventListener('abort', onParentAbort, { once: true });
  const startTimer = clock?.after ?? realTimer;
  const stopTimer = startTimer(ms, () => controller.abort(new DeadlineExceeded(ms)));
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    stopTimer();
    parent?.removeEventListener('abort', onParentAbort);
    controller.abort(new Stopped('the work has settled'));
  }
}

function realTimer(ms: number, onOver: () => void): () => void {
  const timer = setTimeout(onOver, ms);
  return () => clearTimeout(timer);
}

/**
 * A controller for the life of a part: hundreds of requests may listen to its signal at once, which is no leak since each of them stops
 * listening when it settles.
 */
export function lifeController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
