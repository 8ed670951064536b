import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startFrontEnd } from '../../localnet/simulation/front-end.ts';
import { createVerdict, type Verdict } from '../../localnet/simulation/invariants.ts';
import type { Outcome } from '../../localnet/simulation/network.ts';
import { createPrng } from '../../localnet/simulation/plan.ts';
import { createStatusJudge, isLiveMemory, MemoryWatch, type StatusJudge } from '../../localnet/simulation/process-judges.ts';
import { createSimulationClock, createWorld, type SimulationClock, type World } from '../../localnet/simulation/world.ts';
import { monotonicMs, seededRandom, systemClock } from '../../src/lib/index.ts';
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
  interface Minute {
    readonly live?: number;
    readonly handles?: number;
    readonly private?: number;
  }
  /** Ten minutes of calms, one a minute; a process begins at each of `starts`. */
  const judged = (at: (minute: number) => Minute, starts: readonly number[] = [0]): string => {
    let minute = 0;
    const memory = new MemoryWatch({ monotonic: () => monotonicMs(minute * 60_000) });
    for (; minute <= 10; minute += 0.25) {
      if (starts.includes(minute)) memory.begin();
      const { live = 23, handles = 5, private: privateMb = 45 } = at(minute);
      memory.samplePrivate(privateMb * MB);
      if (Number.isInteger(minute)) memory.sampleLive({ bytes: live * MB, handles });
    }
    return memory.judge(verdict);
  };

  test('memory that goes up and down is bounded', () => {
    expect(
      judged((minute) => ({ live: 23 + Math.sin(minute), handles: 5 + (minute % 3), private: 45 + 15 * Math.abs(Math.sin(7 * minute)) })),
    ).toMatch(/^live memory 23\.9 MB, 22\.5 MB after 8\.0 min; 7 handles, then 6; private memory 4\d\.\d MB, then 4\d\.\d MB$/);
    expect(verdict.violation).toBeUndefined();
  });

  test.each<[string, (minute: number) => Minute]>([
    ['live memory 23.8 MB, 27.0 MB after 8.0 min', (minute) => ({ live: 23 + 0.4 * minute })],
    ['9 handles, then 41', (minute) => ({ handles: 1 + 4 * minute })],
    ['private memory 54.0 MB, then 88.5 MB', (minute) => ({ private: 45 + 6 * minute })],
  ])('what grows is named: %s', (detail, at) => {
    judged(at);
    expect(verdict.violation).toEqual({ invariant: 'bounded', detail });
  });

  test('only the last process counts, after its warm-up', () => {
    const text = judged((minute) => (minute < 6 ? { live: 10, private: 20 } : { live: 30, private: 60 }), [0, 5]);
    expect([text, verdict.violation]).toEqual([
      'live memory 30.0 MB, 30.0 MB after 3.0 min; 5 handles, then 5; private memory 60.0 MB, then 60.0 MB',
      undefined,
    ]);
  });

  test('a run that cannot measure it fails', () => {
    judged(() => ({}), [0, 8]);
    expect(verdict.violation).toEqual({ invariant: 'bounded', detail: 'no process lived long enough to measure its memory' });
  });
});

test('the probe counts what a process holds and not its garbage, and lets it end', async () => {
  const program = `
    globalThis.held = Buffer.alloc(16 << 20, 1);
    for (let n = 0; n < 8; n += 1) Buffer.alloc(16 << 20, 2);
    const alive = setInterval(() => undefined, 1_000);
    process.on('message', () => clearInterval(alive));`;
  const probe = join(import.meta.dirname, '../../localnet/simulation/memory-probe.mjs');
  const child = spawn(process.execPath, ['--expose-gc', '--import', probe, '--eval', program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  child.send('collect');
  const [live] = await once(child, 'message');
  expect(isLiveMemory(live) && Math.floor(live.bytes / (16 << 20))).toBe(1);
  expect(await ended).toEqual([0, null]);
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
