import { type Address, type Tenant, ZERO_ADDRESS } from '../../../serviceability/index.ts';

const PAID = 1;

export function newTenant({
  code,
  vrfId,
  bumpSeed,
  owner,
}: Pick<Tenant, 'code' | 'vrfId' | 'bumpSeed'> & { readonly owner: Address }): Tenant {
  return {
    owner,
    bumpSeed,
    code,
    vrfId,
    referenceCount: 0,
    administrators: [owner],
    paymentStatus: PAID,
    tokenAccount: ZERO_ADDRESS,
    metroRouting: false,
    routeLiveness: false,
    billing: { kind: 0, rate: 0n, lastDeductionDzEpoch: 0n },
    includeTopologies: [],
  };
}
