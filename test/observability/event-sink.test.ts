import { expect, test } from 'vitest';
import { createEventSink, type IntentEvent } from '../../src/observability/index.ts';

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
const SUMMARY = {
  event: 'summary' as const,
  users: 2,
  up: 1,
  down: 1,
  transactions: 3,
  writesLanded: 4,
  writesFailed: 0,
  mismatches: 0,
};

function printed(
  output: 'json' | 'table',
  events: readonly (IntentEvent | { readonly event: 'ready' | 'summary'; readonly [field: string]: unknown })[],
  columns?: number,
): string {
  let text = '';
  const sink = createEventSink({ output, columns, destination: { write: (part) => (text += part) } });
  for (const event of events) sink.emit(event);
  return text;
}

test('with --output json each event is one line of JSON', () => {
  const lines = printed('json', [INTENT, UNSEEN, SUMMARY]).split('\n');
  expect(lines.at(-1)).toBe('');
  expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual([{ ...INTENT, rttNs: 4_200_000 }, { ...UNSEEN, rttNs: 0 }, SUMMARY]);
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

test('as a table, intents fit a terminal of 80 columns, and without a terminal nothing is cut', () => {
  expect(printed('table', [INTENT], 80).split('\n')).toEqual([
    'USER                    VRF         PEER             CHANGE           REASON',
    '8scDCsZDUCJQHTX7Ys6YP…  vrf1        169.254.0.5      down → up        change',
    '',
  ]);
  const long = { ...INTENT, vrf: 'a-vrf-with-a-long-name' };
  expect(printed('table', [long])).toContain('  a-vrf-with-a-long-name  ');
  expect(printed('table', [long], 200)).toContain('  a-vrf-wit…  ');
});

test('as a table, every other event is a list of names and values', () => {
  const ready = {
    event: 'ready' as const,
    rpcUrl: 'http://127.0.0.1:8899',
    wsUrl: 'ws://127.0.0.1:8900',
    programId: 'P',
    device: 'D',
    keypair: '/tmp/id.json',
    foundationKeypair: '/tmp/f.json',
    eapiUrl: 'http://127.0.0.1:8080',
    eapiSocket: '/tmp/eapi\u001b.sock',
    snmp: '127.0.0.1:161',
    grpc: '127.0.0.1:9543',
  };
  expect(printed('table', [ready])).toBe(
    'ready\n  rpcUrl             http://127.0.0.1:8899\n  wsUrl              ws://127.0.0.1:8900\n  programId          P\n  device             D\n' +
      '  keypair            /tmp/id.json\n  foundationKeypair  /tmp/f.json\n  eapiUrl            http://127.0.0.1:8080\n' +
      '  eapiSocket         /tmp/eapi\\x1b.sock\n  snmp               127.0.0.1:161\n  grpc               127.0.0.1:9543\n',
  );
});
