import { z } from 'zod';
import { lamports } from '../../../../serviceability/index.ts';
import { describeTransactionError, type Executed, type NotExecutable, readComputeBudget, transactionFee } from '../../runtime/index.ts';
import { hasValidSignatures, type ParsedTransaction } from '../../transaction/index.ts';
import { encodeAccount } from '../account-encoding.ts';
import { withContext } from '../endpoint.ts';
import { accountEncoding, addressParam, contextConfig, readParams, u64Param, wireEncoding } from '../params.ts';
import { readMessage, readTransaction } from '../read-transaction.ts';
import { RpcCode, RpcError } from '../rpc-error.ts';
import type { RpcMethods } from '../rpc-method.ts';

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
    returnData: null,
    innerInstructions: null,
  };
}
