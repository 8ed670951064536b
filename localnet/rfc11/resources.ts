import {
  AccountType,
  decodeAccessPass,
  decodeDevice,
  encodeAccessPass,
  type GlobalConfig,
  type NetworkV4,
  UNSPECIFIED_IPV4,
  UserStatus,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import {
  decodeLinkWithSlots,
  decodeMulticastGroupWithSlots,
  decodeUserWithSlots,
  encodeLinkWithSlots,
  encodeMulticastGroupWithSlots,
  encodeUserWithSlots,
  ID_SLOTS,
  type IdBitmap,
  INTERFACE_ACCOUNT_TYPE,
  type IpBlockBitmap,
  type IpBlockTypeName,
  idTypeOf,
  ipBlockTypeOf,
  newIdBitmap,
  newIpBlockBitmap,
  RESOURCE_LABEL,
  type ResourceTypeName,
  type Rfc11Arguments,
  resourceExtensionAddress,
  resourcePool,
  resourceTypeOf,
  withoutNested,
} from '../../src/serviceability/rfc11/index.ts';
import { accountAt, writeProgramAccount } from '../ledger/program-accounts.ts';
import { InstructionFailure } from '../ledger/runtime.ts';
import {
  allocate,
  claimAll,
  configAt,
  countedOn,
  derivedAt,
  extensionAt,
  type Frame,
  fail,
  failSlot,
  type Holding,
  heldAt,
  heldByGroup,
  heldByLink,
  heldByUser,
  isHeld,
  isVacant,
  type OpenExtension,
  openExtension,
  overwrite,
  ownData,
  poolOf,
  refuse,
  release,
  requireFoundation,
  signerAt,
  writeExtension,
} from './state.ts';

type Args = Rfc11Arguments['BackfillEntitySlots'];

/**
 * BackfillEntitySlots: accounts entity, authority; GlobalState, then for a user its device's extension and its access pass, for a link the network's
 * extension and those of side A and Z, for a group the network's; System program. Each slot must be the one of the entity's own value, marked by
 * SetResourceState, and no other entity's. A value that has no slot is logged, and stays outside of the pools.
 */
export function backfillEntitySlots(frame: Frame, args: Args): void {
  const { context } = frame;
  const authority = signerAt(context, 1);
  requireFoundation(frame, authority, 2);
  const entity = accountAt(context, 0);
  const { content, holdings } = backfilled(frame, ownData(context, entity.address), args);
  claimAll(holdings);
  writeProgramAccount(context, entity, authority, content);
  const outside = holdings.filter((holding) => !isHeld(holding)).map(({ label }) => label);
  context.log(`Backfilled slots of ${entity.address}${outside.length === 0 ? '' : `; without a slot: ${outside.join(', ')}`}`);
}

interface Backfilled {
  readonly content: Uint8Array;
  readonly holdings: readonly Holding[];
}

function backfilled(frame: Frame, data: Uint8Array, args: Args): Backfilled {
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

/** The slots that an entity of this kind needs; InvalidArgument for one that is missing, or of another kind. */
function slotsOf<Name extends keyof Args>(args: Args, names: readonly Name[]): Readonly<Record<Name, number>> {
  const isOf = (given: Args): given is Args & Readonly<Record<Name, number>> =>
    names.every((name) => given[name] !== undefined) && Object.values(given).filter((slot) => slot !== undefined).length === names.length;
  return isOf(args) ? args : refuse('InvalidArgument');
}

/** One that was banned before holds nothing; it counts on its pass no longer, as one banned by BanUser. */
function userWithSlots(frame: Frame, data: Uint8Array, args: Args): Backfilled {
  const { context } = frame;
  const { value: user, slots: former } = decodeUserWithSlots(data);
  if (former !== undefined) fail('SlotsAlreadyTracked');
  const { tunnelNetSlot, dzIpSlot, tunnelIdSlot } = slotsOf(args, ['tunnelNetSlot', 'dzIpSlot', 'tunnelIdSlot']);
  const slots = { tunnelNetSlot, dzIpSlot, tunnelIdSlot };
  const holdings = heldByUser(extensionAt(frame, 3, user.devicePk), user, slots);
  const pass = heldAt(context, 4, decodeAccessPass);
  const isFor = pass.value.clientIp === UNSPECIFIED_IPV4 || pass.value.clientIp === user.clientIp;
  if (pass.value.userPayer !== user.owner || !isFor) refuse('AccessPassUnauthorized');
  if (user.status === UserStatus.banned) overwrite(frame, pass.address, encodeAccessPass(countedOn(pass.value, user, -1)));
  return { content: encodeUserWithSlots({ value: user, slots: { ...slots, accessPassPk: pass.address } }), holdings };
}

function linkWithSlots(frame: Frame, data: Uint8Array, args: Args): Backfilled {
  const { value: link, slots: former } = decodeLinkWithSlots(data);
  if (former !== undefined) fail('SlotsAlreadyTracked');
  const { tunnelNetSlot, tunnelIdSlot, tunnelIdSlotB } = slotsOf(args, ['tunnelNetSlot', 'tunnelIdSlot', 'tunnelIdSlotB']);
  const slots = { tunnelNetSlot, tunnelIdSlotA: tunnelIdSlot, tunnelIdSlotB };
  const [a, b] = [extensionAt(frame, 4, link.sideAPk), extensionAt(frame, 5, link.sideZPk)];
  return { content: encodeLinkWithSlots({ value: link, slots }), holdings: heldByLink(a, b, extensionAt(frame, 3), link, slots) };
}

function groupWithSlots(frame: Frame, data: Uint8Array, args: Args): Backfilled {
  const { value: group, slots: former } = decodeMulticastGroupWithSlots(data);
  if (former !== undefined) fail('SlotsAlreadyTracked');
  const { multicastSlot } = slotsOf(args, ['multicastSlot']);
  const slots = { multicastSlot };
  return { content: encodeMulticastGroupWithSlots({ value: group, slots }), holdings: heldByGroup(extensionAt(frame, 3), group, slots) };
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
  blocks: { userTunnelNet: [userTunnelBlock], dzIp: withoutNested(dzPrefixes) },
});

function requireDistinct(types: readonly number[]): void {
  if (new Set(types).size < types.length) refuse('InvalidArgument');
}

/*
 * What the foundation does to a bitmap by hand. Accounts of all three: extension, authority; GlobalState. "Program CPI", the other authority that
 * RFC-11 grants, is the use of the same operations by its other instructions.
 */

/** AllocateResource. The slot goes into the log, and into the return data (u32 LE). */
export function allocateResource(frame: Frame, { resourceType }: Rfc11Arguments['AllocateResource']): void {
  const target = extensionOfFoundation(frame);
  const slot = allocate(frame, target, typeOf(resourceType));
  target.save();
  const data = Buffer.alloc(4);
  data.writeUInt32LE(slot);
  frame.context.setReturnData(data);
}

/** ReleaseResource. */
export function releaseResource(frame: Frame, { resourceType, slot }: Rfc11Arguments['ReleaseResource']): void {
  const target = extensionOfFoundation(frame);
  release(frame, target, typeOf(resourceType), slot);
  target.save();
}

/** SetResourceState. A slot that is taken already stays as it is and is counted once, so that a call may be repeated after a lost answer. */
export function setResourceState(frame: Frame, { resourceType, slots }: Rfc11Arguments['SetResourceState']): void {
  const target = extensionOfFoundation(frame);
  const type = typeOf(resourceType);
  const marked = slots.filter((slot) => mark(target, type, slot));
  target.save(signerAt(frame.context, 1));
  const list = marked.length === 0 ? '' : `: ${marked.join(', ')}`;
  const rest = marked.length === slots.length ? '' : `; ${slots.length - marked.length} were taken already`;
  frame.context.log(`SetResourceState: ${RESOURCE_LABEL[type]} marked ${marked.length} slots${list}${rest}`);
}

function extensionOfFoundation(frame: Frame): OpenExtension {
  const { context, derive } = frame;
  requireFoundation(frame, signerAt(context, 1), 2);
  const target = openExtension(frame, accountAt(context, 0).address);
  derivedAt(context, 0, resourceExtensionAddress(context.programId, target.extension.associatedWith, derive).address);
  return target;
}

function typeOf(byte: number): ResourceTypeName {
  return resourceTypeOf(byte) ?? refuse('InvalidArgument');
}

/** Takes this very slot for an entity from before RFC-11; false when it is taken already. */
function mark({ extension }: OpenExtension, type: ResourceTypeName, slot: number): boolean {
  const problem = poolOf(resourcePool(extension, type)).mark(slot, true);
  if (problem === 'already-allocated') return false;
  return problem === undefined || failSlot(problem);
}
