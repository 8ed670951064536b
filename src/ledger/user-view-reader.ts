import type { LedgerUser, LedgerView, VrfName } from '../bgp/index.ts';
import { AgentError, type Clock, inSlices, isAgentError, timeSlices } from '../lib/index.ts';
import { type Address, type Slot, type User, UserType, ZERO_ADDRESS } from '../serviceability/index.ts';
import { type DecodedUser, decodeUsers } from './decode-users.ts';
import type { LedgerRpc } from './ledger-rpc.ts';
import { createSetBackWatch } from './set-back-watch.ts';
import { createSlotClock } from './slot-clock.ts';
import { createTenantVrfs } from './tenant-vrfs.ts';

export interface UserViewReaderOptions {
  readonly rpc: Pick<LedgerRpc, 'usersOfDevice' | 'accounts' | 'recentSlotTimeMs'>;
  readonly device: Address;
  readonly programId: Address;
  readonly clock: Clock;
}

export interface UserViewReader {
  /**
   * The users of the device as the ledger has them now, never from before an earlier view or `minContextSlot`, but for a ledger that was set
   * back: answers that stay older and move on for two minutes are the truth. Throws AgentError LEDGER__STALE_ANSWER when only older answers
   * can be had, and whatever the RPC throws.
   */
  read(signal: AbortSignal, options?: { readonly minContextSlot?: Slot }): Promise<LedgerView>;
}

const ATTEMPTS = 3;
/** Between attempts, when the endpoint is behind by a slot or two. */
const PAUSE_MS = 250;
/** Where the controller configures users that have no VRF of their own (multicast), or no tenant. */
const DEFAULT_VRF: VrfName = 'default';
const TENANTLESS_VRF: VrfName = 'vrf1';

/**
 * Turns the raw accounts of one device into views.
 *
 *   usersOfDevice ──► not older than the last view? ──► decode what changed ──► + tenants' VRFs, + slot time ──► LedgerView
 *                          └─ older for two minutes: the ledger was set back ─┘
 */
export function createUserViewReader({ rpc, device, programId, clock }: UserViewReaderOptions): UserViewReader {
  const slotClock = createSlotClock({ rpc, clock });
  const tenantVrfs = createTenantVrfs({ rpc, programId, clock });
  const setBack = createSetBackWatch();
  let applied: Slot | undefined;
  /** Slots up to here are of before the ledger was set back: to demand them again would wait for it to catch up. */
  let voided: Slot | undefined;
  let lastDecoded: ReadonlyMap<Address, DecodedUser> = new Map();
  let lastUsers: LedgerView['users'] = new Map();

  interface Demand {
    /** What the endpoint is asked for. */
    readonly asked: Slot | undefined;
    /** What the caller needs. */
    readonly needed: Slot | undefined;
  }

  const readOnce = async ({ asked, needed }: Demand, signal: AbortSignal): Promise<LedgerView | { readonly staleSlot: Slot }> => {
    const readAt = clock.monotonic();
    const [{ slot, accounts }] = await Promise.all([
      rpc.usersOfDevice(device, asked === undefined ? {} : { minContextSlot: asked }, signal),
      slotClock.refresh(signal),
    ]);
    const breathe = timeSlices(clock, signal);
    const decoded = await inSlices(decodeUsers(accounts, lastDecoded), breathe);
    const vrfs = await tenantVrfs.resolve(tenantsOf(decoded), signal);
    const users = await inSlices(usersInSteps(decoded, vrfs, lastUsers), breathe);
    // Judged last: another read may have been faster meanwhile.
    const floor = later(applied, needed);
    if (floor === undefined || slot >= floor) setBack.clear();
    else if (!setBack.isProvenBy(slot, readAt)) return { staleSlot: slot };
    else {
      setBack.clear();
      voided = later(voided, floor);
      slotClock.restart();
    }
    slotClock.note(slot, readAt);
    applied = slot;
    lastDecoded = decoded;
    lastUsers = users;
    const slotTimeMs = slotClock.slotTimeMs();
    return { slot, readAt, users, ...(slotTimeMs === undefined ? {} : { slotTimeMs }) };
  };

  return {
    async read(signal, { minContextSlot } = {}) {
      const needed = minContextSlot !== undefined && voided !== undefined && minContextSlot <= voided ? undefined : minContextSlot;
      let asked = needed;
      for (let attempt = 1; ; attempt++) {
        const result = await readOnce({ asked, needed }, signal).catch((error: unknown) => {
          if (attempt < ATTEMPTS && isAgentError(error) && error.class === 'retry-now') return undefined;
          throw error;
        });
        if (result !== undefined && !('staleSlot' in result)) return result;
        if (attempt === ATTEMPTS && result !== undefined)
          throw new AgentError('LEDGER__STALE_ANSWER', { slot: result.staleSlot, applied: later(applied, needed) ?? 0n });
        // Asked with the slot that we want, an endpoint that lags refuses, and another one is tried. The last attempt asks for nothing: only
        // what an endpoint tells freely shows whether it lags, or the ledger was set back.
        asked = attempt + 1 < ATTEMPTS ? later(needed, applied) : undefined;
        await clock.sleep(PAUSE_MS, signal);
      }
    },
  };
}

/** Those of whom nothing has changed are the same objects as before. */
function* usersInSteps(
  decoded: ReadonlyMap<Address, DecodedUser>,
  vrfs: ReadonlyMap<Address, VrfName>,
  before: LedgerView['users'],
): Generator<void, LedgerView['users'], void> {
  const users = new Map<Address, LedgerUser>();
  for (const [pubkey, { user }] of decoded) {
    const expectedVrf = expectedVrfOf(user, vrfs);
    const former = before.get(pubkey);
    if (former !== undefined && former.user === user && former.expectedVrf === expectedVrf) users.set(pubkey, former);
    else users.set(pubkey, { pubkey, user, ...(expectedVrf === undefined ? {} : { expectedVrf }) });
    yield;
  }
  return users;
}

function expectedVrfOf(user: User, vrfs: ReadonlyMap<Address, VrfName>): VrfName | undefined {
  if (user.userType === UserType.multicast) return DEFAULT_VRF;
  return user.tenantPk === ZERO_ADDRESS ? TENANTLESS_VRF : vrfs.get(user.tenantPk);
}

function tenantsOf(users: ReadonlyMap<Address, DecodedUser>): ReadonlySet<Address> {
  const tenants = new Set<Address>();
  for (const { user } of users.values()) {
    if (user.userType !== UserType.multicast && user.tenantPk !== ZERO_ADDRESS) tenants.add(user.tenantPk);
  }
  return tenants;
}

function later(one: Slot | undefined, other: Slot | undefined): Slot | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}
