import { z } from 'zod';
import { type Address, isAddress, lamports } from '../../serviceability/index.ts';
import type { BankState } from './bank/index.ts';
import type { Account } from './runtime/index.ts';
import { decodeBase58 } from './transaction/index.ts';

const U64_END = 1n << 64n;
/** Far from where numbers lose their digits, however long the restored chain runs. */
const LAST_SLOT = 2 ** 48;
/** The largest account that Solana has. */
const MAX_DATA_BYTES = 10 << 20;
const BLOCKS_BEFORE = 64;

export const addressText = z.custom<Address>(isAddress, 'expected a base58 address of 32 bytes');
const u64 = z
  .string()
  .regex(/^\d{1,20}$/, 'expected a whole number, as text')
  .transform(BigInt)
  .refine((value) => value < U64_END, 'expected a number of 64 bits');

const account = z.strictObject({
  address: addressText,
  owner: addressText,
  lamports: u64.refine((value) => value > 0n, 'expected more than none: an account without lamports is none'),
  executable: z.boolean(),
  rentEpoch: u64,
  data: z.base64().refine((text) => text.length <= (MAX_DATA_BYTES / 3) * 4 + 4, 'expected at most 10 MiB'),
});

/** A ledger's state as JSON. */
export const ledgerSnapshotSchema = z.strictObject({
  programId: addressText,
  genesisHash: z.string().refine((text) => text.length <= 44 && decodeBase58(text)?.length === 32, 'expected 32 bytes in base58'),
  slot: z.int().min(BLOCKS_BEFORE).max(LAST_SLOT),
  blockHeight: z.int().min(BLOCKS_BEFORE).max(LAST_SLOT),
  accounts: z.array(account).refine((all) => new Set(all.map(({ address }) => address)).size === all.length, 'expected each address once'),
});

export type LedgerSnapshot = z.input<typeof ledgerSnapshotSchema>;

export function encodeLedger({ genesisHash, slot, height, accounts }: BankState, programId: Address): LedgerSnapshot {
  return {
    programId,
    genesisHash,
    slot,
    blockHeight: height,
    accounts: [...accounts].map(([address, { owner, lamports: balance, executable, rentEpoch, data }]) => ({
      address,
      owner,
      lamports: String(balance),
      executable,
      rentEpoch: String(rentEpoch),
      data: Buffer.from(data).toString('base64'),
    })),
  };
}

/** Throws ZodError. */
export function decodeLedger(snapshot: LedgerSnapshot): BankState & { readonly programId: Address } {
  const { programId, genesisHash, slot, blockHeight, accounts } = ledgerSnapshotSchema.parse(snapshot);
  const read = new Map<Address, Account>();
  for (const { address, data, lamports: balance, ...rest } of accounts) {
    read.set(address, { ...rest, lamports: lamports(balance), data: new Uint8Array(Buffer.from(data, 'base64')) });
  }
  return { programId, genesisHash, slot, height: blockHeight, accounts: read };
}
