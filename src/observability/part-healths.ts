import type { AgentError, Clock } from '../lib/index.ts';
import type { PartReport } from './agent-status.ts';

/** How the sources, or the endpoints, are. */
export interface PartHealths {
  answered(name: string, latencyMs: number): void;
  changed(name: string, state: 'lost' | 'back', error?: AgentError): void;
  /** In the order of the configuration. */
  list(): readonly PartReport[];
}

/** Who is never told of as lost is well: parts tell of changes only. */
export function createPartHealths(names: readonly string[], clock: Pick<Clock, 'wall'>): PartHealths {
  const well = (name: string): PartReport => {
    return { name, state: 'ok', since: clock.wall(), latencyMs: null, problem: null, remedy: null, lastProblem: null };
  };
  const parts = new Map(names.map((name) => [name, well(name)]));
  return {
    answered(name, latencyMs) {
      const part = parts.get(name);
      if (part !== undefined) parts.set(name, { ...part, latencyMs });
    },
    changed(name, state, error) {
      const before = parts.get(name) ?? well(name);
      const since = clock.wall();
      const problem = error?.message ?? null;
      parts.set(name, {
        ...before,
        state: state === 'lost' ? 'lost' : 'ok',
        since,
        problem,
        remedy: error?.remedy ?? null,
        lastProblem: problem === null ? before.lastProblem : { at: since, text: problem },
      });
    },
    list: () => [...parts.values()],
  };
}
