/*
 * The DoubleZero serviceability program, for clients. Pure: no I/O, nothing of Node, so it runs in browsers too.
 *
 *   account data ──► decodeUser, decodeDevice, …  ──► typed values ──► encode… ──► account data
 *   seeds        ──► userAddress, deviceAddress, … (program-derived addresses)
 *   a status     ──► setUserBgpStatusInstruction   ──► accounts and data of instruction 106
 *   instruction  ──► decodeInstruction             ──► its name and arguments
 *   an error     ──► parseTransactionFailure       ──► which instruction failed, and what the program meant
 */
export * from './accounts.ts';
export { address, addressBytes, addressOf, isAddress, SYSTEM_PROGRAM_ID, ZERO_ADDRESS } from './address.ts';
export * from './batches.ts';
export * from './bgp-status.ts';
export { AccountType, type AccountTypeName, accountType } from './borsh.ts';
export {
  type BasicInterface,
  currentInterfaces,
  type DeprecatedInterface,
  type Device,
  type DeviceInterface,
  DeviceStatus,
  decodeDevice,
  encodeDevice,
  type FlexAlgoNodeSegment,
  type FullInterface,
  type InterfaceVectors,
  interfacesDisagree,
  type KnownInterface,
  type UnknownInterface,
  type UnreadTail,
} from './device.ts';
export * from './instruction.ts';
export * from './names.ts';
export * from './network.ts';
export * from './pda.ts';
export * from './program-accounts.ts';
export * from './transaction-errors.ts';
export {
  AccountDataError,
  type Address,
  type Ipv4,
  type Lamports,
  lamports,
  type Nanoseconds,
  type NetworkV4,
  nanoseconds,
  ServiceabilityError,
  type ServiceabilityErrorCode,
  type Slot,
  slot,
} from './units.ts';
export * from './user.ts';
export * from './watch.ts';
