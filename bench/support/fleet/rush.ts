import { backoffDelays, type Random } from '../../../src/lib/index.ts';

/** Everything that many agents want to write at the same time, through one ledger. */
export interface Rush {
  readonly devices: number;
  /** Transactions that each device has to land. */
  readonly transactions: number;
  /** Requests a second that the ledger's gateway lets through, with a second's worth at once; it answers 429 to the rest. */
  readonly gatewayRate: number;
  /** What each agent allows itself (`ledger.requestsPerSecond`, `ledger.sendsPerSecond`). */
  readonly requestsPerSecond: number;
  readonly sendsPerSecond: number;
  /** Over how much time the agents notice, milliseconds. */
  readonly noticedWithinMs: number;
  /** Transactions of that size that one block takes, in all and of one payer. */
  readonly perBlock: number;
  readonly perBlockAndPayer: number;
  readonly random: Random;
}

export interface RushResult {
  /** When half of the devices, and all of them, had everything confirmed; undefined when not within the horizon. */
  readonly p50Ms: number | undefined;
  readonly p100Ms: number | undefined;
  readonly requests: number;
  readonly refused: number;
}

/** The worker's and the ledger client's defaults. */
const STATUS_POLL_MS = 450;
const REBROADCAST_MS = 2_000;
const BLOCKHASH_MS = 2_000;
const MAX_IN_FLIGHT = 64;
const STEP_MS = 10;
const SLOT_MS = 400;
const CONFIRMED_AFTER_MS = 2 * SLOT_MS;
/** The longest wait for a device. */
export const HORIZON_MS = 1_200_000;
const BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** With one endpoint only, a backoff is not waited out: see `ledger`, last resort. */
const LAST_RESORT_MS = 250;

/** So many a second, with a second's worth at once. */
class TokenBucket {
  readonly #perSecond: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#tokens = perSecond;
    this.#filledAt = now();
  }

  get hasToken(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(Math.max(1, this.#perSecond), this.#tokens + ((now - this.#filledAt) / 1_000) * this.#perSecond);
    this.#filledAt = now;
    return this.#tokens >= 1 - 1e-9;
  }

  take(): void {
    this.#tokens -= 1;
  }
}

interface Device {
  waiting: number;
  /** Sent, and not in a block. */
  pooled: number;
  /** In a block, by when it is confirmed. */
  confirming: { readonly at: number; readonly count: number }[];
  inFlight: number;
  nextView: number;
  nextBlockhash: number;
  /** A blockhash is two requests: itself, and the height. */
  blockhashParts: number;
  nextPoll: number;
  nextRebroadcast: number;
  askedToRepeat: number;
  hasView: boolean;
  blockedUntil: number;
  delays: Iterator<number, never>;
  doneAt: number | undefined;
  readonly overall: TokenBucket;
  readonly sends: TokenBucket;
}

/**
 * Steps of 10 ms: each device reads its users, gets a blockhash, sends as its rates allow, asks for statuses, repeats; the gateway refuses what is
 * beyond its rate, and the device backs off by the agent's own backoff. Blocks take what they can hold.
 */
export function rush(options: Rush): RushResult {
  let now = 0;
  const bucket = (perSecond: number): TokenBucket => new TokenBucket(perSecond, () => now);
  const gateway = bucket(options.gatewayRate);
  const newDevice = (): Device => {
    const startAt = options.random() * options.noticedWithinMs;
    return {
      waiting: options.transactions,
      pooled: 0,
      confirming: [],
      inFlight: 0,
      nextView: startAt,
      nextBlockhash: 0,
      blockhashParts: 2,
      nextPoll: 0,
      nextRebroadcast: 0,
      askedToRepeat: 0,
      hasView: false,
      blockedUntil: startAt,
      delays: backoffDelays({ ...BACKOFF, random: options.random }),
      doneAt: undefined,
      overall: bucket(options.requestsPerSecond),
      sends: bucket(Math.min(options.sendsPerSecond, options.requestsPerSecond * 0.8)),
    };
  };
  const devices = Array.from({ length: options.devices }, newDevice);
  let requests = 0;
  let refused = 0;

  /** One request; false when the gateway refused it, or the device's own rate has no room. */
  const ask = (device: Device, ownBucket?: TokenBucket): boolean => {
    if (!device.overall.hasToken || ownBucket?.hasToken === false) return false;
    device.overall.take();
    ownBucket?.take();
    requests += 1;
    if (gateway.hasToken) {
      gateway.take();
      return true;
    }
    refused += 1;
    device.blockedUntil = now + Math.min(LAST_RESORT_MS, device.delays.next().value);
    return false;
  };

  const act = (device: Device): void => {
    if (device.doneAt !== undefined || now < device.blockedUntil) return;
    if (!device.hasView) {
      if (now >= device.nextView && ask(device)) device.hasView = true;
      return;
    }
    if (device.pooled > 0 && now >= device.nextRebroadcast) {
      device.askedToRepeat = device.pooled;
      device.nextRebroadcast = now + REBROADCAST_MS;
    }
    if (device.askedToRepeat > 0 && now >= device.blockedUntil && ask(device, device.sends)) device.askedToRepeat -= 1;
    // Sends go before reads.
    send(device);
    if (device.inFlight > 0 && now >= device.nextPoll && now >= device.blockedUntil && ask(device)) pollStatuses(device);
  };

  const pollStatuses = (device: Device): void => {
    device.nextPoll = now + STATUS_POLL_MS;
    let landed = 0;
    device.confirming = device.confirming.filter(({ at, count }) => {
      if (at > now) return true;
      landed += count;
      return false;
    });
    device.inFlight -= landed;
    if (landed > 0) device.delays = backoffDelays({ ...BACKOFF, random: options.random });
    if (device.waiting === 0 && device.inFlight === 0) device.doneAt = now;
  };

  const send = (device: Device): void => {
    if (device.waiting === 0 || device.inFlight >= MAX_IN_FLIGHT || now < device.blockedUntil) return;
    if (now >= device.nextBlockhash) {
      if (ask(device)) device.blockhashParts -= 1;
      if (device.blockhashParts > 0) return;
      device.blockhashParts = 2;
      device.nextBlockhash = now + BLOCKHASH_MS;
    }
    // One send each 10 ms is `worker.sendStagger`.
    if (!ask(device, device.sends)) return;
    device.waiting -= 1;
    device.pooled += 1;
    device.inFlight += 1;
    if (device.nextRebroadcast < now) device.nextRebroadcast = now + REBROADCAST_MS;
  };

  const produceBlock = (): void => {
    let room = options.perBlock;
    const first = Math.floor(options.random() * devices.length);
    for (let n = 0; n < devices.length && room > 0; n += 1) {
      const device = devices[(first + n) % devices.length];
      if (device === undefined || device.pooled === 0) continue;
      const count = Math.min(device.pooled, options.perBlockAndPayer, room);
      device.pooled -= count;
      device.askedToRepeat = Math.min(device.askedToRepeat, device.pooled);
      room -= count;
      device.confirming.push({ at: now + CONFIRMED_AFTER_MS, count });
    }
  };

  while (now < HORIZON_MS && devices.some(({ doneAt }) => doneAt === undefined)) {
    // Who asks first is chance, or the same few would find the gateway's tokens each time.
    const first = Math.floor(options.random() * devices.length);
    for (let n = 0; n < devices.length; n += 1) {
      const device = devices[(first + n) % devices.length];
      if (device !== undefined) act(device);
    }
    if (now % SLOT_MS === 0) produceBlock();
    now += STEP_MS;
  }
  const times = devices.map(({ doneAt }) => doneAt ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const finite = (ms: number | undefined): number | undefined => (ms === undefined || !Number.isFinite(ms) ? undefined : ms);
  return { p50Ms: finite(times[Math.floor(times.length / 2)]), p100Ms: finite(times.at(-1)), requests, refused };
}
