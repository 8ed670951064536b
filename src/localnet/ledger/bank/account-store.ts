import type { Address } from '../../../serviceability/index.ts';
import type { Account } from '../runtime/index.ts';

/** Slots for which an account can still be read as it was: more than finalization and every lag that a fault may set. */
const RETAINED_SLOTS = 512;

interface Version {
  readonly slot: number;
  /** undefined: the account was closed. */
  readonly account: Account | undefined;
  /** Written by the world's administration, and so not undone by a fork. */
  readonly pinned: boolean;
}

export interface AccountWrite {
  readonly address: Address;
  readonly slot: number;
  /** undefined: the account was closed. */
  readonly account: Account | undefined;
}

export interface AccountStore {
  /** Writes an account as of `slot`, which is never before the last one written; one without lamports is closed. */
  write(address: Address, account: Account | undefined, slot: number, options?: { readonly pinned: boolean }): void;
  /** The account as it stood at the end of `slot`. */
  read(address: Address, slot: number): Account | undefined;
  /** The accounts of one owner, as they stood at the end of `slot`. */
  ownedBy(owner: Address, slot: number): Iterable<readonly [Address, Account]>;
  /** The accounts written from slot `first` to slot `last`, each as its newest write in there left it, with that slot. */
  writtenIn(first: number, last: number): Iterable<AccountWrite>;
  /** Every account, as it stands now. */
  all(): Iterable<readonly [Address, Account]>;
  /** Forgets everything. */
  clear(): void;
  /** Undoes what transactions wrote after `slot`. */
  discardAfter(slot: number): void;
  /** Nothing is of a later slot than this: what was written after it counts as written in it. */
  bringDown(slot: number): void;
  /** Forgets accounts that were closed so long ago that nobody can ask for them. */
  sweep(slot: number): void;
}

/** Accounts with their recent past, so that each commitment, and a node that lags, has its own view of them. */
export function createAccountStore(): AccountStore {
  const accounts = new Map<Address, Version[]>();

  const at = (versions: readonly Version[], slot: number): Account | undefined =>
    versions.findLast((version) => version.slot <= slot)?.account;

  return {
    write(address, account, slot, { pinned } = { pinned: false }) {
      const alive = account !== undefined && account.lamports > 0n ? account : undefined;
      const versions = (accounts.get(address) ?? []).filter((version) => version.slot !== slot);
      const firstNeeded = versions.findLastIndex((version) => version.slot <= slot - RETAINED_SLOTS);
      accounts.set(address, [...versions.slice(Math.max(0, firstNeeded)), { slot, account: alive, pinned }]);
    },
    read: (address, slot) => at(accounts.get(address) ?? [], slot),
    *ownedBy(owner, slot) {
      for (const [address, versions] of accounts) {
        const account = at(versions, slot);
        if (account?.owner === owner) yield [address, account];
      }
    },
    *writtenIn(first, last) {
      for (const [address, versions] of accounts) {
        const version = versions.findLast(({ slot }) => slot <= last);
        if (version !== undefined && version.slot >= first) yield { address, slot: version.slot, account: version.account };
      }
    },
    *all() {
      for (const [address, versions] of accounts) {
        const account = versions.at(-1)?.account;
        if (account !== undefined) yield [address, account];
      }
    },
    clear: () => accounts.clear(),
    discardAfter(slot) {
      for (const [address, versions] of accounts) {
        accounts.set(
          address,
          versions.filter((version) => version.slot <= slot || version.pinned),
        );
      }
    },
    bringDown(slot) {
      for (const [address, versions] of accounts) {
        const newest = versions.at(-1);
        if (newest === undefined || newest.slot <= slot) continue;
        accounts.set(address, [...versions.filter((version) => version.slot < slot), { ...newest, slot }]);
      }
    },
    sweep(slot) {
      for (const [address, versions] of accounts) {
        const newest = versions.at(-1);
        if (newest === undefined || (newest.account === undefined && newest.slot < slot - RETAINED_SLOTS)) accounts.delete(address);
      }
    },
  };
}
