import { type Clock, type Random, Stopped } from '../src/lib/index.ts';
import type { Address, Ipv4 } from '../src/serviceability/index.ts';
import { WorldError } from './ledger/index.ts';
import type { Localnet } from './world.ts';

/** An event of a user in the simulated world. */
export type ScenarioEventKind = 'connected' | 'disconnected' | 'created' | 'deleted' | 're-created' | 'flapped';

export interface ScenarioEvent {
  readonly kind: ScenarioEventKind;
  readonly user: Address;
}

export interface ScenarioOptions {
  readonly localnet: Localnet;
  readonly clock: Clock;
  readonly random: Random;
  /** Mean time between two events after the initial connections, milliseconds. */
  readonly meanIntervalMs: number;
  readonly onEvent?: (event: ScenarioEvent) => void;
}

export interface Scenario {
  start(): void;
  /** Ends all events. */
  stop(): Promise<void>;
}

/** At the start, users connect one after another within this time. */
const ARRIVAL_SPREAD_MS = 3_000;
/** Duration of a flap: shorter than any grace period, longer than a poll. */
const FLAP_MS = 1_500;
/** This share of the users does not connect, so that never-connected users occur, too. */
const ABSENT_SHARE = 0.1;
/** Range of random round-trip times, microseconds. */
const RTT_US = { min: 800, max: 90_000 };

/**
 * Random events: users connect, flap, drop, reconnect, are deleted, and return at the same address. A seeded `random` makes a run repeatable.
 * An event that the program refuses is skipped: a drained device accepts no new user.
 */
export function createScenario({ localnet, clock, random, meanIntervalMs, onEvent = () => undefined }: ScenarioOptions): Scenario {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  /** Client addresses of deleted users that may return. */
  const gone: Ipv4[] = [];

  const rttUs = (): number => Math.round(RTT_US.min + random() * (RTT_US.max - RTT_US.min));
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const inState = (state: 'up' | 'down'): readonly Address[] =>
    [...localnet.truth()].filter(([, truth]) => truth === state).map(([user]) => user);
  const emit = (kind: ScenarioEventKind, user: Address): void => onEvent({ kind, user });

  async function arrivals(): Promise<void> {
    const users = [...localnet.truth().keys()];
    const absent = Math.floor(users.length * ABSENT_SHARE);
    const arriving = users.slice(0, users.length - absent);
    for (const user of arriving) {
      localnet.connect(user, rttUs());
      emit('connected', user);
      await clock.sleep((ARRIVAL_SPREAD_MS / arriving.length) * (0.5 + random()), stopping.signal);
    }
  }

  const moves: readonly (readonly [weight: number, move: () => Promise<void> | void])[] = [
    [
      3,
      () => {
        const user = pick(inState('up'));
        if (user === undefined) return;
        localnet.disconnect(user);
        emit('disconnected', user);
      },
    ],
    [
      4,
      () => {
        const user = pick(inState('down'));
        if (user === undefined) return;
        localnet.connect(user, rttUs());
        emit('connected', user);
      },
    ],
    [
      2,
      async () => {
        const user = pick(inState('up'));
        if (user === undefined) return;
        localnet.disconnect(user);
        await clock.sleep(FLAP_MS, stopping.signal);
        localnet.connect(user, rttUs());
        emit('flapped', user);
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
        emit('deleted', user);
      },
    ],
    [
      1.5,
      () => {
        const clientIp = gone.shift();
        const user = localnet.addUser({ clientIp });
        localnet.connect(user, rttUs());
        emit(clientIp === undefined ? 'created' : 're-created', user);
      },
    ],
  ];

  function pickMove(): (() => Promise<void> | void) | undefined {
    let roll = random() * moves.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, move] of moves) {
      roll -= weight;
      if (roll < 0) return move;
    }
    return undefined;
  }

  async function run(): Promise<void> {
    await arrivals();
    while (!stopping.signal.aborted) {
      await clock.sleep(meanIntervalMs * (0.3 + 1.4 * random()), stopping.signal);
      try {
        await pickMove()?.();
      } catch (error) {
        if (!(error instanceof WorldError)) throw error;
      }
    }
  }

  return {
    start() {
      running ??= run().catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
    },
    async stop() {
      stopping.abort(new Stopped('the scenario stops'));
      await running;
    },
  };
}
