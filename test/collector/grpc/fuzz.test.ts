import { expect, test } from 'vitest';
import { encodeMessage } from '../../../localnet/switch/grpc.ts';
import { GrpcEapiClient } from '../../../src/collector/eapi/client.ts';
import { readSummary } from '../../../src/collector/eapi/summary.ts';
import { decodeShowResponse, namesPeer } from '../../../src/collector/grpc/messages.ts';
import { isAgentError, type Random, seededRandom } from '../../../src/lib/index.ts';

/** Replay a failure with the seed and the round that its message names. */
const SEED = 20_260_812;
const ROUNDS = 100_000;
const COMMAND = 'show ip bgp summary vrf all';

const peer = (peerState: string) => ({ peerState, asn: '65000', upDownTime: 1_700_000_000.5 });
const SUMMARY = {
  vrfs: {
    default: { vrf: 'default', asn: '65342', peers: { '172.16.0.1': peer('Established') } },
    vrf1: { vrf: 'vrf1', asn: '65342', peers: { '169.254.0.1': peer('Established'), '169.254.0.3': peer('Active') } },
  },
};
const ANSWER = encodeMessage([1, encodeMessage([1, true], [4, JSON.stringify(SUMMARY)])]);
const FAILURE = encodeMessage([1, encodeMessage([1, false], [2, 1_000], [3, 'BGP inactive'])]);
const CHANGE = encodeMessage([4, encodeMessage([1, encodeMessage([1, 'vrf1'], [2, '169.254.0.1'])], [2, 6])]);

function damaged(whole: Buffer, random: Random): Buffer {
  const at = Math.floor(random() * whole.length);
  switch (Math.floor(random() * 6)) {
    case 0:
      return whole.subarray(0, at);
    case 1:
      return Buffer.concat([whole.subarray(0, at), Buffer.of(Math.floor(random() * 256)), whole.subarray(at + 1)]);
    case 2:
      return Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1 + Math.floor(random() * 20))]);
    case 3:
      return Buffer.concat([whole.subarray(0, at), whole.subarray(Math.floor(random() * whole.length))]);
    case 4:
      // The first bytes hold the lengths and the wire types.
      return Buffer.concat([Buffer.from(Array.from({ length: 8 }, () => Math.floor(random() * 256))), whole.subarray(8)]);
    default:
      return Buffer.from(Array.from({ length: at }, () => Math.floor(random() * 256)));
  }
}

test(`${ROUNDS} damaged answers over gRPC are read or are a clear error, and invent no Established neighbor`, {
  timeout: 120_000,
}, async () => {
  const random = seededRandom(SEED);
  let answer = ANSWER;
  const client = new GrpcEapiClient('grpc://switch:9543', {
    call: async () => answer,
    close: async () => undefined,
  });
  const never = new AbortController().signal;
  const counts = { read: 0, errors: 0, failures: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    answer = damaged(random() < 0.9 ? ANSWER : FAILURE, random);
    const place = `seed ${SEED}, round ${round}, ${answer.toString('hex')}`;
    try {
      const { results, failure } = await client.run([COMMAND], never);
      const [result] = results;
      if (failure !== undefined || result === undefined) {
        counts.failures += 1;
        if (failure === undefined || /[\r\n]/.test(failure.problem)) expect.unreachable(place);
        continue;
      }
      counts.read += 1;
      const { vrfs } = readSummary(result, { endpoint: 'grpc://switch:9543', source: 'grpc' });
      const written = answer.toString('latin1');
      for (const reading of vrfs.values()) {
        if (reading.kind === 'failed') continue;
        for (const { address, state } of reading.neighbors.values()) {
          if (!written.includes(`"${address}":`)) expect.unreachable(`${address} is invented: ${place}`);
          if (state === 'established' && !written.includes('"Established"'))
            expect.unreachable(`${address} is up without a state: ${place}`);
        }
      }
    } catch (error) {
      if (!isAgentError(error)) throw new Error(`${String(error)}: ${place}`);
      counts.errors += 1;
    }
  }
  expect(counts.read).toBeGreaterThan(ROUNDS / 100);
  expect(counts.errors).toBeGreaterThan(ROUNDS / 4);
  expect(counts.failures).toBeGreaterThan(ROUNDS / 1_000);
});

test(`${ROUNDS} damaged messages of the watch trigger a poll or not, and never throw`, { timeout: 120_000 }, () => {
  const random = seededRandom(SEED + 1);
  let reasons = 0;
  for (let round = 0; round < ROUNDS; round += 1) if (namesPeer(damaged(CHANGE, random))) reasons += 1;
  expect(reasons).toBeGreaterThan(ROUNDS / 100);
  expect(reasons).toBeLessThan(ROUNDS);
});

test('undamaged gRPC messages are read', () => {
  expect(decodeShowResponse(ANSWER)).toMatchObject({ kind: 'answered' });
  expect(decodeShowResponse(FAILURE)).toEqual({ kind: 'failed', code: 1_000, message: 'BGP inactive' });
  expect(namesPeer(CHANGE)).toBe(true);
});
