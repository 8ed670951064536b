import * as z from 'zod';
import { type Address, lamports } from '../../src/serviceability/index.ts';
import type { BankView, LandedStatus } from './bank.ts';
import {
  accountPredicate,
  encodeAccount,
  programConfig,
  readMessage,
  readTransaction,
  returnDataJson,
  statusOf,
  transactionJson,
  transactionMeta,
} from './rpc-encoding.ts';
import {
  type AccountConfig,
  API_VERSION,
  accountConfig,
  accountEncoding,
  addressParam,
  contextConfig,
  type Endpoint,
  invalidParams,
  RpcCode,
  RpcError,
  type RpcMethods,
  readParams,
  signatureParam,
  u64Param,
  wireEncoding,
  withContext,
} from './rpc-types.ts';
import { type Account, type Executed, type NotExecutable, rentExemptMinimum } from './runtime.ts';
import { describeTransactionError, hasValidSignatures, type ParsedTransaction, readComputeBudget, transactionFee } from './transaction.ts';

const MAX_ADDRESSES = 100;

function show(endpoint: Endpoint, view: BankView, address: Address, config: AccountConfig | null | undefined): unknown {
  const account = view.account(address);
  const seen = account === undefined ? undefined : endpoint.faults.distort(address, account);
  return seen === undefined ? null : encodeAccount(seen, config?.encoding, config?.dataSlice);
}

/** Reading accounts one by one. */
export const accountMethods: RpcMethods = {
  getAccountInfo(endpoint, params) {
    const [address, config] = readParams(z.tuple([addressParam, accountConfig.nullish()]), params);
    const view = endpoint.view(config);
    return withContext(view, show(endpoint, view, address, config));
  },

  getMultipleAccounts(endpoint, params) {
    const [addresses, config] = readParams(z.tuple([z.array(addressParam), accountConfig.nullish()]), params);
    if (addresses.length > MAX_ADDRESSES) throw invalidParams(`Too many inputs provided; max ${MAX_ADDRESSES}`);
    const view = endpoint.view(config);
    const encoded = { ...config, encoding: config?.encoding ?? ('base64' as const) };
    return withContext(
      view,
      addresses.map((address) => show(endpoint, view, address, encoded)),
    );
  },

  getBalance(endpoint, params) {
    const [address, config] = readParams(z.tuple([addressParam, contextConfig.nullish()]), params);
    const view = endpoint.view(config);
    const account: Account | undefined = view.account(address);
    return withContext(view, account?.lamports ?? 0);
  },

  getMinimumBalanceForRentExemption(_, params) {
    const [length] = readParams(z.tuple([z.int().min(0), contextConfig.nullish()]), params);
    return rentExemptMinimum(length);
  },
};

const MAX_SAMPLES = 720;
const FEATURE_SET = 3_640_012_085;

const onlyConfig = z.tuple([contextConfig.nullish()]);

/** The node and its clock: slots, heights, times, blockhashes. */
export const clusterMethods: RpcMethods = {
  getHealth(endpoint) {
    endpoint.requireHealthy();
    return 'ok';
  },
  getVersion: () => ({ 'solana-core': API_VERSION, 'feature-set': FEATURE_SET }),
  getGenesisHash: ({ bank }) => bank.genesisHash,

  getFirstAvailableBlock: ({ bank }) => bank.firstAvailableSlot(),
  getSlot: (endpoint, params) => viewOf(endpoint, params).slot,
  getBlockHeight: (endpoint, params) => viewOf(endpoint, params).blockHeight,

  getEpochInfo(endpoint, params) {
    const view = viewOf(endpoint, params);
    const { slotsPerEpoch } = endpoint.bank;
    return {
      absoluteSlot: view.slot,
      blockHeight: view.blockHeight,
      epoch: view.slot / slotsPerEpoch,
      slotIndex: view.slot % slotsPerEpoch,
      slotsInEpoch: slotsPerEpoch,
      transactionCount: endpoint.bank.counters.succeeded + endpoint.bank.counters.failed,
    };
  },

  getBlockTime(endpoint, params) {
    const [slot] = readParams(z.tuple([u64Param]), params);
    if (slot > endpoint.view(undefined, 'processed').slot) {
      throw new RpcError(RpcCode.blockNotAvailable, `Block not available for slot ${slot}`);
    }
    const timeMs = endpoint.bank.slotTimeMs(slot);
    if (timeMs === undefined) throw new RpcError(RpcCode.blockCleanedUp, `Block ${slot} cleaned up, does not exist on node.`);
    return Math.floor(timeMs / 1000);
  },

  getLatestBlockhash(endpoint, params) {
    const view = viewOf(endpoint, params);
    return withContext(view, view.latestBlockhash());
  },

  isBlockhashValid(endpoint, params) {
    const [blockhash, config] = readParams(z.tuple([z.string().max(44), contextConfig.nullish()]), params);
    const view = endpoint.view(config);
    return withContext(view, view.isBlockhashValid(blockhash));
  },

  getRecentPerformanceSamples({ bank }, params) {
    const [limit] = readParams(z.tuple([z.int().min(0).nullish()]), params);
    if ((limit ?? 0) > MAX_SAMPLES) throw invalidParams(`Invalid limit; max ${MAX_SAMPLES}`);
    return bank.performanceSamples(limit ?? MAX_SAMPLES).map(({ slot, slots, transactions, periodSeconds }) => ({
      slot,
      numSlots: slots,
      numTransactions: transactions,
      numNonVoteTransactions: transactions,
      samplePeriodSecs: periodSeconds,
    }));
  },
};

const viewOf = (endpoint: Endpoint, params: readonly unknown[]) => endpoint.view(readParams(onlyConfig, params)[0]);

const MAX_SIGNATURES = 256;
const MAX_LISTED = 1000;

const transactionConfig = contextConfig.extend({
  encoding: z.enum(['json', 'jsonParsed', 'base58', 'base64']).nullish(),
  maxSupportedTransactionVersion: z.int().min(0).max(255).nullish(),
});

const listConfig = contextConfig.extend({
  limit: z.int().min(1).max(MAX_LISTED).nullish(),
  before: signatureParam.nullish(),
  until: signatureParam.nullish(),
});

/** Outcomes of transactions. */
export const historyMethods: RpcMethods = {
  getSignatureStatuses(endpoint, params) {
    const config = z.object({ searchTransactionHistory: z.boolean().nullish() });
    const [signatures, options] = readParams(z.tuple([z.array(signatureParam), config.nullish()]), params);
    if (signatures.length > MAX_SIGNATURES) throw invalidParams(`Too many inputs provided; max ${MAX_SIGNATURES}`);
    const replica = endpoint.replica();
    const statuses = signatures.map((signature) => {
      const status = replica.status(signature);
      const isFound = status !== undefined && (status.isRecent || options?.searchTransactionHistory === true);
      return isFound ? statusJson(status) : null;
    });
    return withContext(replica.view('processed'), statuses);
  },

  getTransaction(endpoint, params) {
    const [signature, given] = readParams(z.tuple([signatureParam, z.union([transactionConfig, z.string()]).nullish()]), params);
    const config = typeof given === 'string' ? readParams(transactionConfig, { encoding: given }) : given;
    const commitment = requireLanded(config?.commitment);
    const status = endpoint.replica().status(signature);
    if (status === undefined || status.confirmationStatus === 'processed') return null;
    if (commitment === 'finalized' && status.confirmationStatus !== 'finalized') return null;

    const { landed } = status;
    const { version } = landed.transaction;
    const supported = config?.maxSupportedTransactionVersion;
    if (version !== 'legacy' && (supported === null || supported === undefined)) {
      const advice = `Please try the request again with the following configuration parameter: "maxSupportedTransactionVersion": ${version}`;
      const message = `Transaction version (${version}) is not supported by the requesting client. ${advice}`;
      throw new RpcError(RpcCode.unsupportedTransactionVersion, message);
    }
    return {
      slot: status.slot,
      blockTime: blockTime(endpoint, status),
      transaction: transactionJson(landed.transaction, config?.encoding ?? 'json'),
      meta: transactionMeta(landed),
      ...(supported === null || supported === undefined ? {} : { version }),
    };
  },

  getSignaturesForAddress(endpoint, params) {
    const [address, config] = readParams(z.tuple([addressParam, listConfig.nullish()]), params);
    const commitment = requireLanded(config?.commitment);
    endpoint.view({ commitment, minContextSlot: config?.minContextSlot });
    const found: unknown[] = [];
    let started = config?.before === null || config?.before === undefined;
    for (const status of endpoint.replica().naming(address, commitment)) {
      const { signature } = status.landed.transaction;
      if (signature === config?.until || found.length >= (config?.limit ?? MAX_LISTED)) break;
      if (started) {
        const { slot, confirmationStatus } = status;
        const { err } = status.landed.result;
        found.push({ signature, slot, err, memo: null, blockTime: blockTime(endpoint, status), confirmationStatus });
      }
      started ||= signature === config?.before;
    }
    return found;
  },
};

/** The commitment for reads of blocks, which nodes do not serve below `confirmed`. */
function requireLanded(commitment: 'processed' | 'confirmed' | 'finalized' | null | undefined): 'confirmed' | 'finalized' {
  if (commitment !== 'processed') return commitment ?? 'finalized';
  throw new RpcError(RpcCode.invalidParams, 'Method does not support commitment below `confirmed`');
}

function statusJson({ slot, confirmations, confirmationStatus, landed }: LandedStatus): unknown {
  const { err } = landed.result;
  return { slot, confirmations, err, status: statusOf(err), confirmationStatus };
}

function blockTime({ bank }: Endpoint, { slot }: LandedStatus): number | null {
  const timeMs = bank.slotTimeMs(slot);
  return timeMs === undefined ? null : Math.floor(timeMs / 1000);
}

export const programAccountMethods: RpcMethods = {
  getProgramAccounts(endpoint, params) {
    const [program, config] = readParams(z.tuple([addressParam, programConfig.nullish()]), params);
    const passes = accountPredicate(config ?? {});
    const view = endpoint.view(config);
    const accounts: unknown[] = [];
    for (const [pubkey, account] of view.accountsOf(program)) {
      if (!passes(account.data)) continue;
      const seen = endpoint.faults.distort(pubkey, account);
      if (seen !== undefined) accounts.push({ account: encodeAccount(seen, config?.encoding, config?.dataSlice), pubkey });
    }
    return config?.withContext === true ? withContext(view, accounts) : accounts;
  },
};

const commitment = contextConfig.shape.commitment;

const sendConfig = z.object({
  encoding: wireEncoding.nullish(),
  skipPreflight: z.boolean().nullish(),
  preflightCommitment: commitment,
  maxRetries: z.int().min(0).nullish(),
  minContextSlot: u64Param.nullish(),
});

const simulateConfig = contextConfig.extend({
  encoding: wireEncoding.nullish(),
  sigVerify: z.boolean().nullish(),
  replaceRecentBlockhash: z.boolean().nullish(),
  innerInstructions: z.boolean().nullish(),
  accounts: z.object({ encoding: accountEncoding.nullish(), addresses: z.array(addressParam) }).nullish(),
});

/** Sending and simulating. `maxRetries` is read and ignored: an accepted transaction waits for a block until its blockhash is too old. */
export const sendMethods: RpcMethods = {
  sendTransaction(endpoint, params) {
    const [encoded, config] = readParams(z.tuple([z.string(), sendConfig.nullish()]), params);
    const transaction = readTransaction(encoded, config?.encoding ?? 'base58');
    const skipPreflight = config?.skipPreflight === true;
    const view = endpoint.view({
      commitment: skipPreflight ? 'processed' : config?.preflightCommitment,
      minContextSlot: config?.minContextSlot,
    });
    if (!skipPreflight) {
      verifySignatures(transaction);
      endpoint.requireHealthy();
      const result = endpoint.bank.simulate(transaction, view);
      if (result.err !== null) {
        const message = `Transaction simulation failed: ${describeTransactionError(result.err)}`;
        throw new RpcError(RpcCode.preflightFailure, message, simulationJson(result));
      }
    }
    endpoint.submit(transaction);
    return transaction.signature;
  },

  simulateTransaction(endpoint, params) {
    const [encoded, config] = readParams(z.tuple([z.string(), simulateConfig.nullish()]), params);
    const anyBlockhash = config?.replaceRecentBlockhash === true;
    if (config?.sigVerify === true && anyBlockhash) {
      throw new RpcError(RpcCode.invalidParams, 'sigVerify may not be used with replaceRecentBlockhash');
    }
    const transaction = readTransaction(encoded, config?.encoding ?? 'base58');
    const view = endpoint.view(config);
    if (config?.sigVerify === true) verifySignatures(transaction);
    const result = endpoint.bank.simulate(transaction, view, { anyBlockhash });
    const accounts = config?.accounts?.addresses.map((address) => {
      const after = (result.kind === 'executed' ? result.writes.get(address) : undefined) ?? view.account(address);
      return after === undefined || result.err !== null ? null : encodeAccount(after, config.accounts?.encoding ?? 'base64', undefined);
    });
    return withContext(view, {
      ...simulationJson(result),
      accounts: accounts ?? null,
      ...(anyBlockhash ? { replacementBlockhash: view.latestBlockhash() } : {}),
    });
  },

  getFeeForMessage(endpoint, params) {
    const [encoded, config] = readParams(z.tuple([z.string(), contextConfig.nullish()]), params);
    const message = readMessage(encoded);
    const view = endpoint.view(config);
    const budget = readComputeBudget(message);
    const isKnown = view.isBlockhashValid(message.recentBlockhash);
    return withContext(view, isKnown && budget.ok ? transactionFee(message, budget.budget) : null);
  },

  requestAirdrop({ bank }, params) {
    const [to, amount] = readParams(z.tuple([addressParam, u64Param, contextConfig.nullish()]), params);
    return bank.airdrop(to, lamports(amount));
  },
};

function verifySignatures(transaction: ParsedTransaction): void {
  if (hasValidSignatures(transaction)) return;
  throw new RpcError(RpcCode.signatureVerificationFailure, 'Transaction signature verification failure');
}

function simulationJson(result: Executed | NotExecutable) {
  const executed = result.kind === 'executed' ? result : undefined;
  return {
    err: result.err,
    logs: executed?.logs ?? [],
    accounts: null,
    unitsConsumed: executed?.unitsConsumed ?? 0,
    returnData: executed?.returnData === undefined ? null : returnDataJson(executed.returnData),
    innerInstructions: null,
  };
}
