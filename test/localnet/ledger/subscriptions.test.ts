import { createServer } from 'node:net';
import { Connection, PublicKey } from '@solana/web3.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createLocalLedger, type LocalLedger } from '../../../localnet/ledger/index.ts';
import { systemClock } from '../../../src/lib/index.ts';
import { type Address, decodeUser, lamports, nanoseconds, setUserBgpStatusInstruction } from '../../../src/serviceability/index.ts';
import { addressOfKey, build, existing, keypair, NO_KEEP_ALIVE, SOL, toWeb3 } from './ledger-fixture.ts';

const SLOT_MS = 20;
const publisher = keypair('publisher');
const WAIT = { timeout: 10_000, interval: 5 };

let ledger: LocalLedger;
let connection: Connection;
let device: Address;
let user: Address;
let wsUrl: string;

beforeEach(async () => {
  ledger = createLocalLedger({ clock: systemClock, slotMs: SLOT_MS });
  device = ledger.admin.createDevice({ metricsPublisher: addressOfKey(publisher), code: 'dz1' });
  ledger.admin.fund(addressOfKey(publisher), lamports(10n * SOL));
  user = ledger.admin.createUser({ device });
  const addresses = await ledger.start();
  wsUrl = addresses.wsUrl;
  connection = new Connection(addresses.rpcUrl, { wsEndpoint: wsUrl, commitment: 'processed', ...NO_KEEP_ALIVE });
});

afterEach(async () => {
  hangUp(connection);
  await ledger.stop();
});

/** web3.js would go on trying to come back for as long as it has subscriptions. */
function hangUp(client: Connection): void {
  Reflect.set(client, '_subscriptionsByHash', {});
  Reflect.get(client, '_rpcWebSocket').close();
}

/** A transaction that sets the user's status, signed. */
async function statusTransaction(status: 'up' | 'down' = 'up'): Promise<Uint8Array> {
  const { blockhash } = await connection.getLatestBlockhash('processed');
  const metricsPublisher = addressOfKey(publisher);
  const { programId } = ledger;
  const instruction = setUserBgpStatusInstruction({ programId, user, device, metricsPublisher, status, rttNs: nanoseconds(7) });
  return build([toWeb3(instruction)], { signers: [publisher], payer: publisher, version: 'legacy', blockhash });
}

/** A WebSocket of its own, asked by hand. */
async function openRaw(url = wsUrl) {
  const socket = new WebSocket(url);
  const messages: unknown[] = [];
  let closed = false;
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise<void>((resolve) => {
    socket.once('open', () => resolve());
    socket.once('close', () => resolve());
  });
  return {
    socket,
    messages,
    isClosed: () => closed,
    ask: (id: number, method: string, params: readonly unknown[] = []) =>
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params })),
    answer: async (id: number) => vi.waitFor(() => existing(messages.find((message) => Object(message).id === id)), WAIT),
  };
}

describe("web3.js's own Connection", () => {
  test("web3.js's own Connection hears of a change of an account, and of none after it has removed its listener", async () => {
    const statuses: number[] = [];
    const id = connection.onAccountChange(new PublicKey(user), ({ data }) => statuses.push(decodeUser(data).bgpStatus), {
      commitment: 'processed',
    });
    await vi.waitFor(() => expect(subscribed()).toBe(true), WAIT);
    await connection.sendRawTransaction(await statusTransaction());
    await vi.waitFor(() => expect(statuses).toEqual([1]), WAIT);

    await connection.removeAccountChangeListener(id);
    ledger.admin.changeUser(user, { bgpStatus: 2 });
    const slot = await connection.getSlot();
    await vi.waitFor(async () => expect(await connection.getSlot()).toBeGreaterThan(slot + 3), WAIT);
    expect(statuses).toEqual([1]);
  });

  test("web3.js's own Connection hears of an account that was closed as an empty one", async () => {
    const seen: unknown[] = [];
    connection.onAccountChange(new PublicKey(user), ({ lamports, data, owner }) => seen.push([lamports, data.length, owner.toBase58()]), {
      commitment: 'confirmed',
    });
    await vi.waitFor(() => expect(subscribed()).toBe(true), WAIT);
    ledger.admin.deleteUser(user);
    await vi.waitFor(() => expect(seen).toEqual([[0, 0, '11111111111111111111111111111111']]), WAIT);
  });

  test("web3.js's own Connection hears of a program's accounts that pass the filters, and of no others", async () => {
    const seen: string[] = [];
    const typeOfUser = existing(ledger.bank.account(user)).data[0] ?? 0;
    connection.onProgramAccountChange(new PublicKey(ledger.programId), ({ accountId }) => seen.push(accountId.toBase58()), {
      commitment: 'processed',
      filters: [{ memcmp: { offset: 0, bytes: Buffer.from([typeOfUser]).toString('base64'), encoding: 'base64' } }],
    });
    await vi.waitFor(() => expect(subscribed()).toBe(true), WAIT);
    ledger.admin.changeDevice(device, { code: 'other' });
    const newcomer = ledger.admin.createUser({ device });
    await vi.waitFor(() => expect(seen).toEqual([newcomer]), WAIT);
  });

  test("web3.js's own Connection hears when a signature has reached the commitment, and confirmTransaction works", async () => {
    const sent = await statusTransaction();
    const { lastValidBlockHeight, blockhash } = await connection.getLatestBlockhash('processed');
    const signature = await connection.sendRawTransaction(sent);
    const heard = new Promise<unknown>((resolve) => connection.onSignature(signature, resolve, 'confirmed'));
    expect(await connection.confirmTransaction({ signature, blockhash, lastValidBlockHeight }, 'finalized')).toMatchObject({
      value: { err: null },
    });
    expect(await heard).toEqual({ err: null });
  });

  test("web3.js's own Connection hears of each slot with its parent and the root", async () => {
    const slots: { slot: number; parent: number; root: number }[] = [];
    const id = connection.onSlotChange((info) => slots.push(info));
    await vi.waitFor(() => expect(slots.length).toBeGreaterThan(3), WAIT);
    await connection.removeSlotChangeListener(id);
    for (const [index, { slot, parent, root }] of slots.entries()) {
      const first = slots[0]?.slot ?? 0;
      expect({ slot, parent, root }).toEqual({ slot: first + index, parent: first + index - 1, root: expect.any(Number) });
      expect(slot).toBeGreaterThan(root);
    }
  });
});

/** Whether web3.js's one subscription has its number from the server. */
function subscribed(): boolean {
  const states = Object.values(Reflect.get(connection, '_subscriptionsByHash') as Record<string, { state: string }>);
  return states.some(({ state }) => state === 'subscribed');
}

describe('on the wire', () => {
  test('commitment is respected: a finalized subscriber hears a change after the processed one, at its own slot', async () => {
    const raw = await openRaw();
    raw.ask(1, 'accountSubscribe', [user, { commitment: 'finalized', encoding: 'base64' }]);
    raw.ask(2, 'accountSubscribe', [user, { commitment: 'processed', encoding: 'base64' }]);
    expect(await raw.answer(1)).toEqual({ jsonrpc: '2.0', id: 1, result: 0 });
    expect(await raw.answer(2)).toEqual({ jsonrpc: '2.0', id: 2, result: 1 });
    ledger.admin.changeUser(user, { bgpStatus: 1 });
    const data = [Buffer.from(existing(ledger.bank.account(user)).data).toString('base64'), 'base64'];
    await vi.waitFor(() => expect(raw.messages).toHaveLength(4), WAIT);
    const notification = (subscription: number) => ({
      jsonrpc: '2.0',
      method: 'accountNotification',
      params: {
        subscription,
        result: {
          context: { apiVersion: expect.any(String), slot: expect.any(Number) },
          value: expect.objectContaining({ data, owner: ledger.programId, executable: false }),
        },
      },
    });
    expect(raw.messages.slice(2)).toEqual([notification(1), notification(0)]);
  });

  test('an account that is too long for the encoding is announced without its data, and the subscription goes on', async () => {
    const raw = await openRaw();
    raw.ask(1, 'accountSubscribe', [user, { commitment: 'processed' }]);
    raw.ask(2, 'programSubscribe', [ledger.programId, { commitment: 'processed', encoding: 'base58' }]);
    await raw.answer(2);
    for (const [round, bgpStatus] of [1, 2].entries()) {
      ledger.admin.changeUser(user, { bgpStatus });
      await vi.waitFor(() => expect(raw.messages).toHaveLength(4 + 2 * round), WAIT);
    }
    const tooLong = 'error: data too large for bs58 encoding';
    expect(raw.messages.slice(4)).toMatchObject([
      { method: 'accountNotification', params: { result: { value: { data: tooLong, owner: ledger.programId } } } },
      { method: 'programNotification', params: { result: { value: { pubkey: user, account: { data: [tooLong, 'base58'] } } } } },
    ]);
  });

  test('bad requests are answered, and the connection goes on', async () => {
    const raw = await openRaw();
    raw.socket.send('{');
    raw.ask(2, 'getSlot');
    raw.ask(3, 'accountSubscribe', ['nonsense']);
    raw.ask(4, 'slotUnsubscribe', [99]);
    raw.ask(5, 'slotSubscribe');
    await raw.answer(5);
    expect(raw.messages.slice(0, 5)).toEqual([
      { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } },
      { jsonrpc: '2.0', id: 2, error: { code: -32601, message: 'Method not found' } },
      {
        jsonrpc: '2.0',
        id: 3,
        error: { code: -32602, message: 'Invalid params: expected a base58 address of 32 bytes at params.0' },
      },
      { jsonrpc: '2.0', id: 4, error: { code: -32602, message: 'Invalid params: Invalid subscription id.' } },
      { jsonrpc: '2.0', id: 5, result: expect.any(Number) },
    ]);
  });

  test('a connection has at most 256 subscriptions, and one that is ended makes room', async () => {
    const raw = await openRaw();
    for (let id = 0; id <= 256; id += 1) raw.ask(id, 'accountSubscribe', [user]);
    expect(await raw.answer(256)).toMatchObject({ error: { message: 'more than 256 subscriptions on one connection' } });
    const { result } = Object(await raw.answer(0));
    raw.ask(300, 'accountUnsubscribe', [result]);
    expect(await raw.answer(300)).toEqual({ jsonrpc: '2.0', id: 300, result: true });
    raw.ask(301, 'accountSubscribe', [user]);
    expect(await raw.answer(301)).toMatchObject({ result: expect.any(Number) });
  });

  test('the sixty-fifth connection is refused', async () => {
    const all = await Promise.all(Array.from({ length: 64 }, () => openRaw()));
    const last = await openRaw();
    expect([all.every(({ isClosed }) => !isClosed()), last.isClosed()]).toEqual([true, true]);
  });

  test('a client that does not read is cut off', async () => {
    const address = ledger.programId;
    const raw = await openRaw();
    for (let id = 0; id < 64; id += 1)
      raw.ask(id, 'accountSubscribe', [user, { commitment: 'processed', encoding: 'base64', dataSlice: null }]);
    await raw.answer(63);
    raw.socket.pause();
    const data = Buffer.alloc(512 << 10, 1).toString('base64');
    ledger.call(
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'localnet_setAccount', params: [{ address: user, owner: address, data }] }),
    );
    await systemClock.sleep(4 * SLOT_MS);
    raw.socket.resume();
    await vi.waitFor(() => expect(raw.isClosed()).toBe(true), WAIT);
    expect(raw.messages.length).toBeLessThan(128);
  });

  test('a fault that strikes subscriptions refuses them, or cuts the connection', async () => {
    const raw = await openRaw();
    ledger.faults.set({ rpc: [{ kind: 'error', methods: ['slotSubscribe'], code: -32_005, message: 'Node is unhealthy', times: 1 }] });
    raw.ask(1, 'slotSubscribe');
    expect(await raw.answer(1)).toEqual({ jsonrpc: '2.0', id: 1, error: { code: -32_005, message: 'Node is unhealthy' } });
    ledger.faults.set({ rpc: [{ kind: 'reset' }] });
    raw.ask(2, 'slotSubscribe');
    await vi.waitFor(() => expect(raw.isClosed()).toBe(true), WAIT);
  });
});

test('the port after a given one serves subscriptions too, as Solana clients expect; when it is taken, the HTTP port does', async () => {
  const port = await twoFreePorts();
  const onFixedPort = createLocalLedger({ clock: systemClock, slotMs: SLOT_MS, port });
  expect(await onFixedPort.start()).toEqual({ rpcUrl: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port + 1}` });
  const usual = new Connection(`http://127.0.0.1:${port}`, NO_KEEP_ALIVE);
  const slot = await new Promise((resolve) => usual.onSlotChange((info) => resolve(info.slot)));
  expect(slot).toEqual(expect.any(Number));
  hangUp(usual);
  await onFixedPort.stop();

  const squatter = createServer().listen(port + 1, '127.0.0.1');
  await new Promise((resolve) => squatter.once('listening', resolve));
  const other = createLocalLedger({ clock: systemClock, slotMs: SLOT_MS, port });
  expect(await other.start()).toEqual({ rpcUrl: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}` });
  const raw = await openRaw(`ws://127.0.0.1:${port}`);
  raw.ask(1, 'slotSubscribe');
  expect(await raw.answer(1)).toEqual({ jsonrpc: '2.0', id: 1, result: 0 });
  await other.stop();
  await new Promise((resolve) => squatter.close(resolve));
});

/** The lower of two neighboring ports that are free. */
async function twoFreePorts(): Promise<number> {
  for (;;) {
    const first = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => first.once('listening', resolve));
    const port = Object(first.address()).port as number;
    const second = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      second.once('error', () => resolve(false));
      second.listen(port + 1, '127.0.0.1', () => resolve(true));
    });
    await Promise.all([first, second].map((server) => new Promise((resolve) => server.close(resolve))));
    if (isFree) return port;
  }
}
