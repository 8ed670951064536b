import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Namespaces } from '../../src/collector/sockets/source.ts';
import { systemClock } from '../../src/lib/index.ts';
import { parseBgpSocket, tcpInfoLength } from '../../src/snapshots/bgp-sockets.ts';
import { createReadBgpSockets } from '../../src/snapshots/index.ts';
import { never } from './fixture.ts';

/* Printed by `ss -tinemoHO` of iproute2 6.1 on Linux 6, addresses replaced. */
const SENDING =
  'ESTAB 0      0      169.254.0.0:43138 169.254.0.1:179   ino:251434 sk:6 cgroup:/ <-> skmem:(r0,rb131072,t0,tb3939840,f0,w0,o0,bl0,d0) ts sack bbr wscale:10,10 rto:204 rtt:0.031/0.017 mss:32768 pmtu:65535 rcvmss:536 advmss:65483 cwnd:11 bytes_sent:60 bytes_acked:61 segs_out:3 segs_in:2 data_segs_out:1 bbr:(bw:26214390624bps,mrtt:0.01,pacing_gain:2.88672,cwnd_gain:2.88672) send 93018838710bps lastsnd:908 lastrcv:908 lastack:908 pacing_rate 220162146888bps delivery_rate 26214400000bps delivered:2 app_limited rcv_space:65495 rcv_ssthresh:65495 minrtt:0.01 snd_wnd:65536';
const RECEIVING =
  'ESTAB 0      0      [fe80::1]%et1:179   [fe80::2]:43138 timer:(keepalive,30sec,0) ino:252002 sk:7 <-> mem:(r1,w2,f3,t4) cubic wscale:7,7 rto:200 rtt:0.024/0.012 ato:40 mss:1436 cwnd:10 bytes_received:60 segs_out:1       ';

describe('a line of ss', () => {
  test('rfc19 20: a line of ss is read measure by measure', () => {
    expect(parseBgpSocket(SENDING)).toEqual({
      family: 'inet',
      state: 'ESTABLISHED',
      local_ip: '169.254.0.0',
      local_port: 43_138,
      remote_ip: '169.254.0.1',
      remote_port: 179,
      tcp_info_present: true,
      congestion_control: 'bbr',
      meminfo: { rmem: 0, wmem: 0, fmem: 0, tmem: 0 },
      skmeminfo: {
        rmem_alloc: 0,
        rcvbuf: 131_072,
        wmem_alloc: 0,
        sndbuf: 3_939_840,
        fwd_alloc: 0,
        wmem_queued: 0,
        optmem: 0,
        backlog: 0,
        drops: 0,
      },
      rtt_ms: 0.031,
      rttvar_ms: 0.017,
      cwnd: 11,
      rto_ms: 204,
      snd_mss: 32_768,
      bytes_sent: 60,
      send_Mbps: 93_018.83871,
      pacing_rate_Bps: 27_520_268_361,
      pacing_rate_Mbps: 220_162.146888,
      delivery_rate_Bps: 3_276_800_000,
      delivery_rate_Mbps: 26_214.4,
    });
  });

  test('a line of ss may be of IPv6, with an interface in its address', () => {
    expect(parseBgpSocket(RECEIVING)).toEqual({
      family: 'inet6',
      state: 'ESTABLISHED',
      local_ip: 'fe80::1',
      local_port: 179,
      remote_ip: 'fe80::2',
      remote_port: 43_138,
      tcp_info_present: true,
      congestion_control: 'cubic',
      meminfo: { rmem: 1, wmem: 2, fmem: 3, tmem: 4 },
      rtt_ms: 0.024,
      rttvar_ms: 0.012,
      rto_ms: 200,
      ato_ms: 40,
      snd_mss: 1_436,
      cwnd: 10,
      bytes_received: 60,
    });
  });

  test('a line of ss of an IPv6 socket that carries IPv4 has IPv4 addresses', () => {
    expect(parseBgpSocket('ESTAB 0 0 [::ffff:10.0.0.1]:179 [::ffff:10.0.0.2]:50000')).toMatchObject({
      family: 'inet6',
      local_ip: '10.0.0.1',
      remote_ip: '10.0.0.2',
    });
  });

  test('a line of ss with nothing but its addresses is a socket without measures', () => {
    expect(parseBgpSocket('ESTAB 0 0 10.0.0.1%eth0:179 10.0.0.2:50000')).toEqual({
      family: 'inet',
      state: 'ESTABLISHED',
      local_ip: '10.0.0.1',
      local_port: 179,
      remote_ip: '10.0.0.2',
      remote_port: 50_000,
      tcp_info_present: false,
    });
  });

  test.for([
    'SYN-SENT 0 1 10.0.0.1:50000 10.0.0.2:179 rto:1000',
    'LISTEN 0 128 0.0.0.0:179 0.0.0.0:*',
    'ESTAB 0 0 10.0.0.1:179',
    'ESTAB 0 0 10.0.0.1:179 10.0.0.256:50000',
    'ESTAB 0 0 10.0.0.1:179 10.0.0.2:0',
    'ESTAB 0 0 10.0.0.1:179 10.0.0.2:65536',
    'ESTAB 0 0 fe80::1:179 fe80::2:50000',
    'Cannot open netlink socket: Permission denied',
    '',
  ])('a line of ss without an Established socket is skipped: %s', (line) => {
    expect(parseBgpSocket(line)).toBeUndefined();
  });

  test('the memory of a socket is that of both kinds, from the same counters', () => {
    const line = 'ESTAB 0 0 10.0.0.1:179 10.0.0.2:50000 skmem:(r1,rb2,t3,tb4,f5,w6,o7,bl8,d9)';
    expect(parseBgpSocket(line)?.meminfo).toEqual({ rmem: 1, wmem: 6, fmem: 5, tmem: 3 });
  });

  test('measures of tcp_info that ss does not print are zero, as far as the kernel has them', () => {
    const line = 'ESTAB 0 0 10.0.0.1:179 10.0.0.2:50000 cubic wscale:7,7 rto:200 rtt:0.024/0.012 mss:1436 cwnd:10 bytes_sent:60';
    const zeros = { ato_ms: 0, bytes_received: 0, pacing_rate_Bps: 0, delivery_rate_Bps: 0 };
    expect(parseBgpSocket(line, 232)).toMatchObject({ tcp_info_present: true, tcp_info_len: 232, bytes_sent: 60, ...zeros });
    expect(parseBgpSocket(line, 232)).not.toHaveProperty('pacing_rate_Mbps');
    expect(parseBgpSocket(line.replace('bytes_sent:60', ''), 192)).not.toHaveProperty('bytes_sent');
    expect(parseBgpSocket(line.replace('bytes_sent:60', 'bytes_sent:x ato:y'), 232)).not.toHaveProperty('bytes_sent');
    expect(parseBgpSocket(line.replace('bytes_sent:60', 'bytes_sent:x ato:y'), 232)).not.toHaveProperty('ato_ms');
  });

  test('without tcp_info there is no length and no zero', () => {
    const socket = parseBgpSocket('ESTAB 0 0 10.0.0.1:179 10.0.0.2:50000 cubic wscale:7,7', 232);
    expect(socket).toMatchObject({ tcp_info_present: false });
    expect(Object.keys(socket ?? {})).not.toContain('tcp_info_len');
    expect(Object.keys(socket ?? {})).not.toContain('bytes_sent');
  });

  test.each([
    ['4.19.91.Ar-27766612.4291F', 224],
    ['5.10.165.Ar-35249825.4304F', 232],
    ['6.1.0-13-amd64', 232],
    ['6.6.0', 240],
    ['6.12.3', 248],
    ['7.0.0-rc1', 248],
    ['4.9.122', undefined],
    ['', undefined],
  ])('tcp_info of kernel %s has %s bytes', (kernel, length) => {
    expect(tcpInfoLength(kernel)).toBe(length);
  });

  test('a malformed measure in a line of ss is left out, and the rest is kept', () => {
    const line =
      'ESTAB 0 0 10.0.0.1:179 10.0.0.2:50000 skmem:(r-1,q7) cubic wscale:7,7 rto:x rtt:fast/slow cwnd:99999999999999999999 mss:9 send fast';
    expect(parseBgpSocket(line)).toMatchObject({ tcp_info_present: false, congestion_control: 'cubic', snd_mss: 9 });
    expect(Object.keys(parseBgpSocket(line) ?? {})).toHaveLength(9);
  });

  test('a line of ss never throws, and its measures are numbers', () => {
    const words = fc.oneof(
      fc.string(),
      fc.constantFrom('rtt:1/2', 'skmem:(r0)', 'send', 'cubic', 'rto:1', '9bps', 'constructor:1', '__proto__:2'),
    );
    fc.assert(
      fc.property(fc.array(words), (details) => {
        const socket = parseBgpSocket(['ESTAB 0 0 10.0.0.1:179 10.0.0.2:5', ...details].join(' '));
        for (const [name, value] of Object.entries(socket ?? {})) {
          if (typeof value === 'number') expect(Number.isFinite(value) && value >= 0).toBe(true);
          expect(['constructor', '__proto__']).not.toContain(name);
        }
      }),
    );
  });
});

describe('the sockets of every namespace', () => {
  const printing = (outputs: Readonly<Record<string, (signal: AbortSignal) => Promise<string>>>): Namespaces => ({
    list: async () => Object.keys(outputs),
    sockets: async (namespace, signal) => (await outputs[namespace]?.(signal)) ?? '',
  });
  const read = async (namespaces: Namespaces, timeoutMs = 5_000) =>
    JSON.parse(Buffer.from(await createReadBgpSockets({ namespaces, timeoutMs })(never)).toString());

  test('the sockets of every namespace are one list', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) => `ESTAB 0 0 10.0.0.1:179 10.0.0.2:${n + 1}`).join('\n');
    const sockets = await read(
      printing({ default: async () => `${many}\n`, 'ns-empty': async () => '', 'ns-vrf1': async () => `${SENDING}\n` }),
    );
    expect(sockets).toHaveLength(1_001);
    expect([sockets[0].remote_port, sockets[999].remote_port, sockets[1_000].remote_ip]).toEqual([1, 1_000, '169.254.0.1']);
  });

  test('the sockets of every namespace carry the length of tcp_info in the kernel', async () => {
    const namespaces = printing({ default: async () => `${RECEIVING}\n` });
    const bytes = await createReadBgpSockets({ namespaces, timeoutMs: 5_000, kernel: '5.10.165.Ar-35249825.4304F' })(never);
    expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject([{ tcp_info_len: 232, bytes_sent: 0, bytes_received: 60 }]);
  });

  test('the sockets of every namespace are an empty list where no BGP session is up', async () => {
    expect(await read(printing({ default: async () => '' }))).toEqual([]);
  });

  test('the sockets of every namespace fail as a whole when one namespace fails', async () => {
    const hanging = (signal: AbortSignal) => systemClock.sleep(60_000, signal).then(() => '');
    const refusing = () => Promise.reject(new Error('Permission denied'));
    await expect(read(printing({ default: async () => '', 'ns-vrf1': refusing }))).rejects.toThrow('Permission denied');
    await expect(read(printing({ default: async () => '', 'ns-vrf1': hanging }), 50)).rejects.toMatchObject({ code: 'SOCKETS__SS_FAILED' });
  });
});
