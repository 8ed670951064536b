import { expect, test } from 'vitest';
import type { Neighbor, NeighborSnapshot, VrfReading } from '../../src/bgp/index.ts';
import { createCollector, type SwitchSource } from '../../src/collector/index.ts';
import { createVirtualClock, monotonicMs, seededRandom } from '../../src/platform/index.ts';

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

function collect(...sources: readonly SwitchSource[]): Promise<NeighborSnapshot | undefined> {
  const collector = createCollector({
    sources,
    timeoutMs: 1_000,
    clock: createVirtualClock(),
    random: seededRandom(1),
    reporter: { source: () => undefined },
  });
  return collector.collect({ needed: new Set(['default', 'vrf1']) }, new AbortController().signal);
}

test('a source without a single neighbor does not pass its empty VRFs for read beside one that has neighbors', async () => {
  const restarting = sourceWith('eapi', { vrf1: collected('eapi') });
  const other = sourceWith('snmp', { default: collected('snmp', established('172.16.0.1')) });

  expect([...((await collect(restarting, other))?.vrfs.keys() ?? [])]).toEqual(['default']);
  expect([...((await collect(other, restarting))?.vrfs.keys() ?? [])]).toEqual(['default']);
});

test('a source without a single neighbor is heard when no other says more', async () => {
  const restarting = sourceWith('eapi', { default: collected('eapi'), vrf1: collected('eapi') });

  expect([...((await collect(restarting))?.vrfs.keys() ?? [])]).toEqual(['default', 'vrf1']);
});

test('a VRF that one source lacks is filled by the next, and a VRF that it has stays its own', async () => {
  const first = sourceWith('eapi', { default: collected('eapi', established('172.16.0.1')) });
  const second = sourceWith('snmp', { default: collected('snmp'), vrf1: collected('snmp', established('169.254.0.1')) });

  const snapshot = await collect(first, second);

  expect([...(snapshot?.vrfs ?? [])].map(([vrf, { source }]) => `${vrf} by ${source}`)).toEqual(['default by eapi', 'vrf1 by snmp']);
});
