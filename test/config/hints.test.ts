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
