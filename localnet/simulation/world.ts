import { type Clock, type EpochMs, epochMs, monotonicMs } from '../../src/lib/index.ts';
import { type Address, type Ipv4, lamports, tunnelSides, type User, UserStatus, UserType } from '../../src/serviceability/index.ts';
import { createLocalLedger, createSigner, type Ed25519Signer, type LocalLedger } from '../ledger/index.ts';
import { createSimulatedSwitch, type SimulatedSwitch } from '../switch/index.ts';
import { createLocalnetController, type LocalnetController } from '../world.ts';
import type { Prng } from './plan.ts';

/** The actual history of each session, to check the agent against. */
interface SessionHistory {
  /** Records the sessions that are Established now; all others are down. Called after each change on the switch. */
  record(established: ReadonlySet<string>): void;
  isUp(session: string): boolean;
  /** Whether it was down throughout `from` to `to`, monotonic milliseconds. */
  wasDownThroughout(session: string, from: number, to: number): boolean;
}

/** A period of being up; `end` is Infinity while it lasts. */
interface Period {
  readonly begin: number;
  end: number;
}

/** Longer than any check looks back. */
const REMEMBERED_MS = 600_000;

/** A session's name: client address and neighbor description. The same address under another user is another session. */
export function sessionName(address: string, tunnelId: number): string {
  return `${address} USER-${tunnelId}`;
}

function createSessionHistory(clock: Pick<Clock, 'monotonic'>): SessionHistory {
  const sessions = new Map<string, Period[]>();
  let up = new Set<string>();
  return {
    record(established) {
      const now = clock.monotonic();
      for (const session of up) {
        const last = sessions.get(session)?.at(-1);
        if (!established.has(session) && last !== undefined) last.end = now;
      }
      for (const session of established) {
        if (up.has(session)) continue;
        const recent = (sessions.get(session) ?? []).filter(({ end }) => end > now - REMEMBERED_MS);
        sessions.set(session, [...recent, { begin: now, end: Number.POSITIVE_INFINITY }]);
      }
      up = new Set(established);
    },
    isUp: (session) => up.has(session),
    wasDownThroughout(session, from, to) {
      return !(sessions.get(session) ?? []).some(({ begin, end }) => begin < to && end > from);
    },
  };
}

export interface SimulationClock extends Clock {
  readonly after: NonNullable<Clock['after']>;
  /** Runs all sleeps and timers up to `at` (monotonic milliseconds) in order, or until `isOver`. */
  run(at: number, isOver: () => boolean): Promise<void>;
  /** Moves only the wall clock, as an operator or NTP does. */
  jumpWall(ms: number): void;
  /** Number of pending sleeps and timers; unbounded growth is a leak. */
  readonly sleepers: number;
}

interface Sleeper {
  readonly at: number;
  readonly order: number;
  trigger: (() => void) | undefined;
}

/** After this many triggers the event loop gets a turn, so that messages and settled promises do not accumulate. */
const TRIGGERS_PER_TURN = 512;

/**
 * Time advances in steps of a power of two, so sums and differences of times are exact. Rounding errors could make a loop both too early and
 * without remaining wait, and it would spin forever because time does not pass by itself.
 */
const TICKS_PER_MS = 1_024;

/**
 * A clock that jumps from one sleeper to the next. In between it waits for one `process.nextTick`, which Node runs when no microtask is left:
 * by then all continuations of the first sleeper have reached their next sleep, without a turn of the event loop.
 */
export function createSimulationClock(wallStart: EpochMs = epochMs(1_790_000_000_000)): SimulationClock {
  const heap: Sleeper[] = [];
  let now = 0;
  let wallOffset: number = wallStart;
  let order = 0;
  let canceled = 0;

  const add = (ms: number, trigger: () => void): Sleeper => {
    const sleeper: Sleeper = { at: Math.ceil((now + Math.max(0, ms)) * TICKS_PER_MS) / TICKS_PER_MS, order: order++, trigger };
    push(heap, sleeper);
    return sleeper;
  };
  const cancel = (sleeper: Sleeper): void => {
    if (sleeper.trigger === undefined) return;
    sleeper.trigger = undefined;
    canceled += 1;
  };

  return {
    monotonic: () => monotonicMs(now),
    wall: () => epochMs(wallOffset + now),
    get sleepers() {
      return heap.length - canceled;
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          cancel(sleeper);
          reject(signal?.reason);
        };
        const sleeper = add(ms, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    after(ms, onOver) {
      const sleeper = add(ms, onOver);
      return () => cancel(sleeper);
    },
    async run(at, isOver) {
      let triggers = 0;
      await settled();
      while (!isOver()) {
        const next = heap[0];
        if (next === undefined || next.at > at) break;
        pop(heap);
        const { trigger } = next;
        if (trigger === undefined) {
          canceled -= 1;
          continue;
        }
        now = next.at;
        next.trigger = undefined;
        trigger();
        triggers += 1;
        await (triggers % TRIGGERS_PER_TURN === 0 ? new Promise<void>((resolve) => setImmediate(resolve)) : settled());
      }
      if (!isOver()) now = Math.max(now, Math.floor(at * TICKS_PER_MS) / TICKS_PER_MS);
    },
    jumpWall(ms) {
      wallOffset += ms;
    },
  };
}

function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

const isBefore = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Push and pop of a binary heap, the earliest sleeper first. */
function push(heap: Sleeper[], sleeper: Sleeper): void {
  let index = heap.length;
  heap.push(sleeper);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(sleeper, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = sleeper;
}

function pop(heap: Sleeper[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    if (left === undefined) break;
    const smaller = right !== undefined && isBefore(right, left) ? right : left;
    if (!isBefore(smaller, last)) break;
    heap[index] = smaller;
    index = 2 * index + (smaller === right ? 2 : 1);
  }
  heap[index] = last;
}

/** Actions that run after some time, or when the faults end, whichever is first. */
interface Later {
  readonly schedule: (ms: number, act: () => void) => void;
  /** Runs all pending actions now. */
  flush(): void;
}

export function createLater(clock: Pick<SimulationClock, 'after'>): Later {
  const due = new Map<() => void, () => void>();
  return {
    schedule(ms, act) {
      const once = (): void => {
        due.delete(once);
        act();
      };
      due.set(once, clock.after(ms, once));
    },
    flush() {
      for (const [act, cancel] of [...due]) {
        cancel();
        act();
      }
    },
  };
}

/** The trace of one run, one line per event, to analyze failures. */
export interface Trace {
  log(line: string): void;
  /** The newest lines. */
  readonly lines: readonly string[];
}

const REMEMBERED = 400;

export function createTrace({
  clock,
  onLine,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly onLine?: (line: string) => void;
}): Trace {
  const lines: string[] = [];
  return {
    lines,
    log(line) {
      const stamped = `${timeOf(clock.monotonic())}  ${line}`;
      lines.push(stamped);
      if (lines.length > REMEMBERED) lines.shift();
      onLine?.(stamped);
    },
  };
}

function timeOf(ms: number): string {
  const seconds = ms / 1000;
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}:${(seconds % 60).toFixed(3).padStart(6, '0')}`;
}

/** The actual ledger and switch, and the operations that change them. */
export interface World {
  readonly ledger: LocalLedger;
  readonly sim: SimulatedSwitch;
  readonly sessions: SessionHistory;
  readonly device: Address;
  readonly signer: Ed25519Signer;
  /** A short name for the trace. */
  nameOf(user: Address): string;
  users(): ReadonlyMap<Address, User>;
  /** The actual state of the user's session; undefined for a banned or deleted user. */
  sessionState(user: Address): 'up' | 'down' | undefined;
  createUser(clientIp?: Ipv4): Address;
  deleteUser(user: Address): Ipv4 | undefined;
  banUser(user: Address): void;
  connect(user: Address): void;
  disconnect(user: Address): void;
  /** The controller configures the switch from the ledger. */
  push(): void;
  reboot(): void;
  setFunds(sol: number): void;
  /** Rolls the ledger back by at most this many slots; returns the actual number. */
  rollBack(slots: number): number;
  /** Slots to its highest slot before rollbacks. */
  slotsToCatchUp(): number;
  setPublisher(publisher: Address): void;
}

const USER_VRFS = ['vrf1', 'vrf2'];
const FABRIC_PEER = '172.16.0.1';
const USER_SEED_BYTE = 7;

export function createWorld({
  clock,
  prng,
  users,
}: {
  readonly clock: SimulationClock;
  readonly prng: Prng;
  readonly users: number;
}): World {
  const ledger = createLocalLedger({ clock, random: prng.random, rememberedTransactions: 2_048 });
  const { admin } = ledger;
  const signer = createSigner(new Uint8Array(32).fill(USER_SEED_BYTE));
  const device = admin.createDevice({ metricsPublisher: signer.address, code: 'sim-dz1' });
  const tenants = ['a', 'b'].map((code) => admin.createTenant({ code: `tenant-${code}` }));
  const sim = createSimulatedSwitch({ clock, hostname: 'sim-dz1' });
  for (const vrf of USER_VRFS) sim.addVrf(vrf);
  sim.configure({ vrf: 'default', address: FABRIC_PEER, remoteAs: 65_342, description: 'fabric' });
  sim.establish('default', FABRIC_PEER);
  const controller = createLocalnetController({ admin, device, sim });
  const sessions = createSessionHistory(clock);
  const names = new Map<Address, string>();
  /** Existing users: cheaper than a scan of the ledger's accounts. */
  const existing = new Set<Address>();

  const observe = (): void => sessions.record(establishedSessions(sim));
  const slotNow = (): number => Number(ledger.bank.replica().view('processed').slot);
  let furthest = 0;
  const setFunds = (sol: number): void => admin.fund(signer.address, lamports(BigInt(Math.round(sol * 1e9))));
  const createUser = (clientIp?: Ipv4): Address => {
    const kind = prng.whole(0, 4);
    // A returning client is the same kind of user, so it has the same address.
    const isMulticast = clientIp === undefined && kind === 4;
    const user = admin.createUser({
      device,
      clientIp,
      ...(isMulticast ? { userType: UserType.multicast } : { tenant: tenants[kind % 2] }),
    });
    if (!names.has(user)) names.set(user, `u${names.size}`);
    existing.add(user);
    return user;
  };
  const at = (user: Address, act: (vrf: string, address: string) => void): void => {
    const session = sessionOnSwitch(user, controller, ledger, sim);
    if (session !== undefined) act(session.vrf, session.address);
    observe();
  };

  setFunds(10);
  for (let n = 0; n < users; n += 1) createUser();
  controller.sync();
  ledger.bank.begin();

  return {
    ledger,
    sim,
    sessions,
    device,
    signer,
    nameOf: (user) => names.get(user) ?? user,
    users() {
      const users = new Map<Address, User>();
      for (const address of existing) {
        const user = admin.user(address);
        if (user !== undefined) users.set(address, user);
      }
      return users;
    },
    sessionState(address) {
      const user = admin.user(address);
      const sides = user === undefined ? undefined : tunnelSides(user.tunnelNet);
      if (user === undefined || sides === undefined || user.status !== UserStatus.activated) return undefined;
      return sessions.isUp(sessionName(sides.clientSide, user.tunnelId)) ? 'up' : 'down';
    },
    createUser,
    deleteUser(user) {
      const clientIp = admin.user(user)?.clientIp;
      admin.deleteUser(user);
      existing.delete(user);
      return clientIp;
    },
    banUser: (user) => admin.banUser(user),
    connect: (user) => at(user, (vrf, address) => sim.establish(vrf, address, prng.whole(500, 90_000))),
    disconnect: (user) => at(user, (vrf, address) => sim.drop(vrf, address, prng.one(['active', 'idle', 'connect'] as const))),
    push() {
      controller.sync();
      observe();
    },
    reboot() {
      sim.reboot();
      observe();
    },
    setFunds,
    rollBack(slots) {
      const from = slotNow();
      furthest = Math.max(furthest, from);
      ledger.bank.rollBackToSlot(BigInt(Math.max(0, from - slots)));
      return from - slotNow();
    },
    slotsToCatchUp: () => Math.max(0, furthest - slotNow()),
    setPublisher: (publisher) => admin.changeDevice(device, { metricsPublisher: publisher }),
  };
}

function establishedSessions(sim: SimulatedSwitch): Set<string> {
  const established = new Set<string>();
  for (const vrf of sim.vrfs()) {
    for (const { state, address, description } of sim.neighbors(vrf)) {
      if (state === 'established') established.add(`${address} ${description ?? ''}`);
    }
  }
  return established;
}

/** The user's own neighbor; undefined until the controller has configured it. */
function sessionOnSwitch(user: Address, controller: LocalnetController, { admin }: LocalLedger, sim: SimulatedSwitch) {
  const session = controller.sessionOf(user);
  if (session === undefined) return undefined;
  const neighbor = sim.find(session.vrf, session.address);
  return neighbor?.description === `USER-${admin.user(user)?.tunnelId}` ? session : undefined;
}

/** One process of the agent, from start to kill. After the kill its waits never settle, and it sends and reports nothing. */
export interface Incarnation {
  readonly number: number;
  readonly isAlive: boolean;
  /** Its sleeps never settle after the kill. */
  readonly clock: Clock;
  /** Counts one interaction with the world; `killAfter` counts these. */
  step(): void;
  /** Kills it at its `steps`-th step from now. */
  killAfter(steps: number): void;
  kill(): void;
  /** The outcome of `work`; never settles after the kill. */
  hold<T>(work: Promise<T>): Promise<T>;
}

export function createIncarnation({
  number,
  clock,
  onDeath,
}: {
  readonly number: number;
  readonly clock: SimulationClock;
  readonly onDeath: () => void;
}): Incarnation {
  let isAlive = true;
  let stepsLeft = Number.POSITIVE_INFINITY;

  const kill = (): void => {
    if (!isAlive) return;
    isAlive = false;
    onDeath();
  };
  const step = (): void => {
    stepsLeft -= 1;
    if (stepsLeft <= 0) kill();
  };
  const hold = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      work.then(
        (value) => {
          step();
          if (isAlive) resolve(value);
        },
        (error: unknown) => {
          step();
          if (isAlive) reject(error);
        },
      );
    });

  return {
    number,
    get isAlive() {
      return isAlive;
    },
    clock: {
      monotonic: clock.monotonic,
      wall: clock.wall,
      sleep(ms, signal) {
        step();
        return isAlive ? hold(clock.sleep(ms, signal)) : new Promise(() => undefined);
      },
      after: (ms, onOver) =>
        clock.after(ms, () => {
          if (isAlive) onOver();
        }),
    },
    step,
    killAfter(steps) {
      stepsLeft = steps;
    },
    kill,
    hold,
  };
}
