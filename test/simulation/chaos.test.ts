import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startFrontEnd } from '../../localnet/simulation/front-end.ts';
import { createVerdict, type Verdict } from '../../localnet/simulation/invariants.ts';
import type { Outcome } from '../../localnet/simulation/network.ts';
import { createPrng } from '../../localnet/simulation/plan.ts';
import { createStatusJudge, MemoryWatch, type StatusJudge } from '../../localnet/simulation/process-judges.ts';
import { createSimulationClock, createWorld, type SimulationClock, type World } from '../../localnet/simulation/world.ts';
import { seededRandom, systemClock } from '../../src/lib/index.ts';
import { buildTransaction } from '../../src/publisher/index.ts';
import { type Address, nanoseconds } from '../../src/serviceability/index.ts';

let verdict: Verdict;
beforeEach(() => {
  verdict = createVerdict(() => undefined);
});

describe.each([true, false])('the judge of statuses, where the log comes first: %s', (isLogFirst) => {
  let clock: SimulationClock;
  let world: World;
  let statuses: StatusJudge;
  let user: Address;

  beforeEach(() => {
    clock = createSimulationClock();
    world = createWorld({ clock, prng: createPrng(seededRandom(1)), users: 1 });
    statuses = createStatusJudge(world, clock, verdict);
    user = [...world.users().keys()][0] as Address;
  });

  const pass = async (seconds: number): Promise<void> => {
    statuses.step();
    await clock.run(clock.monotonic() + seconds * 1_000, () => false);
  };
  const send = (status: 'up' | 'down', tickMs = 5_000): void => {
    statuses.ticked(tickMs);
    const { wire, signature } = buildTransaction({
      programId: world.ledger.programId,
      device: world.device,
      signer: world.signer,
      blockhash: world.ledger.bank.replica().view('confirmed').latestBlockhash().blockhash,
      writes: [{ user, status, rttNs: nanoseconds(0) }],
      compute: {},
    });
    // The log and the network are not in step.
    const both = [() => statuses.sent(signature), () => statuses.departed(Buffer.from(wire).toString('base64'))];
    for (const act of isLogFirst ? both : both.reverse()) act();
  };

  test('a Down of a session that was down for the grace is believable, also if it came up during the tick', async () => {
    world.connect(user);
    await pass(100);
    world.disconnect(user);
    await pass(6);
    send('down');
    world.connect(user);
    await pass(8);
    send('down', 10_000);
    expect(verdict.violation).toBeUndefined();
  });

  test('a Down of a session that was down for the grace before the tick, and is up, is false', async () => {
    world.connect(user);
    await pass(100);
    world.disconnect(user);
    await pass(20);
    world.connect(user);
    await pass(8);
    send('down');
    expect(verdict.violation?.invariant).toBe('down-is-believable');
  });

  test('a Down of a session that was up, or down for a moment only, is false', async () => {
    world.connect(user);
    await pass(100);
    world.disconnect(user);
    await pass(3);
    world.connect(user);
    send('down');
    expect(verdict.violation?.invariant).toBe('down-is-believable');
  });

  test('a Down long after the session came up is false', async () => {
    await pass(10);
    world.connect(user);
    await pass(100);
    send('down');
    expect(verdict.violation?.invariant).toBe('down-is-believable');
  });

  test('an Up of a session that was never up is false', async () => {
    await pass(100);
    send('up');
    expect(verdict.violation?.invariant).toBe('writes-what-was-seen');
  });

  test("what polls showed before the switch's clock moved, or of a new account, is not judged by the grace", async () => {
    world.connect(user);
    await pass(10);
    send('down');
    await pass(90);
    world.disconnect(user);
    statuses.switchClockMoved();
    await pass(1);
    send('down');
    expect(verdict.violation).toBeUndefined();
  });
});

describe('the judge of memory', () => {
  const MB = 1024 * 1024;
  const judged = (bytesAt: (minute: number) => number, processes: (minute: number) => number = () => 1): string => {
    const watch = new MemoryWatch();
    for (let seconds = 0; seconds <= 600; seconds += 2) watch.sample(processes(seconds / 60), 0, bytesAt(seconds / 60), seconds * 1_000);
    return watch.judge(verdict);
  };

  test('memory that goes up and down is bounded, and memory that grows is not', () => {
    expect(judged((minute) => 90 * MB + 15 * MB * Math.abs(Math.sin(7 * minute)))).toMatch(
      /^resident memory 9\d\.\d MB, 9\d\.\d MB after 8\.5 min/,
    );
    expect(verdict.violation).toBeUndefined();
    judged((minute) => (90 + 6 * minute) * MB);
    expect(verdict.violation?.invariant).toBe('bounded');
  });

  test('only the last process counts', () => {
    const text = judged(
      (minute) => (minute < 5 ? 50 : 100) * MB,
      (minute) => (minute < 5 ? 1 : 2),
    );
    expect([text, verdict.violation]).toEqual([expect.stringMatching(/^resident memory 100\.0 MB, 100\.0 MB/), undefined]);
  });
});

describe('a front end', () => {
  const start = async (exchange: (body: string) => Promise<Outcome>, isDown = () => false): Promise<string> => {
    const frontEnd = await startFrontEnd({ clock: systemClock, prng: createPrng(seededRandom(3)), exchange, isDown });
    onTestFinished(() => frontEnd.close());
    return frontEnd.url;
  };
  const post = async (url: string, body = 'x'): Promise<string> => (await fetch(url, { method: 'POST', body })).text();

  test('answers come whole, in one piece or in several', async () => {
    const long = 'abcdefghij'.repeat(1_000);
    const url = await start(async (body) => ({ kind: 'answer', answer: { status: 200, body: body === 'long' ? long : '' } }));
    for (let n = 0; n < 20; n += 1) expect([await post(url, 'long'), await post(url, 'short')]).toEqual([long, '']);
  });

  test.each<Outcome>([{ kind: 'cut' }, { kind: 'cut', within: { status: 200, body: 'half' } }, { kind: 'refused' }])(
    'a request that comes to %j fails',
    async (outcome) => {
      const url = await start(async () => outcome);
      await expect(post(url)).rejects.toThrow();
    },
  );

  test('nothing listens while it is down, and the port is the same afterwards', async () => {
    let isDown = false;
    const url = await start(
      async () => ({ kind: 'answer', answer: { status: 200, body: 'well' } }),
      () => isDown,
    );
    expect(await post(url)).toBe('well');
    isDown = true;
    await expect.poll(() => post(url).catch((error) => error.cause?.code)).toBe('ECONNREFUSED');
    isDown = false;
    await expect.poll(() => post(url).catch(() => 'down')).toBe('well');
  });
});
