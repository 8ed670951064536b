import {
  DEFAULT_POLICY,
  type DecideInput,
  decideUser,
  intentsOf,
  type LedgerUser,
  type LedgerView,
  type Neighbor,
  type NeighborSnapshot,
  type NeighborState,
  observeUsers,
  type ReportableStatus,
  type StatusIntent,
  type StatusPolicy,
  type UserOutcome,
  type VrfReading,
} from '../../src/bgp/index.ts';
import { epochMs, monotonicMs } from '../../src/lib/index.ts';
import {
  type Address,
  addressOf,
  BgpStatus,
  nanoseconds,
  parseNetworkV4,
  type Slot,
  slot,
  type User,
  UserStatus,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';

/** A key that is the same in each run, and another one for each number. */
export function keyNumber(number: number): Address {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number + 1);
  return addressOf(bytes);
}

export const DEVICE = keyNumber(900_000);
export const PROGRAM = keyNumber(900_001);

export interface Decided {
  readonly outcomes: ReadonlyMap<Address, UserOutcome>;
  /** Every write that is needed, and every early refresh that is possible. */
  readonly intents: readonly StatusIntent[];
}

/** One tick's decision over all users of the device: a pure function of (observations, ledger view, the tick before, now). */
export function decide(input: DecideInput): Decided {
  const outcomes = new Map<Address, UserOutcome>();
  for (const entry of input.view.users.values()) outcomes.set(entry.pubkey, decideUser(entry, input));
  return { outcomes, intents: intentsOf(outcomes, input) };
}

/** The switch's clock in these tests when the agent's monotonic clock is 0. */
const SWITCH_EPOCH = 1_790_000_000_000;

export interface UserSketch {
  readonly net?: string;
  readonly tunnelId?: number;
  readonly status?: 'unknown' | ReportableStatus;
  readonly reportedAt?: number;
  readonly expectedVrf?: string | null;
  readonly account?: Partial<User>;
}

/** User number `n`: key n, tunnel 500+n, the n-th /31 of 169.254/16, in vrf1, Activated, Unknown. */
export function userNumber(
  n: number,
  { net, tunnelId = 500 + n, status = 'unknown', reportedAt = 0, expectedVrf = 'vrf1', account = {} }: UserSketch = {},
): LedgerUser {
  const base = n * 2;
  return {
    pubkey: keyNumber(n),
    user: {
      owner: keyNumber(800_000),
      index: 0n,
      bumpSeed: 255,
      userType: 0,
      tenantPk: ZERO_ADDRESS,
      devicePk: DEVICE,
      cyoaType: 1,
      clientIp: `8.8.${n >> 8}.${n & 255}` as User['clientIp'],
      dzIp: `8.8.${n >> 8}.${n & 255}` as User['dzIp'],
      tunnelId,
      tunnelNet: parseNetworkV4(net ?? `169.254.${base >> 8}.${base & 255}/31`),
      status: UserStatus.activated,
      publishers: [],
      subscribers: [],
      validatorPubkey: ZERO_ADDRESS,
      tunnelEndpoint: '0.0.0.0' as User['tunnelEndpoint'],
      tunnelFlags: 0,
      bgpStatus: BgpStatus[status],
      lastBgpUpAt: slot(status === 'up' ? reportedAt : 0),
      lastBgpReportedAt: slot(reportedAt),
      bgpRttNs: nanoseconds(0),
      feedPks: [],
      ...account,
    },
    ...(expectedVrf === null ? {} : { expectedVrf }),
  };
}

/** The client side of user number `n`'s tunnel, which is its neighbor's address. */
export function clientOf(n: number): string {
  const client = n * 2 + 1;
  return `169.254.${client >> 8}.${client & 255}`;
}

/** A ledger view at slot 10,000, slots of 400 ms. */
export function viewOf(users: readonly LedgerUser[], { at = 10_000, slotTimeMs = 400 as number | null, readAt = 0 } = {}): LedgerView {
  return {
    slot: slot(at),
    readAt: monotonicMs(readAt),
    ...(slotTimeMs === null ? {} : { slotTimeMs }),
    users: new Map(users.map((entry) => [entry.pubkey, entry])),
  };
}

export interface NeighborSketch {
  readonly address: string;
  readonly state?: NeighborState;
  readonly description?: string;
  readonly downReason?: string;
  /** How long the session has been as it is, milliseconds. */
  readonly sinceMs?: number;
  readonly transitions?: number;
}

export const established = (n: number, sketch: Partial<NeighborSketch> = {}): NeighborSketch => ({
  address: clientOf(n),
  state: 'established',
  ...sketch,
});
export const active = (n: number, sketch: Partial<NeighborSketch> = {}): NeighborSketch => ({
  address: clientOf(n),
  state: 'active',
  ...sketch,
});

/** A snapshot taken at `at` (monotonic ms); a VRF is its neighbors or 'failed'. */
export function snapshotOf(
  vrfs: Readonly<Record<string, readonly NeighborSketch[] | 'failed'>>,
  at = 0,
  from: { readonly source?: string; readonly table?: string } = {},
): NeighborSnapshot {
  const readings = Object.entries(vrfs).map(([vrf, neighbors]): [string, VrfReading] => [
    vrf,
    neighbors === 'failed'
      ? { kind: 'failed', source: 'test', problem: 'timeout' }
      : {
          kind: 'collected',
          source: 'test',
          ...from,
          neighbors: new Map(neighbors.map((sketch) => [sketch.address, neighborOf(sketch, at)])),
          switchTime: epochMs(SWITCH_EPOCH + at),
          changedAtToleranceMs: 1_000,
        },
  ]);
  return { vrfs: new Map(readings), takenAt: monotonicMs(at) };
}

function neighborOf(
  { address, state = 'established', description, downReason, sinceMs, transitions }: NeighborSketch,
  at: number,
): Neighbor {
  return {
    address,
    state,
    ...(downReason === undefined ? {} : { downReason }),
    ...(description === undefined ? {} : { description }),
    ...(sinceMs === undefined ? {} : { changedAt: epochMs(SWITCH_EPOCH + at - sinceMs) }),
    ...(transitions === undefined ? {} : { establishedTransitions: transitions }),
  };
}

export interface DeciderTick {
  readonly at: number;
  readonly users: readonly LedgerUser[];
  readonly snapshot: NeighborSnapshot | undefined;
  /** When the poll began; `at` by default. */
  readonly polledAt?: number;
  readonly slot?: number;
  /** `null`: not measured yet. */
  readonly slotTimeMs?: number | null;
  readonly inFlight?: ReadonlyMap<Address, ReportableStatus>;
  readonly confirmedIn?: ReadonlyMap<Address, Slot>;
}

/** Carries the outcomes from tick to tick as the agent does, without the mass-down guard and without I/O. */
export function decider(policy: Partial<StatusPolicy> = {}) {
  let before: Decided['outcomes'] = new Map();
  let viewBefore: LedgerView | undefined;
  return (tick: DeciderTick) => {
    const { at, users, snapshot, inFlight = new Map(), confirmedIn, slotTimeMs = 400 } = tick;
    const { byUser } = observeUsers(users, snapshot, (user) => before.get(user)?.track.tunnel);
    const view = viewOf(users, { at: tick.slot ?? 10_000, slotTimeMs, readAt: at });
    const decided = decide({
      view,
      observations: byUser,
      before,
      viewBefore,
      inFlight,
      isOwnWrite: (user, _, at) => at <= (confirmedIn?.get(user) ?? -1),
      policy: { ...DEFAULT_POLICY, ...policy },
      now: monotonicMs(at),
      polledAt: monotonicMs(tick.polledAt ?? at),
    });
    before = decided.outcomes;
    viewBefore = view;
    return decided;
  };
}
