import type { Instruction } from '../instruction.ts';
import { globalStateAddress } from '../program-addresses.ts';
import type { Address } from '../units.ts';
import { build, type Input, type LinkEnds, linkEnds, payerOf, readonly, signer, writable } from './instruction-builder.ts';

/** `authority` is the access pass's owner, who gets the account's lamports. */
export function deleteUser(
  input: Input<'DeleteUser', Record<'user' | 'device' | 'extension' | 'accessPass' | 'authority', Address>>,
): Instruction {
  const { user, device, extension, accessPass, authority } = input;
  return build('DeleteUser', input, [writable(user), readonly(device), writable(extension), writable(accessPass), payerOf(authority)]);
}

/** `contributor`, of either device, for an authority that did not create the link. */
export function deleteLink(
  input: Input<'DeleteLink', LinkEnds & { readonly authority: Address; readonly contributor?: Address | undefined }>,
): Instruction {
  const { authority, contributor } = input;
  return build('DeleteLink', input, [
    ...linkEnds(input),
    payerOf(authority),
    ...(contributor === undefined ? [] : [readonly(contributor)]),
  ]);
}

export function deleteDevice(
  input: Input<'DeleteDevice', Record<'device' | 'extension' | 'authority' | 'contributor', Address>>,
): Instruction {
  const { device, extension, authority, contributor } = input;
  return build('DeleteDevice', input, [writable(device), writable(extension), payerOf(authority), readonly(contributor)]);
}

export function deleteInterface(
  input: Input<'DeleteInterface', Record<'interface' | 'device' | 'extension' | 'authority' | 'contributor', Address>>,
): Instruction {
  const { device, extension, authority, contributor } = input;
  return build('DeleteInterface', input, [
    writable(input.interface),
    readonly(device),
    writable(extension),
    payerOf(authority),
    readonly(contributor),
  ]);
}

export function deleteMulticastGroup(
  input: Input<'DeleteMulticastGroup', Record<'group' | 'globalExtension' | 'authority', Address>>,
): Instruction {
  const { programId, group, globalExtension, authority } = input;
  return build('DeleteMulticastGroup', input, [
    writable(group),
    writable(globalExtension),
    payerOf(authority),
    readonly(globalStateAddress(programId).address),
  ]);
}

export function banUser(
  input: Input<'BanUser', Record<'user' | 'device' | 'extension' | 'accessPass' | 'authority', Address>>,
): Instruction {
  const { programId, user, device, extension, accessPass, authority } = input;
  return build('BanUser', input, [
    writable(user),
    readonly(device),
    writable(extension),
    writable(accessPass),
    signer(authority),
    readonly(globalStateAddress(programId).address),
  ]);
}

/** At most ten users; anybody may call. */
export function sweepExpiredUsers(
  input: Input<'SweepExpiredUsers', { readonly accessPass: Address; readonly users: readonly Address[]; readonly caller: Address }>,
): Instruction {
  return build('SweepExpiredUsers', input, [writable(input.accessPass), ...input.users.map(writable), payerOf(input.caller)]);
}

export function updateDeviceContributor(
  input: Input<'UpdateDeviceContributor', Record<'device' | 'newContributor' | 'authority', Address>>,
): Instruction {
  const { programId, device, newContributor, authority } = input;
  return build('UpdateDeviceContributor', input, [
    writable(device),
    readonly(globalStateAddress(programId).address),
    readonly(newContributor),
    signer(authority),
  ]);
}
