import { z } from 'zod';
import type { Address } from '../../../../serviceability/index.ts';
import type { BankView } from '../../bank/index.ts';
import { type Account, rentExemptMinimum } from '../../runtime/index.ts';
import { encodeAccount } from '../account-encoding.ts';
import { type Endpoint, withContext } from '../endpoint.ts';
import { type AccountConfig, accountConfig, addressParam, contextConfig, readParams } from '../params.ts';
import { invalidParams } from '../rpc-error.ts';
import type { RpcMethods } from '../rpc-method.ts';

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
