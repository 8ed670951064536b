import type { FaultPatch, LedgerFaults, LedgerNode } from '../ledger/index.ts';
import type { Draw } from './draw.ts';
import { healthyPath, type PathConditions } from './simulated-network.ts';
import { healthySource, type SourceConditions } from './simulated-source.ts';
import type { World } from './world.ts';

/** Something that goes wrong for a while. */
export interface Trouble {
  readonly name: string;
  readonly weight: number;
  /** How long it lasts, milliseconds. */
  readonly lasts: readonly [number, number];
  /** How much longer than else the ledger may then take to come right, milliseconds. */
  readonly delaysMs?: number;
  begin(): string;
  end(): void;
}

export interface NodeOnPath {
  readonly node: LedgerNode;
  readonly path: PathConditions;
}

export interface TroubleOptions {
  readonly world: World;
  readonly draw: Draw;
  readonly nodes: readonly NodeOnPath[];
  readonly sources: readonly SourceConditions[];
}

const SECOND = 1_000;
const MINUTE = 60_000;
/** Slots below those that were read are believed after so long. */
export const SET_BACK_PATIENCE_MS = 120_000;

/** Every trouble that this world knows. Each sets its own conditions and takes back what it set. */
export function troublesOf({ world, draw, nodes, sources }: TroubleOptions): readonly Trouble[] {
  return [
    ...nodes.flatMap((node, n) => nodeTroubles(node, n, draw)),
    ...sources.flatMap((source, n) => sourceTroubles(source, n, draw, world)),
    ...chainTroubles(world.ledger.faults, draw),
  ];
}

type MakeTrouble<C> = (name: string, weight: number, lasts: Trouble['lasts'], draws: () => Partial<C>) => Trouble;

/** Troubles that change some of a part's conditions, and make just those healthy again. */
function troublesOfConditions<C extends object>(part: string, conditions: C, healthy: C): MakeTrouble<C> {
  return (name, weight, lasts, draws) => {
    const touched = new Set(Object.keys(draws()));
    const cure = Object.fromEntries(Object.entries(healthy).filter(([key]) => touched.has(key)));
    return {
      name: `${part} ${name}`,
      weight,
      lasts,
      begin() {
        const set = draws();
        Object.assign(conditions, set);
        return JSON.stringify(set, (_, value) => (value instanceof Set ? [...value] : value));
      },
      end: () => Object.assign(conditions, cure),
    };
  };
}

type MakeFault = (name: string, weight: number, lasts: Trouble['lasts'], draws: () => FaultPatch, cure: FaultPatch) => Trouble;

/** Troubles among the faults of a ledger's chain, or of one node. */
function troublesOfFaults(part: string, faults: LedgerFaults): MakeFault {
  return (name, weight, lasts, draws, cure) => ({
    name: `${part} ${name}`,
    weight,
    lasts,
    begin() {
      const set = draws();
      faults.set(set);
      return JSON.stringify(set);
    },
    end: () => faults.set(cure),
  });
}

function nodeTroubles({ node, path }: NodeOnPath, number: number, draw: Draw): readonly Trouble[] {
  const onPath = troublesOfConditions(`node ${number}`, path, healthyPath());
  const onNode = troublesOfFaults(`node ${number}`, node.faults);
  return [
    onPath('is down', 3, [SECOND, 8 * MINUTE], () => ({ down: true })),
    onPath('hangs', 2, [SECOND, MINUTE], () => ({ hangs: true })),
    onPath('loses requests', 3, [5 * SECOND, 2 * MINUTE], () => ({ loseRequest: draw.between(0.05, 0.6) })),
    onPath('loses answers', 3, [5 * SECOND, 2 * MINUTE], () => ({ loseAnswer: draw.between(0.05, 0.6) })),
    onPath('limits the rate', 3, [5 * SECOND, 2 * MINUTE], () => ({
      rateLimit: draw.between(0.1, 1),
      retryAfterMs: draw.chance(0.5) ? draw.whole(1, 20) * SECOND : undefined,
    })),
    onPath('is unavailable', 3, [5 * SECOND, 2 * MINUTE], () => ({ unavailable: draw.between(0.1, 1) })),
    onPath('garbles', 1, [5 * SECOND, MINUTE], () => ({ garble: draw.between(0.1, 1) })),
    onPath('repeats', 2, [5 * SECOND, 3 * MINUTE], () => ({ repeat: draw.between(0.1, 0.8) })),
    onPath('is slow and reorders', 3, [5 * SECOND, 3 * MINUTE], () => ({ latencyMs: draw.between(200, 9 * SECOND) })),
    {
      ...onPath('names slots far ahead', 2, [SECOND, 5 * MINUTE], () => ({ slotsAhead: Math.round(10 ** draw.between(2, 9)) })),
      delaysMs: SET_BACK_PATIENCE_MS,
    },
    onNode('lags', 3, [5 * SECOND, 3 * MINUTE], () => ({ lagSlots: draw.whole(1, 140) }), { lagSlots: 0 }),
    onNode('is unhealthy', 1, [5 * SECOND, MINUTE], () => ({ unhealthy: true }), { unhealthy: false }),
    onNode('drops transactions', 4, [5 * SECOND, 3 * MINUTE], () => ({ dropProbability: draw.between(0.1, 1) }), { dropProbability: 0 }),
    onNode('duplicates transactions', 2, [5 * SECOND, 3 * MINUTE], () => ({ duplicateProbability: draw.between(0.2, 1) }), {
      duplicateProbability: 0,
    }),
    onNode('delays transactions', 3, [5 * SECOND, 3 * MINUTE], () => ({ delaySlots: draw.whole(1, 160) }), { delaySlots: 0 }),
  ];
}

function chainTroubles(faults: LedgerFaults, draw: Draw): readonly Trouble[] {
  const onChain = troublesOfFaults('the chain', faults);
  return [
    onChain('stands still', 1, [SECOND, 3 * MINUTE], () => ({ frozen: true }), { frozen: false }),
    onChain('skips slots', 2, [5 * SECOND, 2 * MINUTE], () => ({ skipSlotProbability: draw.between(0.1, 0.8) }), {
      skipSlotProbability: 0,
    }),
    onChain('forgets blockhashes early', 2, [5 * SECOND, 2 * MINUTE], () => ({ blockhashLifetime: draw.whole(0, 100) }), {
      blockhashLifetime: 150,
    }),
  ];
}

function sourceTroubles(source: SourceConditions, number: number, draw: Draw, world: World): readonly Trouble[] {
  const onSource = troublesOfConditions(`source ${number}`, source, healthySource());
  const someVrfs = () => new Set(world.sim.vrfs().filter(() => draw.chance(0.5)));
  return [
    onSource('is unreachable', 3, [SECOND, 2 * MINUTE], () => ({ unreachable: true })),
    onSource('hangs', 2, [SECOND, MINUTE], () => ({ hangs: true })),
    onSource('is slow', 2, [5 * SECOND, 2 * MINUTE], () => ({ slowMs: draw.between(500, 9 * SECOND) })),
    onSource('fails in part', 3, [5 * SECOND, 2 * MINUTE], () => ({ failingVrfs: someVrfs() })),
    onSource('misses VRFs', 3, [5 * SECOND, 2 * MINUTE], () => ({ missingVrfs: someVrfs() })),
    onSource('shows nobody', 2, [5 * SECOND, MINUTE], () => ({ empty: true })),
    onSource('shows no descriptions', 1, [5 * SECOND, 2 * MINUTE], () => ({ withoutDescriptions: true })),
  ];
}
