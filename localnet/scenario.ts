import { type Clock, type Random, Stopped } from '../src/lib/index.ts';
import type { Address, Ipv4 } from '../src/serviceability/index.ts';
import type { Localnet } from './world.ts';

/** What happened to a user in the simulated world. */
export type ScenarioEventKind = 'connected' | 'disconnected' | 'created' | 'deleted' | 're-created' | 'flapped';

export interface ScenarioEvent {
  readonly kind: ScenarioEventKind;
  readonly user: Address;
}

export interface ScenarioOptions {
  readonly localnet: Localnet;
  readonly clock: Clock;
  readonly random: Random;
  /** Mean time between two events once everybody has connected, milliseconds. */
  readonly meanIntervalMs: number;
  readonly onEvent?: (event: ScenarioEvent) => void;
}

export interface Scenario {
  start(): void;
  /** From now on the world stands still. */
  stop(): Promise<void>;
}

/** Users connect one after the other in this time at the start. */
const ARRIVAL_SPREAD_MS = 3_000;
/** How long a session that flaps stays down: shorter than any grace, longer than a poll. */
const FLAP_MS = 1_500;
/** A tenth of the users stays away, so that never-connected users are seen too. */
const ABSENT_SHARE = 0.1;
/** Milliseconds of round-trip time are drawn between these, in microseconds. */
const RTT_US = { min: 800, max: 90_000 };

/**
 * A world that moves: users connect, flap, drop, come back, leave for good, and return at the same address. Seeded by `random`, so that a run can
 * be repeated.
 */
export function createScenario({ localnet, clock, random, meanIntervalMs, onEvent = () => undefined }: ScenarioOptions): Scenario {
  const life = new AbortController();
  let running: Promise<void> | undefined;
  /** Client addresses of users that left and may come back. */
  const gone: Ipv4[] = [];

  const rttUs = (): number => Math.round(RTT_US.min + random() * (RTT_US.max - RTT_US.min));
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const inState = (state: 'up' | 'down'): readonly Address[] =>
    [...localnet.truth()].filter(([, truth]) => truth === state).map(([user]) => user);
  const tell = (kind: ScenarioEventKind, user: Address): void => onEvent({ kind, user });

  async function arrivals(): Promise<void> {
    const users = [...localnet.truth().keys()];
    const absent = Math.floor(users.length * ABSENT_SHARE);
    const arriving = users.slice(0, users.length - absent);
    for (const user of arriving) {
      localnet.connect(user, rttUs());
      tell('connected', user);
      await clock.sleep((ARRIVAL_SPREAD_MS / arriving.length) * (0.5 + random()), life.signal);
    }
  }

  const moves: readonly (readonly [weight: number, move: () => Promise<void> | void])[] = [
    [
      3,
      () => {
        const user = pick(inState('up'));
        if (user === undefined) return;
        localnet.disconnect(user);
        tell('disconnected', user);
      },
    ],
    [
      4,
      () => {
        const user = pick(inState('down'));
        if (user === undefined) return;
        localnet.connect(user, rttUs());
        tell('connected', user);
      },
    ],
    [
      2,
      async () => {
        const user = pick(inState('up'));
        if (user === undefined) return;
        localnet.disconnect(user);
        await clock.sleep(FLAP_MS, life.signal);
        localnet.connect(user, rttUs());
        tell('flapped', user);
      },
    ],
    [
      1,
      () => {
        const user = pick([...localnet.truth().keys()]);
        const account = user === undefined ? undefined : localnet.ledger.admin.user(user);
        if (user === undefined || account === undefined) return;
        localnet.removeUser(user);
        gone.push(account.clientIp);
        tell('deleted', user);
      },
    ],
    [
      1.5,
      () => {
        const clientIp = gone.shift();
        const user = localnet.addUser(clientIp === undefined ? {} : { clientIp });
        localnet.connect(user, rttUs());
        tell(clientIp === undefined ? 'created' : 're-created', user);
      },
    ],
  ];

  function draw(): (() => Promise<void> | void) | undefined {
    let roll = random() * moves.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, move] of moves) {
      roll -= weight;
      if (roll < 0) return move;
    }
    return undefined;
  }

  async function run(): Promise<void> {
    await arrivals();
    while (!life.signal.aborted) {
      await clock.sleep(meanIntervalMs * (0.3 + 1.4 * random()), life.signal);
      await draw()?.();
    }
  }

  return {
    start() {
      running ??= run().catch((error: unknown) => {
        if (!life.signal.aborted) throw error;
      });
    },
    async stop() {
      life.abort(new Stopped('the scenario stops'));
      await running;
    },
  };
}
