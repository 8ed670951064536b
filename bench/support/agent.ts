import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { type Agent, type AgentLimits, type AgentTiming, createAgent } from '../../src/agent/agent.ts';
import { type AgentListener, createAgentEvents } from '../../src/agent/events.ts';
import { timingOf } from '../../src/agent/from-config.ts';
import { DEFAULT_POLICY, type StatusPolicy } from '../../src/bgp/index.ts';
import { createEapiSource } from '../../src/collector/eapi/source.ts';
import { loadConfig } from '../../src/config/index.ts';
import { type Clock, seededRandom, systemClock } from '../../src/lib/index.ts';
import { createMetrics, type Metrics } from '../../src/observability/http/index.ts';
import { createLogger, createLogListener, createStatusBoard, type StatusBoard } from '../../src/observability/index.ts';
import type { Signer } from '../../src/publisher/index.ts';
import { createLedgerRpc, type LedgerRpcClient } from '../../src/rpc/index.ts';
import { type Address, addressOf, lamports, SYSTEM_PROGRAM_ID } from '../../src/serviceability/index.ts';
import { machineMs } from './bench.ts';
import type { LocalnetHost } from './host.ts';

/** What `run` does with a configuration that says no more than it must. */
const { config } = loadConfig({
  environment: {},
  flags: { env: 'localnet', device: SYSTEM_PROGRAM_ID, 'collector.sources': '[{"type":"eapi","url":"unix:///var/run/command-api.sock"}]' },
});
export const DEFAULT_TIMING: AgentTiming = { ...timingOf(config), drainMs: 2_000 };

export interface Landing {
  readonly user: Address;
  readonly to: string;
  readonly at: number;
}

/** What an agent did, for the bench to count. */
export interface Record {
  landings: Landing[];
  /** Signatures of transactions sent, each once. */
  signatures: number;
  ticks: { readonly durationMs: number; readonly decided: boolean; readonly at: number }[];
  readonly troubles: string[];
}

export interface BenchAgent {
  readonly agent: Agent;
  readonly rpc: LedgerRpcClient;
  readonly record: Record;
  /** What people and programs see of it. */
  readonly window: { readonly board: StatusBoard; readonly metrics: Metrics };
  /** Forgets what was recorded so far. */
  clear(): void;
  /** Waits until it holds. Throws after `ms`, with the troubles met. */
  until(what: string, holds: () => boolean, ms?: number): Promise<void>;
}

export interface BenchAgentOptions {
  readonly policy?: Partial<StatusPolicy>;
  readonly timing?: Partial<AgentTiming>;
  readonly limits?: Partial<AgentLimits>;
  readonly clock?: Clock;
  readonly rpcUrl?: string;
  /** On `clock`; a fast one passes the default in no time. */
  readonly callTimeoutMs?: number;
}

/** The agent as `run` builds it, with one eAPI source on the Unix socket, its log written nowhere, and a reporter that counts. */
export function benchAgent(
  { rpcUrl, eapiSocket, device, programId }: Pick<LocalnetHost, 'rpcUrl' | 'eapiSocket' | 'device' | 'programId'>,
  options: BenchAgentOptions = {},
): BenchAgent {
  const clock = options.clock ?? systemClock;
  const record: Record = { landings: [], signatures: 0, ticks: [], troubles: [] };
  const trouble = (what: string): void => {
    if (record.troubles.length < 20) record.troubles.push(what);
  };
  const counting: AgentListener = {
    tick: ({ durationMs, view }) => void record.ticks.push({ durationMs, decided: view !== undefined, at: machineMs() }),
    confirmed: ({ intent }) => void record.landings.push({ user: intent.user, to: intent.to, at: machineMs() }),
    sent: () => {
      record.signatures += 1;
    },
    rejected: ({ error }) => trouble(error.message),
    failed: ({ error }) => trouble(error.message),
    halted: (error) => trouble(error.message),
    endpoint: ({ state, error }) => trouble(`endpoint ${state} ${error?.message ?? ''}`),
    source: ({ state, error }) => trouble(`source ${state} ${error?.message ?? ''}`),
    internalError: (error) => trouble(`defect ${String(error)}`),
  };
  const usual = usualListeners(device, clock);
  const reporter = createAgentEvents(counting, ...usual.listeners).reporter;
  const rpc = createLedgerRpc({
    urls: [options.rpcUrl ?? rpcUrl],
    programId,
    random: seededRandom(2),
    clock,
    requestTimeoutMs: 10_000,
    callTimeoutMs: options.callTimeoutMs ?? 20_000,
    onEndpoint: (event) => reporter.endpoint(event),
  });
  const agent = createAgent({
    device,
    programId,
    signer: BENCH_SIGNER,
    rpc,
    sources: [createEapiSource({ name: 'eapi', endpoint: `unix://${eapiSocket}`, clock, timeoutMs: 5_000 })],
    policy: { ...DEFAULT_POLICY, ...options.policy },
    timing: { ...DEFAULT_TIMING, ...options.timing },
    // Flaps follow one another here as they never do on a network: the spend limits would be what is measured.
    limits: { maxTransactionsPerMinute: 1_000_000, maxLamportsPerDay: 1e12, minBalance: lamports(0), ...options.limits },
    clock,
    random: seededRandom(3),
    reporter,
  });
  return {
    agent,
    rpc,
    record,
    window: usual,
    clear() {
      record.landings = [];
      record.signatures = 0;
      record.ticks = [];
    },
    async until(what, holds, ms = 60_000) {
      const deadline = machineMs() + ms;
      while (!holds()) {
        if (machineMs() > deadline) throw new Error(`not within ${ms} ms: ${what}; met: ${record.troubles.join(' | ') || 'no trouble'}`);
        await systemClock.sleep(5);
      }
    },
  };
}

/** The log, the status board and the metrics, as `run` has them: what they cost is the agent's cost. */
function usualListeners(device: Address, clock: Clock): BenchAgent['window'] & { readonly listeners: readonly AgentListener[] } {
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: () => undefined }, clock });
  const board = createStatusBoard({
    version: 'bench',
    device,
    publisher: BENCH_SIGNER.address,
    dryRun: false,
    sources: ['eapi'],
    endpoints: ['localnet'],
    clock,
  });
  const metrics = createMetrics({ status: board.read, refreshIntervalSeconds: 3_600, intervalSeconds: 5 });
  return { board, metrics, listeners: [createLogListener(logger, clock), board.listener, metrics.listener] };
}

export const BENCH_SIGNER: Signer = signerNumber(7);

function signerNumber(number: number): Signer {
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, number)]),
    format: 'der',
    type: 'pkcs8',
  });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { address: addressOf(publicKey), sign: (message) => new Uint8Array(sign(null, message, privateKey)) };
}
