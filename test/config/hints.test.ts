import { describe, expect, test } from 'vitest';
import { configProblems, loadConfig } from '../../src/config/index.ts';
import { temporaryFile } from './temporary-files.ts';

const MINIMAL = 'env: localnet\ndevice: "11111111111111111111111111111112"\n';

/** The one problem of a file with this line below a valid beginning, without its place. */
function problemOf(line: string): string {
  try {
    loadConfig({ file: temporaryFile(`${MINIMAL}${line}\n`), environment: {} });
  } catch (error) {
    return configProblems(error)
      .map((text) => text.replace(/^.*?:\d+: /, ''))
      .join('\n');
  }
  return 'taken';
}

describe('an invalid value is refused with what was probably meant', () => {
  test.for([
    ['collector: {interval: 5}', 'got 5, did you mean "5s"?'],
    ['collector: {interval: 5sec}', 'got "5sec", did you mean "5s"?'],
    ['collector: {interval: 30 Seconds}', 'got "30 Seconds", did you mean "30s"?'],
    ['policy: {refreshInterval: 90min}', 'got "90min", did you mean "90m"?'],
    ['policy: {refreshInterval: 1 hour}', 'got "1 hour", did you mean "1h"?'],
    ['policy: {refreshInterval: soon}', 'got "soon"'],
    ['http: {enabled: yes}', 'got "yes", did you mean true?'],
    ["http: {enabled: 'false'}", 'got "false", did you mean false?'],
    ['http: {enabled: 0}', 'got 0, did you mean false?'],
    ['worker: {maxInFlight: "64"}', 'got "64", did you mean 64?'],
    ['worker: {maxLamportsPerDay: 5_000_000}', 'got "5_000_000", did you mean 5000000?'],
    ['log: {level: warning}', 'got "warning", did you mean "warn"?'],
    ['log: {format: journal}', 'got "journal", did you mean "journald"?'],
    ['log: {level: loud}', 'got "loud"'],
    ['collector: {interval: 5000}', 'expected a duration such as "5s", got 5000'],
    ['collector: {interval: 0}', 'expected a duration such as "5s", got 0'],
    ['policy: {refreshJitter: 80}', 'expected a number from 0 to 0.5, got 80'],
    ['worker: {maxInFlight: "1,000"}', 'expected a whole number from 1 to 256, got "1,000"'],
    ['http: {listen: .nan}', 'got NaN'],
    ['collector: {sources: [{type: sockts}]}', 'got "sockts", did you mean "sockets"?'],
    ['collector: {sources: [{type: eapi, url: 10.0.0.1}]}', 'got "10.0.0.1", did you mean "https://10.0.0.1"?'],
    ['collector: {sources: [{type: eapi, url: /var/run/command-api.sock}]}', 'did you mean "unix:///var/run/command-api.sock"?'],
    ['http: {listen: 50100}', 'got 50100, did you mean "127.0.0.1:50100"?'],
    ['http: {listen: ":9090"}', 'got ":9090", did you mean "127.0.0.1:9090"?'],
    ['http: {listen: 0.0.0.0}', 'got "0.0.0.0", did you mean "0.0.0.0:50100"?'],
    ['http: {listen: "http://localhost:9090/"}', 'did you mean "localhost:9090"?'],
    ['http: {listen: "localhost:99999"}', 'got "localhost:99999"'],
    ['ledger: {rpcUrls: "http://a"}', 'addresses, got one string: write [ and ] around it'],
    ['log: {level: a: b}', 'not valid YAML: '],
    ['log:\n  level: a: b', 'write quotes around it, or fix the indentation of the next line'],
    ['keypair: @home/id.json', 'a value that begins with this character needs quotes around it'],
    ['keypair: ~/id.json', 'keypair: expected the path of a file; ~ and $NAME are not expanded'],
    ['keypair: $HOME/id.json', 'keypair: expected the path of a file; ~ and $NAME are not expanded'],
    ['policy: {refreshJitter: 10%}', 'got "10%", did you mean 0.1?'],
    ['policy: {massDownShare: 50}', 'got 50, did you mean 0.5?'],
    ['collector: {sources: [{type: snmp, host: "sw1:1161", community: x}]}', 'got "sw1:1161", did you mean "sw1" with port: 1161?'],
    ['collector: {sources: [{type: snmp, host: "udp://sw1/", community: x}]}', 'got "udp://sw1/", did you mean "sw1"?'],
    ['collector: {sources: [{type: snmp, host: sw1, community: x, vrfs: vrf1}]}', 'got "vrf1", did you mean [vrf1]?'],
    ['collector:\n  interval: 5s\n   timeout: 5s', 'fix the indentation of the next line'],
    ['<<<<<<< HEAD\nlog: {}\n=======\n>>>>>>> x', 'unresolved merge conflict of git'],
    ['keypair: *home', 'a value that begins with * needs quotes around it'],
  ] as const)('%s', ([line, end]) => {
    const problem = problemOf(line);
    expect(problem.includes('\n')).toBe(false);
    expect(end.startsWith('not valid') ? problem.slice(0, end.length) : problem.slice(-end.length)).toBe(end);
  });

  test.for(['ledger: {rpcUrls: "http://user:hunter2@a"}', 'keypair: "[1,2,3]"', 'collector: {sources: [{type: eapi, url: "hunter2@sw"}]}'])(
    'but never where it may be a secret: %s',
    (line) => expect(problemOf(line)).not.toMatch(/hunter2|1,2,3/),
  );
});

describe('text that YAML reads as something else is refused with its quoted form', () => {
  const eapi = (settings: string) => `collector:\n  sources:\n    - type: eapi\n      url: https://sw\n      ${settings}`;
  const snmp = (settings: string) => `collector:\n  sources:\n    - type: snmp\n      host: sw\n      ${settings}`;

  test.for([
    ['username: 12345', 'expected a user name, got 12345, which YAML reads as a number; write quotes around it: username: "12345"'],
    ['username: 007', 'got 007, which YAML reads as a number; write quotes around it: username: "007"'],
    ['username: 0x10', 'got 0x10, which YAML reads as a number; write quotes around it: username: "0x10"'],
    ['username: 1e3', 'got 1e3, which YAML reads as a number; write quotes around it: username: "1e3"'],
    ['username: .inf', 'got .inf, which YAML reads as a number; write quotes around it: username: ".inf"'],
    ['username: True', 'got True, which YAML reads as true or false; write quotes around it: username: "True"'],
    ['username: null', 'got null, which YAML reads as nothing; write quotes around it: username: "null"'],
    ['username: ~', 'got ~, which YAML reads as nothing; write quotes around it: username: "~"'],
    ['username: #1', 'got #1, which YAML reads as nothing; write quotes around it: username: "#1"'],
    ['username: &a', 'got &a, which YAML reads as nothing; write quotes around it: username: "&a"'],
    ['username: [a]', 'got [a], which YAML reads as a list; write quotes around it: username: "[a]"'],
    ['username: {a}', 'got {a}, which YAML reads as a section; write quotes around it: username: "{a}"'],
    ['username: # later', 'expected a user name, got nothing'],
    ['username: !a', 'a value that begins with ! needs quotes around it'],
    ['passwordFile: 1234', 'expected the path of a file, got a number; write quotes around it: passwordFile: "…"'],
    [`tls: {fingerprint: ${'1'.repeat(64)}}`, `write quotes around it: fingerprint: "${'1'.repeat(64)}"`],
    [`tls: {fingerprint: 1e${'1'.repeat(62)}}`, `write quotes around it: fingerprint: "1e${'1'.repeat(62)}"`],
  ] as const)('%s', ([line, end]) => {
    const problem = problemOf(eapi(line));
    expect(problem.slice(-end.length)).toBe(end);
  });

  test.for([
    ['community: 12345', 'got a number; write quotes around it: community: "…"'],
    ['community: false', 'got true or false; write quotes around it: community: "…"'],
    ['community: #hunter2', 'got nothing; write quotes around it: community: "…"'],
    ['community: {hunter2}', 'got a section; write quotes around it: community: "…"'],
    ['community: !hunter2', 'a value that begins with ! needs quotes around it'],
    ['community: >hunter2', 'not valid YAML: Block scalar header includes extra characters'],
    ['community: ]hunter2', 'not valid YAML: Unexpected flow-seq-end token in YAML stream'],
    ['community: 007', 'got a number; write quotes around it: community: "…"'],
  ] as const)('%s, without repeating the secret', ([line, end]) => {
    const problem = problemOf(snmp(line));
    expect([problem.slice(-end.length), /hunter2|12345|007|false\b(?!;)/.test(problem.replace('true or false', ''))]).toEqual([end, false]);
  });

  test.for([
    [
      '[100]',
      'vrfs[0]: expected the name of a VRF, or a section with its name, got 100, which YAML reads as a number; write quotes around it: "100"',
    ],
    [
      '[vrf1, 010]',
      'vrfs[1]: expected the name of a VRF, or a section with its name, got 010, which YAML reads as a number; write quotes around it: "010"',
    ],
    [
      '[{name: 100}]',
      'vrfs[0].name: expected the name of a VRF, got 100, which YAML reads as a number; write quotes around it: name: "100"',
    ],
    ['100', 'vrfs: expected auto or a list of VRF names, got 100, did you mean ["100"]?'],
  ] as const)('vrfs: %s', ([vrfs, end]) => {
    expect(problemOf(snmp(`community: public\n      vrfs: ${vrfs}`))).toBe(`collector.sources[0].${end}`);
  });

  test('the line of the value is named, and several problems are listed', () => {
    const file = temporaryFile(`${MINIMAL}${snmp('community: 12345\n      vrfs: [100]\n      name: 2')}\n`);
    let lines: readonly string[] = [];
    try {
      loadConfig({ file, environment: {} });
    } catch (error) {
      lines = configProblems(error);
    }
    expect(lines.map((line) => line.replace(file, 'FILE').replace(/: expected.*; /, ': … '))).toEqual([
      'FILE:7: collector.sources[0].community: … write quotes around it: community: "…"',
      'FILE:8: collector.sources[0].vrfs[0]: … write quotes around it: "100"',
      'FILE:9: collector.sources[0].name: … write quotes around it: name: "2"',
    ]);
  });

  test('a flag or a variable in YAML gets the same advice', () => {
    const environment = { DZD_COLLECTOR_SOURCES: '[{type: snmp, host: sw, community: x, vrfs: [007]}]' };
    expect(() => loadConfig({ file: temporaryFile(MINIMAL), environment })).toThrow(
      'DZD_COLLECTOR_SOURCES: collector.sources[0].vrfs[0]: expected the name of a VRF, or a section with its name, got 007, which YAML reads as a number; write quotes around it: "007"',
    );
  });

  test.for(['yes', 'No', 'on', 'off', '2024-01-01', '1:30', '1_000', '0b1', '12:34:56'])('%s is text in YAML 1.2', (name) => {
    const file = temporaryFile(`${MINIMAL}${eapi(`passwordFile: /p\n      username: ${name}`)}\n`);
    expect(loadConfig({ file, environment: {} }).config.collector.sources[0]).toMatchObject({ username: name });
  });

  test.for(['yes', 'off', '2024-01-01', '1:30'])('%s in a file of YAML 1.1 is refused with its quoted form', (name) => {
    const file = temporaryFile(`%YAML 1.1\n---\n${MINIMAL}${eapi(`passwordFile: /p\n      username: ${name}`)}\n`);
    expect(() => loadConfig({ file, environment: {} })).toThrow(`write quotes around it: username: "${name}"`);
  });
});

test('an HTTP server that others can reach without a token is a warning', () => {
  const warnings = (http: string) => loadConfig({ file: temporaryFile(`${MINIMAL}http: ${http}\n`), environment: {} }).warnings;
  expect(warnings('{listen: "0.0.0.0:50100"}')).toEqual([
    'http.listen: anyone who can reach 0.0.0.0:50100 can read everything there; set http.tokenFile, or listen on 127.0.0.1',
  ]);
  expect(warnings('{listen: "[::]:1"}').length).toBe(1);
  for (const http of [
    '{listen: "127.0.0.1:1"}',
    '{listen: "[::1]:1"}',
    '{listen: "0.0.0.0:1", tokenFile: /t}',
    '{listen: "0.0.0.0:1", enabled: false}',
  ])
    expect(warnings(http)).toEqual([]);
});
