import { describe, expect, test } from 'vitest';
import { readSockets } from '../../../src/collector/sockets/source.ts';

const DETAILS =
  'cubic wscale:7,7 rto:204 rtt:6.967/9.619 ato:40 mss:1428 pmtu:1476 cwnd:10 bytes_sent:19019 send 18.6Mbps minrtt:0.9 snd_wnd:64128';

const line = (local: string, peer: string, { state = 'ESTAB', details = DETAILS } = {}): string =>
  `${state} 0      0               ${local}          ${peer}   ${details}\n`;

const neighborsIn = (output: string) => {
  const reading = readSockets(output);
  return reading.kind === 'read' ? [...reading.neighbors.values()] : reading;
};

describe('the output of ss', () => {
  test('a client that has connected to the switch is a neighbor, with its smoothed round-trip time in nanoseconds', () => {
    expect(neighborsIn(line('169.254.0.0:179', '169.254.0.1:40312'))).toEqual([
      { address: '169.254.0.1', state: 'established', rttNs: 6_967_000n },
    ]);
  });

  test('a router to which the switch has connected is a neighbor', () => {
    expect(neighborsIn(line('172.16.0.0:52011', '172.16.0.1:179'))).toMatchObject([{ address: '172.16.0.1' }]);
  });

  test.each([
    ['[::ffff:169.254.0.0]:179', '[::ffff:169.254.0.1]:40312', '169.254.0.1'],
    ['[2001:db8::1]:179', '[2001:db8::2]:40312', '2001:db8::2'],
    ['[fe80::1]%Tunnel500:179', '[fe80::2]%Tunnel500:40312', 'fe80::2%Tunnel500'],
    ['169.254.0.0%tu500:179', '169.254.0.1:40312', '169.254.0.1'],
  ])('a socket from %s to %s is neighbor %s', (local, peer, address) => {
    expect(neighborsIn(line(local, peer))).toMatchObject([{ address, state: 'established' }]);
  });

  test.each(['SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'CLOSE-WAIT', 'LAST-ACK', 'TIME-WAIT', 'CLOSING'])(
    'a socket in state %s is not a session',
    (state) => {
      expect(neighborsIn(line('169.254.0.0:179', '169.254.0.1:40312', { state }))).toEqual([]);
    },
  );

  test('a listener and a connection of another protocol are skipped', () => {
    const listener = 'LISTEN 0      4096               *:179                *:*     cubic cwnd:10\n';
    expect(neighborsIn(listener + line('10.0.0.1:22', '10.0.0.2:50000'))).toEqual([]);
  });

  test.each([
    ['', 'there is none'],
    ['rtt:0/0 cwnd:10', 'it is zero'],
    ['rtt:61000/5 cwnd:10', 'it is over a minute'],
    ['minrtt:6.9/1 cwnd:10', 'it is another number'],
    ['rtt:1e3/5 cwnd:10', 'it is not a plain number'],
    ['rtt:-1/5 cwnd:10', 'it is negative'],
  ])('a socket has no round-trip time in “%s”: %s', (details) => {
    expect(neighborsIn(line('169.254.0.0:179', '169.254.0.1:40312', { details }))).toEqual([
      { address: '169.254.0.1', state: 'established' },
    ]);
  });

  test('rule 2: of several sockets with one peer the established one counts, and the others are counted', () => {
    const output = [
      line('169.254.0.0:179', '169.254.0.1:40310', { state: 'CLOSE-WAIT', details: 'rtt:1/1' }),
      line('169.254.0.0:179', '169.254.0.1:40312'),
      line('169.254.0.0:40000', '169.254.0.1:179', { state: 'SYN-SENT', details: '' }),
    ].join('');
    expect(readSockets(output)).toEqual({
      kind: 'read',
      neighbors: new Map([['169.254.0.1', { address: '169.254.0.1', state: 'established', rttNs: 6_967_000n }]]),
      tcpStates: new Map([['169.254.0.1', 'SYN-SENT']]),
      duplicates: 2,
    });
  });

  test('an empty output of ss has no neighbor', () => {
    expect(readSockets('')).toEqual({ kind: 'read', neighbors: new Map(), tcpStates: new Map(), duplicates: 0 });
  });
});

describe('output that is not of ss', () => {
  const good = line('169.254.0.0:179', '169.254.0.1:40312');

  test.each([
    ['a last line without its end', `${good}${good}`.slice(0, -1), 'its last line is cut'],
    ['an error of ip', `Object "netns" is unknown, try "ip help".\n`, 'a line has another format'],
    ['a heading', `State Recv-Q Send-Q Local Address:Port Peer Address:Port\n${good}`, 'a line has another format'],
    ['an empty line', `${good}\n${good}`, 'a line has another format'],
    ['an unknown state', good.replace('ESTAB', 'UP'), 'a line has another format'],
    ['a state in lower case', good.replace('ESTAB', 'estab'), 'a line has another format'],
    ['a port beyond the last', good.replace(':40312', ':70000'), 'a line has another format'],
    ['no port', good.replace(':40312', ''), 'a line has another format'],
    ['port 0', good.replace(':40312', ':0'), 'a line has another format'],
    ['a name in place of a port', good.replace(':179', ':bgp'), 'a line has another format'],
    ['an address of five octets', good.replace('169.254.0.1', '169.254.0.0.1'), 'a line has another format'],
    ['an octet beyond 255', good.replace('169.254.0.1', '169.254.0.256'), 'a line has another format'],
    ['a connection without a peer', good.replace('169.254.0.1:40312', '*:*'), 'a line has another format'],
    ['a line without end', `${good.slice(0, -1)}${' x'.repeat(5_000)}\n`, 'a line has another format'],
  ])('%s makes the whole output of ss unreadable', (_, output, problem) => {
    expect(readSockets(output)).toEqual({ kind: 'unreadable', problem });
  });
});
