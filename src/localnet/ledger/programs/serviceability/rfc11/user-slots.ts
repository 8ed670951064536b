import { type AccessPass, formatNetworkV4, type User, UserType } from '../../../../../serviceability/index.ts';
import { idPool, NO_SLOT, networkPool, type UserSlots } from '../../../../../serviceability/rfc11/index.ts';
import { type OpenExtension, poolOf, release } from './extensions.ts';
import { type Frame, fail } from './frame.ts';

/** Takes a tunnel id, a tunnel network and a DoubleZero address for a user, in RFC-11's order, and tells them in the log. */
export function allocateForUser(
  frame: Frame,
  target: OpenExtension,
  allocate: (type: 'tunnelId' | 'userTunnelNet' | 'dzIp') => number,
): Pick<User, 'tunnelId' | 'tunnelNet' | 'dzIp'> & Omit<UserSlots, 'accessPassPk'> {
  const tunnelIdSlot = allocate('tunnelId');
  const tunnelNetSlot = allocate('userTunnelNet');
  const dzIpSlot = allocate('dzIp');
  const tunnelId = poolOf(idPool(target.extension, 'tunnelId')).idOf(tunnelIdSlot);
  const tunnelNet = networkPool(target.extension, 'userTunnelNet')?.networkOf(tunnelNetSlot) ?? fail('SlotOutOfRange');
  const dzIp = networkPool(target.extension, 'dzIp')?.networkOf(dzIpSlot)?.address ?? fail('SlotOutOfRange');
  frame.context.log(
    `Allocated tunnel_net: ${formatNetworkV4(tunnelNet)} (slot ${tunnelNetSlot}), dz_ip: ${dzIp} (slot ${dzIpSlot}), tunnel_id: ${tunnelId} (slot ${tunnelIdSlot})`,
  );
  return { tunnelId, tunnelNet, dzIp, tunnelIdSlot, tunnelNetSlot, dzIpSlot };
}

/** Throws SlotMismatch unless the slots are those of the user's own values. NO_SLOT stands for an address that is none of the device's. */
export function requireOwnSlots({ extension }: OpenExtension, user: User, slots: Omit<UserSlots, 'accessPassPk'>): void {
  const dzIps = poolOf(networkPool(extension, 'dzIp'));
  const dzIpSlot = dzIps.slotOf({ address: user.dzIp, prefixLength: 32 }) ?? NO_SLOT;
  const isOwn =
    poolOf(idPool(extension, 'tunnelId')).slotOf(user.tunnelId) === slots.tunnelIdSlot &&
    poolOf(networkPool(extension, 'userTunnelNet')).slotOf(user.tunnelNet) === slots.tunnelNetSlot &&
    dzIpSlot === slots.dzIpSlot;
  if (!isOwn) fail('SlotMismatch');
}

/** Gives back all that the user holds, in RFC-11's order, and tells it in the log. */
export function releaseUser(frame: Frame, target: OpenExtension, user: User, slots: UserSlots): void {
  requireOwnSlots(target, user, slots);
  release(frame, target, 'tunnelId', slots.tunnelIdSlot);
  release(frame, target, 'userTunnelNet', slots.tunnelNetSlot);
  if (slots.dzIpSlot !== NO_SLOT) release(frame, target, 'dzIp', slots.dzIpSlot);
  const dzIp = slots.dzIpSlot === NO_SLOT ? 'none' : slots.dzIpSlot;
  frame.context.log(`Deallocated slots: tunnel_id ${slots.tunnelIdSlot}, tunnel_net ${slots.tunnelNetSlot}, dz_ip ${dzIp}`);
}

/** The pass with one user more or less. RFC-11's `active_user_count` is kept by kind of user, as deployed. Never below zero. */
export function countedOn(pass: AccessPass, { userType }: Pick<User, 'userType'>, by: 1 | -1): AccessPass {
  const isMulticast = userType === UserType.multicast;
  const add = (count: number, amount: number): number => Math.max(0, count + amount);
  return {
    ...pass,
    connectionCount: add(pass.connectionCount, by),
    unicastUserCount: add(pass.unicastUserCount, isMulticast ? 0 : by),
    multicastUserCount: add(pass.multicastUserCount, isMulticast ? by : 0),
  };
}
