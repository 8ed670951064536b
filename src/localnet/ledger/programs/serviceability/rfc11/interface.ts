import { DeviceStatus, decodeDevice, UNSPECIFIED_NETWORK } from '../../../../../serviceability/index.ts';
import {
  decodeInterfaceAccount,
  encodeInterfaceAccount,
  InterfaceStatus,
  InterfaceType,
  idPool,
  interfaceAddress,
  networkPool,
  type Rfc11Arguments,
} from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { close, createAt, derivedAt, heldAt, isVacant, signerAt } from './accounts.ts';
import { requireContributorOwner } from './device.ts';
import { allocate, extensionAt, poolOf, release } from './extensions.ts';
import { type Frame, fail, refuse } from './frame.ts';

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
  if (isLoopback) {
    context.log(
      `Allocated segment_routing_id: ${segment} (slot ${segmentRoutingSlot}), dz_ip: ${ipNet?.address} (slot ${dzIpSlot ?? 'none'})`,
    );
  }
}

/** DeleteInterface: accounts interface, device, the device's extension, authority; contributor. */
export function deleteInterface(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 3);
  const { address, value } = heldAt(context, 0, decodeInterfaceAccount);
  const device = heldAt(context, 1, decodeDevice);
  if (value.devicePk !== device.address) refuse('InvalidArgument');
  requireContributorOwner(frame, device.value, authority.address, 4);
  const target = extensionAt(frame, 2, device.address);
  const { segmentRoutingSlot, dzIpSlot } = value;
  if (segmentRoutingSlot !== undefined) release(frame, target, 'segmentRoutingId', segmentRoutingSlot);
  if (dzIpSlot !== undefined) release(frame, target, 'dzIp', dzIpSlot);
  target.extension.interfaceCount -= 1;
  target.save();
  close(frame, address, authority);
  context.log(`Deallocated slots: segment_routing_id ${segmentRoutingSlot ?? 'none'}, dz_ip ${dzIpSlot ?? 'none'}`);
}
