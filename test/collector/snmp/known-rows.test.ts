import { describe, expect, test } from 'vitest';
import { encodeAnswer, encodeFailure } from '../../../localnet/switch/snmp.ts';
import type { NeighborSnapshot } from '../../../src/bgp/index.ts';
import { asTimePasses, letTimersStandStill } from '../../support/passing-time.ts';
import { sourceOf } from './scripted-agent.ts';
import { prepareViews, type ViewsBed } from './simulated-views.ts';

const signal = new AbortController().signal;

const address = (number: number): string => `169.254.${number >> 7}.${2 * (number & 127) + 1}`;

/** So many neighbors in `default`, every second one up. */
async function prepareNeighbors(count: number): Promise<ViewsBed> {
  const fixture = await prepareViews();
  for (let number = 0; number < count; number += 1) {
    fixture.sim.configure({ vrf: 'default', address: address(number), remoteAs: 65_000, description: `USER-${number}` });
    if (number % 2 === 0) fixture.sim.establish('default', address(number));
  }
  return fixture;
}

function statesOf(snapshot: NeighborSnapshot): Record<string, string> {
  const reading = snapshot.vrfs.get('default');
  if (reading?.kind !== 'collected') throw new Error(`not collected: ${reading?.problem}`);
  return Object.fromEntries([...reading.neighbors].map(([neighbor, { state }]) => [neighbor, state]));
}

const truthOf = ({ sim }: ViewsBed): Record<string, string> =>
  Object.fromEntries(sim.neighbors('default').map((neighbor) => [neighbor.address, neighbor.state]));

/** How many requests of each kind. */
const kindsOf = (fixture: ViewsBed): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const line of fixture.asked()) {
    const kind = line.split(' ', 1)[0] ?? '';
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
};

describe('neighbors that are known from the poll before', () => {
  test('known neighbors are requested by name, twelve to a request, instead of walked', async () => {
    const fixture = await prepareNeighbors(50);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
    // Two of them for the last errors of twelve neighbors that are down; all the others have theirs after four polls more.
    expect(kindsOf(fixture)).toEqual({ 'get-bulk': 9, get: 3 });
    for (let poll = 0; poll < 4; poll += 1) await source.collect(signal);
    fixture.asked();
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
    expect(kindsOf(fixture)).toEqual({ 'get-next': 5 });
  });

  test('known neighbors show every change of a session, and keep what only a walk reads', async () => {
    const fixture = await prepareNeighbors(30);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    for (let poll = 0; poll < 3; poll += 1) await source.collect(signal);
    fixture.asked();
    fixture.sim.establish('default', address(1));
    fixture.sim.drop('default', address(2));
    const snapshot = await source.collect(signal);
    expect(kindsOf(fixture)).toEqual({ 'get-next': 3, get: 1 });
    expect(statesOf(snapshot)).toEqual(truthOf(fixture));
    const reading = snapshot.vrfs.get('default');
    expect(reading?.kind === 'collected' ? reading.neighbors.get(address(1)) : undefined).toMatchObject({
      state: 'established',
      description: 'USER-1',
      remoteAs: 65_000,
      establishedTransitions: 1,
    });
  });

  test.each([
    ['in front of them', '10.0.0.1'],
    ['among them', '169.254.0.20'],
    ['behind them', '169.255.0.1'],
  ])('known neighbors do not hide a new neighbor %s', async (_, added) => {
    const fixture = await prepareNeighbors(30);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    await source.collect(signal);
    fixture.sim.configure({ vrf: 'default', address: added, remoteAs: 65_000 });
    fixture.sim.establish('default', added);
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
  });

  test.each([0, 13, 29])('a known neighbor that is removed (number %i) is reported gone by a walk only', async (gone) => {
    const fixture = await prepareNeighbors(30);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    await source.collect(signal);
    fixture.asked();
    fixture.sim.unconfigure('default', address(gone));
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
    expect(kindsOf(fixture)).toMatchObject({ 'get-bulk': 5 });
  });

  test('known neighbors that vanish all at once, as when BGP restarts, are gone only when the next poll confirms it', async () => {
    const fixture = await prepareNeighbors(30);
    fixture.sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
    const source = sourceOf(fixture.agent, { mib: 'arista', vrfs: ['default', 'vrf1'] });
    const read = async (): Promise<unknown> => {
      const reading = (await source.collect(signal)).vrfs.get('default');
      return reading?.kind === 'collected' ? reading.neighbors.size : reading?.problem;
    };
    const seen = [await read()];
    for (let number = 0; number < 30; number += 1) fixture.sim.unconfigure('default', address(number));
    seen.push(await read(), await read());
    expect(seen).toEqual([30, 'all 30 neighbors are gone at once; confirmed at the next poll', 0]);
  });

  test('known neighbors are walked each twelfth poll, for descriptions and AS numbers', async () => {
    const fixture = await prepareNeighbors(30);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    const walks: number[] = [];
    for (let poll = 0; poll < 25; poll += 1) {
      await source.collect(signal);
      if ('get-bulk' in kindsOf(fixture)) walks.push(poll);
    }
    expect(walks).toEqual([0, 12, 24]);
  });

  test('known neighbors are walked where that takes no more requests', async () => {
    const fixture = await prepareNeighbors(5);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    for (let poll = 0; poll < 2; poll += 1) await source.collect(signal);
    expect(kindsOf(fixture)).toEqual({ 'get-bulk': 2, get: 1 });
  });

  test('known neighbors that the agent answers wrongly are walked', async () => {
    const fixture = await prepareNeighbors(30);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    await source.collect(signal);
    fixture.asked();
    fixture.intercept = (request) => (request.kind === 'get-next' ? encodeAnswer(request, []) : undefined);
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
    expect(kindsOf(fixture)).toMatchObject({ 'get-bulk': 6 });
  });

  test('known neighbors that the agent refuses in one request are walked in the same poll, and from then on', async () => {
    const fixture = await prepareNeighbors(30);
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    await source.collect(signal);
    fixture.intercept = (request) => (request.kind === 'get-next' ? encodeFailure(request) : undefined);
    fixture.asked();
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
    expect(kindsOf(fixture)['get-next']).toBeGreaterThan(0);
    expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
    expect(kindsOf(fixture)).toEqual({ 'get-bulk': 6, get: 1 });
  });

  test('known neighbors to which the agent stays silent are walked from the next poll on', async () => {
    const fixture = await prepareNeighbors(30);
    letTimersStandStill();
    const source = sourceOf(fixture.agent, { mib: 'arista' });
    await source.collect(signal);
    fixture.intercept = (request) => (request.kind === 'get-next' ? 'silence' : undefined);
    await expect(asTimePasses(100, source.collect(signal))).rejects.toMatchObject({ code: 'SNMP__UNREACHABLE' });
    for (let poll = 0; poll < 3; poll += 1) expect(statesOf(await source.collect(signal))).toEqual(truthOf(fixture));
  });
});
