import type { Program } from '../runtime/index.ts';

const UNITS = 150;

/** Its instructions take effect before the transaction runs (readComputeBudget); running them costs 150 units. */
export const computeBudgetProgram: Program = {
  builtin: true,
  execute(context) {
    context.consume(UNITS);
  },
};
