import { type Agent, type AgentTiming, createAgent } from './agent.ts';
import { type AgentCounts, createMeteredRpc, type LedgerMeter } from './agent-counts.ts';
import type { AgentReporter } from './agent-reporter.ts';
import type { StatusPolicy } from './bgp/index.ts';
import type { SwitchSource, WakeUpSource } from './collector/index.ts';
import type { AgentConfig, PolicyConfig } from './config/index.ts';
import { type Clock, type Random, systemClock } from './lib/index.ts';
import { openSnapshotter } from './open-snapshotter.ts';
import { openSource, openWakeUp } from './open-sources.ts';
import type { Signer } from './publisher/index.ts';
import { createLedgerRpc } from './rpc/index.ts';
import type { Address } from './serviceability/index.ts';

export interface OpenAgentOptions {
  readonly config: AgentConfig;
  /** Absent in a dry run. */
  readonly signer?: Signer;
  /** Compared with the device's publisher; the signer's address by default. */
  readonly publisher?: Address;
  /** What else is worth a warning: secrets that others can read. */
  readonly warn: (line: string) => void;
  readonly reporter: AgentReporter;
  /** Told of the traffic with the ledger. */
  readonly meter?: LedgerMeter;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface OpenedAgent extends Agent {
  counts(): AgentCounts;
}

/** Builds the agent that a configuration describes: real sockets, real files. Throws AgentError `CONFIG__…` for a secret that can't be read. */
export async function openAgent({
  config,
  signer,
  publisher,
  warn,
  reporter,
  meter,
  clock = systemClock,
  random = Math.random,
}: OpenAgentOptions): Promise<OpenedAgent> {
  const { device, ledger } = config;
  const sources: SwitchSource[] = [];
  for (const source of config.collector.sources) sources.push(await openSource(source, { clock, warn }));
  const wakeUps: WakeUpSource[] = [];
  for (const wakeUp of config.collector.wakeUps) wakeUps.push(await openWakeUp(wakeUp, { clock, warn, random }));
  const rpc = createLedgerRpc({
    urls: ledger.rpcUrls,
    programId: ledger.programId,
    random,
    clock,
    requestTimeoutMs: ledger.requestTimeout,
    requestsPerSecond: ledger.requestsPerSecond,
    sendsPerSecond: ledger.sendsPerSecond,
    onEndpoint: (event) => reporter.endpoint(event),
    ...(meter === undefined ? {} : { openTransport: (options) => createMeteredRpc(options, meter) }),
  });
  const snapshotter = await openSnapshotter({ config, ...(signer === undefined ? {} : { signer }), clock, random, reporter, warn });
  const agent = createAgent({
    device,
    programId: ledger.programId,
    ...(signer === undefined ? {} : { signer }),
    ...(publisher === undefined ? {} : { publisher }),
    rpc,
    sources,
    wakeUps,
    ...(snapshotter === undefined ? {} : { snapshotter }),
    policy: policyOf(config.policy),
    timing: timingOf(config),
    limits: {
      maxTransactionsPerMinute: config.worker.maxTransactionsPerMinute,
      maxLamportsPerDay: config.worker.maxLamportsPerDay,
      minBalance: config.worker.minBalance,
    },
    clock,
    random,
    reporter,
  });
  return {
    ...agent,
    counts: () => ({
      endpoints: rpc.traffic(),
      leftOut: [...sources, ...wakeUps].flatMap(({ name, leftOut }) => (leftOut === undefined ? [] : [{ part: name, counts: leftOut() }])),
    }),
  };
}

function policyOf(policy: PolicyConfig): StatusPolicy {
  return {
    downGraceMs: policy.downGrace,
    downConfirmations: policy.downConfirmations,
    connectGraceMs: policy.connectGrace,
    refreshIntervalMs: policy.refreshInterval,
    refreshJitter: policy.refreshJitter,
    rideAlongAfter: policy.rideAlongAfter,
    massDownShare: policy.massDownShare,
    massDownMinimum: policy.massDownMinimum,
    minWriteIntervalMs: policy.minWriteInterval,
    damping: {
      mode: policy.damping.mode,
      penaltyPerTransition: policy.damping.penalty,
      halfLifeMs: policy.damping.halfLife,
      suppressAbove: policy.damping.suppress,
      reuseBelow: policy.damping.reuse,
      maxSuppressMs: policy.damping.maxSuppress,
      suppressedIntervalMs: policy.damping.suppressedInterval,
    },
  };
}

/** The timing that a configuration asks for. */
export function timingOf({ collector, ledger, worker }: AgentConfig): AgentTiming {
  return {
    intervalMs: collector.interval,
    collectTimeoutMs: collector.timeout,
    viewMaxAgeMs: ledger.viewMaxAge,
    viewIdleIntervalMs: ledger.viewIdleInterval,
    maxLedgerAgeMs: ledger.maxLedgerAge,
    authorityIntervalMs: ledger.authorityInterval,
    drainMs: worker.drainTimeout,
    wakeUpsPerMinute: collector.maxWakeUpsPerMinute,
    worker: {
      statusPollIntervalMs: worker.statusPollInterval,
      rebroadcastIntervalMs: worker.rebroadcastInterval,
      blockhashMaxAgeMs: worker.blockhashMaxAge,
      sendStaggerMs: worker.sendStagger,
      maxInFlight: worker.maxInFlight,
      skipPreflight: worker.skipPreflight,
    },
  };
}
