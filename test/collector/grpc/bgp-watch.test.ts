import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createSimulatedGrpc, createSimulatedSwitch, createSwitchFaults } from '../../../localnet/switch/index.ts';
import { createBgpWatch } from '../../../src/collector/grpc/bgp-watch.ts';
import { GrpcChannel } from '../../../src/collector/grpc/channel.ts';
import type { TriggerSource } from '../../../src/collector/index.ts';
import { type Clock, seededRandom, systemClock } from '../../../src/lib/index.ts';

/** Real time, with pauses of 20 ms at most; the requested pauses show how often it retries. `signals` are those that end a pause. */
function hurriedClock(): Clock & { readonly pauses: number[]; readonly signals: Set<AbortSignal | undefined> } {
  const pauses: number[] = [];
  const signals = new Set<AbortSignal | undefined>();
  return {
    ...systemClock,
    pauses,
    signals,
    sleep(ms, signal) {
      if (ms !== 5_000) {
        pauses.push(ms);
        signals.add(signal);
      }
      return systemClock.sleep(Math.min(ms, 20), signal);
    },
  };
}

const sim = createSimulatedSwitch({ clock: systemClock });
const faults = createSwitchFaults();
let server = createSimulatedGrpc({ switch: sim, faults });
let port = 0;
let clock = hurriedClock();
let watch: TriggerSource;
let reported: string[];
const life = new AbortController();

beforeEach(async () => {
  ({ port } = await server.start());
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
  clock = hurriedClock();
  reported = [];
  watch = createBgpWatch({ address: `127.0.0.1:${port}`, clock, random: seededRandom(1) });
});
afterEach(async () => {
  await watch.close();
  faults.clear();
  await server.stop();
});

const listen = (): void =>
  watch.start(
    () => reported.push('trigger'),
    life.signal,
    (event) => reported.push(event.state === 'lost' ? `lost: ${event.error.code}` : 'back'),
  );
const watching = () => expect.poll(() => server.stats().watches).toBe(1);

describe('the BGP watch of EosSdkRpc', () => {
  test('the BGP watch triggers on each change of a session, and on a neighbor that is configured or removed', async () => {
    listen();
    await watching();
    sim.establish('vrf1', '169.254.0.1');
    sim.configure({ vrf: 'vrf2', address: '169.254.4.1', remoteAs: 65_000 });
    sim.unconfigure('vrf2', '169.254.4.1');
    sim.drop('vrf1', '169.254.0.1');
    await expect.poll(() => reported).toEqual(['trigger', 'trigger', 'trigger', 'trigger']);
  });

  test('the BGP watch does not trigger on an acknowledgement alone', async () => {
    listen();
    await watching();
    await systemClock.sleep(50);
    expect(reported).toEqual([]);
  });

  test('the BGP watch reports an unreachable switch once, retries with growing pauses, and triggers at its return', async () => {
    await server.stop();
    listen();
    await expect.poll(() => clock.pauses.length).toBeGreaterThan(5);
    expect(reported).toEqual(['lost: GRPC__UNREACHABLE']);
    const [first = 0, , , fourth = 0] = clock.pauses;
    expect(first).toBeLessThanOrEqual(1_000);
    expect(fourth).toBeGreaterThanOrEqual(4_000);
    server = createSimulatedGrpc({ switch: sim, faults, port });
    await server.start();
    await expect.poll(() => reported, { timeout: 60_000 }).toEqual(['lost: GRPC__UNREACHABLE', 'back', 'trigger']);
    sim.establish('vrf1', '169.254.0.1');
    await expect.poll(() => reported.at(-1)).toBe('trigger');
  });

  test('the BGP watch opens a stream again that was torn down', async () => {
    listen();
    await watching();
    server.hangUp();
    await expect.poll(() => reported).toEqual([expect.stringMatching(/^lost: GRPC__/), 'back', 'trigger']);
    await watching();
  });

  test('the BGP watch reports an unexpected error, and retries', async () => {
    clock = hurriedClock();
    const broken = vi.spyOn(GrpcChannel.prototype, 'watch').mockRejectedValueOnce(new TypeError('not a function'));
    onTestFinished(() => broken.mockRestore());
    listen();
    await expect.poll(() => reported).toEqual(['lost: SWITCH__SOURCE_FAILED', 'back', 'trigger']);
    await watching();
  });

  // AbortSignal.any on a signal that lasts leaks on Node.js 20.
  test('a retry of the BGP watch leaves nothing behind on its signal', async () => {
    const combined = vi.spyOn(AbortSignal, 'any');
    onTestFinished(() => combined.mockRestore());
    await server.stop();
    listen();
    await expect.poll(() => clock.pauses.length).toBeGreaterThan(3);
    expect(combined).not.toHaveBeenCalled();
    const [signal = new AbortController().signal, ...others] = clock.signals;
    expect(others).toEqual([]);
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(2);
    server = createSimulatedGrpc({ switch: sim, faults, port });
    await server.start();
  });

  test('closing the BGP watch twice ends the stream on the switch once', async () => {
    listen();
    await watching();
    await watch.close();
    await watch.close();
    await expect.poll(() => server.stats().watches).toBe(0);
    sim.establish('vrf1', '169.254.0.1');
    expect(reported).toEqual([]);
  });

  test('an aborted signal ends the BGP watch silently', async () => {
    const controller = new AbortController();
    watch.start(
      () => reported.push('trigger'),
      controller.signal,
      (event) => reported.push(event.state),
    );
    await watching();
    controller.abort(new Error('stop'));
    await expect.poll(() => server.stats().watches).toBe(0);
    expect(reported).toEqual([]);
  });

  test('the BGP watch reports the return of a switch that stays silent', async () => {
    await server.stop();
    listen();
    await expect.poll(() => reported).toEqual(['lost: GRPC__UNREACHABLE']);
    faults.begin({ kind: 'hang' });
    server = createSimulatedGrpc({ switch: sim, faults, port });
    await server.start();
    await expect.poll(() => reported, { timeout: 60_000 }).toEqual(['lost: GRPC__UNREACHABLE', 'back', 'trigger']);
  });

  test('the BGP watch is not lost while the switch accepts it and stays silent', async () => {
    faults.begin({ kind: 'hang' });
    listen();
    await systemClock.sleep(100);
    expect(reported).toEqual([]);
  });
});
