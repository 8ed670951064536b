import type { StatusIntent } from '../bgp/index.ts';
import type { AgentError } from '../platform/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { Allowance } from './spend-budget.ts';

/** What became of the worker's transactions, each told once, where it happens. Loggers, metrics and the demo's table listen here. */
export interface WorkerReporter {
  sent(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** The same transaction goes out once more: nobody has seen it land yet. */
  rebroadcast(event: { readonly signature: string }): void;
  /** One write is on the ledger. `latencyMs` is from the first send. */
  landed(event: { readonly intent: StatusIntent; readonly signature: string; readonly slot: Slot; readonly latencyMs: number }): void;
  /** The program refused this user's status; the user is parked (see ParkedUsers). */
  rejected(event: { readonly intent: StatusIntent; readonly signature: string; readonly error: AgentError }): void;
  /** Provably never landed; its users are decided anew. */
  expired(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** A whole transaction failed for a reason that is no user's; its users go again. */
  failed(event: { readonly signature: string; readonly intents: readonly StatusIntent[]; readonly error: Error }): void;
  /** No endpoint took it, or writing was halted by it: it will never land, and its users wait. */
  withdrawn(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** Nothing will be written until a person acts, or the cause goes away. */
  halted(error: AgentError): void;
  resumed(): void;
  /** What may be spent has changed: a limit is nearly or wholly used up, or has room again (rule 21). */
  budget(event: { readonly allowance: Allowance }): void;
}
