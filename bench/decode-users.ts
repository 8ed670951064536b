/*
 * How long the User accounts of a full device (4,096 of them) take to decode: as one answer of the ledger (createUserDecoder), and one by one
 * (decodeUser).
 */
import { randomBytes } from 'node:crypto';
import {
  addressOf,
  createUserDecoder,
  decodeUser,
  encodeUser,
  ipv4,
  ipv4FromNumber,
  nanoseconds,
  slot,
  type User,
  ZERO_ADDRESS,
} from '../src/serviceability/index.ts';
import { type Bench, median } from './support/bench.ts';

const USERS = 4096;
const ROUNDS = 40;

const device = addressOf(randomBytes(32));
const tenants = Array.from({ length: 8 }, () => addressOf(randomBytes(32)));

/** Every user has an owner and a validator key of its own. */
const accounts = Array.from({ length: USERS }, (_, index): Uint8Array => {
  const user: User = {
    owner: addressOf(randomBytes(32)),
    index: 0n,
    bumpSeed: 255,
    userType: 0,
    tenantPk: tenants[index % tenants.length] ?? ZERO_ADDRESS,
    devicePk: device,
    cyoaType: 1,
    clientIp: ipv4FromNumber(0xcb_00_72_00 + index),
    dzIp: ipv4FromNumber(0xcb_00_72_00 + index),
    tunnelId: 500 + index,
    tunnelNet: { address: ipv4FromNumber(0xa9_fe_00_00 + 2 * index), prefixLength: 31 },
    status: 1,
    publishers: [],
    subscribers: [],
    validatorPubkey: addressOf(randomBytes(32)),
    tunnelEndpoint: ipv4('0.0.0.0'),
    tunnelFlags: 0,
    bgpStatus: 1,
    lastBgpUpAt: slot(300_000_000 + index),
    lastBgpReportedAt: slot(300_000_000 + index),
    bgpRttNs: nanoseconds(7_500_000),
    feedPks: [],
  };
  return encodeUser(user);
});

function measure(decode: () => readonly User[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    const users = decode();
    const elapsed = performance.now() - start;
    if (users.length !== USERS || users.some((user) => user.devicePk !== device)) throw new Error('the users read back wrong');
    return elapsed;
  });
  return median(times);
}

const bench: Bench = async (emit) => {
  emit({ n: USERS, metric: 'median', value: measure(() => accounts.map(createUserDecoder())), unit: 'ms' });
  emit({ n: USERS, metric: 'median-one-by-one', value: measure(() => accounts.map((data) => decodeUser(data))), unit: 'ms' });
};
export default bench;
