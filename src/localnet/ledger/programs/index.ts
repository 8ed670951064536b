import type { Address } from '../../../serviceability/index.ts';
import { type Account, createAccount, type Program } from '../runtime/index.ts';
import { COMPUTE_BUDGET_PROGRAM, NATIVE_LOADER, SYSTEM_PROGRAM, UPGRADEABLE_LOADER } from '../transaction/index.ts';
import { computeBudgetProgram } from './compute-budget-program.ts';
import { createServiceabilityProgram } from './serviceability/index.ts';
import { systemProgram } from './system-program.ts';

export type { Processor } from './serviceability/index.ts';

/** The programs of this ledger by address. */
export function createPrograms(serviceability: Address): ReadonlyMap<Address, Program> {
  return new Map([
    [SYSTEM_PROGRAM, systemProgram],
    [COMPUTE_BUDGET_PROGRAM, computeBudgetProgram],
    [serviceability, createServiceabilityProgram()],
  ]);
}

/** The accounts that the programs themselves are. */
export function programAccounts(serviceability: Address): ReadonlyMap<Address, Account> {
  const executable = (owner: Address, data: Uint8Array): Account => ({ ...createAccount(owner, data), executable: true });
  return new Map([
    [SYSTEM_PROGRAM, executable(NATIVE_LOADER, new TextEncoder().encode('system_program'))],
    [COMPUTE_BUDGET_PROGRAM, executable(NATIVE_LOADER, new TextEncoder().encode('compute_budget_program'))],
    // The state tag of an upgradeable program, and the address of its program data, which this ledger does not have.
    [serviceability, executable(UPGRADEABLE_LOADER, Uint8Array.of(2, 0, 0, 0, ...new Uint8Array(32)))],
  ]);
}
