import { defineCommand } from './command.ts';
import { configOptions } from './config-options.ts';
import { type ExplainOptions, readExplainOptions, WANTED } from './explain-options.ts';

export const explainCommand = defineCommand<ExplainOptions>({
  name: 'explain',
  describe: 'Tell all about one user: from the neighbor on the switch to the record on the ledger. Sends nothing.',
  argument: { name: WANTED, describe: "the user's public key, its client address, or its tunnel id" },
  options: {
    fresh: { type: 'boolean', describe: 'Read switch and ledger now, even if an agent runs that could tell' },
    output: { type: 'string', value: 'table|json', describe: 'Words for people, or one object a user' },
    ...configOptions(),
  },
  read: readExplainOptions,
  load: async () => (await import('./explain-body.ts')).explainBody,
});
