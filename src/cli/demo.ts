import { type CommandBody, defineCommand } from './command.ts';
import { MAX_USERS } from './localnet.ts';
import { choiceOption, durationOption, type OptionValues, wholeNumberOption } from './option-values.ts';

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
const DEFAULT_USERS = 24;

export const demoCommand = defineCommand<DemoOptions>({
  name: 'demo',
  describe: 'Run the agent against a ledger and a simulated device of its own, and show what happens.',
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the device, ${DEFAULT_USERS} by default` },
    for: { type: 'string', value: 'DURATION', describe: 'End after this time, such as 30s; by default run until stopped' },
    output: { type: 'string', value: 'table|json', describe: 'A live table, or one JSON object a line' },
    seed: { type: 'string', value: 'N', describe: 'Repeat the run that had this seed' },
  },
  read: readDemoOptions,
  load: async () => (await import('./demo-body.ts')).demoBody,
});

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
