import { type CheckOptions, readCheckOptions } from './check-options.ts';
import { defineCommand } from './command.ts';
import { configOptions } from './config-options.ts';

export const checkCommand = defineCommand<CheckOptions>({
  name: 'check',
  describe: 'Look at everything that the agent needs, and say what is missing. Sends nothing.',
  options: {
    output: { type: 'string', value: 'table|json', describe: 'A line a check for people, or an object a line' },
    ...configOptions(),
  },
  read: readCheckOptions,
  load: async () => (await import('./check-body.ts')).checkBody,
});
