import { expect, test } from 'vitest';
import type { Neighbor, NeighborSnapshot, VrfReading } from '../../src/bgp/index.ts';
import { createCollector, type SwitchSource } from '../../src/collector/index.ts';
import { AgentError, monotonicMs, seededRandom } from '../../src/lib/index.ts';
import { nanoseconds } from '../../src/serviceability/index.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const established = (address: string): Neighbor => ({ address, state: 'established' });

const collected = (source: string, ...neighbors: readonly Neighbor[]): VrfReading => ({
  kind: 'collected',
  source,
  neighbors: new Map(neighbors.map((neighbor) => [neighbor.address, neighbor])),
  changedAtToleranceMs: 1_000,
});

function sourceWith(name: string, vrfs: Readonly<Record<string, VrfReading>>): SwitchSource {
  return {
    name,
    collect: async () => ({ vrfs: new Map(Object.entries(vrfs)), takenAt: monotonicMs(0) }),
    close: async () => undefined,
  };
}

const never = new AbortController().signal;
const needed = new Set(['default', 'vrf1']);

function collectorOf(...sources: readonly SwitchSource[]) {
  const reported: string[] = [];
  const polls: string[] = [];
  const clock = createVirtualClock();
  const collector = createCollector({
    sources,
    timeoutMs: 20,
    clock,
    random: seededRandom(1),
    reporter: {
      polled: ({ source, durationMs }) => polls.push(`${source} ${durationMs}`),
      source: ({ source, state, error }) => reported.push(`${source} ${state}: ${error?.message}`),
    },
  });
  return { collector, reported, polls, clock };
}

function collect(...sources: readonly SwitchSource[]): Promise<NeighborSnapshot | undefined> {
  return collectorOf(...sources).collector.collect({ needed }, never);
}

/** Nothing but the signal ends the wait. */
const silence = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

test('the empty VRFs of a source without any neighbor do not count when another source has neighbors', async () => {
  const restarting = sourceWith('eapi', { vrf1: collected('eapi') });
  const other = sourceWith('snmp', { default: collected('snmp', established('172.16.0.1')) });

  expect([...((await collect(restarting, other))?.vrfs.keys() ?? [])]).toEqual(['default']);
  expect([...((await collect(other, restarting))?.vrfs.keys() ?? [])]).toEqual(['default']);
});

test('a source without any neighbor is used when no other answers', async () => {
  const restarting = sourceWith('eapi', { default: collected('eapi'), vrf1: collected('eapi') });

  expect([...((await collect(restarting))?.vrfs.keys() ?? [])]).toEqual(['default', 'vrf1']);
});

test('a VRF that a source lacks is filled by the next one, and a VRF that it has is kept', async () => {
  const first = sourceWith('eapi', { default: collected('eapi', established('172.16.0.1')) });
  const second = sourceWith('snmp', { default: collected('snmp'), vrf1: collected('snmp', established('169.254.0.1')) });

  const snapshot = await collect(first, second);

  expect([...(snapshot?.vrfs ?? [])].map(([vrf, { source }]) => `${vrf} by ${source}`)).toEqual(['default by eapi', 'vrf1 by snmp']);
});

test('a VRF that no source can read has the cause of the first one', async () => {
  const failed = (source: string): VrfReading => ({ kind: 'failed', source, problem: `${source} cannot` });
  const first = sourceWith('eapi', { default: collected('eapi', established('172.16.0.1')), vrf1: failed('eapi') });
  const second = sourceWith('snmp', { default: collected('snmp', established('172.16.0.1')), vrf1: failed('snmp') });
  expect((await collect(first, second))?.vrfs.get('vrf1')).toEqual(failed('eapi'));
});

test('a source that keeps a bound of its own has the time of that one, not that of the others', async () => {
  const slow: SwitchSource = {
    ...sourceWith('snmp', {}),
    pollTimeoutMs: 500,
    collect: async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return { vrfs: new Map([['default', collected('snmp', established('172.16.0.1'))]]), takenAt: monotonicMs(0) };
    },
  };
  expect([...((await collect(slow))?.vrfs.keys() ?? [])]).toEqual(['default']);
});

test('rule 20: a silent source is given up and reported once, and the next one is polled', async () => {
  const silent: SwitchSource = { ...sourceWith('eapi', {}), collect: silence };
  const other = sourceWith('snmp', { default: collected('snmp', established('172.16.0.1')), vrf1: collected('snmp') });
  const { collector, reported } = collectorOf(silent, other);

  for (let poll = 0; poll < 2; poll += 1) {
    expect([...((await collector.collect({ needed }, never))?.vrfs.keys() ?? [])]).toEqual(['default', 'vrf1']);
  }
  expect(reported).toEqual(['eapi lost: source eapi could not read the switch: no answer within 20 ms']);
});

test('a source that fails for another reason than before is reported again with that one, and once for each change', async () => {
  const errors = ['EAPI__UNREACHABLE', 'EAPI__UNREACHABLE', 'EAPI__HTTP_STATUS'] as const;
  let polls = 0;
  const failing: SwitchSource = {
    ...sourceWith('eapi', {}),
    collect: () =>
      Promise.reject(new AgentError(errors[polls++] ?? 'EAPI__HTTP_STATUS', { endpoint: 'a', problem: 'no', path: '/', status: 401 })),
  };
  const { collector, reported } = collectorOf(failing);
  for (let poll = 0; poll < 4; poll += 1) await collector.collect({ needed }, never);
  expect(reported).toEqual([expect.stringContaining('cannot be reached'), expect.stringContaining('HTTP 401')]);
});

test('a failed fallback source is reported as recovered even if the first source suffices again', async () => {
  const outages = { eapi: true, snmp: true };
  const source = (name: keyof typeof outages): SwitchSource => {
    const working = sourceWith(name, { default: collected(name, established('172.16.0.1')), vrf1: collected(name) });
    return { ...working, collect: async (signal) => (outages[name] ? Promise.reject(new Error('no')) : working.collect(signal)) };
  };
  const { collector, reported, clock } = collectorOf(source('eapi'), source('snmp'));
  await collector.collect({ needed }, never);
  expect(reported.map((line) => line.split(':')[0])).toEqual(['eapi lost', 'snmp lost']);
  outages.eapi = false;
  for (let poll = 0; poll < 3; poll += 1) {
    await clock.advance(60_000);
    await collector.collect({ needed }, never);
  }
  outages.snmp = false;
  await clock.advance(60_000);
  await collector.collect({ needed }, never);
  await clock.advance(0);
  expect(reported.slice(2)).toEqual(['eapi back: undefined', 'snmp back: undefined']);
});

test('a source has one poll at a time, even if it is needed during a poll in the background', async () => {
  const outages = { eapi: true, snmp: true };
  let running = 0;
  let most = 0;
  const source = (name: keyof typeof outages): SwitchSource => {
    const working = sourceWith(name, { default: collected(name, established('172.16.0.1')), vrf1: collected(name) });
    const read = async (signal: AbortSignal): Promise<NeighborSnapshot> => {
      running += 1;
      most = Math.max(most, running);
      await clock.sleep(10);
      running -= 1;
      return working.collect(signal);
    };
    return { ...working, collect: async (signal) => (outages[name] ? Promise.reject(new Error('no')) : read(signal)) };
  };
  const { collector, clock } = collectorOf(source('eapi'), source('snmp'));
  await collector.collect({ needed }, never);
  await clock.advance(60_000);
  Object.assign(outages, { eapi: false, snmp: false });
  const first = collector.collect({ needed }, never);
  await clock.advance(10);
  await first;
  expect(running).toBe(1);

  outages.eapi = true;
  const second = collector.collect({ needed }, never);
  await clock.advance(20);
  expect((await second)?.vrfs.get('default')).toMatchObject({ source: 'snmp' });
  expect(most).toBe(1);
});

test('round-trip times that a source does not answer come from the next', async () => {
  const silent: SwitchSource = { ...sourceWith('eapi', {}), readRtts: (_, signal) => silence(signal) };
  const other: SwitchSource = { ...sourceWith('snmp', {}), readRtts: async () => new Map([['vrf1|169.254.0.1', nanoseconds(4_200_000)]]) };
  const at = { vrf: 'vrf1', address: '169.254.0.1', neighbor: established('169.254.0.1'), source: 'eapi', changedAtToleranceMs: 0 };

  expect(await collectorOf(silent, other).collector.readRtts([at], never)).toEqual(new Map([['vrf1|169.254.0.1', 4_200_000n]]));
});

test('each answered poll is reported with its duration, and no failed one', async () => {
  const failing: SwitchSource = { ...sourceWith('eapi', {}), collect: () => Promise.reject(new Error('no')) };
  const { collector, polls } = collectorOf(failing, sourceWith('snmp', { default: collected('snmp', established('172.16.0.1')) }));
  await collector.collect({ needed }, never);
  expect(polls).toEqual(['snmp 0']);
});
