import { z } from 'zod';
import type { LandedStatus } from '../../bank/index.ts';
import { type Endpoint, withContext } from '../endpoint.ts';
import { addressParam, contextConfig, readParams, signatureParam } from '../params.ts';
import { invalidParams, RpcCode, RpcError } from '../rpc-error.ts';
import type { RpcMethods } from '../rpc-method.ts';
import { statusOf, transactionJson, transactionMeta } from '../transaction-json.ts';

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

/** What became of transactions. */
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

/** The commitment for a look into blocks, which nodes do not give below `confirmed`. */
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
