import { SYSTEM_PROGRAM_ID } from '../address.ts';
import type { AccountMeta, Instruction } from '../instruction.ts';
import { globalConfigAddress, globalStateAddress } from '../program-addresses.ts';
import type { Address } from '../units.ts';
import { encodeRfc11, type Rfc11Arguments } from './arguments.ts';
import type { Rfc11InstructionName } from './instruction-set.ts';

/*
 * Builders of RFC-11's instructions. The accounts are RFC-11's, in its order; after them come those that it leaves out and that nobody can do
 * without: GlobalState where the foundation's list is asked, the Contributor where its owner is, the System program where an account is made.
 */

type Input<Name extends Rfc11InstructionName, Accounts> = { readonly programId: Address } & Accounts & Rfc11Arguments[Name];

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

type LinkEnds = Record<'link' | 'deviceA' | 'deviceB' | 'extensionA' | 'extensionB' | 'globalExtension', Address>;

const linkEnds = (ends: LinkEnds): readonly AccountMeta[] => [
  writable(ends.link),
  readonly(ends.deviceA),
  readonly(ends.deviceB),
  writable(ends.extensionA),
  writable(ends.extensionB),
  writable(ends.globalExtension),
];

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

function build<Name extends Rfc11InstructionName>(
  name: Name,
  input: { readonly programId: Address } & Rfc11Arguments[Name],
  accounts: readonly AccountMeta[],
): Instruction {
  return { programId: input.programId, accounts, data: encodeRfc11(name, input) };
}

const writable = (address: Address): AccountMeta => ({ address, signer: false, writable: true });
const readonly = (address: Address): AccountMeta => ({ address, signer: false, writable: false });
const signer = (address: Address): AccountMeta => ({ address, signer: true, writable: false });
/** Signs, and gives or gets lamports. */
const payerOf = (address: Address): AccountMeta => ({ address, signer: true, writable: true });
