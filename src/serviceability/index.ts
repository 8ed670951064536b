/*
 * The DoubleZero serviceability program, for clients. Pure: no I/O, nothing of Node, so it runs in browsers too.
 *
 *   account data ──► decodeUser, decodeDevice, …  ──► typed values ──► encode… ──► account data
 *   seeds        ──► userAddress, deviceAddress, … (program-derived addresses)
 *   a status     ──► setUserBgpStatusInstruction   ──► accounts and data of instruction 106
 *   an error     ──► parseTransactionFailure       ──► which instruction failed, and what the program meant
 */
export { AccountType, type AccountTypeName, accountType } from './account-type.ts';
export { address, addressBytes, addressOf, isAddress, SYSTEM_PROGRAM_ID, ZERO_ADDRESS } from './address.ts';
export * from './device.ts';
export * from './device-codec.ts';
export * from './device-interface.ts';
export * from './global-config.ts';
export type { AccountMeta, Instruction } from './instruction.ts';
export * from './ipv4.ts';
export * from './names.ts';
export * from './network-v4.ts';
export * from './networks.ts';
export * from './pda.ts';
export * from './program-addresses.ts';
export * from './program-config.ts';
export * from './program-error.ts';
export { AccountDataError, ServiceabilityError, type ServiceabilityErrorCode } from './serviceability-error.ts';
export * from './set-user-bgp-status.ts';
export * from './tenant.ts';
export * from './transaction-failure.ts';
export * from './units.ts';
export * from './user.ts';
export * from './user-codec.ts';
export * from './validate-user.ts';
