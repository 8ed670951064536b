import PQueue from 'p-queue';
import type { NeighborKey, NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import {
  AgentError,
  type Clock,
  createAbortController,
  DeadlineExceeded,
  describeError,
  type EpochMs,
  epochMs,
  hostInUrl,
  isAgentError,
  type MonotonicMs,
  monotonicMs,
  Stopped,
  untilAborted,
  withDeadline,
  withSignals,
} from '../../lib/index.ts';
import { hasNeighbors, neighborKeyText, type SwitchSource } from '../collector.ts';
import { DownReasons } from '../down-reasons.ts';
import type { VarBind } from './message.ts';
import {
  addIgnored,
  createV2cSession,
  describeIgnored,
  type IgnoredDatagrams,
  noneIgnored,
  requireUsable,
  resolveHost,
  type SnmpCredentials,
  SnmpProblem,
  type SnmpRequest,
  type SnmpSession,
} from './session.ts';
import { listVrfs, type MibChoice, RestartWatch, VrfReader } from './walk.ts';

/** Why a VRF could not be read: what the agent did, or its refusal of the SNMPv3 user. */
type Cause = SnmpProblem | AgentError;

/** A VRF's reading; undefined for a VRF without BGP or without access for this user. */
interface VrfResult {
  readonly vrf: VrfName;
  readonly reading?: VrfReading;
  readonly cause?: Cause;
}

/**
 * The snapshot of the VRFs. Throws the first cause, or the refusal of the user, when no VRF with a neighbor was read and one failed, and
 * SNMP__EMPTY when no VRF has a neighbor.
 */
function toSnapshot(results: readonly VrfResult[], takenAt: NeighborSnapshot['takenAt'], endpoint: string): NeighborSnapshot {
  const vrfs = new Map(results.flatMap(({ vrf, reading }) => (reading === undefined ? [] : [[vrf, reading] as const])));
  if (hasNeighbors({ vrfs })) return { takenAt, vrfs };
  const failures = results.flatMap(({ vrf, cause }) => (cause === undefined ? [] : [{ vrf, cause }]));
  const [first] = failures;
  if (first === undefined) throw new AgentError('SNMP__EMPTY', { endpoint, collected: vrfs.size, vrfs: vrfs.size });
  for (const { cause } of failures) if (isAgentError(cause)) throw cause;
  // With one agent the others are alike, and the line stays short.
  const who = failures.length === 1 ? `VRF ${first.vrf}` : `none of ${failures.length} VRFs; ${first.vrf}`;
  throw errorOf(first.cause, endpoint, who);
}

/**
 * An SNMP agent that ignores the VRF in the community or context answers for one VRF with the table of another. Users who are not in that table
 * would count as down. So a VRF that repeats another one's neighbors fails: the one that is not `default`, or both if neither is.
 */
function withoutRepeatedViews(results: readonly VrfResult[], source: string, endpoint: string): readonly VrfResult[] {
  const byAddresses = new Map<string, VrfResult[]>();
  for (const result of results) {
    const addresses = result.reading?.kind === 'collected' ? [...result.reading.neighbors.keys()].sort().join(' ') : '';
    if (addresses !== '') byAddresses.set(addresses, [...(byAddresses.get(addresses) ?? []), result]);
  }
  return results.map((result) => {
    for (const alike of byAddresses.values()) {
      if (result.vrf === 'default' || !alike.includes(result)) continue;
      const other = alike.find((candidate) => candidate !== result && isSameView(candidate, result));
      if (other !== undefined) return repeated(result, other, source, endpoint);
    }
    return result;
  });
}

function repeated({ vrf, reading }: VrfResult, { vrf: other }: VrfResult, source: string, endpoint: string): VrfResult {
  const count = reading?.kind === 'collected' ? reading.neighbors.size : 0;
  const neighbors = count === 1 ? 'the one neighbor' : `the ${count} neighbors`;
  const cause = new SnmpProblem('SNMP__VRF_IGNORED', `it shows ${neighbors} of ${other}, with the same states and times`);
  return { vrf, reading: { kind: 'failed', source, problem: cause.message, error: errorOf(cause, endpoint) }, cause };
}

/** One neighbor in this many may have changed between the two readings. */
const ROWS_PER_CHANGE = 10;

function isSameView({ reading: left }: VrfResult, { reading: right }: VrfResult): boolean {
  if (left?.kind !== 'collected' || right?.kind !== 'collected') return false;
  const changed = [...left.neighbors].filter(([address, neighbor]) => {
    const { state, remoteAs, establishedTransitions, changedAt = 0 } = right.neighbors.get(address) ?? neighbor;
    const isAlike =
      state === neighbor.state && remoteAs === neighbor.remoteAs && establishedTransitions === neighbor.establishedTransitions;
    return !isAlike || Math.abs(changedAt - (neighbor.changedAt ?? 0)) > left.changedAtToleranceMs;
  });
  return changed.length <= Math.floor(left.neighbors.size / ROWS_PER_CHANGE);
}

function errorOf(cause: Cause, endpoint: string, what?: string): AgentError {
  if (isAgentError(cause)) return cause;
  return new AgentError(cause.code, { endpoint, problem: what === undefined ? cause.message : `${what}: ${cause.message}` }, { cause });
}

/** A VRF to read, by name, or with its own community or context on the switch. */
type SnmpVrf = VrfName | NamedSnmpVrf;

export interface NamedSnmpVrf {
  readonly vrf: VrfName;
  readonly community?: string;
  readonly context?: string;
}

const named = (vrf: SnmpVrf): NamedSnmpVrf => (typeof vrf === 'string' ? { vrf } : vrf);
const DEFAULT_VRF = named('default');

export type SnmpSourceOptions = SnmpCredentials & {
  /** Its name in the configuration. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** `auto`: those that ARISTA-VRF-MIB lists at each poll, and `default`. */
  readonly vrfs: readonly SnmpVrf[] | 'auto';
  /** `auto` by default: ARISTA-BGP4V2-MIB where the agent has it, else BGP4-MIB. */
  readonly mib?: MibChoice;
  /** Upper bound for one answer, retransmissions included, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for a poll of all VRFs, milliseconds; 40 s by default. A VRF that is not read by then is failed. */
  readonly pollTimeoutMs?: number;
  /** A VRF with more neighbors than this is failed, not cut. */
  readonly maxRows: number;
  readonly clock: Clock;
};

/** What 4,096 rows of ARISTA-BGP4V2-MIB take at 50 ms an answer, six rows to an answer, and some more. */
const POLL_TIMEOUT_MS = 40_000;

/** Agents answer one request at a time: more at once would only wait there, and be sent again. */
const CONCURRENT_REQUESTS = 8;
/** Each has a socket. */
const CONCURRENT_VRFS = 8;

/** Two requests, where all are in one VRF. */
const REASONS_PER_POLL = 12;

const CLOSED = 'the SNMP source is closed';

/** One poll of all VRFs. */
interface Poll {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly endsAt: MonotonicMs;
  /** The answers so far, and the time that they took in all. */
  answers: number;
  answerMs: number;
}

/**
 * Reads the BGP neighbors of a switch by SNMP, v2c or v3, one view a VRF:
 *
 *   (which VRFs?) ──► per VRF: session ──► VrfReader ──► collected   (else, or too late: failed, the other VRFs go on)
 *
 * Round-trip times are in neither MIB. `collect` throws AgentError `SNMP__…` with the cause when no VRF could be read. Throws
 * SNMP__USER_INVALID at once.
 */
export function createSnmpSource(options: SnmpSourceOptions): SwitchSource {
  if (options.user !== undefined) requireUsable(options.user);
  return new SnmpSource(options);
}

class SnmpSource implements SwitchSource {
  readonly name: string;
  readonly pollTimeoutMs: number;
  readonly #options: SnmpSourceOptions;
  readonly #vrfs: readonly NamedSnmpVrf[] | 'auto';
  readonly #endpoint: string;
  readonly #ignored = noneIgnored();
  readonly #readers = new Map<VrfName, VrfReader>();
  readonly #restarts = new RestartWatch();
  readonly #downReasons: DownReasons;
  readonly #requests = new PQueue({ concurrency: CONCURRENT_REQUESTS });
  readonly #closing = createAbortController();
  /** The wall clock of the start, advanced by the monotonic clock: ages become dates on it, and a clock step would move them all at once. */
  readonly #now: () => EpochMs;

  constructor(options: SnmpSourceOptions) {
    const { name, host, port, vrfs, pollTimeoutMs = POLL_TIMEOUT_MS, clock } = options;
    this.name = name;
    this.#vrfs = vrfs === 'auto' ? vrfs : vrfs.map(named);
    this.#downReasons = new DownReasons({ clock, most: REASONS_PER_POLL });
    this.pollTimeoutMs = pollTimeoutMs;
    this.#options = options;
    this.#endpoint = `${hostInUrl(host)}:${port}`;
    const started = { wall: clock.wall(), monotonic: clock.monotonic() };
    this.#now = () => epochMs(Math.round(started.wall + clock.monotonic() - started.monotonic));
  }

  async collect(signal: AbortSignal): Promise<NeighborSnapshot> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    return withSignals([signal, this.#closing.signal], (inner) => this.#poll(inner));
  }

  dropCounters(): Readonly<Record<string, number>> {
    return { ...this.#ignored };
  }

  close(): Promise<void> {
    this.#closing.abort(new Stopped(CLOSED));
    return Promise.resolve();
  }

  async #poll(signal: AbortSignal): Promise<NeighborSnapshot> {
    const takenAt = this.#options.clock.monotonic();
    const address = await this.#resolve(signal);
    const poll: Poll = { address, endsAt: monotonicMs(takenAt + this.pollTimeoutMs), answers: 0, answerMs: 0 };
    const vrfs = this.#vrfs === 'auto' ? await this.#listVrfs(poll, signal) : this.#vrfs;
    const { results, restarted } = await withSignals([signal], async (untilRead) => {
      // Requested along with the VRFs, and ended with them: it is not worth a delay.
      const restarted = this.#hasRestarted(poll, untilRead);
      const queue = new PQueue({ concurrency: CONCURRENT_VRFS });
      return { results: await queue.addAll(vrfs.map((vrf) => () => this.#read(vrf, poll, signal))), restarted };
    });
    const hasRestarted = await restarted;
    try {
      const snapshot = toSnapshot(withoutRepeatedViews(results, this.name, this.#endpoint), takenAt, this.#endpoint);
      const read = (neighbors: readonly NeighborKey[], inner: AbortSignal) => this.#lastErrors(neighbors, vrfs, poll, inner);
      return { ...snapshot, vrfs: await this.#downReasons.addTo(snapshot.vrfs, read, signal) };
    } finally {
      if (hasRestarted) for (const reader of this.#readers.values()) reader.forget();
    }
  }

  async #lastErrors(
    neighbors: readonly NeighborKey[],
    vrfs: readonly NamedSnmpVrf[],
    poll: Poll,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const reasons = new Map<string, string>();
    for (const vrf of vrfs) {
      const { vrf: name } = vrf;
      const addresses = new Set(neighbors.flatMap((key) => (key.vrf === name ? [key.address] : [])));
      const reader = this.#readers.get(name);
      if (addresses.size === 0 || reader === undefined) continue;
      const errors = await this.#withSession(vrf, poll, noneIgnored(), signal, (session, inner) =>
        reader.lastErrors(session, addresses, inner),
      );
      for (const [address, text] of errors) reasons.set(neighborKeyText({ vrf: name, address }), text);
    }
    return reasons;
  }

  async #resolve(signal: AbortSignal): Promise<string> {
    try {
      const { host, timeoutMs } = this.#options;
      return await withDeadline(timeoutMs, signal, (inner) => untilAborted(resolveHost(host), inner));
    } catch (cause) {
      signal.throwIfAborted();
      throw new AgentError('SNMP__UNREACHABLE', { endpoint: this.#endpoint, problem: describeError(cause) }, { cause });
    }
  }

  async #listVrfs(poll: Poll, signal: AbortSignal): Promise<readonly NamedSnmpVrf[]> {
    const ignored = noneIgnored();
    try {
      const vrfs = await this.#withSession(DEFAULT_VRF, poll, ignored, signal, (session, inner) => listVrfs(session, this.#now, inner));
      for (const vrf of this.#readers.keys()) if (!vrfs.includes(vrf)) this.#readers.delete(vrf);
      return vrfs.map(named);
    } catch (error) {
      signal.throwIfAborted();
      throw errorOf(toCause(error, ignored), this.#endpoint, 'the list of VRFs');
    }
  }

  async #read(vrf: NamedSnmpVrf, poll: Poll, signal: AbortSignal): Promise<VrfResult> {
    const { name: source, mib = 'auto', maxRows } = this.#options;
    const { vrf: vrfName } = vrf;
    const reader = this.#readers.get(vrfName) ?? new VrfReader({ source, mib, maxRows, now: this.#now });
    this.#readers.set(vrfName, reader);
    const ignored = noneIgnored();
    try {
      const reading = await this.#withSession(vrf, poll, ignored, signal, (session, inner) => reader.read(session, inner));
      return { vrf: vrfName, reading };
    } catch (error) {
      signal.throwIfAborted();
      const cause = toCause(error, ignored);
      // A switch has VRFs without BGP or without access, such as management. Only the agent's answer counts for that, never silence.
      const isExcluded = cause.code === 'SNMP__NO_BGP' || cause.code === 'SNMP__VIEW_REFUSED';
      if (this.#vrfs === 'auto' && vrfName !== 'default' && isExcluded && !reader.hasShownNeighbors) return { vrf: vrfName };
      const reading: VrfReading = { kind: 'failed', source, problem: cause.message, error: errorOf(cause, this.#endpoint) };
      return { vrf: vrfName, reading, cause };
    }
  }

  /** False when it fails: the VRFs then fail themselves. */
  async #hasRestarted(poll: Poll, signal: AbortSignal): Promise<boolean> {
    if ((this.#options.mib ?? 'auto') !== 'auto') return false;
    return this.#withSession(DEFAULT_VRF, poll, noneIgnored(), signal, (session, inner) =>
      this.#restarts.hasRestarted(session, inner),
    ).catch(() => false);
  }

  /** A socket for each VRF of each poll: no answer can pass for another VRF's, or for one of a later poll. */
  async #withSession<T>(
    vrf: NamedSnmpVrf,
    poll: Poll,
    ignored: IgnoredDatagrams,
    signal: AbortSignal,
    work: (session: SnmpSession, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const session = await this.#open(vrf, poll, ignored);
    const bounded: SnmpSession = { request: (request, inner) => this.#ask(session, request, poll, inner), close: () => session.close() };
    try {
      const leftMs = Math.max(0, poll.endsAt - this.#options.clock.monotonic());
      return await withDeadline(leftMs, signal, (inner) => work(bounded, inner));
    } catch (error) {
      throw error instanceof DeadlineExceeded && !signal.aborted ? this.#lateness(poll) : error;
    } finally {
      addIgnored(this.#ignored, ignored);
      session.close();
    }
  }

  async #open({ vrf: name, ...own }: NamedSnmpVrf, { address }: Poll, ignored: IgnoredDatagrams): Promise<SnmpSession> {
    const { user, community, port, timeoutMs } = this.#options;
    const isDefault = name === 'default';
    if (user === undefined) {
      const ofVrf = own.community ?? (isDefault ? community : `${community}@${name}`);
      // A lost datagram costs a quarter of the time; the last wait is longer than the deadline, so the deadline ends it.
      const waits = [timeoutMs / 4, timeoutMs / 4, timeoutMs / 4, timeoutMs];
      return createV2cSession({ address, port, community: ofVrf, waits, ignored });
    }
    // net-snmp takes a tenth of the agent's memory, so it is loaded only where it is used.
    const { createV3Session } = await import('./session-v3.ts');
    const context = own.context ?? (isDefault ? '' : name);
    return createV3Session({ address, port, timeoutMs, ignored, user, endpoint: this.#endpoint, context });
  }

  /** One request, and its answer within the bound of one. */
  async #ask(session: SnmpSession, request: SnmpRequest, poll: Poll, signal: AbortSignal): Promise<readonly VarBind[]> {
    const { timeoutMs, clock } = this.#options;
    return this.#requests.add(async () => {
      const from = clock.monotonic();
      try {
        const varbinds = await withDeadline(timeoutMs, signal, (inner) => session.request(request, inner));
        poll.answers += 1;
        poll.answerMs += clock.monotonic() - from;
        return varbinds;
      } catch (error) {
        if (signal.aborted || !(error instanceof DeadlineExceeded)) throw error;
        throw session.causeOfSilence?.() ?? new SnmpProblem('SNMP__UNREACHABLE', `no answer within ${timeoutMs} ms`);
      }
    });
  }

  /** The poll's time is over: the agent is slow where it has answered, and silent where it has not. */
  #lateness({ answers, answerMs }: Poll): SnmpProblem {
    if (answers === 0) return new SnmpProblem('SNMP__UNREACHABLE', `no answer within ${this.pollTimeoutMs} ms`);
    const average = Math.round(answerMs / answers);
    return new SnmpProblem('SNMP__SLOW', `not read within ${this.pollTimeoutMs} ms: ${answers} answers, ${average} ms each on average`);
  }
}

/** What was ignored belongs to it: otherwise an agent that answers from another of its addresses would pass for a silent one. */
function toCause(error: unknown, ignored: IgnoredDatagrams): Cause {
  if (isAgentError(error)) return error;
  const { code, message } = error instanceof SnmpProblem ? error : new SnmpProblem('SNMP__UNREACHABLE', describeError(error));
  const isMalformed = code === 'SNMP__UNREACHABLE' && ignored.malformed > 0;
  return new SnmpProblem(isMalformed ? 'SNMP__MALFORMED' : code, `${message}${describeIgnored(ignored)}`);
}
