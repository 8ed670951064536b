import type { NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError, type Clock, createAbortController, DeadlineExceeded, describeError, Stopped, withDeadline } from '../../lib/index.ts';
import type { SwitchSource } from '../source.ts';
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

export interface SocketsSource extends SwitchSource {
  /** Sockets so far beyond the first with one peer in one namespace. */
  duplicates(): number;
}

/** No switch has more VRFs; a folder with more entries is another folder. */
const MAX_NAMESPACES = 1_024;
/** `ss` takes milliseconds, and a switch has few cores to spare. */
const AT_ONCE = 4;

/**
 * Reads the kernel's TCP connections on port 179, in each network namespace of the switch that this process runs on:
 *
 *   /var/run/netns ──► default, ns-vrf1, … ──► ip netns exec … ss ──► readSockets ──► VRF default, vrf1, …
 *
 * It sees connections, not neighbors: up is TCP ESTABLISHED, which BGP may be a moment short of, and down has one form, not being there. It
 * knows neither since when, nor how often, nor why. Errors are AgentErrors `SOCKETS__…`, a signal's own reason, or Stopped once closed.
 */
export function createSocketsSource(options: SocketsSourceOptions): SocketsSource {
  const { name = 'sockets', folder = '/var/run/netns', timeoutMs, clock } = options;
  const namespaces = options.namespaces ?? createNamespaces({ folder });
  const life = createAbortController();
  let duplicates = 0;

  async function readNamespace(namespace: string, signal: AbortSignal): Promise<VrfReading> {
    const failed = (problem: string): VrfReading => ({ kind: 'failed', source: name, problem });
    if (!isNamespaceName(namespace)) return failed('its namespace has a name that ip does not take');
    try {
      const output = await withDeadline(timeoutMs, signal, (inner) => namespaces.sockets(namespace, inner));
      const reading = readSockets(output);
      if (reading.kind === 'unreadable') return failed(`ss printed what cannot be read: ${reading.problem}`);
      duplicates += reading.duplicates;
      return { kind: 'collected', source: name, neighbors: reading.neighbors, changedAtToleranceMs: 0 };
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
    const queue = [...names];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const vrf = vrfOfNamespace(next);
        const reading = await readNamespace(next, signal);
        const ambiguous = vrfs.has(vrf);
        vrfs.set(vrf, ambiguous ? { kind: 'failed', source: name, problem: 'two namespaces stand for this VRF' } : reading);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    refuseWorthless(vrfs);
    return { vrfs, takenAt };
  }

  function refuseWorthless(vrfs: ReadonlyMap<VrfName, VrfReading>): void {
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
    duplicates: () => duplicates,
    dropCounters: () => ({ duplicates }),
    async collect(signal) {
      life.signal.throwIfAborted();
      signal.throwIfAborted();
      return collect(AbortSignal.any([signal, life.signal]));
    },
    async close() {
      life.abort(new Stopped('the sockets source is closed'));
    },
  };
}
