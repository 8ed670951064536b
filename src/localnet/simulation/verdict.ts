/** The promises that a run is held to; docs/simulation.md says each in words. */
export type Invariant =
  | 'one-unresolved-status'
  | 'no-older-after-newer'
  | 'down-is-believable'
  | 'writes-what-was-seen'
  | 'sends-what-is-wanted'
  | 'no-needless-change'
  | 'spends-within-limits'
  | 'converges'
  | 'bounded'
  | 'no-defect';

export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
}

export interface Verdict {
  /** The first violation ends the run. */
  fail(invariant: Invariant, detail: string): void;
  readonly violation: Violation | undefined;
}

export function createVerdict(onViolation: (violation: Violation) => void): Verdict {
  let violation: Violation | undefined;
  return {
    fail(invariant, detail) {
      if (violation !== undefined) return;
      violation = { invariant, detail };
      onViolation(violation);
    },
    get violation() {
      return violation;
    },
  };
}
