import { type Address, addressOf, type Ipv4 } from '../../serviceability/index.ts';
import type { Draw } from './draw.ts';
import type { SimulationClock } from './simulation-clock.ts';
import type { World } from './world.ts';

/** Something that happens to users, to the ledger's accounts, to clocks, or to the agent. */
export interface Happening {
  readonly name: string;
  readonly weight: number;
  /** Tells what it did; undefined when there was nothing to do it to. */
  happen(): string | undefined;
}

export interface HappeningOptions {
  readonly world: World;
  readonly draw: Draw;
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

const HOUR = 3_600_000;
const STRANGER = addressOf(new Uint8Array(32).fill(9));

export function happeningsOf(options: HappeningOptions): readonly Happening[] {
  return [...sessionHappenings(options), ...accountHappenings(options), ...agentHappenings(options), ...ledgerHappenings(options)];
}

function sessionHappenings({ world, draw, later, onSwitchClockMoved, clock }: HappeningOptions): readonly Happening[] {
  const some = (truth: 'up' | 'down'): Address | undefined =>
    draw.one([...world.users().keys()].filter((user) => world.truthOf(user) === truth));
  const flap = (lowMs: number, highMs: number) => () => {
    const user = some('up');
    if (user === undefined) return undefined;
    const ms = draw.between(lowMs, highMs);
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
        later(draw.between(100, 4_000), () => world.disconnect(user));
        return world.nameOf(user);
      },
    },
    {
      name: 'everybody drops',
      weight: 1,
      happen() {
        for (const user of world.users().keys()) if (world.truthOf(user) === 'up' && draw.chance(0.9)) world.disconnect(user);
        return '';
      },
    },
    {
      name: 'everybody connects',
      weight: 2,
      happen() {
        for (const user of world.users().keys()) if (world.truthOf(user) === 'down' && draw.chance(0.9)) world.connect(user);
        return '';
      },
    },
    {
      name: 'the switch reboots',
      weight: 1,
      happen() {
        const were = [...world.users().keys()].filter((user) => world.truthOf(user) === 'up');
        world.reboot();
        later(draw.between(5_000, 60_000), () => {
          for (const user of were) if (draw.chance(0.9)) world.connect(user);
        });
        return '';
      },
    },
    {
      name: "the switch's clock jumps",
      weight: 1,
      happen() {
        const ms = draw.between(-HOUR, HOUR);
        world.sim.setClockSkew(ms);
        onSwitchClockMoved();
        return `${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the wall clock jumps',
      weight: 1,
      happen() {
        const ms = draw.between(-HOUR, HOUR);
        clock.jumpWall(ms);
        onSwitchClockMoved();
        return `${Math.round(ms)} ms`;
      },
    },
  ];
}

function accountHappenings({ world, draw, later, onDisturbed }: HappeningOptions): readonly Happening[] {
  const gone: Ipv4[] = [];
  const anyone = (): Address | undefined => draw.one([...world.users().keys()]);
  /** The controller is not always there at once. */
  const pushSoon = (): void => (draw.chance(0.5) ? world.push() : later(draw.between(0, 20_000), world.push));
  const create = (clientIp: Ipv4 | undefined): Address => {
    const user = world.createUser(clientIp);
    onDisturbed();
    pushSoon();
    if (draw.chance(0.6)) later(draw.between(0, 30_000), () => world.connect(user));
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
        if (draw.chance(0.3)) create(undefined);
        later(draw.between(0, 8_000), () => create(clientIp));
        return world.nameOf(user);
      },
    },
    {
      name: 'is banned',
      weight: 1,
      happen() {
        const user = draw.one([...world.users().keys()].filter((candidate) => world.truthOf(candidate) !== undefined));
        if (user === undefined) return undefined;
        world.banUser(user);
        onDisturbed();
        pushSoon();
        return world.nameOf(user);
      },
    },
  ];
}

function agentHappenings({ draw, lightFuse, restartAgent }: HappeningOptions): readonly Happening[] {
  return [
    {
      name: 'the agent is killed',
      weight: 3,
      happen() {
        const steps = draw.whole(1, 80);
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

function ledgerHappenings({ world, draw, later, onDisturbed }: HappeningOptions): readonly Happening[] {
  return [
    {
      name: 'a fork',
      weight: 2,
      happen() {
        const [blocks, requeue] = [draw.whole(1, 12), draw.chance(0.5)];
        world.ledger.bank.rollBack(blocks, { requeue });
        onDisturbed();
        return `${blocks} blocks, ${requeue ? 'their transactions wait again' : 'their transactions are lost'}`;
      },
    },
    {
      name: 'the publisher is changed',
      weight: 1,
      happen() {
        world.setPublisher(STRANGER);
        const ms = draw.between(200, 90_000);
        later(ms, () => world.setPublisher(world.signer.address));
        return `for ${Math.round(ms)} ms`;
      },
    },
    {
      name: 'the funds are gone',
      weight: 1,
      happen() {
        world.setFunds(0);
        const ms = draw.between(1_000, 120_000);
        later(ms, () => world.setFunds(10));
        return `for ${Math.round(ms)} ms`;
      },
    },
  ];
}
