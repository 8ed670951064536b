import { describe, expect, test } from 'vitest';
import { createPeerListFilter } from '../../../src/collector/eapi/rtt.ts';
import { seededRandom } from '../../../src/lib/index.ts';
import { keptOfPieces } from './in-pieces.ts';

/** What the filter tells and keeps of `text`, fed in pieces that `cut` decides on. */
function filter(text: string, cut: (left: number) => number = (left) => left): { readonly peers: unknown[]; readonly kept: string } {
  const peers: unknown[] = [];
  const keep = createPeerListFilter((vrf, peer) => peers.push([vrf, peer]));
  const kept = keptOfPieces(keep, text, cut);
  return { peers, kept };
}

const answer = (vrfs: unknown): string => JSON.stringify({ jsonrpc: '2.0', id: 'x', result: [{ vrfs, _meta: { execStartTime: 1 } }] });

describe('the peers of a long answer', () => {
  const first = { peerAddress: '169.254.0.1', description: 'quotes " and } and \\ and ü', peerTcpInfo: { sndRtt: 1, list: [{}, [{}]] } };
  const second = { peerAddress: '169.254.0.3' };

  test('are told one by one, with their VRF, and kept as so many zeros', () => {
    expect(filter(answer({ vrf1: { peerList: [first, second] }, 'vrf"2': { peerList: [second] }, vrf3: { peerList: [] } }))).toEqual({
      peers: [
        ['vrf1', first],
        ['vrf1', second],
        ['vrf"2', second],
      ],
      kept: answer({ vrf1: { peerList: [0, 0] }, 'vrf"2': { peerList: [0] }, vrf3: { peerList: [] } }),
    });
  });

  test('are the same however the answer is cut into pieces', () => {
    const text = answer({ vrf1: { peerList: [first, second] }, 'vrf"2': { peerList: [second, first] } });
    const whole = filter(text);
    const random = seededRandom(7);
    for (let round = 0; round < 200; round += 1) expect(filter(text, () => Math.floor(random() * 12))).toEqual(whole);
    expect(filter(text, () => 1)).toEqual(whole);
  });

  test.each([
    ['an error', JSON.stringify({ id: 'x', error: { code: 1000, data: [{ vrfs: { vrf1: { peerList: [first] } } }] } })],
    ['a list elsewhere', JSON.stringify({ result: [{ other: { vrf1: { peerList: [first] } } }] })],
    ['no list', answer({ vrf1: { peerList: { a: first } } })],
    ['lists in lists', JSON.stringify({ result: [{ vrfs: { vrf1: { peerList: [] } } }, [[[[first]]]]] })],
    ['text', JSON.stringify({ result: [answer({ vrf1: { peerList: [first] } })] })],
    ['a web page', '<html>{"result":[{"vrfs":</html>'],
  ])('are not looked for in %s, which is kept as it is', (_, text) => {
    expect(filter(text)).toEqual({ peers: [], kept: text });
  });

  test('that are not JSON are kept, so that the answer is not JSON either', () => {
    const broken = answer({ vrf1: { peerList: [first, second] } }).replace('"169.254.0.3"', '169.254.0.3');
    const { peers, kept } = filter(broken);
    expect(peers).toEqual([['vrf1', first]]);
    expect(kept).toContain('169.254.0.3}');
  });

  test('that are cut off are kept neither as a peer nor as an answer', () => {
    const text = answer({ vrf1: { peerList: [first, second] } });
    const { peers, kept } = filter(text.slice(0, text.indexOf('169.254.0.3')));
    expect(peers).toHaveLength(1);
    expect(() => JSON.parse(kept)).toThrow();
  });
});
