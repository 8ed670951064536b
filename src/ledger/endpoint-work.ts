import type { Slot } from '../serviceability/index.ts';
import type { Endpoint } from './endpoint.ts';

/** How work on one endpoint tells for which slot it was answered. Throws EndpointFault when that slot cannot be decided by. */
export type NoteSlot = (slot: Slot) => void;
export type EndpointWork<T> = (endpoint: Endpoint, noteSlot: NoteSlot, signal: AbortSignal) => Promise<T>;
