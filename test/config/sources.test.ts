import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configProblems, loadConfig } from '../../src/config/index.ts';
import { temporaryFile } from './temporary-files.ts';

const DEVICE = '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q';

/** A whole configuration in which only the sources, written in YAML's one-line form, are of interest. */
function withSources(...sources: readonly string[]) {
  const items = sources.map((source) => `    - ${source}\n`).join('');
  return temporaryFile(`env: devnet\ndevice: ${DEVICE}\ncollector:\n  sources:\n${items}`);
}

const load = (...sources: readonly string[]) => loadConfig({ file: withSources(...sources), environment: {} });

function problems(...sources: readonly string[]): readonly string[] {
  const file = withSources(...sources);
  try {
    loadConfig({ file, environment: {} });
    return [];
  } catch (error) {
    return configProblems(error).map((line) => line.replaceAll(`${dirname(file)}/`, ''));
  }
}

const EAPI = 'url: "https://sw", username: dzd, passwordFile: /p';

describe('names', () => {
  test('a source without a name is named by its type, later ones by type and number', () => {
    const names = load(`{ type: eapi, ${EAPI} }`, '{ type: snmp, host: sw, communityFile: /c }', '{ type: eapi, url: "unix:///s" }');
    expect(names.config.collector.sources.map((source) => source.name)).toEqual(['eapi', 'snmp', 'eapi-2']);
  });

  test('two sources of one name are refused', () => {
    expect(problems('{ type: eapi, name: a, url: "unix:///s" }', '{ type: eapi, name: a, url: "unix:///t" }')).toEqual([
      'config.yaml:6: collector.sources[1].name: the name "a" is already used by an earlier source; choose another one',
    ]);
  });

  test('a name may not equal the default name of an earlier source', () => {
    expect(problems('{ type: eapi, url: "unix:///s" }', '{ type: eapi, name: eapi, url: "unix:///t" }')).toEqual([
      'config.yaml:6: collector.sources[1].name: the name "eapi" is already used by an earlier source; choose another one',
    ]);
  });
});

describe('credentials', () => {
  test.each([
    [
      '{ type: eapi, url: "https://sw" }',
      ['username: is required for https:// addresses', 'passwordFile: is required for https:// addresses'],
    ],
    ['{ type: eapi, url: "https://127.0.0.1", username: a }', ['passwordFile: is required for https:// addresses']],
    ['{ type: eapi, url: "http://sw", passwordFile: /p }', ['username: is required for http:// addresses']],
    ['{ type: eapi, url: "http://127.0.0.1:8080", username: a }', ['passwordFile: is required for http:// addresses']],
    [
      '{ type: eapi, url: "unix:///s", username: a, passwordFile: /p }',
      [
        'username: a unix:// address takes no credentials; the permissions of the socket control access',
        'passwordFile: a unix:// address takes no credentials; the permissions of the socket control access',
      ],
    ],
    [
      '{ type: eapi, url: "grpc://127.0.0.1", username: a, session: cookie }',
      [
        'username: a grpc:// address takes no credentials; anyone who can reach the port has access',
        'session: a grpc:// address has no login; leave it at basic',
      ],
    ],
    ['{ type: eapi, url: "unix:///s", session: cookie }', ['session: a unix:// address has no login; leave it at basic']],
    ['{ type: eapi, url: "http://127.0.0.1:8080", session: cookie }', ['session: cookie needs username and passwordFile']],
    [
      '{ type: eapi, url: "https://a:hunter2@sw", username: a, passwordFile: /p }',
      ['url: must not contain a user or password; use username and passwordFile'],
    ],
    [
      '{ type: eapi, url: "https://a:hunter2@sw/x" }',
      ['url: expected an address such as "https://127.0.0.1", "unix:///var/run/command-api.sock" or "grpc://127.0.0.1:9543"'],
    ],
    [
      `{ type: eapi, ${EAPI}, password: hunter2 }`,
      ['password: unknown key; passwords do not belong into the configuration: set passwordFile to the file that holds it'],
    ],
    [`{ type: eapi, url: "unix:///${'x'.repeat(107)}" }`, ['url: names a Unix socket whose path is longer than 107 bytes']],
    ['{ type: snmp, host: sw }', ['communityFile: is required: the path of a file that holds the community']],
    ['{ type: snmp, host: sw, community: hunter2, communityFile: /c }', ['community: conflicts with communityFile; remove one of them']],
    [
      '{ type: snmp, host: sw, community: 5 }',
      ['community: expected a community (one line, without spaces at its ends), got a number; write quotes around it: community: "…"'],
    ],
  ])('%s', (source, expected) => {
    const lines = problems(source);
    expect(lines).toEqual(expected.map((line) => `config.yaml:5: collector.sources[0].${line}`));
    expect(lines.join()).not.toContain('hunter2');
  });

  test.each([
    '10.0.0.1',
    '',
    'ssh://10.0.0.1',
    'https://10.0.0.1/api',
    'https://10.0.0.1/?a=b',
    'admin:secret@10.0.0.1:x',
    'unix://command-api.sock',
    'grpc://admin:secret@127.0.0.1:9543',
    'grpc:///var/run/rpc.sock',
    'grpc://127.0.0.1/command-api',
    'grpc://[1:2]:9543',
  ])('eAPI endpoint %s is refused, and no password in it is shown', (url) => {
    const [line = ''] = problems(`{ type: eapi, url: "${url}" }`);
    expect(line).toMatch(/^config\.yaml:5: collector\.sources\[0\]\.url: expected an address such as "https:/);
    expect(line).not.toContain('secret');
  });

  test.each(['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080'])('%s, the local listener of EOS, needs none', (url) => {
    expect(load(`{ type: eapi, url: "${url}" }`).warnings).toEqual([]);
  });
});

describe('certificates', () => {
  const print = Array(32).fill('AB').join(':');

  test('a fingerprint is kept in lower case without colons', () => {
    const [source] = load(`{ type: eapi, ${EAPI}, tls: { fingerprint: "${print}" } }`).config.collector.sources;
    expect(source).toMatchObject({ tls: { fingerprint: 'ab'.repeat(32), insecure: false } });
  });

  test.each([
    [
      `{ type: eapi, ${EAPI}, tls: { fingerprint: abcd } }`,
      ['tls.fingerprint: expected a SHA-256 fingerprint, 32 bytes in hex, with or without colons, got "abcd"'],
    ],
    ['{ type: eapi, url: "unix:///s", tls: { insecure: true } }', ['tls.insecure: only an https:// address has a certificate']],
    [
      `{ type: eapi, ${EAPI}, tls: { insecure: true, caFile: /ca } }`,
      ['tls.insecure: conflicts with caFile; choose one way to verify the certificate'],
    ],
    [`{ type: eapi, ${EAPI}, tls: { serverName: sw } }`, ['tls.serverName: needs caFile']],
    [`{ type: eapi, ${EAPI}, tls: { cafile: /ca } }`, ['tls.cafile: unknown key, did you mean "caFile"?']],
  ])('%s', (source, expected) => {
    expect(problems(source)).toEqual(expected.map((line) => `config.yaml:5: collector.sources[0].${line}`));
  });
});

describe('a user of SNMPv3', () => {
  const USER = 'version: 3, user: dzd, authPasswordFile: /a, privPasswordFile: /p';

  test('an SNMPv3 user is accepted with its files, a version as number or text, and contexts', () => {
    const [source] = load(`{ type: snmp, host: sw, ${USER}, privProtocol: aes256r, vrfs: [default, { name: vrf1, context: c1 }] }`).config
      .collector.sources;
    expect(source).toEqual({
      type: 'snmp',
      name: 'snmp',
      host: 'sw',
      port: 161,
      version: '3',
      user: 'dzd',
      authProtocol: 'sha256',
      authPasswordFile: '/a',
      privProtocol: 'aes256r',
      privPasswordFile: '/p',
      mib: 'auto',
      vrfs: [{ name: 'default' }, { name: 'vrf1', context: 'c1' }],
      timeout: 2_000,
      pollTimeout: 40_000,
      maxRows: 8_192,
    });
    expect(problems(`{ type: snmp, host: sw, ${USER.replace('3', '"3"')} }`)).toEqual([]);
  });

  test.each([
    ['version: 3', ['user: is required: version 3 uses a user instead of a community', ...passphrasesRequired()]],
    ['version: 3, user: dzd', passphrasesRequired()],
    [`${USER}, communityFile: /c`, ['communityFile: applies to version 2c only; version 3 uses a user']],
    [`${USER}, vrfs: [{ name: vrf1, communityFile: /c }]`, ['vrfs[0].communityFile: applies to version 2c only; version 3 uses a user']],
    [
      'version: 3, user: dzd, authProtocol: none',
      [
        'privProtocol: encryption needs authentication; set authProtocol, or privProtocol to none as well',
        'privPasswordFile: is required: the path of a file that holds the passphrase (or set privProtocol to none)',
      ],
    ],
    ['version: 3, user: dzd, authProtocol: none, privProtocol: none', []],
    [`${USER}, privProtocol: none`, ['privPasswordFile: conflicts with privProtocol none']],
    [`${USER}, privProtocol: rot13`, ['privProtocol: expected none, des, aes, aes256b or aes256r, got "rot13"']],
    ['communityFile: /c, user: dzd', ['user: applies to version 3 only']],
    ['communityFile: /c, vrfs: [{ name: vrf1, context: c1 }]', ['vrfs[0].context: applies to version 3 only']],
    ['communityFile: /c, version: 1', ['version: expected 2c or 3, got 1']],
  ])('%s', (settings, expected) => {
    expect(problems(`{ type: snmp, host: sw, ${settings} }`)).toEqual(
      expected.map((line) => `config.yaml:5: collector.sources[0].${line}`),
    );
  });

  function passphrasesRequired(): readonly string[] {
    return ['auth', 'priv'].map(
      (kind) => `${kind}PasswordFile: is required: the path of a file that holds the passphrase (or set ${kind}Protocol to none)`,
    );
  }
});

describe('wake-ups', () => {
  const withWakeUps = (...wakeUps: readonly string[]) =>
    temporaryFile(`env: devnet\ndevice: ${DEVICE}\ncollector:\n  wakeUps:\n${wakeUps.map((item) => `    - ${item}\n`).join('')}`);
  const refused = (...wakeUps: readonly string[]): readonly string[] => {
    try {
      loadConfig({ file: withWakeUps(...wakeUps), environment: {} });
      return [];
    } catch (error) {
      return configProblems(error).map((line) => line.replace(/^.*config\.yaml:/, ''));
    }
  };

  test('there are no wake-ups by default, and bgp-watch needs only its type', () => {
    expect(load('{ type: eapi, url: "unix:///s" }').config.collector.wakeUps).toEqual([]);
    const { wakeUps } = loadConfig({
      file: withWakeUps('{ type: bgp-watch }', '{ type: bgp-watch, address: "[::1]:9544" }'),
      environment: {},
    }).config.collector;
    expect(wakeUps).toEqual([
      { type: 'bgp-watch', name: 'bgp-watch', address: '127.0.0.1:9543' },
      { type: 'bgp-watch', name: 'bgp-watch-2', address: '[::1]:9544' },
    ]);
  });

  test.each([
    ['{ type: snmp-traps }', '5: collector.wakeUps[0].communityFile: is required: the path of a file that holds the community'],
    ['{ type: snmp-traps, communityFile: /c, user: dzd }', '5: collector.wakeUps[0].user: applies to version 3 only'],
    [
      '{ type: bgp-watch, address: "127.0.0.1" }',
      '5: collector.wakeUps[0].address: expected a host and a port such as "127.0.0.1:9543", got "127.0.0.1"',
    ],
    [
      '{ type: bgp-watch, name: eapi }',
      '5: collector.wakeUps[0].name: the name "eapi" is already used by an earlier source; choose another one',
    ],
    [
      '{ type: snmp-traps, communityFile: /c, from: [10.0.0.1, switch] }',
      '5: collector.wakeUps[0].from[1]: expected a list of IP addresses, got "switch"',
    ],
    ['{ type: gnmi }', '5: collector.wakeUps[0].type: expected bgp-watch or snmp-traps, got "gnmi"'],
  ])('%s is refused', (wakeUp, problem) => {
    expect(refused(wakeUp)).toEqual([problem]);
  });
});

test('the folder of the namespaces is the system’s, so its path is absolute', () => {
  expect(load('{ type: sockets }').config.collector.sources).toEqual([
    { type: 'sockets', name: 'sockets', folder: '/var/run/netns', timeout: 5_000 },
  ]);
  expect(problems('{ type: sockets, folder: netns }')).toEqual([
    'config.yaml:5: collector.sources[0].folder: expected the absolute path of a folder, got "netns"',
  ]);
});

describe('VRFs over SNMP', () => {
  test('vrfs: auto reads every VRF that the switch lists', () => {
    expect(load('{ type: snmp, host: sw, communityFile: /c, vrfs: auto }').config.collector.sources).toMatchObject([{ vrfs: 'auto' }]);
  });

  test('a VRF is a name or a section with its own community', () => {
    const [source] = load('{ type: snmp, host: sw, communityFile: /c, vrfs: [default, { name: vrf1, communityFile: /d }] }').config
      .collector.sources;
    expect(source).toEqual({
      type: 'snmp',
      name: 'snmp',
      host: 'sw',
      port: 161,
      version: '2c',
      communityFile: '/c',
      authProtocol: 'sha256',
      privProtocol: 'aes',
      mib: 'auto',
      vrfs: [{ name: 'default' }, { name: 'vrf1', communityFile: '/d' }],
      timeout: 2_000,
      pollTimeout: 40_000,
      maxRows: 8_192,
    });
  });

  test.each([
    ['vrfs: [vrf1, vrf1]', 'vrfs[1]: the VRF "vrf1" is listed twice'],
    ['vrfs: []', 'vrfs: expected auto or a list of VRF names, got an empty list'],
    ['vrfs: [{ name: vrf1, community: a, communityFile: /b }]', 'vrfs[0].community: conflicts with communityFile; remove one of them'],
    ['vrfs: [{ community: a }]', 'vrfs[0].name: is required: the name of a VRF'],
    [
      'vrfs: [5]',
      'vrfs[0]: expected the name of a VRF, or a section with its name, got 5, which YAML reads as a number; write quotes around it: "5"',
    ],
  ])('%s', (vrfs, expected) => {
    expect(problems(`{ type: snmp, host: sw, communityFile: /c, ${vrfs} }`)).toEqual([`config.yaml:5: collector.sources[0].${expected}`]);
  });
});

describe('warnings', () => {
  test.each([
    [
      '{ type: snmp, host: sw, community: hunter2 }',
      ['source snmp: the configuration contains a community in clear text; prefer communityFile'],
    ],
    [
      `{ type: eapi, ${EAPI}, tls: { insecure: true } }`,
      ['source eapi: tls.insecure is on: anyone between this host and the switch can read the password and forge responses'],
    ],
    [
      '{ type: eapi, url: "http://sw", username: a, passwordFile: /p }',
      ['source eapi: the password is sent in clear text; use https:// or unix://'],
    ],
    [
      '{ type: snmp, host: sw, version: 3, user: a, authProtocol: none, privProtocol: none }',
      ['source snmp: authProtocol is none: anyone who can reach the port can forge its messages'],
    ],
    [
      '{ type: eapi, url: "unix:///s", timeout: 20s }',
      ['source eapi: its timeout is longer than collector.timeout (10s), which applies first'],
    ],
  ])('%s', (source, expected) => {
    expect(load(source).warnings).toEqual(expected);
  });

  test('a readable configuration file that contains a community is a warning', () => {
    const yaml = `env: devnet\ndevice: ${DEVICE}\ncollector: { sources: [{ type: snmp, host: sw, community: hunter2 }] }\n`;
    const file = temporaryFile(yaml, { mode: 0o644 });
    expect(loadConfig({ file, environment: {} }).warnings.at(-1)).toBe(
      `the configuration file ${file} is readable by other users of this host; run: chmod 400 ${file}`,
    );
  });
});

test('a secret in a flag is refused and not repeated', () => {
  const flags = { env: 'devnet', device: DEVICE, 'collector.sources': '[{type: snmp, host: sw, community: hunter2}]' };
  let lines: readonly string[] = [];
  try {
    loadConfig({ environment: {}, flags, defaultFile: '/nonexistent' });
  } catch (error) {
    lines = configProblems(error);
  }
  expect(lines).toEqual(['--collector.sources: collector.sources[].community: secrets are not accepted as flags; use communityFile']);
});

test('contradictory settings are refused', () => {
  const flags = {
    env: 'devnet',
    device: DEVICE,
    'policy.refreshInterval': '5s',
    'ledger.maxLedgerAge': '5s',
  };
  let lines: readonly string[] = [];
  try {
    loadConfig({ environment: {}, flags, defaultFile: '/nonexistent' });
  } catch (error) {
    lines = configProblems(error);
  }
  expect(lines).toEqual([
    '--policy.refreshInterval: policy.refreshInterval: must be longer than collector.interval (5s), got 5s',
    '--ledger.maxLedgerAge: ledger.maxLedgerAge: must be longer than ledger.viewMaxAge (5s), got 5s',
    '--ledger.maxLedgerAge: ledger.maxLedgerAge: must be longer than ledger.viewIdleInterval (30s), got 5s',
  ]);
});
