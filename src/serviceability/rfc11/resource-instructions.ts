import { SYSTEM_PROGRAM_ID } from '../address.ts';
import type { AccountMeta, Instruction } from '../instruction.ts';
import { globalConfigAddress, globalStateAddress } from '../program-addresses.ts';
import type { Address } from '../units.ts';
import { build, type Input, payerOf, readonly, signer, writable } from './instruction-builder.ts';

/** `associatedWith` is the device, or the zero address (the System program's) for the network's own extension. */
export function createResourceExtension(
  input: Input<'CreateResourceExtension', Record<'extension' | 'associatedWith' | 'authority' | 'payer', Address>>,
): Instruction {
  const { programId, extension, associatedWith, authority, payer } = input;
  return build('CreateResourceExtension', input, [
    writable(extension),
    readonly(globalConfigAddress(programId).address),
    readonly(associatedWith),
    signer(authority),
    payerOf(payer),
    readonly(globalStateAddress(programId).address),
    readonly(SYSTEM_PROGRAM_ID),
  ]);
}

type OnExtension = Record<'extension' | 'authority', Address>;

export const allocateResource = (input: Input<'AllocateResource', OnExtension>): Instruction =>
  build('AllocateResource', input, onExtension(input));

export const releaseResource = (input: Input<'ReleaseResource', OnExtension>): Instruction =>
  build('ReleaseResource', input, onExtension(input));

export const setResourceState = (input: Input<'SetResourceState', OnExtension>): Instruction =>
  build('SetResourceState', input, onExtension(input));

function onExtension({ programId, extension, authority }: { readonly programId: Address } & OnExtension): readonly AccountMeta[] {
  return [writable(extension), signer(authority), readonly(globalStateAddress(programId).address)];
}

/**
 * `extensions` are those that the entity's slots lie in: a user's device's; the network's and the devices' of side A and Z for a link; the network's
 * for a group. A user's access pass goes along with them.
 */
export function backfillEntitySlots(
  input: Input<
    'BackfillEntitySlots',
    { readonly entity: Address; readonly authority: Address; readonly extensions: readonly Address[]; readonly accessPass?: Address }
  >,
): Instruction {
  const { programId, entity, authority, extensions, accessPass } = input;
  return build('BackfillEntitySlots', input, [
    writable(entity),
    payerOf(authority),
    readonly(globalStateAddress(programId).address),
    ...extensions.map(readonly),
    ...(accessPass === undefined ? [] : [readonly(accessPass)]),
    readonly(SYSTEM_PROGRAM_ID),
  ]);
}
