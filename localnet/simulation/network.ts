import type { Neighbor, NeighborKey, NeighborSnapshot, VrfName, VrfReading } from '../../src/bgp/index.ts';
import { neighborKeyText, type SwitchSource } from '../../src/collector/index.ts';
import { AgentError, epochMs, monotonicMs, withDeadline } from '../../src/lib/index.ts';
import type { JsonRpc, JsonRpcOptions, RpcReply, RpcRequest } from '../../src/rpc/index.ts';
import { type Nanoseconds, nanoseconds } from '../../src/serviceability/index.ts';
import type { LedgerNode } from '../ledger/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../switch/index.ts';
import type { Incarnation } from './incarnation.ts';
import type { Prng } from './plan.ts';
import type { SimulationClock } from './world.ts';

/** The current state of the path to one node and of its front end. Changed during the run; read at each request. */
export interface PathConditions {
  /** The connection is refused. */
  down: boolean;
  /** Requests arrive, but responses never do. */
  hangs: boolean;
  /** Probability that a request, or its response, is lost. */
  loseRequest: number;
  loseAnswer: number;
  /** HTTP 429 for this share of requests, before the node sees them, with this Retry-After. */
  rateLimit: number;
  retryAfterMs: number | undefined;
  /** Probability of HTTP 503 from a gateway, which may have forwarded the request. */
  unavailable: number;
  /** Probability of a malformed response. */
  garble: number;
  /** Probability that an accepted transaction arrives again, much later. */
  repeat: number;
  /** Its responses report slots this far ahead. Heights and blockhashes stay correct. */
  slotsAhead: number;
  /** Maximum one-way latency, milliseconds; random latencies reorder requests. */
  latencyMs: number;
}

export const healthyPath = (): PathConditions => ({
  down: false,
  hangs: false,
  loseRequest: 0,
  loseAnswer: 0,
  rateLimit: 0,
  retryAfterMs: undefined,
  unavailable: 0,
  garble: 0,
  repeat: 0,
  slotsAhead: 0,
  latencyMs: 60,
});

/** Observes each transaction in transit, for the invariants. */
export interface SendWatcher {
  /** A request with this transaction is sent; called before it can arrive. */
  departed(wire: string): void;
  /** It reached a node or is lost. `taken`: the node accepted it. */
  arrived(wire: string, taken: boolean): void;
}

interface SimulatedNetworkOptions {
  readonly clock: SimulationClock;
  readonly prng: Prng;
  readonly incarnation: Incarnation;
  readonly node: LedgerNode;
  readonly conditions: PathConditions;
  readonly watcher: SendWatcher;
}

const LONGEST_REPEAT_MS = 40_000;

/** JSON-RPC to one node, over a network that loses, delays, repeats and reorders. Sent requests arrive even if their sender was killed. */
export function createSimulatedTransport(
  { timeoutMs }: Pick<JsonRpcOptions, 'timeoutMs'>,
  { clock, prng, incarnation, node, conditions, watcher }: SimulatedNetworkOptions,
): JsonRpc {
  let lastId = 0;

  /** Delivers the request to the node; undefined when it is lost. */
  async function deliver({ method, params }: RpcRequest, wire: string | undefined, lost: boolean): Promise<RpcReply | undefined> {
    if (wire !== undefined) watcher.departed(wire);
    await clock.sleep(prng.between(1, conditions.latencyMs));
    if (lost) {
      if (wire !== undefined) watcher.arrived(wire, false);
      return undefined;
    }
    lastId += 1;
    const { slotsAhead } = conditions;
    const request = JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params }, (name, value) =>
      shifted(name, value, DEMANDS, -slotsAhead),
    );
    const reply = parseReply(node.call(request), slotsAhead);
    if (wire !== undefined) watcher.arrived(wire, reply.kind === 'result');
    return reply;
  }

  async function repeatLater(request: RpcRequest, wire: string): Promise<void> {
    watcher.departed(wire);
    await clock.sleep(prng.between(100, LONGEST_REPEAT_MS));
    await deliver(request, wire, false);
    watcher.arrived(wire, false);
  }

  async function exchange(request: RpcRequest): Promise<RpcReply> {
    const { down, hangs, loseRequest, loseAnswer, rateLimit, retryAfterMs, unavailable, garble, repeat } = conditions;
    const wire = request.method === 'sendTransaction' && typeof request.params[0] === 'string' ? request.params[0] : undefined;
    if (down) {
      await clock.sleep(prng.between(0, 30));
      return { kind: 'failed', progress: 'waiting', cause: new Error('connect ECONNREFUSED') };
    }
    if (prng.chance(rateLimit)) {
      await clock.sleep(prng.between(1, conditions.latencyMs));
      return { kind: 'http-error', status: 429, retryAfterMs };
    }
    const isUnavailable = prng.chance(unavailable);
    const isLost = prng.chance(loseRequest) || (isUnavailable && prng.chance(0.5));
    const reply = await deliver(request, wire, isLost);
    // Rejected transactions are not repeated; accepted ones may reach the node, or its leader, again.
    if (wire !== undefined && reply?.kind === 'result' && prng.chance(repeat)) void repeatLater(request, wire);
    if (hangs || prng.chance(loseAnswer) || (reply === undefined && !isUnavailable)) return new Promise(() => undefined);
    await clock.sleep(prng.between(1, conditions.latencyMs));
    if (isUnavailable) return { kind: 'http-error', status: 503 };
    if (prng.chance(garble)) return { kind: 'garbled', problem: 'an HTML page' };
    return reply ?? { kind: 'garbled', problem: 'nothing' };
  }

  return {
    async call(request, signal) {
      incarnation.step();
      if (!incarnation.isAlive) return new Promise(() => undefined);
      const answered = exchange(request);
      const untilAborted = (inner: AbortSignal): Promise<RpcReply> =>
        new Promise((resolve, reject) => {
          inner.addEventListener('abort', () => reject(inner.reason), { once: true });
          answered.then(resolve, reject);
        });
      try {
        return await incarnation.hold(withDeadline(timeoutMs, signal, untilAborted, incarnation.clock));
      } catch (cause) {
        return { kind: 'failed', progress: 'offered', cause: cause instanceof Error ? cause : new Error(String(cause)) };
      }
    },
    close: async () => undefined,
  };
}

const DEMANDS: ReadonlySet<string> = new Set(['minContextSlot']);
const SLOTS: ReadonlySet<string> = new Set(['slot', 'absoluteSlot']);

/** A JSON reviver and replacer that shifts slots. */
function shifted(name: string, value: unknown, names: ReadonlySet<string>, slots: number): unknown {
  return typeof value === 'number' && names.has(name) ? Math.max(0, value + slots) : value;
}

function parseReply(text: string, slotsAhead: number): RpcReply {
  const answer: unknown = JSON.parse(text, (name, value) => shifted(name, value, SLOTS, slotsAhead));
  if (typeof answer !== 'object' || answer === null) return { kind: 'garbled', problem: 'no object' };
  if ('error' in answer) {
    const { error } = answer;
    if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'number')
      return { kind: 'garbled', problem: 'an error without a code' };
    const message = 'message' in error ? String(error.message) : '';
    return { kind: 'rpc-error', code: error.code, message, data: 'data' in error ? error.data : undefined };
  }
  return { kind: 'result', value: 'result' in answer ? answer.result : undefined };
}

/** The current state of one source. Changed during the run; read at each poll. */
export interface SourceConditions {
  /** The connection is refused. */
  unreachable: boolean;
  /** Requests are never answered. */
  hangs: boolean;
  /** Additional latency, milliseconds. */
  slowMs: number;
  /** VRFs that cannot be read. */
  failingVrfs: ReadonlySet<VrfName>;
  /** VRFs missing from the response. */
  missingVrfs: ReadonlySet<VrfName>;
  /** All VRFs without neighbors, as while a process of the switch restarts. */
  empty: boolean;
  withoutDescriptions: boolean;
}

export const healthySource = (): SourceConditions => ({
  unreachable: false,
  hangs: false,
  slowMs: 0,
  failingVrfs: new Set(),
  missingVrfs: new Set(),
  empty: false,
  withoutDescriptions: false,
});

/** A poll's result and its time on the switch. */
export interface Poll {
  readonly at: number;
  readonly snapshot: NeighborSnapshot;
}

interface SimulatedSourceOptions {
  readonly name: string;
  readonly sim: SimulatedSwitch;
  readonly incarnation: Incarnation;
  readonly prng: Prng;
  readonly conditions: SourceConditions;
  /** Reports states without change times and counts, like the sockets source. */
  readonly blind: boolean;
  readonly onPoll: (poll: Poll) => void;
}

/** Timeout of a poll. */
const TIMEOUT_MS = 8_000;
const MICROSECOND_NS = 1_000;

/** A source that reads the simulated switch directly, without protocol and sockets, which have their own tests. */
export function createSimulatedSource(options: SimulatedSourceOptions): SwitchSource {
  const { name, sim, incarnation, prng, conditions, onPoll } = options;
  const fail = (problem: string): AgentError => new AgentError('SWITCH__SOURCE_FAILED', { source: name, problem });

  async function exchange<T>(answer: () => T, signal: AbortSignal): Promise<T> {
    if (conditions.unreachable) {
      await incarnation.clock.sleep(prng.between(0, 20), signal);
      throw fail('connection refused');
    }
    if (conditions.hangs || conditions.slowMs > TIMEOUT_MS) {
      await incarnation.clock.sleep(TIMEOUT_MS, signal);
      throw fail('no answer in time');
    }
    const delayBeforeMs = conditions.slowMs * prng.random();
    await incarnation.clock.sleep(prng.between(1, 40) + delayBeforeMs, signal);
    const value = answer();
    await incarnation.clock.sleep(prng.between(1, 40) + conditions.slowMs - delayBeforeMs, signal);
    return value;
  }

  return {
    name,
    async collect(signal) {
      const takenAt = incarnation.clock.monotonic();
      const { at, vrfs } = await exchange(() => ({ at: incarnation.clock.monotonic(), vrfs: readVrfs(options) }), signal);
      if (vrfs.size === 0) throw fail('an answer without a VRF');
      const snapshot = { vrfs, takenAt: monotonicMs(takenAt) };
      onPoll({ at, snapshot });
      return snapshot;
    },
    async readRtts(neighbors: readonly NeighborKey[], signal) {
      return exchange(() => {
        const rtts = new Map<string, Nanoseconds>();
        for (const key of neighbors) {
          const found = sim.find(key.vrf, key.address);
          if (found?.state === 'established') rtts.set(neighborKeyText(key), nanoseconds(BigInt(found.rttUs * MICROSECOND_NS)));
        }
        return rtts;
      }, signal);
    },
    close: async () => undefined,
  };
}

function readVrfs({ name, sim, conditions, blind }: SimulatedSourceOptions): Map<VrfName, VrfReading> {
  const readings = new Map<VrfName, VrfReading>();
  for (const vrf of sim.vrfs()) {
    if (conditions.missingVrfs.has(vrf)) continue;
    if (conditions.failingVrfs.has(vrf)) {
      readings.set(vrf, { kind: 'failed', source: name, problem: 'simulated' });
      continue;
    }
    const seen = conditions.empty ? [] : sim.neighbors(vrf).map((neighbor) => seenAs(neighbor, conditions, blind));
    readings.set(vrf, {
      kind: 'collected',
      source: name,
      neighbors: new Map(seen.map((neighbor) => [neighbor.address, neighbor])),
      switchTime: blind ? undefined : sim.now(),
      changedAtToleranceMs: 1_000,
    });
  }
  return readings;
}

function seenAs(neighbor: SimulatedNeighbor, { withoutDescriptions }: SourceConditions, blind: boolean): Neighbor {
  const { address, state, description, remoteAs, changedAt, establishedTransitions } = neighbor;
  return {
    address,
    state,
    remoteAs,
    description: withoutDescriptions ? undefined : description,
    ...(blind ? {} : { changedAt: epochMs(changedAt), establishedTransitions }),
  };
}
