import type { VrfName } from '../bgp/index.ts';
import { type Clock, withDeadline } from '../lib/index.ts';
import { AccountDataError, type Address, decodeTenant } from '../serviceability/index.ts';
import type { AccountInfo, LedgerRpc } from './ledger-rpc.ts';

export interface TenantVrfs {
  /** The VRF of each tenant that can be read; the others are absent. Rejects only for an aborted signal. */
  resolve(tenants: ReadonlySet<Address>, signal: AbortSignal): Promise<ReadonlyMap<Address, VrfName>>;
}

export interface TenantVrfsOptions {
  readonly rpc: Pick<LedgerRpc, 'accounts'>;
  readonly programId: Address;
  readonly clock: Clock;
}

const GOOD_FOR_MS = 60_000;
const RETRY_MS = 5_000;
const ANSWER_WITHIN_MS = 4_000;
/** The VRF ids that the program allocates (ResourceExtension VrfIds). */
const FIRST_VRF_ID = 1;
const LAST_VRF_ID = 1023;

/** Tenants' VRFs, read once a minute for the tenants in use. A VRF that is already known outlives a read that failed. */
export function createTenantVrfs({ rpc, programId, clock }: TenantVrfsOptions): TenantVrfs {
  let known: ReadonlyMap<Address, VrfName> = new Map();
  let asked: ReadonlySet<Address> = new Set();
  let goodUntil: number = Number.NEGATIVE_INFINITY;

  return {
    async resolve(tenants, signal) {
      const now = clock.monotonic();
      const keys = [...tenants];
      if (keys.length === 0 || (now < goodUntil && keys.every((key) => asked.has(key)))) return known;
      try {
        const { accounts } = await withDeadline(ANSWER_WITHIN_MS, signal, (inner) => rpc.accounts(keys, inner), clock);
        const vrfs = new Map<Address, VrfName>();
        keys.forEach((key, index) => {
          const vrf = vrfOf(accounts[index] ?? null, programId);
          if (vrf !== undefined) vrfs.set(key, vrf);
        });
        known = vrfs;
        goodUntil = now + GOOD_FOR_MS;
      } catch {
        signal.throwIfAborted();
        goodUntil = now + RETRY_MS;
      }
      asked = tenants;
      return known;
    },
  };
}

function vrfOf(account: AccountInfo | null, programId: Address): VrfName | undefined {
  if (account === null || account.owner !== programId) return undefined;
  try {
    const { vrfId } = decodeTenant(account.data);
    return vrfId >= FIRST_VRF_ID && vrfId <= LAST_VRF_ID ? `vrf${vrfId}` : undefined;
  } catch (error) {
    if (error instanceof AccountDataError) return undefined;
    throw error;
  }
}
