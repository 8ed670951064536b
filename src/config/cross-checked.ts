import type { KeyProblem } from './problems.ts';

/** What is found when settings are held against each other. */
export interface CrossChecked {
  readonly problems: readonly KeyProblem[];
  /** Allowed, but hardly meant; one line each. */
  readonly warnings: readonly string[];
}
