import PQueue from 'p-queue';
import type { NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import {
  AgentError,
  type Clock,
  createAbortController,
  DeadlineExceeded,
  describeError,
  Stopped,
  withDeadline,
  withSignals,
} from '../../lib/index.ts';
import type { SwitchSource } from '../collector.ts';
import { createNamespaces, isNamespaceName, type Namespaces, readSockets, vrfOfNamespace } from './ss.ts';

export interface SocketsSourceOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** The folder of the network namespaces; `/var/run/netns` when absent. */
  readonly folder?: string;
  /** Instead of the real namespaces. */
  readonly namespaces?: Namespaces;
  /** Upper bound for `ss` in one namespace, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** No switch has more VRFs, so a folder with more entries is not the right one. */
const MAX_NAMESPACES = 1_024;
/** `ss` takes milliseconds, and a switch has few cores to spare. */
const CONCURRENCY = 4;

/**
 * Reads the kernel's TCP connections on port 179, in each network namespace of the switch that this process runs on:
 *
 *   /var/run/netns ──► default, ns-vrf1, … ──► ip netns exec … ss ──► readSockets ──► VRF default, vrf1, …
 *
 * It sees connections, not neighbors: up is TCP ESTABLISHED, which BGP may reach a moment later, and down is the absence of a connection. It
 * shows neither when nor how often a session changed, and of the reason only the state of the connection. Errors are AgentErrors `SOCKETS__…`, a signal's own reason, or Stopped once closed.
 */
export function createSocketsSource(options: SocketsSourceOptions): SwitchSource {
  const { name = 'sockets', folder = '/var/run/netns', timeoutMs, clock } = options;
  const namespaces = options.namespaces ?? createNamespaces({ folder });
  const closing = createAbortController();
  /** Sockets so far beyond the first to the same peer in a namespace. */
  let duplicates = 0;

  async function readNamespace(namespace: string, signal: AbortSignal): Promise<VrfReading> {
    const failed = (problem: string): VrfReading => ({ kind: 'failed', source: name, problem });
    if (!isNamespaceName(namespace)) return failed('ip does not accept the name of its namespace');
    try {
      const output = await withDeadline(timeoutMs, signal, (inner) => namespaces.sockets(namespace, inner));
      const reading = readSockets(output);
      if (reading.kind === 'unreadable') return failed(`malformed output of ss: ${reading.problem}`);
      duplicates += reading.duplicates;
      return { kind: 'collected', source: name, neighbors: reading.neighbors, tcpStates: reading.tcpStates, changedAtToleranceMs: 0 };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return failed(error instanceof DeadlineExceeded ? `ss did not end within ${error.ms} ms` : describeError(error));
    }
  }

  async function collect(signal: AbortSignal): Promise<NeighborSnapshot> {
    const takenAt = clock.monotonic();
    const names = await namespaces.list(signal);
    if (names.length === 0 || names.length > MAX_NAMESPACES) {
      const problem = names.length === 0 ? 'it is empty' : `it has ${names.length} entries`;
      throw new AgentError('SOCKETS__FOLDER', { folder, problem });
    }
    const vrfs = new Map<VrfName, VrfReading>();
    const queue = new PQueue({ concurrency: CONCURRENCY });
    const readings = await queue.addAll(names.map((namespace) => () => readNamespace(namespace, signal)));
    for (const [position, reading] of readings.entries()) {
      const vrf = vrfOfNamespace(names[position] ?? '');
      const isAmbiguous = vrfs.has(vrf);
      vrfs.set(vrf, isAmbiguous ? { kind: 'failed', source: name, problem: 'two namespaces belong to this VRF' } : reading);
    }
    requireNeighbors(vrfs);
    return { vrfs, takenAt };
  }

  function requireNeighbors(vrfs: ReadonlyMap<VrfName, VrfReading>): void {
    const readings = [...vrfs];
    const sees = readings.some(([, reading]) => reading.kind === 'collected' && reading.neighbors.size > 0);
    if (sees) return;
    for (const [vrf, reading] of readings) {
      if (reading.kind === 'failed') throw new AgentError('SOCKETS__UNREADABLE', { folder, vrf, problem: reading.problem });
    }
    throw new AgentError('SOCKETS__EMPTY', { folder, namespaces: vrfs.size });
  }

  return {
    name,
    dropCounters: () => ({ duplicates }),
    async collect(signal) {
      closing.signal.throwIfAborted();
      signal.throwIfAborted();
      return withSignals([signal, closing.signal], collect);
    },
    async close() {
      closing.abort(new Stopped('the sockets source is closed'));
    },
  };
}
