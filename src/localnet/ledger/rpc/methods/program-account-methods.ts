import { z } from 'zod';
import { encodeAccount } from '../account-encoding.ts';
import { accountPredicate, programConfig } from '../account-filters.ts';
import { withContext } from '../endpoint.ts';
import { addressParam, readParams } from '../params.ts';
import type { RpcMethods } from '../rpc-method.ts';

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
