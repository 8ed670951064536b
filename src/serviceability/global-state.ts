import { decodeAs, encodeAs, key, keys, type Layout, lamportsField, u8, u128 } from './layout.ts';
import type { Address, Lamports } from './units.ts';

/** Bits of GlobalState.feature_flags. The first is retired: the program allocates by itself whatever it says. */
export const FeatureFlag = { onChainAllocation: 1n, requirePermissionAccounts: 2n } as const;

/** The GlobalState account (type 1): who may do what in a network. A field that the account is too short to hold reads as zero. */
export interface GlobalState {
  readonly bumpSeed: number;
  /** The highest index that was given to an account. */
  readonly accountIndex: bigint;
  readonly foundationAllowlist: readonly Address[];
  /** No longer used by the program. */
  readonly deviceAllowlist: readonly Address[];
  /** No longer used by the program. */
  readonly userAllowlist: readonly Address[];
  readonly activatorAuthorityPk: Address;
  readonly sentinelAuthorityPk: Address;
  readonly contributorAirdropLamports: Lamports;
  readonly userAirdropLamports: Lamports;
  readonly healthOraclePk: Address;
  readonly qaAllowlist: readonly Address[];
  /** See FeatureFlag. */
  readonly featureFlags: bigint;
  readonly feedAuthorityPk: Address;
}

const LAYOUT: Layout<GlobalState> = {
  bumpSeed: u8,
  accountIndex: u128,
  foundationAllowlist: keys,
  deviceAllowlist: keys,
  userAllowlist: keys,
  activatorAuthorityPk: key,
  sentinelAuthorityPk: key,
  contributorAirdropLamports: lamportsField,
  userAirdropLamports: lamportsField,
  healthOraclePk: key,
  qaAllowlist: keys,
  featureFlags: u128,
  feedAuthorityPk: key,
};

/** Reads a GlobalState account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeGlobalState(data: Uint8Array): GlobalState {
  return decodeAs('globalState', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeGlobalState(state: GlobalState): Uint8Array {
  return encodeAs('globalState', LAYOUT, state);
}
