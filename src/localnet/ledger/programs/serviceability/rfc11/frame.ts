import type { Derive } from '../../../../../serviceability/rfc11/index.ts';
import { type Rfc11ErrorName, rfc11ErrorCode } from '../../../../../serviceability/rfc11/index.ts';
import { type InstructionContext, InstructionFailure } from '../../../runtime/index.ts';

/** What a processor of RFC-11 works with. */
export interface Frame {
  readonly context: InstructionContext;
  /** Finds program addresses, and takes the units for it. */
  readonly derive: Derive;
}

/** Refuses with an error of RFC-11. */
export function fail(name: Rfc11ErrorName): never {
  throw new InstructionFailure({ Custom: rfc11ErrorCode(name) });
}

/** The deployed program's errors that RFC-11's instructions give too, where it has one for the case. */
const DEPLOYED = {
  InvalidDeviceAPubkey: 4,
  InvalidDeviceZPubkey: 5,
  InvalidStatus: 7,
  NotAllowed: 8,
  InvalidInterfaceName: 12,
  InvalidContributor: 14,
  InvalidAccountCode: 19,
  InvalidLastAccessEpoch: 21,
  AccessPassUnauthorized: 25,
  NoDzPrefixes: 35,
  InvalidDzPrefix: 38,
  InvalidInterfaceType: 57,
  InvalidLoopbackType: 58,
  InvalidPublicIp: 62,
  InvalidArgument: 65,
  MulticastGroupNotEmpty: 71,
  TenantNotInAccessPassAllowlist: 79,
  AccessPassMaxUnicastUsersExceeded: 89,
  AccessPassMaxMulticastUsersExceeded: 90,
  UserDeviceMismatch: 102,
} as const;

/** Refuses with one of the deployed program's errors. */
export function refuse(name: keyof typeof DEPLOYED): never {
  throw new InstructionFailure({ Custom: DEPLOYED[name] });
}

/** Codes of devices, links and groups: at least one of the characters that the program allows, at most 32. */
export function requireCode(code: string): void {
  if (!/^[A-Za-z0-9_:.-]{1,32}$/.test(code)) refuse('InvalidAccountCode');
}
