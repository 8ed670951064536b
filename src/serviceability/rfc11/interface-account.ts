import { AccountReader } from '../account-reader.ts';
import { AccountWriter } from '../account-writer.ts';
import type { FullInterface } from '../device-interface.ts';
import { readFullInterface, writeFullInterface } from '../device-interface-codec.ts';
import { ServiceabilityError } from '../serviceability-error.ts';
import type { Address } from '../units.ts';

/**
 * Byte 0 of an Interface account. The deployed program keeps interfaces inside of the device's account and has no such type; numbers that it may
 * still give to others are left to it.
 */
export const INTERFACE_ACCOUNT_TYPE = 160;

/** Byte values of an interface's type and status (Interface layout). */
export const InterfaceType = { loopback: 1, physical: 2 } as const;
export const InterfaceStatus = { activated: 3, unlinked: 6 } as const;

/** RFC-11's Interface account: an interface of a device, in the deployed layout of one, with the slots that it holds. */
export interface InterfaceAccount extends FullInterface {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly devicePk: Address;
  /** In the device's SegmentRoutingId. */
  readonly segmentRoutingSlot: number | undefined;
  /** In the device's DzIp. */
  readonly dzIpSlot: number | undefined;
}

/** Reads an Interface account of RFC-11. Throws ServiceabilityError `ACCOUNT__INCONSISTENT` for anything else. */
export function decodeInterfaceAccount(data: Uint8Array): InterfaceAccount {
  const reader = new AccountReader(data);
  const type = reader.u8();
  const head = { owner: reader.key(), bumpSeed: reader.u8(), devicePk: reader.key() };
  const fields = readFullInterface(reader);
  const segmentRoutingSlot = readOption(reader, () => reader.u16());
  const dzIpSlot = readOption(reader, () => reader.u32());
  if (type !== INTERFACE_ACCOUNT_TYPE || reader.cut) {
    throw new ServiceabilityError('ACCOUNT__INCONSISTENT', { what: 'an Interface of RFC-11', problem: `its type byte is ${type}` });
  }
  return { ...head, ...fields, segmentRoutingSlot, dzIpSlot };
}

/** The account's bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeInterfaceAccount(account: InterfaceAccount): Uint8Array {
  const writer = new AccountWriter().u8(INTERFACE_ACCOUNT_TYPE).key(account.owner).u8(account.bumpSeed).key(account.devicePk);
  writeFullInterface(writer, account);
  const { segmentRoutingSlot, dzIpSlot } = account;
  writer.bool(segmentRoutingSlot !== undefined);
  if (segmentRoutingSlot !== undefined) writer.u16(segmentRoutingSlot);
  writer.bool(dzIpSlot !== undefined);
  if (dzIpSlot !== undefined) writer.u32(dzIpSlot);
  return writer.finish();
}

function readOption(reader: AccountReader, read: () => number): number | undefined {
  return reader.u8() === 1 ? read() : undefined;
}
