/*
 * The ledger over JSON-RPC.
 *
 *   LedgerRpc method ──► Endpoints: which one, failover, sends to all ──► Endpoint: one request, its fault or its result read
 *                                                                              │
 *                              JsonRpc: envelope, deadline, bounded queue ◄────┘──► undici Pool, keep-alive
 */
import { type Clock, inSlices, type Random, systemClock, timeSlices } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { Resolve } from './address-book.ts';
import { askEpochInfo, askStatuses, atLeast, COMMITMENT, inChunks, oldest, requireSlot } from './asking.ts';
import type { EndpointEvent } from './endpoint-health.ts';
import type { EndpointWork } from './endpoint-work.ts';
import { createEndpoints, type EndpointTraffic } from './endpoints.ts';
import { EndpointFault } from './faults.ts';
import type { JsonRpc, JsonRpcOptions } from './json-rpc.ts';
import type { LedgerRpc, SendOutcome } from './ledger-rpc.ts';
import { proven } from './proven.ts';
import { readAccounts, readBalance, readBlockhash, readSimulation } from './read-results.ts';
import { readUserAccounts, type UserAccounts, userFilters } from './read-user-accounts.ts';
import { combineOutcomes, outcomeOfFault, readSendReply, signatureOf } from './send-outcome.ts';
import { medianSlotTime, readPerformanceSamples } from './slot-time.ts';

export interface LedgerRpcOptions {
  /** RPC URLs in order of preference, http or https, at least one. Their paths are treated as secrets. */
  readonly urls: readonly string[];
  readonly programId: Address;
  readonly random: Random;
  readonly clock?: Clock;
  /** Upper bound for one request to one endpoint, milliseconds; 8,000 unless told. */
  readonly requestTimeoutMs?: number;
  /** Upper bound for one call with all its failovers, milliseconds; 20,000 unless told. */
  readonly callTimeoutMs?: number;
  /** Most sockets to one endpoint; 8 unless told. */
  readonly connections?: number;
  /** Most bytes of one answer, unpacked; 32 MiB unless told. */
  readonly maxResponseBytes?: number;
  /** Most requests a second to one endpoint, all methods together; 150 unless told. */
  readonly requestsPerSecond?: number;
  /** Most of them that send a transaction; 100 unless told. */
  readonly sendsPerSecond?: number;
  /** How host names become addresses; the host's own resolver unless told. */
  readonly resolve?: Resolve;
  /** Told once when an endpoint is lost and once when it is back. */
  readonly onEndpoint?: (event: EndpointEvent) => void;
  /** What carries the requests to an endpoint; HTTP unless told. A simulation puts a network of its own here. */
  readonly openTransport?: (options: JsonRpcOptions) => JsonRpc;
}

/** A blockhash is good for the 150 blocks after its own (MAX_PROCESSING_AGE); old nodes report twice as many. */
const BLOCKHASH_LIFE = 150n;
const ACCOUNTS_A_REQUEST = 100;

export interface LedgerRpcClient extends LedgerRpc {
  /** What was asked of each endpoint so far, in the order of the URLs. */
  traffic(): readonly EndpointTraffic[];
}

/** The one LedgerRpc that speaks to a network. Opens no socket before the first call. Throws TypeError for a URL that is none. */
export function createLedgerRpc(options: LedgerRpcOptions): LedgerRpcClient {
  const { urls, programId, random, clock = systemClock, requestTimeoutMs = 8_000, callTimeoutMs = 20_000 } = options;
  const { connections = 8, maxResponseBytes = 32 * 1024 * 1024, onEndpoint = () => undefined } = options;
  const { requestsPerSecond = 150, sendsPerSecond = 100, resolve, openTransport } = options;
  const endpoints = createEndpoints({
    urls,
    clock,
    random,
    requestTimeoutMs,
    callTimeoutMs,
    connections,
    maxResponseBytes,
    rates: { requestsPerSecond, sendsPerSecond },
    resolve,
    onEndpoint,
    openTransport,
  });
  let lastUsers: UserAccounts['accounts'] = new Map();

  return {
    async usersOfDevice(device, { minContextSlot }, signal) {
      const query = { programId, device };
      const config = {
        encoding: 'base64',
        commitment: COMMITMENT,
        withContext: true,
        filters: userFilters(device),
        ...atLeast(minContextSlot),
      };
      const request = { method: 'getProgramAccounts', params: [programId, config] };
      const users = await endpoints.onOne(async (endpoint, note, inner) => {
        const read = (result: unknown, name: string): Promise<UserAccounts> =>
          inSlices(readUserAccounts(result, name, query, lastUsers), timeSlices(clock, inner));
        const answer = await endpoint.ask(request, read, inner);
        note(answer.slot);
        requireSlot(answer.slot, minContextSlot, endpoint, request.method);
        return answer;
      }, signal);
      lastUsers = users.accounts;
      return users;
    },

    accounts(addresses, signal, { prove } = {}) {
      const read: EndpointWork<Awaited<ReturnType<LedgerRpc['accounts']>>> = async (endpoint, note, inner) => {
        const parts = await inChunks(addresses, ACCOUNTS_A_REQUEST, async (chunk) => {
          const request = { method: 'getMultipleAccounts', params: [chunk, { encoding: 'base64', commitment: COMMITMENT }] };
          const part = await endpoint.ask(request, (result) => readAccounts(result, chunk.length), inner);
          note(part.slot);
          return part;
        });
        return { slot: oldest(parts), accounts: parts.flatMap(({ accounts }) => accounts) };
      };
      return endpoints.onOne(prove === undefined ? read : proven(read, ({ accounts }) => prove(accounts), endpoints.vouchFor), signal);
    },

    balance(address, signal) {
      const request = { method: 'getBalance', params: [address, { commitment: COMMITMENT }] };
      return endpoints.onOne(async (endpoint, note, inner) => {
        const { slot, value } = await endpoint.ask(request, readBalance, inner);
        note(slot);
        return value;
      }, signal);
    },

    latestBlockhash(signal) {
      return endpoints.onOne(async (endpoint, note, inner) => {
        const hash = await endpoint.ask({ method: 'getLatestBlockhash', params: [{ commitment: COMMITMENT }] }, readBlockhash, inner);
        // The height is asked for afterwards, and not from before the blockhash: a height that is too low would end its life too early.
        const { slot, blockHeight } = await askEpochInfo(endpoint, note, hash.slot, inner);
        const bound = blockHeight + BLOCKHASH_LIFE;
        const lastValidBlockHeight = hash.lastValidBlockHeight < bound ? hash.lastValidBlockHeight : bound;
        return { slot, blockhash: hash.blockhash, lastValidBlockHeight, blockHeight };
      }, signal);
    },

    async sendTransaction(wire, { skipPreflight, minContextSlot }, signal) {
      signal.throwIfAborted();
      const config = { encoding: 'base64', skipPreflight, preflightCommitment: COMMITMENT, maxRetries: 0, ...atLeast(minContextSlot) };
      const request = { method: 'sendTransaction', params: [toBase64(wire), config], urgent: true };
      const signature = signatureOf(wire);
      const replies = endpoints.onEvery(
        (endpoint, _, inner) => endpoint.offer(request, (reply) => readSendReply(reply, signature, endpoint.url), inner),
        signal,
      );
      const outcome = await combineOutcomes(
        replies.map(async (reply): Promise<SendOutcome> => {
          const settled = await reply;
          return settled instanceof EndpointFault ? outcomeOfFault(settled) : settled;
        }),
      );
      if (outcome.kind !== 'accepted') signal.throwIfAborted();
      return outcome;
    },

    simulateTransaction(wire, signal, { minContextSlot } = {}) {
      const config = {
        encoding: 'base64',
        sigVerify: false,
        replaceRecentBlockhash: true,
        commitment: COMMITMENT,
        ...atLeast(minContextSlot),
      };
      const request = { method: 'simulateTransaction', params: [toBase64(wire), config] };
      return endpoints.onOne(async (endpoint, note, inner) => {
        const simulation = await endpoint.ask(request, readSimulation, inner);
        note(simulation.slot);
        return simulation;
      }, signal);
    },

    signatureStatuses(signatures, { searchHistory }, signal) {
      return endpoints.onOne((endpoint, note, inner) => askStatuses(endpoint, note, signatures, searchHistory, inner), signal);
    },

    lastLook(signatures, signal) {
      return endpoints.onOne(async (endpoint, note, inner) => {
        const { slot, blockHeight } = await askEpochInfo(endpoint, note, undefined, inner);
        const look = await askStatuses(endpoint, note, signatures, true, inner).catch((error: unknown) => {
          // Without its history a node still has the statuses of some 300 slots, twice what a blockhash lives.
          if (error instanceof EndpointFault && error.error.code === 'LEDGER__UNSUPPORTED')
            return askStatuses(endpoint, note, signatures, false, inner);
          throw error;
        });
        requireSlot(look.slot, slot, endpoint, 'getSignatureStatuses');
        return { blockHeight, statuses: look.statuses };
      }, signal);
    },

    recentSlotTimeMs(signal) {
      const request = { method: 'getRecentPerformanceSamples', params: [30] };
      return endpoints.onOne(
        async (endpoint, _, inner) => medianSlotTime(await endpoint.ask(request, readPerformanceSamples, inner)),
        signal,
      );
    },

    traffic: endpoints.traffic,
    close: endpoints.close,
  };
}

function toBase64(wire: Uint8Array): string {
  return Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('base64');
}
