import type { AgentReporter } from '../agent-reporter.ts';
import type { Clock } from '../lib/index.ts';
import type { Logger } from './logger.ts';

type SnapshotEvent = 'snapshotStored' | 'snapshotFailed' | 'snapshotRefused' | 'snapshotPlace';

/** A kind that goes on failing is told again so many rounds later, so that it is not forgotten: once an hour at the usual interval. */
const REMIND_AFTER = 60;
/** What breaks the switch or the folder breaks every kind of a round: one of them speaks for the others that fail alike meanwhile. */
const ALIKE_MS = 60_000;

/** One line when something about snapshots changes; what stays as it is, and what another kind has told, goes to debug. */
export function createSnapshotLog(logger: Logger, clock: Pick<Clock, 'monotonic'>): Pick<AgentReporter, SnapshotEvent> {
  /** Kinds whose failure was told, so that their return is. */
  const told = new Set<string>();
  /** Until when a failure of this code was told by some kind. */
  const quietUntil = new Map<string, number>();
  return {
    snapshotStored({ kind, bytes, durationMs, failures }) {
      if (told.delete(kind)) logger.info('snapshots are stored again', { kind, bytes, failures });
      else logger.debug('snapshot stored', { kind, bytes, durationMs: Math.round(durationMs) });
    },
    snapshotFailed({ kind, error, failures }) {
      const isDue = failures % REMIND_AFTER === 1;
      const isNews = isDue && clock.monotonic() >= (quietUntil.get(error.code) ?? Number.NEGATIVE_INFINITY);
      if (isNews) {
        told.add(kind);
        quietUntil.set(error.code, clock.monotonic() + ALIKE_MS);
      }
      logger[isNews ? 'warn' : 'debug']('a snapshot failed, and others may alike; statuses do not depend on them', {
        kind,
        error,
        failures,
      });
    },
    snapshotRefused({ errors }) {
      for (const error of errors) logger.warn('not everything that is asked for is collected', { error });
    },
    snapshotPlace({ place, state, error }) {
      if (state === 'back') logger.info('snapshots are taken again', { place });
      else logger.warn('snapshots rest; statuses do not depend on them', { place, ...(error === undefined ? {} : { error }) });
    },
  };
}
