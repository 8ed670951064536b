import type { Slot } from '../serviceability/index.ts';
import type { AskedEndpoint, NoteSlot } from './endpoint-work.ts';
import { tooEarly } from './faults.ts';
import type { SignatureStatus } from './ledger-rpc.ts';
import { readEpochInfo, readStatuses } from './read-results.ts';

/** What the agent reads and sends by: voted on by two thirds of the stake, and thirty slots younger than `finalized`. */
export const COMMITMENT = 'confirmed';
const STATUSES_A_REQUEST = 256;

/** One host name can hide several nodes, so the slot is demanded in the request and checked in the answer. */
export async function askEpochInfo(endpoint: AskedEndpoint, note: NoteSlot, minContextSlot: Slot | undefined, signal: AbortSignal) {
  const request = { method: 'getEpochInfo', params: [{ commitment: COMMITMENT, ...atLeast(minContextSlot) }] };
  const info = await endpoint.ask(request, readEpochInfo, signal);
  note(info.slot);
  requireSlot(info.slot, minContextSlot, endpoint, request.method);
  return info;
}

export async function askStatuses(
  endpoint: AskedEndpoint,
  note: NoteSlot,
  signatures: readonly string[],
  searchTransactionHistory: boolean,
  signal: AbortSignal,
): Promise<{ readonly slot: Slot; readonly statuses: readonly (SignatureStatus | null)[] }> {
  const parts = await inChunks(signatures, STATUSES_A_REQUEST, async (chunk) => {
    const request = { method: 'getSignatureStatuses', params: [chunk, { searchTransactionHistory }] };
    const part = await endpoint.ask(request, (result) => readStatuses(result, chunk.length), signal);
    note(part.slot);
    return part;
  });
  return { slot: oldest(parts), statuses: parts.flatMap(({ statuses }) => statuses) };
}

/** Throws an EndpointFault when the answer is from before the slot that was asked for. */
export function requireSlot(actual: Slot, wanted: Slot | undefined, endpoint: AskedEndpoint, method: string): void {
  if (wanted !== undefined && actual < wanted)
    throw tooEarly(`its answer is of slot ${actual}, not of ${wanted} or later`, endpoint.url, method);
}

export function atLeast(minContextSlot: Slot | undefined): { readonly minContextSlot?: number } {
  return minContextSlot === undefined ? {} : { minContextSlot: Number(minContextSlot) };
}

/** One request after the other: the first one's connection is warm, and an endpoint that fails is asked no more. An empty list is asked once. */
export async function inChunks<T, R>(
  items: readonly T[],
  size: number,
  work: (chunk: readonly T[]) => Promise<R>,
): Promise<readonly [R, ...R[]]> {
  const results: [R, ...R[]] = [await work(items.slice(0, size))];
  for (let start = size; start < items.length; start += size) results.push(await work(items.slice(start, start + size)));
  return results;
}

/** The slot that all parts of an answer are at least of. */
export function oldest([first, ...rest]: readonly [{ readonly slot: Slot }, ...{ readonly slot: Slot }[]]): Slot {
  let least = first.slot;
  for (const { slot } of rest) if (slot < least) least = slot;
  return least;
}
