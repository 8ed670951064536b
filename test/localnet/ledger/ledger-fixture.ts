import { createHash } from 'node:crypto';
import {
  ComputeBudgetProgram,
  Keypair,
  PublicKey,
  Transaction,
  TransactionInstruction,
  TransactionMessage,
  VersionedTransaction,
} from '@solana/web3.js';
import { createLocalLedger, type LocalLedger, type LocalLedgerOptions, parseTransaction } from '../../../localnet/ledger/index.ts';
import { type Clock, epochMs, monotonicMs, seededRandom } from '../../../src/lib/index.ts';
import {
  type Address,
  address,
  type Instruction,
  lamports,
  nanoseconds,
  setUserBgpStatusInstruction,
  type User,
} from '../../../src/serviceability/index.ts';

export const SOL = 1_000_000_000n;

/** A clock that stands still until it is advanced. */
export function createTestClock(): Clock & { pass(ms: number): void } {
  let now = 0;
  return {
    monotonic: () => monotonicMs(now),
    wall: () => epochMs(1_790_000_000_000 + now),
    async sleep(ms) {
      now += ms;
    },
    pass(ms) {
      now += ms;
    },
  };
}

/** A keypair by name, the same in every run. */
export const keypair = (name: string): Keypair => Keypair.fromSeed(createHash('sha256').update(name).digest());
export const addressOfKey = (key: Keypair): Address => address(key.publicKey.toBase58());

export interface Fixture {
  readonly ledger: LocalLedger;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly publisher: Keypair;
  readonly device: Address;
  user(): Address;
  /** Lands the instructions in one transaction in the next block, and answers how it ended. */
  land(instructions: readonly TransactionInstruction[], options?: LandOptions): Ended;
  setStatus(user: Address, status: 'up' | 'down' | 'unknown', rttNs?: number): TransactionInstruction;
  record(user: Address): Pick<User, 'bgpStatus' | 'lastBgpUpAt' | 'lastBgpReportedAt' | 'bgpRttNs'>;
  slot(): bigint;
}

export interface LandOptions {
  readonly signers?: readonly Keypair[];
  readonly payer?: Keypair;
  readonly version?: 'legacy' | 0;
}

export interface Ended {
  readonly signature: string;
  /** 'lost' when no block took it. */
  readonly err: unknown;
  readonly logs: readonly string[];
  readonly unitsConsumed: number;
}

/** A ledger on a standing clock with one device, whose publisher holds 10 SOL. */
export function createBed(options: LocalLedgerOptions = {}): Fixture {
  const clock = createTestClock();
  const ledger = createLocalLedger({ clock, random: seededRandom(7), ...options });
  const publisher = keypair('publisher');
  const device = ledger.admin.createDevice({ metricsPublisher: addressOfKey(publisher), code: 'dz1' });
  ledger.admin.fund(addressOfKey(publisher), lamports(10n * SOL));
  return {
    ledger,
    clock,
    publisher,
    device,
    user: () => ledger.admin.createUser({ device }),
    land(instructions, { signers = [publisher], payer = publisher, version = 'legacy' } = {}) {
      const { blockhash } = ledger.bank.replica().view('processed').latestBlockhash();
      const wire = build(instructions, { signers, payer, version, blockhash });
      const transaction = parseTransaction(wire);
      ledger.bank.submit(transaction);
      ledger.bank.advance();
      const landed = ledger.bank.replica().status(transaction.signature)?.landed.result;
      return {
        signature: transaction.signature,
        err: landed === undefined ? 'lost' : landed.err,
        logs: landed?.logs ?? [],
        unitsConsumed: landed?.unitsConsumed ?? 0,
      };
    },
    setStatus: (user, status, rttNs = 0) =>
      toWeb3(
        setUserBgpStatusInstruction({
          programId: ledger.programId,
          user,
          device,
          metricsPublisher: addressOfKey(publisher),
          status,
          rttNs: nanoseconds(rttNs),
        }),
      ),
    record(user) {
      const { bgpStatus, lastBgpUpAt, lastBgpReportedAt, bgpRttNs } = existing(ledger.admin.user(user));
      return { bgpStatus, lastBgpUpAt, lastBgpReportedAt, bgpRttNs };
    },
    slot: () => ledger.bank.replica().view('processed').slot,
  };
}

export interface BuildOptions {
  readonly signers: readonly Keypair[];
  readonly payer: Keypair;
  readonly version: 'legacy' | 0;
  readonly blockhash: string;
}

/** The signed bytes of a transaction, as web3.js makes them. */
export function build(instructions: readonly TransactionInstruction[], { signers, payer, version, blockhash }: BuildOptions): Uint8Array {
  if (version === 'legacy') {
    const transaction = new Transaction({ feePayer: payer.publicKey, recentBlockhash: blockhash }).add(...instructions);
    transaction.sign(...signers);
    return transaction.serialize();
  }
  const message = new TransactionMessage({ payerKey: payer.publicKey, recentBlockhash: blockhash, instructions: [...instructions] });
  const transaction = new VersionedTransaction(message.compileToV0Message());
  transaction.sign([...signers]);
  return transaction.serialize();
}

export function toWeb3({ programId, accounts, data }: Instruction): TransactionInstruction {
  return new TransactionInstruction({
    programId: new PublicKey(programId),
    keys: accounts.map((meta) => ({ pubkey: new PublicKey(meta.address), isSigner: meta.signer, isWritable: meta.writable })),
    data: Buffer.from(data),
  });
}

export const unitLimit = (units: number): TransactionInstruction => ComputeBudgetProgram.setComputeUnitLimit({ units });

export function existing<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('expected it to be there');
  return value;
}

/** For web3.js's Connection. Its own HTTP agent throws an uncaught error when a stopping ledger resets an idle connection. */
export const NO_KEEP_ALIVE = { httpAgent: false } as const;
