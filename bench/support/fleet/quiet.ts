import { jitterShare, type StatusPolicy } from '../../../src/bgp/index.ts';
import { type Address, addressOf, MAX_WRITES_WITH_COMPUTE_BUDGET } from '../../../src/serviceability/index.ts';

/** What of the agent's policy is switched off. */
export interface Restraints {
  readonly jitter: boolean;
  readonly batching: boolean;
  readonly rideAlongs: boolean;
}

export interface Quiet {
  /** Means over the hours that are counted, of one device. */
  readonly transactionsAnHour: number;
  readonly requestsASecond: number;
  /** Transactions in the fullest minute of one device. */
  readonly fullestMinute: number;
  /** Oldest record met, milliseconds. */
  readonly oldestMs: number;
}

const TICK_MS = 5_000;
const HOUR_MS = 3_600_000;
const HOURS = 12;
/** The first hours still show the flap that all began with. */
const COUNTED_FROM_MS = 4 * HOUR_MS;
/** Within how much time the flap's transactions landed. */
const FLAP_SPREAD_MS = 5_000;
const LANDS_AFTER_MS = 1_200;

/** Requests without anything to write: users and slot times, the device's account, the balance, the tenants. */
const idleRequestsASecond = (viewIdleIntervalMs: number): number => 1_000 / viewIdleIntervalMs + 4 / 60;
/** Besides the sends: a fresh view, blockhash and height, three status polls, and the view that shows the writes confirmed. */
const REQUESTS_A_WRITING_TICK = 1 + 2 + 3 + 1;

export const WRITES_PER_TRANSACTION = MAX_WRITES_WITH_COMPUTE_BUDGET;

/**
 * One device's refreshes for twelve hours after a flap of all its users, tick by tick: which records are due, by each user's own jitter; which
 * ride along; how many transactions that makes.
 */
export function quietDevice(users: number, device: number, policy: StatusPolicy, restraints: Restraints): Quiet {
  const perTransaction = restraints.batching ? WRITES_PER_TRANSACTION : 1;
  const due = Float64Array.from({ length: users }, (_, user) => {
    const early = restraints.jitter ? policy.refreshJitter * jitterShare(addressNumber(device, user)) : 0;
    return policy.refreshIntervalMs * (1 - early);
  });
  const reportedAt = Float64Array.from({ length: users }, (_, user) => (FLAP_SPREAD_MS * user) / users);
  const offset = (device * 997) % TICK_MS;
  const minutes = new Map<number, number>();
  let transactions = 0;
  let requests = 0;
  let oldestMs = 0;
  for (let now = offset; now < HOURS * HOUR_MS; now += TICK_MS) {
    const required: number[] = [];
    for (let user = 0; user < users; user += 1) {
      const age = now - (reportedAt[user] ?? 0);
      if (age >= (due[user] ?? 0)) required.push(user);
    }
    if (required.length === 0) continue;
    const sent = Math.ceil(required.length / perTransaction);
    const writes = restraints.rideAlongs ? [...required, ...riders(reportedAt, required, sent * perTransaction, now, policy)] : required;
    for (const user of writes) {
      if (now >= COUNTED_FROM_MS) oldestMs = Math.max(oldestMs, now - (reportedAt[user] ?? 0));
      reportedAt[user] = now + LANDS_AFTER_MS;
    }
    if (now < COUNTED_FROM_MS) continue;
    transactions += sent;
    requests += REQUESTS_A_WRITING_TICK + sent;
    const minute = Math.floor(now / 60_000);
    minutes.set(minute, (minutes.get(minute) ?? 0) + sent);
  }
  const hours = HOURS - COUNTED_FROM_MS / HOUR_MS;
  return {
    transactionsAnHour: transactions / hours,
    requestsASecond: requests / hours / 3_600 + idleRequestsASecond(30_000),
    fullestMinute: Math.max(0, ...minutes.values()),
    oldestMs,
  };
}

/** The oldest records past the share of the interval from which they may ride along, into the room that is left. */
function riders(reportedAt: Float64Array, taken: readonly number[], places: number, now: number, policy: StatusPolicy): readonly number[] {
  const room = places - taken.length;
  if (room === 0) return [];
  const others = new Set(taken);
  const riders: number[] = [];
  for (let user = 0; user < reportedAt.length; user += 1) {
    if (!others.has(user) && now - (reportedAt[user] ?? 0) >= policy.refreshIntervalMs * policy.rideAlongAfter) riders.push(user);
  }
  return riders.sort((a, b) => (reportedAt[a] ?? 0) - (reportedAt[b] ?? 0)).slice(0, room);
}

function addressNumber(device: number, user: number): Address {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, device + 1);
  new DataView(bytes.buffer).setUint32(8, user + 1);
  return addressOf(bytes);
}
