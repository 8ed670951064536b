import PQueue from 'p-queue';
import type { NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import {
  AgentError,
  type Clock,
  createAbortController,
  DeadlineExceeded,
  describeError,
  type EpochMs,
  epochMs,
  isAgentError,
  Stopped,
  withDeadline,
} from '../../lib/index.ts';
import type { SwitchSource } from '../source.ts';
import { named, type SnmpCredentials, type SnmpVrf, snmpAccess } from './access.ts';
import {
  addIgnored,
  describeIgnored,
  type IgnoredDatagrams,
  noneIgnored,
  requireUsable,
  resolveHost,
  type SnmpSession,
  ViewRefused,
} from './session.ts';
import { createRestartWatch, createVrfReader, listVrfs, type MibChoice, NoBgp, type VrfReader } from './walk.ts';

/** A VRF's reading; undefined for a VRF without BGP or without access for this user. */
interface VrfResult {
  readonly vrf: VrfName;
  readonly reading?: VrfReading;
  /** The error, where the agent refused the user. */
  readonly refusal?: AgentError;
}

/**
 * The snapshot of the VRFs. Throws SNMP__UNREACHABLE, or the agent's refusal of the user, when no VRF was read, and SNMP__EMPTY when no VRF
 * has a neighbor.
 */
function toSnapshot(results: readonly VrfResult[], takenAt: NeighborSnapshot['takenAt'], endpoint: string): NeighborSnapshot {
  const readings = results.flatMap(({ vrf, reading }) => (reading === undefined ? [] : [[vrf, reading] as const]));
  const collected = readings.flatMap(([, reading]) => (reading.kind === 'collected' ? [reading] : []));
  if (collected.length === 0)
    throw (
      results.find(({ refusal }) => refusal !== undefined)?.refusal ??
      new AgentError('SNMP__UNREACHABLE', { endpoint, problem: problemOf(readings) })
    );
  if (collected.every(({ neighbors }) => neighbors.size === 0))
    throw new AgentError('SNMP__EMPTY', { endpoint, collected: collected.length, vrfs: readings.length });
  return { takenAt, vrfs: new Map(readings) };
}

/** Only the first failure: with one agent the others are alike, and the line stays short. */
function problemOf(readings: readonly (readonly [VrfName, VrfReading])[]): string {
  const [vrf, reading] = readings[0] ?? ['', undefined];
  if (reading?.kind !== 'failed') return 'no VRF is configured';
  return readings.length === 1 ? `VRF ${vrf}: ${reading.problem}` : `none of ${readings.length} VRFs; ${vrf}: ${reading.problem}`;
}

export type SnmpSourceOptions = SnmpCredentials & {
  /** Its name in the configuration. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** `auto`: those that ARISTA-VRF-MIB lists at each poll, and `default`. */
  readonly vrfs: readonly SnmpVrf[] | 'auto';
  /** `auto` by default: ARISTA-BGP4V2-MIB where the agent has it, else BGP4-MIB. */
  readonly mib?: MibChoice;
  /** Upper bound for reading one VRF, retransmissions included, milliseconds. */
  readonly timeoutMs: number;
  /** A VRF with more neighbors than this is failed, not cut. */
  readonly maxRows: number;
  readonly clock: Clock;
};

/** Agents answer one request at a time; more VRFs at once would only wait there. */
const CONCURRENT_VRFS = 8;

const CLOSED = 'the SNMP source is closed';

/**
 * Reads the BGP neighbors of a switch by SNMP, v2c or v3, one view a VRF:
 *
 *   (which VRFs?) ──► per VRF: session ──► VrfReader ──► collected   (else, or too late: failed, the other VRFs go on)
 *
 * Round-trip times are in neither MIB. `collect` throws SNMP__UNREACHABLE when no VRF could be read, the refusal of the user when that is the
 * cause (SNMP__USER_UNKNOWN, SNMP__WRONG_PASSWORD, …), and SNMP__EMPTY when no VRF that was read has a neighbor. Throws SNMP__USER_INVALID at
 * once.
 */
export function createSnmpSource(options: SnmpSourceOptions): SwitchSource {
  const { name, host, port, vrfs: wanted, mib = 'auto', timeoutMs, maxRows, clock } = options;
  if (options.user !== undefined) requireUsable(options.user);
  const endpoint = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const access = snmpAccess(options, endpoint);
  const ignoredInAll = noneIgnored();
  const readers = new Map<VrfName, VrfReader>();
  const restarts = createRestartWatch();
  const sessions = new Set<SnmpSession>();
  let closed = false;

  // The wall clock of the start, advanced by the monotonic clock: ages become dates on it, and a clock step would move them all at once.
  const started = { wall: clock.wall(), monotonic: clock.monotonic() };
  const now = (): EpochMs => epochMs(Math.round(started.wall + clock.monotonic() - started.monotonic));

  const unreachable = (problem: string, cause?: unknown): AgentError =>
    new AgentError('SNMP__UNREACHABLE', { endpoint, problem }, { cause });

  const resolve = async (signal: AbortSignal): Promise<string> => {
    try {
      return await withDeadline(timeoutMs, signal, (inner) => untilAborted(resolveHost(host), inner));
    } catch (cause) {
      signal.throwIfAborted();
      throw unreachable(describeError(cause), cause);
    }
  };

  const readerOf = (vrf: VrfName): VrfReader => {
    const reader = readers.get(vrf) ?? createVrfReader({ source: name, mib, maxRows, now });
    readers.set(vrf, reader);
    return reader;
  };

  /** A socket for each VRF of each poll: no answer can pass for another VRF's, or for one of a later poll. */
  const withSession = async <T>(
    vrf: SnmpVrf,
    address: string,
    ignored: IgnoredDatagrams,
    signal: AbortSignal,
    work: (session: SnmpSession, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const session = await access.open(vrf, { address, port, timeoutMs, ignored });
    try {
      if (closed) throw new Stopped(CLOSED);
      sessions.add(session);
      return await withDeadline(timeoutMs, signal, (inner) => work(session, inner));
    } catch (error) {
      throw (error instanceof DeadlineExceeded ? session.causeOfSilence?.() : undefined) ?? error;
    } finally {
      addIgnored(ignoredInAll, ignored);
      sessions.delete(session);
      session.close();
    }
  };

  const read = async (vrf: SnmpVrf, address: string, signal: AbortSignal): Promise<VrfResult> => {
    const { vrf: vrfName } = named(vrf);
    const ignored = noneIgnored();
    try {
      const reader = readerOf(vrfName);
      return { vrf: vrfName, reading: await withSession(vrf, address, ignored, signal, (session, inner) => reader.read(session, inner)) };
    } catch (error) {
      signal.throwIfAborted();
      if (closed) throw new Stopped(CLOSED);
      // A switch has VRFs without BGP or without access, such as management. Only the agent's answer counts for that, never silence.
      const isExcluded = error instanceof NoBgp || error instanceof ViewRefused;
      if (wanted === 'auto' && vrfName !== 'default' && isExcluded) return { vrf: vrfName };
      const problem = `${isAgentError(error) ? error.message : describeError(error)}${describeIgnored(ignored)}`;
      return { vrf: vrfName, reading: { kind: 'failed', source: name, problem }, refusal: isAgentError(error) ? error : undefined };
    }
  };

  const vrfsNow = async (address: string, signal: AbortSignal): Promise<readonly SnmpVrf[]> => {
    if (wanted !== 'auto') return wanted;
    const ignored = noneIgnored();
    try {
      const vrfs = await withSession('default', address, ignored, signal, (session, inner) => listVrfs(session, now, inner));
      for (const vrf of readers.keys()) if (!vrfs.includes(vrf)) readers.delete(vrf);
      return vrfs;
    } catch (cause) {
      signal.throwIfAborted();
      if (closed) throw new Stopped(CLOSED);
      throw isAgentError(cause) ? cause : unreachable(`the list of VRFs: ${describeError(cause)}${describeIgnored(ignored)}`, cause);
    }
  };

  /** False when it fails: the VRFs then fail themselves. */
  const hasRestarted = async (address: string, signal: AbortSignal): Promise<boolean> =>
    mib === 'auto' && (await withSession('default', address, noneIgnored(), signal, restarts.hasRestarted).catch(() => false));

  return {
    name,
    async collect(signal) {
      signal.throwIfAborted();
      if (closed) throw new Stopped(CLOSED);
      const takenAt = clock.monotonic();
      const address = await resolve(signal);
      const vrfs = await vrfsNow(address, signal);
      // Requested along with the VRFs, and ended with them: it is not worth a delay.
      const reading = createAbortController();
      const restarted = hasRestarted(address, AbortSignal.any([signal, reading.signal]));
      const queue = new PQueue({ concurrency: CONCURRENT_VRFS });
      const results = await queue
        .addAll(vrfs.map((vrf) => () => read(vrf, address, signal)))
        .finally(() => reading.abort(new Stopped('the poll is over')));
      if (await restarted) for (const reader of readers.values()) reader.forget();
      return toSnapshot(results, takenAt, endpoint);
    },
    dropCounters: () => ({ ...ignoredInAll }),
    close() {
      closed = true;
      for (const session of sessions) session.close();
      return Promise.resolve();
    },
  };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
