import { describe, expect, test } from 'vitest';
import type { Neighbor, NeighborKey, VrfReading } from '../../src/bgp/index.ts';
import { DownReasons, idleText, notificationText } from '../../src/collector/down-reasons.ts';
import { epochMs, monotonicMs, Stopped } from '../../src/lib/index.ts';

const never = new AbortController().signal;
const MINUTE = 60_000;

const down = (number: number, changedAt = number): Neighbor => ({
  address: `10.0.0.${number}`,
  state: 'active',
  changedAt: epochMs(changedAt),
});

function bed(most: number) {
  let now = 0;
  const asked: string[][] = [];
  const bed = {
    answer: async (keys: readonly NeighborKey[]): Promise<ReadonlyMap<string, string>> =>
      new Map(keys.map(({ vrf, address }) => [`${vrf}|${address}`, `reason ${asked.length}`])),
    asked,
    pass: (ms: number): void => {
      now += ms;
    },
    async poll(neighbors: readonly Neighbor[], signal = never) {
      const reading: VrfReading = {
        kind: 'collected',
        source: 'test',
        neighbors: new Map(neighbors.map((each) => [each.address, each])),
        changedAtToleranceMs: 1,
      };
      const read = async (keys: readonly NeighborKey[]) => {
        asked.push(keys.map(({ address }) => address));
        return bed.answer(keys);
      };
      const vrfs = await reasons.addTo(new Map([['vrf1', reading]]), read, signal);
      const after = vrfs.get('vrf1');
      return after?.kind === 'collected' ? [...after.neighbors.values()].map(({ downReason }) => downReason) : [];
    },
  };
  const reasons = new DownReasons({ clock: { monotonic: () => monotonicMs(now) }, most });
  return bed;
}

describe('the reasons of neighbors that are down', () => {
  test('a few neighbors are asked for in one poll, those that went down last first', async () => {
    const { poll, asked } = bed(2);
    const all = [down(1), down(2), down(3), down(4), down(5)];
    expect(await poll(all)).toEqual([undefined, undefined, undefined, 'reason 1', 'reason 1']);
    expect(await poll([...all, down(6)])).toEqual([undefined, undefined, 'reason 2', 'reason 1', 'reason 1', 'reason 2']);
    expect(asked).toEqual([
      ['10.0.0.5', '10.0.0.4'],
      ['10.0.0.6', '10.0.0.3'],
    ]);
  });

  test('a reason is kept while the session stays down, read again when it went down again, and after ten minutes', async () => {
    const { poll, asked, pass } = bed(2);
    await poll([down(1, 1_000)]);
    expect(await poll([down(1, 1_001)])).toEqual(['reason 1']);
    expect(await poll([down(1, 9_000)])).toEqual(['reason 2']);
    await poll([{ ...down(1), state: 'established' }]);
    expect(await poll([down(1, 9_000)])).toEqual(['reason 3']);
    pass(10 * MINUTE);
    expect(await poll([down(1, 9_000)])).toEqual(['reason 4']);
    expect(asked).toHaveLength(4);
  });

  test('a neighbor that is up, unrecognized, or whose reason the poll shows is not asked for', async () => {
    const { poll, asked } = bed(9);
    const downReason = idleText('Admin');
    const neighbors: Neighbor[] = [
      { ...down(1), state: 'established' },
      { ...down(2), state: 'unrecognized' },
      { ...down(3), downReason },
    ];
    expect(await poll(neighbors)).toEqual([undefined, undefined, 'Idle(Admin): shut down by configuration']);
    expect(asked).toEqual([]);
  });

  test('a failure costs the reasons only, and pauses them for a minute', async () => {
    const at = bed(2);
    const { answer } = at;
    at.answer = () => Promise.reject(new Error('refused'));
    expect(await at.poll([down(1)])).toEqual([undefined]);
    at.answer = answer;
    expect(await at.poll([down(1)])).toEqual([undefined]);
    at.pass(MINUTE);
    expect(await at.poll([down(1)])).toEqual(['reason 2']);
  });

  test('an aborted poll rejects with the reason of its signal', async () => {
    const at = bed(2);
    const life = new AbortController();
    at.answer = async () => {
      life.abort(new Stopped('SIGTERM'));
      throw new Error('aborted');
    };
    await expect(at.poll([down(1)], life.signal)).rejects.toThrow('SIGTERM');
  });
});

test.each([
  [4, 0, 'sent', 'last notification sent: Hold Timer Expired'],
  [6, 2, 'received', 'last notification received: Cease/Administrative Shutdown'],
  [2, 2, 'sent', 'last notification sent: OPEN Message Error/Bad Peer AS'],
  [2, 5, undefined, 'last notification: OPEN Message Error/subcode 5'],
  [6, 99, undefined, 'last notification: Cease/subcode 99'],
  [77, 0, undefined, 'last notification: code 77'],
  [0, 0, 'sent', undefined],
] as const)('notification %i/%i reads %s as people know it', (code, subcode, direction, text) => {
  expect(notificationText(code, subcode, direction)).toBe(text);
});

test.each([
  ['MaxPath', 'Idle(MaxPath): more routes than maximum-routes allows'],
  ['NoInterface', 'Idle(NoIf): no interface leads to its address'],
  ['Damped', 'Idle(Damped)'],
])('the idle reason %s has its text', (reason, text) => {
  expect(idleText(reason)).toBe(text);
});
