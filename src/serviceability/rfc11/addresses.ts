import { addressBytes, ZERO_ADDRESS } from '../address.ts';
import { ipv4ToNumber } from '../ipv4.ts';
import type { ProgramAddress } from '../pda.ts';
import { findProgramAddress } from '../pda.ts';
import type { Address, Ipv4 } from '../units.ts';

/*
 * Where RFC-11 keeps its accounts. Users are where the deployed program has them too (userAddress); the others are found by what they are and
 * not by an index: links by their two devices, interfaces by name, groups by address, devices by code.
 */

/** How an address comes from its seeds; findProgramAddress itself, or one that remembers. */
export type Derive = (seeds: readonly Uint8Array[], programId: Address) => ProgramAddress;

/** The pools of a device, or with the zero address those of the network: `["resource_ext", …]`, without the prefix that all others have. */
export function resourceExtensionAddress(
  programId: Address,
  associatedWith: Address = ZERO_ADDRESS,
  derive: Derive = findProgramAddress,
): ProgramAddress {
  return derive([utf8('resource_ext'), addressBytes(associatedWith)], programId);
}

/** The same account whichever device is named first: the seeds are the devices' keys in the order of their bytes. */
export function linkAddress(programId: Address, deviceA: Address, deviceB: Address, derive: Derive = findProgramAddress): ProgramAddress {
  const devices = [addressBytes(deviceA), addressBytes(deviceB)].sort(compareBytes);
  return derive([DOUBLEZERO, utf8('link'), ...devices], programId);
}

/** Throws ServiceabilityError `PDA__BAD_SEEDS` for a name above 32 bytes. */
export function interfaceAddress(programId: Address, device: Address, name: string, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('interface'), addressBytes(device), utf8(name)], programId);
}

export function multicastGroupAddress(programId: Address, group: Ipv4, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('multicast'), ipv4Bytes(group)], programId);
}

/** RFC-11 gives no seeds for devices, and its instruction has no account to count an index in. Throws like interfaceAddress. */
export function deviceAddress(programId: Address, code: string, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('device'), utf8(code)], programId);
}

/** A user's account, as deployed; here so that a remembering `derive` can be handed in. */
export function userAddress(programId: Address, clientIp: Ipv4, userType: number, derive: Derive = findProgramAddress): ProgramAddress {
  return derive([DOUBLEZERO, utf8('user'), ipv4Bytes(clientIp), Uint8Array.of(userType)], programId);
}

/** As deployed, like userAddress. */
export const globalStateAddress = (programId: Address, derive: Derive = findProgramAddress): ProgramAddress =>
  derive([DOUBLEZERO, utf8('globalstate')], programId);

/** As deployed, like userAddress. */
export const globalConfigAddress = (programId: Address, derive: Derive = findProgramAddress): ProgramAddress =>
  derive([DOUBLEZERO, utf8('config')], programId);

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function ipv4Bytes(address: Ipv4): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, ipv4ToNumber(address));
  return bytes;
}

const DOUBLEZERO = utf8('doublezero');
