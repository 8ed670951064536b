import type { Neighbor, NeighborKey, NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import { neighborKeyText, type SwitchSource } from '../../collector/index.ts';
import { AgentError, epochMs, monotonicMs } from '../../lib/index.ts';
import { type Nanoseconds, nanoseconds } from '../../serviceability/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../dzd/index.ts';
import type { Draw } from './draw.ts';
import type { Life } from './life.ts';

/** How the switch answers one of its readers now. Changed while it runs; read at each poll. */
export interface SourceConditions {
  /** Nobody answers at the address. */
  unreachable: boolean;
  /** Requests are taken and never answered. */
  hangs: boolean;
  /** Added to each answer, milliseconds. */
  slowMs: number;
  /** VRFs that can't be read. */
  failingVrfs: ReadonlySet<VrfName>;
  /** VRFs that the answer leaves out as though they did not exist. */
  missingVrfs: ReadonlySet<VrfName>;
  /** All VRFs, and not one neighbor: an agent of the switch that restarts. */
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

/** What a poll was given, and when that was true. */
export interface Poll {
  readonly at: number;
  readonly snapshot: NeighborSnapshot;
}

export interface SimulatedSourceOptions {
  readonly name: string;
  readonly sim: SimulatedSwitch;
  readonly life: Life;
  readonly draw: Draw;
  readonly conditions: SourceConditions;
  /** Tells states only: neither since when, nor how often (as the sockets source does). */
  readonly blind: boolean;
  readonly onPoll: (poll: Poll) => void;
}

/** Longest that a source of this kind waits for the switch. */
const TIMEOUT_MS = 8_000;
const MICROSECOND_NS = 1_000;

/** A reader of the simulated switch without protocol and sockets; those have tests of their own. */
export function createSimulatedSource(options: SimulatedSourceOptions): SwitchSource {
  const { name, sim, life, draw, conditions, onPoll } = options;
  const fail = (problem: string): AgentError => new AgentError('SWITCH__SOURCE_FAILED', { source: name, problem });

  async function exchange<T>(answer: () => T, signal: AbortSignal): Promise<T> {
    if (conditions.unreachable) {
      await life.clock.sleep(draw.between(0, 20), signal);
      throw fail('connection refused');
    }
    if (conditions.hangs || conditions.slowMs > TIMEOUT_MS) {
      await life.clock.sleep(TIMEOUT_MS, signal);
      throw fail('no answer in time');
    }
    const answersInTheMiddle = conditions.slowMs * draw.random();
    await life.clock.sleep(draw.between(1, 40) + answersInTheMiddle, signal);
    const value = answer();
    await life.clock.sleep(draw.between(1, 40) + conditions.slowMs - answersInTheMiddle, signal);
    return value;
  }

  return {
    name,
    async collect(signal) {
      const takenAt = life.clock.monotonic();
      const { at, vrfs } = await exchange(() => ({ at: life.clock.monotonic(), vrfs: readVrfs(options) }), signal);
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
      ...(blind ? {} : { switchTime: sim.now() }),
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
    ...(description === undefined || withoutDescriptions ? {} : { description }),
    ...(blind ? {} : { changedAt: epochMs(changedAt), establishedTransitions }),
  };
}
