import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSimulatedGrpc, createSimulatedSwitch, createSwitchFaults } from '../../../localnet/switch/index.ts';
import { createBgpWatch, type WakeUpSource } from '../../../src/collector/index.ts';
import { type Clock, seededRandom, systemClock } from '../../../src/lib/index.ts';

/** Real time, but that no pause is longer than 20 ms: how often it tries is told by the pauses that it asked for. */
function hurriedClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = [];
  return {
    ...systemClock,
    pauses,
    sleep(ms, signal) {
      if (ms !== 5_000) pauses.push(ms);
      return systemClock.sleep(Math.min(ms, 20), signal);
    },
  };
}

const sim = createSimulatedSwitch({ clock: systemClock });
const faults = createSwitchFaults();
let face = createSimulatedGrpc({ switch: sim, faults });
let port = 0;
let clock = hurriedClock();
let watch: WakeUpSource;
let told: string[];
const life = new AbortController();

beforeEach(async () => {
  ({ port } = await face.start());
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
  clock = hurriedClock();
  told = [];
  watch = createBgpWatch({ address: `127.0.0.1:${port}`, clock, random: seededRandom(1) });
});
afterEach(async () => {
  await watch.close();
  faults.clear();
  await face.stop();
});

const listen = (): void =>
  watch.start(
    () => told.push('wake'),
    life.signal,
    (event) => told.push(event.state === 'lost' ? `lost: ${event.error.code}` : 'back'),
  );
const watching = () => expect.poll(() => face.stats().watches).toBe(1);

describe('the BGP watch of EosSdkRpc', () => {
  test('the BGP watch triggers on each change of a session, and on a neighbor that is configured or removed', async () => {
    listen();
    await watching();
    sim.establish('vrf1', '169.254.0.1');
    sim.configure({ vrf: 'vrf2', address: '169.254.4.1', remoteAs: 65_000 });
    sim.unconfigure('vrf2', '169.254.4.1');
    sim.drop('vrf1', '169.254.0.1');
    await expect.poll(() => told).toEqual(['wake', 'wake', 'wake', 'wake']);
  });

  test('the BGP watch does not trigger on an acknowledgement alone', async () => {
    listen();
    await watching();
    await systemClock.sleep(50);
    expect(told).toEqual([]);
  });

  test('the BGP watch reports an unreachable switch once, retries with growing pauses, and triggers at its return', async () => {
    await face.stop();
    listen();
    await expect.poll(() => clock.pauses.length).toBeGreaterThan(5);
    expect(told).toEqual(['lost: GRPC__UNREACHABLE']);
    const [first = 0, , , fourth = 0] = clock.pauses;
    expect(first).toBeLessThanOrEqual(1_000);
    expect(fourth).toBeGreaterThanOrEqual(4_000);
    face = createSimulatedGrpc({ switch: sim, faults, port });
    await face.start();
    await expect.poll(() => told).toEqual(['lost: GRPC__UNREACHABLE', 'back', 'wake']);
    sim.establish('vrf1', '169.254.0.1');
    await expect.poll(() => told.at(-1)).toBe('wake');
  });

  test('the BGP watch opens a stream again that was torn down', async () => {
    listen();
    await watching();
    face.hangUp();
    await expect.poll(() => told).toEqual([expect.stringMatching(/^lost: GRPC__/), 'back', 'wake']);
    await watching();
  });

  test('closing the BGP watch twice ends the stream on the switch once', async () => {
    listen();
    await watching();
    await watch.close();
    await watch.close();
    await expect.poll(() => face.stats().watches).toBe(0);
    sim.establish('vrf1', '169.254.0.1');
    expect(told).toEqual([]);
  });

  test('an aborted signal ends the BGP watch silently', async () => {
    const controller = new AbortController();
    watch.start(
      () => told.push('wake'),
      controller.signal,
      (event) => told.push(event.state),
    );
    await watching();
    controller.abort(new Error('stop'));
    await expect.poll(() => face.stats().watches).toBe(0);
    expect(told).toEqual([]);
  });

  test('the BGP watch reports the return of a switch that stays silent', async () => {
    await face.stop();
    listen();
    await expect.poll(() => told).toEqual(['lost: GRPC__UNREACHABLE']);
    faults.begin({ kind: 'hang' });
    face = createSimulatedGrpc({ switch: sim, faults, port });
    await face.start();
    await expect.poll(() => told).toEqual(['lost: GRPC__UNREACHABLE', 'back', 'wake']);
  });

  test('the BGP watch is not lost while the switch accepts it and stays silent', async () => {
    faults.begin({ kind: 'hang' });
    listen();
    await systemClock.sleep(100);
    expect(told).toEqual([]);
  });
});
