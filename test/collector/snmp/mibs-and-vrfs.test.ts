import { describe, expect, test } from 'vitest';
import { encodeAnswer, encodeFailure } from '../../../localnet/switch/snmp.ts';
import { TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import type { Neighbor, NeighborSnapshot } from '../../../src/bgp/index.ts';
import { ARISTA_MIB } from '../../../src/collector/snmp/mibs.ts';
import { asTimePasses, letTimersStandStill } from '../../support/passing-time.ts';
import { sourceOf } from './scripted-agent.ts';
import { prepareViews } from './simulated-views.ts';

const signal = new AbortController().signal;

const neighborsIn = (snapshot: NeighborSnapshot, vrf = 'default'): readonly Neighbor[] => {
  const reading = snapshot.vrfs.get(vrf);
  if (reading?.kind !== 'collected') throw new Error(`VRF ${vrf} is not collected: ${JSON.stringify(reading)}`);
  return [...reading.neighbors.values()];
};

describe('ARISTA-BGP4V2-MIB', () => {
  test('ARISTA-BGP4V2-MIB has descriptions, four-octet AS numbers, administrative stops and IPv6 neighbors', async () => {
    const { sim, agent, clock, pass } = await prepareViews();
    sim.configure({ vrf: 'default', address: '169.254.0.1', remoteAs: 4_200_000_001, description: 'USER-500' });
    sim.configure({ vrf: 'default', address: '169.254.0.3', remoteAs: 65_000 });
    sim.configure({ vrf: 'default', address: '2001:db8::1', remoteAs: 65_000 });
    sim.establish('default', '169.254.0.1');
    sim.drop('default', '169.254.0.3', 'idle', 'Admin');
    pass(90_000);
    const source = sourceOf(agent, { mib: 'arista', clock });
    expect(neighborsIn(await source.collect(signal))).toEqual([
      {
        address: '169.254.0.1',
        state: 'established',
        description: 'USER-500',
        remoteAs: 4_200_000_001,
        changedAt: 1_700_000_000_000,
        establishedTransitions: 1,
      },
      {
        address: '169.254.0.3',
        state: 'idle',
        remoteAs: 65_000,
        downReason: 'Idle(Admin): shut down by configuration',
        establishedTransitions: 0,
      },
      { address: '2001:db8::1', state: 'active', remoteAs: 65_000, establishedTransitions: 0 },
    ]);
  });

  test.each([
    ['1.1.4.169.254.0.1', '169.254.0.1'],
    ['7.1.4.0.0.0.0', '0.0.0.0'],
    ['1.2.16.32.1.5.80.0.2.0.47.0.0.0.0.0.51.0.1', '2001:550:2:2f::33:1'],
    ['1.2.16.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1', '::1'],
    ['1.2.20.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.2.3', 'fe80::1%515'],
    ['1.4.20.254.128.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.7', 'fe80::1%7'],
    ['1.3.8.169.254.0.1.0.0.0.9', '169.254.0.1'],
    ['1.2.16.0.0.0.0.0.0.0.0.0.0.255.255.169.254.0.1', '169.254.0.1'],
  ])('ARISTA-BGP4V2-MIB index %s is address %s', (index, address) => {
    expect(ARISTA_MIB.addressOf(index.split('.').map(Number))).toBe(address);
  });

  test.each([
    '',
    '1',
    '1.1.4',
    '1.1.4.169.254.0',
    '1.1.5.169.254.0.1.0',
    '1.1.4.169.254.0.256',
    '1.1.16.169.254.0.1',
    '1.2.4.169.254.0.1',
    '1.16.4.97.98.99.100',
    '1.0.0',
  ])('ARISTA-BGP4V2-MIB index "%s" is refused', (index) => {
    const oid = index === '' ? [] : index.split('.').map(Number);
    expect(() => ARISTA_MIB.addressOf(oid)).toThrow('a row whose index is not an address of IPv4 or IPv6');
  });
});

describe('why a session is down', () => {
  test.each([
    ['arista' as const, 'last notification sent: Hold Timer Expired', 'last notification sent: Cease/Maximum Number of Prefixes Reached'],
    ['bgp4' as const, 'last notification: Hold Timer Expired', 'last notification: Cease/Maximum Number of Prefixes Reached'],
  ])('%s shows the last error of neighbors that are down, in one request', async (mib, lost, refused) => {
    const { sim, agent, clock, asked } = await prepareViews();
    for (const address of ['169.254.0.1', '169.254.0.3', '169.254.0.5']) {
      sim.configure({ vrf: 'default', address, remoteAs: 65_000 });
      sim.establish('default', address);
    }
    const source = sourceOf(agent, { mib, clock });
    await source.collect(signal);
    expect(asked().filter((request) => request.startsWith('get default') && request.includes(mib))).toEqual([]);
    sim.drop('default', '169.254.0.1');
    sim.drop('default', '169.254.0.3', 'idle', 'MaxPath');
    const reasons = neighborsIn(await source.collect(signal)).map(({ downReason }) => downReason);
    expect(reasons).toEqual([lost, refused, undefined]);
    expect(asked().filter((request) => request.startsWith('get default') && request.includes(mib))).toHaveLength(1);
  });
});

describe('the choice of the MIB', () => {
  const oneNeighbor = async (): Promise<Awaited<ReturnType<typeof prepareViews>>> => {
    const fixture = await prepareViews();
    fixture.sim.configure({ vrf: 'default', address: '169.254.0.1', remoteAs: 65_000, description: 'USER-500' });
    return fixture;
  };
  const isArista = (snapshot: NeighborSnapshot): boolean => neighborsIn(snapshot)[0]?.description === 'USER-500';

  test('ARISTA-BGP4V2-MIB is read where the agent has it, without a request for BGP4-MIB', async () => {
    const fixture = await oneNeighbor();
    expect(isArista(await sourceOf(fixture.agent, { mib: 'auto' }).collect(signal))).toBe(true);
    expect([...fixture.asked()].sort()).toEqual(['get default arista', 'get default sysUpTime', 'get-bulk default arista']);
  });

  test('BGP4-MIB is read where the agent lacks ARISTA-BGP4V2-MIB, which is not requested again', async () => {
    const fixture = await oneNeighbor();
    fixture.mibs = ['bgp4'];
    const source = sourceOf(fixture.agent, { mib: 'auto' });
    expect(isArista(await source.collect(signal))).toBe(false);
    expect([...fixture.asked()].sort()).toEqual([
      'get default bgp4',
      'get default sysUpTime',
      'get-bulk default arista',
      'get-bulk default bgp4',
    ]);
    await source.collect(signal);
    expect([...fixture.asked()].sort()).toEqual(['get default sysUpTime', 'get-bulk default bgp4']);
  });

  test('the MIB is chosen again after the agent has restarted', async () => {
    const fixture = await oneNeighbor();
    fixture.mibs = ['bgp4'];
    fixture.pass(60_000);
    const source = sourceOf(fixture.agent, { mib: 'auto' });
    await source.collect(signal);
    fixture.mibs = ['bgp4', 'arista'];
    expect(isArista(await source.collect(signal))).toBe(false);
    fixture.sim.reboot();
    await source.collect(signal);
    expect(isArista(await source.collect(signal))).toBe(true);
  });

  test('BGP4-MIB is read when ARISTA-BGP4V2-MIB is gone or disorderly, and no neighbor is gone for that', async () => {
    const fixture = await oneNeighbor();
    const source = sourceOf(fixture.agent, { mib: 'auto' });
    await source.collect(signal);
    fixture.mibs = ['bgp4'];
    expect(neighborsIn(await source.collect(signal))).toHaveLength(1);
    const other = sourceOf(fixture.agent, { mib: 'auto' });
    fixture.mibs = ['bgp4', 'arista'];
    fixture.intercept = (request) =>
      request.kind === 'get-bulk' && (request.oids[0]?.[6] ?? 0) === 30_065 ? nonsense(request) : undefined;
    expect(neighborsIn(await other.collect(signal)).map(({ address }) => address)).toEqual(['169.254.0.1']);
  });

  test('only the configured MIB is read', async () => {
    const fixture = await oneNeighbor();
    fixture.mibs = ['bgp4'];
    await expect(sourceOf(fixture.agent, { mib: 'arista' }).collect(signal)).rejects.toMatchObject({ code: 'SNMP__EMPTY' });
    fixture.mibs = ['arista'];
    await expect(sourceOf(fixture.agent, { mib: 'bgp4' }).collect(signal)).rejects.toMatchObject({ code: 'SNMP__EMPTY' });
  });
});

describe('the VRFs that the switch lists', () => {
  const prepareVrfs = async (...vrfs: readonly string[]): Promise<Awaited<ReturnType<typeof prepareViews>>> => {
    const fixture = await prepareViews();
    for (const vrf of ['default', ...vrfs]) {
      fixture.sim.addVrf(vrf);
      fixture.sim.configure({ vrf, address: '169.254.0.1', remoteAs: 65_000 });
    }
    return fixture;
  };

  test('the VRFs that the switch lists are read with default; a new one from the next poll on, a removed one no longer', async () => {
    const fixture = await prepareVrfs('vrf1', 'MGMT-2');
    const source = sourceOf(fixture.agent, { vrfs: 'auto' });
    const read = async (): Promise<readonly string[]> => [...(await source.collect(signal)).vrfs.keys()].sort();
    expect(await read()).toEqual(['MGMT-2', 'default', 'vrf1']);
    fixture.sim.removeVrf('MGMT-2');
    fixture.sim.configure({ vrf: 'vrf7', address: '169.254.0.9', remoteAs: 65_000 });
    expect(await read()).toEqual(['default', 'vrf1', 'vrf7']);
  });

  test('only default is read where the agent lists no VRF', async () => {
    const fixture = await prepareVrfs('vrf1');
    fixture.mibs = ['bgp4'];
    expect([...(await sourceOf(fixture.agent, { vrfs: 'auto' }).collect(signal)).vrfs.keys()]).toEqual(['default']);
  });

  test('a listed VRF is left out when the agent answers that it has no BGP or no access', async () => {
    const fixture = await prepareVrfs('vrf1', 'MGMT', 'closed');
    fixture.sim.unconfigure('MGMT', '169.254.0.1');
    fixture.intercept = (request, vrf) => {
      if (vrf === 'MGMT' && request.kind === 'get') return noSuchObject(request);
      return vrf === 'closed' ? refusal(request) : undefined;
    };
    expect([...(await sourceOf(fixture.agent, { vrfs: 'auto' }).collect(signal)).vrfs.keys()].sort()).toEqual(['default', 'vrf1']);
  });

  test('a listed VRF is failed when the agent is silent or answers with an error', async () => {
    const fixture = await prepareVrfs('vrf1', 'vrf2', 'vrf3');
    fixture.sim.configure({ vrf: 'vrf3', address: '169.254.0.9', remoteAs: 65_000 });
    fixture.intercept = (request, vrf) => (vrf === 'vrf1' ? 'silence' : vrf === 'vrf2' ? encodeFailure(request) : undefined);
    letTimersStandStill();
    const { vrfs } = await asTimePasses(25, sourceOf(fixture.agent, { vrfs: 'auto' }).collect(signal));
    expect([...vrfs].map(([vrf, reading]) => `${vrf} ${reading.kind === 'failed' ? reading.problem : reading.kind}`)).toEqual([
      'default collected',
      'vrf1 no answer within 2000 ms',
      'vrf2 the agent answered with error status 5 (genErr)',
      'vrf3 collected',
    ]);
  });

  test('a configured VRF is failed whatever the agent answers', async () => {
    const fixture = await prepareVrfs('MGMT');
    fixture.sim.unconfigure('MGMT', '169.254.0.1');
    fixture.intercept = (request, vrf) => (vrf === 'MGMT' && request.kind === 'get' ? noSuchObject(request) : undefined);
    const { vrfs } = await sourceOf(fixture.agent, { vrfs: ['default', 'MGMT'] }).collect(signal);
    expect(vrfs.get('MGMT')).toMatchObject({ kind: 'failed' });
  });

  test('VRFs that cannot be listed make no snapshot: one of default alone would claim too much', async () => {
    const fixture = await prepareVrfs('vrf1');
    fixture.intercept = (request) => ((request.oids[0]?.[6] ?? 0) === 30_065 && request.oids[0]?.[7] === 3 ? 'silence' : undefined);
    await expect(sourceOf(fixture.agent, { vrfs: 'auto', timeoutMs: 300 }).collect(signal)).rejects.toMatchObject({
      code: 'SNMP__UNREACHABLE',
      message: `the SNMP agent at 127.0.0.1:${fixture.agent.port} could not be read: the list of VRFs: no answer within 300 ms`,
    });
  });
});

type Request = Parameters<typeof encodeFailure>[0];

/** A table of neighbors without a state that is a number. */
function nonsense(request: Request): Buffer {
  return encodeAnswer(
    request,
    request.oids.map((oid) => ({ oid: [...oid, 1, 1, 4, 169, 254, 0, 1], type: TYPE.octetString, value: 'nonsense' })),
  );
}

function noSuchObject(request: Request): Buffer {
  return encodeAnswer(
    request,
    request.oids.map((oid) => ({ oid: [...oid], type: TYPE.noSuchObject, value: 'noSuchObject' })),
  );
}

/** authorizationError. */
function refusal(request: Request): Buffer {
  const answer = encodeFailure(request);
  // genErr is the one error-status that the simulation sends, and 5 stands nowhere else in front of the error-index 1.
  const at = answer.indexOf(Buffer.from([0x02, 0x01, 0x05, 0x02, 0x01, 0x01]));
  answer[at + 2] = 16;
  return answer;
}
