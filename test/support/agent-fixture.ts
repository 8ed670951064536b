import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { expect } from 'vitest';
import { createLocalnet, LOCALNET_SNMP_USER, type Localnet, type LocalnetAddresses } from '../../localnet/index.ts';
import { type Agent, type AgentLimits, type AgentTiming, createAgent } from '../../src/agent/agent.ts';
import type { AgentReporter } from '../../src/agent/events.ts';
import { DEFAULT_POLICY, type StatusPolicy } from '../../src/bgp/index.ts';
import { createEapiSource } from '../../src/collector/eapi/source.ts';
import { createBgpWatch } from '../../src/collector/grpc/bgp-watch.ts';
import type { SwitchSource, TriggerSource } from '../../src/collector/index.ts';
import { createSnmpSource } from '../../src/collector/snmp/source.ts';
import { type Clock, monotonicMs, seededRandom, systemClock } from '../../src/lib/index.ts';
import type { Signer } from '../../src/publisher/index.ts';
import { createLedgerRpc } from '../../src/rpc/index.ts';
import { type Address, addressOf, bgpStatusName, lamports } from '../../src/serviceability/index.ts';
import type { Snapshotter } from '../../src/snapshots/index.ts';
import { recordingReporter } from './recording-reporter.ts';

/** A key from a number, the same in each run. */
export function signerNumber(number: number): Signer {
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, number)]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { address: addressOf(publicKey), sign: (message) => new Uint8Array(sign(null, message, privateKey)) };
}

/** No shorter: the agent does not accept a slot time below 50 ms. */
export const SLOT_MS = 60;

/** For tests in which an agent has to get somewhere, which it does slowly on a busy machine. */
export const PATIENTLY = { timeout: 120_000 };

/** Deadlines of a source's and of an endpoint's answer: long enough for a busy machine; HANGING is for tests that wait for them. */
const ANSWER_WITHIN_MS = 10_000;
export const HANGING = { answerWithinMs: 2_000 };

/**
 * A tenth of what a switch would have, so that a test takes a second and not ten; but not the bounds within which something has to succeed.
 */
const QUICK: AgentTiming = {
  intervalMs: 100,
  collectTimeoutMs: ANSWER_WITHIN_MS,
  viewMaxAgeMs: 5_000,
  viewIdleIntervalMs: 300,
  maxLedgerAgeMs: 30_000,
  authorityIntervalMs: 500,
  drainMs: 10_000,
  worker: {
    statusPollIntervalMs: 50,
    rebroadcastIntervalMs: 200,
    blockhashMaxAgeMs: 200,
    sendStaggerMs: 1,
    maxInFlight: 64,
    skipPreflight: false,
  },
};

const UNTIL_MS = 60_000;

type SourceKind = 'eapi' | 'snmp' | 'snmp-v3' | 'grpc';

export interface AgentFixtureOptions {
  readonly users?: number;
  readonly sources?: readonly SourceKind[];
  /** Whether the switch reports changes by its gRPC stream. */
  readonly bgpWatch?: boolean;
  /** More sources of triggers. */
  readonly wakeUps?: readonly TriggerSource[];
  readonly policy?: Partial<StatusPolicy>;
  readonly timing?: Partial<AgentTiming>;
  readonly limits?: Partial<AgentLimits>;
  /** Upper bound of what a source or an endpoint takes to answer, milliseconds. */
  readonly answerWithinMs?: number;
  /** The agent's key, where it is not the device's publisher. */
  readonly signer?: Signer;
  readonly dryRun?: boolean;
  /** How many of the agent's milliseconds pass in a real one; 1 by default. */
  readonly clockRate?: number;
  /** More endpoints of the same ledger. */
  readonly endpoints?: number;
  readonly device?: (localnet: Localnet) => Address;
  /** One that runs already; it is left running. */
  readonly localnet?: Localnet;
  /** Takes raw snapshots; the localnet has a state-ingest server then. */
  readonly snapshotter?: (place: SnapshotterPlace) => Snapshotter;
}

export interface SnapshotterPlace {
  readonly localnet: Localnet;
  readonly addresses: LocalnetAddresses;
  readonly signer: Signer;
  readonly reporter: AgentReporter;
}

export interface AgentFixture {
  readonly localnet: Localnet;
  readonly agent: Agent;
  readonly lines: readonly string[];
  /** In the order of their tunnels; every fifth is multicast, the others alternate between vrf1 and vrf2. */
  readonly users: readonly Address[];
  user(number: number): Address;
  /** By user's number: what the ledger holds. */
  ledgerSays(): readonly string[];
  /** Waits until it holds; fails after a minute with both sides printed. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** The lines that begin with one of these. */
  eventsOf(...beginnings: readonly string[]): readonly string[];
  stop(): Promise<void>;
}

/** For waits of minutes, over sockets that take real time. */
function clockAtRate(rate: number): Clock {
  if (rate === 1) return systemClock;
  return {
    monotonic: () => monotonicMs(systemClock.monotonic() * rate),
    wall: () => systemClock.wall(),
    sleep: (ms, signal) => systemClock.sleep(ms / rate, signal),
  };
}

/** The agent between a localnet's ledger and switch, over real sockets; not started yet. */
async function createAgentFixture(options: AgentFixtureOptions = {}): Promise<AgentFixture> {
  const { answerWithinMs = ANSWER_WITHIN_MS, clockRate = 1 } = options;
  const clock = clockAtRate(clockRate);
  const publisher = signerNumber(7);
  const localnet =
    options.localnet ??
    createLocalnet({
      users: options.users ?? 4,
      random: seededRandom(1),
      publisher: publisher.address,
      slotMs: SLOT_MS,
      ...(options.snapshotter === undefined ? {} : { stateIngestPort: 0 }),
    });
  const addresses = await localnet.start();
  // What was just created is confirmed, and visible, a slot later.
  localnet.ledger.bank.advance(3);
  const users = [...localnet.ledger.admin.users(localnet.device)].sort((a, b) => a[1].tunnelId - b[1].tunnelId).map(([user]) => user);
  const { lines, reporter } = recordingReporter((user) => `u${users.indexOf(user as Address)}`);
  const urls = [addresses.rpcUrl];
  for (let n = 0; n < (options.endpoints ?? 0); n += 1) urls.push((await localnet.ledger.addEndpoint()).rpcUrl);
  const rpc = createLedgerRpc({
    urls,
    programId: localnet.programId,
    random: seededRandom(2),
    clock,
    // Answers take real time.
    requestTimeoutMs: answerWithinMs * clockRate,
    callTimeoutMs: 2.5 * answerWithinMs * clockRate,
    onEndpoint: (event) => reporter.endpoint({ ...event, endpoint: `number ${urls.findIndex((url) => event.endpoint.startsWith(url))}` }),
  });
  const signer = options.signer ?? publisher;
  const agent = createAgent({
    device: options.device?.(localnet) ?? localnet.device,
    programId: localnet.programId,
    ...(options.dryRun === true ? {} : { signer }),
    rpc,
    sources: (options.sources ?? ['eapi']).map((kind) => sourceOf(kind, addresses, answerWithinMs)),
    ...(options.snapshotter === undefined ? {} : { snapshotter: options.snapshotter({ localnet, addresses, signer, reporter }) }),
    triggers: [...(options.bgpWatch === true ? [watchOf(addresses)] : []), ...(options.wakeUps ?? [])],
    policy: { ...DEFAULT_POLICY, downGraceMs: 300, connectGraceMs: 600, minWriteIntervalMs: 0, ...options.policy },
    timing: { ...QUICK, ...options.timing },
    limits: { maxTransactionsPerMinute: 100_000, maxLamportsPerDay: 1_000_000_000, minBalance: lamports(0), ...options.limits },
    clock,
    random: seededRandom(3),
    reporter,
  });
  const ledgerSays = () => users.map((user) => bgpStatusName(localnet.ledger.admin.user(user)?.bgpStatus ?? 255));
  return {
    localnet,
    agent,
    lines,
    users,
    user(number) {
      const user = users[number];
      if (user === undefined) throw new Error(`there is no user ${number}`);
      return user;
    },
    ledgerSays,
    async until(what, holds) {
      const deadline = performance.now() + UNTIL_MS;
      while (!holds()) {
        if (performance.now() > deadline)
          throw new Error(`not within ${UNTIL_MS} ms: ${what}; the ledger says ${ledgerSays().join(', ')}; events: ${lines.join(' | ')}`);
        await systemClock.sleep(10);
      }
    },
    eventsOf: (...beginnings) => lines.filter((line) => beginnings.some((beginning) => line.startsWith(beginning))),
    async stop() {
      await agent.stop();
      if (options.localnet === undefined) await localnet.stop();
    },
  };
}

/** vitest's `onTestFinished` of the test's own context, so that tests can run concurrently: they sleep most of the time. */
export type AtEnd = (stop: () => Promise<void>) => void;

/** A fixture that ends with the test. */
export async function makeFixture(atEnd: AtEnd, options: AgentFixtureOptions = {}): Promise<AgentFixture> {
  const fixture = await createAgentFixture(options);
  atEnd(() => fixture.stop());
  return fixture;
}

/** A fixture whose agent has every user confirmed up. */
export async function settledFixture(atEnd: AtEnd, options: AgentFixtureOptions = {}): Promise<AgentFixture> {
  const fixture = await makeFixture(atEnd, options);
  for (const user of fixture.users) fixture.localnet.connect(user);
  fixture.agent.start();
  await fixture.until('all users up', () => fixture.eventsOf('landed').length === fixture.users.length);
  return fixture;
}

/** No write was rejected, and nothing halted or failed internally. */
export function expectNoFailure({ eventsOf }: AgentFixture): void {
  expect(eventsOf('defect', 'rejected', 'halted')).toEqual([]);
}

function sourceOf(kind: SourceKind, { eapiSocket, snmp, grpc }: LocalnetAddresses, timeoutMs: number): SwitchSource {
  if (kind === 'eapi') return createEapiSource({ name: 'eapi', endpoint: `unix://${eapiSocket}`, clock: systemClock, timeoutMs });
  if (kind === 'grpc')
    return createEapiSource({
      name: 'grpc',
      endpoint: `grpc://${grpc.host}:${grpc.port}`,
      clock: systemClock,
      timeoutMs,
    });
  const bounds = { timeoutMs, maxRows: 10_000, clock: systemClock };
  if (kind === 'snmp') return createSnmpSource({ name: kind, ...snmp, vrfs: ['default', 'vrf1', 'vrf2'], ...bounds });
  const { host, port } = snmp;
  return createSnmpSource({ name: kind, host, port, user: LOCALNET_SNMP_USER, vrfs: 'auto', ...bounds });
}

function watchOf({ grpc }: LocalnetAddresses) {
  return createBgpWatch({ address: `${grpc.host}:${grpc.port}`, clock: systemClock, random: seededRandom(4) });
}
