import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createAbortController, Stopped, systemClock } from '../../src/lib/index.ts';
import { commandFixture } from './command-fixture.ts';

const HOSTILE = [
  '',
  'GET /',
  `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: localhost\r\n${'X: y\r\n'.repeat(10_000)}\r\n`,
  'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n',
  'GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(50),
];

test('a thousand hostile connections stop neither the ticks of the agent nor its status page', { timeout: 120_000 }, async () => {
  await using fixture = await commandFixture();
  const life = createAbortController();
  let url = '';
  let ticks = 0;
  const quick = ['--collector.interval', '500ms', '--log-level', 'debug'];
  const running = fixture.run(['run', ...quick], life.signal, (text) => {
    url ||= /"url":"(http[^"]+)\/status"/.exec(text)?.[1] ?? '';
    ticks += text.match(/"msg":"tick"/g)?.length ?? 0;
  });
  let ended = false;
  void running.finally(() => {
    ended = true;
  });
  const untilTicks = async (wanted: number): Promise<void> => {
    while (ticks < wanted && !ended) await systemClock.sleep(20);
  };
  await untilTicks(2);

  const sockets: Socket[] = [];
  const port = Number(new URL(url).port);
  for (let number = 0; number < 1_000; number += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket.resume());
    socket.write(HOSTILE[number % HOSTILE.length] ?? '');
    if (number % 50 === 0) await systemClock.sleep(1);
  }
  const before = ticks;
  const ask = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status;
  // The kernel drops what exceeds the queue of new connections, so on a busy machine a request may have to connect again.
  await expect.poll(() => Promise.all(['/-/healthy', '/status', '/metrics'].map(ask)), { timeout: 60_000 }).toEqual([200, 200, 200]);
  await untilTicks(before + 3);

  for (const socket of sockets) socket.destroy();
  life.abort(new Stopped('the test is over'));
  const { exitCode, stderr } = await running;
  expect([exitCode, stderr.includes('configuration reloaded'), stderr.includes('"level":"error"')]).toEqual([0, false, false]);
});

test('ticks go on during a thousand requests to reload', { timeout: 120_000 }, async () => {
  await using fixture = await commandFixture();
  const life = createAbortController();
  let [ticks, reloads] = [0, 0];
  let hangUp = (): void => undefined;
  const onText = (text: string): void => {
    ticks += text.match(/"msg":"tick"/g)?.length ?? 0;
    reloads += text.match(/"msg":"configuration reloaded"/g)?.length ?? 0;
  };
  const quick = ['--collector.interval', '500ms', '--log-level', 'debug'];
  const running = fixture.run(['run', ...quick], life.signal, onText, (listener) => {
    hangUp = listener;
  });
  await expect.poll(() => ticks, { timeout: 30_000 }).toBeGreaterThan(1);
  const [before, begun] = [ticks, systemClock.monotonic()];
  for (let time = 0; time < 1_000; time += 1) {
    hangUp();
    await systemClock.sleep(2);
  }
  const [during, most] = [ticks - before, 2 + Math.floor((systemClock.monotonic() - begun) / 5_000)];
  const few = reloads <= most;
  life.abort(new Stopped('the test is over'));
  expect([(await running).exitCode, during >= 2, few]).toEqual([0, true, true]);
});
