import * as z from 'zod';
import { type Clock, type Random, systemClock } from '../../src/lib/index.ts';
import { type Address, findNetwork, isAddress, lamports, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { createDerivations } from '../rfc11/state.ts';
import { createLocalnetMethods, createWorldAdmin, type LedgerProgram, type WorldAdmin } from './admin.ts';
import { type Bank, type BankState, createBank } from './bank.ts';
import { createLedgerFaults, type LedgerFaults } from './faults.ts';
import { createRpcHandler, createRpcServer, type RpcServer } from './rpc-server.ts';
import { createEndpoint, parseBody, type RpcMethods } from './rpc-types.ts';
import type { Account } from './runtime.ts';
import { createPrograms, programAccounts } from './serviceability.ts';
import { decodeBase58 } from './transaction.ts';

const U64_END = 1n << 64n;
/** Far below 2^53, however long the restored chain runs. */
const LAST_SLOT = 2 ** 48;
/** The largest account that Solana has. */
const MAX_DATA_BYTES = 10 << 20;
const BLOCKS_BEFORE = 64;
const LEDGER_PROGRAMS = ['rfc11', 'deployed', 'legacy'] as const;

export const addressText = z.custom<Address>(isAddress, 'expected a base58 address of 32 bytes');
const u64 = z
  .string()
  .regex(/^\d{1,20}$/, 'expected a whole number, as text')
  .transform(BigInt)
  .refine((value) => value < U64_END, 'expected a number of 64 bits');

const account = z.strictObject({
  address: addressText,
  owner: addressText,
  lamports: u64.refine((value) => value > 0n, 'expected more than 0: an account without lamports does not exist'),
  executable: z.boolean(),
  rentEpoch: u64,
  data: z.base64().refine((text) => text.length <= (MAX_DATA_BYTES / 3) * 4 + 4, 'expected at most 10 MiB'),
});

/** A ledger's state as JSON. */
export const ledgerSnapshotSchema = z.strictObject({
  programId: addressText,
  /** Absent in snapshots from before there was a choice. */
  program: z.enum(LEDGER_PROGRAMS).optional(),
  genesisHash: z.string().refine((text) => text.length <= 44 && decodeBase58(text)?.length === 32, 'expected 32 bytes in base58'),
  slot: z.int().min(BLOCKS_BEFORE).max(LAST_SLOT),
  blockHeight: z.int().min(BLOCKS_BEFORE).max(LAST_SLOT),
  accounts: z.array(account).refine((all) => new Set(all.map(({ address }) => address)).size === all.length, 'expected each address once'),
});

export type LedgerSnapshot = z.input<typeof ledgerSnapshotSchema>;

function encodeLedger({ genesisHash, slot, height, accounts }: BankState, { programId, program }: WorldAdmin): LedgerSnapshot {
  return {
    programId,
    program,
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
function decodeLedger(snapshot: LedgerSnapshot): BankState & { readonly programId: Address; readonly program: LedgerProgram } {
  const { programId, program = 'rfc11', genesisHash, slot, blockHeight, accounts } = ledgerSnapshotSchema.parse(snapshot);
  const read = new Map<Address, Account>();
  for (const { address, data, lamports: balance, ...rest } of accounts) {
    read.set(address, { ...rest, lamports: lamports(balance), data: new Uint8Array(Buffer.from(data, 'base64')) });
  }
  return { programId, program, genesisHash, slot, height: blockHeight, accounts: read };
}

export interface LocalLedgerOptions {
  readonly clock?: Clock;
  /** For faults and the genesis hash. */
  readonly random?: Random;
  /** The port of the first endpoint, on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** The serviceability program's address; DoubleZero's localnet one without it. */
  readonly programId?: Address;
  /** What it runs; RFC-11 as drafted with RFC-19 without it. A restored ledger runs what it ran before. */
  readonly program?: LedgerProgram | undefined;
  /** Milliseconds a slot, 400 without it. */
  readonly slotMs?: number | undefined;
  /** Blocks on top of a block until it is confirmed; 1 without it. */
  readonly confirmedAfter?: number | undefined;
  /** Blocks on top of a block until it is finalized; 32 without it. */
  readonly finalizedAfter?: number | undefined;
  /** 432,000 without it. */
  readonly slotsPerEpoch?: bigint | undefined;
  /** Landed transactions that are remembered, 8,192 without it. */
  readonly rememberedTransactions?: number | undefined;
  /** The initial state. Throws ZodError for an invalid snapshot. */
  readonly restore?: LedgerSnapshot | undefined;
  /** Additional JSON-RPC methods. */
  readonly methods?: RpcMethods;
}

/** Another node of the same ledger, with its own port and its own faults; faults of the chain are shared. */
export interface LedgerEndpoint {
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly faults: LedgerFaults;
}

/** Another node of the same ledger, in process. */
export interface LedgerNode {
  readonly faults: LedgerFaults;
  /** Answers one JSON-RPC body, with every fault but the HTTP ones. */
  call(body: string): string;
}

export interface LocalLedger {
  readonly programId: Address;
  readonly bank: Bank;
  readonly admin: WorldAdmin;
  /** Faults of the first endpoint, and of the chain. */
  readonly faults: LedgerFaults;
  /** Serves JSON-RPC and starts time: earlier administration changes are genesis. Idempotent. */
  start(): Promise<{ readonly rpcUrl: string; readonly wsUrl: string }>;
  /** Adds a node, for clients that know several; it ends with the ledger. */
  addEndpoint(options?: { readonly port?: number }): Promise<LedgerEndpoint>;
  /** Answers one JSON-RPC body without HTTP, with every fault but the HTTP ones. */
  call(body: string): string;
  /** Another node without HTTP, with faults of its own but for those of the chain. */
  addNode(): LedgerNode;
  /** The state at the newest block, for `restore`. */
  snapshot(): LedgerSnapshot;
  stop(): Promise<void>;
}

/**
 * An in-process Solana ledger that runs the serviceability program's SetUserBGPStatus. It is passive: each read advances the chain to the
 * clock's time; only while clients are subscribed does it poll the clock.
 *
 *   JSON-RPC over HTTP, subscriptions over WebSocket
 *                      ──► RpcServer ──► RpcHandler ──► Endpoint (faults) ──► Bank ──► programs
 *   localnet_… / in process ───────────────────────► WorldAdmin ───────────────┘
 */
export function createLocalLedger(options: LocalLedgerOptions = {}): LocalLedger {
  const { clock = systemClock, random = Math.random, port = 0 } = options;
  const restored = options.restore === undefined ? undefined : decodeLedger(options.restore);
  const programId = restored?.programId ?? options.programId ?? findNetwork('localnet')?.programId ?? ZERO_ADDRESS;
  const program = restored?.program ?? options.program ?? 'rfc11';
  const faults = createLedgerFaults({ random });
  const derive = createDerivations();
  const bank = createBank({
    clock,
    random,
    slotMs: options.slotMs,
    confirmedAfter: options.confirmedAfter,
    finalizedAfter: options.finalizedAfter,
    slotsPerEpoch: options.slotsPerEpoch,
    rememberedTransactions: options.rememberedTransactions,
    programs: createPrograms(programId, program, derive),
    genesis: programAccounts(programId),
    chainFaults: () => faults.settings,
    origin: restored,
  });
  const admin = createWorldAdmin({ bank, programId, derive, program });
  if (restored !== undefined) {
    bank.load(restored.accounts);
    admin.adopt(restored.accounts);
  }
  const handler = createRpcHandler({ ...createLocalnetMethods(admin), ...options.methods });
  const endpoint = createEndpoint({ bank, faults });
  const first = createRpcServer({ endpoint, handler, clock, port });
  const others: RpcServer[] = [];

  return {
    programId,
    bank,
    admin,
    faults,
    async start() {
      const { rpcUrl, wsUrl } = await first.start();
      bank.begin();
      return { rpcUrl, wsUrl };
    },
    async addEndpoint({ port: otherPort = 0 } = {}) {
      const otherFaults = createLedgerFaults({ random });
      const other = createRpcServer({ endpoint: createEndpoint({ bank, faults: otherFaults }), handler, clock, port: otherPort });
      others.push(other);
      const { rpcUrl, wsUrl } = await other.start();
      return { rpcUrl, wsUrl, faults: otherFaults };
    },
    call: (body) => handler.answer(parseBody(body), endpoint),
    addNode() {
      const ownFaults = createLedgerFaults({ random });
      const node = createEndpoint({ bank, faults: ownFaults });
      return { faults: ownFaults, call: (body) => handler.answer(parseBody(body), node) };
    },
    snapshot: () => encodeLedger(bank.save(), admin),
    async stop() {
      await Promise.all([first, ...others.splice(0)].map((server) => server.stop()));
    },
  };
}
