import {
  RESOURCE_LABEL,
  type ResourceTypeName,
  type Rfc11Arguments,
  resourceExtensionAddress,
  resourceTypeOf,
} from '../../../../../serviceability/rfc11/index.ts';
import { accountAt } from '../program-accounts.ts';
import { derivedAt, requireFoundation, signerAt } from './accounts.ts';
import { allocate, mark, type OpenExtension, open, release } from './extensions.ts';
import { type Frame, refuse } from './frame.ts';

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
  frame.context.logRaw(`Program return: ${frame.context.programId} ${data.toString('base64')}`);
}

/** ReleaseResource. */
export function releaseResource(frame: Frame, { resourceType, slot }: Rfc11Arguments['ReleaseResource']): void {
  const target = extensionOfFoundation(frame);
  release(frame, target, typeOf(resourceType), slot);
  target.save();
}

/** SetResourceState. A slot that is taken already refuses the whole call: counted twice, it could never be given back. */
export function setResourceState(frame: Frame, { resourceType, slots }: Rfc11Arguments['SetResourceState']): void {
  const target = extensionOfFoundation(frame);
  const type = typeOf(resourceType);
  for (const slot of slots) mark(target, type, slot);
  target.save();
  frame.context.log(`SetResourceState: ${RESOURCE_LABEL[type]} marked ${slots.length} slots: ${slots.join(', ')}`);
}

function extensionOfFoundation(frame: Frame): OpenExtension {
  const { context, derive } = frame;
  requireFoundation(frame, signerAt(context, 1), 2);
  const target = open(frame, accountAt(context, 0).address);
  derivedAt(context, 0, resourceExtensionAddress(context.programId, target.extension.associatedWith, derive).address);
  return target;
}

function typeOf(byte: number): ResourceTypeName {
  return resourceTypeOf(byte) ?? refuse('InvalidArgument');
}
