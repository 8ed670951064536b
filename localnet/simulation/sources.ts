import type { Neighbor, NeighborKey, NeighborSnapshot, VrfName, VrfReading } from '../../src/bgp/index.ts';
import { neighborKeyText, type SwitchSource } from '../../src/collector/index.ts';
import { AgentError, epochMs, monotonicMs } from '../../src/lib/index.ts';
import { type Nanoseconds, nanoseconds } from '../../src/serviceability/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../switch/index.ts';
import type { Prng } from './plan.ts';
import type { Incarnation } from './world.ts';

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
