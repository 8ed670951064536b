import { ipv4FromNumber, ipv4ToNumber, isIpv4, UNSPECIFIED_IPV4 } from './ipv4.ts';
import { quoted, ServiceabilityError } from './serviceability-error.ts';
import type { Ipv4, NetworkV4 } from './units.ts';

/** `0.0.0.0/0`, which the program stores for "none". */
export const UNSPECIFIED_NETWORK: NetworkV4 = { address: UNSPECIFIED_IPV4, prefixLength: 0 };

/** Reads `a.b.c.d/n`; the address is kept as written, not masked. Throws ServiceabilityError `NETWORK_V4__INVALID`. */
export function parseNetworkV4(text: string): NetworkV4 {
  const match = /^([^/]+)\/(0|[1-9][0-9]?)$/.exec(text);
  const address = match?.[1];
  const prefixLength = Number(match?.[2]);
  if (!isIpv4(address) || prefixLength > 32) throw new ServiceabilityError('NETWORK_V4__INVALID', { text: quoted(text) });
  return { address, prefixLength };
}

/** `a.b.c.d/n`, the address as stored. */
export function formatNetworkV4(network: NetworkV4): string {
  return `${network.address}/${network.prefixLength}`;
}

/** The two ends of a user's tunnel. */
export interface TunnelSides {
  /** The even address: the switch's. */
  readonly deviceSide: Ipv4;
  /** The odd one: the user's, which the switch sees as its BGP neighbor (RFC-19). */
  readonly clientSide: Ipv4;
}

/** The two ends of a tunnel_net, or undefined when it is not a /31: then it names no pair of addresses. */
export function tunnelSides(network: NetworkV4): TunnelSides | undefined {
  if (network.prefixLength !== 31) return undefined;
  const base = ipv4ToNumber(network.address) & ~1;
  return { deviceSide: ipv4FromNumber(base), clientSide: ipv4FromNumber(base | 1) };
}
