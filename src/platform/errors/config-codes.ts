/** Configuration, command line and key files. All of them end the command with exit code 2. */
export const CONFIG_CODES = {
  CONFIG__INVALID: {
    class: 'agent-never',
    message: '{where}: {key}: {problem}',
    remedy: 'correct the named key; docs/configuration.md lists every key with its unit and default',
  },
  CONFIG__SEVERAL: {
    class: 'agent-never',
    message: '{count} problems in the configuration: {list}',
    remedy: 'correct the named keys; docs/configuration.md lists every key with its unit and default',
  },
  CONFIG__FILE_UNREADABLE: {
    class: 'agent-never',
    message: 'the configuration file {file} cannot be read: {problem}',
    remedy: 'check the path given by --config or DZD_CONFIG, and that the user of this process may read it',
  },
  CONFIG__FILE_NOT_YAML: {
    class: 'agent-never',
    message: '{where}: {problem}',
    remedy: 'the file is YAML: `key: value` lines, sections indented by spaces; the files in config/ are examples',
  },
  CONFIG__SECRET_UNREADABLE: {
    class: 'agent-never',
    message: '{key}: the secret file {file} cannot be used: {problem}',
    remedy: 'the file holds the secret alone, on one line, readable by the user of this process',
  },
  CONFIG__USAGE: {
    class: 'agent-never',
    message: '{problem}',
    remedy: 'see `dzd-telemetry --help`, or `dzd-telemetry COMMAND --help`',
  },
  CONFIG__PORT_IN_USE: {
    class: 'agent-never',
    message: 'port {port} of 127.0.0.1, which --{flag} asks for, cannot be used: {problem}',
    remedy: 'name another port, or 0 for any that is free',
  },
  CONFIG__CANNOT_LISTEN: {
    class: 'agent-never',
    message: 'http.listen: {address} cannot be listened on: {problem}',
    remedy: 'write another address or port there, or `http.enabled: false`; is another agent running on this host?',
  },
  CONFIG__KEYPAIR_NOT_NAMED: {
    class: 'agent-never',
    message: 'no key file is configured, and without one nothing can be written',
    remedy: "name the file of the device's metrics publisher key with --keypair, DZD_KEYPAIR or `keypair`, or use --dry-run",
  },
  CONFIG__KEYPAIR_MISSING: {
    class: 'agent-never',
    message: 'there is no key file {file}',
    remedy: "point `keypair` at the file of the device's metrics publisher key, as solana-keygen writes it, or use --dry-run",
  },
  CONFIG__KEYPAIR_UNREADABLE: {
    class: 'agent-never',
    message: 'the key file {file} cannot be read: {problem}',
    remedy: 'check the path, and that the user of this process owns the file (chmod 400)',
  },
  CONFIG__KEYPAIR_INVALID: {
    class: 'agent-never',
    message: 'the key file {file} holds no keypair: {problem}',
    remedy: 'the file is a JSON array of 64 numbers from 0 to 255, as solana-keygen writes it; restore it from its backup',
  },
  CONFIG__KEYPAIR_MISMATCH: {
    class: 'agent-never',
    message: 'the key file {file} is damaged: its public half does not belong to its private half',
    remedy: 'restore the file from its backup; `solana-keygen verify` tells whether a file is whole',
  },
} as const;
