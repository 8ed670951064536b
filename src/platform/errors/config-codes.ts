/** Configuration, command line and key files. */
export const CONFIG_CODES = {
  CONFIG__INVALID: {
    class: 'agent-never',
    message: '{where}: {key}: {problem}',
    remedy: 'correct the named key; docs/configuration.md lists every key with its unit and default',
  },
} as const;
