import {
  type Contributor,
  type Device,
  DeviceStatus,
  decodeDevice,
  formatNetworkV4,
  LinkStatus,
  LinkType,
  nanoseconds,
} from '../../../../../serviceability/index.ts';
import {
  decodeLinkWithSlots,
  encodeLinkWithSlots,
  idPool,
  linkAddress,
  networkPool,
  type Rfc11Arguments,
} from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { close, contributorAt, createAt, derivedAt, type Held, heldAt, isVacant, signerAt } from './accounts.ts';
import { allocate, extensionAt, type OpenExtension, poolOf, release } from './extensions.ts';
import { type Frame, fail, refuse, requireCode } from './frame.ts';

const READY_FOR_SERVICE = 2;
const DESIRED_ACTIVATED = 1;

interface Ends {
  readonly a: Held<Device>;
  readonly b: Held<Device>;
  readonly extensionA: OpenExtension;
  readonly extensionB: OpenExtension;
  readonly network: OpenExtension;
}

/** Accounts 1 to 5 of both instructions: the devices, their extensions, the network's. */
function readEnds(frame: Frame): Ends {
  const a = heldAt(frame.context, 1, decodeDevice);
  const b = heldAt(frame.context, 2, decodeDevice);
  if (a.address === b.address) refuse('InvalidDeviceZPubkey');
  return {
    a,
    b,
    extensionA: extensionAt(frame, 3, a.address),
    extensionB: extensionAt(frame, 4, b.address),
    network: extensionAt(frame, 5),
  };
}

/** CreateAndActivateLink: accounts link, devices a and b, their extensions, the network's, contributors a and b, payer; System program. */
export function createAndActivateLink(frame: Frame, args: Rfc11Arguments['CreateAndActivateLink']): void {
  const { context, derive } = frame;
  const payer = signerAt(context, 8);
  accountAt(context, 9);
  const { address, bump } = linkAddress(context.programId, accountAt(context, 1).address, accountAt(context, 2).address, derive);
  derivedAt(context, 0, address);
  if (!isVacant(context, address)) fail('LinkAlreadyExists');
  const { a, b, extensionA, extensionB, network } = readEnds(frame);
  if (a.value.status !== DeviceStatus.activated || b.value.status !== DeviceStatus.activated) refuse('InvalidStatus');
  const contributor = contributorAt(context, 6);
  const contributorB = contributorAt(context, 7);
  if (!isOf(contributor, a) || !isOf(contributorB, b)) refuse('InvalidContributor');
  if (contributor.value.owner !== payer.address && contributorB.value.owner !== payer.address) refuse('NotAllowed');
  requireCode(args.code);
  if (args.linkType !== LinkType.wan && args.linkType !== LinkType.dzx) refuse('InvalidArgument');

  const tunnelIdSlotA = allocate(frame, extensionA, 'tunnelId');
  const tunnelIdSlotB = allocate(frame, extensionB, 'tunnelId');
  const tunnelNetSlot = allocate(frame, network, 'linkTunnelNet');
  const idA = poolOf(idPool(extensionA.extension, 'tunnelId')).idOf(tunnelIdSlotA);
  const idB = poolOf(idPool(extensionB.extension, 'tunnelId')).idOf(tunnelIdSlotB);
  const tunnelNet = networkPool(network.extension, 'linkTunnelNet')?.networkOf(tunnelNetSlot) ?? fail('SlotOutOfRange');
  const link = {
    owner: payer.address,
    index: 0n,
    bumpSeed: bump,
    sideAPk: a.address,
    sideZPk: b.address,
    linkType: args.linkType,
    bandwidth: args.bandwidth,
    mtu: args.mtu,
    delayNs: nanoseconds(args.delayNs),
    jitterNs: nanoseconds(args.jitterNs),
    // The layout has room for one tunnel id; side Z's follows from its slot.
    tunnelId: idA,
    tunnelNet,
    status: LinkStatus.activated,
    code: args.code,
    contributorPk: contributor.address,
    sideAIfaceName: args.sideAIfaceName,
    sideZIfaceName: args.sideZIfaceName,
    delayOverrideNs: nanoseconds(0),
    linkHealth: READY_FOR_SERVICE,
    desiredStatus: DESIRED_ACTIVATED,
    linkTopologies: [],
    linkFlags: 0,
  };
  for (const target of [extensionA, extensionB, network]) target.save();
  createAt(frame, address, payer, encodeLinkWithSlots({ value: link, slots: { tunnelNetSlot, tunnelIdSlotA, tunnelIdSlotB } }));
  context.log(
    `Allocated tunnel_net: ${formatNetworkV4(tunnelNet)} (slot ${tunnelNetSlot}), tunnel_id_a: ${idA} (slot ${tunnelIdSlotA}), tunnel_id_b: ${idB} (slot ${tunnelIdSlotB})`,
  );
}

/**
 * DeleteLink: accounts link, devices a and b, their extensions, the network's, authority; and the contributor of either device, unless the authority
 * is the one who made the link.
 */
export function deleteLink(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 6);
  const { address, value } = heldAt(context, 0, decodeLinkWithSlots);
  const { value: link, slots } = value;
  if (slots === undefined) fail('SlotsNotTracked');
  const { a, b, extensionA, extensionB, network } = readEnds(frame);
  if (a.address !== link.sideAPk) refuse('InvalidDeviceAPubkey');
  if (b.address !== link.sideZPk) refuse('InvalidDeviceZPubkey');
  if (authority.address !== link.owner) {
    const contributor = contributorAt(context, 7);
    if (!isOf(contributor, a) && !isOf(contributor, b)) refuse('InvalidContributor');
    if (contributor.value.owner !== authority.address) refuse('NotAllowed');
  }
  const { tunnelNetSlot, tunnelIdSlotA, tunnelIdSlotB } = slots;
  const isOwn =
    poolOf(idPool(extensionA.extension, 'tunnelId')).slotOf(link.tunnelId) === tunnelIdSlotA &&
    poolOf(networkPool(network.extension, 'linkTunnelNet')).slotOf(link.tunnelNet) === tunnelNetSlot;
  if (!isOwn) fail('SlotMismatch');
  release(frame, extensionA, 'tunnelId', tunnelIdSlotA);
  release(frame, extensionB, 'tunnelId', tunnelIdSlotB);
  release(frame, network, 'linkTunnelNet', tunnelNetSlot);
  for (const target of [extensionA, extensionB, network]) target.save();
  close(frame, address, authority);
  context.log(`Deallocated slots: tunnel_id_a ${tunnelIdSlotA}, tunnel_id_b ${tunnelIdSlotB}, tunnel_net ${tunnelNetSlot}`);
}

const isOf = (contributor: Held<Contributor>, device: Held<Device>): boolean => device.value.contributorPk === contributor.address;
