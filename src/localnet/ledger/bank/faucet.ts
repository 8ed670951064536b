import { createHash } from 'node:crypto';
import { type Address, addressBytes, type Lamports } from '../../../serviceability/index.ts';
import { createSigner, decodeBase58, type ParsedTransaction, parseTransaction, SYSTEM_PROGRAM } from '../transaction/index.ts';

/** What the faucet holds at the beginning: half a billion SOL. */
export const FAUCET_BALANCE = 500_000_000_000_000_000n;

const SYSTEM_TRANSFER = 2;

export interface Faucet {
  readonly address: Address;
  /** A signed transfer; two of them for the same amount and block are still two transactions. */
  transfer(to: Address, amount: Lamports, blockhash: string): ParsedTransaction;
}

/** The key that pays airdrops, the same for the same chain. Its transfers are real transactions: they land, can be read back and cost a fee. */
export function createFaucet(genesisHash: Uint8Array): Faucet {
  const signer = createSigner(createHash('sha256').update('faucet').update(genesisHash).digest());
  let serial = 0n;

  return {
    address: signer.address,
    transfer(to, amount, blockhash) {
      serial += 1n;
      const message = Buffer.concat([
        Uint8Array.of(1, 0, 1, 3),
        signer.publicKey,
        addressBytes(to),
        addressBytes(SYSTEM_PROGRAM),
        decodeBase58(blockhash) ?? new Uint8Array(32),
        Uint8Array.of(2),
        transferInstruction(1, amount),
        transferInstruction(0, serial), // to itself: makes each airdrop's bytes, and so its signature, its own
      ]);
      return parseTransaction(Buffer.concat([Uint8Array.of(1), signer.sign(message), message]));
    },
  };
}

/** A transfer from account 0 to account `toIndex` in compiled form; the system program is account 2. */
function transferInstruction(toIndex: number, amount: bigint): Uint8Array {
  const data = Buffer.alloc(12);
  data.writeUInt32LE(SYSTEM_TRANSFER, 0);
  data.writeBigUInt64LE(amount, 4);
  return Buffer.concat([Uint8Array.of(2, 2, 0, toIndex, data.length), data]);
}
