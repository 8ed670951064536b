import type { NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError, type Clock, describeError, type EpochMs, epochMs, Stopped, withDeadline } from '../../platform/index.ts';
import type { SwitchSource } from '../switch-source.ts';
import { addIgnored, describeIgnored, type IgnoredDatagrams, noneIgnored } from './ignored-datagrams.ts';
import { readVrf } from './read-vrf.ts';
import { createSnmpSession, resolveHost, type SnmpSession } from './snmp-session.ts';

/** A VRF to read, by name, or with the community of its own that the switch gives it. */
export type SnmpVrf = VrfName | { readonly vrf: VrfName; readonly community?: string };

export interface SnmpSourceOptions {
  /** Its name in the configuration. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Community of the default VRF; that of VRF X is `<community>@X` unless the VRF has its own. */
  readonly community: string;
  readonly vrfs: readonly SnmpVrf[];
  /** Upper bound for reading one VRF, retransmissions included, milliseconds. */
  readonly timeoutMs: number;
  /** A VRF with more neighbors than this is failed, not cut. */
  readonly maxRows: number;
  readonly clock: Clock;
}

export interface SnmpSource extends SwitchSource {
  /** Datagrams dropped since the source was made, for metrics. */
  ignoredDatagrams(): Readonly<IgnoredDatagrams>;
}

/** Agents answer one request at a time; more in flight would only wait there. */
const VRFS_AT_ONCE = 8;

const CLOSED = 'the SNMP source is closed';

/** A lost datagram costs a quarter of the time; the last wait outlasts the VRF's deadline, which thereby is what ends it. */
const waitsOf = (timeoutMs: number): number[] => [timeoutMs / 4, timeoutMs / 4, timeoutMs / 4, timeoutMs];

/**
 * Reads BGP4-MIB (RFC 4273) by SNMPv2c, one view a VRF:
 *
 *   per VRF: walk of bgpPeerTable ──► rows ──► stands? whole? ──► collected   (else, or too late: failed, the other VRFs go on)
 *
 * BGP4-MIB has no IPv6 neighbors, descriptions or round-trip times. `collect` throws SNMP__UNREACHABLE when no VRF could be read, and
 * SNMP__EMPTY when none of those read has a neighbor.
 */
export function createSnmpSource(options: SnmpSourceOptions): SnmpSource {
  const { name, host, port, timeoutMs, maxRows, clock } = options;
  const endpoint = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const ignoredInAll = noneIgnored();
  const views = options.vrfs.map((entry) => viewOf(entry, options.community));
  const sessions = new Set<SnmpSession>();
  let closed = false;

  // The wall clock of the start, carried on without its jumps: ages become dates on it, and a jump would move them all at once.
  const started = { wall: clock.wall(), monotonic: clock.monotonic() };
  const now = (): EpochMs => epochMs(Math.round(started.wall + clock.monotonic() - started.monotonic));

  const resolve = async (signal: AbortSignal): Promise<string> => {
    try {
      return await withDeadline(timeoutMs, signal, (inner) => untilAborted(resolveHost(host), inner));
    } catch (cause) {
      signal.throwIfAborted();
      throw new AgentError('SNMP__UNREACHABLE', { endpoint, problem: describeError(cause) }, { cause });
    }
  };

  const read = async (address: string, { community }: View, signal: AbortSignal): Promise<VrfReading> => {
    if (closed) throw new Stopped(CLOSED);
    const ignored = noneIgnored();
    // A socket for each VRF of each poll: no answer can pass for another VRF's, or for one of a later poll.
    const session = createSnmpSession({ address, port, waits: waitsOf(timeoutMs), ignored });
    sessions.add(session);
    try {
      const work = { session, community, source: name, maxRows, now };
      return await withDeadline(timeoutMs, signal, (inner) => readVrf(work, inner));
    } catch (error) {
      signal.throwIfAborted();
      if (closed) throw new Stopped(CLOSED);
      return { kind: 'failed', source: name, problem: `${describeError(error)}${describeIgnored(ignored)}` };
    } finally {
      addIgnored(ignoredInAll, ignored);
      sessions.delete(session);
      session.close();
    }
  };

  return {
    name,
    async collect(signal) {
      signal.throwIfAborted();
      if (closed) throw new Stopped(CLOSED);
      const takenAt = clock.monotonic();
      const address = await resolve(signal);
      const readings = await mapAtOnce(VRFS_AT_ONCE, views, async (view) => [view.vrf, await read(address, view, signal)] as const);
      return trusted({ takenAt, vrfs: new Map(readings) }, endpoint);
    },
    ignoredDatagrams: () => ({ ...ignoredInAll }),
    close() {
      closed = true;
      for (const session of sessions) session.close();
      return Promise.resolve();
    },
  };
}

interface View {
  readonly vrf: VrfName;
  readonly community: string;
}

function viewOf(entry: SnmpVrf, community: string): View {
  const { vrf, community: own } = typeof entry === 'string' ? { vrf: entry } : entry;
  return { vrf, community: own ?? (vrf === 'default' ? community : `${community}@${vrf}`) };
}

function trusted(snapshot: NeighborSnapshot, endpoint: string): NeighborSnapshot {
  const readings = [...snapshot.vrfs];
  const collected = readings.flatMap(([, reading]) => (reading.kind === 'collected' ? [reading] : []));
  if (collected.length === 0) {
    throw new AgentError('SNMP__UNREACHABLE', { endpoint, problem: problemOf(readings) });
  }
  if (collected.every(({ neighbors }) => neighbors.size === 0)) {
    throw new AgentError('SNMP__EMPTY', { endpoint, collected: collected.length, vrfs: readings.length });
  }
  return snapshot;
}

/** The first failure for all: with one agent the others fail alike, and the line stays short. */
function problemOf(readings: readonly (readonly [VrfName, VrfReading])[]): string {
  const [vrf, reading] = readings[0] ?? ['', undefined];
  if (reading?.kind !== 'failed') return 'no VRF is configured';
  return readings.length === 1 ? `VRF ${vrf}: ${reading.problem}` : `none of ${readings.length} VRFs; ${vrf}: ${reading.problem}`;
}

async function mapAtOnce<T, R>(limit: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [position, item] of queue) results[position] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
