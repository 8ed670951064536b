import { expect, onTestFinished, test } from 'vitest';
import { type Slot, subscriptionHint, type WebSocketLike } from '../../src/serviceability/index.ts';
import { keyOf } from './builders.ts';
import { manualSleep } from './watch-fixture.ts';

const [PROGRAM, DEVICE] = [keyOf(250), keyOf(2)];

class FakeSocket implements WebSocketLike {
  onopen: (() => unknown) | null = null;
  onmessage: ((event: { readonly data: unknown }) => unknown) | null = null;
  onclose: (() => unknown) | null = null;
  onerror: (() => unknown) | null = null;
  readonly sent: unknown[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  says(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }
}

const notification = (at: unknown): unknown => ({
  method: 'programNotification',
  params: { result: { context: { slot: at } }, subscription: 1 },
});

function hint(connect?: () => WebSocketLike) {
  const sockets: FakeSocket[] = [];
  const wakes: (Slot | 'somewhen')[] = [];
  const sleeper = manualSleep();
  const stop = new AbortController();
  onTestFinished(() => stop.abort(new Error('the test is over')));
  const open = (): WebSocketLike => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket;
  };
  subscriptionHint({ programId: PROGRAM, device: DEVICE, connect: connect ?? open, sleep: sleeper.sleep })(
    (slot) => wakes.push(slot ?? 'somewhen'),
    stop.signal,
  );
  const latest = (): FakeSocket => sockets.at(-1) ?? expect.fail('there is no socket');
  return { sockets, wakes, sleeper, stop, latest };
}

test('the subscription asks for what the poll asks for, and each notification is a hint with its slot', () => {
  const { latest, wakes } = hint();
  latest().onopen?.();
  expect(latest().sent).toEqual([
    {
      jsonrpc: '2.0',
      id: 1,
      method: 'programSubscribe',
      params: [
        PROGRAM,
        {
          encoding: 'base64',
          commitment: 'confirmed',
          filters: [{ memcmp: { offset: 0, bytes: '8' } }, { memcmp: { offset: 83, bytes: DEVICE } }],
        },
      ],
    },
  ]);
  latest().says({ jsonrpc: '2.0', id: 1, result: 7 });
  latest().says(notification(42));
  latest().says(notification('soon'));
  expect(wakes).toEqual(['somewhen', 42n, 'somewhen']);
});

test('a lost connection is reopened, and each new one triggers a poll', async () => {
  const { sockets, latest, wakes, sleeper } = hint();
  latest().onopen?.();
  latest().says({ id: 1, result: 7 });
  latest().onclose?.();
  await sleeper.wake();
  await sleeper.asleep().catch(() => undefined);
  latest().onopen?.();
  latest().says({ id: 1, result: 8 });
  expect([sockets.length, wakes, sleeper.slept]).toEqual([2, ['somewhen', 'somewhen'], [1_000]]);
});

test('a failed connection is retried with backoff', async () => {
  const { sleeper, wakes } = hint(() => {
    throw new Error('no network');
  });
  for (let tries = 0; tries < 8; tries++) await sleeper.wake();
  await sleeper.asleep();
  expect([sleeper.slept, wakes]).toEqual([[2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000], []]);
});

test('a refused subscription closes the connection and is tried again', async () => {
  const { sockets, latest, sleeper } = hint();
  latest().onopen?.();
  latest().says({ id: 1, error: { code: -32601 } });
  await sleeper.asleep();
  expect([sockets[0]?.closed, sleeper.slept]).toEqual([true, [2_000]]);
});

test('messages of other subscriptions, of another shape or beyond any size are ignored', () => {
  const { latest, wakes } = hint();
  for (const message of ['not json', '7', '[]', { id: 2, result: 1 }, { method: 'other' }, { method: 'programNotification' }])
    latest().says(message);
  latest().onmessage?.({ data: new Uint8Array(3) });
  latest().says(`{"method":"programNotification","params":{"result":${'['.repeat(40)}${']'.repeat(40)}}}`);
  latest().says({ ...Object(notification(42)), more: 'x'.repeat(1 << 20) });
  expect(wakes).toEqual([]);
});

test('the end of the watch closes the connection for good', async () => {
  const { sockets, stop, latest } = hint();
  stop.abort(new Error('enough'));
  await new Promise((resolve) => setImmediate(resolve));
  expect([sockets.length, latest().closed, latest().onmessage]).toEqual([1, true, null]);
});
