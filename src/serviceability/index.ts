/*
 * The DoubleZero serviceability program, for clients. Pure: no I/O, nothing of Node, so it runs in browsers too.
 *
 *   account data ──► decodeUser, decodeDevice, …  ──► typed values ──► encode… ──► account data
 *   seeds        ──► userAddress, deviceAddress, … (program-derived addresses)
 *   a status     ──► setUserBgpStatusInstruction   ──► accounts and data of instruction 106
 *   an error     ──► parseTransactionFailure       ──► which instruction failed, and what the program meant
 */
export * from './access-pass.ts';
export type { AccessPassKind, FeedSeat } from './access-pass-kind.ts';
export * from './account.ts';
export { AccountType, type AccountTypeName, accountType } from './account-type.ts';
export { address, addressBytes, addressOf, isAddress, SYSTEM_PROGRAM_ID, ZERO_ADDRESS } from './address.ts';
export * from './batch-result.ts';
export * from './compute-budget.ts';
export * from './contributor.ts';
export * from './device.ts';
export * from './device-codec.ts';
export * from './device-interface.ts';
export * from './diagnose.ts';
export * from './effective-status.ts';
export * from './exchange.ts';
export * from './feed.ts';
export * from './global-config.ts';
export * from './global-state.ts';
export * from './index-entry.ts';
export type { AccountMeta, Instruction } from './instruction.ts';
export * from './ipv4.ts';
export * from './legacy-message.ts';
export * from './link.ts';
export * from './location.ts';
export * from './multicast-group.ts';
export * from './names.ts';
export * from './network-v4.ts';
export * from './networks.ts';
export * from './pda.ts';
export * from './permission.ts';
export * from './plan-batches.ts';
export * from './program-addresses.ts';
export * from './program-config.ts';
export * from './program-error.ts';
export {
  type Commitment,
  type ReadUsersOptions,
  readUsers,
  USER_DEVICE_OFFSET,
  type UserEntry,
  type UsersAnswer,
  userFilters,
} from './read-users.ts';
export * from './resource-extension.ts';
export * from './resource-views.ts';
export * from './rpc-call.ts';
export { AccountDataError, ServiceabilityError, type ServiceabilityErrorCode } from './serviceability-error.ts';
export * from './set-user-bgp-status.ts';
export * from './subscription-hint.ts';
export * from './tenant.ts';
export * from './topology.ts';
export * from './transaction-failure.ts';
export * from './transaction-size.ts';
export * from './units.ts';
export * from './user.ts';
export * from './user-changes.ts';
export * from './user-codec.ts';
export * from './validate-user.ts';
export type { Sleep } from './wake-bell.ts';
export * from './watch-users.ts';
