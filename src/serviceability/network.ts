import { type Address, type Ipv4, type NetworkV4, quoted, ServiceabilityError } from './units.ts';

/** `0.0.0.0`, which the program stores for "none". */
export const UNSPECIFIED_IPV4 = '0.0.0.0' as Ipv4;

// A leading zero is rejected: some parsers read 010 as eight.
const OCTET = '(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])';
const DOTTED = /* @__PURE__ */ new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);

/** Networks that the program rejects for client, DoubleZero and tunnel endpoint addresses. 198.18.0.0/15 is allowed. */
const NOT_GLOBAL: readonly (readonly [number, number])[] = /* @__PURE__ */ [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
].map(([base, length]) => [numberOf(String(base)), Number(length)] as const);
const LINK_LOCAL = /* @__PURE__ */ numberOf('169.254.0.0');

/** Whether the text is an IPv4 address in dotted form. */
export function isIpv4(value: unknown): value is Ipv4 {
  return typeof value === 'string' && DOTTED.test(value);
}

/** Checks and brands an address in dotted form. Throws ServiceabilityError `IPV4__INVALID`. */
export function ipv4(text: string): Ipv4 {
  if (!isIpv4(text)) throw new ServiceabilityError('IPV4__INVALID', { text: quoted(text) });
  return text;
}

/** The address as a number from 0 to 2^32 - 1. Throws ServiceabilityError `IPV4__INVALID`. */
export function ipv4ToNumber(text: Ipv4): number {
  return numberOf(ipv4(text));
}

/** The address for a number from 0 to 2^32 - 1; only the low 32 bits count. */
export function ipv4FromNumber(value: number): Ipv4 {
  return `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Ipv4;
}

/** Whether the program accepts the address as globally routable (User account checks). */
export function isGloballyRoutable(text: Ipv4): boolean {
  const value = ipv4ToNumber(text);
  return !NOT_GLOBAL.some(([base, length]) => isWithin(value, base, length));
}

/** Whether the address lies in 169.254.0.0/16, where every user tunnel must (User account checks). */
export function isLinkLocal(text: Ipv4): boolean {
  return isWithin(ipv4ToNumber(text), LINK_LOCAL, 16);
}

function isWithin(value: number, base: number, length: number): boolean {
  return (value ^ base) >>> (32 - length) === 0;
}

function numberOf(dotted: string): number {
  let value = 0;
  for (const octet of dotted.split('.')) value = value * 256 + Number(octet);
  return value;
}

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

/** The addresses of a network as numbers: the first, and how many there are. The network may be written with any of them. */
export function networkRange({ address, prefixLength }: NetworkV4): { readonly first: number; readonly count: number } {
  const count = 2 ** (32 - prefixLength);
  return { first: Math.floor(ipv4ToNumber(address) / count) * count, count };
}

/** The two ends of a user's tunnel. */
export interface TunnelSides {
  /** The even address: the switch's. */
  readonly deviceSide: Ipv4;
  /** The odd one: the user's, which the switch sees as its BGP neighbor (RFC-19). */
  readonly clientSide: Ipv4;
}

/** The two ends of a tunnel_net; undefined when it is not a /31. */
export function tunnelSides(network: NetworkV4): TunnelSides | undefined {
  if (network.prefixLength !== 31) return undefined;
  const base = ipv4ToNumber(network.address) & ~1;
  return { deviceSide: ipv4FromNumber(base), clientSide: ipv4FromNumber(base | 1) };
}

/** A DoubleZero network, as built into DoubleZero's public clients. */
export interface Network {
  readonly name: 'mainnet-beta' | 'testnet' | 'devnet' | 'localnet';
  /** Other names that DoubleZero's own commands accept. */
  readonly aliases: readonly string[];
  /** The serviceability program. */
  readonly programId: Address;
  /** The program that holds latency samples. */
  readonly telemetryProgramId: Address;
  /** JSON-RPC of the DoubleZero ledger, a Solana cluster of its own. */
  readonly rpcUrl: string;
  readonly wsUrl: string;
  /** The AS number that a device of this network presents to its users. */
  readonly deviceAsn: number;
}

const TEST_LEDGER = 'doublezerolocalnet.rpcpool.com/8a4fd3f4-0977-449f-88c7-63d4b0f10f16';
const MAINNET_LEDGER = 'doublezero-mainnet-beta.rpcpool.com/db336024-e7a8-46b1-80e5-352dd77060ab';
const TEST_TELEMETRY = 'C9xqH76NSm11pBS6maNnY163tWHT8Govww47uyEmSnoG' as Address;

/** DoubleZero's networks; see findNetwork. */
export const NETWORKS: readonly Network[] = /* @__PURE__ */ (() => [
  {
    name: 'mainnet-beta',
    aliases: ['mainnet', 'm'],
    programId: 'ser2VaTMAcYTaauMrTSfSrxBaUDq7BLNs2xfUugTAGv' as Address,
    telemetryProgramId: 'tE1exJ5VMyoC9ByZeSmgtNzJCFF74G9JAv338sJiqkC' as Address,
    rpcUrl: `https://${MAINNET_LEDGER}`,
    wsUrl: `wss://${MAINNET_LEDGER}`,
    deviceAsn: 209_321,
  },
  {
    name: 'testnet',
    aliases: ['t'],
    programId: 'DZtnuQ839pSaDMFG5q1ad2V95G82S5EC4RrB3Ndw2Heb' as Address,
    telemetryProgramId: '3KogTMmVxc5eUHtjZnwm136H5P8tvPwVu4ufbGPvM7p1' as Address,
    rpcUrl: `https://${TEST_LEDGER}`,
    wsUrl: `wss://${TEST_LEDGER}/whirligig`,
    deviceAsn: 65_342,
  },
  {
    name: 'devnet',
    aliases: ['d'],
    programId: 'GYhQDKuESrasNZGyhMJhGYFtbzNijYhcrN9poSqCQVah' as Address,
    telemetryProgramId: TEST_TELEMETRY,
    rpcUrl: `https://${TEST_LEDGER}`,
    wsUrl: `wss://${TEST_LEDGER}/whirligig`,
    deviceAsn: 21_682,
  },
  {
    name: 'localnet',
    aliases: ['local', 'l'],
    programId: '7CTniUa88iJKUHTrCkB4TjAoG6TD7AMivhQeuqN2LPtX' as Address,
    telemetryProgramId: TEST_TELEMETRY,
    rpcUrl: 'http://localhost:8899',
    wsUrl: 'ws://localhost:8899',
    deviceAsn: 21_682,
  },
])();

/** The network with that name or alias, ignoring case; undefined when there is none. */
export function findNetwork(nameOrAlias: string): Network | undefined {
  const wanted = nameOrAlias.toLowerCase();
  return NETWORKS.find((network) => network.name === wanted || network.aliases.includes(wanted));
}
