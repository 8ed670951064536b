import type { Address } from '../../serviceability/index.ts';
import type { Happening, HappeningOptions } from './happening.ts';

const HOUR = 3_600_000;

/** What users' sessions, the switch and the clocks do. */
export function sessionHappenings({ world, draw, later, onSwitchClockMoved, clock }: HappeningOptions): readonly Happening[] {
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
