import { describe, expect, test } from 'vitest';
import { COMMANDS as LOCALNET_COMMANDS, runLocalnetCommandLine, startCommand } from '../../localnet/commands.ts';
import { readDemoOptions, readLocalnetOptions } from '../../localnet/options.ts';
import { type CommandIo, defineCommand, type OptionValues } from '../../src/cli/command.ts';
import { parseCommandLine, runCommandLine } from '../../src/cli/command-line.ts';
import { COMMANDS as AGENT_COMMANDS, runAgentCommandLine, runCommand } from '../../src/cli/commands.ts';
import { readRunOptions } from '../../src/cli/options.ts';
import { loadConfig } from '../../src/config/index.ts';
import { AgentError, Stopped } from '../../src/lib/index.ts';
import { temporaryFile } from '../config/temporary-files.ts';

const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';

/** Runs a command line with commands whose bodies only remember what they were given. */
async function commandLine(
  args: readonly string[],
  body: (options: unknown, io: CommandIo) => Promise<0 | 1> = async () => 0,
  columns?: number,
) {
  const given: unknown[] = [];
  const remember = (name: string, read: (values: OptionValues) => unknown, options = {}) =>
    defineCommand({
      name,
      describe: `${name} it`,
      options,
      read,
      load: async () => async (parsed, io) => {
        given.push(parsed);
        return body(parsed, io);
      },
    });
  const commands = [
    remember('run', readRunOptions, runCommand.options),
    remember('start', readLocalnetOptions, startCommand.options),
    remember('demo', readDemoOptions, { for: { type: 'string', describe: 'time' }, seed: { type: 'string', describe: 'seed' } }),
  ];
  return { ...(await printed((io) => runCommandLine(args, commands, io), columns)), given };
}

/** What a command line printed, and how it ended. */
async function printed(run: (io: CommandIo) => Promise<number>, columns?: number) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const exitCode = await run({
    stdout: { write: (text) => stdout.push(text), isTerminal: false, columns },
    stderr: { write: (text) => stderr.push(text), isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: new AbortController().signal,
    version: '1.2.3',
  });
  return { exitCode, stdout: stdout.join(''), stderr: stderr.join(''), firstError: stderr.join('').split('\n')[0] };
}

describe('options', () => {
  test('run gets its settings as written, apart from its flags', async () => {
    const { exitCode, given } = await commandLine([
      'run',
      '--config',
      'a.yaml',
      '--dry-run',
      '--output=json',
      '--env',
      'devnet',
      '--collector.interval',
      '2s',
      '--log-level',
      'warn',
      '--worker.maxInFlight=007',
    ]);
    expect([exitCode, given]).toEqual([
      0,
      [
        {
          configFile: 'a.yaml',
          dryRun: true,
          once: false,
          output: 'json',
          settings: { env: 'devnet', 'collector.interval': '2s', 'log.level': 'warn', 'worker.maxInFlight': '007' },
        },
      ],
    ]);
  });

  test('flags of run win over the file', async () => {
    const file = temporaryFile(`env: testnet\ndevice: ${DEVICE}\ncollector: { interval: 9s }\n`);
    const { given } = await commandLine(['run', '--collector.interval', '2s', '--ledger.rpcUrls', 'http://a,http://b']);
    const [{ settings }] = given as [{ settings: Record<string, string> }];
    const { config } = loadConfig({ file, flags: settings, environment: {} });
    expect([config.collector.interval, config.ledger.rpcUrls]).toEqual([2_000, ['http://a', 'http://b']]);
  });

  test('localnet has defaults', async () => {
    const { given } = await commandLine(['start', '--users', '3', '--rpc-port', '0', '--scenario', 'churn']);
    expect(given).toEqual([{ users: 3, rpcPort: 0, scenario: 'churn', program: 'rfc11', output: 'table' }]);
  });

  test('localnet takes a certificate and a gRPC port', async () => {
    const { given } = await commandLine(['start', '--grpc-port', '9543', '--eapi-key', '/k', '--eapi-cert', '/c']);
    expect(given).toEqual([
      { users: 24, grpcPort: 9_543, eapiTls: { keyFile: '/k', certFile: '/c' }, scenario: 'static', program: 'rfc11', output: 'table' },
    ]);
  });

  test('localnet takes a port for a state-ingest server', async () => {
    const { given } = await commandLine(['start', '--state-ingest-port', '0']);
    expect(given).toEqual([{ users: 24, stateIngestPort: 0, scenario: 'static', program: 'rfc11', output: 'table' }]);
  });

  test('localnet takes the program that its ledger runs', async () => {
    const { given } = await commandLine(['start', '--program', 'deployed']);
    expect(given).toEqual([{ users: 24, scenario: 'static', program: 'deployed', output: 'table' }]);
  });

  test('demo has defaults', async () => {
    expect((await commandLine(['demo'])).given).toEqual([{ users: 24, output: 'table' }]);
    expect((await commandLine(['demo', '--for', '1.5m', '--seed', '7'])).given).toEqual([
      { users: 24, output: 'table', forMs: 90_000, seed: 7 },
    ]);
  });

  test('a boolean flag accepts true and false', async () => {
    const dryRuns = ['--dry-run=true', '--dry-run=false'].map(async (flag) => (await commandLine(['run', flag])).given);
    expect(await Promise.all(dryRuns)).toMatchObject([[{ dryRun: true }], [{ dryRun: false }]]);
  });
});

describe('bad usage ends with 2 and one line that names what was meant', () => {
  test.each([
    [['rnu'], 'unknown command "rnu", did you mean "run"?'],
    [['run', '--dryrun'], 'unknown option --dryrun, did you mean "--dry-run"?'],
    [['run', '--dryRun'], 'unknown option --dryRun, did you mean "--dry-run"?'],
    [['run', '--no-dry-run'], 'unknown option --no-dry-run, did you mean "--dry-run"?'],
    [['run', '--dry-run=no'], '--dry-run: expected true or false, got "no"'],
    [['run', '--dry-run='], '--dry-run: expected true or false, got ""'],
    [['run', '--collector.intervall', '2s'], 'unknown option --collector.intervall, did you mean "--collector.interval"?'],
    [['run', '--for', '3s'], 'unknown option --for'],
    [['run', '-x'], 'unknown option -x'],
    [['start', '--eapi-key', '/k'], '--eapi-key and --eapi-cert require each other: pass both for HTTPS, or neither for HTTP'],
    [['run', 'now'], 'run: unexpected argument "now"; options begin with --'],
    [['run', '--', 'now'], 'run: unexpected argument "now"; options begin with --'],
    [['run', '--config'], '--config needs a value'],
    [['run', '--config', '--once'], '--config needs a value'],
    [['run', '--env='], '--env needs a value'],
    [['run', '--output', 'yaml'], '--output: expected table or json, got "yaml"'],
    [['run', '--output', 'json'], '--output requires --dry-run; log.format sets the format of the log'],
    [['start', '--users', 'many'], '--users: expected a whole number from 0 to 4096, got "many"'],
    [['start', '--users', '3597'], '--users: a device has 3596 tunnel ids in RFC-11; take fewer users, or --program deployed'],
    [['start', '--users', '1e3'], '--users: expected a whole number from 0 to 4096, got "1e3"'],
    [['start', '--rpc-port', '65536'], '--rpc-port: expected a whole number from 0 to 65535, got "65536"'],
    [['start', '--scenario', 'chrun'], '--scenario: expected static or churn, got "chrun", did you mean "churn"?'],
    [['start', '--program', 'rfc-11'], '--program: expected rfc11 or deployed or legacy, got "rfc-11", did you mean "rfc11"?'],
    [['demo', '--for', '30'], '--for: expected a duration above 0 and up to 24d, such as "30s", got "30"'],
    [['demo', '--for', '0s'], '--for: expected a duration above 0 and up to 24d, such as "30s", got "0s"'],
    [['demo', '--for', '25d'], '--for: expected a duration above 0 and up to 24d, such as "30s", got "25d"'],
    [['demo', '--for', '-1s'], '--for: expected a duration above 0 and up to 24d, such as "30s", got "-1s"'],
    [['demo', '--for', '-.5h'], '--for: expected a duration above 0 and up to 24d, such as "30s", got "-.5h"'],
    [['start', '--users', '-1k'], '--users: expected a whole number from 0 to 4096, got "-1k"'],
    [['demo', '--', '-1s'], 'demo: unexpected argument "-1s"; options begin with --'],
    [['run', '-1s'], 'unknown option -1s'],
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '_', '$0'].flatMap((name): readonly [string[], string][] => [
      [['run', `--${name}`], `unknown option --${name}`],
      [['run', `--${name}=1`], `unknown option --${name}`],
      [[`--${name}`, 'run'], `unknown option --${name}`],
      [[name, '--', 'x'], `unknown command "${name}"`],
    ]),
    [['--', 'run'], 'put the command before the first --'],
    [['run', ''], 'run: unexpected argument ""; options begin with --'],
    [['--hlep'], 'unknown option --hlep, did you mean "--help"?'],
    [['--config', 'c.yaml'], '--config needs a command before it: run, start, demo'],
    [['\u001b[31mrun'], 'unknown command "\\x1b[31mrun"'],
  ])('%j', async (args, problem) => {
    const { exitCode, firstError, stdout, given } = await commandLine(args);
    expect([exitCode, firstError, stdout, given]).toEqual([2, `dzd-telemetry: ${problem}`, '', []]);
  });

  test.each([['--password=hunter2'], ['--collector.sources.password=hunter2'], ['--snmp-community=hunter2']])(
    '%s: a secret is never a flag',
    async (flag) => {
      const { exitCode, stderr } = await commandLine(['run', flag]);
      expect([exitCode, stderr.includes('secrets are not accepted as flags'), stderr.includes('hunter2')]).toEqual([2, true, false]);
    },
  );

  test('without a command the help goes to standard error', async () => {
    const { exitCode, stdout, stderr } = await commandLine([]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('dzd-telemetry start');
  });
});

describe('help and version', () => {
  test('--version prints one line', async () => {
    expect(await commandLine(['--version'])).toMatchObject({ exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  });

  test.each([[['--output', 'json']], [['--output=json']]])('--version %j adds the commit and the Node.js that runs it', async (output) => {
    const { exitCode, stdout } = await commandLine(['--version', ...output]);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { version: '1.2.3', commit: null, node: process.versions.node }]);
    expect(await commandLine(['run', '-V'])).toMatchObject({ exitCode: 0, stdout: '1.2.3\n', stderr: '' });
  });

  test('completion prints a script that asks the program, which lists commands and options', async () => {
    const script = await commandLine(['completion']);
    expect([script.exitCode, script.stdout]).toEqual([0, expect.stringContaining('dzd-telemetry --get-yargs-completions')]);
    expect((await commandLine(['--get-yargs-completions', 'dzd-telemetry', ''])).stdout.split('\n')).toContain('demo');
    const options = await commandLine(['--get-yargs-completions', 'dzd-telemetry', 'run', '--dry']);
    expect([options.exitCode, options.stdout, options.given]).toEqual([0, expect.stringContaining('--dry-run\n'), []]);
  });

  test('completion refuses an argument: the shell comes from SHELL', async () => {
    const { exitCode, stdout, stderr } = await commandLine(['completion', 'fish']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('completion: unexpected argument "fish"; it prints the script for the shell that SHELL names, bash or zsh');
  });

  test.each([60, 72, 80, 100])('help of every command and verb fits a terminal of %i columns', async (columns) => {
    for (const [run, commands] of [
      [runAgentCommandLine, AGENT_COMMANDS],
      [runLocalnetCommandLine, LOCALNET_COMMANDS],
    ] as const) {
      const lines = [[], ...commands.flatMap(({ name, verbs = {} }) => [[name], ...Object.keys(verbs).map((verb) => [name, verb])])];
      for (const words of lines) {
        const { exitCode, stdout } = await printed((io) => run([...words, '--help'], io), columns);
        expect([words, exitCode, Math.max(...stdout.split('\n').map(({ length }) => length)) <= columns]).toEqual([words, 0, true]);
      }
    }
  });

  test('help of a word that is not a verb is the help of its command', async () => {
    for (const word of ['nope', 'constructor', '__proto__']) {
      const { exitCode, stdout } = await printed((io) => runLocalnetCommandLine(['user', word, '--help'], io));
      expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^dzd-localnet user \[VERB…\]/)]);
    }
  });

  test('help of a command ends with two examples that its own command line accepts', async () => {
    const all = [...AGENT_COMMANDS, ...LOCALNET_COMMANDS];
    expect(all.filter(({ examples = [] }) => examples.length !== 2).map(({ name }) => name)).toEqual([]);
    const io = { version: '1.2.3', stdout: { write: () => undefined, isTerminal: false, columns: undefined } };
    for (const { name, examples = [] } of all) {
      for (const [line] of examples) {
        expect(line.split(' ')[0]).toBe(name);
        // What stands in capitals is for the reader to fill in.
        const args = line
          .replace(/ [>|].*$/, '')
          .replaceAll(/\b(PUBKEY|PASS|OWNER|DEVICE)\b/g, DEVICE)
          .replaceAll(/\b(customer|owner)\.json\b/g, DEVICE)
          .split(' ');
        expect(() => parseCommandLine(args, all, io)).not.toThrow();
      }
    }
  });

  test('help of a verb of dzd-localnet has its words, its options and its examples', async () => {
    const { stdout } = await printed((io) => runLocalnetCommandLine(['user', 'create', '--help'], io), 100);
    expect(stdout).toMatch(/^dzd-localnet user create \[OPTIONS\]\n\nCreate a user, by CreateAndActivateUser\.\n/);
    expect(stdout).toMatch(/--client-ip +the client address, the next free one by default/);
    expect(stdout).toContain('  dzd-localnet user create --client-ip 198.18.0.9 --connect\n');
    expect(stdout).not.toMatch(/rtt-us|disconnect/);
    expect((await printed((io) => runLocalnetCommandLine(['faults', 'set', '-h'], io))).stdout).toMatch(
      /^dzd-localnet faults set ledger\|switch NAME=VALUE… \[OPTIONS\]/,
    );
  });

  test('completion of dzd-localnet lists its commands, and the verbs of one', async () => {
    const complete = async (...words: readonly string[]) =>
      (await printed((io) => runLocalnetCommandLine(['--get-yargs-completions', 'dzd-localnet', ...words], io))).stdout.split('\n');
    expect(await complete('')).toContain('faults');
    expect((await complete('user', '')).slice(0, 3)).toEqual(['list', 'create', 'delete']);
    expect((await complete('user', 'dis'))[0]).toBe('disconnect');
    expect(await complete('user', 'create', '--cl')).toContain('--client-ip');
  });

  test.each(['-V', '--version'])('%s prints the version of both programs, before and after a command', async (flag) => {
    for (const run of [runAgentCommandLine, runLocalnetCommandLine]) {
      expect(await printed((io) => run([flag], io))).toMatchObject({ exitCode: 0, stdout: '1.2.3\n' });
    }
    expect((await printed((io) => runAgentCommandLine(['status', flag], io))).stdout).toBe('1.2.3\n');
  });

  test('help of a command lists its options, and the settings only with --show-settings', async () => {
    const brief = await commandLine(['run', '--help']);
    const full = await commandLine(['run', '--help', '--show-settings']);
    expect([brief.exitCode, full.exitCode]).toEqual([0, 0]);
    expect(brief.stdout).toContain('--dry-run');
    expect(brief.stdout).not.toContain('--policy.downGrace');
    expect(full.stdout).toContain('--policy.downGrace');
    expect(full.stdout).toContain('DZD_POLICY_DOWN_GRACE');
  });
});

describe('two programs', () => {
  const agent = (...args: readonly string[]) => printed((io) => runAgentCommandLine(args, io));
  const localnet = (...args: readonly string[]) => printed((io) => runLocalnetCommandLine(args, io));

  test.each([
    [['localnet'], 'dzd-localnet', 'localnet'],
    [['localnet', '--users', '5'], 'dzd-localnet', 'localnet'],
    [['localnet', '--help'], 'dzd-localnet', 'localnet'],
    [['demo', '--for', '30s'], 'dzd-localnet demo', 'demo'],
  ])('dzd-telemetry %j ends with 2 and names the command to type', async (args, instead, word) => {
    const stderr = `dzd-telemetry: localnet is a command of its own, dzd-localnet: type "${instead}" instead of "dzd-telemetry ${word}"\n`;
    expect(await agent(...args)).toMatchObject({ exitCode: 2, stdout: '', stderr });
  });

  test('dzd-telemetry and dzd-localnet name themselves and their own commands in their help', async () => {
    const [ofAgent, ofLocalnet] = [await agent('--help'), await localnet('--help')];
    expect(ofAgent.stdout).toMatch(/^dzd-telemetry COMMAND .*\n {2}dzd-telemetry run /s);
    expect(ofAgent.stdout).not.toMatch(/localnet|demo/);
    expect(ofLocalnet.stdout).toMatch(/^dzd-localnet COMMAND .*\n {2}dzd-localnet start .*\n {2}dzd-localnet snapshot /s);
    expect(ofLocalnet.stdout).not.toMatch(/dzd-telemetry|--show-settings/);
    expect((await localnet('user', '--help')).stdout).toMatch(/^dzd-localnet user \[VERB…\].*\ncreate .*--client-ip/s);
    expect((await localnet('--version')).stdout).toBe('1.2.3\n');
  });

  test('dzd-localnet starts when it is given options and no command', async () => {
    expect(await localnet('--users', 'many')).toMatchObject({
      exitCode: 2,
      firstError: 'dzd-localnet: --users: expected a whole number from 0 to 4096, got "many"',
    });
    expect(await localnet('--for', '3s')).toMatchObject({ exitCode: 2, firstError: 'dzd-localnet: unknown option --for' });
  });
});

describe('exit codes', () => {
  const failing = (error: unknown) => commandLine(['demo'], () => Promise.reject(error));

  test('a command ends with the exit code of its body', async () => {
    expect((await commandLine(['demo'], async () => 1)).exitCode).toBe(1);
  });

  test('a stopped command ends with 0 and prints nothing', async () => {
    expect(await failing(new Stopped('SIGTERM'))).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('an invalid configuration ends with 2 and lists every problem', async () => {
    const file = temporaryFile('env: moon\ndevice: abc\n');
    const { exitCode, stderr } = await commandLine(['demo'], async () => {
      loadConfig({ file, environment: {} });
      return 0;
    });
    expect([exitCode, stderr.split('\n')]).toEqual([
      2,
      [
        `dzd-telemetry: ${file}:1: env: expected mainnet-beta, testnet, devnet or localnet, got "moon"`,
        `dzd-telemetry: ${file}:2: device: expected a public key in base58 (32 bytes), got "abc"`,
        'dzd-telemetry: correct the named keys; docs/configuration.md lists every key with its unit and default',
        '',
      ],
    ]);
  });

  test('a failure at run time ends with 1 and prints the remedy', async () => {
    const error = new AgentError('LEDGER__UNREACHABLE', { endpoint: 'https://rpc', problem: 'refused' });
    expect(await failing(error)).toMatchObject({
      exitCode: 1,
      stderr: `dzd-telemetry: ${error.message}\ndzd-telemetry: ${error.remedy}\n`,
    });
  });

  test('an unexpected error ends with 1 and one log line with the stack', async () => {
    const { exitCode, stderr } = await failing(new TypeError('x is undefined'));
    expect([exitCode, stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'error',
      error: { message: 'x is undefined', stack: expect.stringContaining('at ') },
    });
  });
});
