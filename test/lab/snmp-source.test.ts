import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Neighbor, NeighborSnapshot, NeighborState } from '../../src/bgp/index.ts';
import { createSnmpSource } from '../../src/collector/snmp/source.ts';
import { isAgentError, systemClock } from '../../src/lib/index.ts';
import { createBgpLab } from './bgp-lab.ts';

const CONNECTED = ['169.254.0.1', '169.254.0.3', '169.254.0.5'];
/** Enough others that the table takes more than one answer, and that 9 and 11 show whether rows are in the order of their numbers. */
const NEVER_CONNECTED = Array.from({ length: 13 }, (_, index) => `169.254.0.${7 + 2 * index}`);

const lab = createBgpLab({
  users: [...CONNECTED, ...NEVER_CONNECTED].map((_, position) => ({
    tunnelId: 500 + position,
    tunnelNet: `169.254.0.${2 * position}/31`,
    connects: position < CONNECTED.length,
  })),
});
const source = createSnmpSource({ name: 'snmp', ...lab.snmp, vrfs: ['default'], timeoutMs: 2_000, maxRows: 100, clock: systemClock });

beforeAll(() => lab.start());

afterAll(async () => {
  await source.close();
  await lab.stop();
});

describe('real bgpd sessions, read through a real snmpd', () => {
  test('real bgpd sessions come up with their age, count and AS, and a client that never connected is down', async () => {
    for (const address of CONNECTED) await until(address, 'established');
    const neighbors = await read();
    expect([...neighbors.values()]).toEqual([
      ...CONNECTED.map((address) => ({
        address,
        state: 'established',
        remoteAs: 65_000,
        establishedTransitions: 1,
        changedAt: expect.any(Number),
      })),
      ...NEVER_CONNECTED.map((address) => ({ address, state: 'active', remoteAs: 65_000, establishedTransitions: 0 })),
    ]);
    for (const address of CONNECTED) expect(ageOf(neighbors.get(address))).toBeLessThan(60_000);
  });

  test('a client that dies takes only its own session down, and brings it back when it returns', async () => {
    await lab.killClient(1);
    await until('169.254.0.3', 'active');
    expect(await states()).toEqual({
      '169.254.0.1': 'established',
      '169.254.0.3': 'active',
      '169.254.0.5': 'established',
      ...Object.fromEntries(NEVER_CONNECTED.map((address) => [address, 'active'])),
    });
    await lab.restartClient(1);
    await until('169.254.0.3', 'established');
    const neighbors = await read();
    expect(CONNECTED.map((address) => neighbors.get(address)?.establishedTransitions)).toEqual([1, 2, 1]);
  });

  test('a client that goes silent is down when its hold time has expired, dated then', async () => {
    await lab.unplugClient(2);
    await until('169.254.0.5', 'active');
    const neighbor = (await read()).get('169.254.0.5');
    expect(neighbor).toMatchObject({ state: 'active', establishedTransitions: 1 });
    expect(ageOf(neighbor)).toBeLessThan(30_000);
    await lab.replugClient(2);
    await until('169.254.0.5', 'established');
  });

  test('a VRF that snmpd does not know is failed, and the default VRF is read', async () => {
    const two = createSnmpSource({
      name: 'snmp',
      ...lab.snmp,
      vrfs: ['default', 'vrf9'],
      timeoutMs: 2_000,
      maxRows: 100,
      clock: systemClock,
    });
    const { vrfs } = await two.collect(AbortSignal.timeout(10_000));
    await two.close();
    expect(vrfs.get('default')?.kind).toBe('collected');
    expect(vrfs.get('vrf9')).toMatchObject({
      kind: 'failed',
      source: 'snmp',
      problem: 'no answer within 2000 ms',
      error: { code: 'SNMP__UNREACHABLE' },
    });
  });

  test('the death of the device’s own bgpd during polls never shows a neighbor as gone', async () => {
    const seen = await pollWhile(async () => {
      await delay(300);
      await lab.killDeviceBgp();
      await delay(700);
      await lab.restartDeviceBgp();
      for (const address of CONNECTED) await until(address, 'established');
    });
    expect(seen.failures.filter((code) => !LOST_BGP.has(code))).toEqual([]);
    expect(seen.failures.length).toBeGreaterThan(0);
    expect(new Set(seen.sizes)).toEqual(new Set([CONNECTED.length + NEVER_CONNECTED.length]));
  });
});

/** What an agent whose BGP part is gone, or comes and goes, may answer with. */
const LOST_BGP: ReadonlySet<string> = new Set([
  'SNMP__UNREACHABLE',
  'SNMP__EMPTY',
  'SNMP__NO_BGP',
  'SNMP__NEIGHBORS_GONE',
  'SNMP__UNSTABLE',
  'SNMP__ERROR_STATUS',
]);

async function collect(): Promise<NeighborSnapshot> {
  return source.collect(AbortSignal.timeout(10_000));
}

function neighborsIn(snapshot: NeighborSnapshot): ReadonlyMap<string, Neighbor> {
  const reading = snapshot.vrfs.get('default');
  if (reading?.kind !== 'collected') throw new Error(`the default VRF could not be read: ${reading?.problem}`);
  return reading.neighbors;
}

async function read(): Promise<ReadonlyMap<string, Neighbor>> {
  return neighborsIn(await collect());
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries([...(await read())].map(([address, { state }]) => [address, state]));
}

function ageOf(neighbor: Neighbor | undefined): number {
  return neighbor?.changedAt === undefined ? Number.POSITIVE_INFINITY : Date.now() - neighbor.changedAt;
}

/** Waits until the session is in that state; one that is lost passes through Idle before it waits again. */
async function until(address: string, wanted: NeighborState): Promise<void> {
  let seen: Record<string, string> = {};
  for (let attempt = 0; attempt < 150; attempt += 1) {
    seen = await states().catch((error: unknown) => ({ error: String(error) }));
    if (seen[address] === wanted) return;
    await delay(200);
  }
  throw new Error(`${address} did not become ${wanted}: ${JSON.stringify(seen)}\n${lab.describe()}`);
}

interface Polls {
  readonly sizes: readonly number[];
  readonly failures: readonly string[];
}

/** Polls over and over while the work goes on, and keeps how many neighbors each poll saw, or its error's code. */
async function pollWhile(work: () => Promise<void>): Promise<Polls> {
  const sizes: number[] = [];
  const failures: string[] = [];
  let over = false;
  const polling = (async () => {
    while (!over) {
      await read().then(
        (neighbors) => sizes.push(neighbors.size),
        (error: unknown) => failures.push(isAgentError(error) ? error.code : String(error)),
      );
      await delay(5);
    }
  })();
  try {
    await work();
  } finally {
    over = true;
    await polling;
  }
  return { sizes, failures };
}
