import type { LedgerUser, LedgerView, VrfName } from '../bgp/index.ts';
import { AgentError, type Clock, isAgentError, type MonotonicMs, withDeadline } from '../lib/index.ts';
import {
  AccountDataError,
  type Address,
  createUserDecoder,
  type Device,
  decodeDevice,
  decodeTenant,
  type Slot,
  type User,
  UserType,
  ZERO_ADDRESS,
} from '../serviceability/index.ts';
import type { LedgerRpc } from './client.ts';
import { type AccountInfo, decodeOwned } from './responses.ts';
import { RollbackWatch, SlotClock } from './slots.ts';

/** A User with the bytes that it was decoded from. */
export interface DecodedUser {
  readonly data: Uint8Array;
  readonly user: User;
}

/**
 * Decodes the accounts of one answer. Most users have not changed since the answer before: those with the same bytes are taken over from it.
 * Throws AgentError LEDGER__BAD_ACCOUNT for an account that is not a User.
 */
export function decodeUsers(
  accounts: ReadonlyMap<Address, Uint8Array>,
  before: ReadonlyMap<Address, DecodedUser>,
): ReadonlyMap<Address, DecodedUser> {
  const users = new Map<Address, DecodedUser>();
  const decode = createUserDecoder();
  for (const [pubkey, data] of accounts) {
    const former = before.get(pubkey);
    const isSame = former !== undefined && Buffer.compare(former.data, data) === 0;
    // With the new bytes, though they are equal: the old ones would keep the memory of their whole answer.
    users.set(pubkey, { data, user: isSame ? former.user : decodeOne(pubkey, data, decode) });
  }
  return users;
}

function decodeOne(account: Address, data: Uint8Array, decode: (data: Uint8Array) => User): User {
  try {
    return decode(data);
  } catch (error) {
    if (!(error instanceof AccountDataError)) throw error;
    throw new AgentError('LEDGER__BAD_ACCOUNT', { endpoint: 'in use', account, problem: error.message }, { cause: error });
  }
}

/** The ledger's record of the device that we report for. */
export interface DeviceAuthority {
  /** The slot for which the endpoint answered. */
  readonly slot: Slot;
  readonly device: Address;
  /** The device's name, e.g. `ams-dz001`. */
  readonly code: string;
  /** Byte value, see DeviceStatus. */
  readonly status: number;
  /** The only key whose reports the program accepts for this device. */
  readonly metricsPublisher: Address;
}

interface DeviceAuthorityQuery {
  readonly rpc: Pick<LedgerRpc, 'accounts'>;
  readonly device: Address;
  readonly programId: Address;
  /** Our key; without it (a dry run) the device's publisher is not compared. */
  readonly publisher?: Address;
  /** Gets the status of the device even if our key may not write for it. */
  readonly onStatus?: (status: number) => void;
}

/**
 * Reads the Device account and checks that we may report for it, as the program does for every SetUserBGPStatus. Throws AgentError
 * LEDGER__DEVICE_UNKNOWN, LEDGER__DEVICE_WRONG_OWNER or LEDGER__NOT_A_DEVICE when every endpoint that serves says so,
 * LEDGER__PUBLISHER_MISMATCH, or as the RPC does. An endpoint that lacks what another one has is quarantined.
 */
export async function readDeviceAuthority(query: DeviceAuthorityQuery, signal: AbortSignal): Promise<DeviceAuthority> {
  const { rpc, device, programId, publisher, onStatus } = query;
  const readDevice = (account: AccountInfo | null | undefined): Device => {
    if (account === null || account === undefined) throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device });
    if (account.owner !== programId) throw new AgentError('LEDGER__DEVICE_WRONG_OWNER', { device, owner: account.owner, programId });
    return decode(device, account.data);
  };
  const { slot, accounts } = await rpc.accounts([device], signal, { verifyAccounts: ([account]) => void readDevice(account) });
  const { code, status, metricsPublisherPk } = readDevice(accounts[0]);
  onStatus?.(status);
  if (publisher !== undefined && metricsPublisherPk !== publisher) {
    throw new AgentError('LEDGER__PUBLISHER_MISMATCH', { device, expected: publisher, actual: metricsPublisherPk });
  }
  return { slot, device, code, status, metricsPublisher: metricsPublisherPk };
}

function decode(device: Address, data: Uint8Array): Device {
  try {
    return decodeDevice(data);
  } catch (error) {
    if (!(error instanceof AccountDataError)) throw error;
    throw new AgentError('LEDGER__NOT_A_DEVICE', { device, problem: error.message }, { cause: error });
  }
}

const GOOD_FOR_MS = 60_000;
const RETRY_MS = 5_000;
const ANSWER_WITHIN_MS = 4_000;
/** The VRF ids that the program allocates (ResourceExtension VrfIds). */
const FIRST_VRF_ID = 1;
const LAST_VRF_ID = 1023;

/**
 * Reads the VRFs of tenants, once a minute for the tenants in use. A tenant that cannot be read is absent; a failed read keeps the known VRFs.
 * Rejects only for an aborted signal.
 */
function createTenantVrfs({ rpc, programId, clock }: Pick<UserViewReaderOptions, 'rpc' | 'programId' | 'clock'>) {
  let known: ReadonlyMap<Address, VrfName> = new Map();
  let asked: ReadonlySet<Address> = new Set();
  let goodUntil = Number.NEGATIVE_INFINITY;

  return async (tenants: ReadonlySet<Address>, signal: AbortSignal): Promise<ReadonlyMap<Address, VrfName>> => {
    const now = clock.monotonic();
    const keys = [...tenants];
    if (keys.length === 0 || (now < goodUntil && keys.every((key) => asked.has(key)))) return known;
    try {
      const { accounts } = await withDeadline(ANSWER_WITHIN_MS, signal, (inner) => rpc.accounts(keys, inner), clock);
      const vrfs = new Map<Address, VrfName>();
      keys.forEach((key, index) => {
        const vrf = vrfOf(accounts[index], programId);
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
  };
}

function vrfOf(account: AccountInfo | null | undefined, programId: Address): VrfName | undefined {
  const { vrfId = 0 } = decodeOwned(account, programId, decodeTenant) ?? {};
  return vrfId >= FIRST_VRF_ID && vrfId <= LAST_VRF_ID ? `vrf${vrfId}` : undefined;
}

interface UserViewReaderOptions {
  readonly rpc: Pick<LedgerRpc, 'usersOfDevice' | 'accounts' | 'recentSlotTimeMs'>;
  readonly device: Address;
  readonly programId: Address;
  readonly clock: Clock;
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
 *                          └─ older for two minutes: a rollback ─┘
 */
export function createUserViewReader({ rpc, device, programId, clock }: UserViewReaderOptions) {
  const slotClock = new SlotClock({ rpc, clock });
  const readTenantVrfs = createTenantVrfs({ rpc, programId, clock });
  const rollbackWatch = new RollbackWatch();
  let applied: Slot | undefined;
  let appliedAt: MonotonicMs | undefined;
  /** Slots up to here are from before a rollback: to demand them again would wait for the ledger to catch up. */
  let voided: Slot | undefined;
  let lastDecoded: ReadonlyMap<Address, DecodedUser> = new Map();
  let lastUsers: LedgerView['users'] = new Map();

  /** `asked`: the slot that the request demands; `needed`: the one that the caller needs. */
  const readOnce = async (
    asked: Slot | undefined,
    needed: Slot | undefined,
    signal: AbortSignal,
  ): Promise<LedgerView | { readonly staleSlot: Slot }> => {
    const readAt = clock.monotonic();
    const [{ slot, accounts }] = await Promise.all([
      rpc.usersOfDevice(device, { minContextSlot: asked }, signal),
      slotClock.refresh(signal),
    ]);
    const decoded = decodeUsers(accounts, lastDecoded);
    const vrfs = await readTenantVrfs(tenantsOf(decoded), signal);
    const users = ledgerUsersOf(decoded, vrfs, lastUsers);
    // Compared last: another read may have been faster.
    const floor = later(applied, needed);
    if (floor === undefined || slot >= floor) rollbackWatch.clear();
    else if (!rollbackWatch.isRollback(slot, readAt)) return { staleSlot: slot };
    else {
      rollbackWatch.clear();
      voided = later(voided, floor);
      slotClock.restart();
    }
    slotClock.note(slot, readAt);
    appliedAt = slot === applied ? appliedAt : readAt;
    applied = slot;
    lastDecoded = decoded;
    lastUsers = users;
    const slotTimeMs = slotClock.slotTimeMs();
    return { slot, readAt, slotAt: appliedAt, users, slotTimeMs };
  };

  return {
    /**
     * The users of the device as the ledger has them now, never older than an earlier view or `minContextSlot`. The exception is a rollback:
     * answers that stay older and move on for two minutes are accepted. Throws AgentError LEDGER__STALE_ANSWER while all answers are older, or
     * as the RPC does.
     */
    async read(signal: AbortSignal, { minContextSlot }: { readonly minContextSlot?: Slot } = {}): Promise<LedgerView> {
      const needed = minContextSlot !== undefined && voided !== undefined && minContextSlot <= voided ? undefined : minContextSlot;
      let asked = needed;
      for (let attempt = 1; ; attempt++) {
        const result = await readOnce(asked, needed, signal).catch((error: unknown) => {
          // A demand may be all that an endpoint refuses, whatever the others answer.
          const maySucceed = isAgentError(error) && (error.class === 'retry-now' || asked !== undefined);
          if (attempt < ATTEMPTS && maySucceed) return undefined;
          throw error;
        });
        if (result !== undefined && !('staleSlot' in result)) return result;
        if (attempt === ATTEMPTS && result !== undefined)
          throw new AgentError('LEDGER__STALE_ANSWER', { slot: result.staleSlot, applied: later(applied, needed) ?? 0n });
        // With a slot in the request a lagging endpoint refuses, and another one is tried. The last attempt demands none: only
        // an answer without a demand shows whether the endpoint lags, or the ledger rolled back.
        asked = attempt + 1 < ATTEMPTS ? later(needed, applied) : undefined;
        await clock.sleep(PAUSE_MS, signal);
      }
    },
  };
}

/** Unchanged users are the same objects as before. */
function ledgerUsersOf(
  decoded: ReadonlyMap<Address, DecodedUser>,
  vrfs: ReadonlyMap<Address, VrfName>,
  before: LedgerView['users'],
): LedgerView['users'] {
  const users = new Map<Address, LedgerUser>();
  for (const [pubkey, { user }] of decoded) {
    const expectedVrf = expectedVrfOf(user, vrfs);
    const former = before.get(pubkey);
    if (former !== undefined && former.user === user && former.expectedVrf === expectedVrf) users.set(pubkey, former);
    else users.set(pubkey, { pubkey, user, expectedVrf });
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
