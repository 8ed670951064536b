import { ed25519 } from '@noble/curves/ed25519';
import { sha256 } from '@noble/hashes/sha2';
import { addressBytes, addressOf } from './address.ts';
import { AccountWriter, ipv4Bytes, u8Bytes, utf8 } from './borsh.ts';
import { type Address, type Ipv4, ServiceabilityError } from './units.ts';

const MAX_SEEDS = 16;
const MAX_SEED_LENGTH = 32;
const MARKER = /* @__PURE__ */ new TextEncoder().encode('ProgramDerivedAddress');

/** A program-derived address and its bump seed. */
export interface ProgramAddress {
  readonly address: Address;
  readonly bump: number;
}

/**
 * Finds Solana's program-derived address: bumps count down from 255 until the hash of seeds, bump, program and marker is off the ed25519
 * curve. Throws ServiceabilityError `PDA__BAD_SEEDS` for more than 15 seeds (the bump is one more) or a seed above 32 bytes.
 */
export function findProgramAddress(seeds: readonly Uint8Array[], programId: Address): ProgramAddress {
  if (seeds.length >= MAX_SEEDS) throw badSeeds(`there are ${seeds.length}, and at most ${MAX_SEEDS - 1} are allowed`);
  const long = seeds.findIndex((seed) => seed.length > MAX_SEED_LENGTH);
  if (long >= 0) throw badSeeds(`seed ${long + 1} is ${seeds[long]?.length} bytes long, and at most ${MAX_SEED_LENGTH} are allowed`);

  const prefix = sha256.create();
  for (const seed of seeds) prefix.update(seed);
  const program = addressBytes(programId);
  for (let bump = 255; bump >= 0; bump--) {
    const hash = prefix.clone().update(Uint8Array.of(bump)).update(program).update(MARKER).digest();
    if (!isOnCurve(hash)) return { address: addressOf(hash), bump };
  }
  throw badSeeds('every bump gives a point of the curve');
}

function isOnCurve(bytes: Uint8Array): boolean {
  try {
    ed25519.Point.fromHex(bytes);
    return true;
  } catch {
    return false;
  }
}

function badSeeds(problem: string): ServiceabilityError {
  return new ServiceabilityError('PDA__BAD_SEEDS', { problem });
}

/*
 * The deployed program's account addresses. Every seed list begins with "doublezero"; numbers are little-endian.
 * All of these throw ServiceabilityError: `PDA__BAD_SEEDS` for a code or name above 32 bytes, `ENCODING__OUT_OF_RANGE` for a number that its seed cannot
 * hold.
 */

/** The one GlobalState account of a network. */
export const globalStateAddress = (programId: Address): ProgramAddress => derive(programId, 'globalstate');
/** The one GlobalConfig account of a network. */
export const globalConfigAddress = (programId: Address): ProgramAddress => derive(programId, 'config');
/** The one ProgramConfig account of a network. */
export const programConfigAddress = (programId: Address): ProgramAddress => derive(programId, 'programconfig');

/** A Location, by its index (u128). */
export const locationAddress = (programId: Address, index: bigint): ProgramAddress => derive(programId, 'location', u128Bytes(index));
/** An Exchange, by its index (u128). */
export const exchangeAddress = (programId: Address, index: bigint): ProgramAddress => derive(programId, 'exchange', u128Bytes(index));
/** A Device, by its index (u128). */
export const deviceAddress = (programId: Address, index: bigint): ProgramAddress => derive(programId, 'device', u128Bytes(index));
/** A Link, by its index (u128). */
export const linkAddress = (programId: Address, index: bigint): ProgramAddress => derive(programId, 'link', u128Bytes(index));
/** A MulticastGroup, by its index (u128). */
export const multicastGroupAddress = (programId: Address, index: bigint): ProgramAddress =>
  derive(programId, 'multicast', u128Bytes(index));
/** A Contributor, by its index (u128). */
export const contributorAddress = (programId: Address, index: bigint): ProgramAddress => derive(programId, 'contributor', u128Bytes(index));

/**
 * A user's address depends only on its client address and type: a user that is deleted and created again, on any device, has the same
 * address.
 */
export const userAddress = (programId: Address, clientIp: Ipv4, userType: number): ProgramAddress =>
  derive(programId, 'user', ipv4Bytes(clientIp), u8Bytes(userType));
/** A user created before accounts were keyed by client address. */
export const legacyUserAddress = (programId: Address, index: bigint): ProgramAddress => derive(programId, 'user', u128Bytes(index));

/** A Tenant, by its code. */
export const tenantAddress = (programId: Address, code: string): ProgramAddress => derive(programId, 'tenant', utf8(code));
/** The Permission of one key. */
export const permissionAddress = (programId: Address, userPayer: Address): ProgramAddress =>
  derive(programId, 'permission', addressBytes(userPayer));
/** An AccessPass; `clientIp` 0.0.0.0 allows any address. */
export const accessPassAddress = (programId: Address, clientIp: Ipv4, userPayer: Address): ProgramAddress =>
  derive(programId, 'accesspass', ipv4Bytes(clientIp), addressBytes(userPayer));
/** A Feed, by its code and its Exchange. */
export const feedAddress = (programId: Address, code: string, exchange: Address): ProgramAddress =>
  derive(programId, 'feed', utf8(code), addressBytes(exchange));
/** A Topology, by its name; the seed is the name with ASCII letters in upper case. */
export const topologyAddress = (programId: Address, name: string): ProgramAddress =>
  derive(programId, 'topology', utf8(name.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase())));
/** An Index; `entitySeed` is the entity's own first seed, such as `device`, and ASCII letters of the key are lowercased. */
export const indexAddress = (programId: Address, entitySeed: string, key: string): ProgramAddress =>
  derive(programId, 'index', utf8(entitySeed), utf8(key.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())));

/** A pool that the program allocates from (RFC-11); a device's pools come in numbered parts. */
export type ResourcePool =
  | {
      readonly kind:
        | 'devicetunnelblock'
        | 'usertunnelblock'
        | 'multicastgroupblock'
        | 'multicastpublisherblock'
        | 'linkids'
        | 'segmentroutingids'
        | 'vrfids'
        | 'admingroupbits';
    }
  | { readonly kind: 'dzprefixblock' | 'tunnelids'; readonly device: Address; readonly index: bigint };

/** The ResourceExtension account of a pool. The deployed program has one per pool, not one per device as RFC-11 drafted. */
export const resourceExtensionAddress = (programId: Address, pool: ResourcePool): ProgramAddress =>
  'device' in pool
    ? derive(programId, pool.kind, addressBytes(pool.device), new AccountWriter().u64(pool.index).finish())
    : derive(programId, pool.kind);

function derive(programId: Address, kind: string, ...seeds: readonly Uint8Array[]): ProgramAddress {
  return findProgramAddress([utf8('doublezero'), utf8(kind), ...seeds], programId);
}

const u128Bytes = (value: bigint): Uint8Array => new AccountWriter().u128(value).finish();
