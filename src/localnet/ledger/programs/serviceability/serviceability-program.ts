import { SET_USER_BGP_STATUS } from '../../../../serviceability/index.ts';
import type { Derive } from '../../../../serviceability/rfc11/index.ts';
import { type InstructionContext, InstructionFailure, type Program } from '../../runtime/index.ts';
import { createDerivations, createRfc11Processors } from './rfc11/index.ts';
import { setUserBgpStatus } from './set-user-bgp-status.ts';

/** Carries out one instruction of the program: the whole data, its variant byte included, is in the context. */
export type Processor = (context: InstructionContext) => void;

/** Instructions of this ledger, by variant: RFC-19's as deployed, RFC-11's as drafted. */
const allProcessors = (derive: Derive): ReadonlyMap<number, Processor> =>
  new Map([[SET_USER_BGP_STATUS, setUserBgpStatus], ...createRfc11Processors(derive)]);

/** Variants that the deployed program keeps as tags only. */
const DEPRECATED: ReadonlySet<number> = new Set([
  6, 7, 8, 9, 21, 22, 24, 25, 27, 29, 30, 32, 33, 35, 37, 38, 40, 41, 43, 45, 47, 48, 53, 72, 75, 77, 78,
]);
const DEPRECATED_ERROR = { Custom: 67 };
const DISPATCH_UNITS = 300;

/**
 * The serviceability program: variant byte → processor. A variant that the deployed program knows and this ledger does not carry out is
 * answered like an unknown one, with a line that says so; the world is built through the administration instead.
 */
export function createServiceabilityProgram({
  derive = createDerivations(),
  processors = allProcessors(derive),
}: {
  /** Shared with whoever asks for the same addresses. */
  readonly derive?: Derive;
  readonly processors?: ReadonlyMap<number, Processor>;
} = {}): Program {
  return {
    builtin: false,
    execute(context) {
      context.consume(DISPATCH_UNITS);
      const variant = context.data[0];
      const processor = variant === undefined ? undefined : processors.get(variant);
      if (processor !== undefined) return processor(context);
      if (variant !== undefined && DEPRECATED.has(variant)) throw new InstructionFailure(DEPRECATED_ERROR);
      context.log(`this ledger has no instruction ${variant ?? 'without data'}`);
      throw new InstructionFailure('InvalidInstructionData');
    },
  };
}
