import { expect, test } from 'vitest';
import { type IntentEvent, intentWriter } from '../../src/cli/dry-run.ts';

const INTENT: IntentEvent = {
  event: 'intent',
  user: '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q',
  device: 'GYhQDKuESrasNZGyhMJhGYFtbzNijYhcrN9poSqCQVah',
  tunnelNet: '169.254.0.4/31',
  vrf: 'vrf1',
  peer: '169.254.0.5',
  from: 'down',
  to: 'up',
  reason: 'change',
  rttNs: 4_200_000n,
  instruction: '6a0140164000000000000',
};
const UNSEEN: IntentEvent = { ...INTENT, vrf: null, peer: null, from: 'up', to: 'down', rttNs: 0n };

function printed(output: 'json' | 'table', events: readonly IntentEvent[], columns?: number): string {
  let text = '';
  const print = intentWriter({ output, columns, destination: { write: (part) => (text += part) } });
  for (const event of events) print(event);
  return text;
}

test('with --output json each intent is one line of JSON', () => {
  const lines = printed('json', [INTENT, UNSEEN]).split('\n');
  expect(lines.at(-1)).toBe('');
  expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual([
    { ...INTENT, rttNs: 4_200_000 },
    { ...UNSEEN, rttNs: 0 },
  ]);
});

test('as a table, intents are rows below one header', () => {
  expect(printed('table', [INTENT, UNSEEN, { ...INTENT, from: 'up', reason: 'refresh' }]).split('\n')).toEqual([
    'USER                                          TUNNEL NET          VRF         PEER             CHANGE           REASON      RTT',
    '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q  169.254.0.4/31      vrf1        169.254.0.5      down → up        change      4.20 ms',
    '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q  169.254.0.4/31      -           -                up → down        change      -',
    '8scDCsZDUCJQHTX7Ys6YPZdU2VPvpZRjrwJMFCv2mp4Q  169.254.0.4/31      vrf1        169.254.0.5      stays up         refresh     4.20 ms',
    '',
  ]);
});

test('as a table, intents fit a terminal, and without a terminal nothing is cut', () => {
  expect(printed('table', [INTENT], 80).split('\n')).toEqual([
    'USER                    VRF         PEER             CHANGE           REASON',
    '8scDCsZDUCJQHTX7Ys6YP…  vrf1        169.254.0.5      down → up        change',
    '',
  ]);
  // What would be written stays.
  expect(printed('table', [INTENT], 40).split('\n')[1]).toBe('8scDCsZDUCJQHTX7Ys6YPZ…  down → up');
  const long = { ...INTENT, vrf: 'a-vrf-with-a-long-name' };
  expect(printed('table', [long])).toContain('  a-vrf-with-a-long-name  ');
  expect(printed('table', [long], 200)).toContain('  a-vrf-wit…  ');
});
