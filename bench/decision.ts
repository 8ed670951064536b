/*
 * The computation of a tick for 4,096 unchanged users: observing, deciding, finding unmatched peers. `together` is one tick without a renewed view.
 * The fastest of many rounds counts: other work on the machine only ever adds.
 */

import { unmatchedPeersOf } from '../src/agent/tick.ts';
import {
  DEFAULT_POLICY,
  type LedgerUser,
  type LedgerView,
  type Neighbor,
  type NeighborSnapshot,
  observeUsers,
  type VrfReading,
} from '../src/bgp/index.ts';
import { epochMs, monotonicMs } from '../src/lib/index.ts';
import {
  type Address,
  addressOf,
  ipv4,
  ipv4FromNumber,
  nanoseconds,
  slot,
  tunnelSides,
  type User,
  ZERO_ADDRESS,
} from '../src/serviceability/index.ts';
import { type Decided, decide } from '../test/support/bgp-builders.ts';
import { type Bench, median } from './support/bench.ts';

const USERS = 4_096;
const ROUNDS = 60;
const WARM_UP = 20;

const bench: Bench = async (emit, { users: n = USERS }) => {
  const users = new Map<Address, LedgerUser>(Array.from({ length: n }, (_, index) => [addressNumber(index + 1), ledgerUser(index)]));
  const view: LedgerView = { slot: slot(400_000_000), readAt: monotonicMs(0), slotTimeMs: 400, users };
  const snapshot = snapshotOf(users);
  let before: Decided['outcomes'] = new Map();
  const times = { observe: [] as number[], decide: [] as number[], unmatched: [] as number[], together: [] as number[] };
  for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
    const lastTunnel = (user: Address) => before.get(user)?.track.tunnel;
    const [observeMs, { byUser }] = timed(() => observeUsers(users.values(), snapshot, lastTunnel));
    const now = monotonicMs(5_000 * round);
    const [decideMs, decided] = timed(() =>
      decide({ view, observations: byUser, before, inFlight: new Map(), isOwnWrite: () => false, policy: DEFAULT_POLICY, now }),
    );
    const [unmatchedMs] = timed(() => unmatchedPeersOf(view, snapshot));
    before = decided.outcomes;
    if (round < WARM_UP) continue;
    times.observe.push(observeMs);
    times.decide.push(decideMs);
    times.unmatched.push(unmatchedMs);
    times.together.push(observeMs + decideMs + 2 * unmatchedMs);
  }
  for (const [part, values] of Object.entries(times)) {
    emit({ n, metric: `${part}: fastest`, value: Math.min(...values), unit: 'ms' });
    emit({ n, metric: `${part}: median`, value: median(values), unit: 'ms' });
  }
};
export default bench;

function timed<T>(work: () => T): readonly [number, T] {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
}

function addressNumber(number: number): Address {
  const bytes = new Uint8Array(32).fill(7);
  new DataView(bytes.buffer).setUint32(0, number);
  return addressOf(bytes);
}

function ledgerUser(index: number): LedgerUser {
  const none = ipv4('0.0.0.0');
  const user: User = {
    owner: addressNumber(100_000 + index),
    index: 0n,
    bumpSeed: 255,
    userType: 0,
    tenantPk: ZERO_ADDRESS,
    devicePk: addressNumber(0),
    cyoaType: 1,
    clientIp: ipv4FromNumber(0xcb_00_72_00 + index),
    dzIp: ipv4FromNumber(0xcb_00_72_00 + index),
    tunnelId: 500 + index,
    tunnelNet: { address: ipv4FromNumber(0xa9_fe_00_00 + 2 * index), prefixLength: 31 },
    status: 1,
    publishers: [],
    subscribers: [],
    validatorPubkey: ZERO_ADDRESS,
    tunnelEndpoint: none,
    tunnelFlags: 0,
    bgpStatus: 1,
    lastBgpUpAt: slot(399_999_000),
    lastBgpReportedAt: slot(399_999_000),
    bgpRttNs: nanoseconds(7_500_000),
    feedPks: [],
  };
  return { pubkey: addressNumber(index + 1), user, expectedVrf: `vrf${(index % 2) + 1}` };
}

function snapshotOf(users: ReadonlyMap<Address, LedgerUser>): NeighborSnapshot {
  const vrfs = new Map<string, Map<string, Neighbor>>([
    ['vrf1', new Map()],
    ['vrf2', new Map()],
  ]);
  for (const { user, expectedVrf = 'vrf1' } of users.values()) {
    const address = tunnelSides(user.tunnelNet)?.clientSide ?? '';
    const changedAt = epochMs(1_790_000_000_000);
    vrfs
      .get(expectedVrf)
      ?.set(address, { address, state: 'established', description: `USER-${user.tunnelId}`, remoteAs: 65_000, changedAt });
  }
  const reading = (neighbors: ReadonlyMap<string, Neighbor>): VrfReading => ({
    kind: 'collected',
    source: 'eapi',
    neighbors,
    changedAtToleranceMs: 1_000,
  });
  return { vrfs: new Map([...vrfs].map(([vrf, neighbors]) => [vrf, reading(neighbors)])), takenAt: monotonicMs(0) };
}
