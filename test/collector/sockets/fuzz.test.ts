import { expect, test } from 'vitest';
import { readSockets } from '../../../src/collector/sockets/source.ts';
import { type Random, seededRandom } from '../../../src/lib/index.ts';

/** Replay a failure with the seed and the round that its message names. */
const SEED = 20_260_811;
const ROUNDS = 100_000;

const pick = <T>(from: readonly T[], random: Random): T | undefined => from[Math.floor(random() * from.length)];

const LINES = [
  'ESTAB 0      0          169.254.0.0:179        169.254.0.1:40312 cubic wscale:7,7 rto:204 rtt:6.967/9.619 ato:40 mss:1428',
  'ESTAB 0      0          172.16.0.0:52011        172.16.0.1:179   cubic rto:204 rtt:0.041/0.02 mss:1428',
  'ESTAB 0      0      [::ffff:10.0.0.1]:179   [::ffff:10.0.0.2]:32828 bbr rtt:4.287/0.02 mss:32768',
  'SYN-SENT 0      1          169.254.0.2:41000        169.254.0.3:179',
  'LISTEN 0      4096          *:179        *:*     cubic cwnd:10',
];

/** Every neighbor that an undamaged line stands for, and its time. */
const TRUTH = new Map([
  ['169.254.0.1', 6_967_000n],
  ['172.16.0.1', 41_000n],
  ['10.0.0.2', 4_287_000n],
]);

function damaged(line: string, random: Random): string {
  const at = Math.floor(random() * line.length);
  switch (Math.floor(random() * 7)) {
    case 0:
      return line.slice(0, at);
    case 1:
      return `${line.slice(0, at)}${String.fromCharCode(Math.floor(random() * 256))}${line.slice(at + 1)}`;
    case 2:
      return line.slice(0, at) + line.slice(at + 1 + Math.floor(random() * 20));
    case 3:
      return line.slice(0, at) + line.slice(Math.floor(random() * line.length));
    case 4:
      return line.replace(/\d+/g, (digits) => (random() < 0.2 ? String(Math.floor(random() * 10 ** Math.ceil(random() * 12))) : digits));
    case 5:
      return `${line}${pick(['\n', ' rtt:9/9', '\0', ' '.repeat(50), '\r', ' é'], random)}`;
    default:
      return Array.from({ length: at }, () => String.fromCharCode(Math.floor(random() * 256))).join('');
  }
}

/** The address is isWritten out at the peer's place, with a state and a port that make it a session. */
const isIn = (line: string, address: string): boolean => {
  const [state, , , local = '', peer = ''] = line.split(/ +/);
  const bgp = local.endsWith(':179') || peer.endsWith(':179');
  return state === 'ESTAB' && bgp && (peer.startsWith(`${address}:`) || peer.startsWith(`${address}%`) || peer.includes(`${address}]`));
};

test(`${ROUNDS} damaged lines of ss invent no neighbor, and fail only their namespace`, { timeout: 120_000 }, () => {
  const random = seededRandom(SEED);
  const counts = { read: 0, unreadable: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const lines = LINES.map((line) => (random() < 0.4 ? damaged(line, random) : line));
    const output = `${lines.join('\n')}\n`;
    const reading = readSockets(output);
    counts[reading.kind] += 1;
    if (reading.kind === 'unreadable') continue;
    for (const { address, state, rttNs } of reading.neighbors.values()) {
      const isWritten = output.split('\n').some((line) => isIn(line, address) || /ffff:/i.test(line));
      if (!isWritten || state !== 'established') expect.unreachable(`seed ${SEED}, round ${round}: ${address} is invented of ${output}`);
      const inBounds = rttNs === undefined || (rttNs > 0n && rttNs <= 60_000_000_000n);
      if (!inBounds) expect.unreachable(`seed ${SEED}, round ${round}: ${address} has ${rttNs} ns in ${output}`);
    }
  }
  // Damage of the details after the peer leaves a line readable, and most other damage does not.
  expect(counts.read).toBeGreaterThan(ROUNDS / 20);
  expect(counts.unreadable).toBeGreaterThan(ROUNDS / 5);
});

test('undamaged lines of ss are read', () => {
  const reading = readSockets(`${LINES.join('\n')}\n`);
  const seen = reading.kind === 'read' ? [...reading.neighbors.values()].map(({ address, rttNs }) => [address, rttNs]) : reading.problem;
  expect(seen).toEqual([...TRUTH]);
});
