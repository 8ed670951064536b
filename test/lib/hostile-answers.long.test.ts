import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { encodeMessage } from '../../localnet/switch/grpc.ts';

const MAX_MORE_MB = 64;

// Under node_modules, so that the bundle finds its packages.
const cache = join(import.meta.dirname, '../../node_modules/.cache');
let folder = '';

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'hostile-answers-'));
  await build({
    entryPoints: [join(import.meta.dirname, 'fixtures/hostile-reader.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: join(folder, 'reader.js'),
    logLevel: 'error',
  });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Reading {
  readonly outcome: string;
  readonly residentMb: number;
  readonly peakMb: number;
}

/** A process that reads from `url` once for each call. */
function startReader(kind: string, url: string): () => Promise<Reading> {
  const child: ChildProcess = spawn(process.execPath, ['--expose-gc', join(folder, 'reader.js'), kind, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    child.stdin?.write('\n');
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the reader ended: ${child.exitCode ?? child.signalCode}`);
    return JSON.parse(value);
  };
}

/** A body, and how it is sent. */
interface Answer {
  readonly body: Buffer;
  /** Whether it is packed already, or is to be. */
  readonly packed?: 'already' | 'at once';
  /** In chunks of one byte. */
  readonly chunked?: boolean;
}

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

/** An HTTP server that gives `answer`, in which `"ID"` is the id of the request. */
async function serveHttp(): Promise<{ url: string; answer: Answer }> {
  const served = { url: '', answer: { body: Buffer.alloc(0) } as Answer };
  const server = createServer((request, response) => {
    let asked = '';
    request.on('data', (chunk: Buffer) => (asked += chunk.toString('latin1')));
    request.on('end', () => {
      const { body, packed, chunked = false } = served.answer;
      response.on('error', () => undefined);
      const id = Buffer.from(JSON.stringify((JSON.parse(asked) as { id: unknown }).id));
      const at = body.subarray(0, 200).indexOf('"ID"');
      const answered = at < 0 ? body : Buffer.concat([body.subarray(0, at), id, body.subarray(at + 4)]);
      const whole = packed === 'at once' ? gzipSync(answered, { level: 1 }) : answered;
      if (chunked) {
        const raw = Buffer.alloc(whole.length * 6);
        for (let byte = 0; byte < whole.length; byte += 1)
          raw.write(`1\r\n${String.fromCharCode(whole[byte] ?? 0)}\r\n`, 6 * byte, 'latin1');
        response.socket?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        response.socket?.end(raw);
      } else response.writeHead(200, packed !== undefined ? { 'content-encoding': 'gzip' } : {}).end(whole);
    });
  });
  served.url = `http://127.0.0.1:${await listen(server)}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return served;
}

/** A gRPC server that gives `answer` to each call. */
async function serveGrpc(): Promise<{ url: string; answer: Answer }> {
  const served = { url: '', answer: { body: Buffer.alloc(0) } as Answer };
  const server = createHttp2Server();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session.on('error', () => undefined)));
  server.on('stream', async (stream) => {
    const { packed, chunked = false, body: given } = served.answer;
    const body = packed === 'at once' ? gzipSync(given, { level: 1 }) : given;
    stream.on('error', () => undefined).resume();
    const encoding = packed !== undefined ? { 'grpc-encoding': 'gzip' } : {};
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...encoding }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const prefix = Buffer.alloc(5);
    prefix[0] = packed === undefined ? 0 : 1;
    prefix.writeUInt32BE(body.length, 1);
    stream.write(prefix);
    if (chunked) {
      for (let at = 0; at < body.length && !stream.destroyed; at += 1)
        await new Promise((resolve) => stream.write(body.subarray(at, at + 1), resolve));
      stream.end();
    } else stream.end(body);
  });
  served.url = `grpc://127.0.0.1:${await listen(server)}`;
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return served;
}

const MB = 1 << 20;

/** JSON of about so many bytes. */
const JSONS: Readonly<Record<string, (bytes: number) => string>> = {
  'lists in lists': (bytes) => '['.repeat(bytes),
  'objects in objects': (bytes) => '{"a":'.repeat(bytes / 5),
  'empty lists': (bytes) => `[${'[],'.repeat(bytes / 3)}[]]`,
  numbers: (bytes) => `[${'.5,'.replace('.', '0.').repeat(bytes / 4)}0]`,
  keys: (bytes) => `{${Array.from({ length: bytes / 12 }, (_, n) => `"k${n.toString(36).padStart(5, '0')}":1`).join()}}`,
  shapes: (bytes) => `[${Array.from({ length: bytes / 13 }, (_, n) => `{"${n.toString(36).padStart(5, '0')}":1}`).join()}]`,
  'short texts': (bytes) => `[${Array.from({ length: bytes / 9 }, (_, n) => `"${n.toString(36).padStart(6, '0')}"`).join()}]`,
  'a long text': (bytes) => `"${'x'.repeat(bytes)}"`,
  'a long text beyond Latin-1': (bytes) => `"${'\u4e2d'.repeat(bytes / 3)}"`,
  escapes: (bytes) => `"${'\\u4e2d'.repeat(bytes / 6)}"`,
  'raw control characters': (bytes) => `"${'\t'.repeat(bytes)}"`,
  'one key again and again': (bytes) => `{${Array.from({ length: bytes / 6 }, () => '"a":1').join()}}`,
  spaces: (bytes) => ' '.repeat(bytes),
};

/** Answers of as many values as are parsed, of as many bytes as are read, and of far more. */
function hostileBodies(wrap: (json: string) => string, bound: number): [string, Answer][] {
  const sized = (bytes: number) =>
    Object.entries(JSONS).map(([name, json]): [string, Answer] => [`${name}, ${bytes} bytes`, { body: Buffer.from(wrap(json(bytes))) }]);
  const found = [...sized(bound - 1_000), ...(bound > MB ? sized(149_000 * 9) : [])];
  for (const name of ['lists in lists', 'a long text'])
    for (const bytes of [bound - 1_000, 40 * MB]) {
      const body = Buffer.from(wrap(JSONS[name]?.(bytes) ?? ''));
      found.push([`${name}, ${bytes} bytes`, { body }], [`${name}, ${bytes} bytes, packed`, { body, packed: 'at once' }]);
    }
  const member = gzipSync(Buffer.alloc(16 * MB, ' '));
  found.push(['a bomb of 512 MB', { body: Buffer.concat(Array.from({ length: 32 }, () => member)), packed: 'already' }]);
  return found;
}

/** Reads each answer, and expects the process to have taken no more than it may. */
async function expectBounded(read: () => Promise<Reading>, served: { answer: Answer }, calm: Answer, hostile: [string, Answer][]) {
  served.answer = calm;
  expect((await read()).outcome).toBe('read');
  // The heap is as large afterwards as in operation.
  for (let time = 0; time < 300; time += 1) await read();
  const before = await read();
  const taken: Record<string, number> = {};
  for (const [name, answer] of hostile) {
    served.answer = answer;
    const { peakMb } = await read();
    const more = Math.round(peakMb - before.residentMb);
    taken[name] = more;
  }
  expect(Object.entries(taken).filter(([, more]) => more > MAX_MORE_MB)).toEqual([]);
  served.answer = calm;
  // The connection of the last answer may have ended with it.
  await read();
  expect((await read()).outcome).toBe('read');
}

const rpc = (json: string): string => `{"jsonrpc":"2.0","id":"ID","result":${json}}`;
const resultOf = (json: string): string =>
  `{"vrfs":{"default":{"vrf":"default","peers":{"10.0.0.1":{"peerState":"Established"}}}},"x":${json}}`;
const tiny = (body: Buffer): Answer => ({ body, chunked: true });

test('no answer to getProgramAccounts takes 64 MB', { timeout: 300_000 }, async () => {
  const served = await serveHttp();
  const read = startReader('ledger users', served.url);
  const calm = { body: Buffer.from(rpc('{"context":{"slot":5},"value":[]}')) };
  await expectBounded(read, served, calm, [
    ...hostileBodies(rpc, 5 * MB),
    ['chunks of one byte', tiny(Buffer.from(rpc(`"${'x'.repeat(2 * MB)}"`)))],
  ]);
});

test('no answer to getBalance takes 64 MB', { timeout: 300_000 }, async () => {
  const served = await serveHttp();
  const read = startReader('ledger balance', served.url);
  const calm = { body: Buffer.from(rpc('{"context":{"slot":5},"value":7}')) };
  await expectBounded(read, served, calm, hostileBodies(rpc, MB));
});

test.each([
  ['switch', 4 * MB],
  ['snapshot', 8 * MB],
] as const)('no answer of eAPI takes 64 MB: %s', { timeout: 300_000 }, async (kind, bound) => {
  const served = await serveHttp();
  const read = startReader(kind, served.url);
  const wrap = (json: string): string => rpc(`[${resultOf(json)}]`);
  const calm = { body: Buffer.from(wrap('1')) };
  const texts: [string, Answer][] = [
    ['a result that is text', { body: Buffer.from(rpc(`[${JSON.stringify(`{"x":${'['.repeat(4_000_000)}`)}]`)) }],
  ];
  await expectBounded(read, served, calm, [
    ...hostileBodies(wrap, bound),
    ...texts,
    ['chunks of one byte', tiny(Buffer.from(wrap(`"${'x'.repeat(2 * MB)}"`)))],
  ]);
});

test('no answer of gRPC takes 64 MB', { timeout: 300_000 }, async () => {
  const served = await serveGrpc();
  const read = startReader('switch', served.url);
  const message = (json: string): Buffer => encodeMessage([1, encodeMessage([1, true], [4, json])]);
  const answers = hostileBodies(resultOf, 4 * MB).map(([name, { body, packed }]): [string, Answer] => [
    name,
    packed === 'already' ? { body, packed } : { body: message(body.toString()), packed },
  ]);
  const repeated = Buffer.alloc(3 * MB);
  for (let at = 0; at < repeated.length; at += 2) repeated[at] = 0x22;
  const inner = (bytes: Buffer): Buffer => encodeMessage([1, bytes]);
  answers.push(['a million responses', { body: inner(repeated) }]);
  const outer = Buffer.alloc(3 * MB);
  for (let at = 0; at < outer.length; at += 2) outer[at] = 0x0a;
  answers.push(['a million empty messages', { body: outer }], ['nested groups', { body: Buffer.alloc(3 * MB, 0x0b) }]);
  answers.push(['frames of one byte', tiny(message(`"${'x'.repeat(500_000)}"`))]);
  await expectBounded(read, served, { body: message(resultOf('1')) }, answers);
});
