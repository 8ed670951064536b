import { afterEach, expect, test } from 'vitest';
import type { NeighborKey } from '../../../src/bgp/index.ts';
import { type EapiFixture, never, startEapiFixture, USER } from './fixture.ts';

let fixture: EapiFixture;
afterEach(() => fixture.end());

/** `count` Established neighbors of vrf2, each with its index as its RTT in microseconds, from 1 on. */
function establishMany(count: number): NeighborKey[] {
  return Array.from({ length: count }, (_, index) => {
    const key = { vrf: 'vrf2', address: `169.254.${16 + (index >> 7)}.${(index & 127) * 2 + 1}` };
    fixture.sim.configure({ ...key, remoteAs: 65_000, rttUs: index + 1 });
    fixture.sim.establish(key.vrf, key.address);
    return key;
  });
}

test('round-trip times over eAPI of a few are asked for one by one, in one request', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(10);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  await expect(fixture.source.readRtts(keys.slice(0, 3), never)).resolves.toEqual(
    new Map([
      ['vrf2|169.254.16.1', 1_000n],
      ['vrf2|169.254.16.3', 2_000n],
      ['vrf2|169.254.16.5', 3_000n],
    ]),
  );
  expect(fixture.server.stats()).toMatchObject({
    requests: 1,
    commands: {
      'show ip bgp neighbors 169.254.16.1 vrf vrf2': 1,
      'show ip bgp neighbors 169.254.16.3 vrf vrf2': 1,
      'show ip bgp neighbors 169.254.16.5 vrf vrf2': 1,
    },
  });
});

test('round-trip times over eAPI of many go twenty to a request', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(110);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  const rtts = await fixture.source.readRtts(keys.slice(0, 45), never);
  expect([rtts.size, fixture.server.stats().requests]).toEqual([45, 3]);
});

test('round-trip times over eAPI of more than half of what is Established come from one command', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(110);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  const rtts = await fixture.source.readRtts(keys, never);
  expect([rtts.size, rtts.get('vrf2|169.254.16.219')]).toEqual([110, 110_000n]);
  expect(fixture.server.stats()).toMatchObject({ requests: 1, commands: { 'show ip bgp neighbors vrf all': 1 } });
});

test('round-trip times over eAPI of more than 1,000 sessions are never read by one command', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(1_001);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  const rtts = await fixture.source.readRtts(keys, never);
  expect([rtts.size, fixture.server.stats().commands['show ip bgp neighbors vrf all']]).toEqual([1_001, undefined]);
});

test('round-trip times over eAPI are those asked for and no others, also from the one command', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(3);
  await fixture.source.collect(never);
  await expect(fixture.source.readRtts([...keys, { vrf: 'vrf1', address: '169.254.0.3' }], never)).resolves.toHaveProperty('size', 3);
});

test('round-trip times over eAPI come from the one command also where its result is text, and also after a new login', async () => {
  fixture = await startEapiFixture({ credentials: USER, eosQuirks: { resultsAsText: true } }, () => ({
    credentials: { ...USER, login: 'session' },
  }));
  const keys = establishMany(30);
  await fixture.source.collect(never);
  fixture.server.expireSessions();
  await expect(fixture.source.readRtts(keys, never)).resolves.toHaveProperty('size', 30);
});

test('round-trip times over eAPI are none when the one answer breaks off', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(30);
  await fixture.source.collect(never);
  fixture.faults.begin({ kind: 'cut' });
  await expect(fixture.source.readRtts(keys, never)).rejects.toMatchObject({ code: 'EAPI__INCOMPLETE' });
});

test('round-trip times over eAPI of the other neighbors come when one command fails in the middle', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(20);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  const asked = [...keys.slice(0, 4), { vrf: 'gone', address: '169.254.0.1' }, ...keys.slice(4, 8)];
  const rtts = await fixture.source.readRtts(asked, never);
  expect([[...rtts.values()], fixture.server.stats().requests]).toEqual([
    [1, 2, 3, 4, 5, 6, 7, 8].map((index) => BigInt(index) * 1_000n),
    2,
  ]);
});

test('round-trip times over eAPI are given up after too many failed commands', async () => {
  fixture = await startEapiFixture();
  establishMany(200);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  const asked = Array.from({ length: 90 }, (_, index) => ({ vrf: `gone${index}`, address: '169.254.0.1' }));
  await expect(fixture.source.readRtts(asked, never)).resolves.toEqual(new Map());
  expect(fixture.server.stats().requests).toBe(21);
});

test('round-trip times over eAPI are asked for one by one when the switch will not run the one command', async () => {
  fixture = await startEapiFixture();
  const keys = establishMany(3);
  await fixture.source.collect(never);
  fixture.server.resetStats();
  fixture.faults.begin({ kind: 'command-error', code: 1000, errors: ['timeout'], command: 'show ip bgp neighbors vrf all' });
  await expect(fixture.source.readRtts(keys, never)).resolves.toHaveProperty('size', 3);
  expect(fixture.server.stats().requests).toBe(2);
});

test('round-trip times over eAPI fail as a whole where the user may not run the command', async () => {
  fixture = await startEapiFixture();
  const [key] = establishMany(10);
  await fixture.source.collect(never);
  fixture.faults.begin({ kind: 'command-error', code: 1005, errors: ['Command unauthorized'] });
  await expect(fixture.source.readRtts(key === undefined ? [] : [key], never)).rejects.toMatchObject({
    code: 'EAPI__COMMAND_UNAUTHORIZED',
  });
});

test('round-trip times over eAPI are asked for by IPv4 address and plain VRF name only, so that no text slips into a command', async () => {
  fixture = await startEapiFixture();
  await fixture.source.collect(never);
  fixture.server.resetStats();
  const asked: NeighborKey[] = [
    { vrf: 'vrf1', address: '169.254.0.1 | json' },
    { vrf: 'vrf1 ; reload now', address: '169.254.0.1' },
    { vrf: 'vrf1\nconfigure', address: '169.254.0.1' },
    { vrf: '', address: '169.254.0.1' },
    { vrf: 'vrf1', address: 'fe80::1%Et3' },
    { vrf: 'vrf1', address: '999.1.1.1' },
  ];
  await expect(fixture.source.readRtts(asked, never)).resolves.toEqual(new Map());
  expect(fixture.server.stats().requests).toBe(0);
});

test.each([0, -5, 60_000_001, 0.4, Number.NaN])(
  'round-trip times over eAPI are absent where the sample is %d microseconds',
  async (rttUs) => {
    fixture = await startEapiFixture();
    fixture.sim.configure({ vrf: 'vrf2', address: '169.254.16.1', remoteAs: 65_000, rttUs });
    fixture.sim.establish('vrf2', '169.254.16.1');
    await fixture.source.collect(never);
    await expect(fixture.source.readRtts([{ vrf: 'vrf2', address: '169.254.16.1' }], never)).resolves.toEqual(new Map());
  },
);

test('round-trip times over eAPI are absent for a session that is down on a release that writes null into every field', async () => {
  fixture = await startEapiFixture({ eosQuirks: { tcpInfoWhenDown: 'nulls', asn: 'number' } });
  await fixture.source.collect(never);
  const asked = [
    { vrf: 'vrf1', address: '169.254.0.1' },
    { vrf: 'vrf1', address: '169.254.0.3' },
  ];
  await expect(fixture.source.readRtts(asked, never)).resolves.toEqual(new Map([['vrf1|169.254.0.1', 4_287_000n]]));
});

test('round-trip times over eAPI cost a poll nothing when they cannot be read', async () => {
  fixture = await startEapiFixture();
  await fixture.source.collect(never);
  const over = fixture.faults.begin({ kind: 'http-status', status: 503 });
  await expect(fixture.source.readRtts([{ vrf: 'vrf1', address: '169.254.0.1' }], never)).rejects.toMatchObject({
    code: 'EAPI__HTTP_STATUS',
  });
  over();
  await expect(fixture.source.collect(never)).resolves.toMatchObject({ vrfs: expect.any(Map) });
});
