export { decodeBase58, encodeBase58 } from './base58.ts';
export { MalformedTransaction } from './byte-reader.ts';
export { createSigner, type Ed25519Signer, hasValidSignatures } from './ed25519.ts';
export { MAX_TRANSACTION_BYTES, parseTransaction } from './parse-transaction.ts';
export {
  type AddressTableLookup,
  type CompiledInstruction,
  isSigner,
  isWritable,
  type MessageHeader,
  type ParsedTransaction,
  writableAddresses,
} from './parsed-transaction.ts';
export { COMPUTE_BUDGET_PROGRAM, NATIVE_LOADER, RESERVED_ADDRESSES, SYSTEM_PROGRAM, UPGRADEABLE_LOADER } from './well-known.ts';
