import { ed25519 } from '@noble/curves/ed25519';
import { sha256 } from '@noble/hashes/sha2';
import { addressBytes, addressOf } from './address.ts';
import { ServiceabilityError } from './serviceability-error.ts';
import type { Address } from './units.ts';

const MAX_SEEDS = 16;
const MAX_SEED_LENGTH = 32;
const MARKER = /* @__PURE__ */ new TextEncoder().encode('ProgramDerivedAddress');

/** An address that only the program can sign for, and the last seed byte that takes it off the curve. */
export interface ProgramAddress {
  readonly address: Address;
  readonly bump: number;
}

/**
 * Solana's program-derived address: the first hash of the seeds, a bump counted down from 255, the program and a marker that is not a
 * point of the curve. Throws ServiceabilityError `PDA__BAD_SEEDS` for more than 15 seeds (the bump is one more) or a seed above 32 bytes.
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
