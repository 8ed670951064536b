import type { Slot } from '../serviceability/index.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import type { RpcReply, RpcRequest } from './json-rpc.ts';

/** Reads the result of one method, or throws Malformed (or an AgentError that says more). */
export type ReadResult<T> = (result: unknown, endpoint: string) => T | Promise<T>;

/** One endpoint, as the methods of the ledger client use it. */
export interface AskedEndpoint {
  readonly url: EndpointUrl;
  /** One request, its result read. Throws EndpointFault, also when the signal was aborted: only the caller knows whose signal it is. */
  ask<T>(request: RpcRequest, read: ReadResult<T>, signal: AbortSignal): Promise<T>;
  /** The same for a method whose errors mean something: `read` is given whatever came of the request. */
  offer<T>(request: RpcRequest, read: (reply: RpcReply) => T, signal: AbortSignal): Promise<T>;
}

/** How work on one endpoint tells for which slot it was answered. Throws EndpointFault when that slot cannot be decided by. */
export type NoteSlot = (slot: Slot) => void;
export type EndpointWork<T> = (endpoint: AskedEndpoint, noteSlot: NoteSlot, signal: AbortSignal) => Promise<T>;
