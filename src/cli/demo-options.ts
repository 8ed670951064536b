import { type CommandBody, choiceOption, durationOption, type OptionValues, wholeNumberOption } from './command.ts';
import { MAX_USERS } from './localnet-options.ts';

export interface DemoOptions {
  readonly users: number;
  /** How long to run, milliseconds; absent: until it is stopped. */
  readonly forMs?: number;
  readonly output: 'table' | 'json';
  /** The same seed gives the same users, flaps and faults; absent: a new one. */
  readonly seed?: number;
}

export type DemoBody = CommandBody<DemoOptions>;

/** As many as fit on a screen. */
export const DEFAULT_USERS = 24;

export function readDemoOptions(values: OptionValues): DemoOptions {
  const forMs = durationOption(values, 'for');
  const seed = wholeNumberOption(values, 'seed', { min: 0, max: 4_294_967_295 });
  return {
    users: wholeNumberOption(values, 'users', { min: 1, max: MAX_USERS }) ?? DEFAULT_USERS,
    ...(forMs === undefined ? {} : { forMs }),
    output: choiceOption(values, 'output', ['table', 'json']),
    ...(seed === undefined ? {} : { seed }),
  };
}
