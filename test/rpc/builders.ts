import { setMaxListeners } from 'node:events';
import { type Clock, epochMs, monotonicMs, seededRandom } from '../../src/lib/index.ts';
import { Endpoint } from '../../src/rpc/endpoint.ts';
import { createLedgerRpc, type EndpointEvent, type LedgerRpcClient, type LedgerRpcOptions, parseEndpointUrl } from '../../src/rpc/index.ts';
import {
  type Address,
  addressOf,
  encodeUser,
  ipv4,
  nanoseconds,
  slot,
  type User,
  UserStatus,
  UserType,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';

/** The address of 32 equal bytes, so that tests can name keys by a number. */
export const key = (byte: number): Address => addressOf(new Uint8Array(32).fill(byte));

export const PROGRAM = key(1);
export const DEVICE = key(2);
export const OUR_KEY = key(3);

/** A signal that many calls of one test share. */
export function calm(): AbortSignal {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  return signal;
}

export interface ManualClock extends Clock {
  advance(ms: number): void;
  readonly slept: number[];
}

/** A clock that stands still but for `advance` and for sleeps, which are over at once. */
export function manualClock(): ManualClock {
  let now = 0;
  const slept: number[] = [];
  return {
    slept,
    monotonic: () => monotonicMs(now),
    wall: () => epochMs(Date.UTC(2026, 0, 1) + now),
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
    advance(ms) {
      now += ms;
    },
  };
}

export interface TestRpc {
  readonly rpc: LedgerRpcClient;
  readonly clock: ManualClock;
  /** `lost http://…: CODE` and `back http://…`, in order. */
  readonly events: string[];
}

export function rpcOver(urls: readonly string[], options: Partial<LedgerRpcOptions> = {}): TestRpc {
  const clock = manualClock();
  const events: string[] = [];
  const onEndpoint = (event: EndpointEvent): void => {
    events.push(event.state === 'lost' ? `lost ${event.endpoint}: ${event.error.code}` : `back ${event.endpoint}`);
  };
  const rpc = createLedgerRpc({
    urls,
    programId: PROGRAM,
    clock,
    random: seededRandom(1),
    onEndpoint,
    requestTimeoutMs: 2_000,
    ...options,
  });
  return { rpc, clock, events };
}

/** One endpoint by itself, without requests. */
export function endpointCalled(name: string, clock: Clock, onEndpoint: (event: EndpointEvent) => void = () => undefined): Endpoint {
  const unasked = () => Promise.reject(new Error('not expected'));
  const counts = () => ({ requests: 0, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0 });
  const rpc = { call: unasked, close: unasked, counts };
  return new Endpoint(parseEndpointUrl(`http://${name}`), rpc, { clock, random: seededRandom(1), onEndpoint });
}

export function userOf(changes: Partial<User> = {}): User {
  const none = ipv4('0.0.0.0');
  return {
    owner: key(9),
    index: 0n,
    bumpSeed: 255,
    userType: UserType.ibrl,
    tenantPk: ZERO_ADDRESS,
    devicePk: DEVICE,
    cyoaType: 1,
    clientIp: ipv4('203.0.114.7'),
    dzIp: ipv4('203.0.114.7'),
    tunnelId: 500,
    tunnelNet: { address: ipv4('169.254.0.0'), prefixLength: 31 },
    status: UserStatus.activated,
    publishers: [],
    subscribers: [],
    validatorPubkey: ZERO_ADDRESS,
    tunnelEndpoint: none,
    tunnelFlags: 0,
    bgpStatus: 0,
    lastBgpUpAt: slot(0),
    lastBgpReportedAt: slot(0),
    bgpRttNs: nanoseconds(0),
    feedPks: [],
    ...changes,
  };
}

export const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');

/** One entry of a getProgramAccounts answer. */
export function accountEntry(pubkey: string, data: Uint8Array, owner: string = PROGRAM): Record<string, unknown> {
  return {
    pubkey,
    account: { owner, lamports: 2_324_640, data: [base64(data), 'base64'], executable: false, rentEpoch: 0, space: data.length },
  };
}

export const userEntry = (byte: number, changes: Partial<User> = {}): Record<string, unknown> =>
  accountEntry(key(byte), encodeUser(userOf(changes)));

/** `{context, value}`, as most methods answer. */
export const slotted = (at: number, value: unknown): { result: unknown } => ({ result: { context: { slot: at }, value } });

/** A transaction as the wire has it, with a signature of 64 equal bytes. */
export function wireOf(byte = 5): Uint8Array {
  return Uint8Array.from([1, ...new Array<number>(64).fill(byte), 1, 0, 0]);
}
