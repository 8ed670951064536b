import { MulticastGroupStatus, ZERO_ADDRESS } from '../../../../../serviceability/index.ts';
import {
  decodeMulticastGroupWithSlots,
  encodeMulticastGroupWithSlots,
  multicastGroupAddress,
  networkPool,
  type Rfc11Arguments,
} from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { close, createAt, derivedAt, heldAt, isVacant, requireFoundation, signerAt } from './accounts.ts';
import { allocate, extensionAt, poolOf, release } from './extensions.ts';
import { type Frame, fail, refuse, requireCode } from './frame.ts';

/**
 * CreateAndActivateMulticastGroup: accounts group, the network's extension, authority, payer; GlobalState, System program. The account's address comes
 * from the group's, and that from the lowest free slot: a client reads the extension first, and is refused with InvalidSeeds when another was quicker.
 */
export function createAndActivateMulticastGroup(frame: Frame, args: Rfc11Arguments['CreateAndActivateMulticastGroup']): void {
  const { context, derive } = frame;
  const authority = signerAt(context, 2);
  const payer = signerAt(context, 3);
  accountAt(context, 5);
  requireFoundation(frame, authority, 4);
  requireCode(args.code);
  const target = extensionAt(frame, 1);
  const multicastSlot = allocate(frame, target, 'multicast');
  const multicastIp = networkPool(target.extension, 'multicast')?.networkOf(multicastSlot)?.address ?? fail('SlotOutOfRange');
  const { address, bump } = multicastGroupAddress(context.programId, multicastIp, derive);
  derivedAt(context, 0, address);
  if (!isVacant(context, address)) fail('AccountAlreadyExists');
  target.save();
  const group = {
    owner: args.owner === ZERO_ADDRESS ? authority.address : args.owner,
    index: 0n,
    bumpSeed: bump,
    tenantPk: ZERO_ADDRESS,
    multicastIp,
    maxBandwidth: args.maxBandwidth,
    status: MulticastGroupStatus.activated,
    code: args.code,
    publisherCount: 0,
    subscriberCount: 0,
  };
  createAt(frame, address, payer, encodeMulticastGroupWithSlots({ value: group, slots: { multicastSlot } }));
  context.log(`Allocated multicast_ip: ${multicastIp} (slot ${multicastSlot})`);
}

/** DeleteMulticastGroup: accounts group, the network's extension, authority; GlobalState. */
export function deleteMulticastGroup(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 2);
  requireFoundation(frame, authority, 3);
  const { address, value } = heldAt(context, 0, decodeMulticastGroupWithSlots);
  const { value: group, slots } = value;
  if (slots === undefined) fail('SlotsNotTracked');
  if (group.publisherCount > 0 || group.subscriberCount > 0) refuse('MulticastGroupNotEmpty');
  const target = extensionAt(frame, 1);
  const ownSlot = poolOf(networkPool(target.extension, 'multicast')).slotOf({ address: group.multicastIp, prefixLength: 32 });
  if (ownSlot !== slots.multicastSlot) fail('SlotMismatch');
  release(frame, target, 'multicast', slots.multicastSlot);
  target.save();
  close(frame, address, authority);
  context.log(`Deallocated slots: multicast ${slots.multicastSlot}`);
}
