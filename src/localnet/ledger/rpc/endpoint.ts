import type { Bank, BankView, Commitment, Replica } from '../bank/index.ts';
import type { LedgerFaults } from '../faults/index.ts';
import type { ParsedTransaction } from '../transaction/index.ts';
import type { ContextConfig } from './params.ts';
import { RpcCode, RpcError } from './rpc-error.ts';

/** Blocks by which a node may be behind before it calls itself unhealthy. */
const HEALTHY_LAG = 128;

/** A node of the ledger as its clients meet it: the bank, seen through the endpoint's faults. */
export interface Endpoint {
  readonly bank: Bank;
  readonly faults: LedgerFaults;
  replica(): Replica;
  /** The state at the commitment asked for (finalized without one); throws RpcError -32016 while it is before `minContextSlot`. */
  view(config: ContextConfig | null | undefined, fallback?: Commitment): BankView;
  /** Hands a transaction on to the leader, as far as the faults let it through. */
  submit(transaction: ParsedTransaction): void;
  /** Throws RpcError -32005 while the node is unhealthy. */
  requireHealthy(): void;
}

export function createEndpoint({ bank, faults }: { readonly bank: Bank; readonly faults: LedgerFaults }): Endpoint {
  const replica = (): Replica => bank.replica(faults.settings.lagSlots);
  return {
    bank,
    faults,
    replica,
    view(config, fallback = 'finalized') {
      const view = replica().view(config?.commitment ?? fallback);
      const wanted = config?.minContextSlot ?? 0n;
      if (view.slot < wanted) {
        throw new RpcError(RpcCode.minContextSlotNotReached, 'Minimum context slot has not been reached', { contextSlot: view.slot });
      }
      return view;
    },
    submit(transaction) {
      for (const [index, delaySlots] of faults.copies().entries()) bank.submit(transaction, { delaySlots, again: index > 0 });
    },
    requireHealthy() {
      const { lagSlots, unhealthy } = faults.settings;
      if (lagSlots > HEALTHY_LAG) {
        throw new RpcError(RpcCode.nodeUnhealthy, `Node is behind by ${lagSlots} slots`, { numSlotsBehind: lagSlots });
      }
      if (unhealthy) throw new RpcError(RpcCode.nodeUnhealthy, 'Node is unhealthy', { numSlotsBehind: null });
    },
  };
}

export const API_VERSION = '2.3.0';

/** A value with the slot at which it holds. */
export function withContext(view: Pick<BankView, 'slot'>, value: unknown): unknown {
  return { context: { apiVersion: API_VERSION, slot: view.slot }, value };
}
