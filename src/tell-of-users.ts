import { type Decided, type FlapPenalty, msUntilReuse, type Observation, type StatusPolicy } from './bgp/index.ts';
import type { Address } from './serviceability/index.ts';
import type { TickReporter } from './tick-reporter.ts';

export interface UserTellerOptions {
  readonly reporter: Pick<TickReporter, 'observed' | 'damping' | 'foreignWrites'>;
  readonly damping: StatusPolicy['damping'];
}

/** Tells, after each tick, what has changed of each user since the one before. Everybody may have changed at once: it pauses after each. */
export function createUserTeller({
  reporter,
  damping,
}: UserTellerOptions): (before: Decided['outcomes'], outcomes: Decided['outcomes']) => Generator<void, void, void> {
  function tellOfDamping(user: Address, before: FlapPenalty | undefined, penalty: FlapPenalty | undefined): void {
    const suppressed = penalty?.suppressed === true;
    if (suppressed === (before?.suppressed === true)) return;
    const msLeft = penalty === undefined ? 0 : msUntilReuse(penalty, damping);
    reporter.damping({ user, state: suppressed ? 'suppressed' : 'free', penalty: penalty?.value ?? 0, msUntilReuse: msLeft });
  }

  return function* (before, outcomes) {
    const foreign: Address[] = [];
    for (const [user, outcome] of outcomes) {
      if (outcome.isForeignWrite) foreign.push(user);
      const former = before.get(user);
      tellOfDamping(user, former?.track.penalty, outcome.track.penalty);
      if (!sameObservation(former?.observation, outcome.observation)) {
        reporter.observed({ user, before: former?.observation, outcome });
      }
      yield;
    }
    if (foreign.length > 0) reporter.foreignWrites({ users: foreign });
  };
}

function sameObservation(a: Observation | undefined, b: Observation): boolean {
  if (a === undefined || a.kind !== b.kind) return false;
  return a.kind !== 'unobserved' || b.kind !== 'unobserved' || a.because === b.because;
}
