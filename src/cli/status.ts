import { defineCommand } from './command.ts';
import { configOptions } from './config-options.ts';
import { readStatusOptions, type StatusOptions } from './status-options.ts';

export const statusCommand = defineCommand<StatusOptions>({
  name: 'status',
  describe: 'Show what the ledger says of the users of a device, or of all devices. Needs no switch and no key.',
  options: {
    all: { type: 'boolean', describe: 'The users of every device of the network' },
    watch: { type: 'boolean', describe: 'Read again every few seconds, until interrupted' },
    interval: { type: 'string', value: 'DURATION', describe: 'With --watch: the time between two readings, 5s by default' },
    sort: { type: 'string', value: 'FIELD', describe: 'state, user, device, tunnel, client-ip, rtt or age; state by default' },
    filter: {
      type: 'string',
      value: 'STATE',
      describe: 'Only these, separated by commas: connected, down, stale, never-connected, unreported, not-in-service, device-unknown',
    },
    'stale-after': { type: 'string', value: 'DURATION', describe: 'A record that is older is stale, 2h by default' },
    output: { type: 'string', value: 'table|json', describe: 'A table for people, or an object a line' },
    ...configOptions(),
  },
  read: readStatusOptions,
  load: async () => (await import('./status-body.ts')).statusBody,
});
