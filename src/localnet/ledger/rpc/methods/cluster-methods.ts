import { z } from 'zod';
import { API_VERSION, type Endpoint, withContext } from '../endpoint.ts';
import { contextConfig, readParams, u64Param } from '../params.ts';
import { invalidParams, RpcCode, RpcError } from '../rpc-error.ts';
import type { RpcMethods } from '../rpc-method.ts';

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
