import { BgpStatus, type Device, DeviceStatus, decodeUser, lamports, type User, UserStatus } from '../../src/serviceability/index.ts';
import { encodeTransfer } from './programs.ts';
import { type AccountMeta, type InstructionContext, InstructionFailure, rentExemptMinimum } from './runtime.ts';
import { SYSTEM_PROGRAM } from './transaction.ts';

/*
 * The compute units of SetUserBGPStatus. No measurements of the deployed program are published, so this is a model: cost grows with the bytes of
 * both accounts; a user of a plain device costs about 12,000 units. Clients must measure by simulation, here as on a real network.
 */
export const BASE_UNITS = 6_000;
/** A byte of the user, read and written back. */
export const UNITS_PER_USER_BYTE = 15;
/** A byte of the device, read with both its vectors of interfaces. */
export const UNITS_PER_DEVICE_BYTE = 12;
/** Changing an account's length, with or without paying for it. */
const RESIZE_UNITS = 4_000;

/** What the instruction allocates besides its accounts. With this, the sums agree with allocations measured in the program's code (0.34.0). */
const HEAP_OF_INSTRUCTION = 632;
const KEY_LENGTH = 32;

/** A Rust panic: a line in the log, and the instruction fails to complete. */
export function panic(context: InstructionContext, message: string): never {
  context.log(`panicked: ${message}`);
  throw new InstructionFailure('ProgramFailedToComplete');
}

/** Rust's assert!. */
export function assertOrPanic(context: InstructionContext, condition: boolean, message: string): void {
  if (!condition) panic(context, message);
}

/** Fails as the program does when its accounts, decoded, do not fit its heap. */
export function requireHeap(context: InstructionContext, deviceBytes: number, user?: User): void {
  // Each vector of keys is given room for one more than it has.
  const keys = user === undefined ? 0 : user.publishers.length + user.subscribers.length + user.feedPks.length + 3;
  const needed = HEAP_OF_INSTRUCTION + deviceBytes + keys * KEY_LENGTH;
  assertOrPanic(context, needed <= context.heapBytes, 'memory allocation failed, out of memory');
}

/** The account at this position; NotEnoughAccountKeys when the instruction names fewer. */
export function accountAt({ accounts }: InstructionContext, index: number): AccountMeta {
  const meta = accounts[index];
  if (meta === undefined) throw new InstructionFailure('NotEnoughAccountKeys');
  return meta;
}

/** The data of an account that must be the program's own, not empty, and writable where asked; panics otherwise. */
export function programData(
  context: InstructionContext,
  meta: AccountMeta,
  label: string,
  options: { readonly writable: boolean },
): Uint8Array {
  const { owner, data } = context.read(meta.address);
  assertOrPanic(context, owner === context.programId, `Invalid ${label} Account Owner`);
  assertOrPanic(context, data.length > 0, `${label} Account is empty`);
  if (options.writable) assertOrPanic(context, meta.isWritable, `${label} Account is not writable`);
  return data;
}

/** The account is of another type, which the program logs. */
export function failToDeserialize(context: InstructionContext, label: string): never {
  context.log(`Failed to deserialize ${label}: Some(InvalidAccountData)`);
  throw new InstructionFailure('InvalidAccountData');
}

/**
 * Writes an account whole, at the length of its new content. What growing lacks in rent is transferred from the payer by a call to the system
 * program; a failure of that call is the instruction's own error. Shrinking gives nothing back.
 */
export function writeProgramAccount(context: InstructionContext, account: AccountMeta, payer: AccountMeta, content: Uint8Array): void {
  const { data, lamports: balance } = context.read(account.address);
  if (content.length !== data.length) {
    context.consume(RESIZE_UNITS);
    const required = rentExemptMinimum(content.length);
    if (content.length > data.length && required > balance) {
      context.log(`Rent required: ${required}, actual: ${balance}`);
      const accounts = [
        { address: payer.address, isSigner: true, isWritable: true },
        { address: account.address, isSigner: false, isWritable: true },
      ];
      context.invoke(SYSTEM_PROGRAM, accounts, encodeTransfer(lamports(required - balance)));
    }
    context.log(`Resized account from ${data.length} to ${content.length}`);
  }
  context.write(account.address, { ...context.read(account.address), data: content });
}

const READY_FOR_USERS = 3;
const DESIRED_ACTIVATED = 1;

/** The common fields of a new, activated device: no users, no counts, no limits. */
export const UNUSED_DEVICE = {
  status: DeviceStatus.activated,
  deprecatedInterfaces: [],
  interfaces: [],
  referenceCount: 0,
  usersCount: 0,
  maxUsers: 0,
  deviceHealth: READY_FOR_USERS,
  desiredStatus: DESIRED_ACTIVATED,
  unicastUsersCount: 0,
  multicastSubscribersCount: 0,
  maxUnicastUsers: 0,
  maxMulticastSubscribers: 0,
  reservedSeats: 0,
  multicastPublishersCount: 0,
  maxMulticastPublishers: 0,
} as const satisfies Partial<Device>;

const STATUS_OFFSET = 131;
const LAST_USER_TYPE = 3;
const LAST_CYOA_TYPE = 5;

/**
 * A User as the program itself reads it. It differs from clients in its defaults: an enum byte that it does not know becomes the enum's
 * default, and a status that is missing or unknown is Activated.
 */
export function readUserOnChain(data: Uint8Array): User {
  const user = decodeUser(data);
  return {
    ...user,
    userType: user.userType > LAST_USER_TYPE ? 0 : user.userType,
    cyoaType: user.cyoaType > LAST_CYOA_TYPE ? 0 : user.cyoaType,
    status: data.length <= STATUS_OFFSET || user.status > UserStatus.outOfCredits ? UserStatus.activated : user.status,
    bgpStatus: user.bgpStatus > BgpStatus.down ? BgpStatus.unknown : user.bgpStatus,
  };
}
