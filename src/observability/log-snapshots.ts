import type { AgentReporter } from '../agent-reporter.ts';
import type { Logger } from './logger.ts';

type SnapshotEvent = 'snapshotStored' | 'snapshotFailed' | 'snapshotRefused' | 'snapshotPlace';

/** A kind that goes on failing is told again so many rounds later, so that it is not forgotten: once an hour at the usual interval. */
const REMIND_AFTER = 60;

/** One line when something about snapshots changes; what stays as it is goes to debug. */
export function createSnapshotLog(logger: Logger): Pick<AgentReporter, SnapshotEvent> {
  return {
    snapshotStored({ kind, bytes, durationMs, failures }) {
      if (failures > 0) logger.info('snapshots of this kind are stored again', { kind, bytes, failures });
      else logger.debug('snapshot stored', { kind, bytes, durationMs: Math.round(durationMs) });
    },
    snapshotFailed({ kind, error, failures }) {
      const isNews = failures % REMIND_AFTER === 1;
      logger[isNews ? 'warn' : 'debug']('a snapshot failed; statuses are written all the same', { kind, error, failures });
    },
    snapshotRefused({ errors }) {
      for (const error of errors) logger.warn('not everything that is asked for is collected', { error });
    },
    snapshotPlace({ place, state, error }) {
      if (state === 'back') logger.info('snapshots are taken again', { place });
      else logger.warn('snapshots rest; statuses are written all the same', { place, ...(error === undefined ? {} : { error }) });
    },
  };
}
