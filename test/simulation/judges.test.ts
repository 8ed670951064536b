import { beforeEach, describe, expect, test } from 'vitest';
import type { LandedTransaction } from '../../localnet/ledger/index.ts';
import { createFlightJudge, createVerdict, type FlightJudge, type Verdict } from '../../localnet/simulation/invariants.ts';
import { createPrng } from '../../localnet/simulation/plan.ts';
import {
  createIncarnation,
  createSimulationClock,
  createTrace,
  createWorld,
  type Incarnation,
  type SimulationClock,
  type World,
} from '../../localnet/simulation/world.ts';
import type { StatusIntent } from '../../src/bgp/index.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { buildTransaction } from '../../src/publisher/index.ts';
import { type Address, nanoseconds } from '../../src/serviceability/index.ts';

let clock: SimulationClock;
let world: World;
let verdict: Verdict;
let flights: FlightJudge;
let user: Address;
let slotsAreFalse: boolean;

beforeEach(() => {
  clock = createSimulationClock();
  slotsAreFalse = false;
  world = createWorld({ clock, prng: createPrng(seededRandom(1)), users: 2 });
  verdict = createVerdict(() => undefined);
  const trace = createTrace({ clock });
  flights = createFlightJudge({
    world,
    trace,
    verdict,
    now: clock.monotonic,
    slotsAreFalse: () => slotsAreFalse,
    maxTransactionsPerMinute: 3,
  });
  world.ledger.bank.onLanded((landed: LandedTransaction) => flights.landed(landed));
  const [first] = world.users().keys();
  if (first === undefined) throw new Error('the world has no users');
  user = first;
});

const incarnationNumber = (number: number): Incarnation => createIncarnation({ number, clock, onDeath: () => undefined });
/** The ledger advances its slots when it is read. */
const pass = async (ms: number): Promise<void> => {
  await clock.run(clock.monotonic() + ms, () => false);
  world.ledger.bank.replica();
};

function transaction(status: 'up' | 'down', rtt = 0n): { readonly wire: string; readonly signature: string } {
  const { wire, signature } = buildTransaction({
    programId: world.ledger.programId,
    device: world.device,
    signer: world.signer,
    blockhash: world.ledger.bank.replica().view('confirmed').latestBlockhash().blockhash,
    writes: [{ user, status, rttNs: nanoseconds(rtt) }],
    compute: {},
  });
  return { wire: Buffer.from(wire).toString('base64'), signature };
}

function intentOf(to: 'up' | 'down'): StatusIntent {
  const account = world.users().get(user);
  if (account === undefined) throw new Error('the user is gone');
  const { tunnelNet } = account;
  return { user, from: 'unknown', to, reason: 'change', rttNs: nanoseconds(0), tunnelNet, ageMs: 0, accountState: '' };
}

/** What a network would do with a request to send. */
function send(incarnation: Incarnation, { wire }: { readonly wire: string }): void {
  const watcher = flights.watcherOf(incarnation);
  watcher.departed(wire);
  const params = [wire, { encoding: 'base64', skipPreflight: true }];
  const answer: unknown = JSON.parse(world.ledger.call(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'sendTransaction', params })));
  watcher.arrived(wire, typeof answer === 'object' && answer !== null && 'result' in answer);
}

describe('createFlightJudge', () => {
  test('the judge reports a second transaction for a user whose first may still land', () => {
    const incarnation = incarnationNumber(1);
    send(incarnation, transaction('up'));
    send(incarnation, transaction('down'));

    expect(verdict.violation?.invariant).toBe('one-unresolved-status');
  });

  test('the judge accepts a rebroadcast, and a second transaction once the first is confirmed', async () => {
    const incarnation = incarnationNumber(1);
    const first = transaction('up');
    send(incarnation, first);
    send(incarnation, first);
    await pass(1_200);
    send(incarnation, transaction('down'));
    await pass(1_200);

    expect([verdict.violation, flights.counts.writes]).toEqual([undefined, 2]);
  });

  test("the judge accepts a second transaction once a rollback has undone the block of the first one's blockhash", async () => {
    await pass(4_000);
    const incarnation = incarnationNumber(1);
    const first = transaction('up');
    flights.watcherOf(incarnation).departed(first.wire);
    world.rollBack(5);
    flights.disturbed();
    send(incarnation, transaction('down'));

    expect(verdict.violation).toBeUndefined();
  });

  test('the judge accepts a late transaction of a killed incarnation, and counts it', async () => {
    const dead = incarnationNumber(1);
    const old = transaction('up');
    flights.watcherOf(dead).departed(old.wire);
    dead.kill();
    send(incarnationNumber(2), transaction('down'));
    await pass(1_200);
    send(dead, old);
    await pass(1_200);

    expect([verdict.violation, flights.counts.outOfOrder]).toEqual([undefined, 1]);
  });

  test('the judge reports an older status that lands after a newer one of a running process', async () => {
    const older = incarnationNumber(1);
    const old = transaction('up');
    flights.watcherOf(older).departed(old.wire);
    send(incarnationNumber(2), transaction('down'));
    await pass(1_200);
    send(older, old);
    await pass(1_200);

    expect(verdict.violation?.invariant).toBe('no-older-after-newer');
  });

  test('the judge reports a change that changes nothing', async () => {
    const incarnation = incarnationNumber(1);
    for (const rtt of [1n, 2n]) {
      const again = transaction('up', rtt);
      flights.sent(again.signature, [intentOf('up')]);
      send(incarnation, again);
      await pass(1_200);
    }

    expect(verdict.violation).toEqual({ invariant: 'no-needless-change', detail: 'u0 was written up although it was up already' });
  });

  test('the judge accepts a needless change for two minutes after a node reported wrong slots', async () => {
    const incarnation = incarnationNumber(1);
    const again = async (rtt: bigint) => {
      const change = transaction('up', rtt);
      flights.sent(change.signature, [intentOf('up')]);
      send(incarnation, change);
      await pass(1_200);
    };
    await again(1n);
    slotsAreFalse = true;
    flights.step();
    slotsAreFalse = false;
    await pass(120_000);
    await again(2n);
    expect(verdict.violation).toBeUndefined();
    await pass(20_000);
    await again(3n);
    expect(verdict.violation?.invariant).toBe('no-needless-change');
  });

  test('the judge reports more transactions in a minute than the budget allows', async () => {
    const incarnation = incarnationNumber(1);
    for (const rtt of [1n, 2n, 3n, 4n]) {
      expect(verdict.violation).toBeUndefined();
      send(incarnation, transaction('up', rtt));
      await pass(1_200);
    }

    expect(verdict.violation?.invariant).toBe('spends-within-limits');
  });

  test('the judge reports a process that takes its own write for one of another writer', async () => {
    const incarnation = incarnationNumber(1);
    send(incarnation, transaction('up'));
    await pass(1_200);
    flights.foreignWrites(incarnation, [user]);

    expect(verdict.violation?.invariant).toBe('own-writes-are-known');
  });

  test('the judge accepts another writer where the last write was that of a killed process, however long ago', async () => {
    const killed = incarnationNumber(1);
    send(killed, transaction('up'));
    await pass(1_200);
    killed.kill();
    await pass(300_000);
    flights.foreignWrites(incarnationNumber(2), [user]);

    expect(verdict.violation).toBeUndefined();
  });

  test('the judge accepts another writer for two minutes after a fork or a change of accounts', async () => {
    const incarnation = incarnationNumber(1);
    send(incarnation, transaction('up'));
    await pass(1_200);
    flights.disturbed();
    await pass(120_000);
    flights.foreignWrites(incarnation, [user]);
    expect(verdict.violation).toBeUndefined();
    await pass(20_000);
    flights.foreignWrites(incarnation, [user]);

    expect(verdict.violation?.invariant).toBe('own-writes-are-known');
  });
});
