import type { Address } from '../../src/serviceability/index.ts';
import type { Derive } from '../../src/serviceability/rfc11/index.ts';
import { computeBudgetProgram, systemProgram } from './programs.ts';
import { type Account, createAccount, type Program } from './runtime.ts';
import { createServiceabilityProgram } from './serviceability.ts';
import { COMPUTE_BUDGET_PROGRAM, NATIVE_LOADER, SYSTEM_PROGRAM, UPGRADEABLE_LOADER } from './transaction.ts';

/** The programs of this ledger by address; `derive` finds the addresses that theirs are. */
export function createPrograms(serviceability: Address, derive?: Derive): ReadonlyMap<Address, Program> {
  return new Map([
    [SYSTEM_PROGRAM, systemProgram],
    [COMPUTE_BUDGET_PROGRAM, computeBudgetProgram],
    [serviceability, createServiceabilityProgram({ derive })],
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
