import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

// Under node_modules, so that the bundle finds its packages.
const cache = join(import.meta.dirname, '../../node_modules/.cache');
let folder = '';

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'floods-'));
  await build({
    entryPoints: [join(import.meta.dirname, 'fixtures/flooded-server.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: join(folder, 'server.js'),
    logLevel: 'error',
  });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HEALTHY = 'GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n';

/** A status server in a process of its own; `measure` gives what it needed since the last time. */
async function startServer() {
  const child = spawn(process.execPath, [join(folder, 'server.js')], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  const measure = async (): Promise<{ readonly heldMs: number; readonly residentMb: number; readonly peakMb: number }> => {
    child.stdin.write('\n');
    return JSON.parse((await lines.next()).value);
  };
  const status = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  // As a supervisor and a browser do for hours: the heap is as large afterwards as an agent's is in operation.
  for (let time = 0; time < 20; time += 1) expect(await status('/status')).toBe(200);
  const supervisor = connect(port, '127.0.0.1');
  supervisor.write(`${`${HEALTHY}\r\n`.repeat(5_000)}${HEALTHY}Connection: close\r\n\r\n`);
  await once(supervisor.resume(), 'close');
  return { port, measure, status };
}

const CONNECTIONS = 60;
const REQUESTS = 300;

test.each([
  ['read', '/-/healthy', 5],
  ['read', '/status', 200],
  ['not read', '/status', 0],
] as const)(
  '60 connections with 300 pipelined requests hold the loop for less than 100 ms and take less than 50 MB: %s, %s',
  // Other processes hold the loop as well: on a busy machine the best of three runs is the agent's own.
  { retry: 2 },
  async (how, path, megabytes) => {
    const { port, measure, status } = await startServer();
    const { residentMb } = await measure();
    const sockets: Socket[] = [];
    let received = 0;
    for (let number = 0; number < CONNECTIONS; number += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
      if (how === 'read') socket.on('data', (chunk: Buffer) => (received += chunk.length));
      else socket.pause();
    }
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (const socket of sockets) socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(REQUESTS));
    await expect.poll(() => received >> 20, { timeout: 100_000 }).toBeGreaterThanOrEqual(megabytes);
    // Supervisors are answered meanwhile.
    for (let time = 0; time < 10; time += 1) expect(await status('/-/healthy')).toBe(200);
    const { heldMs, peakMb } = await measure();
    expect(heldMs).toBeLessThan(100);
    expect(peakMb - residentMb).toBeLessThan(50);
  },
);
