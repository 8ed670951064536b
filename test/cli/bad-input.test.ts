import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeNewKeypair } from '../../localnet/start.ts';
import type { CommandIo } from '../../src/cli/command.ts';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { runCommand } from '../../src/cli/commands.ts';
import { createAbortController } from '../../src/lib/index.ts';
import { temporaryFolder } from '../config/temporary-files.ts';

const DEVICE = 'DygSr5HvcVYGG62U2Tg9nJmwxc1uVkrFaoZoPRe2UeEX';

/** The output of `dzd-telemetry run` for these lines of configuration, without log lines, the folder shown as DIR. */
async function run(lines: string, args: readonly string[] = [], folder = temporaryFolder()) {
  const file = join(folder, 'c.yaml');
  writeFileSync(file, `env: localnet\ndevice: ${DEVICE}\n${lines}`, { mode: 0o600 });
  const said: string[] = [];
  const io: CommandIo = {
    stdout: { write: (text) => void said.push(text), isTerminal: false, columns: undefined },
    stderr: { write: (text) => void said.push(text), isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: createAbortController().signal,
    version: '1.2.3',
  };
  const exitCode = await runCommandLine(['run', '--config', file, ...args], [runCommand], io);
  const printed = said.filter((text) => !text.startsWith('{')).map((text) => text.trimEnd().replaceAll(folder, 'DIR'));
  return { exitCode, printed, folder };
}

const CORRECT = 'dzd-telemetry: correct the named key; docs/configuration.md lists every key with its unit and default';

test.for([
  ['an unknown key', 'colector:\n  interval: 5s\n', 'c.yaml:3: colector: unknown key, did you mean "collector"?'],
  ['a key at the wrong place', 'interval: 5s\n', 'c.yaml:3: interval: unknown key here, did you mean "collector.interval"?'],
  [
    'a wrong unit',
    'collector:\n  interval: 5sec\n',
    'c.yaml:4: collector.interval: expected a duration such as "5s", got "5sec", did you mean "5s"?',
  ],
  ['no unit', 'collector:\n  interval: 5\n', 'c.yaml:4: collector.interval: expected a duration such as "5s", got 5, did you mean "5s"?'],
  [
    'two sources of one name',
    'collector:\n  sources:\n    - {type: eapi, url: "unix:///a", name: x}\n    - {type: sockets, name: x}\n',
    'c.yaml:6: collector.sources[1].name: the name "x" is already used by an earlier source; choose another one',
  ],
  [
    'a refresh shorter than the tick',
    'policy:\n  refreshInterval: 2m\ncollector:\n  interval: 5m\n',
    'c.yaml:4: policy.refreshInterval: must be longer than collector.interval (5m), got 2m',
  ],
  [
    'suppress below reuse',
    'policy:\n  damping:\n    suppress: 500\n',
    'c.yaml:5: policy.damping.suppress: must be above policy.damping.reuse (750), got 500',
  ],
  [
    'a password in the file',
    'collector:\n  sources:\n    - {type: eapi, url: "https://a", username: u, password: hunter2}\n',
    'c.yaml:5: collector.sources[0].password: unknown key; passwords do not belong into the configuration: set passwordFile to the file that holds it',
  ],
  [
    'a port that is none',
    'http:\n  listen: "127.0.0.1:80000"\n',
    'c.yaml:4: http.listen: expected an address and a port, such as "127.0.0.1:50100" or "[::1]:50100", got "127.0.0.1:80000"',
  ],
] as const)('%s ends with exit code 2 and one line with place and problem', async ([, lines, expected]) => {
  const { exitCode, printed } = await run(lines);
  expect([exitCode, printed]).toEqual([2, [`dzd-telemetry: DIR/${expected}`, CORRECT]]);
});

test.for([
  ['that is missing', undefined, 'it does not exist'],
  ['that is a folder', 'folder', 'it is a folder'],
  ['that is empty', '', 'it is empty'],
  ['of two lines', 'one\ntwo\n', 'it is not one line of text'],
  ['that links to itself', 'link', 'its symbolic links form a loop'],
] as const)('a secret file %s is refused with the line that names it and the reason', async ([, content, problem]) => {
  const folder = temporaryFolder();
  const secret = join(folder, 'password');
  if (content === 'folder') mkdirSync(secret);
  else if (content === 'link') symlinkSync(secret, secret);
  else if (content !== undefined) writeFileSync(secret, content, { mode: 0o400 });
  const lines =
    'collector:\n  sources:\n    - type: eapi\n      url: https://127.0.0.1:1\n      username: u\n      passwordFile: password\n';
  const { exitCode, printed } = await run(lines, ['--dry-run'], folder);
  expect([exitCode, printed[0]]).toEqual([
    2,
    `dzd-telemetry: collector.sources.eapi.passwordFile: the secret file DIR/password (DIR/c.yaml:8) cannot be used: ${problem}`,
  ]);
});

test('an unreadable secret file is refused with permission denied', async ({ skip }) => {
  skip(process.getuid?.() === 0, 'root may read everything');
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'token'), 'sesame');
  chmodSync(join(folder, 'token'), 0o000);
  const { exitCode, printed } = await run('http:\n  tokenFile: token\n', ['--keypair', await writeNewKeypair(folder)], folder);
  expect([exitCode, printed[0]]).toEqual([
    2,
    'dzd-telemetry: http.tokenFile: the secret file DIR/token (DIR/c.yaml:4) cannot be used: permission denied',
  ]);
});

test.for([
  ['is missing', undefined, 'the key file DIR/key (DIR/c.yaml:3) does not exist'],
  [
    'holds a public key',
    DEVICE,
    'the key file DIR/key (DIR/c.yaml:3) does not contain a keypair: it is a public key; the private key is required',
  ],
  [
    'holds one half of a keypair',
    JSON.stringify(Array(32).fill(7)),
    'the key file DIR/key (DIR/c.yaml:3) does not contain a keypair: it has 32 numbers instead of 64, one half of a keypair',
  ],
  [
    'holds a key of OpenSSH',
    '-----BEGIN OPENSSH PRIVATE KEY-----\n',
    'the key file DIR/key (DIR/c.yaml:3) does not contain a keypair: it is a PEM key of OpenSSH or OpenSSL',
  ],
  [
    'holds what a wallet shows',
    '5K'.repeat(44),
    'the key file DIR/key (DIR/c.yaml:3) does not contain a keypair: it is a private key in base58 (wallet format), not the array that solana-keygen writes',
  ],
  [
    'holds two halves of two keys',
    JSON.stringify(Array(64).fill(7)),
    'the key file DIR/key (DIR/c.yaml:3) is damaged: its public key does not match its private key',
  ],
] as const)('a key file that %s is refused with the line that names it', async ([, content, expected]) => {
  const folder = temporaryFolder();
  if (content !== undefined) writeFileSync(join(folder, 'key'), content, { mode: 0o400 });
  const { exitCode, printed } = await run('keypair: key\n', [], folder);
  expect([exitCode, printed[0]]).toEqual([2, `dzd-telemetry: ${expected}`]);
});

test('a listen address that only a person can correct is refused with its line and a remedy', async () => {
  const folder = temporaryFolder();
  const keypair = await writeNewKeypair(folder);
  const inFile = await run('http:\n  listen: 999.1.1.1:50100\n', ['--keypair', keypair], folder);
  expect([inFile.exitCode, inFile.printed]).toEqual([
    2,
    [
      'dzd-telemetry: http.listen: cannot listen on 999.1.1.1:50100 (DIR/c.yaml:4): unknown host name',
      'dzd-telemetry: set another address or port, or `http.enabled: false`; check whether another agent runs on this host',
    ],
  ]);
  const inFlag = await run('', ['--keypair', keypair, '--http.listen', '999.1.1.1:50100'], folder);
  expect(inFlag.printed[0]).toBe('dzd-telemetry: http.listen: cannot listen on 999.1.1.1:50100 (--http.listen): unknown host name');
});
