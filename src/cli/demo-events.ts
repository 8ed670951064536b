import { type AgentReporter, SILENT_REPORTER } from '../agent/events.ts';
import type { ScenarioEvent } from '../localnet/index.ts';

/** What the demo prints besides the summary, with `--output json`: the world's moves, and the agent's answers to them. */
export type DemoEvent =
  | { readonly event: 'world'; readonly kind: ScenarioEvent['kind']; readonly user: string }
  | { readonly event: 'observed'; readonly user: string; readonly observation: string; readonly because: string | null }
  | {
      readonly event: 'landed';
      readonly user: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
      readonly rttNs: bigint;
      readonly signature: string;
      readonly slot: bigint;
    }
  | { readonly event: 'rejected'; readonly user: string; readonly to: string; readonly problem: string }
  | { readonly event: 'expired'; readonly signature: string; readonly users: number };

export interface DemoEvents {
  readonly reporter: AgentReporter;
  world(event: ScenarioEvent): void;
}

export function createDemoEvents(emit: (event: DemoEvent) => void): DemoEvents {
  return {
    reporter: {
      ...SILENT_REPORTER,
      observed: ({ user, outcome: { observation } }) =>
        emit({
          event: 'observed',
          user,
          observation: observation.kind,
          because: observation.kind === 'unobserved' ? observation.because : null,
        }),
      landed: ({ intent: { user, from, to, reason, rttNs }, signature, slot }) =>
        emit({ event: 'landed', user, from, to, reason, rttNs, signature, slot }),
      rejected: ({ intent: { user, to }, error }) => emit({ event: 'rejected', user, to, problem: error.message }),
      expired: ({ signature, intents }) => emit({ event: 'expired', signature, users: intents.length }),
    },
    world: ({ kind, user }) => emit({ event: 'world', kind, user }),
  };
}
