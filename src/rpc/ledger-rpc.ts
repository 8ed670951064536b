import type { EpochMs } from '../lib/index.ts';
import type { Address, Lamports, Slot } from '../serviceability/index.ts';
import type { AccountInfo, SignatureStatus, SimulationResult } from './responses.ts';
import type { SendAttempts, SendOutcome } from './send-outcome.ts';
import type { SlotProgress } from './slots.ts';

/**
 * The ledger as this agent uses it. One implementation speaks JSON-RPC to several endpoints; the simulation has another.
 * Every method has a deadline of its own, and throws AgentError `LEDGER__…` when no endpoint could answer. Commitment is `confirmed`.
 */
export interface LedgerRpc {
  /**
   * The raw User accounts of one device (getProgramAccounts with memcmp at 0 and 83), and the slot of the answer. An answer of the wrong
   * shape, owner or type is an error, never a shorter list.
   */
  usersOfDevice(
    device: Address,
    options: { readonly minContextSlot?: Slot },
    signal: AbortSignal,
  ): Promise<{ readonly slot: Slot; readonly accounts: ReadonlyMap<Address, Uint8Array> }>;
  /**
   * Accounts by address, `null` where there is none; any number of addresses (100 a request).
   *
   * `verifyAccounts` throws AgentError for accounts that no endpoint of the right ledger should have so. The next endpoint is asked then:
   * when it passes, the first one is quarantined until it passes too; when all that serve fail, the error is thrown.
   */
  accounts(
    addresses: readonly Address[],
    signal: AbortSignal,
    options?: { readonly verifyAccounts?: (accounts: readonly (AccountInfo | null)[]) => void },
  ): Promise<{ readonly slot: Slot; readonly accounts: readonly (AccountInfo | null)[] }>;
  balance(address: Address, signal: AbortSignal): Promise<Lamports>;
  /** Slot and block height are of the same moment and endpoint. The blockhash is valid for 150 blocks at most, whatever a node answers. */
  latestBlockhash(
    signal: AbortSignal,
  ): Promise<{ readonly slot: Slot; readonly blockhash: string; readonly lastValidBlockHeight: bigint; readonly blockHeight: bigint }>;
  /**
   * Offers the signed transaction to every healthy endpoint, and returns the outcome of all attempts so far, those of earlier calls included.
   * It returns at the first endpoint that accepts; the other attempts go on, and `attempts` follows them. A node from before `minContextSlot`
   * refuses the preflight, because it may not know a user that exists. Throws only for an aborted signal.
   */
  sendTransaction(
    attempts: SendAttempts,
    options: { readonly skipPreflight: boolean; readonly minContextSlot?: Slot },
    signal: AbortSignal,
  ): Promise<SendOutcome>;
  /** sigVerify off, blockhash replaced. */
  simulateTransaction(wire: Uint8Array, signal: AbortSignal, options?: { readonly minContextSlot?: Slot }): Promise<SimulationResult>;
  /** In the order asked, `null` where the status cache (with `searchHistory`: the whole history) has none; up to 256 a request. */
  signatureStatuses(
    signatures: readonly string[],
    options: { readonly searchHistory: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly slot: Slot; readonly statuses: readonly (SignatureStatus | null)[] }>;
  /**
   * Evidence for or against expiry: the block height, and after it the statuses from the whole history, both of one endpoint, the second not
   * from before the first. A null status whose last valid height is below `blockHeight` can never land.
   *
   * An error, a time-out or -32011 (no transaction history) proves nothing: the next endpoint is asked for both. Where none that answers has a
   * history, the status cache of one is read instead. It holds the last 300 slots or so, and a blockhash is valid for 150 blocks: within 300
   * slots of the blockhash a null there proves as much as one from the history, that the transaction has not landed and never will. After that
   * it proves only that it will not land any more; the accounts show whether it did.
   */
  checkExpiry(
    signatures: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly blockHeight: bigint; readonly statuses: readonly (SignatureStatus | null)[] }>;
  /** Milliseconds a slot by getRecentPerformanceSamples; undefined when the node has no samples yet. */
  recentSlotTimeMs(signal: AbortSignal): Promise<number | undefined>;
  /** Block time of a slot, milliseconds since 1970, in whole seconds; undefined where the node has none for it. */
  blockTime(slot: Slot, signal: AbortSignal): Promise<EpochMs | undefined>;
  /** The newest slot and when it last advanced; undefined before the first answer. Makes no request. */
  slotProgress(): SlotProgress | undefined;
  /** Ends sockets. Idempotent. */
  close(): Promise<void>;
}
