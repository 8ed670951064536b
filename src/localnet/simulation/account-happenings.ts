import type { Address, Ipv4 } from '../../serviceability/index.ts';
import type { Happening, HappeningOptions } from './happening.ts';

/** What becomes of users' accounts, and so of their tunnels. */
export function accountHappenings({ world, draw, later, onDisturbed }: HappeningOptions): readonly Happening[] {
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
