import type { AccountReader } from './account-reader.ts';
import { AccountType, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';
import type { Device, UnreadTail } from './device.ts';
import { readDeprecatedInterfaces, readInterfaces, writeDeprecatedInterface, writeInterface } from './device-interface-codec.ts';

/**
 * Reads a Device account (type 5). All that says who may write for the device stands before its interfaces, so it reads whatever those are.
 * Throws AccountDataError, and nothing else, when the data is empty or of another type.
 */
export function decodeDevice(data: Uint8Array): Device {
  const reader = openAccount(data, 'device');
  const head = {
    owner: reader.key(),
    index: reader.u128(),
    bumpSeed: reader.u8(),
    locationPk: reader.key(),
    exchangePk: reader.key(),
    deviceType: reader.u8(),
    publicIp: reader.ipv4(),
    status: reader.u8(),
    code: reader.text(),
    dzPrefixes: reader.networks(),
    metricsPublisherPk: reader.key(),
    contributorPk: reader.key(),
    mgmtVrf: reader.text(),
  };
  const deprecated = readOrKeep(data, reader, 'deprecatedInterfaces', readDeprecatedInterfaces);
  const counters = {
    referenceCount: reader.u32(),
    usersCount: reader.u16(),
    maxUsers: reader.u16(),
    deviceHealth: reader.u8(),
    desiredStatus: reader.u8(),
    unicastUsersCount: reader.u16(),
    multicastSubscribersCount: reader.u16(),
    maxUnicastUsers: reader.u16(),
    maxMulticastSubscribers: reader.u16(),
    reservedSeats: reader.u16(),
    multicastPublishersCount: reader.u16(),
    maxMulticastPublishers: reader.u16(),
  };
  const current = readOrKeep(data, reader, 'interfaces', readInterfaces);
  const unreadTail = deprecated.unreadTail ?? current.unreadTail;
  return {
    ...head,
    deprecatedInterfaces: deprecated.elements,
    ...counters,
    interfaces: current.elements,
    ...(unreadTail === undefined ? {} : { unreadTail }),
  };
}

/**
 * The account's bytes; a tail that was not understood is written back as it was. Throws ServiceabilityError for a value that its field
 * cannot hold.
 */
export function encodeDevice(device: Device): Uint8Array {
  const writer = new AccountWriter()
    .u8(AccountType.device)
    .key(device.owner)
    .u128(device.index)
    .u8(device.bumpSeed)
    .key(device.locationPk)
    .key(device.exchangePk)
    .u8(device.deviceType)
    .ipv4(device.publicIp)
    .u8(device.status)
    .text(device.code)
    .networks(device.dzPrefixes)
    .key(device.metricsPublisherPk)
    .key(device.contributorPk)
    .text(device.mgmtVrf);
  if (device.unreadTail?.from === 'deprecatedInterfaces') return writer.raw(device.unreadTail.bytes).finish();
  writer
    .vector(device.deprecatedInterfaces, (element) => writeDeprecatedInterface(writer, element))
    .u32(device.referenceCount)
    .u16(device.usersCount)
    .u16(device.maxUsers)
    .u8(device.deviceHealth)
    .u8(device.desiredStatus)
    .u16(device.unicastUsersCount)
    .u16(device.multicastSubscribersCount)
    .u16(device.maxUnicastUsers)
    .u16(device.maxMulticastSubscribers)
    .u16(device.reservedSeats)
    .u16(device.multicastPublishersCount)
    .u16(device.maxMulticastPublishers);
  if (device.unreadTail !== undefined) return writer.raw(device.unreadTail.bytes).finish();
  return writer.vector(device.interfaces, (element) => writeInterface(writer, element)).finish();
}

/** Reads a vector of interfaces, or ends the account before it and keeps its bytes. An account that is too old to have it has none. */
function readOrKeep<T>(
  data: Uint8Array,
  reader: AccountReader,
  from: UnreadTail['from'],
  read: (reader: AccountReader) => readonly T[] | undefined,
): { readonly elements: readonly T[]; readonly unreadTail?: UnreadTail } {
  if (reader.remaining === 0) {
    reader.cutHere();
    return { elements: [] };
  }
  const start = reader.offset;
  const elements = read(reader);
  if (elements !== undefined) return { elements };
  reader.cutHere();
  return { elements: [], unreadTail: { from, bytes: new Uint8Array(data.subarray(start)) } };
}
