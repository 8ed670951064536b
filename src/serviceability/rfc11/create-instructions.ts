import { SYSTEM_PROGRAM_ID } from '../address.ts';
import type { Instruction } from '../instruction.ts';
import { globalConfigAddress, globalStateAddress } from '../program-addresses.ts';
import type { Address } from '../units.ts';
import { build, type Input, type LinkEnds, linkEnds, payerOf, readonly, signer, writable } from './instruction-builder.ts';

export function createAndActivateDevice(
  input: Input<
    'CreateAndActivateDevice',
    Record<'device' | 'extension' | 'contributor' | 'authority' | 'payer' | 'location' | 'exchange', Address>
  >,
): Instruction {
  const { programId, device, extension, contributor, authority, payer, location, exchange } = input;
  return build('CreateAndActivateDevice', input, [
    writable(device),
    writable(extension),
    readonly(globalConfigAddress(programId).address),
    readonly(contributor),
    signer(authority),
    payerOf(payer),
    readonly(location),
    readonly(exchange),
    readonly(SYSTEM_PROGRAM_ID),
  ]);
}

/** `payer` is the access pass's owner. */
export function createAndActivateUser(
  input: Input<
    'CreateAndActivateUser',
    Record<'user' | 'device' | 'extension' | 'accessPass' | 'payer', Address> & { readonly tenant?: Address | undefined }
  >,
): Instruction {
  const { user, device, extension, accessPass, payer, tenant } = input;
  return build('CreateAndActivateUser', input, [
    writable(user),
    readonly(device),
    writable(extension),
    writable(accessPass),
    payerOf(payer),
    readonly(SYSTEM_PROGRAM_ID),
    ...(tenant === undefined ? [] : [readonly(tenant)]),
  ]);
}

export function createAndActivateLink(
  input: Input<'CreateAndActivateLink', LinkEnds & Record<'contributorA' | 'contributorB' | 'payer', Address>>,
): Instruction {
  const { contributorA, contributorB, payer } = input;
  return build('CreateAndActivateLink', input, [
    ...linkEnds(input),
    readonly(contributorA),
    readonly(contributorB),
    payerOf(payer),
    readonly(SYSTEM_PROGRAM_ID),
  ]);
}

export function createAndActivateInterface(
  input: Input<'CreateAndActivateInterface', Record<'interface' | 'device' | 'extension' | 'authority' | 'payer' | 'contributor', Address>>,
): Instruction {
  const { device, extension, authority, payer, contributor } = input;
  return build('CreateAndActivateInterface', input, [
    writable(input.interface),
    readonly(device),
    writable(extension),
    signer(authority),
    payerOf(payer),
    readonly(contributor),
    readonly(SYSTEM_PROGRAM_ID),
  ]);
}

export function createAndActivateMulticastGroup(
  input: Input<'CreateAndActivateMulticastGroup', Record<'group' | 'globalExtension' | 'authority' | 'payer', Address>>,
): Instruction {
  const { programId, group, globalExtension, authority, payer } = input;
  return build('CreateAndActivateMulticastGroup', input, [
    writable(group),
    writable(globalExtension),
    signer(authority),
    payerOf(payer),
    readonly(globalStateAddress(programId).address),
    readonly(SYSTEM_PROGRAM_ID),
  ]);
}
