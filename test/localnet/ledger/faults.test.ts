import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLocalLedger, parseTransaction } from '../../../localnet/ledger/index.ts';
import { addressOfKey, build, createBed, type Fixture, keypair } from './ledger-fixture.ts';

let fixture: Fixture;
let rpcUrl: string;

beforeEach(async () => {
  fixture = createBed();
  ({ rpcUrl } = await fixture.ledger.start());
});

afterEach(async () => {
  await fixture.ledger.stop();
});

async function post(method: string, params: readonly unknown[] = [], url = rpcUrl): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(5_000),
  });
}

const ask = async (method: string, params: readonly unknown[] = [], url = rpcUrl) =>
  JSON.parse(await (await post(method, params, url)).text());

/** Sends a status over RPC, without preflight; returns its signature. */
async function send(status: 'up' | 'down' = 'up') {
  const user = fixture.user();
  const { blockhash } = fixture.ledger.bank.replica().view('processed').latestBlockhash();
  const wire = build([fixture.setStatus(user, status)], {
    signers: [fixture.publisher],
    payer: fixture.publisher,
    version: 'legacy',
    blockhash,
  });
  const { result } = await ask('sendTransaction', [Buffer.from(wire).toString('base64'), { encoding: 'base64', skipPreflight: true }]);
  expect(result).toBe(parseTransaction(wire).signature);
  return { user, signature: String(result), transaction: parseTransaction(wire) };
}

const isThere = (signature: string) => fixture.ledger.bank.replica().status(signature) !== undefined;

describe('faults of requests', () => {
  test('a rate limit is a 429 with Retry-After, for the methods named and as often as said', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'rate-limited', methods: ['getSlot'], times: 2, retryAfterSeconds: 7 }] });
    const refused = await post('getSlot');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
    expect((await post('getBlockHeight')).status).toBe(200);
    expect((await post('getSlot')).status).toBe(429);
    expect((await post('getSlot')).status).toBe(200);
  });

  test('unavailable is a 503, html a page where JSON should be', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'unavailable' }] });
    expect((await post('getSlot')).status).toBe(503);
    fixture.ledger.faults.set({ rpc: [{ kind: 'html' }] });
    const page = await post('getSlot');
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      200,
      'text/html',
      '<html><body><h1>502 Bad Gateway</h1></body></html>',
    ]);
  });

  test('a reset cuts the connection, a truncated answer ends in the middle', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'reset' }] });
    await expect(post('getSlot')).rejects.toThrow();
    fixture.ledger.faults.set({ rpc: [{ kind: 'truncate' }] });
    await expect(ask('getSlot')).rejects.toThrow();
  });

  test('a hanging request gets no response, and does not keep the ledger from stopping', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'hang' }] });
    const hanging = post('getSlot').then(
      () => 'answered',
      () => 'cut',
    );
    expect(await Promise.race([hanging, delay(50, 'waiting')])).toBe('waiting');
    await fixture.ledger.stop();
    expect(await hanging).toBe('cut');
  });

  test('a delay passes on the ledger clock before the answer', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'delay', delayMs: 4_000 }] });
    expect(await ask('getSlot', [{ commitment: 'processed' }])).toEqual({ jsonrpc: '2.0', id: 1, result: 74 });
  });

  test('a JSON-RPC error has the code and the text that were asked for', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'error', code: -32007, message: 'Slot was skipped' }] });
    expect(await ask('getSlot')).toEqual({ jsonrpc: '2.0', id: 1, error: { code: -32007, message: 'Slot was skipped' } });
  });

  test('a fault with a probability strikes that part of the requests', async () => {
    fixture.ledger.faults.set({ rpc: [{ kind: 'unavailable', probability: 0.3 }] });
    const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await post('getHealth')).status));
    const refused = statuses.filter((status) => status === 503).length;
    expect(refused).toBeGreaterThan(15);
    expect(refused).toBeLessThan(45);
  });
});

test('a fault of every method spares the administration, so that it can be ended from outside', async () => {
  await ask('localnet_setFaults', [{ rpc: [{ kind: 'hang' }] }]);
  expect((await ask('localnet_clearFaults')).result.rpc).toEqual([]);
  expect((await ask('getHealth')).result).toBe('ok');
});

describe('faults of transactions', () => {
  test('a dropped one is accepted and never seen again', async () => {
    fixture.ledger.faults.set({ dropProbability: 1 });
    const { signature } = await send();
    fixture.ledger.bank.advance(200);
    expect([isThere(signature), fixture.ledger.bank.counters.received]).toEqual([false, 0]);
  });

  test('a delayed one lands so many slots later', async () => {
    fixture.ledger.faults.set({ delaySlots: 10 });
    const { signature } = await send();
    fixture.ledger.bank.advance(10);
    expect(isThere(signature)).toBe(false);
    fixture.ledger.bank.advance();
    expect(isThere(signature)).toBe(true);
  });

  test('a delayed one lands at once when another node forwards its copy, and never twice', async () => {
    fixture.ledger.faults.set({ delaySlots: 10 });
    const { signature, transaction } = await send();
    fixture.ledger.bank.submit(transaction);
    fixture.ledger.bank.advance();
    expect(isThere(signature)).toBe(true);
    fixture.ledger.bank.advance(20);
    expect(fixture.ledger.bank.counters).toMatchObject({ received: 2, succeeded: 1, droppedRepeated: 0 });
  });

  test('a duplicate reaches the leader, and is not run again', async () => {
    fixture.ledger.faults.set({ duplicateProbability: 1 });
    await send();
    fixture.ledger.bank.advance(5);
    expect(fixture.ledger.bank.counters).toMatchObject({ received: 2, succeeded: 1, droppedRepeated: 1 });
  });
});

describe('faults of the chain', () => {
  test('frozen, no slot begins and nothing lands, until it thaws', async () => {
    const { signature } = await send();
    fixture.ledger.faults.set({ frozen: true });
    fixture.clock.pass(60_000);
    expect([fixture.slot(), isThere(signature)]).toEqual([64n, false]);
    fixture.ledger.faults.set({ frozen: false });
    fixture.clock.pass(400);
    expect([fixture.slot(), isThere(signature)]).toEqual([65n, true]);
  });

  test('skipped slots have no block: the slot rises faster than the height', () => {
    fixture.ledger.faults.set({ skipSlotProbability: 0.5 });
    fixture.ledger.bank.advance(200);
    const { blockHeight } = fixture.ledger.bank.replica().view('processed');
    expect(blockHeight).toBeGreaterThan(64n + 70n);
    expect(blockHeight).toBeLessThan(64n + 130n);
    expect(fixture.slot()).toBeGreaterThan(blockHeight + 50n);
  });

  test('a blockhash can expire long before it is promised to', async () => {
    fixture.ledger.faults.set({ blockhashLifetime: 2, delaySlots: 2 });
    const { signature } = await send();
    fixture.ledger.bank.advance(5);
    expect([isThere(signature), fixture.ledger.bank.counters.droppedExpired]).toEqual([false, 1]);
    expect(fixture.ledger.bank.replica().view('processed').latestBlockhash().lastValidBlockHeight).toBe(69n + 150n);
  });
});

describe('faults of reads', () => {
  test('a node that lags shows the past: slots, accounts, statuses, blockhashes', async () => {
    const { user, signature } = await send('down');
    fixture.ledger.bank.advance(4);
    fixture.ledger.faults.set({ lagSlots: 5 });
    expect(await ask('getSlot', [{ commitment: 'processed' }])).toMatchObject({ result: 63 });
    expect(await ask('getSignatureStatuses', [[signature]])).toMatchObject({ result: { value: [null] } });
    const old = await ask('getAccountInfo', [user, { commitment: 'processed', encoding: 'base64' }]);
    expect(old.result.value).toBeNull();
    fixture.ledger.faults.set({ lagSlots: 3 });
    expect(await ask('getSignatureStatuses', [[signature]])).toMatchObject({ result: { value: [{ confirmationStatus: 'processed' }] } });
    expect(await ask('getSlot', [{ commitment: 'processed', minContextSlot: 66 }])).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32016, message: 'Minimum context slot has not been reached', data: { contextSlot: 65 } },
    });
  });

  test('a node far behind says so, and takes no transaction with preflight', async () => {
    fixture.ledger.bank.advance(300);
    fixture.ledger.faults.set({ lagSlots: 129 });
    expect(await ask('getHealth')).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32005, message: 'Node is behind by 129 slots', data: { numSlotsBehind: 129 } },
    });
    expect(await (await fetch(`${rpcUrl}/health`)).text()).toBe('unknown');
    fixture.ledger.faults.set({ lagSlots: 0, unhealthy: true });
    expect(await ask('getHealth')).toMatchObject({ error: { code: -32005, message: 'Node is unhealthy' } });
  });

  test('accounts come back with another owner, another type, cut, or not at all', async () => {
    const user = fixture.user();
    const read = async () => (await ask('getAccountInfo', [user, { commitment: 'processed', encoding: 'base64' }])).result.value;
    const right = await read();
    fixture.ledger.faults.set({ account: { kind: 'wrong-owner' } });
    expect((await read()).owner).toBe('11111111111111111111111111111111');
    fixture.ledger.faults.set({ account: { kind: 'wrong-type' } });
    expect(Buffer.from((await read()).data[0], 'base64')[0]).toBe(14);
    fixture.ledger.faults.set({ account: { kind: 'truncated' } });
    expect((await read()).space).toBe(103);
    fixture.ledger.faults.set({ account: { kind: 'missing', addresses: [user] } });
    expect(await read()).toBeNull();
    fixture.ledger.faults.set({ account: { kind: 'missing', addresses: [fixture.device] } });
    expect(await read()).toEqual(right);
  });
});

test('another endpoint of the same ledger has faults of its own', async () => {
  const other = await fixture.ledger.addEndpoint();
  fixture.ledger.bank.advance(10);
  other.faults.set({ lagSlots: 4 });
  const config = [{ commitment: 'processed' }];
  expect([await ask('getSlot', config), await ask('getSlot', config, other.rpcUrl)]).toMatchObject([{ result: 74 }, { result: 70 }]);
});

test('faults are set and ended over JSON-RPC, and invalid ones are rejected', async () => {
  expect((await ask('localnet_setFaults', [{ dropProbability: 0.2, lagSlots: 3 }])).result).toMatchObject({
    dropProbability: 0.2,
    lagSlots: 3,
  });
  expect((await ask('localnet_setFaults', [{ frozen: true }])).result).toMatchObject({ dropProbability: 0.2, frozen: true });
  expect((await ask('localnet_setFaults', [{ dropProbability: 2 }])).error).toMatchObject({ code: -32602 });
  expect((await ask('localnet_setFaults', [{ nonsense: 1 }])).error).toMatchObject({ code: -32602 });
  expect((await ask('localnet_clearFaults')).result).toMatchObject({ dropProbability: 0, frozen: false });
  expect(() => fixture.ledger.faults.set({ lagSlots: -1 })).toThrow();
});

test('the ledger can be started and stopped repeatedly', async () => {
  expect((await fixture.ledger.start()).rpcUrl).toBe(rpcUrl);
  await Promise.all([fixture.ledger.stop(), fixture.ledger.stop()]);
  await expect(post('getHealth')).rejects.toThrow();
  ({ rpcUrl } = await fixture.ledger.start());
  expect((await ask('getHealth')).result).toBe('ok');
  const port = Number(new URL(rpcUrl).port);
  await expect(createLocalLedger({ port }).start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('on the real clock an airdrop is confirmed after a few slots', async () => {
  const ledger = createLocalLedger({ slotMs: 10 });
  const { rpcUrl: url } = await ledger.start();
  try {
    const { result } = await ask('requestAirdrop', [addressOfKey(keypair('receiver')), 1_000_000_000], url);
    await expect
      .poll(async () => (await ask('getSignatureStatuses', [[result]], url)).result.value[0]?.confirmationStatus)
      .toBe('finalized');
  } finally {
    await ledger.stop();
  }
});
