/** The faces of the switch, each behind a relay that counts bytes. */
export interface SwitchFaces {
  readonly eapi: number;
  readonly grpc: number;
  readonly snmp: number;
  /** A folder of namespaces, and a program that prints what `ip netns exec NAME ss …` would. */
  readonly netns: string;
  readonly ip: string;
  /** What `ss` prints in all of them. */
  readonly ssBytes: number;
}

export const VRFS = ['default', 'vrf1', 'vrf2'];
export const COMMUNITY = 'bench';

/** Neighbors by turns in the VRFs, on the addresses that users' tunnels have. */
export function addressOfNeighbor(n: number): { readonly vrf: string; readonly address: string } {
  const client = 2 * n + 1;
  return { vrf: VRFS[n % VRFS.length] ?? '', address: `169.254.${client >> 8}.${client & 255}` };
}
