import { z } from 'zod';
import { type Address, lamports, SYSTEM_PROGRAM_ID } from '../../../../serviceability/index.ts';
import type { AccountWrite, BankView, Commitment, Replica } from '../../bank/index.ts';
import { type Account, createAccount } from '../../runtime/index.ts';
import { encodeAccount } from '../account-encoding.ts';
import { accountPredicate, programConfig } from '../account-filters.ts';
import { type Endpoint, withContext } from '../endpoint.ts';
import { type AccountConfig, accountConfig, addressParam, contextConfig, readParams, signatureParam } from '../params.ts';
import { RpcError } from '../rpc-error.ts';

export type SubscriptionKind = 'account' | 'program' | 'signature' | 'slot';

/** What has become known since the last look, at one commitment. */
export interface News {
  readonly replica: Replica;
  readonly view: BankView;
  readonly writes: readonly AccountWrite[];
  /** New blocks, oldest first, whatever the commitment. */
  readonly blocks: readonly { readonly slot: number; readonly parent: number }[];
}

export interface Subscription {
  readonly kind: SubscriptionKind;
  readonly commitment: Commitment;
  /** The values to notify of, in order. */
  read(news: News): readonly unknown[];
  /** It ends with its first notification. */
  readonly once: boolean;
}

const TOO_LONG = 'error: data too large for bs58 encoding';
const signatureConfig = contextConfig.extend({ enableReceivedNotification: z.boolean().nullish() });

/** Reads the parameters of `accountSubscribe`, `programSubscribe`, `signatureSubscribe` and `slotSubscribe`. Throws RpcError -32602. */
export const SUBSCRIBE: Readonly<Record<string, (endpoint: Endpoint, params: readonly unknown[]) => Subscription>> = {
  accountSubscribe(endpoint, params) {
    const [address, config] = readParams(z.tuple([addressParam, accountConfig.nullish()]), params);
    return {
      kind: 'account',
      commitment: config?.commitment ?? 'finalized',
      once: false,
      read: ({ view, writes }) =>
        writes
          .filter((write) => write.address === address)
          .map(({ account }) => withContext(view, notified(seenBy(endpoint, address, account), config?.encoding, config?.dataSlice))),
    };
  },
  /** An account that was closed belongs to the system program, so it is not told of, as on a node. */
  programSubscribe(endpoint, params) {
    const [program, config] = readParams(z.tuple([addressParam, programConfig.nullish()]), params);
    const passes = accountPredicate(config ?? {});
    return {
      kind: 'program',
      commitment: config?.commitment ?? 'finalized',
      once: false,
      read: ({ view, writes }) =>
        writes.flatMap(({ address, account }) => {
          if (account?.owner !== program || !passes(account.data)) return [];
          const seen = endpoint.faults.distort(address, account);
          if (seen === undefined) return [];
          return [withContext(view, { pubkey: address, account: notified(seen, config?.encoding, config?.dataSlice) })];
        }),
    };
  },
  signatureSubscribe(_, params) {
    const [signature, config] = readParams(z.tuple([signatureParam, signatureConfig.nullish()]), params);
    const commitment = config?.commitment ?? 'finalized';
    return {
      kind: 'signature',
      commitment,
      once: true,
      read({ replica, view }) {
        const status = replica.status(signature);
        if (status === undefined || status.slot > view.slot) return [];
        return [withContext({ slot: status.slot }, { err: status.landed.result.err })];
      },
    };
  },
  slotSubscribe: () => ({
    kind: 'slot',
    commitment: 'processed',
    once: false,
    read: ({ replica, blocks }) => blocks.map(({ slot, parent }) => ({ slot, parent, root: replica.view('finalized').slot })),
  }),
};

/** An account that is gone is an empty one without lamports. */
function seenBy(endpoint: Endpoint, address: Address, account: Account | undefined): Account {
  const seen = account === undefined ? undefined : endpoint.faults.distort(address, account);
  return seen ?? createAccount(SYSTEM_PROGRAM_ID, new Uint8Array(), lamports(0));
}

/** Nobody waits for the refusal that a read would get, so the account says itself that it is too long for base58, as on a node. */
function notified(account: Account, ...[encoding, slice]: readonly [AccountConfig['encoding'], AccountConfig['dataSlice']]): unknown {
  try {
    return encodeAccount(account, encoding, slice);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const { data, executable, lamports: balance, owner, rentEpoch } = account;
    const text = encoding === 'base58' ? [TOO_LONG, 'base58'] : TOO_LONG;
    return { data: text, executable, lamports: balance, owner, rentEpoch, space: data.length };
  }
}
