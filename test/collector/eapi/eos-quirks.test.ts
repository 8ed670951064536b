import { afterEach, expect, test } from 'vitest';
import { collected, statesOf } from '../source-contract.ts';
import { type EapiFixture, never, startEapiFixture } from './fixture.ts';

let fixture: EapiFixture;
afterEach(() => fixture.end());

test.each([['text' as const], ['number' as const], ['asdot' as const]])('the switch writes AS numbers as %s', async (asn) => {
  fixture = await startEapiFixture({ eosQuirks: { asn } });
  fixture.sim.configure({ vrf: 'vrf1', address: '169.254.0.5', remoteAs: 4_259_906_564 });
  const { neighbors } = collected(await fixture.source.collect(never), 'vrf1');
  expect([neighbors.get('169.254.0.1')?.remoteAs, neighbors.get('169.254.0.5')?.remoteAs]).toEqual([65_000, 4_259_906_564]);
});

test.each([['number' as const], ['text' as const]])('the switch writes the time of a change as a %s', async (upDownTime) => {
  fixture = await startEapiFixture({ eosQuirks: { upDownTime } });
  const { neighbors } = collected(await fixture.source.collect(never), 'vrf1');
  expect(neighbors.get('169.254.0.1')?.changedAt).toBe(fixture.sim.find('vrf1', '169.254.0.1')?.changedAt);
});

test('the switch lets the time of a change move by a microsecond', async () => {
  fixture = await startEapiFixture({ eosQuirks: { jitter: true } });
  const times = new Set<unknown>();
  for (let poll = 0; poll < 4; poll += 1) {
    const { neighbors, changedAtToleranceMs } = collected(await fixture.source.collect(never), 'vrf1');
    expect(changedAtToleranceMs).toBe(1_000);
    times.add(neighbors.get('169.254.0.1')?.changedAt);
  }
  expect(times.size).toBe(1);
});

test('the switch leaves descriptions out', async () => {
  fixture = await startEapiFixture({ eosQuirks: { descriptions: false } });
  const { neighbors } = collected(await fixture.source.collect(never), 'vrf1');
  expect(neighbors.get('169.254.0.1')?.description).toBeUndefined();
});

test('the switch answers with text that is JSON', async () => {
  fixture = await startEapiFixture({ eosQuirks: { resultsAsText: true } });
  expect(statesOf(await fixture.source.collect(never)).vrf1).toEqual({ '169.254.0.1': 'established', '169.254.0.3': 'active' });
});

test('the switch has IPv6 and link-local peers next to ours', async () => {
  fixture = await startEapiFixture({ eosQuirks: { ipv6Peers: 3 } });
  const { neighbors } = collected(await fixture.source.collect(never), 'default');
  expect([...neighbors.keys()]).toEqual(['fe80::a8c1:abff:fe94:4171%Et1', '2001:db8::1', 'fe80::a8c1:abff:fe94:4173%Et3']);
});

test.each([
  ['no-vrfs' as const, 'the summary names no VRF'],
  ['warning' as const, 'BGP inactive'],
  ['error' as const, 'BGP inactive'],
])('the switch reports in this way (%s) that BGP does not run', async (noBgp, problem) => {
  fixture = await startEapiFixture({ eosQuirks: { noBgp } });
  await expect(fixture.source.collect(never)).rejects.toMatchObject({ code: 'EAPI__NO_BGP', context: { problem } });
  fixture.server.setQuirks({ noBgp: 'off' });
  await expect(fixture.source.collect(never)).resolves.toMatchObject({ vrfs: expect.any(Map) });
});

test('the switch keeps a drained neighbor idle, with the reason', async () => {
  fixture = await startEapiFixture();
  fixture.sim.drop('vrf1', '169.254.0.1', 'idle', 'MaxPath');
  expect(collected(await fixture.source.collect(never), 'vrf1').neighbors.get('169.254.0.1')).toMatchObject({
    state: 'idle',
    downReason: 'Idle(MaxPath): more routes than maximum-routes allows',
  });
});

test('a session that was lost has the last notification as its reason, which is requested once', async () => {
  fixture = await startEapiFixture();
  const reasonOf = async (address: string) => collected(await fixture.source.collect(never), 'vrf1').neighbors.get(address)?.downReason;
  expect([await reasonOf('169.254.0.1'), await reasonOf('169.254.0.3')]).toEqual([undefined, undefined]);
  fixture.sim.drop('vrf1', '169.254.0.1');
  expect(await reasonOf('169.254.0.1')).toBe('last notification sent: Hold Timer Expired');
  const { requests } = fixture.server.stats();
  expect(await reasonOf('169.254.0.1')).toBe('last notification sent: Hold Timer Expired');
  expect(fixture.server.stats().requests).toBe(requests + 1);
  fixture.sim.establish('vrf1', '169.254.0.1');
  expect(await reasonOf('169.254.0.1')).toBeUndefined();
});

test('a reason that cannot be read costs the poll nothing', async () => {
  fixture = await startEapiFixture();
  fixture.faults.begin({ kind: 'command-error', command: 'show ip bgp neighbors 169.254.0.3 vrf vrf1', code: 1002, errors: ['denied'] });
  expect(statesOf(await fixture.source.collect(never)).vrf1).toEqual({ '169.254.0.1': 'established', '169.254.0.3': 'active' });
});

test('the switch shows a session that does not negotiate this family', async () => {
  fixture = await startEapiFixture();
  fixture.sim.drop('vrf1', '169.254.0.1', 'unrecognized');
  expect(statesOf(await fixture.source.collect(never)).vrf1).toEqual({ '169.254.0.1': 'unrecognized', '169.254.0.3': 'active' });
});
