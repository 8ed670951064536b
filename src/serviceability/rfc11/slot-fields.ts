import { AccountReader } from '../account-reader.ts';
import { AccountWriter } from '../account-writer.ts';
import { type FieldCodec, key, type Layout, readFields, u16, u32, writeFields } from '../layout.ts';
import { decodeLink, encodeLink, type Link } from '../link.ts';
import { decodeMulticastGroup, encodeMulticastGroup, type MulticastGroup } from '../multicast-group.ts';
import type { Address } from '../units.ts';
import type { User } from '../user.ts';
import { decodeUser, encodedUserLength, encodeUser } from '../user-codec.ts';

/*
 * The fields that RFC-11 adds to an account lie after the deployed layout's last one, so that every deployed reader passes over them:
 *
 *   | deployed layout | slot fields |        an account that ends with the deployed layout is from before RFC-11
 */

/** In a slot field: the entity holds no slot of this kind, because its value lies outside of the pool (an IBRL user's own address). */
export const NO_SLOT = 0xffff_ffff;

export interface UserSlots {
  /** In the device's UserTunnelNet. */
  readonly tunnelNetSlot: number;
  /** In the device's DzIp. */
  readonly dzIpSlot: number;
  /** In the device's TunnelId. */
  readonly tunnelIdSlot: number;
  /** The pass that the user was created with. RFC-11 reads `user.accesspass_pk`, which the deployed layout does not have. */
  readonly accessPassPk: Address;
}

export interface LinkSlots {
  /** In the network's LinkTunnelNet. */
  readonly tunnelNetSlot: number;
  /** In the TunnelId of the device on side A. */
  readonly tunnelIdSlotA: number;
  /** In the TunnelId of the device on side Z, which RFC-11 calls b. */
  readonly tunnelIdSlotB: number;
}

export interface MulticastGroupSlots {
  /** In the network's Multicast. */
  readonly multicastSlot: number;
}

/** An account of the deployed layout with the slots that RFC-11 keeps in it; `slots` is undefined for one that has none. */
export interface WithSlots<T, S> {
  readonly value: T;
  readonly slots: S | undefined;
}

const USER_SLOTS: Layout<UserSlots> = { tunnelNetSlot: u32, dzIpSlot: u32, tunnelIdSlot: u16, accessPassPk: key };
const LINK_SLOTS: Layout<LinkSlots> = { tunnelNetSlot: u32, tunnelIdSlotA: u16, tunnelIdSlotB: u16 };
const MULTICAST_GROUP_SLOTS: Layout<MulticastGroupSlots> = { multicastSlot: u32 };

/** Bytes of a user's slot fields. */
export const USER_SLOTS_LENGTH = 42;
const LINK_SLOTS_LENGTH = 8;
const MULTICAST_GROUP_SLOTS_LENGTH = 4;

/** Throw AccountDataError when the data is empty or of another type. */
export function decodeUserWithSlots(data: Uint8Array): WithSlots<User, UserSlots> {
  const value = decodeUser(data);
  return { value, slots: readTail(data, encodedUserLength(value), USER_SLOTS, USER_SLOTS_LENGTH) };
}

export function decodeLinkWithSlots(data: Uint8Array): WithSlots<Link, LinkSlots> {
  const value = decodeLink(data);
  return { value, slots: readTail(data, encodeLink(value).length, LINK_SLOTS, LINK_SLOTS_LENGTH) };
}

export function decodeMulticastGroupWithSlots(data: Uint8Array): WithSlots<MulticastGroup, MulticastGroupSlots> {
  const value = decodeMulticastGroup(data);
  return {
    value,
    slots: readTail(data, encodeMulticastGroup(value).length, MULTICAST_GROUP_SLOTS, MULTICAST_GROUP_SLOTS_LENGTH),
  };
}

export function encodeUserWithSlots({ value, slots }: WithSlots<User, UserSlots>): Uint8Array {
  return append(encodeUser(value), USER_SLOTS, slots);
}

export function encodeLinkWithSlots({ value, slots }: WithSlots<Link, LinkSlots>): Uint8Array {
  return append(encodeLink(value), LINK_SLOTS, slots);
}

export function encodeMulticastGroupWithSlots({ value, slots }: WithSlots<MulticastGroup, MulticastGroupSlots>): Uint8Array {
  return append(encodeMulticastGroup(value), MULTICAST_GROUP_SLOTS, slots);
}

/** Exactly as many bytes as the fields take are the fields: a former layout of users ends with 28 others. */
function readTail<S extends object>(data: Uint8Array, from: number, layout: Layout<S>, length: number): S | undefined {
  return data.length === from + length ? readFields(layout, new AccountReader(data.subarray(from))) : undefined;
}

function append<S extends object>(deployed: Uint8Array, layout: Layout<S>, slots: S | undefined): Uint8Array {
  if (slots === undefined) return deployed;
  const writer = new AccountWriter().raw(deployed);
  writeFields(layout, writer, slots);
  return writer.finish();
}

/** Borsh's Option: a byte that is 0 or 1, and the value after a 1. */
export function option<T>(inner: FieldCodec<T>): FieldCodec<T | undefined> {
  return {
    read(reader) {
      const tag = reader.u8();
      if (tag > 1) reader.cutHere();
      return tag === 1 ? inner.read(reader) : undefined;
    },
    write(writer, value) {
      writer.u8(value === undefined ? 0 : 1);
      if (value !== undefined) inner.write(writer, value);
    },
  };
}
