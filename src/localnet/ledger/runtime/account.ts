import { type Address, type Lamports, lamports } from '../../../serviceability/index.ts';
import { SYSTEM_PROGRAM } from '../transaction/index.ts';

/** An account as it stood at one moment. Never changed in place: a write makes a new one. */
export interface Account {
  readonly owner: Address;
  readonly lamports: Lamports;
  readonly data: Uint8Array;
  readonly executable: boolean;
  readonly rentEpoch: bigint;
}

/** The rent epoch of every rent-exempt account. */
export const RENT_EXEMPT_EPOCH = 0xffff_ffff_ffff_ffffn;

const ACCOUNT_OVERHEAD_BYTES = 128;
const LAMPORTS_PER_BYTE = 6960n;

/** Lamports that an account with `dataLength` bytes must hold: two years of rent at Solana's default rate. */
export function rentExemptMinimum(dataLength: number): Lamports {
  return lamports(BigInt(ACCOUNT_OVERHEAD_BYTES + dataLength) * LAMPORTS_PER_BYTE);
}

/** What a program sees at an address that holds nothing. */
export const EMPTY_ACCOUNT: Account = {
  owner: SYSTEM_PROGRAM,
  lamports: lamports(0),
  data: new Uint8Array(),
  executable: false,
  rentEpoch: RENT_EXEMPT_EPOCH,
};

/** An account with just enough lamports for its data, where no balance is given. */
export function createAccount(owner: Address, data: Uint8Array, balance: Lamports = rentExemptMinimum(data.length)): Account {
  return { owner, lamports: balance, data, executable: false, rentEpoch: RENT_EXEMPT_EPOCH };
}

export const isRentExempt = (account: Account): boolean => account.lamports >= rentExemptMinimum(account.data.length);

/**
 * Whether a transaction may take an account from `before` to `after`: it ends empty or rent-exempt; one that already paid rent may go on,
 * at the same size and without gaining lamports (Solana's rent-state transition rule).
 */
export function isRentTransitionAllowed(before: Account, after: Account): boolean {
  if (after.lamports === 0n || isRentExempt(after)) return true;
  const paidRentBefore = before.lamports > 0n && !isRentExempt(before);
  return paidRentBefore && before.data.length === after.data.length && after.lamports <= before.lamports;
}
