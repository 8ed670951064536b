import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  configProblems,
  environmentNameOf,
  type LoadConfigOptions,
  loadConfig,
  plainSettings,
  settingTree,
} from '../../src/config/index.ts';
import { temporaryFile, temporaryFolder } from './temporary-files.ts';

const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';
const NOWHERE = '/nonexistent/config.yaml';

function load(yaml: string | undefined, options: Partial<LoadConfigOptions> = {}) {
  const file = yaml === undefined ? {} : { file: temporaryFile(yaml) };
  return loadConfig({ environment: {}, defaultFile: NOWHERE, ...file, ...options });
}

/** The refusal's lines, with the temporary folder taken off. */
function problems(yaml: string | undefined, options: Partial<LoadConfigOptions> = {}): readonly string[] {
  const file = yaml === undefined ? undefined : temporaryFile(yaml);
  try {
    loadConfig({ environment: {}, defaultFile: NOWHERE, ...(file === undefined ? {} : { file }), ...options });
  } catch (error) {
    const lines = configProblems(error);
    if (lines.length === 0) throw error;
    return lines.map((line) => (file === undefined ? line : line.replaceAll(`${dirname(file)}/`, '')));
  }
  return ['(accepted)'];
}

const MINIMAL = `env: testnet\ndevice: ${DEVICE}\n`;

describe('defaults and presets', () => {
  test('rule 10: a network and a device are enough', () => {
    expect(load(MINIMAL).config).toEqual({
      env: 'testnet',
      device: DEVICE,
      ledger: {
        rpcUrls: ['https://doublezerolocalnet.rpcpool.com/8a4fd3f4-0977-449f-88c7-63d4b0f10f16'],
        programId: 'DZtnuQ839pSaDMFG5q1ad2V95G82S5EC4RrB3Ndw2Heb',
        requestTimeout: 10_000,
        requestsPerSecond: 150,
        sendsPerSecond: 100,
        viewMaxAge: 5_000,
        viewIdleInterval: 30_000,
        maxLedgerAge: 300_000,
        authorityInterval: 45_000,
      },
      collector: {
        interval: 5_000,
        timeout: 10_000,
        sources: [
          {
            type: 'eapi',
            name: 'eapi',
            url: 'unix:///var/run/command-api.sock',
            session: 'basic',
            tls: { insecure: false },
            timeout: 5_000,
          },
        ],
        wakeUps: [],
        maxWakeUpsPerMinute: 60,
      },
      policy: {
        downGrace: 6_000,
        downConfirmations: 2,
        connectGrace: 60_000,
        refreshInterval: 3_600_000,
        refreshJitter: 0.1,
        rideAlongAfter: 0.75,
        massDownShare: 0.5,
        massDownMinimum: 10,
        minWriteInterval: 10_000,
        damping: {
          mode: 'observe',
          penalty: 1_000,
          halfLife: 900_000,
          suppress: 6_000,
          reuse: 750,
          maxSuppress: 3_600_000,
          suppressedInterval: 300_000,
        },
      },
      worker: {
        statusPollInterval: 450,
        rebroadcastInterval: 2_000,
        blockhashMaxAge: 2_000,
        maxInFlight: 256,
        sendStagger: 10,
        skipPreflight: false,
        maxTransactionsPerMinute: 600,
        maxLamportsPerDay: 100_000_000,
        drainTimeout: 10_000,
        minBalance: 0n,
      },
      snapshots: {
        collect: [
          'show snmp mib ifmib ifindex',
          'show isis database detail',
          'show ip mroute',
          'show ip mroute count',
          'show ip msdp summary',
          'show ip msdp pim sa-cache',
          'show ip msdp sa-cache',
          'show ip msdp sa-cache rejected',
          'bgp-sockets',
        ],
        interval: 60_000,
        commandTimeout: 10_000,
        requestTimeout: 10_000,
        maxAnswerBytes: 4_194_304,
        maxFiles: 1_000,
        maxBytes: 104_857_600,
        sink: 'none',
      },
      http: { enabled: true, listen: { host: '127.0.0.1', port: 50_100 } },
      log: { level: 'info', format: 'auto' },
    });
  });

  test.each([
    ['mainnet', 'mainnet-beta'],
    ['m', 'mainnet-beta'],
    ['t', 'testnet'],
    ['d', 'devnet'],
    ['local', 'localnet'],
    ['l', 'localnet'],
  ])('%s is another name of %s', (alias, name) => {
    expect(load(`env: ${alias}\ndevice: ${DEVICE}\n`).config.env).toBe(name);
  });

  test('the network presets only unset keys', () => {
    const { ledger } = load(`${MINIMAL}ledger:\n  rpcUrls: ["http://127.0.0.1:8899"]\n`).config;
    expect([ledger.rpcUrls, ledger.programId]).toEqual([['http://127.0.0.1:8899'], 'DZtnuQ839pSaDMFG5q1ad2V95G82S5EC4RrB3Ndw2Heb']);
  });

  test('a section with only comments is an empty section', () => {
    expect(load(`${MINIMAL}worker:\n  # maxInFlight: 3\nlog:\n`).config.worker.maxInFlight).toBe(256);
    expect(load(`${MINIMAL}policy:\n  damping:\n    # mode: enforce\n`).config.policy.damping.mode).toBe('observe');
  });
});

describe('which value wins', () => {
  const file = `${MINIMAL}collector:\n  interval: 7s\n`;
  const environment = { DZD_COLLECTOR_INTERVAL: '8s' };
  const flags = { 'collector.interval': '9s' };

  test('a file wins over the default', () => expect(load(file).config.collector.interval).toBe(7_000));
  test('the environment wins over the file', () => expect(load(file, { environment }).config.collector.interval).toBe(8_000));
  test('a flag wins over both', () => expect(load(file, { environment, flags }).config.collector.interval).toBe(9_000));
  test('a blank variable is not set', () =>
    expect(load(file, { environment: { DZD_COLLECTOR_INTERVAL: '' } }).config.collector.interval).toBe(7_000));
  test('a layer that sets one key keeps the others', () => {
    const { collector } = load(`${MINIMAL}collector:\n  timeout: 3s\n`, { flags }).config;
    expect([collector.interval, collector.timeout]).toEqual([9_000, 3_000]);
  });

  test('every kind of value can come from the environment', () => {
    const { config } = load(undefined, {
      environment: {
        DZD_ENV: 'devnet',
        DZD_DEVICE: DEVICE,
        DZD_LEDGER_RPC_URLS: 'https://one.example, https://two.example',
        DZD_POLICY_REFRESH_JITTER: '0.25',
        DZD_WORKER_SKIP_PREFLIGHT: 'true',
        DZD_WORKER_MIN_BALANCE: '5000',
        DZD_COLLECTOR_SOURCES: '[{"type":"eapi","url":"http://127.0.0.1:8080"}]',
        HOME: '/root',
      },
    });
    expect(config.ledger.rpcUrls).toEqual(['https://one.example', 'https://two.example']);
    expect([config.policy.refreshJitter, config.worker.skipPreflight, config.worker.minBalance]).toEqual([0.25, true, 5000n]);
    expect(config.collector.sources).toMatchObject([{ type: 'eapi', url: 'http://127.0.0.1:8080' }]);
  });
});

test('every setting with a default can be set by a flag and by a variable', () => {
  const file = temporaryFile(`${MINIMAL}policy: { damping: { penalty: 900 } }\n`);
  const settings = plainSettings(settingTree()).filter(({ default: standard }) => standard !== undefined && typeof standard !== 'object');
  expect(settings.map(({ key }) => key)).toEqual(expect.arrayContaining(['policy.damping.mode', 'policy.downGrace', 'log.level']));
  for (const { key, default: standard } of settings) {
    const value = (of: unknown): unknown => key.split('.').reduce((section, name) => Object(section)[name], of);
    const text = String(standard);
    const byDefault = value(loadConfig({ file: temporaryFile(MINIMAL), environment: {} }).config);
    expect([key, value(loadConfig({ file, environment: {}, flags: { [key]: text } }).config)]).toEqual([key, byDefault]);
    expect([key, value(loadConfig({ file, environment: { [environmentNameOf(key)]: text } }).config)]).toEqual([key, byDefault]);
  }
  const both = loadConfig({ file, environment: {}, flags: { 'policy.damping.mode': 'enforce' } }).config.policy.damping;
  expect(both).toMatchObject({ penalty: 900, mode: 'enforce' });
});

describe('where the file is looked for', () => {
  const named = (interval: string, name: string) => temporaryFile(`${MINIMAL}collector: { interval: ${interval} }\n`, { name });

  test('the configuration file is that of --config, else of DZD_CONFIG, else the default', () => {
    const [flag, variable, standard] = [named('1s', 'flag.yaml'), named('2s', 'variable.yaml'), named('3s', 'default.yaml')];
    const all = { file: flag, environment: { DZD_CONFIG: variable }, defaultFile: standard };
    expect(loadConfig(all).file).toBe(flag);
    expect(loadConfig({ environment: all.environment, defaultFile: standard }).file).toBe(variable);
    expect(loadConfig({ environment: {}, defaultFile: standard }).config.collector.interval).toBe(3_000);
  });

  test('no file is needed if the default file does not exist', () => {
    const loaded = loadConfig({ environment: {}, flags: { env: 'devnet', device: DEVICE }, defaultFile: NOWHERE });
    expect([loaded.file, loaded.config.env]).toEqual([undefined, 'devnet']);
  });

  test('a named file that does not exist is refused', () => {
    expect(problems(undefined, { file: NOWHERE })).toEqual([`the configuration file ${NOWHERE} cannot be read: it does not exist`]);
  });

  test('a folder as configuration file is refused', () => {
    const folder = temporaryFolder();
    expect(problems(undefined, { file: folder })).toEqual([`the configuration file ${folder} cannot be read: it is a folder`]);
  });

  test('paths in a file are relative to its folder, paths in flags are not', () => {
    const file = temporaryFile(
      `${MINIMAL}keypair: keys/publisher.json\ncollector:\n  sources:\n    - { type: eapi, url: "https://switch", username: dzd, passwordFile: password, tls: { caFile: /etc/ca.pem } }\n`,
    );
    const { config } = loadConfig({ file, environment: {} });
    expect(config.keypair).toBe(join(dirname(file), 'keys/publisher.json'));
    expect(config.collector.sources[0]).toMatchObject({ passwordFile: join(dirname(file), 'password'), tls: { caFile: '/etc/ca.pem' } });
    expect(loadConfig({ file, environment: {}, flags: { keypair: 'here.json' } }).config.keypair).toBe('here.json');
  });
});

describe('refusals', () => {
  test('every problem is listed, each with its line', () => {
    expect(
      problems(
        `env: moon\ndevice: abc\ncollector:\n  interval: 5\n  timout: 3s\n  sources:\n    - type: eapi\n      url: ftp://switch\n    - type: gopher\n    - url: unix:///x\nworker:\n  maxInFlight: 1.5\n  skipPreflight: yes\npolicy: 6s\n`,
      ),
    ).toEqual([
      'config.yaml:1: env: expected mainnet-beta, testnet, devnet or localnet, got "moon"',
      'config.yaml:2: device: expected a public key in base58 (32 bytes), got "abc"',
      'config.yaml:4: collector.interval: expected a duration such as "5s", got 5, did you mean "5s"?',
      'config.yaml:5: collector.timout: unknown key, did you mean "timeout"?',
      'config.yaml:8: collector.sources[0].url: expected an address such as "https://127.0.0.1", "unix:///var/run/command-api.sock" or "grpc://127.0.0.1:9543", got "ftp://switch"',
      'config.yaml:9: collector.sources[1].type: expected eapi, snmp or sockets, got "gopher"',
      'config.yaml:10: collector.sources[2].type: is required: eapi, snmp or sockets',
      'config.yaml:12: worker.maxInFlight: expected a whole number from 1 to 256, got 1.5',
      'config.yaml:13: worker.skipPreflight: expected true or false, got "yes", did you mean true?',
      'config.yaml:14: policy: expected a section of settings, got "6s"',
    ]);
  });

  test('a missing device and a missing network are each one problem', () => {
    expect(problems('log: { level: warn }\n')).toEqual([
      'config.yaml:1: env: is required: mainnet-beta, testnet, devnet or localnet',
      'config.yaml:1: device: is required: a public key in base58 (32 bytes)',
    ]);
    expect(problems(undefined)[0]).toBe('configuration: env: is required: mainnet-beta, testnet, devnet or localnet');
  });

  test('a problem in a flag or a variable names the flag or the variable', () => {
    expect(problems(MINIMAL, { environment: { DZD_LOG_LEVEL: 'loud' }, flags: { 'collector.interval': '5' } })).toEqual([
      '--collector.interval: collector.interval: expected a duration such as "5s", got "5", did you mean "5s"?',
      'DZD_LOG_LEVEL: log.level: expected debug, info, warn or error, got "loud"',
    ]);
  });

  test.each([
    ['collector: { interval: 10ms }', 'collector.interval: expected from 500ms to 10m, got "10ms"'],
    ['collector: { interval: 5 s }', 'collector.interval: expected a duration such as "5s", got "5 s", did you mean "5s"?'],
    ['collector: { interval: }', 'collector.interval: expected a duration such as "5s", got nothing'],
    [
      'collector: { sources: [] }',
      'collector.sources: expected a list of sources, each with a type of eapi, snmp or sockets, got an empty list',
    ],
    ['collector: { sources: [5] }', 'collector.sources[0]: expected a section of settings, got 5'],
    ['ledger: { rpcUrls: [] }', 'ledger.rpcUrls: expected a list of one to eight https:// or http:// addresses'],
    ['ledger: { rpcUrls: ["wss://x"] }', 'ledger.rpcUrls[0]: expected an https:// or http:// address, got one with wss://'],
    [
      'ledger: { rpcUrls: ["http://x:99999/key"] }',
      'ledger.rpcUrls[0]: expected an https:// or http:// address, got one whose host or port is not valid',
    ],
    ['ledger: { rpcUrls: ["http://x", "y.example/key"] }', 'ledger.rpcUrls[1]: expected an https:// or http:// address'],
    ['ledger: { rpcUrls: ["http://x", "http://x"] }', 'ledger.rpcUrls: lists an endpoint twice'],
    ['ledger: { programId: 0 }', 'ledger.programId: expected a public key in base58 (32 bytes), got 0'],
    ['keypair: ""', 'keypair: expected the path of a file'],
    ['worker: { minBalance: -1 }', 'worker.minBalance: expected a whole number of lamports from 0 to 9007199254740991, got -1'],
    ['downGrace: 1s', 'downGrace: unknown key here, did you mean "policy.downGrace"?'],
    ['__proto__: { a: 1 }', '__proto__: unknown key'],
  ])('%s', (line, problem) => {
    expect(problems(`${MINIMAL}${line}\n`)).toEqual([`config.yaml:3: ${problem}`]);
  });

  test.each([
    ['', 'config.yaml:1: the file is empty'],
    ['# only a comment\n', 'config.yaml:1: the file is empty'],
    ['- a\n- b\n', 'config.yaml:1: expected `key: value` lines'],
    ['just words\n', 'config.yaml:1: expected `key: value` lines'],
    ['collector:\n\tinterval: 5s\n', 'config.yaml:2: a tab indents this line; YAML allows spaces only'],
    ['env: testnet\nlog: {}\nenv: devnet\n', 'config.yaml:3: duplicate key "env"'],
    ['env: testnet\n---\nenv: devnet\n', 'config.yaml:2: a second YAML document begins here; only one is allowed'],
    ['a: [1, 2\nb: 3\n', 'config.yaml:2: not valid YAML: '],
    ['a: &a [1]\nb: *c\n', 'config.yaml:2: its aliases (*name) do not resolve'],
  ])('the file %j', (yaml, start) => {
    expect(problems(yaml)).toEqual([expect.stringContaining(start)]);
  });

  test('a file that is not UTF-8 is refused', () => {
    const file = temporaryFile(Uint8Array.of(0xff, 0xfe, 0x00));
    expect(problems(undefined, { file })).toEqual([`the configuration file ${file} cannot be read: it is not UTF-8 text`]);
  });

  test('a file of thousands of unknown keys is refused with the first twenty', () => {
    const keys = Array.from({ length: 2_000 }, (_, n) => `x${n}: 1\n`);
    expect(problems(`${MINIMAL}${keys.join('')}`)).toEqual(keys.slice(0, 20).map((_, n) => `config.yaml:${n + 3}: x${n}: unknown key`));
  });

  test('a file of more than 64 KiB is refused unread, because the parser takes up to a kilobyte per byte', () => {
    const comment = '#'.repeat(65_536 - MINIMAL.length);
    expect(problems(`${MINIMAL}${comment}`)).toEqual(['(accepted)']);
    expect(problems(`${MINIMAL}${comment}#`)).toEqual(['the configuration file config.yaml cannot be read: it is longer than 65536 bytes']);
  });

  test('a file may begin with a byte order mark, and its lines keep their numbers', () => {
    expect(load(`\uFEFF${MINIMAL}collector: { interval: 7s }\n`).config.collector.interval).toBe(7_000);
    expect(problems(`\uFEFF${MINIMAL}colector: {}\n`)).toEqual(['config.yaml:3: colector: unknown key, did you mean "collector"?']);
    expect(problems(`\uFEFFenv: moon\ndevice: ${DEVICE}\n`)).toEqual([
      'config.yaml:1: env: expected mainnet-beta, testnet, devnet or localnet, got "moon"',
    ]);
  });

  test.each(['utf16le', 'utf16be'])('a file in %s is named as UTF-16', (encoding) => {
    for (const mark of ['', '\uFEFF']) {
      const bytes = Buffer.from(`${mark}${MINIMAL}`, 'utf16le');
      const file = temporaryFile(encoding === 'utf16le' ? bytes : bytes.swap16());
      expect(problems(undefined, { file })).toEqual([`the configuration file ${file} cannot be read: it is UTF-16 text; save it as UTF-8`]);
      expect(() => load(undefined, { file })).toThrow(
        expect.objectContaining({ code: 'CONFIG__FILE_NOT_UTF8', remedy: expect.stringMatching(/^save the file as UTF-8/) }),
      );
    }
  });

  test.each([
    ['brackets', '['.repeat(60_000)],
    ['mappings in brackets', '{a: '.repeat(5_000)],
    ['lists in one line', '- '.repeat(5_000)],
    ['keys in one line', '? '.repeat(5_000)],
  ])('a file that nests too deep is refused before it is parsed: %s', (_, yaml) => {
    expect(problems(`env: ${yaml}\n`.replace('env: -', '-').replace('env: ?', '?'))).toEqual([
      'config.yaml: it nests deeper than 32 levels',
    ]);
    expect(problems(MINIMAL, { flags: { 'snapshots.collect': yaml } })).toEqual([expect.stringMatching(/^--snapshots.collect: /)]);
  });

  test('aliases that expand exponentially are refused', () => {
    const levels = Array.from({ length: 9 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`);
    expect(problems(`l0: &l0 [x]\n${levels.join('\n')}\n`)).toEqual([
      'config.yaml:1: its aliases (*name) do not resolve, or expand too often; a value that begins with * needs quotes around it',
    ]);
  });
});

test('certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says, with a warning', () => {
  const warnings = (value: string) => load(MINIMAL, { environment: { NODE_TLS_REJECT_UNAUTHORIZED: value } }).warnings;
  expect(warnings('0')).toEqual([expect.stringMatching(/^the environment variable NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored: /)]);
  expect([warnings('1'), warnings('')]).toEqual([[], []]);
});

test('an unknown DZD_ variable is a warning, since platforms add their own', () => {
  const environment = { DZD_COLECTOR_INTERVAL: '1s', DZD_TELEMETRY_SERVICE_HOST: '10.0.0.1' };
  expect(load(MINIMAL, { environment }).warnings).toEqual([
    'the environment variable DZD_COLECTOR_INTERVAL is unknown, did you mean DZD_COLLECTOR_INTERVAL?',
    'the environment variable DZD_TELEMETRY_SERVICE_HOST is unknown',
  ]);
});

test('an interval or a pollTimeout that is too long for the watchdog of the systemd unit is a warning', () => {
  const snmp = (pollTimeout: string) => `\n  sources: [{type: snmp, host: sw, communityFile: c, pollTimeout: ${pollTimeout}}]`;
  const advice = 'the watchdog of the systemd unit needs a longer WatchdogSec, see docs/install.md';
  expect(load(`${MINIMAL}collector:\n  interval: 1m${snmp('40s')}\n`).warnings).toEqual([]);
  expect(load(`${MINIMAL}collector:\n  interval: 61s${snmp('41s')}\n`).warnings).toEqual([
    `collector.interval is longer than 1m: ${advice}`,
    `source snmp: its pollTimeout is longer than 40s: ${advice}`,
  ]);
});

test('a refusal names variables that are probably misspelt, but not the variables of a platform', () => {
  const environment = { DZD_ENV: 'devnet', DZD_DEVICES: DEVICE, DZD_TELEMETRY_SERVICE_HOST: '10.0.0.1' };
  expect(problems(undefined, { environment })).toEqual([
    'configuration: device: is required: a public key in base58 (32 bytes)',
    'DZD_DEVICES: unknown, did you mean DZD_DEVICE?',
  ]);
});

test.each([
  'snapshots: {url: "https://ingest.example/1f2e3d4c?key=5b6a7988"}',
  'http: {listen: "https://ingest.example/1f2e3d4c?key=5b6a7988"}',
  'ledger: {programId: "https://ingest.example/1f2e3d4c?key=5b6a7988"}',
  'env: "https://ingest.example/1f2e3d4c?key=5b6a7988"',
  'collector: {interval: "https://ingest.example?key=5b6a7988"}',
  'collector: {sources: [{type: eapi, url: "https://ingest.example/1f2e3d4c?key=5b6a7988"}]}',
])('the path and the query of a misplaced URL are not repeated: %s', (yaml) => {
  const text = problems(yaml.startsWith('env') ? `device: ${DEVICE}\n${yaml}\n` : `${MINIMAL}${yaml}\n`).join('\n');
  expect([text === '(accepted)', /1f2e3d4c|5b6a7988/.test(text)]).toEqual([false, false]);
});

test('a private key pasted in place of its address is not repeated', () => {
  const pasted = '5'.repeat(88);
  const flags = { env: 'devnet', device: pasted, keypair: '[157,97]' };
  expect(problems(undefined, { flags })).toEqual([
    '--device: device: expected a public key in base58 (32 bytes)',
    '--keypair: keypair: expected the path of a file',
  ]);
  expect(problems(`${MINIMAL}keypair: "[157,97]"\n`)).toEqual(['config.yaml:3: keypair: expected the path of a file']);
});
