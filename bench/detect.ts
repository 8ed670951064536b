/*
 * From the moment at which the switch loses or wins a session until the agent has observed it.
 *
 *   session changes ──► stream or trap ──► tick ──► observed          without: the next tick, at its interval
 *
 * With triggers the interval is a minute, so that no ordinary poll helps.
 *
 * And, with a key and all defaults: from the moment at which the switch loses a session until Down is confirmed on the ledger, with slots of 400 ms
 * and 50 ms added to each answer. `downGrace` (6 s) is part of it.
 *
 * The agent is a whole one, and the localnet runs in this process. Sessions change at random moments.
 */

import { createLocalnet, type Localnet, type LocalnetAddresses } from '../localnet/index.ts';
import { createSimulatedSnmp } from '../localnet/switch/index.ts';
import { createAgent } from '../src/agent/agent.ts';
import { createAgentEvents } from '../src/agent/events.ts';
import { DEFAULT_POLICY } from '../src/bgp/index.ts';
import { createEapiSource } from '../src/collector/eapi/source.ts';
import { createBgpWatch } from '../src/collector/grpc/bgp-watch.ts';
import type { TriggerSource } from '../src/collector/index.ts';
import { createTrapTrigger } from '../src/collector/snmp/traps.ts';
import { seededRandom, systemClock } from '../src/lib/index.ts';
import type { Signer } from '../src/publisher/index.ts';
import { createLedgerRpc } from '../src/rpc/index.ts';
import type { Address } from '../src/serviceability/index.ts';
import { BENCH_SIGNER, DEFAULT_TIMING } from './support/agent.ts';
import { type Bench, type Emit, machineMs, quantile } from './support/bench.ts';

const USERS = 128;
/** The default. Without a trigger a change waits for it: few samples, spread over it. */
const INTERVAL_MS = 5_000;
/** The default of collector.maxWakeUpsPerMinute. */
const TRIGGERS_PER_MINUTE = 60;
/** Polls follow each other no closer than 250 ms: a change before that would measure the one before it. */
const MIN_PAUSE_MS = 300;
const LATENCY_MS = 50;

const bench: Bench = async (emit, { quick, users = USERS, runs }) => {
  const confirmed = runs ?? (quick ? 5 : 20);
  const ways: readonly Way[] = [
    { name: 'bgp watch', changes: runs ?? (quick ? 5 : 100), intervalMs: 60_000, listen: byWatch },
    { name: 'snmp traps', changes: runs ?? (quick ? 5 : 100), intervalMs: 60_000, listen: byTraps },
    { name: 'no wake-up', changes: runs ?? (quick ? 2 : 20), intervalMs: INTERVAL_MS },
  ];
  for (const way of ways) {
    tell(emit, users, way.name, await detect(users, way));
    tell(emit, users, `${way.name}, Down confirmed`, await confirm(users, { ...way, changes: confirmed, intervalMs: INTERVAL_MS }));
  }
};
export default bench;

function tell(emit: Emit, n: number, what: string, waits: readonly number[]): void {
  emit({ n, metric: `${what}: p50`, value: quantile(waits, 0.5), unit: 'ms' });
  emit({ n, metric: `${what}: p99`, value: quantile(waits, 0.99), unit: 'ms' });
  emit({ n, metric: `${what}: worst`, value: Math.max(...waits), unit: 'ms' });
}

interface Way {
  readonly name: string;
  readonly changes: number;
  readonly intervalMs: number;
  readonly listen?: Listen;
}

type Listen = (localnet: Localnet, addresses: LocalnetAddresses) => Promise<Listening>;

interface Listening {
  readonly source: TriggerSource;
  /** Once it listens: has the switch tell it. */
  begin(): void;
  end(): Promise<void>;
}

const byWatch: Listen = async (_, { grpc }) => ({
  source: createBgpWatch({ address: `${grpc.host}:${grpc.port}`, clock: systemClock, random: seededRandom(2) }),
  begin: () => undefined,
  end: async () => undefined,
});

const byTraps: Listen = async ({ sim, switchFaults: faults }) => {
  const community = 'bench';
  const agent = createSimulatedSnmp({ switch: sim, faults, community });
  await agent.start();
  const source = createTrapTrigger({ name: 'traps', host: '127.0.0.1', port: 0, community, clock: systemClock, random: seededRandom(2) });
  return {
    source,
    begin() {
      const at = source.listening();
      if (at === undefined) throw new Error('nobody listens to traps');
      agent.sendTrapsTo({ ...at, form: 'rfc4273', version: '2c' });
    },
    end: () => agent.stop(),
  };
};

interface Trial {
  readonly localnet: Localnet;
  readonly everybody: readonly Address[];
  /** Who is told when a session was decided on, and when a status was confirmed. */
  readonly hear: { decided?: (user: Address) => void; landed?: (user: Address) => void };
  end(): Promise<void>;
}

async function layTrial(users: number, { intervalMs, listen }: Way, triggersPerMinute: number, signer?: Signer): Promise<Trial> {
  const localnet = createLocalnet({ users, random: seededRandom(1), publisher: BENCH_SIGNER.address });
  const addresses = await localnet.start();
  const { rpcUrl, eapiSocket } = addresses;
  const listening = await listen?.(localnet, addresses);
  const everybody = [...localnet.truth().keys()];
  for (const user of everybody) localnet.connect(user);
  const hear: Trial['hear'] = {};
  let ticks = 0;
  const agent = createAgent({
    device: localnet.device,
    programId: localnet.programId,
    publisher: BENCH_SIGNER.address,
    ...(signer === undefined ? {} : { signer }),
    rpc: createLedgerRpc({
      urls: [rpcUrl],
      programId: localnet.programId,
      random: seededRandom(3),
      requestTimeoutMs: 10_000,
      onEndpoint: () => undefined,
    }),
    sources: [createEapiSource({ endpoint: `unix://${eapiSocket}`, clock: systemClock, timeoutMs: 5_000 })],
    triggers: listening === undefined ? [] : [listening.source],
    policy: DEFAULT_POLICY,
    timing: { ...DEFAULT_TIMING, intervalMs, wakeUpsPerMinute: triggersPerMinute },
    clock: systemClock,
    random: seededRandom(4),
    reporter: createAgentEvents({
      observed: ({ user, before, outcome }) => {
        if (before !== undefined && outcome.observation.kind !== 'unobserved') hear.decided?.(user);
      },
      confirmed: ({ intent }) => hear.landed?.(intent.user),
      tick: () => {
        ticks += 1;
      },
    }).reporter,
  });
  agent.start();
  while (ticks === 0) await systemClock.sleep(20);
  // The stream has to stand before anything is measured by it.
  await systemClock.sleep(500);
  listening?.begin();
  return {
    localnet,
    everybody,
    hear,
    async end() {
      await agent.stop();
      await listening?.end();
      await localnet.stop();
    },
  };
}

async function detect(users: number, way: Way): Promise<readonly number[]> {
  const { changes, intervalMs, listen } = way;
  const random = seededRandom(5);
  const { localnet, everybody, hear, end } = await layTrial(users, way, 4 * TRIGGERS_PER_MINUTE);
  const waits: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    await systemClock.sleep(listen === undefined ? random() * intervalMs : MIN_PAUSE_MS + random() * 300);
    const user = everybody[change % everybody.length];
    if (user === undefined) break;
    const decided = new Promise<number>((resolve) => {
      hear.decided = (who) => {
        if (who === user) resolve(machineMs());
      };
    });
    const began = machineMs();
    if (localnet.truth().get(user) === 'up') localnet.disconnect(user);
    else localnet.connect(user);
    waits.push((await decided) - began);
  }
  await end();
  return waits;
}

/** Each user's session drops once, when all of them have been written up for longer than two writes must be apart; drops overlap. */
async function confirm(users: number, way: Way): Promise<readonly number[]> {
  const random = seededRandom(6);
  const { localnet, everybody, hear, end } = await layTrial(users, way, TRIGGERS_PER_MINUTE, BENCH_SIGNER);
  localnet.ledger.faults.set({ rpc: [{ kind: 'delay', delayMs: LATENCY_MS }] });
  await systemClock.sleep(DEFAULT_POLICY.minWriteIntervalMs + 5_000);
  const droppedAt = new Map<Address, number>();
  const waits: number[] = [];
  const all = new Promise<void>((resolve) => {
    hear.landed = (user) => {
      const at = droppedAt.get(user);
      if (at !== undefined) waits.push(machineMs() - at);
      droppedAt.delete(user);
      if (waits.length === Math.min(way.changes, everybody.length)) resolve();
    };
  });
  for (const user of everybody.slice(0, way.changes)) {
    // At the most triggers that a minute allows, on average.
    await systemClock.sleep(MIN_PAUSE_MS + random() * 1_500);
    droppedAt.set(user, machineMs());
    localnet.disconnect(user);
  }
  await all;
  await end();
  return waits;
}
