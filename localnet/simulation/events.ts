import { type Address, addressOf, type Ipv4 } from '../../src/serviceability/index.ts';
import type { FaultPatch, LedgerFaults, LedgerNode } from '../ledger/index.ts';
import { healthyPath, healthySource, type PathConditions, type SourceConditions } from './network.ts';
import type { Prng } from './plan.ts';
import type { SimulationClock, World } from './world.ts';

/** Something that happens to users, to the ledger's accounts, to clocks, or to the agent. */
export interface SimulationEvent {
  readonly name: string;
  readonly weight: number;
  /** How much longer than else the ledger may then take to come right, milliseconds. */
  readonly delaysMs?: number;
  /** Tells what it did; undefined when there was nothing to do it to. */
  happen(): string | undefined;
}

interface HappeningOptions {
  readonly world: World;
  readonly prng: Prng;
  readonly clock: SimulationClock;
  /** Runs after `ms` milliseconds, also when the run has calmed down by then. */
  readonly later: (ms: number, act: () => void) => void;
  /** A record may now differ from what its last writer knew. */
  readonly onDisturbed: () => void;
  readonly onSwitchClockMoved: () => void;
  /** The agent dies at its so many-th step from now. */
  readonly lightFuse: (steps: number) => void;
  readonly restartAgent: () => void;
}

/** What becomes of users' accounts, and so of their tunnels. */
function accountHappenings({ world, prng, later, onDisturbed }: HappeningOptions): readonly SimulationEvent[] {
  const gone: Ipv4[] = [];
  const anyone = (): Address | undefined => prng.one([...world.users().keys()]);
  /** The controller is not always there at once. */
  const pushSoon = (): void => (prng.chance(0.5) ? world.push() : later(prng.between(0, 20_000), world.push));
  const create = (clientIp: Ipv4 | undefined): Address => {
    const user = world.createUser(clientIp);
    onDisturbed();
    pushSoon();
    if (prng.chance(0.6)) later(prng.between(0, 30_000), () => world.connect(user));
    return user;
  };
  return [
    {
      name: 'is deleted',
      weight: 2,
      happen() {
        const user = anyone();
        if (user === undefined || world.users().size < 3) return undefined;
        const clientIp = world.deleteUser(user);
        if (clientIp !== undefined) gone.push(clientIp);
        onDisturbed();
        pushSoon();
        return world.nameOf(user);
      },
    },
    { name: 'is created', weight: 2, happen: () => (world.users().size > 40 ? undefined : world.nameOf(create(undefined))) },
    {
      name: 'returns at the same address',
      weight: 2,
      happen() {
        const clientIp = gone.shift();
        return clientIp === undefined ? undefined : world.nameOf(create(clientIp));
      },
    },
    {
      name: 'is deleted and created again',
      weight: 2,
      happen() {
        const user = anyone();
        const clientIp = user === undefined ? undefined : world.deleteUser(user);
        if (user === undefined || clientIp === undefined) return undefined;
        onDisturbed();
        // What takes the tunnel meanwhile is another user.
        if (prng.chance(0.3)) create(undefined);
        later(prng.between(0, 8_000), () => create(clientIp));
        return world.nameOf(user);
      },
    },
    {
      name: 'is banned',
      weight: 1,
      happen() {
        const user = prng.one([...world.users().keys()].filter((candidate) => world.truthOf(candidate) !== undefined));
        if (user === undefined) return undefined;
        world.banUser(user);
        onDisturbed();
        pushSoon();
        return world.nameOf(user);
      },
    },
  ];
}

const HOUR = 3_600_000;

/** What users' sessions, the switch and the clocks do. */
function sessionHappenings({ world, prng, later, onSwitchClockMoved, clock }: HappeningOptions): readonly SimulationEvent[] {
  const some = (truth: 'up' | 'down'): Address | undefined =>
    prng.one([...world.users().keys()].filter((user) => world.truthOf(user) === truth));
  const flap = (lowMs: number, highMs: number) => () => {
    const user = some('up');
    if (user === undefined) return undefined;
    const ms = prng.between(lowMs, highMs);
    world.disconnect(user);
    later(ms, () => world.connect(user));
    return `${world.nameOf(user)} for ${Math.round(ms)} ms`;
  };
  return [
    {
      name: 'connects',
      weight: 10,
      happen() {
        const user = some('down');
        if (user === undefined) return undefined;
        world.connect(user);
        return world.nameOf(user);
      },
    },
    {
      name: 'drops',
      weight: 6,
      happen() {
        const user = some('up');
        if (user === undefined) return undefined;
        world.disconnect(user);
        return world.nameOf(user);
      },
    },
    { name: 'flaps between two polls', weight: 4, happen: flap(100, 3_000) },
    { name: 'flaps', weight: 4, happen: flap(3_000, 20_000) },
    {
      name: 'is up for a moment only',
      weight: 2,
      happen() {
        const user = some('down');
        if (user === undefined) return undefined;
        world.connect(user);
        later(prng.between(100, 4_000), () => world.disconnect(user));
        return world.nameOf(user);
      },
    },
    {
      name: 'everybody drops',
      weight: 1,
      happen() {
        for (const user of world.users().keys()) if (world.truthOf(user) === 'up' && prng.chance(0.9)) world.disconnect(user);
        return '';
      },
    },
    {
      name: 'everybody connects',
      weight: 2,
      happen() {
        for (const user of world.users().keys()) if (world.truthOf(user) === 'down' && prng.chance(0.9)) world.connect(user);
        return '';
      },
    },
    {
      name: 'the switch reboots',
      weight: 1,
      happen() {
        const were = [...world.users().keys()].filter((user) => world.truthOf(user) === 'up');
        world.reboot();
        later(prng.between(5_000, 60_000), () => {
          for (const user of were) if (prng.chance(0.9)) world.connect(user);
        });
        return '';
      },
    },
    {
      name: "the switch's clock jumps",
      weight: 1,
      happen() {
        const ms = prng.between(-HOUR, HOUR);
        world.sim.setClockSkew(ms);
        onSwitchClockMoved();
        return `${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the wall clock jumps',
      weight: 1,
      happen() {
        const ms = prng.between(-HOUR, HOUR);
        clock.jumpWall(ms);
        onSwitchClockMoved();
        return `${Math.round(ms)} ms`;
      },
    },
  ];
}

/** Something that goes wrong for a while. */
export interface SimulationFault {
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

interface TroubleOptions {
  readonly world: World;
  readonly prng: Prng;
  readonly nodes: readonly NodeOnPath[];
  readonly sources: readonly SourceConditions[];
}

const SECOND = 1_000;
const MINUTE = 60_000;
/** Slots below those that were read are believed after so long. */
const SET_BACK_PATIENCE_MS = 120_000;

/** Every trouble that this world knows. Each sets its own conditions and takes back what it set. */
export function faultsOf({ world, prng, nodes, sources }: TroubleOptions): readonly SimulationFault[] {
  return [
    ...nodes.flatMap((node, n) => nodeTroubles(node, n, prng)),
    ...sources.flatMap((source, n) => sourceTroubles(source, n, prng, world)),
    ...chainTroubles(world.ledger.faults, prng),
  ];
}

type MakeTrouble<C> = (name: string, weight: number, lasts: SimulationFault['lasts'], draw: () => Partial<C>) => SimulationFault;

/** Troubles that change some of a part's conditions, and make just those healthy again. */
function troublesOfConditions<C extends object>(part: string, conditions: C, healthy: C): MakeTrouble<C> {
  return (name, weight, lasts, draw) => {
    const touched = new Set(Object.keys(draw()));
    const cure = Object.fromEntries(Object.entries(healthy).filter(([key]) => touched.has(key)));
    return {
      name: `${part} ${name}`,
      weight,
      lasts,
      begin() {
        const set = draw();
        Object.assign(conditions, set);
        return JSON.stringify(set, (_, value) => (value instanceof Set ? [...value] : value));
      },
      end: () => Object.assign(conditions, cure),
    };
  };
}

type MakeFault = (
  name: string,
  weight: number,
  lasts: SimulationFault['lasts'],
  draw: () => FaultPatch,
  cure: FaultPatch,
) => SimulationFault;

/** Troubles among the faults of a ledger's chain, or of one node. */
function troublesOfFaults(part: string, faults: LedgerFaults): MakeFault {
  return (name, weight, lasts, draw, cure) => ({
    name: `${part} ${name}`,
    weight,
    lasts,
    begin() {
      const set = draw();
      faults.set(set);
      return JSON.stringify(set);
    },
    end: () => faults.set(cure),
  });
}

function nodeTroubles({ node, path }: NodeOnPath, number: number, prng: Prng): readonly SimulationFault[] {
  const onPath = troublesOfConditions(`node ${number}`, path, healthyPath());
  const onNode = troublesOfFaults(`node ${number}`, node.faults);
  return [
    onPath('is down', 3, [SECOND, 8 * MINUTE], () => ({ down: true })),
    onPath('hangs', 2, [SECOND, MINUTE], () => ({ hangs: true })),
    onPath('loses requests', 3, [5 * SECOND, 2 * MINUTE], () => ({ loseRequest: prng.between(0.05, 0.6) })),
    onPath('loses answers', 3, [5 * SECOND, 2 * MINUTE], () => ({ loseAnswer: prng.between(0.05, 0.6) })),
    onPath('limits the rate', 3, [5 * SECOND, 2 * MINUTE], () => ({
      rateLimit: prng.between(0.1, 1),
      retryAfterMs: prng.chance(0.5) ? prng.whole(1, 20) * SECOND : undefined,
    })),
    onPath('is unavailable', 3, [5 * SECOND, 2 * MINUTE], () => ({ unavailable: prng.between(0.1, 1) })),
    onPath('garbles', 1, [5 * SECOND, MINUTE], () => ({ garble: prng.between(0.1, 1) })),
    onPath('repeats', 2, [5 * SECOND, 3 * MINUTE], () => ({ repeat: prng.between(0.1, 0.8) })),
    onPath('is slow and reorders', 3, [5 * SECOND, 3 * MINUTE], () => ({ latencyMs: prng.between(200, 9 * SECOND) })),
    {
      ...onPath('names slots far ahead', 2, [SECOND, 5 * MINUTE], () => ({ slotsAhead: Math.round(10 ** prng.between(2, 9)) })),
      delaysMs: SET_BACK_PATIENCE_MS,
    },
    onNode('lags', 3, [5 * SECOND, 3 * MINUTE], () => ({ lagSlots: prng.whole(1, 140) }), { lagSlots: 0 }),
    onNode('is unhealthy', 1, [5 * SECOND, MINUTE], () => ({ unhealthy: true }), { unhealthy: false }),
    onNode('drops transactions', 4, [5 * SECOND, 3 * MINUTE], () => ({ dropProbability: prng.between(0.1, 1) }), { dropProbability: 0 }),
    onNode('duplicates transactions', 2, [5 * SECOND, 3 * MINUTE], () => ({ duplicateProbability: prng.between(0.2, 1) }), {
      duplicateProbability: 0,
    }),
    onNode('delays transactions', 3, [5 * SECOND, 3 * MINUTE], () => ({ delaySlots: prng.whole(1, 160) }), { delaySlots: 0 }),
  ];
}

function chainTroubles(faults: LedgerFaults, prng: Prng): readonly SimulationFault[] {
  const onChain = troublesOfFaults('the chain', faults);
  return [
    onChain('stands still', 1, [SECOND, 3 * MINUTE], () => ({ frozen: true }), { frozen: false }),
    onChain('skips slots', 2, [5 * SECOND, 2 * MINUTE], () => ({ skipSlotProbability: prng.between(0.1, 0.8) }), {
      skipSlotProbability: 0,
    }),
    onChain('forgets blockhashes early', 2, [5 * SECOND, 2 * MINUTE], () => ({ blockhashLifetime: prng.whole(0, 100) }), {
      blockhashLifetime: 150,
    }),
  ];
}

function sourceTroubles(source: SourceConditions, number: number, prng: Prng, world: World): readonly SimulationFault[] {
  const onSource = troublesOfConditions(`source ${number}`, source, healthySource());
  const someVrfs = () => new Set(world.sim.vrfs().filter(() => prng.chance(0.5)));
  return [
    onSource('is unreachable', 3, [SECOND, 2 * MINUTE], () => ({ unreachable: true })),
    onSource('hangs', 2, [SECOND, MINUTE], () => ({ hangs: true })),
    onSource('is slow', 2, [5 * SECOND, 2 * MINUTE], () => ({ slowMs: prng.between(500, 9 * SECOND) })),
    onSource('fails in part', 3, [5 * SECOND, 2 * MINUTE], () => ({ failingVrfs: someVrfs() })),
    onSource('misses VRFs', 3, [5 * SECOND, 2 * MINUTE], () => ({ missingVrfs: someVrfs() })),
    onSource('shows nobody', 2, [5 * SECOND, MINUTE], () => ({ empty: true })),
    onSource('shows no descriptions', 1, [5 * SECOND, 2 * MINUTE], () => ({ withoutDescriptions: true })),
  ];
}

const SHALLOWEST_SET_BACK = 20;
const DEEPEST_SET_BACK = 450;
const STRANGER = addressOf(new Uint8Array(32).fill(9));

/** Everything that can happen in this world; what goes wrong for a while is a trouble. */
export function eventsOf(options: HappeningOptions): readonly SimulationEvent[] {
  return [...sessionHappenings(options), ...accountHappenings(options), ...agentHappenings(options), ...ledgerHappenings(options)];
}

function agentHappenings({ prng, lightFuse, restartAgent }: HappeningOptions): readonly SimulationEvent[] {
  return [
    {
      name: 'the agent is killed',
      weight: 3,
      happen() {
        const steps = prng.whole(1, 80);
        lightFuse(steps);
        return `at its step ${steps}`;
      },
    },
    {
      name: 'the agent is restarted',
      weight: 1,
      happen() {
        restartAgent();
        return '';
      },
    },
  ];
}

function ledgerHappenings({ world, prng, later, onDisturbed }: HappeningOptions): readonly SimulationEvent[] {
  return [
    {
      name: 'a fork',
      weight: 2,
      happen() {
        const [blocks, requeue] = [prng.whole(1, 12), prng.chance(0.5)];
        world.ledger.bank.rollBack(blocks, { requeue });
        onDisturbed();
        return `${blocks} blocks, ${requeue ? 'their transactions wait again' : 'their transactions are lost'}`;
      },
    },
    {
      name: 'the ledger is set back',
      weight: 0.3,
      delaysMs: SET_BACK_PATIENCE_MS,
      happen() {
        // The ledger remembers its accounts for 512 slots before the furthest one to which it had come.
        const most = DEEPEST_SET_BACK - world.slotsToCatchUp();
        if (most < SHALLOWEST_SET_BACK) return undefined;
        const slots = world.rollBack(prng.whole(SHALLOWEST_SET_BACK, most));
        onDisturbed();
        return `${slots} slots`;
      },
    },
    {
      name: 'the publisher is changed',
      weight: 1,
      happen() {
        world.setPublisher(STRANGER);
        const ms = prng.between(200, 90_000);
        later(ms, () => world.setPublisher(world.signer.address));
        return `for ${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the funds are gone',
      weight: 1,
      happen() {
        world.setFunds(0);
        const ms = prng.between(1_000, 120_000);
        later(ms, () => world.setFunds(10));
        return `for ${Math.round(ms)} ms`;
      },
    },
  ];
}
