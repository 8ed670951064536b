import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Neighbor } from '../../src/bgp/index.ts';
import { createNamespaces, createSocketsSource } from '../../src/collector/sockets/source.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type BgpSocket, createReadBgpSockets } from '../../src/snapshots/index.ts';
import { createBgpLab } from './bgp-lab.ts';
import { addNamespace, deleteNamespace, nameOf } from './namespaces.ts';
import { SYSTEM_PATH } from './requirements.ts';

const run = promisify(execFile);
const CONNECTED = ['169.254.0.1', '169.254.0.3'];
const NEVER_CONNECTED = '169.254.0.5';

const lab = createBgpLab({
  users: [...CONNECTED, NEVER_CONNECTED].map((_, position) => ({
    tunnelId: 500 + position,
    tunnelNet: `169.254.0.${2 * position}/31`,
    connects: position < CONNECTED.length,
  })),
});
const empty = nameOf('empty');
let folder: string;

/** As on a switch: the folder holds nothing but the switch's own namespaces. */
beforeAll(async () => {
  await lab.start();
  await addNamespace(empty);
  folder = await mkdtemp(join(tmpdir(), nameOf('netns-')));
  for (const name of [lab.deviceNamespace, empty]) await symlink(join('/var/run/netns', name), join(folder, name));
});
afterAll(async () => {
  await lab.stop();
  await deleteNamespace(empty);
  await rm(folder, { recursive: true, force: true });
});

const sourceOf = () => createSocketsSource({ folder, timeoutMs: 5_000, clock: systemClock });

async function neighbors(): Promise<ReadonlyMap<string, Neighbor>> {
  const reading = (await sourceOf().collect(AbortSignal.timeout(10_000))).vrfs.get(lab.deviceNamespace);
  if (reading?.kind !== 'collected') throw new Error(`the device's namespace is ${reading?.problem ?? 'missing'}`);
  return reading.neighbors;
}

async function until(what: string, holds: (seen: ReadonlyMap<string, Neighbor>) => boolean): Promise<ReadonlyMap<string, Neighbor>> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const seen = await neighbors().catch(() => new Map<string, Neighbor>());
    if (holds(seen)) return seen;
    await systemClock.sleep(100);
  }
  throw new Error(`not within 20 s: ${what}\n${lab.describe()}`);
}

/** What `ss` itself shows of the session now, milliseconds. */
async function rttByHand(address: string): Promise<number> {
  const args = ['netns', 'exec', lab.deviceNamespace, 'ss', '-tinHO', `dst ${address}`];
  const { stdout } = await run('ip', args, { env: { ...process.env, PATH: SYSTEM_PATH } });
  return Number(/ rtt:([\d.]+)\//.exec(stdout)?.[1]);
}

describe('real TCP sessions, read through real ss', () => {
  test('real TCP sessions are neighbors while BGP is up, and a client that never connected is not', async () => {
    const seen = await until('two sessions', ({ size }) => size === 2);
    expect([...seen.values()].toSorted((a, b) => a.address.localeCompare(b.address))).toEqual(
      CONNECTED.map((address) => ({ address, state: 'established', rttNs: expect.any(BigInt) })),
    );
  });

  test('the snapshot of bgp-sockets has the real TCP sessions with the kernel’s details', async () => {
    await until('two sessions', ({ size }) => size === 2);
    const read = createReadBgpSockets({ namespaces: createNamespaces({ folder, flags: '-tinemoHO' }), timeoutMs: 5_000 });
    const sockets: BgpSocket[] = JSON.parse(Buffer.from(await read(AbortSignal.timeout(10_000))).toString());
    const seen = sockets.map(({ remote_ip, state, tcp_info_present, rtt_ms }) => ({ remote_ip, state, tcp_info_present, rtt_ms }));
    expect(seen.toSorted((a, b) => a.remote_ip.localeCompare(b.remote_ip))).toEqual(
      CONNECTED.map((remote_ip) => ({ remote_ip, state: 'ESTABLISHED', tcp_info_present: true, rtt_ms: expect.any(Number) })),
    );
  });

  test('real TCP sessions have the round-trip time of ss, within a factor of two', async () => {
    await until('two sessions', ({ size }) => size === 2);
    for (const address of CONNECTED) {
      let [ours, theirs, after] = [0, 0, 1];
      // Each message changes the time, so only a reading between two equal readings of ss is compared.
      while (theirs !== after) {
        theirs = await rttByHand(address);
        ours = Number((await neighbors()).get(address)?.rttNs) / 1e6;
        after = await rttByHand(address);
      }
      expect(ours / theirs, `${address}: ${ours} ms and ${theirs} ms`).toBeGreaterThan(0.5);
      expect(ours / theirs, `${address}: ${ours} ms and ${theirs} ms`).toBeLessThan(2);
    }
  });

  test('a client that dies is gone, the other stays, and it is a neighbor again when it returns', async () => {
    await lab.killClient(1);
    const without = await until('one session', ({ size }) => size === 1);
    expect([...without.keys()]).toEqual(['169.254.0.1']);
    await lab.restartClient(1);
    await until('two sessions', ({ size }) => size === 2);
  });

  test('a namespace without a session is read, and an entry that is not a namespace fails alone', async () => {
    await symlink('/etc/hostname', join(folder, 'ns-broken'));
    const { vrfs } = await sourceOf().collect(AbortSignal.timeout(10_000));
    await rm(join(folder, 'ns-broken'));
    expect(vrfs.get(empty)).toMatchObject({ kind: 'collected', neighbors: new Map() });
    expect(vrfs.get('broken')).toMatchObject({ kind: 'failed', problem: expect.stringContaining('ns-broken') });
    expect(vrfs.get(lab.deviceNamespace)?.kind).toBe('collected');
  });

  test('IPv4 sessions of a dual-stack listener have their IPv4 address', async () => {
    const program = `
      const net = require('node:net');
      net.createServer(() => {}).listen(179, '::', () => net.connect(179, '127.0.0.1', () => console.log('ready')));
      setTimeout(() => process.exit(), 10000);`;
    const child = execFile('ip', ['netns', 'exec', empty, process.execPath, '-e', program], { env: { ...process.env, PATH: SYSTEM_PATH } });
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    const { sockets } = createNamespaces({ folder });
    const output = await sockets(empty, AbortSignal.timeout(5_000));
    const reading = (await sourceOf().collect(AbortSignal.timeout(10_000))).vrfs.get(empty);
    child.kill('SIGKILL');
    expect(output).toContain('[::ffff:127.0.0.1]:179');
    expect(reading?.kind === 'collected' ? [...reading.neighbors.keys()] : reading).toEqual(['127.0.0.1']);
  });
});
