import { AccountReader } from './account-reader.ts';
import type { KeyMemo } from './key-memo.ts';
import { AccountDataError } from './serviceability-error.ts';

/** Byte 0 of every account of the program. 14 is not used. */
export const AccountType = {
  none: 0,
  globalState: 1,
  globalConfig: 2,
  location: 3,
  exchange: 4,
  device: 5,
  link: 6,
  user: 7,
  multicastGroup: 8,
  programConfig: 9,
  contributor: 10,
  accessPass: 11,
  resourceExtension: 12,
  tenant: 13,
  permission: 15,
  index: 16,
  topology: 17,
  feed: 18,
} as const;

/** The name of a type of account; `none` is byte 0. */
export type AccountTypeName = keyof typeof AccountType;

const NAMES: ReadonlyMap<number, AccountTypeName> = /* @__PURE__ */ (() =>
  new Map(Object.entries(AccountType).map(([name, byte]) => [byte, name as AccountTypeName])))();

/** What an account of the program is, by its first byte; `none` for empty data and for bytes that the program does not know either. */
export function accountType(data: Uint8Array): AccountTypeName {
  return NAMES.get(data[0] ?? AccountType.none) ?? 'none';
}

/** A reader that stands after the type byte. Throws AccountDataError when the data is empty or of another type. */
export function openAccount(data: Uint8Array, expected: AccountTypeName, memo?: KeyMemo): AccountReader {
  const actual = data[0];
  if (actual === undefined) throw new AccountDataError('ACCOUNT__EMPTY', { expected });
  const expectedType = AccountType[expected];
  if (actual !== expectedType) throw new AccountDataError('ACCOUNT__WRONG_TYPE', { actual, expected, expectedType });
  const reader = new AccountReader(data, memo);
  reader.u8();
  return reader;
}
