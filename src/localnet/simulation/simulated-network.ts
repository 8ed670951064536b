import { withDeadline } from '../../lib/index.ts';
import type { JsonRpc, JsonRpcOptions, RpcReply, RpcRequest } from '../../rpc/index.ts';
import type { LedgerNode } from '../ledger/index.ts';
import type { Draw } from './draw.ts';
import type { Life } from './life.ts';
import type { SimulationClock } from './simulation-clock.ts';

/** How the way to one node, and its front end, are now. Changed while it runs; read at each request. */
export interface PathConditions {
  /** Nobody answers at the address. */
  down: boolean;
  /** Requests arrive, and no answer ever comes. */
  hangs: boolean;
  /** Chances that a request, or the answer to it, is lost. */
  loseRequest: number;
  loseAnswer: number;
  /** HTTP 429 for this share of requests, before the node sees them, with this Retry-After. */
  rateLimit: number;
  retryAfterMs: number | undefined;
  /** HTTP 503 by a gateway, which may or may not have passed the request on. */
  unavailable: number;
  /** Half an answer, or a page. */
  garble: number;
  /** Chance that a transaction that was taken arrives once more, a good deal later. */
  repeat: number;
  /** Its answers name slots so much later than they are of. Heights and blockhashes stay true. */
  slotsAhead: number;
  /** Longest time on the way in one direction, milliseconds: what is drawn from it puts requests out of order. */
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

/** What the judge of the run must know of each transaction on its way. */
export interface SendWatcher {
  /** A request that carries it sets out; called before it can have arrived anywhere. */
  departed(wire: string): void;
  /** It has reached a node, or is lost for good. `taken`: the node has it now. */
  arrived(wire: string, taken: boolean): void;
}

export interface SimulatedNetworkOptions {
  readonly clock: SimulationClock;
  readonly draw: Draw;
  readonly life: Life;
  readonly node: LedgerNode;
  readonly conditions: PathConditions;
  readonly watcher: SendWatcher;
}

const LONGEST_REPEAT_MS = 40_000;

/** JSON-RPC to one node, over a network that loses, delays, repeats and reorders. What has departed arrives although its sender is dead. */
export function createSimulatedTransport(
  { timeoutMs }: Pick<JsonRpcOptions, 'timeoutMs'>,
  { clock, draw, life, node, conditions, watcher }: SimulatedNetworkOptions,
): JsonRpc {
  let lastId = 0;

  /** Carries the request to the node after `delayMs`; undefined when the answer is lost. */
  async function deliver({ method, params }: RpcRequest, wire: string | undefined, lost: boolean): Promise<RpcReply | undefined> {
    if (wire !== undefined) watcher.departed(wire);
    await clock.sleep(draw.between(1, conditions.latencyMs));
    if (lost) {
      if (wire !== undefined) watcher.arrived(wire, false);
      return undefined;
    }
    lastId += 1;
    const { slotsAhead } = conditions;
    const request = JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params }, (name, value) =>
      shifted(name, value, DEMANDS, -slotsAhead),
    );
    const reply = readAnswer(node.call(request), slotsAhead);
    if (wire !== undefined) watcher.arrived(wire, reply.kind === 'result');
    return reply;
  }

  async function repeatLater(request: RpcRequest, wire: string): Promise<void> {
    watcher.departed(wire);
    await clock.sleep(draw.between(100, LONGEST_REPEAT_MS));
    await deliver(request, wire, false);
    watcher.arrived(wire, false);
  }

  async function exchange(request: RpcRequest): Promise<RpcReply> {
    const { down, hangs, loseRequest, loseAnswer, rateLimit, retryAfterMs, unavailable, garble, repeat } = conditions;
    const wire = request.method === 'sendTransaction' && typeof request.params[0] === 'string' ? request.params[0] : undefined;
    if (down) {
      await clock.sleep(draw.between(0, 30));
      return { kind: 'failed', progress: 'waiting', cause: new Error('connect ECONNREFUSED') };
    }
    if (draw.chance(rateLimit)) {
      await clock.sleep(draw.between(1, conditions.latencyMs));
      return { kind: 'http-error', status: 429, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    const isUnavailable = draw.chance(unavailable);
    const isLost = draw.chance(loseRequest) || (isUnavailable && draw.chance(0.5));
    const reply = await deliver(request, wire, isLost);
    // What a node refused nobody repeats; what it took may reach it, or its leader, again.
    if (wire !== undefined && reply?.kind === 'result' && draw.chance(repeat)) void repeatLater(request, wire);
    if (hangs || draw.chance(loseAnswer) || (reply === undefined && !isUnavailable)) return new Promise(() => undefined);
    await clock.sleep(draw.between(1, conditions.latencyMs));
    if (isUnavailable) return { kind: 'http-error', status: 503 };
    if (draw.chance(garble)) return { kind: 'garbled', problem: 'an HTML page' };
    return reply ?? { kind: 'garbled', problem: 'nothing' };
  }

  return {
    async call(request, signal) {
      life.step();
      if (!life.isAlive) return new Promise(() => undefined);
      const answered = exchange(request);
      const untilAborted = (inner: AbortSignal): Promise<RpcReply> =>
        new Promise((resolve, reject) => {
          inner.addEventListener('abort', () => reject(inner.reason), { once: true });
          answered.then(resolve, reject);
        });
      try {
        return await life.hold(withDeadline(timeoutMs, signal, untilAborted, life.clock));
      } catch (cause) {
        return { kind: 'failed', progress: 'offered', cause: cause instanceof Error ? cause : new Error(String(cause)) };
      }
    },
    close: async () => undefined,
  };
}

const DEMANDS: ReadonlySet<string> = new Set(['minContextSlot']);
const SLOTS: ReadonlySet<string> = new Set(['slot', 'absoluteSlot']);

/** What JSON makes of a member: slots are moved, all else stays. */
function shifted(name: string, value: unknown, names: ReadonlySet<string>, slots: number): unknown {
  return typeof value === 'number' && names.has(name) ? Math.max(0, value + slots) : value;
}

function readAnswer(text: string, slotsAhead: number): RpcReply {
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
