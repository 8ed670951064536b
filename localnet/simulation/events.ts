import { type Address, addressOf, type Ipv4 } from '../../src/serviceability/index.ts';
import type { FaultPatch, LedgerFaults } from '../ledger/index.ts';
import {
  healthyPath,
  LATER_REFUSALS,
  type NodeOnPath,
  type PathConditions,
  READ_REFUSALS,
  SEND_REFUSALS,
  type WrongAnswer,
} from './network.ts';
import type { Prng } from './plan.ts';
import { healthySource, type SourceConditions } from './sources.ts';
import type { SimulationClock, World } from './world.ts';

/** Something that happens to users, ledger accounts, clocks or the agent. */
export interface SimulationEvent {
  readonly name: string;
  readonly weight: number;
  /** Extra time that the ledger may then take to converge, milliseconds. */
  readonly delaysMs?: number;
  /** Returns a description for the trace; undefined when the event did not apply. */
  apply(): string | undefined;
}

interface EventOptions {
  readonly world: World;
  readonly prng: Prng;
  readonly clock: SimulationClock;
  /** Runs `act` after `ms` milliseconds, or when the faults end, whichever is first. */
  readonly later: (ms: number, act: () => void) => void;
  /** Records may now differ from what their last writer knew. */
  readonly onDisturbed: () => void;
  /** Blocks were undone. */
  readonly onFork: () => void;
  readonly onSwitchClockMoved: () => void;
  /** Kills the agent at its `steps`-th step from now. */
  readonly killAfter: (steps: number) => void;
  readonly restartAgent: () => void;
}

/** Events of user accounts, and so of their tunnels. */
function accountEvents({ world, prng, later, onDisturbed }: EventOptions): readonly SimulationEvent[] {
  const gone: Ipv4[] = [];
  const anyUser = (): Address | undefined => prng.one([...world.users().keys()]);
  /** The controller sometimes pushes late. */
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
      apply() {
        const user = anyUser();
        if (user === undefined || world.users().size < 3) return undefined;
        const clientIp = world.deleteUser(user);
        if (clientIp !== undefined) gone.push(clientIp);
        onDisturbed();
        pushSoon();
        return world.nameOf(user);
      },
    },
    { name: 'is created', weight: 2, apply: () => (world.users().size > 40 ? undefined : world.nameOf(create(undefined))) },
    {
      name: 'returns at the same address',
      weight: 2,
      apply() {
        const clientIp = gone.shift();
        return clientIp === undefined ? undefined : world.nameOf(create(clientIp));
      },
    },
    {
      name: 'is deleted and created again',
      weight: 2,
      apply() {
        const user = anyUser();
        const clientIp = user === undefined ? undefined : world.deleteUser(user);
        if (user === undefined || clientIp === undefined) return undefined;
        onDisturbed();
        // Another user may take the tunnel in between.
        if (prng.chance(0.3)) create(undefined);
        later(prng.between(0, 8_000), () => create(clientIp));
        return world.nameOf(user);
      },
    },
    {
      name: 'is banned',
      weight: 1,
      apply() {
        const user = prng.one([...world.users().keys()].filter((candidate) => world.sessionState(candidate) !== undefined));
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

/** Events of sessions, the switch and the clocks. */
function sessionEvents({ world, prng, later, onSwitchClockMoved, clock }: EventOptions): readonly SimulationEvent[] {
  const some = (truth: 'up' | 'down'): Address | undefined =>
    prng.one([...world.users().keys()].filter((user) => world.sessionState(user) === truth));
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
      apply() {
        const user = some('down');
        if (user === undefined) return undefined;
        world.connect(user);
        return world.nameOf(user);
      },
    },
    {
      name: 'drops',
      weight: 6,
      apply() {
        const user = some('up');
        if (user === undefined) return undefined;
        world.disconnect(user);
        return world.nameOf(user);
      },
    },
    { name: 'flaps between two polls', weight: 4, apply: flap(100, 3_000) },
    { name: 'flaps', weight: 4, apply: flap(3_000, 20_000) },
    {
      name: 'is up for a moment only',
      weight: 2,
      apply() {
        const user = some('down');
        if (user === undefined) return undefined;
        world.connect(user);
        later(prng.between(100, 4_000), () => world.disconnect(user));
        return world.nameOf(user);
      },
    },
    {
      name: 'all users drop',
      weight: 1,
      apply() {
        for (const user of world.users().keys()) if (world.sessionState(user) === 'up' && prng.chance(0.9)) world.disconnect(user);
        return '';
      },
    },
    {
      name: 'all users connect',
      weight: 2,
      apply() {
        for (const user of world.users().keys()) if (world.sessionState(user) === 'down' && prng.chance(0.9)) world.connect(user);
        return '';
      },
    },
    {
      name: 'the switch reboots',
      weight: 1,
      apply() {
        const were = [...world.users().keys()].filter((user) => world.sessionState(user) === 'up');
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
      apply() {
        const ms = prng.between(-HOUR, HOUR);
        world.sim.setClockSkew(ms);
        onSwitchClockMoved();
        return `${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the wall clock jumps',
      weight: 1,
      apply() {
        const ms = prng.between(-HOUR, HOUR);
        clock.jumpWall(ms);
        onSwitchClockMoved();
        return `${Math.round(ms)} ms`;
      },
    },
  ];
}

/** A temporary fault. */
export interface SimulationFault {
  readonly name: string;
  readonly weight: number;
  /** Minimum and maximum duration, milliseconds. */
  readonly lasts: readonly [number, number];
  /** Extra time that the ledger may then take to converge, milliseconds. */
  readonly delaysMs?: number;
  begin(): string;
  end(): void;
}

interface FaultOptions {
  readonly world: World;
  readonly prng: Prng;
  readonly nodes: readonly NodeOnPath[];
  readonly sources: readonly SourceConditions[];
}

const SECOND = 1_000;
const MINUTE = 60_000;
export const LONGEST_STANDSTILL_MS = 4 * MINUTE;
/** The agent accepts a rollback after this time. */
const ROLLBACK_GRACE_MS = 120_000;
/** For this long after false slots, other nodes seem to lag. */
const SLOTS_COMPARED_MS = 60_000;

/** Every fault of this world. Each sets its own conditions and resets them at its end. */
export function faultsOf({ world, prng, nodes, sources }: FaultOptions): readonly SimulationFault[] {
  return [
    ...nodes.flatMap((node, n) => [...nodeFaults(node, n, prng), ...sendFaults(node, n, prng)]),
    ...allNodesFaults(nodes, prng),
    // One of several refuses reads: the others serve them.
    ...(nodes.length > 1 ? nodes.flatMap((node, n) => refusalFaults(node, n, prng)) : []),
    ...sources.flatMap((source, n) => sourceFaults(source, n, prng, world)),
    ...chainFaults(world.ledger.faults, prng),
  ];
}

type MakeConditionFault<C> = (name: string, weight: number, lasts: SimulationFault['lasts'], choose: () => Partial<C>) => SimulationFault;

/** Faults that change some conditions of a path or source, and reset exactly those. */
function conditionFaults<C extends object>(part: string, conditions: C, healthy: C): MakeConditionFault<C> {
  return (name, weight, lasts, choose) => {
    const touched = new Set(Object.keys(choose()));
    const reset = Object.fromEntries(Object.entries(healthy).filter(([key]) => touched.has(key)));
    return {
      name: `${part} ${name}`,
      weight,
      lasts,
      begin() {
        const set = choose();
        Object.assign(conditions, set);
        return JSON.stringify(set, (_, value) => (value instanceof Set ? [...value] : value));
      },
      end: () => Object.assign(conditions, reset),
    };
  };
}

type MakeFault = (
  name: string,
  weight: number,
  lasts: SimulationFault['lasts'],
  choose: () => FaultPatch,
  reset: FaultPatch,
) => SimulationFault;

/** Faults of the chain, or of one node of the ledger. */
function endpointFaults(part: string, faults: LedgerFaults): MakeFault {
  return (name, weight, lasts, choose, reset) => ({
    name: `${part} ${name}`,
    weight,
    lasts,
    begin() {
      const set = choose();
      faults.set(set);
      return JSON.stringify(set);
    },
    end: () => faults.set(reset),
  });
}

function nodeFaults({ node, path }: NodeOnPath, number: number, prng: Prng): readonly SimulationFault[] {
  const onPath = conditionFaults(`node ${number}`, path, healthyPath());
  const onNode = endpointFaults(`node ${number}`, node.faults);
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
      delaysMs: SLOTS_COMPARED_MS + ROLLBACK_GRACE_MS,
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

/** Transactions that land late, or whose answer does not say that they were forwarded. */
function sendFaults({ path }: NodeOnPath, number: number, prng: Prng): readonly SimulationFault[] {
  const onPath = conditionFaults(`node ${number}`, path, healthyPath());
  return [
    onPath('cuts connections', 3, [5 * SECOND, 2 * MINUTE], () => ({ cut: prng.between(0.1, 0.8) })),
    onPath('forwards transactions and answers with an error', 3, [5 * SECOND, 2 * MINUTE], () => ({ misreport: prng.between(0.2, 1) })),
    onPath('refuses transactions', 2, [5 * SECOND, 2 * MINUTE], () => ({ refusal: refusalOf(prng, SEND_REFUSALS, ['sendTransaction']) })),
  ];
}

const READS = [
  'getProgramAccounts',
  'getLatestBlockhash',
  'getSignatureStatuses',
  'getEpochInfo',
  'getMultipleAccounts',
  'getBalance',
  'simulateTransaction',
];

type Refusal = NonNullable<PathConditions['refusal']>;

function refusalOf(prng: Prng, answers: readonly WrongAnswer[], methods: readonly string[]): Refusal {
  const answer = prng.one(answers);
  if (answer === undefined) throw new Error('there is nothing to answer');
  return { answer, methods: new Set(methods) };
}

/** All reads, or those of one method, are refused with one wrong answer. */
export function readRefusal(prng: Prng): Refusal {
  return refusalOf(prng, READ_REFUSALS, prng.chance(0.5) ? READS : [READS[prng.whole(0, READS.length - 1)] ?? '']);
}

/** The ways in which one node of several refuses reads: all methods, or one of them. */
function refusalFaults({ path }: NodeOnPath, number: number, prng: Prng): readonly SimulationFault[] {
  const onPath = conditionFaults(`node ${number}`, path, healthyPath());
  const refuse = (methods: readonly string[]) => () => ({ refusal: refusalOf(prng, READ_REFUSALS, methods) });
  return [
    onPath('refuses reads', 2, [5 * SECOND, 4 * MINUTE], refuse(READS)),
    ...READS.map((method) => onPath(`refuses ${method}`, 1, [5 * SECOND, 4 * MINUTE], refuse([method]))),
  ];
}

/** Faults that all nodes have at once. */
function allNodesFaults(nodes: readonly NodeOnPath[], prng: Prng): readonly SimulationFault[] {
  const healthy = healthyPath();
  return [
    {
      name: 'transactions are taken, cut and land late',
      weight: 4,
      lasts: [10 * SECOND, 3 * MINUTE],
      begin() {
        const takeLate = prng.between(0.2, 1);
        const laterAnswers = [0, 1, 2].flatMap(() => prng.one(LATER_REFUSALS) ?? []);
        const taker = prng.whole(0, nodes.length - 1);
        for (const [n, { path }] of nodes.entries()) {
          path.takeLate = n === taker || prng.chance(0.3) ? takeLate : 0;
          path.laterAnswers = prng.chance(0.8) ? laterAnswers : [];
        }
        return `at node ${taker} ${takeLate.toFixed(2)}, later attempts: ${laterAnswers.map(({ name }) => name).join(', ')}`;
      },
      end() {
        for (const { path } of nodes) Object.assign(path, { takeLate: healthy.takeLate, laterAnswers: healthy.laterAnswers });
      },
    },
    {
      name: 'no node serves one method',
      weight: 2,
      lasts: [30 * SECOND, 4 * MINUTE],
      begin() {
        const method = prng.one([...READS, 'sendTransaction']) ?? 'sendTransaction';
        const refusal = refusalOf(prng, method === 'sendTransaction' ? SEND_REFUSALS : READ_REFUSALS, [method]);
        for (const { path } of nodes) path.refusal = refusal;
        return `${method}: ${refusal.answer.name}`;
      },
      end() {
        for (const { path } of nodes) path.refusal = undefined;
      },
    },
    {
      name: 'every transaction is dropped',
      weight: 2,
      lasts: [30 * SECOND, 4 * MINUTE],
      begin() {
        for (const { node } of nodes) node.faults.set({ dropProbability: 1 });
        return '';
      },
      end() {
        for (const { node } of nodes) node.faults.set({ dropProbability: 0 });
      },
    },
  ];
}

function chainFaults(faults: LedgerFaults, prng: Prng): readonly SimulationFault[] {
  const onChain = endpointFaults('the chain', faults);
  return [
    onChain('stands still', 2, [SECOND, LONGEST_STANDSTILL_MS], () => ({ frozen: true }), { frozen: false }),
    onChain('skips slots', 2, [5 * SECOND, 2 * MINUTE], () => ({ skipSlotProbability: prng.between(0.1, 0.8) }), {
      skipSlotProbability: 0,
    }),
    onChain('forgets blockhashes early', 2, [5 * SECOND, 2 * MINUTE], () => ({ blockhashLifetime: prng.whole(0, 100) }), {
      blockhashLifetime: 150,
    }),
  ];
}

function sourceFaults(source: SourceConditions, number: number, prng: Prng, world: World): readonly SimulationFault[] {
  const onSource = conditionFaults(`source ${number}`, source, healthySource());
  const someVrfs = () => new Set(world.sim.vrfs().filter(() => prng.chance(0.5)));
  return [
    onSource('is unreachable', 3, [SECOND, 2 * MINUTE], () => ({ unreachable: true })),
    onSource('hangs', 2, [SECOND, MINUTE], () => ({ hangs: true })),
    onSource('is slow', 2, [5 * SECOND, 2 * MINUTE], () => ({ slowMs: prng.between(500, 9 * SECOND) })),
    onSource('fails in part', 3, [5 * SECOND, 2 * MINUTE], () => ({ failingVrfs: someVrfs() })),
    onSource('misses VRFs', 3, [5 * SECOND, 2 * MINUTE], () => ({ missingVrfs: someVrfs() })),
    onSource('shows no neighbors', 2, [5 * SECOND, MINUTE], () => ({ empty: true })),
    onSource('shows no descriptions', 1, [5 * SECOND, 2 * MINUTE], () => ({ withoutDescriptions: true })),
  ];
}

const MIN_ROLLBACK_SLOTS = 20;
const MAX_ROLLBACK_SLOTS = 450;
const OTHER_PUBLISHER = addressOf(new Uint8Array(32).fill(9));

/** Every event of this world; temporary problems are faults (faultsOf). */
export function eventsOf(options: EventOptions): readonly SimulationEvent[] {
  return [...sessionEvents(options), ...accountEvents(options), ...agentEvents(options), ...ledgerEvents(options)];
}

function agentEvents({ prng, killAfter, restartAgent }: EventOptions): readonly SimulationEvent[] {
  return [
    {
      name: 'the agent is killed',
      weight: 3,
      apply() {
        const steps = prng.whole(1, 80);
        killAfter(steps);
        return `at its step ${steps}`;
      },
    },
    {
      name: 'the agent is restarted',
      weight: 1,
      apply() {
        restartAgent();
        return '';
      },
    },
  ];
}

function ledgerEvents({ world, prng, later, onDisturbed, onFork }: EventOptions): readonly SimulationEvent[] {
  return [
    {
      name: 'a fork',
      weight: 2,
      apply() {
        const [blocks, requeue] = [prng.whole(1, 12), prng.chance(0.5)];
        world.ledger.bank.rollBack(blocks, { requeue });
        onDisturbed();
        onFork();
        return `${blocks} blocks, their transactions ${requeue ? 'wait again' : 'are lost'}`;
      },
    },
    {
      name: 'the ledger rolls back',
      weight: 0.3,
      delaysMs: ROLLBACK_GRACE_MS,
      apply() {
        // The ledger keeps accounts for 512 slots before its highest slot.
        const most = MAX_ROLLBACK_SLOTS - world.slotsToCatchUp();
        if (most < MIN_ROLLBACK_SLOTS) return undefined;
        const slots = world.rollBack(prng.whole(MIN_ROLLBACK_SLOTS, most));
        onDisturbed();
        return `${slots} slots`;
      },
    },
    {
      name: 'the publisher is changed',
      weight: 1,
      apply() {
        world.setPublisher(OTHER_PUBLISHER);
        const ms = prng.between(200, 90_000);
        later(ms, () => world.setPublisher(world.signer.address));
        return `for ${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the funds are gone',
      weight: 1,
      apply() {
        world.setFunds(0);
        const ms = prng.between(1_000, 120_000);
        later(ms, () => world.setFunds(10));
        return `for ${Math.round(ms)} ms`;
      },
    },
  ];
}
