import { defineCommand } from './command.ts';
import { DEFAULT_USERS, type DemoOptions, readDemoOptions } from './demo-options.ts';

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
