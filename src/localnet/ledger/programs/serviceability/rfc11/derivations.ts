import { type Address, findProgramAddress, type ProgramAddress } from '../../../../../serviceability/index.ts';
import type { Derive } from '../../../../../serviceability/rfc11/index.ts';

/** As many as a device's users, links and interfaces, twice over. */
const REMEMBERED = 8_192;

/**
 * findProgramAddress with a memory: the curve arithmetic behind an address takes longer than all the rest of an instruction. The oldest is
 * forgotten when it is full.
 */
export function createDerivations(): Derive {
  const known = new Map<string, ProgramAddress>();

  return (seeds: readonly Uint8Array[], programId: Address): ProgramAddress => {
    const key = `${programId}|${seeds.map((seed) => Buffer.from(seed).toString('hex')).join('|')}`;
    const found = known.get(key) ?? findProgramAddress(seeds, programId);
    if (known.size >= REMEMBERED && !known.has(key)) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(key, found);
    return found;
  };
}
