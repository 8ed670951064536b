import type { AccountReader } from './account-reader.ts';
import { AccountType, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';
import type { Address } from './units.ts';

/** How a tenant pays. Kind 0 is a flat rate an epoch; for any other kind the program's form is not known, and the rest reads as zero. */
export interface TenantBilling {
  readonly kind: number;
  readonly rate: bigint;
  readonly lastDeductionDzEpoch: bigint;
}

/** The Tenant account (type 13). A field that the account is too short to hold reads as zero. */
export interface Tenant {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly code: string;
  /** Unicast users of the tenant are in the switch's VRF `vrf<vrfId>`. */
  readonly vrfId: number;
  readonly referenceCount: number;
  readonly administrators: readonly Address[];
  readonly paymentStatus: number;
  readonly tokenAccount: Address;
  readonly metroRouting: boolean;
  readonly routeLiveness: boolean;
  readonly billing: TenantBilling;
  readonly includeTopologies: readonly Address[];
}

const FLAT_PER_EPOCH = 0;

/** Reads a Tenant account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeTenant(data: Uint8Array): Tenant {
  const reader = openAccount(data, 'tenant');
  return {
    owner: reader.key(),
    bumpSeed: reader.u8(),
    code: reader.text(),
    vrfId: reader.u16(),
    referenceCount: reader.u32(),
    administrators: reader.keys(),
    paymentStatus: reader.u8(),
    tokenAccount: reader.key(),
    metroRouting: reader.bool(),
    routeLiveness: reader.bool(),
    billing: readBilling(reader),
    includeTopologies: reader.keys(),
  };
}

/** The account's bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeTenant(tenant: Tenant): Uint8Array {
  return new AccountWriter()
    .u8(AccountType.tenant)
    .key(tenant.owner)
    .u8(tenant.bumpSeed)
    .text(tenant.code)
    .u16(tenant.vrfId)
    .u32(tenant.referenceCount)
    .keys(tenant.administrators)
    .u8(tenant.paymentStatus)
    .key(tenant.tokenAccount)
    .bool(tenant.metroRouting)
    .bool(tenant.routeLiveness)
    .u8(tenant.billing.kind)
    .u64(tenant.billing.rate)
    .u64(tenant.billing.lastDeductionDzEpoch)
    .keys(tenant.includeTopologies)
    .finish();
}

function readBilling(reader: AccountReader): TenantBilling {
  const kind = reader.u8();
  // How long another kind is cannot be known, so neither where the next field begins.
  if (kind !== FLAT_PER_EPOCH) reader.cutHere();
  return { kind, rate: reader.u64(), lastDeductionDzEpoch: reader.u64() };
}
