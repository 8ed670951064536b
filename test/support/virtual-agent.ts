import { createLocalnet, type Localnet } from '../../localnet/index.ts';
import type { LedgerFaults } from '../../localnet/ledger/index.ts';
import { createSimulationClock } from '../../localnet/simulation/world.ts';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import { type AgentLimits, createAgent, DEFAULT_LIMITS } from '../../src/agent/agent.ts';
import { createAgentEvents } from '../../src/agent/events.ts';
import { DEFAULT_POLICY } from '../../src/bgp/index.ts';
import { createEapiSource } from '../../src/collector/eapi/source.ts';
import type { SwitchSource } from '../../src/collector/index.ts';
import { createSnmpSource } from '../../src/collector/snmp/source.ts';
import { seededRandom, systemClock, withDeadline } from '../../src/lib/index.ts';
import { type AgentStatus, createStatusBoard, type FindingCode } from '../../src/observability/index.ts';
import { createLedgerRpc, HttpJsonRpc } from '../../src/rpc/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import { type AtEnd, signerNumber } from './agent-fixture.ts';
import type { FaultCase } from './fault-table.ts';

/** The defaults of the configuration. */
const TIMING = {
  intervalMs: 5_000,
  collectTimeoutMs: 10_000,
  viewMaxAgeMs: 5_000,
  viewIdleIntervalMs: 30_000,
  maxLedgerAgeMs: 300_000,
  authorityIntervalMs: 60_000,
  drainMs: 10_000,
  worker: {
    statusPollIntervalMs: 450,
    rebroadcastIntervalMs: 2_000,
    blockhashMaxAgeMs: 2_000,
    sendStaggerMs: 10,
    maxInFlight: 64,
    skipPreflight: false,
  },
};

/** A socket request hangs if it has not ended after this many turns of 1 ms or more. Then the agent's time continues without it. */
const PATIENCE_TURNS = 100;
const PATIENCE_TURNS_AGAIN = 10;
const HANGING_STEP_MS = 2_500;
/** How long a poll of the switch may take, in the agent's time. */
const SWITCH_ANSWERS_WITHIN_MS = 2_000;
/** How often the end of a wait is checked, the agent's time. */
const CHECK_INTERVAL_MS = 500;

interface VirtualAgentOptions {
  readonly source?: 'eapi' | 'snmp';
  /** Whether every user is connected, and up on the ledger, at first. */
  readonly isConnected?: boolean;
  readonly limits?: Partial<AgentLimits>;
  /** A second endpoint of the same ledger, with faults of its own, and SNMP as a second source. */
  readonly hasSpares?: boolean;
}

export interface VirtualAgent {
  readonly localnet: Localnet;
  readonly users: readonly Address[];
  /** Of the second endpoint. */
  readonly spareFaults: LedgerFaults | undefined;
  status(): AgentStatus;
  /** Lets so much of the agent's and the localnet's time pass, or less where `isOver`. */
  pass(ms: number, isOver?: () => boolean): Promise<void>;
  /** Begins the fault of a row; the returned function ends it. */
  begin(fault: FaultCase['fault']): () => void;
}

/**
 * The agent and a whole localnet with real protocols over real sockets, both on a virtual clock. It jumps from one sleeper to the next, and stops while
 * a request is under way, so that two minutes pass in a second and a busy machine changes nothing.
 */
export async function virtualAgent(
  atEnd: AtEnd,
  { source = 'eapi', isConnected = true, limits, hasSpares = false }: VirtualAgentOptions = {},
): Promise<VirtualAgent> {
  const clock = createSimulationClock();
  const signer = signerNumber(7);
  const localnet = createLocalnet({ users: 5, random: seededRandom(1), publisher: signer.address, clock });
  const addresses = await localnet.start();
  const users = [...localnet.ledger.admin.users(localnet.device)].sort((a, b) => a[1].tunnelId - b[1].tunnelId).map(([user]) => user);
  const spare = hasSpares ? await localnet.ledger.addEndpoint() : undefined;
  const urls = [addresses.rpcUrl, ...(spare === undefined ? [] : [spare.rpcUrl])];
  /** What requests are under way, each by what it asks. */
  const underWay = new Map<object, string>();
  /** What did not answer last time. */
  const hangs = new Set<string>();
  const counted = async <T>(asks: string, work: Promise<T>, isAnswer: (result: T) => boolean = () => true): Promise<T> => {
    const request = {};
    underWay.set(request, asks);
    try {
      const result = await work;
      if (isAnswer(result)) hangs.delete(asks);
      return result;
    } finally {
      underWay.delete(request);
    }
  };
  const rpc = createLedgerRpc({
    urls,
    onEndpoint: (event) => reporter.endpoint(event),
    programId: localnet.programId,
    random: seededRandom(2),
    clock,
    // A limit waits in real time.
    requestsPerSecond: Number.POSITIVE_INFINITY,
    sendsPerSecond: Number.POSITIVE_INFINITY,
    openTransport(options) {
      const transport = new HttpJsonRpc(options);
      return {
        call: (request, signal) => counted(request.method, transport.call(request, signal), ({ kind }) => kind !== 'failed'),
        close: () => transport.close(),
      };
    },
  });
  /** Real time, generous for a busy machine. `ask` has the deadline for a request that hangs. */
  const timeoutMs = 60_000;
  const open = (kind: 'eapi' | 'snmp'): SwitchSource => {
    const real: SwitchSource =
      kind === 'eapi'
        ? createEapiSource({ name: 'eapi', endpoint: `unix://${addresses.eapiSocket}`, clock, timeoutMs })
        : createSnmpSource({ name: 'snmp', ...addresses.snmp, vrfs: ['default', 'vrf1', 'vrf2'], timeoutMs, maxRows: 10_000, clock });
    const readRtts = real.readRtts?.bind(real);
    const ask = <T>(signal: AbortSignal, work: (inner: AbortSignal) => Promise<T>): Promise<T> =>
      counted(kind, withDeadline(SWITCH_ANSWERS_WITHIN_MS, signal, work, clock));
    return {
      name: kind,
      collect: (signal) => ask(signal, (inner) => real.collect(inner)),
      ...(readRtts === undefined ? {} : { readRtts: (neighbors, signal) => ask(signal, (inner) => readRtts(neighbors, inner)) }),
      close: () => real.close(),
    };
  };
  const kinds = hasSpares ? (['eapi', 'snmp'] as const) : [source];
  const board = createStatusBoard({
    version: 'test',
    commit: null,
    network: 'localnet',
    device: localnet.device,
    publisher: signer.address,
    dryRun: false,
    sources: kinds,
    endpoints: urls,
    clock,
  });
  const { reporter } = createAgentEvents(board.listener);
  const agent = createAgent({
    device: localnet.device,
    programId: localnet.programId,
    signer,
    rpc,
    sources: kinds.map(open),
    policy: DEFAULT_POLICY,
    timing: TIMING,
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock,
    random: seededRandom(3),
    reporter,
  });

  async function pass(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const until = clock.monotonic() + ms;
    let checkedAt = Number.NEGATIVE_INFINITY;
    let over = false;
    const isOverNow = (): boolean => {
      if (clock.monotonic() - checkedAt < CHECK_INTERVAL_MS) return over;
      checkedAt = clock.monotonic();
      over ||= isOver();
      return over;
    };
    while (clock.monotonic() < until && !isOverNow()) {
      // Sockets get their turn: the clock itself gives none.
      await new Promise((resolve) => setImmediate(resolve));
      const patience = (): number =>
        Math.max(0, ...[...underWay.values()].map((asks) => (hangs.has(asks) ? PATIENCE_TURNS_AGAIN : PATIENCE_TURNS)));
      // Turns, not a clock: on a busy machine, this process and its sockets wait alike.
      for (let turns = 0; turns < patience(); turns += 1) await systemClock.sleep(1);
      const hanging = underWay.size;
      for (const asks of underWay.values()) hangs.add(asks);
      const to = hanging === 0 ? until : Math.min(until, clock.monotonic() + HANGING_STEP_MS);
      await clock.run(to, () => underWay.size > hanging || isOverNow());
    }
  }

  atEnd(async () => {
    const stopping = agent.stop();
    let isStopped = false;
    void stopping.finally(() => {
      isStopped = true;
    });
    while (!isStopped) await pass(100, () => isStopped);
    await localnet.stop();
  });
  if (isConnected) for (const user of users) localnet.connect(user);
  agent.start();
  await pass(120_000, () => {
    const { users: all } = board.read();
    return all.length > 0 && all.every(({ ledger }) => ledger.status === (isConnected ? 'up' : 'unknown'));
  });
  return {
    localnet,
    users,
    spareFaults: spare?.faults,
    status: board.read,
    pass,
    begin(fault) {
      if ('kind' in fault) return localnet.switchFaults.begin(fault satisfies SwitchFault);
      localnet.ledger.faults.set(fault);
      return () => localnet.ledger.faults.clear();
    },
  };
}

export const MINUTE_MS = 60_000;
const CHANGES_AFTER_MS = 2_000;

export const codesOf = ({ findings }: AgentStatus): readonly FindingCode[] => findings.map(({ code }) => code);

/**
 * Two minutes of these faults, in which one of five users leaves. Resolves to which of the faults a finding has named within the first minute, to
 * all codes of the two minutes, and to the state at most a minute after their end.
 */
export async function suffer(agent: VirtualAgent, faults: readonly FaultCase[]) {
  const ends = faults.map(({ fault }) => agent.begin(fault));
  const [leaver] = agent.users;
  if (leaver === undefined) throw new Error('the localnet has no users');
  await agent.pass(CHANGES_AFTER_MS);
  agent.localnet.disconnect(leaver);
  const seen = new Set<FindingCode>();
  const note = (): boolean => {
    for (const code of codesOf(agent.status())) seen.add(code);
    return false;
  };
  await agent.pass(MINUTE_MS - CHANGES_AFTER_MS, note);
  const named = faults.map(({ findings }) => findings.some((code) => seen.has(code)));
  await agent.pass(MINUTE_MS, note);
  for (const end of ends) end();
  const ledgerSays = () => agent.status().users.find(({ user }) => user === leaver)?.ledger.status;
  await agent.pass(MINUTE_MS, () => agent.status().verdict === 'ok' && ledgerSays() === 'down');
  return { named, all: [...seen], after: codesOf(agent.status()), ledgerSays: ledgerSays() };
}
