import { type Address, address, SYSTEM_PROGRAM_ID } from '../../../serviceability/index.ts';

export const SYSTEM_PROGRAM = SYSTEM_PROGRAM_ID;
export const COMPUTE_BUDGET_PROGRAM = address('ComputeBudget111111111111111111111111111111');
export const NATIVE_LOADER = address('NativeLoader1111111111111111111111111111111');
export const UPGRADEABLE_LOADER = address('BPFLoaderUpgradeab1e11111111111111111111111');

/** Keys that no transaction may write, however it asks: builtin programs and sysvars (the ones that a client of this ledger meets). */
export const RESERVED_ADDRESSES: ReadonlySet<Address> = new Set([
  SYSTEM_PROGRAM,
  COMPUTE_BUDGET_PROGRAM,
  NATIVE_LOADER,
  UPGRADEABLE_LOADER,
  address('SysvarC1ock11111111111111111111111111111111'),
  address('SysvarRent111111111111111111111111111111111'),
  address('SysvarRecentB1ockHashes11111111111111111111'),
  address('Sysvar1nstructions1111111111111111111111111'),
]);
