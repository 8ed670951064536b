import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runLocalnetCommandLine } from '../../localnet/commands.ts';
import { loadConfig, loadKeypair } from '../../src/config/index.ts';
import { createAbortController, Stopped } from '../../src/lib/index.ts';
import { address, decodeContributor, decodeDevice, decodeGlobalState, globalStateAddress } from '../../src/serviceability/index.ts';
import { temporaryFile, temporaryFolder } from '../config/temporary-files.ts';
import { expectDocumented } from '../support/documented-output.ts';
import { selfSigned } from '../support/self-signed.ts';

/** Ends the localnet once `whileReady` is done with its ready line. */
async function startLocalnet(whileReady: (ready: Readonly<Record<string, string>>) => Promise<void>) {
  const life = createAbortController();
  const lines: string[] = [];
  let checked: Promise<void> | undefined;
  const ports = ['rpc', 'eapi', 'snmp', 'grpc'].flatMap((name) => [`--${name}-port`, '0']);
  const exitCode = await runLocalnetCommandLine(['--users', '1', ...ports, '--output', 'json'], {
    stdout: {
      write(text) {
        lines.push(text);
        checked = whileReady(JSON.parse(text)).finally(() => life.abort(new Stopped('SIGINT')));
      },
      isTerminal: false,
      columns: undefined,
    },
    stderr: { write: (text) => expect.fail(text), isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: life.signal,
    version: '1.2.3',
  });
  await checked;
  return { exitCode, lines };
}

test.for([
  [['--eapi-socket', '/no/such/folder/socket'], '--eapi-socket: cannot listen on /no/such/folder/socket: '],
  [['--eapi-socket', '123'], '--eapi-socket: cannot listen on 123: '],
  [['--eapi-socket', `/${'x'.repeat(107)}`], 'the path is longer than 107 bytes'],
  [['--eapi-key', '/dev/null', '--eapi-cert', '/dev/null'], '--eapi-key, --eapi-cert: not a key and a certificate in PEM: '],
  [['--genesis', '/no/such/file'], 'dzd-localnet: --genesis: /no/such/file: it does not exist'],
] as const)('dzd-localnet refuses %j with one line, and leaves no keys behind', async ([args, problem], { onTestFinished }) => {
  const folder = temporaryFolder();
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const stderr: string[] = [];
  const ports = ['rpc', 'eapi', 'snmp', 'grpc'].flatMap((name) => [`--${name}-port`, '0']);
  const exitCode = await runLocalnetCommandLine([...ports, ...args], {
    stdout: { write: (text) => expect.fail(text), isTerminal: false, columns: undefined },
    stderr: { write: (text) => void stderr.push(text), isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: createAbortController().signal,
    version: '1.2.3',
  });
  expect([exitCode, stderr[0]]).toEqual([2, expect.stringContaining(problem)]);
  expect([stderr.length, readdirSync(folder)]).toEqual([2, []]);
});

test('dzd-localnet prints one line of JSON when it is ready, with addresses and key files', async () => {
  const { exitCode, lines } = await startLocalnet(async (ready) => {
    const keys = ['keypair', 'foundationKeypair', 'contributorKeypair'];
    const names = ['event', 'rpcUrl', 'programId', 'device', ...keys, 'eapiUrl', 'eapiSocket', 'snmp', 'grpc'];
    expect(Object.keys(ready).filter((name) => name !== 'wsUrl')).toEqual(names);
    expect(loadKeypair(ready.keypair ?? '').keypair.address).not.toBe(loadKeypair(ready.foundationKeypair ?? '').keypair.address);
  });
  expect([exitCode, lines.length]).toEqual([0, 1]);
  expectDocumented('localnet', lines.join(''));
});

test('dzd-localnet prints a complete configuration even if it serves eAPI over HTTPS', async () => {
  const { key, cert } = selfSigned(['127.0.0.1']);
  const tls = ['--eapi-key', temporaryFile(key), '--eapi-cert', temporaryFile(cert)];
  const socket = join(temporaryFolder(), 'command-api.sock');
  const life = createAbortController();
  let text = '';
  const ports = ['rpc', 'eapi', 'snmp', 'grpc'].flatMap((name) => [`--${name}-port`, '0']);
  await runLocalnetCommandLine(['--users', '1', ...ports, ...tls, '--eapi-socket', socket], {
    stdout: {
      write(more) {
        text += more;
        if (text.includes('Ctrl-C')) life.abort(new Stopped('SIGINT'));
      },
      isTerminal: false,
      columns: undefined,
    },
    stderr: { write: (line) => expect.fail(line), isTerminal: false, columns: undefined },
    environment: {},
    onHangup: () => undefined,
    signal: life.signal,
    version: '1.2.3',
  });
  const [, printed = ''] = /A configuration file for it:\n(.*?)\n {2}dzd-telemetry run/s.exec(text) ?? [];
  const { config } = loadConfig({ file: temporaryFile(printed), environment: {} });
  expect(config.collector.sources).toMatchObject([{ type: 'eapi', url: `unix://${socket}` }]);
});

test("the contributor's key file owns the contributor that the device refers to", async () => {
  await startLocalnet(async ({ rpcUrl = '', device = '', contributorKeypair = '' }) => {
    const read = async (account: string) => {
      const params = [account, { encoding: 'base64' }];
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getAccountInfo', params });
      const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      return Buffer.from(Object(await response.json()).result.value.data[0], 'base64');
    };
    const { owner } = decodeContributor(await read(decodeDevice(await read(device)).contributorPk));
    expect(owner).toBe(loadKeypair(contributorKeypair).keypair.address);
  });
});

test('the key file of the foundation is the one that GlobalState lists', async () => {
  await startLocalnet(async ({ rpcUrl = '', programId = '', foundationKeypair = '' }) => {
    const params = [globalStateAddress(address(programId)).address, { encoding: 'base64' }];
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getAccountInfo', params }),
    });
    const { result } = Object(await response.json());
    const { foundationAllowlist } = decodeGlobalState(Buffer.from(result.value.data[0], 'base64'));
    expect(foundationAllowlist).toEqual([loadKeypair(foundationKeypair).keypair.address]);
  });
});
