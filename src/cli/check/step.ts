import { type Clock, DeadlineExceeded, describeError, isAgentError, withDeadline } from '../../lib/index.ts';

export type CheckState = 'ok' | 'warn' | 'fail' | 'skipped';

/** What one step found. */
export interface Finding {
  readonly state: CheckState;
  readonly detail: string;
  /** What to do about it; for `warn` and `fail`. */
  readonly remedy?: string;
}

export interface Step {
  readonly name: string;
  /** Throws AgentError for what fails, Skip where it makes no sense. */
  look(signal: AbortSignal): Finding | Promise<Finding>;
}

/** One step as it is printed. */
export interface CheckEvent {
  readonly event: 'check';
  readonly name: string;
  readonly state: CheckState;
  readonly detail: string;
  readonly remedy: string | null;
}

/** A step that needs what another one has failed to get, or what is not configured. */
export class Skip extends Error {
  override readonly name = 'Skip';
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail });
export const warn = (detail: string, remedy: string): Finding => ({ state: 'warn', detail, remedy });
export const fail = (detail: string, remedy: string): Finding => ({ state: 'fail', detail, remedy });

const LATE_REMEDY = 'something between this host and what was asked swallows packets, or is very slow; check the network and firewalls';
const DEFECT_REMEDY = 'this is a defect of dzd-telemetry; report it with this line';

/**
 * Takes one step within its deadline, and makes a finding of whatever comes of it. Rejects only when `signal` was aborted: a step that fails,
 * hangs or throws never hides the others.
 */
export async function takeStep({ name, look }: Step, deadlineMs: number, clock: Clock, signal: AbortSignal): Promise<CheckEvent> {
  const found = await withDeadline(
    deadlineMs,
    signal,
    (inner) => Promise.race([Promise.resolve().then(() => look(inner)), untilAborted(inner)]),
    clock,
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    return findingOf(error);
  });
  return { event: 'check', name, state: found.state, detail: found.detail, remedy: found.remedy ?? null };
}

function findingOf(error: unknown): Finding {
  if (error instanceof Skip) return { state: 'skipped', detail: error.message };
  if (error instanceof DeadlineExceeded) return fail(error.message, LATE_REMEDY);
  if (isAgentError(error)) return fail(error.message, error.remedy);
  return fail(describeError(error), DEFECT_REMEDY);
}

/** For work that does not listen to its signal. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
