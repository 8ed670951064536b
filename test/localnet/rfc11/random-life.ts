import { type Random, seededRandom } from '../../../src/lib/index.ts';
import type { Address, Instruction } from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  deviceAt,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  groupAt,
  interfaceAt,
  key,
  linkEnds,
  newDevice,
  newGlobalExtension,
  newGroup,
  newInterface,
  newLink,
  newUser,
  OPERATOR,
  OTHER_OPERATOR,
  OUTSIDER,
  PROGRAM,
  userAt,
  type World,
} from './rfc11-world.ts';

const CODES = ['fra1', 'ams1', 'lon1'];
const INTERFACES = ['Loopback100', 'Loopback200', 'Ethernet1'];
const SIGNERS = [CUSTOMER, OUTSIDER, OPERATOR, OTHER_OPERATOR, FOUNDATION];

export interface RandomLife {
  readonly world: World;
  /** Draws an instruction that may or may not be possible now; most are sensible. */
  next(): Instruction;
  readonly random: Random;
}

/** A world with three devices' worth of names, few enough that random instructions meet each other, and an endless supply of instructions. */
export function createRandomLife(seed: number): RandomLife {
  const { world, pass } = networkBed();
  const random = seededRandom(seed);
  const whole = (end: number): number => Math.floor(random() * end);
  function pick<T>(from: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = from[whole(from.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }
  const passes = [pass, world.pass({ lastAccessEpoch: 2n, clientIp: client(1) }), world.pass({ owner: OUTSIDER, maxUnicastUsers: 2 })];
  const ownerOf = (code: string): Address => (code === 'ams1' ? OTHER_OPERATOR : OPERATOR);
  const device = (): Address => deviceAt(pick(CODES));
  const user = (): Address => userAt(client(1 + whole(6)), pick([0, 0, 3]));
  /** Mostly a user that is there with what belongs to it, and now and then any combination. */
  const onUser = () => {
    const address = [user(), user(), user()].find((candidate) => world.exists(candidate));
    const known = address === undefined || random() < 0.2 ? undefined : rfc11.decodeUserWithSlots(world.data(address));
    const on = known?.value.devicePk ?? device();
    const accessPass = known?.slots?.accessPassPk ?? pick(passes);
    return { programId: PROGRAM, user: address ?? user(), device: on, extension: extensionOf(on), accessPass, owner: known?.value.owner };
  };

  const draws: readonly (readonly [weight: number, () => Instruction])[] = [
    [3, () => pick(CODES.map((code) => () => newDevice(world, { code, authority: ownerOf(code) })))()],
    [
      20,
      () =>
        newUser({
          device: device(),
          pass: pick(passes),
          clientIp: client(1 + whole(6)),
          userType: pick([0, 0, 3]),
          payer: pick([CUSTOMER, CUSTOMER, OUTSIDER]),
        }),
    ],
    [
      10,
      () => {
        const { owner, ...accounts } = onUser();
        return rfc11.deleteUser({ ...accounts, authority: owner ?? pick([CUSTOMER, OUTSIDER]) });
      },
    ],
    [
      3,
      () => {
        const { owner: _, ...accounts } = onUser();
        return rfc11.banUser({ ...accounts, authority: pick([FOUNDATION, FOUNDATION, OUTSIDER]) });
      },
    ],
    [2, () => rfc11.sweepExpiredUsers({ programId: PROGRAM, accessPass: pick(passes), users: [user(), user(), user()], caller: OUTSIDER })],
    [4, () => newLink(world, device(), device(), pick([OPERATOR, OTHER_OPERATOR]))],
    [4, () => rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(device(), device()), authority: pick([OPERATOR, OTHER_OPERATOR]) })],
    [
      4,
      () => {
        const name = pick(INTERFACES);
        const kind = name === 'Ethernet1' ? 'physical' : pick(['loopback', 'loopback with address'] as const);
        const code = pick(CODES);
        return newInterface(world, { device: deviceAt(code), name, kind, authority: ownerOf(code) });
      },
    ],
    [
      4,
      () => {
        const code = pick(CODES);
        const on = deviceAt(code);
        const contributor = world.contributors[code === 'ams1' ? 1 : 0];
        const removal = { programId: PROGRAM, interface: interfaceAt(on, pick(INTERFACES)), device: on, extension: extensionOf(on) };
        return rfc11.deleteInterface({ ...removal, authority: ownerOf(code), contributor });
      },
    ],
    [3, () => newGroup(whole(4))],
    [
      3,
      () =>
        rfc11.deleteMulticastGroup({
          programId: PROGRAM,
          group: groupAt(whole(4)),
          globalExtension: GLOBAL_EXTENSION,
          authority: FOUNDATION,
        }),
    ],
    [
      2,
      () => {
        const code = pick(CODES);
        const on = deviceAt(code);
        const contributor = world.contributors[code === 'ams1' ? 1 : 0];
        return rfc11.deleteDevice({ programId: PROGRAM, device: on, extension: extensionOf(on), authority: ownerOf(code), contributor });
      },
    ],
    [1, () => newGlobalExtension(pick(SIGNERS))],
    [
      1,
      () =>
        rfc11.allocateResource({
          programId: PROGRAM,
          extension: extensionOf(device()),
          authority: pick([OUTSIDER, CUSTOMER]),
          resourceType: whole(7),
        }),
    ],
    [
      1,
      () =>
        rfc11.updateDeviceContributor({
          programId: PROGRAM,
          device: device(),
          newContributor: key('no-contributor'),
          authority: FOUNDATION,
        }),
    ],
  ];
  const total = draws.reduce((sum, [weight]) => sum + weight, 0);

  return {
    world,
    random,
    next() {
      let roll = random() * total;
      for (const [weight, draw] of draws) {
        roll -= weight;
        if (roll < 0) return draw();
      }
      return newGroup(0);
    },
  };
}
