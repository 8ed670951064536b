import type { LandedTransaction } from '../bank/index.ts';
import type { TransactionErrorJson } from '../runtime/index.ts';
import { encodeBase58, type ParsedTransaction } from '../transaction/index.ts';

export type TransactionEncoding = 'json' | 'jsonParsed' | 'base58' | 'base64';

/** The old form of a result, which nodes still send beside `err`. */
export const statusOf = (err: TransactionErrorJson | null): unknown => (err === null ? { Ok: null } : { Err: err });

/** A transaction in one of the encodings of getTransaction; `jsonParsed` gives what `json` does, as this ledger has no parsers. */
export function transactionJson(transaction: ParsedTransaction, encoding: TransactionEncoding): unknown {
  if (encoding === 'base64') return [Buffer.from(transaction.wire).toString('base64'), encoding];
  if (encoding === 'base58') return [encodeBase58(transaction.wire), encoding];
  const { accountKeys, header, recentBlockhash, instructions, signatures, version } = transaction;
  return {
    signatures: signatures.map(encodeBase58),
    message: {
      accountKeys,
      header: {
        numRequiredSignatures: header.requiredSignatures,
        numReadonlySignedAccounts: header.readonlySigned,
        numReadonlyUnsignedAccounts: header.readonlyUnsigned,
      },
      recentBlockhash,
      instructions: instructions.map(({ programIndex, accountIndexes, data }) => ({
        programIdIndex: programIndex,
        accounts: accountIndexes,
        data: encodeBase58(data),
        stackHeight: null,
      })),
      ...(version === 0 ? { addressTableLookups: [] } : {}),
    },
  };
}

export function transactionMeta({ transaction, result }: LandedTransaction): unknown {
  const { accountKeys } = transaction;
  const inner = result.inner.map((calls, index) => ({
    index,
    instructions: calls.map(({ programId, accounts, data, stackHeight }) => ({
      programIdIndex: accountKeys.indexOf(programId),
      accounts: accounts.map((account) => accountKeys.indexOf(account)),
      data: encodeBase58(data),
      stackHeight,
    })),
  }));
  return {
    err: result.err,
    status: statusOf(result.err),
    fee: result.fee,
    preBalances: result.preBalances,
    postBalances: result.postBalances,
    innerInstructions: inner.filter(({ instructions }) => instructions.length > 0),
    logMessages: result.logs,
    preTokenBalances: [],
    postTokenBalances: [],
    rewards: [],
    loadedAddresses: { writable: [], readonly: [] },
    computeUnitsConsumed: result.unitsConsumed,
  };
}
