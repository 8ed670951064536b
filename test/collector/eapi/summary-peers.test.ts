import { describe, expect, test } from 'vitest';
import { readEnvelope } from '../../../src/collector/eapi/client.ts';
import { createSummaryPeers, readSummary, readSummaryInSteps, type Summary } from '../../../src/collector/eapi/summary.ts';
import { atOnce, seededRandom } from '../../../src/lib/index.ts';
import { keptOfPieces } from './in-pieces.ts';

const WHERE = { endpoint: 'https://dz1', source: 'eapi' };

const up = { peerState: 'Established', upDownTime: 1_721_080_527.05, asn: '65000', description: 'USER-500 "ü} {"' };
const idle = { peerState: 'Idle', peerStateIdleReason: 'Admin', inMsgQueue: 0, deeper: { list: [{}, [{}]] } };
const answer = (vrfs: unknown): string => JSON.stringify({ jsonrpc: '2.0', id: 'x', result: [{ vrfs, _meta: { execStartTime: 1 } }] });

/** What is read of `text` when its peers are taken out while it comes in, in pieces that `cut` decides on. */
function readStreamed(text: string, cut: (left: number) => number = (left) => left): { readonly summary: Summary; readonly kept: string } {
  const peers = createSummaryPeers();
  const kept = keptOfPieces(peers.filter(), text, cut);
  return { summary: atOnce(readSummaryInSteps(resultIn(kept), WHERE, peers.read)), kept };
}

const readWhole = (text: string): Summary => readSummary(resultIn(text), WHERE);

function resultIn(body: string): Parameters<typeof readSummary>[0] {
  const envelope = readEnvelope(body, 'x', 1);
  if (envelope.kind === 'malformed' || envelope.results[0] === undefined) throw new Error(`no result in ${body}`);
  return envelope.results[0];
}

describe('the peers of a summary that are read while it comes in', () => {
  const vrfs = {
    default: { peers: { '10.0.0.2': up }, vrf: 'default' },
    vrf1: { asn: '65342', peers: { '169.254.0.1': up, '169.254.0.3': idle, '169.254.0.5': 'odd', '169.254.0.7': [up] }, vrf: 'vrf1' },
    'vrf "2"': { peers: {} },
  };

  test('are those of the whole answer, of which little is left to parse', () => {
    const { summary, kept } = readStreamed(answer(vrfs));
    expect(summary).toEqual(readWhole(answer(vrfs)));
    expect(summary.established).toBe(2);
    expect(kept).not.toContain('Admin');
  });

  test('are the same however the answer is cut into pieces', () => {
    const whole = readWhole(answer(vrfs));
    const random = seededRandom(11);
    for (let round = 0; round < 200; round += 1) expect(readStreamed(answer(vrfs), () => Math.floor(random() * 40)).summary).toEqual(whole);
    expect(readStreamed(answer(vrfs), () => 1).summary).toEqual(whole);
  });

  test.each([
    [
      'one named twice, of which JSON has the last',
      answer({ vrf1: { peers: { a: 0 } } }).replace(
        '"a":0',
        '"169.254.0.1":{"peerState":"Idle"},"169.254.0.1":{"peerState":"Established"}',
      ),
    ],
    [
      'a VRF named twice',
      answer({ vrf1: { peers: { '169.254.0.1': up } } }).replace(
        '"vrfs":{',
        '"vrfs":{"vrf1":{"peers":{"169.254.0.3":{"peerState":"Idle"}}},',
      ),
    ],
    ['a name that is no address', answer({ vrf1: { peers: { 'no address': up } }, vrf2: { peers: { '169.254.0.1': up } } })],
    [
      'a name that is written with escapes',
      answer({ vrf1: { peers: { '169.254.0.1': up } } }).replace('"169.254.0.1"', '"169.254.0\\u002e1"'),
    ],
    [
      'a result that came as text',
      JSON.stringify({ id: 'x', result: [JSON.stringify({ vrfs: { vrf1: { peers: { '169.254.0.1': up } } } })] }),
    ],
  ])('are those of the whole answer with %s', (_, text) => {
    expect(readStreamed(text).summary).toEqual(readWhole(text));
  });

  test.each([
    ['address', { vrf1: { peers: { '169.254.0.1': up, '169.254.0.3': [0] } } }, '169.254.0.3'],
    ['VRF', { vrf2: { peers: { '169.254.0.1': up } }, vrf1: { peers: { '169.254.0.1': [0] } } }, '169.254.0.1'],
  ])('are not taken from what stands for one of another %s, which no switch writes', (_, vrfs, address) => {
    const reading = readStreamed(answer(vrfs)).summary.vrfs.get('vrf1');
    expect(reading?.kind === 'collected' ? reading.neighbors.get(address) : reading).toEqual({ address, state: 'unrecognized' });
  });

  test('do not make JSON of an answer that is none: what stands for an object can be nothing that an object cannot', () => {
    const broken = answer({ default: { peers: { '169.254.0.1': idle } }, vrf1: { peers: { '169.254.0.3': up } } }).replace(
      '"169.254.0.3":{',
      '"169.254.0.5":{},{"a":1}:1,"169.254.0.3":{',
    );
    expect(() => readWhole(broken)).toThrow('no result in');
    expect(() => readStreamed(broken)).toThrow('no result in');
  });

  test('are forgotten when the answer is asked for again', () => {
    const peers = createSummaryPeers();
    peers.filter()(Buffer.from(answer({ vrf1: { peers: { '169.254.0.1': up } } })));
    const keep = peers.filter();
    const kept = keep(Buffer.from(answer({ vrf1: { peers: { '169.254.0.1': idle } } }))).toString('utf8');
    const reading = atOnce(readSummaryInSteps(resultIn(kept), WHERE, peers.read)).vrfs.get('vrf1');
    expect(reading?.kind === 'collected' ? reading.neighbors.get('169.254.0.1')?.state : reading).toBe('idle');
  });
});
