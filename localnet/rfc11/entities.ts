import {
  type Contributor,
  currentInterfaces,
  type Device,
  DeviceStatus,
  decodeDevice,
  decodeExchange,
  decodeLocation,
  encodeDevice,
  type FullInterface,
  formatNetworkV4,
  isGloballyRoutable,
  LinkStatus,
  LinkType,
  MulticastGroupStatus,
  type NetworkV4,
  nanoseconds,
  UNSPECIFIED_NETWORK,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import {
  DZ_IP_RESERVED,
  decodeInterfaceAccount,
  decodeLinkWithSlots,
  decodeMulticastGroupWithSlots,
  deviceAddress,
  encodeInterfaceAccount,
  encodeLinkWithSlots,
  encodeMulticastGroupWithSlots,
  InterfaceStatus,
  InterfaceType,
  idPool,
  interfaceAddress,
  isUnused,
  linkAddress,
  multicastGroupAddress,
  NO_ID_SLOT,
  NO_SLOT,
  networkPool,
  newIdBitmap,
  newIpBlockBitmap,
  type Rfc11Arguments,
  resourceExtensionAddress,
  resourcePool,
  SEGMENT_ROUTING_IDS,
  TUNNEL_IDS,
  UNRESERVED,
  withoutNested,
} from '../../src/serviceability/rfc11/index.ts';
import { accountAt, UNUSED_DEVICE, writeProgramAccount } from '../ledger/program-accounts.ts';
import { InstructionFailure } from '../ledger/runtime.ts';
import {
  allocate,
  allocateOnBoth,
  close,
  configAt,
  contributorAt,
  createAt,
  derivedAt,
  extensionAt,
  type Frame,
  fail,
  type Held,
  type Holding,
  heldAt,
  heldByGroup,
  heldByLink,
  isVacant,
  type OpenExtension,
  overwrite,
  poolOf,
  refuse,
  releaseAll,
  requireCode,
  requireFoundation,
  signerAt,
  slotOfValue,
  withReference,
  writeExtension,
} from './state.ts';

const LAST_DEVICE_TYPE = 2;

/**
 * CreateAndActivateDevice: accounts device, extension, GlobalConfig, contributor, authority, payer; location, exchange, System program. The device's
 * extension is made with it, with RFC-11's own bitmaps.
 */
export function createAndActivateDevice(frame: Frame, args: Rfc11Arguments['CreateAndActivateDevice']): void {
  const { context, derive } = frame;
  const authority = signerAt(context, 4);
  const payer = signerAt(context, 5);
  accountAt(context, 8);
  const contributor = contributorAt(context, 3);
  if (contributor.value.owner !== authority.address) refuse('NotAllowed');
  requireCode(args.code);
  if (args.deviceType > LAST_DEVICE_TYPE || args.mgmtVrf.length > 32) refuse('InvalidArgument');
  if (!isGloballyRoutable(args.publicIp)) refuse('InvalidPublicIp');
  if (args.dzPrefixes.length === 0) refuse('NoDzPrefixes');
  // An address in two prefixes would have two slots, so the program could give it out twice.
  if (!args.dzPrefixes.every(isDzPrefix) || withoutNested(args.dzPrefixes).length < args.dzPrefixes.length) refuse('InvalidDzPrefix');
  const { address, bump } = deviceAddress(context.programId, args.code, derive);
  derivedAt(context, 0, address);
  const extension = derivedAt(context, 1, resourceExtensionAddress(context.programId, address, derive).address);
  if (!isVacant(context, address) || !isVacant(context, extension)) fail('AccountAlreadyExists');
  const config = configAt(frame, 2);

  const device: Device = {
    ...UNUSED_DEVICE,
    owner: authority.address,
    index: 0n,
    bumpSeed: bump,
    locationPk: heldAt(context, 6, decodeLocation).address,
    exchangePk: heldAt(context, 7, decodeExchange).address,
    deviceType: args.deviceType,
    publicIp: args.publicIp,
    code: args.code,
    dzPrefixes: args.dzPrefixes,
    metricsPublisherPk: args.metricsPublisher === ZERO_ADDRESS ? authority.address : args.metricsPublisher,
    contributorPk: contributor.address,
    mgmtVrf: args.mgmtVrf,
  };
  createAt(frame, address, payer, encodeDevice(device));
  context.log(`Created Device ${address} (${args.code})`);
  const reserved = { ...DZ_IP_RESERVED, reservedStart: args.dzIpReservedStart ?? DZ_IP_RESERVED.reservedStart };
  writeExtension(frame, extension, payer, {
    associatedWith: address,
    idAllocations: [newIdBitmap(TUNNEL_IDS), newIdBitmap(SEGMENT_ROUTING_IDS)],
    ipAllocations: [
      newIpBlockBitmap({ blockType: 'userTunnelNet', ...UNRESERVED }, config.userTunnelBlock),
      ...args.dzPrefixes.map((prefix) => newIpBlockBitmap({ blockType: 'dzIp', ...reserved }, prefix)),
    ],
    interfaceCount: 0,
  });
}

/**
 * DeleteDevice: accounts device, extension, authority; contributor. The device's own counts, its interfaces and its bitmaps prove that no user
 * (banned ones included), link or interface needs it to be deleted itself.
 */
export function deleteDevice(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 2);
  const device = heldAt(context, 0, decodeDevice);
  requireContributorOwner(frame, device.value, authority.address, 3);
  const { address, extension } = extensionAt(frame, 1, device.address);
  const { referenceCount, usersCount, interfaces, deprecatedInterfaces } = device.value;
  if (interfaces.length + deprecatedInterfaces.length > 0) refuse('DeviceHasInterfaces');
  if (referenceCount > 0 || usersCount > 0 || !isUnused(extension)) fail('ResourceInUse');
  close(frame, address, authority);
  close(frame, device.address, authority);
  context.log(`Closed Device ${device.address} and ResourceExtension ${address}`);
}

/** UpdateDeviceContributor: accounts device, GlobalState (RFC-11's foundation_allowlist_account), new contributor, authority. */
export function updateDeviceContributor(frame: Frame): void {
  const { context } = frame;
  requireFoundation(frame, signerAt(context, 3), 1);
  const device = heldAt(context, 0, decodeDevice);
  const contributor = contributorAt(context, 2);
  overwrite(frame, device.address, encodeDevice({ ...device.value, contributorPk: contributor.address }));
  context.log(`Contributor of ${device.address}: ${device.value.contributorPk} -> ${contributor.address}`);
}

/** The contributor at this position must be the device's, and its owner the one who asks. */
function requireContributorOwner({ context }: Frame, device: Device, authority: string, index: number): void {
  const contributor = contributorAt(context, index);
  if (device.contributorPk !== contributor.address) refuse('InvalidContributor');
  if (contributor.value.owner !== authority) refuse('NotAllowed');
}

const isDzPrefix = ({ address, prefixLength }: NetworkV4): boolean => prefixLength >= 8 && isGloballyRoutable(address);

const LAST_LOOPBACK_TYPE = 3;

/** CreateAndActivateInterface: accounts interface, device, the device's extension, authority, payer; contributor, System program. */
export function createAndActivateInterface(frame: Frame, args: Rfc11Arguments['CreateAndActivateInterface']): void {
  const { context, derive } = frame;
  const authority = signerAt(context, 3);
  const payer = signerAt(context, 4);
  accountAt(context, 6);
  const device = heldAt(context, 1, decodeDevice);
  if (device.value.status !== DeviceStatus.activated) refuse('InvalidStatus');
  requireContributorOwner(frame, device.value, authority.address, 5);
  if (!/^[A-Za-z0-9/._-]{1,32}$/.test(args.name)) refuse('InvalidInterfaceName');
  const isLoopback = args.interfaceType === InterfaceType.loopback;
  if (!isLoopback && args.interfaceType !== InterfaceType.physical) refuse('InvalidInterfaceType');
  if (args.loopbackType > (isLoopback ? LAST_LOOPBACK_TYPE : 0)) refuse('InvalidLoopbackType');
  if (args.withDzIp > (isLoopback ? 1 : 0)) refuse('InvalidArgument');
  const { address, bump } = interfaceAddress(context.programId, device.address, args.name, derive);
  derivedAt(context, 0, address);
  if (!isVacant(context, address)) fail('AccountAlreadyExists');
  if (currentInterfaces(device.value).some((one) => one.kind === 'known' && one.name === args.name)) refuse('InterfaceAlreadyExists');

  const target = extensionAt(frame, 2, device.address);
  const segmentRoutingSlot = isLoopback ? allocate(frame, target, 'segmentRoutingId') : undefined;
  const dzIpSlot = args.withDzIp === 1 ? allocate(frame, target, 'dzIp') : undefined;
  const segment = segmentRoutingSlot === undefined ? 0 : poolOf(idPool(target.extension, 'segmentRoutingId')).idOf(segmentRoutingSlot);
  const ipNet = dzIpSlot === undefined ? UNSPECIFIED_NETWORK : networkPool(target.extension, 'dzIp')?.networkOf(dzIpSlot);
  target.extension.interfaceCount += 1;
  target.save();
  const content = encodeInterfaceAccount({
    owner: authority.address,
    bumpSeed: bump,
    devicePk: device.address,
    status: isLoopback ? InterfaceStatus.activated : InterfaceStatus.unlinked,
    name: args.name,
    interfaceType: args.interfaceType,
    loopbackType: args.loopbackType,
    vlanId: args.vlanId,
    ipNet: ipNet ?? UNSPECIFIED_NETWORK,
    nodeSegmentIdx: segment,
    userTunnelEndpoint: false,
    cyoa: 0,
    dia: 0,
    bandwidth: args.bandwidth,
    cir: 0n,
    mtu: args.mtu,
    routingMode: 0,
    segmentRoutingSlot,
    dzIpSlot,
  });
  createAt(frame, address, payer, content);
  const address4 = dzIpSlot === undefined ? '' : `, dz_ip: ${ipNet?.address} (slot ${dzIpSlot})`;
  if (isLoopback) context.log(`Allocated segment_routing_id: ${segment} (slot ${segmentRoutingSlot})${address4}`);
}

/**
 * DeleteInterface: accounts interface, device, the device's extension, authority; contributor. An interface from before RFC-11 has no account: it is
 * removed from its device when the interface account is the one that its name would have.
 */
export function deleteInterface(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 3);
  const device = heldAt(context, 1, decodeDevice);
  requireContributorOwner(frame, device.value, authority.address, 4);
  const target = extensionAt(frame, 2, device.address);
  if (isVacant(context, accountAt(context, 0).address)) {
    deleteEmbeddedInterface(frame, device, target);
    return;
  }
  const { address, value } = heldAt(context, 0, decodeInterfaceAccount);
  if (value.devicePk !== device.address) refuse('InvalidArgument');
  target.extension.interfaceCount -= 1;
  releaseAll(frame, heldByInterface(target, value, value.segmentRoutingSlot, value.dzIpSlot));
  close(frame, address, authority);
}

const heldByInterface = (
  target: OpenExtension,
  { nodeSegmentIdx, ipNet }: FullInterface,
  segmentRoutingSlot: number = NO_ID_SLOT,
  dzIpSlot: number = NO_SLOT,
): readonly Holding[] => [
  { target, label: 'segment_routing_id', type: 'segmentRoutingId', value: nodeSegmentIdx, slot: segmentRoutingSlot },
  { target, label: 'dz_ip', type: 'dzIp', value: ipNet, slot: dzIpSlot },
];

/** Frees what SetResourceState marked for it, which is nothing where that was not done, or where another entity claimed it. */
function deleteEmbeddedInterface(frame: Frame, device: Held<Device>, target: OpenExtension): void {
  const { context, derive } = frame;
  const { address } = accountAt(context, 0);
  const all = currentInterfaces(device.value);
  const at = all.findIndex(
    (one) => one.kind === 'known' && interfaceAddress(context.programId, device.address, one.name, derive).address === address,
  );
  const found = all[at];
  if (found?.kind !== 'known') throw new InstructionFailure('InvalidAccountOwner');
  const marked = heldByInterface(target, found).flatMap((holding) => {
    const slot = slotOfValue(target, holding);
    return slot !== undefined && resourcePool(target.extension, holding.type)?.claim(slot) === undefined ? [{ ...holding, slot }] : [];
  });
  releaseAll(frame, marked);
  const others = <T>(vector: readonly T[]): readonly T[] => vector.filter((_, index) => index !== at);
  const { interfaces, deprecatedInterfaces } = device.value;
  const meta = accountAt(context, 1);
  const rest = { ...device.value, interfaces: others(interfaces), deprecatedInterfaces: others(deprecatedInterfaces) };
  writeProgramAccount(context, meta, meta, encodeDevice(rest));
}

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

  const { tunnelId, tunnelIdSlotA, tunnelIdSlotB } = allocateOnBoth(frame, extensionA, extensionB);
  const tunnelNetSlot = allocate(frame, network, 'linkTunnelNet');
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
    tunnelId,
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
  countLink(frame, [a, b], 1);
  context.log(
    `Allocated tunnel_net: ${formatNetworkV4(tunnelNet)} (slot ${tunnelNetSlot}), tunnel_id_a: ${tunnelId} (slot ${tunnelIdSlotA}), tunnel_id_b: ${tunnelId} (slot ${tunnelIdSlotB})`,
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
    if (context.accounts.length <= 7) refuse('NotAllowed');
    const contributor = contributorAt(context, 7);
    if (!isOf(contributor, a) && !isOf(contributor, b)) refuse('InvalidContributor');
    if (contributor.value.owner !== authority.address) refuse('NotAllowed');
  }
  releaseAll(frame, heldByLink(extensionA, extensionB, network, link, slots));
  countLink(frame, [a, b], -1);
  close(frame, address, authority);
}

/** Counts a link on its devices, as deployed. */
function countLink(frame: Frame, devices: readonly Held<Device>[], by: 1 | -1): void {
  for (const { address, value } of devices) overwrite(frame, address, encodeDevice(withReference(value, by)));
}

const isOf = (contributor: Held<Contributor>, device: Held<Device>): boolean => device.value.contributorPk === contributor.address;

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

/**
 * DeleteMulticastGroup: accounts group, the network's extension, authority; GlobalState. It does not check the group's counts: DeleteUser does not
 * list the group, so a count from before RFC-11 stays after its users are deleted.
 */
export function deleteMulticastGroup(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 2);
  requireFoundation(frame, authority, 3);
  const { address, value } = heldAt(context, 0, decodeMulticastGroupWithSlots);
  const { value: group, slots } = value;
  if (slots === undefined) fail('SlotsNotTracked');
  releaseAll(frame, heldByGroup(extensionAt(frame, 1), group, slots));
  close(frame, address, authority);
}
