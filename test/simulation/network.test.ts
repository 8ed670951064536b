import { beforeEach, expect, test } from 'vitest';
import {
  createSimulatedTransport,
  healthyPath,
  LATER_REFUSALS,
  type NodeOnPath,
  READ_REFUSALS,
} from '../../localnet/simulation/network.ts';
import { createPrng } from '../../localnet/simulation/plan.ts';
import {
  createIncarnation,
  createSimulationClock,
  createWorld,
  type SimulationClock,
  type World,
} from '../../localnet/simulation/world.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { buildTransaction } from '../../src/publisher/index.ts';
import type { JsonRpc, RpcReply, RpcRequest } from '../../src/rpc/index.ts';
import { parseEndpointUrl } from '../../src/rpc/transport.ts';
import { nanoseconds } from '../../src/serviceability/index.ts';

let clock: SimulationClock;
let world: World;
let place: NodeOnPath;
let rpc: JsonRpc;
let landed: number;

beforeEach(() => {
  clock = createSimulationClock();
  const prng = createPrng(seededRandom(1));
  world = createWorld({ clock, prng, users: 1 });
  place = { node: world.ledger.addNode(), path: healthyPath(), takenLate: new Set() };
  const incarnation = createIncarnation({ number: 1, clock, onDeath: () => undefined });
  const watcher = { departed: () => undefined, arrived: () => undefined };
  const options = {
    url: parseEndpointUrl('http://node-0'),
    clock,
    connections: 8,
    maxWaiting: 8,
    timeoutMs: 10_000,
    maxResponseBytes: 1e6,
  };
  rpc = createSimulatedTransport(options, { clock, prng, incarnation, place, watcher });
  landed = 0;
  world.ledger.bank.onLanded(() => {
    landed += 1;
  });
});

async function call(request: RpcRequest): Promise<RpcReply> {
  const replied = rpc.call(request, new AbortController().signal);
  await clock.run(clock.monotonic() + 10_000, () => false);
  return replied;
}

function transaction(): RpcRequest {
  const [user] = world.users().keys();
  if (user === undefined) throw new Error('the world has no users');
  const { wire } = buildTransaction({
    programId: world.ledger.programId,
    device: world.device,
    signer: world.signer,
    blockhash: world.ledger.bank.replica().view('confirmed').latestBlockhash().blockhash,
    writes: [{ user, status: 'up', rttNs: nanoseconds(0) }],
    compute: {},
  });
  return { method: 'sendTransaction', params: [Buffer.from(wire).toString('base64'), { encoding: 'base64', skipPreflight: true }] };
}

test('a transaction that is taken late lands 5 to 40 s later, and later attempts at it are refused', async () => {
  place.path.takeLate = 1;
  place.path.laterAnswers = LATER_REFUSALS.filter(({ name }) => name === 'HTTP 413');
  const request = transaction();
  const sentAt = clock.monotonic();
  expect((await call(request)).kind).not.toBe('result');

  expect(await call(request)).toMatchObject({ kind: 'http-error', status: 413 });

  while (landed === 0 && clock.monotonic() - sentAt < 60_000) {
    await clock.run(clock.monotonic() + 400, () => false);
    world.ledger.bank.replica();
  }
  expect([landed, clock.monotonic() - sentAt >= 5_000, clock.monotonic() - sentAt < 42_000]).toEqual([1, true, true]);
});

test('a front end that refuses one method serves all others', async () => {
  const answer = READ_REFUSALS.find(({ name }) => name.includes('deprioritized'));
  if (answer === undefined) throw new Error('there is no such answer');
  place.path.refusal = { methods: new Set(['getBalance']), answer };

  expect(await call({ method: 'getBalance', params: [world.signer.address] })).toMatchObject({ kind: 'rpc-error', code: -32600 });
  expect(await call({ method: 'getEpochInfo', params: [] })).toMatchObject({ kind: 'result' });
});

test('a connection that is cut after the node has the transaction leaves it open whether it was acted upon', async () => {
  place.path.cut = 1;

  expect(await call(transaction())).toMatchObject({ kind: 'failed' });
  expect(landed).toBe(0);
  await clock.run(clock.monotonic() + 2_000, () => false);
  world.ledger.bank.replica();
  expect(landed).toBe(1);
});

test('a transaction that is misreported lands all the same', async () => {
  place.path.misreport = 1;

  expect((await call(transaction())).kind).not.toBe('result');
  world.ledger.bank.replica();
  expect(landed).toBe(1);
});
