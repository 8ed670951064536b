import type { AccountReader } from './account-reader.ts';
import { AccountType, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';

/** A version of the program or of a client. */
export interface ProgramVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** The ProgramConfig account (type 9): which program a network runs. A field that the account is too short to hold reads as zero. */
export interface ProgramConfig {
  readonly bumpSeed: number;
  readonly version: ProgramVersion;
  /** The oldest client that the program's operators want to see. */
  readonly minCompatibleVersion: ProgramVersion;
}

/** Reads a ProgramConfig account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeProgramConfig(data: Uint8Array): ProgramConfig {
  const reader = openAccount(data, 'programConfig');
  return { bumpSeed: reader.u8(), version: readVersion(reader), minCompatibleVersion: readVersion(reader) };
}

/** The account's 26 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeProgramConfig({ bumpSeed, version, minCompatibleVersion }: ProgramConfig): Uint8Array {
  const writer = new AccountWriter().u8(AccountType.programConfig).u8(bumpSeed);
  for (const { major, minor, patch } of [version, minCompatibleVersion]) writer.u32(major).u32(minor).u32(patch);
  return writer.finish();
}

/** `major.minor.patch` */
export function formatProgramVersion({ major, minor, patch }: ProgramVersion): string {
  return `${major}.${minor}.${patch}`;
}

function readVersion(reader: AccountReader): ProgramVersion {
  return { major: reader.u32(), minor: reader.u32(), patch: reader.u32() };
}
