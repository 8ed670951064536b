import { type Clock, type Random, systemClock } from '../../lib/index.ts';
import { type Address, findNetwork, ZERO_ADDRESS } from '../../serviceability/index.ts';
import { createWorldAdmin, type WorldAdmin } from './admin/index.ts';
import { type Bank, createBank } from './bank/index.ts';
import { createLedgerFaults, type LedgerFaults } from './faults/index.ts';
import { decodeLedger, encodeLedger, type LedgerSnapshot } from './ledger-snapshot.ts';
import { createDerivations, createPrograms, programAccounts } from './programs/index.ts';
import {
  createEndpoint,
  createLocalnetMethods,
  createRpcHandler,
  createRpcServer,
  parseBody,
  type RpcMethods,
  type RpcServer,
} from './rpc/index.ts';

export interface LocalLedgerOptions {
  readonly clock?: Clock;
  /** Draws for faults, and names the chain. */
  readonly random?: Random;
  /** The port of the first endpoint, on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** The serviceability program's address; DoubleZero's localnet one without it. */
  readonly programId?: Address;
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
  /** The ledger goes on from this state. Throws ZodError for what is none. */
  readonly restore?: LedgerSnapshot | undefined;
  /** JSON-RPC methods of the world around the ledger, beside its own. */
  readonly methods?: RpcMethods;
}

/** Another node of the same ledger: its own port, its own faults but for those of the chain. */
export interface LedgerEndpoint {
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly faults: LedgerFaults;
}

/** Another node of the same ledger, asked in process. */
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
  /** Serves JSON-RPC, and lets time begin: what the administration built before is genesis. Idempotent. */
  start(): Promise<{ readonly rpcUrl: string; readonly wsUrl: string }>;
  /** Adds a node, for clients that know several; it ends with the ledger. */
  addEndpoint(options?: { readonly port?: number }): Promise<LedgerEndpoint>;
  /** Answers one JSON-RPC body without HTTP, with every fault but the HTTP ones. */
  call(body: string): string;
  /** Another node without HTTP, with faults of its own but for those of the chain. */
  addNode(): LedgerNode;
  /** The state as the newest block left it, for `restore`. */
  snapshot(): LedgerSnapshot;
  stop(): Promise<void>;
}

/**
 * A Solana ledger in this process that runs the serviceability program's SetUserBGPStatus. It does nothing by itself: time is read from
 * the clock when somebody looks, and only while clients are subscribed does it look itself.
 *
 *   JSON-RPC over HTTP, subscriptions over WebSocket
 *                      ──► RpcServer ──► RpcHandler ──► Endpoint (faults) ──► Bank ──► programs
 *   localnet_… / in process ───────────────────────► WorldAdmin ───────────────┘
 */
export function createLocalLedger(options: LocalLedgerOptions = {}): LocalLedger {
  const { clock = systemClock, random = Math.random, port = 0 } = options;
  const restored = options.restore === undefined ? undefined : decodeLedger(options.restore);
  const programId = restored?.programId ?? options.programId ?? findNetwork('localnet')?.programId ?? ZERO_ADDRESS;
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
    programs: createPrograms(programId, derive),
    genesis: programAccounts(programId),
    chainFaults: () => faults.settings,
    origin: restored,
  });
  const admin = createWorldAdmin({ bank, programId, derive });
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
    snapshot: () => encodeLedger(bank.save(), programId),
    async stop() {
      await Promise.all([first, ...others.splice(0)].map((server) => server.stop()));
    },
  };
}
