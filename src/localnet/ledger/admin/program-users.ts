import {
  type Address,
  accessPassAddress,
  decodeAccessPass,
  encodeAccessPass,
  type Ipv4,
  UNSPECIFIED_IPV4,
  UNSPECIFIED_NETWORK,
  type User,
  UserStatus,
} from '../../../serviceability/index.ts';
import * as rfc11 from '../../../serviceability/rfc11/index.ts';
import type { Foundation } from './foundation.ts';
import { foundationPass, withOneLess } from './foundation-pass.ts';
import { WorldError } from './world-error.ts';

const GRE_OVER_DIA = 1;
/** A slot field for a value that lies in no pool. */
const NO_ID_SLOT = 0xffff;

export interface ProgramUsersOptions {
  readonly programId: Address;
  readonly derive: rfc11.Derive;
  readonly foundation: Foundation;
  readonly read: <T>(address: Address, decode: (data: Uint8Array) => T) => T | undefined;
  readonly write: (address: Address, data: Uint8Array) => void;
  readonly usersOf: (device: Address) => ReadonlyMap<Address, User>;
}

/** The users of devices that have an extension: the program makes and unmakes them, by RFC-11's instructions, and keeps their slots. */
export interface ProgramUsers {
  /** Whether the device has RFC-11's extension. */
  has(device: Address): boolean;
  /** Gives the device its extension (CreateResourceExtension). */
  createExtension(device: Address): void;
  /** CreateAndActivateUser with the foundation's pass, which is for any client address. */
  create(input: {
    readonly device: Address;
    readonly clientIp: Ipv4;
    readonly userType: number;
    readonly tenant?: Address | undefined;
  }): void;
  /** DeleteUser, or BanUser. False for a user that the program does not take: what it held is given back, and the account is as it was. */
  remove(address: Address, user: User, how: 'delete' | 'ban'): boolean;
  /** The user's bytes with the slots of the values that it has now; bits move with them, but for one that another user holds as well. */
  moved(address: Address, before: User, after: User): Uint8Array;
}

export function createProgramUsers({ programId, derive, foundation, read, write, usersOf }: ProgramUsersOptions): ProgramUsers {
  const pass = accessPassAddress(programId, UNSPECIFIED_IPV4, foundation.address);
  const extensions = new Map<Address, Address>();
  write(pass.address, encodeAccessPass(foundationPass(foundation.address, pass.bump)));

  const extensionOf = (device: Address): Address => {
    const address = extensions.get(device) ?? rfc11.resourceExtensionAddress(programId, device, derive).address;
    extensions.set(device, address);
    return address;
  };
  const isHeldByOther = (self: Address, { devicePk }: User, holds: (user: User) => boolean): boolean =>
    [...usersOf(devicePk)].some(([address, user]) => address !== self && holds(user));

  /** Frees what changed and nobody else holds, takes what is new and free, and answers the slots of the new values. */
  function move(address: Address, before: User, after: User): Omit<rfc11.UserSlots, 'accessPassPk'> | undefined {
    const extension = read(extensionOf(before.devicePk), rfc11.decodeResourceExtension);
    if (extension === undefined) return undefined;
    const ids = rfc11.idPool(extension, 'tunnelId');
    const nets = rfc11.networkPool(extension, 'userTunnelNet');
    const dzIps = rfc11.networkPool(extension, 'dzIp');
    const dzIpSlotOf = (user: User): number | undefined => dzIps?.slotOf({ address: user.dzIp, prefixLength: 32 });
    const parts: readonly (readonly [rfc11.ResourcePool | undefined, (user: User) => number | undefined])[] = [
      [ids, (user) => ids?.slotOf(user.tunnelId)],
      [nets, (user) => nets?.slotOf(user.tunnelNet)],
      [dzIps, dzIpSlotOf],
    ];
    for (const [pool, slotOf] of parts) {
      const [from, to] = [slotOf(before), slotOf(after)];
      if (pool === undefined || from === to) continue;
      if (from !== undefined && !isHeldByOther(address, before, (user) => slotOf(user) === from)) pool.release(from);
      if (to !== undefined) pool.mark(to);
    }
    write(extensionOf(before.devicePk), rfc11.encodeResourceExtension(extension));
    return {
      tunnelIdSlot: ids?.slotOf(after.tunnelId) ?? NO_ID_SLOT,
      tunnelNetSlot: nets?.slotOf(after.tunnelNet) ?? rfc11.NO_SLOT,
      dzIpSlot: dzIpSlotOf(after) ?? rfc11.NO_SLOT,
    };
  }

  function forget(address: Address, user: User): void {
    move(address, user, { ...user, tunnelId: 0, tunnelNet: UNSPECIFIED_NETWORK, dzIp: UNSPECIFIED_IPV4 });
    const counted = read(pass.address, decodeAccessPass);
    if (counted !== undefined && user.status !== UserStatus.banned) write(pass.address, encodeAccessPass(withOneLess(counted, user)));
  }

  return {
    has: (device) => read(extensionOf(device), rfc11.decodeResourceExtension) !== undefined,
    createExtension(device) {
      const authority = foundation.address;
      foundation.send(
        rfc11.createResourceExtension({
          programId,
          extension: extensionOf(device),
          associatedWith: device,
          authority,
          payer: authority,
          // All 4,096 ids from 500 on, as deployed: RFC-11 itself ends at 4095, which is 3,596 of them.
          idBitmaps: [
            { idType: rfc11.IdType.tunnelId, startOffset: rfc11.TUNNEL_IDS.startOffset, usableSlots: rfc11.ID_SLOTS },
            { idType: rfc11.IdType.segmentRoutingId, startOffset: 1, usableSlots: rfc11.ID_SLOTS },
          ],
          ipBlocks: [
            { blockType: rfc11.IpBlockType.userTunnelNet, ...rfc11.UNRESERVED },
            { blockType: rfc11.IpBlockType.dzIp, ...rfc11.DZ_IP_RESERVED },
          ],
        }),
      );
    },
    create({ device, clientIp, userType, tenant }) {
      foundation.send(
        rfc11.createAndActivateUser({
          programId,
          user: rfc11.userAddress(programId, clientIp, userType, derive).address,
          device,
          extension: extensionOf(device),
          accessPass: pass.address,
          payer: foundation.address,
          tenant,
          userType,
          cyoaType: GRE_OVER_DIA,
          clientIp,
          tunnelEndpoint: UNSPECIFIED_IPV4,
        }),
      );
    },
    remove(address, user, how) {
      const instruction = how === 'ban' ? rfc11.banUser : rfc11.deleteUser;
      const accounts = { user: address, device: user.devicePk, extension: extensionOf(user.devicePk), accessPass: pass.address };
      try {
        foundation.send(instruction({ programId, ...accounts, authority: foundation.address }));
        return true;
      } catch (error) {
        if (!(error instanceof WorldError)) throw error;
        forget(address, user);
        return false;
      }
    },
    moved(address, before, after) {
      const slots = move(address, before, after);
      return rfc11.encodeUserWithSlots({ value: after, slots: slots && { ...slots, accessPassPk: pass.address } });
    },
  };
}
