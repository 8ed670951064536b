import type { Address } from '../../../src/serviceability/index.ts';
import { createWorld, deviceIn, extensionOf, newGlobalExtension, OTHER_OPERATOR, PROGRAM, userAt, type World } from './rfc11-world.ts';

/** What an instruction names of a user: the user itself, its device with the extension, and its pass. */
export interface UserAccounts {
  readonly programId: Address;
  readonly user: Address;
  readonly device: Address;
  readonly extension: Address;
  readonly accessPass: Address;
}

export interface NetworkBed {
  readonly world: World;
  /** Device `fra1` of the first contributor. */
  readonly device: Address;
  /** Device `ams1` of the second. */
  readonly other: Address;
  /** The customer's, for any address, without a limit. */
  readonly pass: Address;
  /** The accounts of a user of `device` and `pass`, of the first client address by default. */
  onUser(user?: Address): UserAccounts;
}

/** A network in use: its extension, a device of each contributor, and a customer who may connect. No user has yet. */
export function networkBed(): NetworkBed {
  const world = createWorld();
  world.must(newGlobalExtension());
  const device = deviceIn(world);
  const other = deviceIn(world, { code: 'ams1', authority: OTHER_OPERATOR });
  const pass = world.pass();
  return {
    world,
    device,
    other,
    pass,
    onUser: (user = userAt()) => ({ programId: PROGRAM, user, device, extension: extensionOf(device), accessPass: pass }),
  };
}
