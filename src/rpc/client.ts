import { AgentError, type EpochMs } from '../lib/index.ts';
import { type Address, type Lamports, type Slot, slot as toSlot, userFilters } from '../serviceability/index.ts';
import { type AskedEndpoint, badAnswer, EndpointError, type EndpointWork, minContextSlotNotReached } from './endpoint.ts';
import { Endpoints, type EndpointsOptions, type EndpointTraffic, verified } from './failover.ts';
import {
  type AccountInfo,
  asCount,
  type ListedTransaction,
  type OwnedAccounts,
  readAccounts,
  readBalance,
  readBlockhash,
  readBlockTime,
  readEpochInfo,
  readListed,
  readOwnedAccounts,
  readSimulation,
  readStatuses,
  readStored,
  requireUserOf,
  type SimulationResult,
  type StoredTransaction,
} from './responses.ts';
import { readSendReply, type SendAttempts, type SendOutcome } from './send-outcome.ts';
import { medianSlotTime, readPerformanceSamples, type SlotProgress } from './slots.ts';
import { SEND, STATUSES } from './transport.ts';

/*
 * The ledger over JSON-RPC.
 *
 *   LedgerRpc method ──► Endpoints: failover, sends to all ──► Endpoint: one request, its result or its error
 *                                                                 │
 *                                                                 ▼
 *           HttpClient: keep-alive sockets ◄── JsonRpc: envelope, deadline, bounded queue ◄── RateLimitedRpc
 */

export type LedgerRpcOptions = EndpointsOptions & { readonly programId: Address };

/** For all reads and sends: voted on by two thirds of the stake, and thirty slots younger than `finalized`. */
const COMMITMENT = 'confirmed';
/** A blockhash is good for the 150 blocks after its own (MAX_PROCESSING_AGE); old nodes report twice as many. */
const BLOCKHASH_LIFE = 150n;
const ACCOUNTS_A_REQUEST = 100;
const STATUSES_A_REQUEST = 256;
const LISTED_A_REQUEST = 1_000;
const MOST_PAGES = 200;

type Accounts = ReturnType<typeof readAccounts>;
type Statuses = ReturnType<typeof readStatuses>;

/**
 * The ledger as the running agent uses it. Every method has a deadline of its own, and throws AgentError `LEDGER__…` when no endpoint could
 * answer. Commitment is `confirmed`.
 */
export type LedgerRpc = ReturnType<typeof createAgentMethods>;

export type LedgerRpcClient = ReturnType<typeof createLedgerRpc>;

/** Opens no socket before the first call. Throws TypeError for an invalid URL. */
export function createLedgerRpc({ programId, ...options }: LedgerRpcOptions) {
  const endpoints = new Endpoints(options);
  return {
    ...createAgentMethods(endpoints, programId),
    ...createHistoryMethods(endpoints),
    /** The requests to each endpoint so far, in the order of the URLs. */
    traffic: (): readonly EndpointTraffic[] => endpoints.traffic(),
  };
}

/** One request to the first healthy endpoint that can answer it. */
function askOne<T>(endpoints: Endpoints, method: string, params: readonly unknown[], read: (result: unknown) => T, signal: AbortSignal) {
  return endpoints.onOne((endpoint, inner) => endpoint.ask({ method, params }, read, inner), signal);
}

function createAgentMethods(endpoints: Endpoints, programId: Address) {
  let lastUsers: OwnedAccounts['accounts'] = new Map();

  return {
    /**
     * The raw User accounts of one device (getProgramAccounts with memcmp at 0 and 83), and the slot of the answer. An answer of the wrong
     * shape, owner or type is an error, never a shorter list.
     */
    async usersOfDevice(
      device: Address,
      { minContextSlot }: { readonly minContextSlot?: Slot },
      signal: AbortSignal,
    ): Promise<OwnedAccounts> {
      const checkUser = requireUserOf(device);
      const config = {
        encoding: 'base64',
        commitment: COMMITMENT,
        withContext: true,
        filters: userFilters(device),
        minContextSlot: jsonSlot(minContextSlot),
      };
      const request = { method: 'getProgramAccounts', params: [programId, config] };
      const users = await endpoints.onOne(async (endpoint, inner) => {
        const answer = await endpoint.ask(
          request,
          (result, name) => readOwnedAccounts(result, { endpoint: name, programId }, checkUser, lastUsers),
          inner,
        );
        requireSlot(answer.slot, minContextSlot, endpoint, request.method);
        return answer;
      }, signal);
      lastUsers = users.accounts;
      return users;
    },

    /**
     * Accounts by address, `null` where there is none; any number of addresses (100 a request).
     *
     * `verifyAccounts` throws AgentError for accounts that no endpoint of the right ledger should have so. The next endpoint is asked then:
     * when it passes, the first one is quarantined until it passes too; when all that serve fail, the error is thrown.
     */
    accounts(
      addresses: readonly Address[],
      signal: AbortSignal,
      { verifyAccounts }: { readonly verifyAccounts?: (accounts: readonly (AccountInfo | null)[]) => void } = {},
    ): Promise<Accounts> {
      const read: EndpointWork<Accounts> = async (endpoint, inner) => {
        const parts = await inChunks(addresses, ACCOUNTS_A_REQUEST, (chunk) => {
          const request = { method: 'getMultipleAccounts', params: [chunk, { encoding: 'base64', commitment: COMMITMENT }] };
          return endpoint.ask(request, (result) => readAccounts(result, chunk.length), inner);
        });
        return { slot: oldest(parts), accounts: parts.flatMap(({ accounts }) => accounts) };
      };
      if (verifyAccounts === undefined) return endpoints.onOne(read, signal);
      const verifyCluster = (endpoint: AskedEndpoint): void => endpoints.verifyCluster(endpoint);
      return endpoints.onOne(
        verified(read, ({ accounts }) => verifyAccounts(accounts), verifyCluster),
        signal,
      );
    },

    async balance(address: Address, signal: AbortSignal): Promise<Lamports> {
      return (await askOne(endpoints, 'getBalance', [address, { commitment: COMMITMENT }], readBalance, signal)).value;
    },

    /** Slot and block height are of the same moment and endpoint. The blockhash is valid for 150 blocks at most, whatever a node answers. */
    latestBlockhash(signal: AbortSignal) {
      return endpoints.onOne(async (endpoint, inner) => {
        const hash = await endpoint.ask({ method: 'getLatestBlockhash', params: [{ commitment: COMMITMENT }] }, readBlockhash, inner);
        // The height is read afterwards, and not from before the blockhash: a height that is too low would expire it too early.
        const { slot, blockHeight } = await askEpochInfo(endpoint, hash.slot, inner);
        // If a node counts heights differently, the agent would treat the transaction as expired while it can still land.
        if (hash.lastValidBlockHeight < blockHeight) {
          const problem = `the newest blockhash expired at height ${hash.lastValidBlockHeight}, but the height is ${blockHeight}`;
          // A topic of its own: each of the two methods succeeds, which would end a failure of that method.
          throw new EndpointError(badAnswer(problem, endpoint.url, 'getLatestBlockhash').error, 'blockhash');
        }
        const bound = blockHeight + BLOCKHASH_LIFE;
        const lastValidBlockHeight = hash.lastValidBlockHeight < bound ? hash.lastValidBlockHeight : bound;
        return { slot, blockhash: hash.blockhash, lastValidBlockHeight, blockHeight };
      }, signal);
    },

    /**
     * Offers the signed transaction to every healthy endpoint, and returns the outcome of all attempts so far, those of earlier calls included.
     * It returns at the first endpoint that accepts; the other attempts go on, and `attempts` follows them. A node from before `minContextSlot`
     * refuses the preflight, because it may not know a user that exists. Throws only for an aborted signal.
     */
    async sendTransaction(
      attempts: SendAttempts,
      { skipPreflight, minContextSlot }: { readonly skipPreflight: boolean; readonly minContextSlot?: Slot },
      signal: AbortSignal,
    ): Promise<SendOutcome> {
      signal.throwIfAborted();
      const config = {
        encoding: 'base64',
        skipPreflight,
        preflightCommitment: COMMITMENT,
        maxRetries: 0,
        minContextSlot: jsonSlot(minContextSlot),
      };
      const request = { method: SEND, params: [toBase64(attempts.wire), config] };
      const offers = endpoints.onEvery(async (endpoint, inner) => {
        for (let isRetry = false; ; isRetry = true) {
          const attempt = attempts.begin(endpoint.url.name);
          const isOver = await endpoint.offer(
            request,
            (reply) => {
              const { outcome, failure } = readSendReply(reply, attempts.signature, endpoint.url);
              attempts.end(attempt, outcome);
              // A server may close an idle connection at the moment of our write. The same bytes once more do no harm.
              if (!isRetry && reply.kind === 'failed' && reply.wasReset && !inner.aborted) return false;
              if (failure !== undefined) throw failure;
              return true;
            },
            inner,
          );
          if (isOver) return;
        }
      }, signal);
      if (offers.length === 0) attempts.notOffered(endpoints.noEndpointError());
      await untilAccepted(attempts, offers);
      const outcome = attempts.outcome();
      if (outcome.kind !== 'accepted') signal.throwIfAborted();
      return outcome;
    },

    /** sigVerify off, blockhash replaced. */
    simulateTransaction(
      wire: Uint8Array,
      signal: AbortSignal,
      { minContextSlot }: { readonly minContextSlot?: Slot } = {},
    ): Promise<SimulationResult> {
      const config = {
        encoding: 'base64',
        sigVerify: false,
        replaceRecentBlockhash: true,
        commitment: COMMITMENT,
        minContextSlot: jsonSlot(minContextSlot),
      };
      return askOne(endpoints, 'simulateTransaction', [toBase64(wire), config], readSimulation, signal);
    },

    /** In the order asked, `null` where the status cache has none; up to 256 a request. */
    signatureStatuses(signatures: readonly string[], signal: AbortSignal): Promise<Statuses> {
      return endpoints.onOne((endpoint, inner) => askStatuses(endpoint, signatures, false, inner), signal);
    },

    /**
     * Evidence for or against expiry: the block height, and after it the statuses from the whole history, both of one endpoint, the second not
     * from before the first. A null status whose last valid height is below `blockHeight` can never land.
     *
     * An error, a time-out or -32011 (no transaction history) proves nothing: the next endpoint is asked for both. Where none that answers has a
     * history, the status cache of one is read instead. It holds the last 300 slots or so, and a blockhash is valid for 150 blocks: within 300
     * slots of the blockhash a null there proves as much as one from the history, that the transaction has not landed and never will. After that
     * it proves only that it will not land any more; the accounts show whether it did.
     */
    async checkExpiry(
      signatures: readonly string[],
      signal: AbortSignal,
    ): Promise<Pick<Statuses, 'statuses'> & { readonly blockHeight: bigint }> {
      let historyFailed = false;
      const check = (searchHistory: boolean) =>
        endpoints.onOne(async (endpoint, inner) => {
          const { slot, blockHeight } = await askEpochInfo(endpoint, undefined, inner);
          const last = await askStatuses(endpoint, signatures, searchHistory, inner).catch((error: unknown) => {
            historyFailed ||= error instanceof EndpointError;
            throw error;
          });
          requireSlot(last.slot, slot, endpoint, STATUSES);
          return { blockHeight, statuses: last.statuses };
        }, signal);
      try {
        return await check(true);
      } catch (error) {
        signal.throwIfAborted();
        if (historyFailed) return check(false);
        throw error;
      }
    },

    /** Milliseconds a slot by getRecentPerformanceSamples; undefined when the node has no samples yet. */
    async recentSlotTimeMs(signal: AbortSignal): Promise<number | undefined> {
      return medianSlotTime(await askOne(endpoints, 'getRecentPerformanceSamples', [30], readPerformanceSamples, signal));
    },

    /** Block time of a slot, milliseconds since 1970, in whole seconds; undefined where the node has none for it. */
    blockTime(slot: Slot, signal: AbortSignal): Promise<EpochMs | undefined> {
      const request = { method: 'getBlockTime', params: [Number(slot)] };
      return endpoints.onOne(async (endpoint, inner) => {
        try {
          return await endpoint.ask(request, readBlockTime, inner);
        } catch (error) {
          // Some providers refuse this method; that must not keep the others from being asked of the endpoint.
          throw error instanceof EndpointError ? new EndpointError(error.error, error.topic, { quarantine: false }) : error;
        }
      }, signal);
    },

    /** The newest slot and when the ledger last made progress; undefined before the first answer. Makes no request. */
    slotProgress: (): SlotProgress | undefined => endpoints.slotProgress(),
    /** A write was confirmed, which is progress of the ledger, too. Makes no request. */
    noteConfirmation: (): void => endpoints.noteConfirmation(),
    /** Ends sockets. Idempotent. */
    close: (): Promise<void> => endpoints.close(),
  };
}

/** Past transactions, for commands. The agent itself reads none. */
function createHistoryMethods(endpoints: Endpoints) {
  return {
    /**
     * The transactions that name `address`, the newest first, all of one endpoint, until one from before `since` or the end of its history.
     * `isWhole`: the endpoint lists no older one. Throws AgentError `LEDGER__HISTORY_TOO_LONG` for more than 200,000.
     */
    transactionsOf: (address: Address, since: EpochMs, signal: AbortSignal) =>
      endpoints.onOne((endpoint, inner) => askListed(endpoint, address, since, inner), signal),

    /** One of them. An endpoint that lists it and does not have it is an error. */
    storedTransaction(signature: string, signal: AbortSignal): Promise<StoredTransaction> {
      const config = { encoding: 'base64', commitment: COMMITMENT, maxSupportedTransactionVersion: 0 };
      const request = { method: 'getTransaction', params: [signature, config] };
      return endpoints.onOne(async (endpoint, inner) => {
        const stored = await endpoint.ask(request, readStored, inner);
        if (stored !== undefined) return stored;
        throw minContextSlotNotReached(`it lists transaction ${signature}, and does not return it`, endpoint.url, request.method);
      }, signal);
    },

    /** The oldest slot that the endpoint has. */
    firstAvailableSlot: (signal: AbortSignal): Promise<Slot> =>
      askOne(endpoints, 'getFirstAvailableBlock', [], (result) => toSlot(asCount(result, 'the slot')), signal),
  };
}

/** The pages of one endpoint: another one's history may begin elsewhere. */
async function askListed(endpoint: AskedEndpoint, address: Address, since: EpochMs, signal: AbortSignal) {
  const listed: ListedTransaction[] = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const last = listed.at(-1);
    const config = { limit: LISTED_A_REQUEST, before: last?.signature, commitment: COMMITMENT };
    const request = { method: 'getSignaturesForAddress', params: [address, config] };
    const found = await endpoint.ask(request, (result) => readListed(result, last?.slot), signal);
    listed.push(...found);
    if (found.length < LISTED_A_REQUEST) return { listed, isWhole: true };
    if ((listed.at(-1)?.at ?? since) < since) return { listed, isWhole: false };
  }
  throw new AgentError('LEDGER__HISTORY_TOO_LONG', { address, most: MOST_PAGES * LISTED_A_REQUEST });
}

/** Several nodes can share one host name, so the request demands the slot and the answer is checked for it. */
async function askEpochInfo(endpoint: AskedEndpoint, minContextSlot: Slot | undefined, signal: AbortSignal) {
  const request = { method: 'getEpochInfo', params: [{ commitment: COMMITMENT, minContextSlot: jsonSlot(minContextSlot) }] };
  const info = await endpoint.ask(request, readEpochInfo, signal);
  requireSlot(info.slot, minContextSlot, endpoint, request.method);
  return info;
}

async function askStatuses(
  endpoint: AskedEndpoint,
  signatures: readonly string[],
  searchTransactionHistory: boolean,
  signal: AbortSignal,
): Promise<Statuses> {
  const parts = await inChunks(signatures, STATUSES_A_REQUEST, (chunk) => {
    const request = { method: STATUSES, params: [chunk, { searchTransactionHistory }] };
    return endpoint.ask(request, (result) => readStatuses(result, chunk.length), signal);
  });
  return { slot: oldest(parts), statuses: parts.flatMap(({ statuses }) => statuses) };
}

/** Throws EndpointError when the answer is older than the slot that was asked for. */
function requireSlot(actual: Slot, wanted: Slot | undefined, endpoint: AskedEndpoint, method: string): void {
  if (wanted !== undefined && actual < wanted)
    throw minContextSlotNotReached(`its answer is of slot ${actual}, not of ${wanted} or later`, endpoint.url, method);
}

/** JSON has no bigint, and leaves out what is undefined. */
function jsonSlot(slot: Slot | undefined): number | undefined {
  return slot === undefined ? undefined : Number(slot);
}

/** One request after the other: the first one's connection is warm, and an endpoint that fails is no longer asked. An empty list is one request. */
async function inChunks<T, R>(items: readonly T[], size: number, work: (chunk: readonly T[]) => Promise<R>): Promise<readonly [R, ...R[]]> {
  const results: [R, ...R[]] = [await work(items.slice(0, size))];
  for (let start = size; start < items.length; start += size) results.push(await work(items.slice(start, start + size)));
  return results;
}

/** The slot that every part of an answer has reached. */
function oldest([first, ...rest]: readonly [{ readonly slot: Slot }, ...{ readonly slot: Slot }[]]): Slot {
  let least = first.slot;
  for (const { slot } of rest) if (slot < least) least = slot;
  return least;
}

/** Resolves at the first endpoint that accepted, or when each one has answered. Rejects only for a bug. */
function untilAccepted(attempts: SendAttempts, offers: readonly Promise<unknown>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let open = offers.length;
    if (open === 0) resolve();
    for (const offer of offers) {
      offer.then(() => {
        open -= 1;
        if (open === 0 || attempts.outcome().kind === 'accepted') resolve();
      }, reject);
    }
  });
}

function toBase64(wire: Uint8Array): string {
  return Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('base64');
}
