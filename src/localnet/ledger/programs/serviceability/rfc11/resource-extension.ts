import {
  type Address,
  decodeDevice,
  decodeGlobalConfig,
  type GlobalConfig,
  type NetworkV4,
  ZERO_ADDRESS,
} from '../../../../../serviceability/index.ts';
import {
  encodeResourceExtension,
  globalConfigAddress,
  ID_SLOTS,
  type IdBitmap,
  type IpBlockBitmap,
  type IpBlockTypeName,
  idTypeOf,
  ipBlockTypeOf,
  newIdBitmap,
  newIpBlockBitmap,
  type ResourceExtension,
  type Rfc11Arguments,
  resourceExtensionAddress,
} from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { createAt, derivedAt, heldAt, isVacant, ownData, requireFoundation, signerAt } from './accounts.ts';
import { type Frame, fail, refuse } from './frame.ts';

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
