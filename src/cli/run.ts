import { defineCommand } from './command.ts';
import { type RunOptions, readRunOptions, settingOptions } from './run-options.ts';

export const runCommand = defineCommand<RunOptions>({
  name: 'run',
  describe: 'Watch a device and keep the ledger right.',
  options: {
    config: { type: 'string', value: 'FILE', describe: 'Configuration file; also DZD_CONFIG' },
    'dry-run': { type: 'boolean', describe: 'Send nothing; print each intended write' },
    once: { type: 'boolean', describe: 'End after one tick and what it wrote' },
    output: { type: 'string', value: 'table|json', describe: 'How intended writes are printed' },
    ...settingOptions(),
  },
  read: readRunOptions,
  load: async () => (await import('./run-body.ts')).runBody,
});
