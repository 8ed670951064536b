/*
 * A whole network of agents behind one ledger, as a model: 72 and 1,000 devices with 128 and 3,595 users each.
 *
 *   quiet: a device's refreshes for twelve hours after all its users flapped, with the agent's own jitter, packing and ride-alongs
 *   rush:  what every device has to write at the same time, through one gateway that refuses what is beyond its rate
 *
 * Jitter shares, transaction sizes, token buckets, throttle and backoff are the agent's own code; ledger and gateway are modeled.
 */
import { DEFAULT_POLICY } from '../src/bgp/index.ts';
import { seededRandom } from '../src/lib/index.ts';
import type { Bench, Emit } from './support/bench.ts';
import { type Quiet, quietDevice, type Restraints, WRITES_PER_TRANSACTION } from './support/fleet/quiet.ts';
import { HORIZON_MS, rush } from './support/fleet/rush.ts';

const FLEETS = [
  { devices: 72, users: 128 },
  { devices: 72, users: 3_595 },
  { devices: 1_000, users: 128 },
  { devices: 1_000, users: 3_595 },
];
/** Devices are alike: so many are simulated, and stand for all. */
const SAMPLE = 4;
const LAMPORTS_PER_SIGNATURE = 5_000;
const HOURS_A_DAY = 24;

const WAYS: readonly (readonly [string, Restraints])[] = [
  ['as it is', { jitter: true, batching: true, rideAlongs: true }],
  ['no jitter', { jitter: false, batching: true, rideAlongs: true }],
  ['no ride-alongs', { jitter: true, batching: true, rideAlongs: false }],
  ['no batching', { jitter: true, batching: false, rideAlongs: false }],
];

/** A block's compute units, in all and for one account that is written (the payer). */
const BLOCK_UNITS = 60_000_000;
const PAYER_UNITS = 12_000_000;
const UNITS_PER_WRITE = 12_000;
const HEADROOM = 1.1;
const GATEWAY_RATES = [500, 5_000, 50_000];
const POLLED_WITHIN_MS = 5_000;
const RETURN_WITHIN_MS = 1_000;

const bench: Bench = async (emit, { quick }) => {
  for (const { devices, users } of quick ? FLEETS.slice(0, 1) : FLEETS) {
    const what = `${devices} devices of ${users}`;
    for (const [name, restraints] of WAYS) {
      const sample = Array.from({ length: SAMPLE }, (_, device) => quietDevice(users, device, DEFAULT_POLICY, restraints));
      tellQuiet(emit, devices, `${what}, quiet, ${name}`, sample);
    }
    const transactions = Math.ceil(users / WRITES_PER_TRANSACTION);
    const ofFleet = { emit, devices, transactions };
    const noticed = { noticedWithinMs: POLLED_WITHIN_MS };
    for (const gatewayRate of quick ? GATEWAY_RATES.slice(1, 2) : GATEWAY_RATES) {
      tellRush({ ...ofFleet, ...noticed, what: `${what}, flap, ${gatewayRate} requests/s`, gatewayRate });
    }
    const [scarce = 0, gatewayRate = 0] = GATEWAY_RATES;
    // Every agent allows itself no more than its share, and a little above it, since not all ask at the same time.
    const requestsPerSecond = Math.max(2, Math.ceil((1.2 * scarce) / devices));
    const tuned = `${what}, flap, ${scarce} requests/s, requestsPerSecond ${requestsPerSecond}`;
    tellRush({ ...ofFleet, ...noticed, what: tuned, gatewayRate: scarce, requestsPerSecond });
    const outage = `${what}, after an outage of hours, ${gatewayRate} requests/s`;
    tellRush({ ...ofFleet, what: outage, gatewayRate, noticedWithinMs: RETURN_WITHIN_MS });
    const alone = `${what}, flap, no batching, ${gatewayRate} requests/s`;
    tellRush({ ...ofFleet, ...noticed, transactions: users, writes: 1, what: alone, gatewayRate });
  }
};
export default bench;

function tellQuiet(emit: Emit, devices: number, what: string, sample: readonly Quiet[]): void {
  const mean = (of: (quiet: Quiet) => number): number => sample.reduce((sum, quiet) => sum + of(quiet), 0) / sample.length;
  const transactions = mean(({ transactionsAnHour }) => transactionsAnHour) * devices;
  emit({ n: devices, metric: `${what}: transactions`, value: transactions / 3_600, unit: 'a second' });
  emit({
    n: devices,
    metric: `${what}: fullest minute of a device`,
    value: Math.max(...sample.map((one) => one.fullestMinute)),
    unit: 'transactions',
  });
  emit({ n: devices, metric: `${what}: RPC requests`, value: mean(({ requestsASecond }) => requestsASecond) * devices, unit: 'a second' });
  emit({ n: devices, metric: `${what}: fees`, value: (transactions * HOURS_A_DAY * LAMPORTS_PER_SIGNATURE) / 1e9, unit: 'SOL a day' });
  emit({ n: devices, metric: `${what}: oldest record`, value: Math.max(...sample.map((one) => one.oldestMs)) / 60_000, unit: 'minutes' });
}

interface TellRush {
  readonly emit: Emit;
  readonly devices: number;
  readonly what: string;
  readonly transactions: number;
  readonly gatewayRate: number;
  readonly noticedWithinMs: number;
  /** Users in a transaction. */
  readonly writes?: number;
  /** `ledger.requestsPerSecond` of each agent. */
  readonly requestsPerSecond?: number;
}

function tellRush({ emit, devices, what, ...given }: TellRush): void {
  const { transactions, gatewayRate, noticedWithinMs, writes = WRITES_PER_TRANSACTION, requestsPerSecond = 150 } = given;
  const units = UNITS_PER_WRITE * HEADROOM * writes;
  const result = rush({
    devices,
    transactions,
    gatewayRate,
    requestsPerSecond,
    sendsPerSecond: 100,
    noticedWithinMs,
    perBlock: Math.floor(BLOCK_UNITS / units),
    perBlockAndPayer: Math.floor(PAYER_UNITS / units),
    random: seededRandom(1),
  });
  // A rush that takes longer than twenty minutes is reported as 1,200 s.
  const seconds = (ms: number | undefined): number => (ms ?? HORIZON_MS) / 1_000;
  emit({ n: devices, metric: `${what}: half of the devices done`, value: seconds(result.p50Ms), unit: 's' });
  emit({ n: devices, metric: `${what}: all done`, value: seconds(result.p100Ms), unit: 's' });
  emit({ n: devices, metric: `${what}: requests refused`, value: (100 * result.refused) / Math.max(1, result.requests), unit: '%' });
}
