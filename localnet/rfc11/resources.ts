import {
  AccountType,
  type Address,
  decodeAccessPass,
  decodeDevice,
  decodeGlobalConfig,
  type GlobalConfig,
  type NetworkV4,
  UNSPECIFIED_IPV4,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import {
  decodeLinkWithSlots,
  decodeMulticastGroupWithSlots,
  decodeUserWithSlots,
  encodeLinkWithSlots,
  encodeMulticastGroupWithSlots,
  encodeResourceExtension,
  encodeUserWithSlots,
  globalConfigAddress,
  ID_SLOTS,
  type IdBitmap,
  INTERFACE_ACCOUNT_TYPE,
  type IpBlockBitmap,
  type IpBlockTypeName,
  idPool,
  idTypeOf,
  ipBlockTypeOf,
  NO_SLOT,
  networkPool,
  newIdBitmap,
  newIpBlockBitmap,
  type ResourceExtension,
  type ResourcePool,
  type Rfc11Arguments,
  resourceExtensionAddress,
} from '../../src/serviceability/rfc11/index.ts';
import { accountAt, writeProgramAccount } from '../ledger/program-accounts.ts';
import { InstructionFailure } from '../ledger/runtime.ts';
import {
  createAt,
  derivedAt,
  extensionAt,
  type Frame,
  fail,
  heldAt,
  isVacant,
  ownData,
  poolOf,
  refuse,
  requireFoundation,
  requireOwnSlots,
  signerAt,
} from './state.ts';

type Args = Rfc11Arguments['BackfillEntitySlots'];

/**
 * BackfillEntitySlots: accounts entity, authority; GlobalState, then for a user its device's extension and its access pass, for a link the network's
 * extension and those of side A and Z, for a group the network's; System program. The slots must be the ones of the entity's own values, and taken:
 * SetResourceState comes first.
 */
export function backfillEntitySlots(frame: Frame, args: Args): void {
  const { context } = frame;
  const authority = signerAt(context, 1);
  requireFoundation(frame, authority, 2);
  const entity = accountAt(context, 0);
  const content = contentWithSlots(frame, ownData(context, entity.address), args);
  writeProgramAccount(context, entity, authority, content);
  context.log(`Backfilled slots of ${entity.address}`);
}

function contentWithSlots(frame: Frame, data: Uint8Array, args: Args): Uint8Array {
  switch (data[0]) {
    case AccountType.user:
      return userWithSlots(frame, data, args);
    case AccountType.link:
      return linkWithSlots(frame, data, args);
    case AccountType.multicastGroup:
      return groupWithSlots(frame, data, args);
    case INTERFACE_ACCOUNT_TYPE:
      return fail('SlotsAlreadyTracked'); // Interface accounts exist since RFC-11 only
    default:
      throw new InstructionFailure('InvalidAccountData');
  }
}

function userWithSlots(frame: Frame, data: Uint8Array, args: Args): Uint8Array {
  const { value: user, slots } = decodeUserWithSlots(data);
  if (slots !== undefined) fail('SlotsAlreadyTracked');
  const { tunnelNetSlot, dzIpSlot, tunnelIdSlot } = args;
  const complete = tunnelNetSlot !== undefined && dzIpSlot !== undefined && tunnelIdSlot !== undefined;
  if (!complete || args.tunnelIdSlotB !== undefined || args.multicastSlot !== undefined) return refuse('InvalidArgument');
  const target = extensionAt(frame, 3, user.devicePk);
  requireOwnSlots(target, user, { tunnelNetSlot, dzIpSlot, tunnelIdSlot });
  requireTaken(idPool(target.extension, 'tunnelId'), tunnelIdSlot);
  requireTaken(networkPool(target.extension, 'userTunnelNet'), tunnelNetSlot);
  if (dzIpSlot !== NO_SLOT) requireTaken(networkPool(target.extension, 'dzIp'), dzIpSlot);
  const pass = heldAt(frame.context, 4, decodeAccessPass);
  const isFor = pass.value.clientIp === UNSPECIFIED_IPV4 || pass.value.clientIp === user.clientIp;
  if (pass.value.userPayer !== user.owner || !isFor) refuse('AccessPassUnauthorized');
  return encodeUserWithSlots({ value: user, slots: { tunnelNetSlot, dzIpSlot, tunnelIdSlot, accessPassPk: pass.address } });
}

function linkWithSlots(frame: Frame, data: Uint8Array, args: Args): Uint8Array {
  const { value: link, slots } = decodeLinkWithSlots(data);
  if (slots !== undefined) fail('SlotsAlreadyTracked');
  const { tunnelNetSlot, tunnelIdSlot: tunnelIdSlotA, tunnelIdSlotB } = args;
  const complete = tunnelNetSlot !== undefined && tunnelIdSlotA !== undefined && tunnelIdSlotB !== undefined;
  if (!complete || args.dzIpSlot !== undefined || args.multicastSlot !== undefined) return refuse('InvalidArgument');
  const network = extensionAt(frame, 3);
  const idsA = poolOf(idPool(extensionAt(frame, 4, link.sideAPk).extension, 'tunnelId'));
  const idsB = poolOf(idPool(extensionAt(frame, 5, link.sideZPk).extension, 'tunnelId'));
  const nets = poolOf(networkPool(network.extension, 'linkTunnelNet'));
  if (nets.slotOf(link.tunnelNet) !== tunnelNetSlot) fail('SlotMismatch');
  // The layout knows one tunnel id, side A's; side Z's slot can only be checked to be taken.
  if (idsA.slotOf(link.tunnelId) !== tunnelIdSlotA) fail('SlotMismatch');
  requireTaken(nets, tunnelNetSlot);
  requireTaken(idsA, tunnelIdSlotA);
  requireTaken(idsB, tunnelIdSlotB);
  return encodeLinkWithSlots({ value: link, slots: { tunnelNetSlot, tunnelIdSlotA, tunnelIdSlotB } });
}

function groupWithSlots(frame: Frame, data: Uint8Array, args: Args): Uint8Array {
  const { value: group, slots } = decodeMulticastGroupWithSlots(data);
  if (slots !== undefined) fail('SlotsAlreadyTracked');
  const { multicastSlot } = args;
  const others = [args.tunnelNetSlot, args.dzIpSlot, args.tunnelIdSlot, args.tunnelIdSlotB];
  if (multicastSlot === undefined || others.some((slot) => slot !== undefined)) return refuse('InvalidArgument');
  const pool = poolOf(networkPool(extensionAt(frame, 3).extension, 'multicast'));
  if (pool.slotOf({ address: group.multicastIp, prefixLength: 32 }) !== multicastSlot) fail('SlotMismatch');
  requireTaken(pool, multicastSlot);
  return encodeMulticastGroupWithSlots({ value: group, slots: { multicastSlot } });
}

function requireTaken(pool: ResourcePool | undefined, slot: number): void {
  if (!poolOf(pool).isAllocated(slot)) fail('SlotNotAllocated');
}

/** CreateResourceExtension: accounts extension, GlobalConfig, device or System program, authority, payer; GlobalState, System program. */
export function createResourceExtension(frame: Frame, { idBitmaps, ipBlocks }: Rfc11Arguments['CreateResourceExtension']): void {
  const { context, derive } = frame;
  const authority = signerAt(context, 3);
  const payer = signerAt(context, 4);
  accountAt(context, 6);
  requireFoundation(frame, authority, 5);
  const associatedWith = accountAt(context, 2).address;
  const address = derivedAt(context, 0, resourceExtensionAddress(context.programId, associatedWith, derive).address);
  if (!isVacant(context, address)) fail('AccountAlreadyExists');
  const config = configAt(frame, 1);
  const scope: Scope =
    associatedWith === ZERO_ADDRESS ? networkScope(config) : deviceScope(config, heldAt(context, 2, decodeDevice).value.dzPrefixes);

  const idAllocations = idBitmaps.map(({ idType, startOffset, usableSlots }): IdBitmap => {
    const name = idTypeOf(idType);
    if (name === undefined || !scope.ids || usableSlots < 1 || usableSlots > ID_SLOTS || startOffset + usableSlots > 0x1_0000) {
      return refuse('InvalidArgument');
    }
    return newIdBitmap({ idType: name, startOffset, usableSlots });
  });
  const ipAllocations = ipBlocks.flatMap(({ blockType, reservedStart, reservedEnd }): readonly IpBlockBitmap[] => {
    const name = ipBlockTypeOf(blockType);
    const blocks = name === undefined ? undefined : scope.blocks[name];
    if (name === undefined || blocks === undefined) return refuse('InvalidArgument');
    return blocks.map((block) => newIpBlockBitmap({ blockType: name, reservedStart, reservedEnd }, block));
  });
  requireDistinct(idBitmaps.map(({ idType }) => idType));
  requireDistinct(ipBlocks.map(({ blockType }) => blockType));
  writeExtension(frame, address, payer, { associatedWith, idAllocations, ipAllocations, interfaceCount: 0 });
}

/** Which kinds an extension may have, and what their blocks are: RFC-11's table of scopes. */
interface Scope {
  readonly ids: boolean;
  readonly blocks: { readonly [Type in IpBlockTypeName]?: readonly NetworkV4[] };
}

const networkScope = ({ deviceTunnelBlock, multicastGroupBlock }: GlobalConfig): Scope => ({
  ids: false,
  blocks: { linkTunnelNet: [deviceTunnelBlock], multicast: [multicastGroupBlock] },
});

const deviceScope = ({ userTunnelBlock }: GlobalConfig, dzPrefixes: readonly NetworkV4[]): Scope => ({
  ids: true,
  blocks: { userTunnelNet: [userTunnelBlock], dzIp: dzPrefixes },
});

export function configAt({ context, derive }: Frame, index: number): GlobalConfig {
  return decodeGlobalConfig(ownData(context, derivedAt(context, index, globalConfigAddress(context.programId, derive).address)));
}

export function writeExtension(frame: Frame, address: Address, payer: ReturnType<typeof accountAt>, extension: ResourceExtension): void {
  createAt(frame, address, payer, encodeResourceExtension(extension));
  frame.context.log(`Created ResourceExtension ${address} associated with ${extension.associatedWith}`);
}

function requireDistinct(types: readonly number[]): void {
  if (new Set(types).size < types.length) refuse('InvalidArgument');
}
