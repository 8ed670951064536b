import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import bs58 from 'bs58';
import { describe, expect, test } from 'vitest';
import { createAbortController, Stopped, systemClock } from '../../src/lib/index.ts';
import { leaksIn, type MarkedSecret, markedSeed, markedText } from '../support/marked-secrets.ts';
import { type CommandFixture, type CommandResult, commandFixture } from './command-fixture.ts';

/** Characters that each encoding writes in another way. */
const PASSWORD = 'Pw-7f3a/+?"\\ü';
const TEXTS = {
  eapi: ['eAPI password', `eapi${PASSWORD}`, 'dzd'],
  community: ['community of a file', `communityfile${PASSWORD}`],
  inline: ['community of the configuration', 'communityinline7f3a'],
  auth: ['SNMPv3 authentication', `snmpauth${PASSWORD}`],
  priv: ['SNMPv3 privacy', `snmppriv${PASSWORD}`],
  http: ['token of the window', `windowtoken${PASSWORD}`, 'me'],
  path: ['token in a URL path', 'rpcpathtoken7f3a'],
  query: ['token in a URL query', 'rpcquerytoken7f3a'],
  user: ['password in a URL', 'rpcpassword7f3a', 'rpcuser'],
} as const;

const secretOf = (name: keyof typeof TEXTS): string => TEXTS[name][1];

function secretsOf({ keypair }: CommandFixture): readonly MarkedSecret[] {
  const bytes = Uint8Array.from(JSON.parse(readFileSync(keypair, 'utf8')), Number);
  return [
    ...Object.values(TEXTS).map(([name, text, user]) => markedText(name, text, user)),
    markedSeed('private key', bytes.subarray(0, 32), bs58.encode),
    { name: 'keypair', forms: [bs58.encode(bytes)] },
  ];
}

/** A server that refuses everything and repeats the request in its response: some do. */
async function startEchoingServer(status: number): Promise<{ readonly at: string; readonly close: () => void }> {
  const printed = ({ url, headers }: IncomingMessage): string => `no: ${url} ${decodeURI(url ?? '')} ${JSON.stringify(headers)}`;
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1', 'x-said': 'no' });
    response.end(
      status === 200 ? JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: printed(request) } }) : printed(request),
    );
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return {
    at: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    close: () => void server.close().closeAllConnections(),
  };
}

/** A fixture whose configuration has every kind of secret, most of them refused by the other side. */
async function secretFixture(): Promise<CommandFixture & { readonly settings: Readonly<Record<string, unknown>> }> {
  const fixture = await commandFixture();
  const place = (name: keyof typeof TEXTS): string => {
    const file = join(fixture.folder, `secret-${name}`);
    writeFileSync(file, `${secretOf(name)}\n`, { mode: 0o400 });
    return file;
  };
  const { host, port } = fixture.addresses.snmp;
  const [query, path, user] = [`?api-key=${secretOf('query')}`, secretOf('path'), `rpcuser:${secretOf('user')}@`];
  const servers = await Promise.all([401, 429, 500, 200].map(startEchoingServer));
  const refusing = servers.map(({ at }) => at);
  const settings = {
    env: 'localnet',
    device: fixture.localnet.device,
    keypair: fixture.keypair,
    ledger: {
      rpcUrls: [...refusing.map((at) => `http://${user}${at}/v2/${path}${query}`), `${fixture.addresses.rpcUrl}/${path}${query}`],
      requestTimeout: '10s',
    },
    collector: {
      interval: '500ms',
      timeout: '10s',
      sources: [
        { type: 'eapi', name: 'refused', url: `http://${refusing[0]}`, username: 'dzd', passwordFile: place('eapi'), timeout: '300ms' },
        { type: 'snmp', name: 'silent', host, port, communityFile: place('community'), timeout: '150ms' },
        { type: 'snmp', name: 'inline', host, port, community: secretOf('inline'), timeout: '150ms' },
        {
          type: 'snmp',
          name: 'v3',
          host,
          port,
          version: 3,
          user: 'localnet',
          authProtocol: 'sha',
          authPasswordFile: place('auth'),
          privProtocol: 'aes',
          privPasswordFile: place('priv'),
          timeout: '150ms',
        },
        { type: 'eapi', name: 'good', url: fixture.addresses.eapiUrl, username: 'dzd', passwordFile: place('eapi'), timeout: '10s' },
      ],
    },
    policy: { minWriteInterval: '1s' },
    snapshots: { sink: 'folder', directory: join(fixture.folder, 'snapshots'), interval: '5s' },
    http: { listen: '127.0.0.1:0', tokenFile: place('http') },
    log: { level: 'debug', format: 'json' },
  };
  writeFileSync(join(fixture.folder, 'config.yaml'), JSON.stringify(settings), { mode: 0o600 });
  return {
    ...fixture,
    settings,
    async [Symbol.asyncDispose]() {
      for (const { close } of servers) close();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

const all = ({ stdout, stderr }: CommandResult): string => stdout + stderr;

function textsBelow(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => `${name}\n${readFileSync(join(parentPath, name), 'latin1')}`).join('\n');
}

describe.concurrent('secrets', () => {
  test.for(['json', 'pretty'])(
    'a running agent leaks no secret into its %s log, its HTTP server or its snapshots',
    { timeout: 120_000 },
    async (format) => {
      await using fixture = await secretFixture();
      mkdirSync(join(fixture.folder, 'snapshots'), { recursive: true });
      const life = createAbortController();
      let said = '';
      const running = fixture.run(['run', '--log-format', format], life.signal, (text) => {
        said += text;
      });
      const ended = running.then(() => true);
      const until = async (pattern: RegExp): Promise<void> => {
        while (!pattern.test(said)) if (await Promise.race([ended, systemClock.sleep(50)])) throw new Error(said);
      };
      await until(/status written/);
      fixture.localnet.disconnect(fixture.users[0] ?? expect.fail('no user'));
      const url = /(http:\/\/127\.0\.0\.1:\d+)\/status/.exec(said)?.[1] ?? expect.fail(said);
      const headers = { authorization: `Bearer ${Buffer.from(secretOf('http')).toString('latin1')}` };
      const answers: string[] = [];
      const ask = async (path: string, init: RequestInit = {}): Promise<number> => {
        const response = await fetch(`${url}${path}`, init);
        answers.push(JSON.stringify([...response.headers]), await response.text());
        return response.status;
      };
      expect(await ask('/status')).toBe(401);
      const codes = [];
      for (const path of [
        '/status',
        '/status.json',
        '/metrics',
        '/debug/log',
        `/debug/users/${fixture.users[0]}`,
        `/status/users/${fixture.users[0]}`,
        '/-/healthy',
        '/-/ready',
        '/nothing',
      ])
        codes.push(await ask(path, { headers }));
      expect(codes).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 404]);
      writeFileSync(join(fixture.folder, 'config.yaml'), JSON.stringify({ ...fixture.settings, policy: { downGrace: 5 } }), {
        mode: 0o600,
      });
      expect(await ask('/-/reload', { method: 'POST', headers })).toBe(400);
      writeFileSync(join(fixture.folder, 'config.yaml'), JSON.stringify(fixture.settings), { mode: 0o600 });
      expect(await ask('/-/reload', { method: 'POST', headers })).toBe(200);
      for (const code of [/EAPI__/, /SNMP__/, /LEDGER__/]) await until(code);
      await systemClock.sleep(1_500);
      const bundle = await fixture.run(['support', '--http.listen', new URL(url).host]);
      const bundled = gunzipSync(bundle.bytes).toString('latin1');
      for (const name of ['version.json', 'config.json', 'status.json', 'metrics.txt', 'log.txt', 'check.txt'])
        expect(bundled).toContain(`dzd-telemetry-support/${name}\0`);
      life.abort(new Stopped('the test is over'));
      const result = await running;

      const written = [all(result), all(bundle), bundled, ...answers, textsBelow(join(fixture.folder, 'snapshots'))].join('\n');
      // What was to go wrong has gone wrong, so that the paths of failure were taken.
      for (const code of ['EAPI__', 'SNMP__', 'LEDGER__']) expect(written).toContain(code);
      expect(leaksIn(written, secretsOf(fixture))).toEqual([]);
    },
  );

  test.for(['json', 'table'])('the reading commands leak no secret with %s output', async (output) => {
    await using fixture = await secretFixture();
    const results = [];
    for (const args of [['check'], ['status'], ['explain', '500', '--fresh'], ['explain', '500']] as const)
      results.push(await fixture.run([args[0], ...args.slice(1), '--output', output]));
    expect(results.map(({ stdout }) => stdout.length > 50)).toEqual([true, true, true, true]);
    expect(leaksIn(results.map(all).join('\n'), secretsOf(fixture))).toEqual([]);
  });

  test('the refusal of a configuration leaks no secret', async () => {
    await using fixture = await commandFixture();
    const key = readFileSync(fixture.keypair, 'utf8');
    const bytes = Uint8Array.from(JSON.parse(key), Number);
    const keyFile = (content: string): string => {
      const file = join(fixture.folder, `key-${content.length}`);
      writeFileSync(file, content, { mode: 0o600 });
      return file;
    };
    const eapi = { type: 'eapi', url: 'https://sw', username: 'dzd' };
    const base = { env: 'localnet', device: fixture.localnet.device };
    const wrong: readonly Readonly<Record<string, unknown>>[] = [
      { ...base, keypair: key },
      { ...base, keypair: bs58.encode(bytes) },
      { ...base, device: bs58.encode(bytes) },
      { ...base, device: JSON.parse(key) },
      { ...base, keypair: keyFile(key.slice(0, -6)) },
      { ...base, keypair: keyFile(bs58.encode(bytes)) },
      { ...base, keypair: keyFile(Buffer.from(bytes).toString('hex')) },
      { ...base, keypair: keyFile(JSON.stringify([...bytes.subarray(0, 63), 999])) },
      { ...base, collector: { sources: [{ ...eapi, password: secretOf('eapi') }] } },
      { ...base, collector: { sources: [{ ...eapi, passwordFile: `\n${secretOf('eapi')}` }] } },
      { ...base, collector: { sources: [{ ...eapi, url: `https://dzd:${secretOf('user')}@sw` }] } },
      { ...base, collector: { sources: [{ ...eapi, url: `dzd:${secretOf('user')}@sw` }] } },
      { ...base, collector: { sources: [{ type: 'snmp', host: 'sw', community: ` ${secretOf('inline')}` }] } },
      { ...base, collector: { sources: [{ type: 'snmp', host: 'sw', community: [secretOf('inline')] }] } },
      { ...base, ledger: { rpcUrls: `https://a/${secretOf('path')}` } },
      { ...base, ledger: { rpcUrls: [`wss://a/${secretOf('path')}?api-key=${secretOf('query')}`] } },
      { ...base, ledger: { rpcUrls: [`https://a/${secretOf('path')}`, `https://a/${secretOf('path')}`] } },
      { ...base, http: { token: secretOf('http') } },
    ];
    const printed: string[] = [];
    const file = join(fixture.folder, 'config.yaml');
    for (const settings of wrong) {
      writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
      for (const command of ['run', 'check'] as const) {
        const result = await fixture.run([command, '--output', 'json']);
        printed.push(`${result.exitCode} ${all(result)}`);
      }
    }
    writeFileSync(
      file,
      `env: localnet\nkeypair: ${secretOf('path')}: x\nledger: {rpcUrls: [https://${secretOf('user')}@a]\n\tcommunity: ${secretOf('inline')}\n`,
    );
    printed.push(all(await fixture.run(['run'])));
    writeFileSync(file, JSON.stringify(base));
    const flags = [
      `--password=${secretOf('user')}`,
      `--snmp-community=${secretOf('inline')}`,
      `--collector.sources=[{type: snmp, host: a, community: ${secretOf('inline')}}]`,
    ];
    for (const flag of flags) printed.push(all(await fixture.run(['run', flag])));
    expect(printed.filter((text) => text.startsWith('0 '))).toEqual([]);
    expect(leaksIn(printed.join('\n'), secretsOf(fixture))).toEqual([]);
  });

  test('the search for secrets finds every encoding', () => {
    const secrets = [
      markedText('password', 'a/b"c', 'me'),
      markedSeed(
        'key',
        Uint8Array.from({ length: 32 }, (_, n) => n + 100),
        bs58.encode,
      ),
    ];
    const seed = Buffer.from(Uint8Array.from({ length: 32 }, (_, n) => n + 100));
    const written = [
      'a/b"c',
      'a%2Fb%22c',
      'a/b\\"c',
      Buffer.from('me:a/b"c').toString('base64'),
      JSON.stringify([...seed]),
      seed.toString('hex'),
      bs58.encode(seed),
    ];
    for (const text of written) expect([text, leaksIn(`xx${text}xx`, secrets).length > 0]).toEqual([text, true]);
  });
});
