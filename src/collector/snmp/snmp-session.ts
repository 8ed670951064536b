import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import type { AgentError } from '../../lib/index.ts';
import type { Oid } from './peer-mib.ts';
import type { VarBind } from './response.ts';

export type SnmpRequest = { readonly oids: readonly Oid[] } & (
  | { readonly kind: 'get' }
  | { readonly kind: 'get-next' }
  | { readonly kind: 'get-bulk'; readonly maxRepetitions: number }
);

/** One socket to one agent, to read one VRF, for as many requests at once as wanted. */
export interface SnmpSession {
  /**
   * Resolves with the varbinds of the answer. Rejects on an error-status (with ViewRefused when it says that this VRF is not for us), when
   * all transmissions stay unanswered, and with the signal's reason; over SNMPv3 with an AgentError when the agent refuses the user.
   */
  request(request: SnmpRequest, signal: AbortSignal): Promise<readonly VarBind[]>;
  /** What it probably means that requests stay without an answer, where this session can tell. */
  meaningOfSilence?(): AgentError | undefined;
  /** Ends the socket; requests under way reject. Idempotent. */
  close(): void;
}

/** The agent says that this community or context has no access. */
export class ViewRefused extends Error {
  override readonly name = 'ViewRefused';
}

/** RFC 3416 error-status: noAccess, authorizationError. */
const REFUSALS: readonly number[] = [6, 16];

export function errorOfStatus(errorStatus: number): Error {
  const problem = `the agent answered with error status ${errorStatus}`;
  return REFUSALS.includes(errorStatus) ? new ViewRefused(problem) : new Error(problem);
}

/** The agent's numeric address, as a received datagram would show it. Rejects when the name does not resolve. */
export async function resolveHost(host: string): Promise<string> {
  const address = isIP(host) === 0 ? (await lookup(host, { order: 'ipv4first' })).address : host;
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}
