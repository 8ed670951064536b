import { type Address, ZERO_ADDRESS } from '../../../../../serviceability/index.ts';
import {
  decodeResourceExtension,
  encodeResourceExtension,
  RESOURCE_LABEL,
  type ResourceExtension,
  type ResourcePool,
  type ResourceTypeName,
  type Rfc11ErrorName,
  resourceExtensionAddress,
  resourcePool,
  type SlotProblem,
} from '../../../../../serviceability/rfc11/index.ts';
import { derivedAt, ownData } from './accounts.ts';
import { type Frame, fail } from './frame.ts';

/** An extension that an instruction works on; what it changes is written by `save`. */
export interface OpenExtension {
  readonly address: Address;
  readonly extension: ResourceExtension;
  save(): void;
}

/** The extension of a device, or of the network without one, at this position. InvalidSeeds when another account stands there. */
export function extensionAt(frame: Frame, index: number, associatedWith: Address = ZERO_ADDRESS): OpenExtension {
  const { context, derive } = frame;
  return open(frame, derivedAt(context, index, resourceExtensionAddress(context.programId, associatedWith, derive).address));
}

export function open({ context }: Frame, address: Address): OpenExtension {
  const extension = decodeResourceExtension(ownData(context, address));
  return {
    address,
    extension,
    save: () => context.write(address, { ...context.read(address), data: encodeResourceExtension(extension) }),
  };
}

const EXHAUSTED: Readonly<Record<ResourceTypeName, Rfc11ErrorName>> = {
  tunnelId: 'TunnelIdExhausted',
  segmentRoutingId: 'SegmentRoutingIdExhausted',
  userTunnelNet: 'UserTunnelNetExhausted',
  linkTunnelNet: 'LinkTunnelNetExhausted',
  dzIp: 'DzIpExhausted',
  multicast: 'MulticastExhausted',
};

const PROBLEM: Readonly<Record<SlotProblem, Rfc11ErrorName>> = {
  'out-of-range': 'SlotOutOfRange',
  reserved: 'SlotReserved',
  'already-allocated': 'SlotAlreadyAllocated',
  'not-allocated': 'SlotNotAllocated',
};

/** A pool that must be there. */
export function poolOf<Pool extends ResourcePool>(pool: Pool | undefined): Pool {
  return pool ?? fail('ResourceNotFound');
}

/**
 * AllocateResource as another instruction uses it: the lowest free slot of the pool, told in the log. RFC-11 makes this a call of the program to
 * itself; for that the program would have to be among the accounts, and RFC-11 lists it nowhere.
 */
export function allocate({ context }: Frame, { extension }: OpenExtension, type: ResourceTypeName): number {
  const slot = poolOf(resourcePool(extension, type)).allocate();
  if (slot === undefined) return fail(EXHAUSTED[type]);
  context.log(`AllocateResource: ${RESOURCE_LABEL[type]} slot ${slot}`);
  return slot;
}

/** ReleaseResource as another instruction uses it. */
export function release({ context }: Frame, { extension }: OpenExtension, type: ResourceTypeName, slot: number): void {
  const problem = poolOf(resourcePool(extension, type)).release(slot);
  if (problem !== undefined) fail(PROBLEM[problem]);
  context.log(`ReleaseResource: ${RESOURCE_LABEL[type]} slot ${slot}`);
}

/** Takes this very slot, which must be free. */
export function mark({ extension }: OpenExtension, type: ResourceTypeName, slot: number): void {
  const problem = poolOf(resourcePool(extension, type)).mark(slot);
  if (problem !== undefined) fail(PROBLEM[problem]);
}
