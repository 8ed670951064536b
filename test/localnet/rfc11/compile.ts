import { type ParsedTransaction, SYSTEM_PROGRAM } from '../../../localnet/ledger/transaction.ts';
import { type Address, addressBytes, type Instruction } from '../../../src/serviceability/index.ts';

/**
 * The instructions as one transaction that has passed signature verification: for tests that run by the thousand, and are not about signatures.
 * Every signer that an instruction names has signed.
 */
export function compile(instructions: readonly Instruction[], payer: Address): ParsedTransaction {
  const roles = new Map<Address, { signer: boolean; writable: boolean }>([[payer, { signer: true, writable: true }]]);
  for (const { programId, accounts } of instructions) {
    for (const { address, signer, writable } of [...accounts, { address: programId, signer: false, writable: false }]) {
      const role = roles.get(address) ?? { signer: false, writable: false };
      roles.set(address, { signer: role.signer || signer, writable: role.writable || writable });
    }
  }
  const entries = [...roles];
  const pick = (signer: boolean, writable: boolean) => entries.filter(([, role]) => role.signer === signer && role.writable === writable);
  const ordered = [...pick(true, true), ...pick(true, false), ...pick(false, true), ...pick(false, false)].map(([address]) => address);
  const indexOf = (address: Address): number => ordered.indexOf(address);
  return {
    version: 'legacy',
    wire: new Uint8Array(),
    message: new Uint8Array(),
    signatures: [],
    signature: '',
    header: {
      requiredSignatures: entries.filter(([, { signer }]) => signer).length,
      readonlySigned: pick(true, false).length,
      readonlyUnsigned: pick(false, false).length,
    },
    accountKeys: ordered,
    keyBytes: ordered.map((address) => addressBytes(address)),
    recentBlockhash: SYSTEM_PROGRAM,
    instructions: instructions.map(({ programId, accounts, data }) => ({
      programIndex: indexOf(programId),
      accountIndexes: accounts.map(({ address }) => indexOf(address)),
      data,
    })),
    addressTableLookups: [],
  };
}
