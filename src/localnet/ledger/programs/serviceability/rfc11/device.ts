import {
  type Device,
  decodeDevice,
  decodeExchange,
  decodeLocation,
  encodeDevice,
  isGloballyRoutable,
  type NetworkV4,
  ZERO_ADDRESS,
} from '../../../../../serviceability/index.ts';
import {
  DZ_IP_RESERVED,
  deviceAddress,
  isUnused,
  newIdBitmap,
  newIpBlockBitmap,
  type Rfc11Arguments,
  resourceExtensionAddress,
  SEGMENT_ROUTING_IDS,
  TUNNEL_IDS,
  UNRESERVED,
} from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { UNUSED_DEVICE } from '../unused-device.ts';
import { close, contributorAt, createAt, derivedAt, heldAt, isVacant, overwrite, requireFoundation, signerAt } from './accounts.ts';
import { extensionAt } from './extensions.ts';
import { type Frame, fail, refuse, requireCode } from './frame.ts';
import { configAt, writeExtension } from './resource-extension.ts';

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
  if (!args.dzPrefixes.every(isDzPrefix)) refuse('InvalidDzPrefix');
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
  writeExtension(frame, extension, payer, {
    associatedWith: address,
    idAllocations: [newIdBitmap(TUNNEL_IDS), newIdBitmap(SEGMENT_ROUTING_IDS)],
    ipAllocations: [
      newIpBlockBitmap({ blockType: 'userTunnelNet', ...UNRESERVED }, config.userTunnelBlock),
      ...args.dzPrefixes.map((prefix) => newIpBlockBitmap({ blockType: 'dzIp', ...DZ_IP_RESERVED }, prefix)),
    ],
    interfaceCount: 0,
  });
}

/**
 * DeleteDevice: accounts device, extension, authority; contributor. That nobody is left on the device is proven by its bitmaps: users and links hold
 * tunnel ids, loopbacks hold segments, and interfaces are counted.
 */
export function deleteDevice(frame: Frame): void {
  const { context } = frame;
  const authority = signerAt(context, 2);
  const device = heldAt(context, 0, decodeDevice);
  requireContributorOwner(frame, device.value, authority.address, 3);
  const { address, extension } = extensionAt(frame, 1, device.address);
  if (!isUnused(extension)) fail('ResourceInUse');
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
export function requireContributorOwner({ context }: Frame, device: Device, authority: string, index: number): void {
  const contributor = contributorAt(context, index);
  if (device.contributorPk !== contributor.address) refuse('InvalidContributor');
  if (contributor.value.owner !== authority) refuse('NotAllowed');
}

const isDzPrefix = ({ address, prefixLength }: NetworkV4): boolean => prefixLength >= 8 && isGloballyRoutable(address);
