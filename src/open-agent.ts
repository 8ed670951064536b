import { type Agent, type AgentTiming, createAgent } from './agent.ts';
import type { AgentReporter } from './agent-reporter.ts';
import type { StatusPolicy } from './bgp/index.ts';
import type { EapiTls } from './collector/eapi/index.ts';
import type { SwitchSource } from './collector/index.ts';
import { type AgentConfig, type EapiSourceConfig, loadSecret, type PolicyConfig, type SourceConfig } from './config/index.ts';
import { createLedgerRpc } from './ledger/index.ts';
import { type Clock, type Random, systemClock } from './platform/index.ts';
import type { Signer } from './publisher/index.ts';
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
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Builds the agent that a configuration describes: real sockets, real files. Throws AgentError `CONFIG__…` for a secret that can't be read. */
export async function openAgent({
  config,
  signer,
  publisher,
  warn,
  reporter,
  clock = systemClock,
  random = Math.random,
}: OpenAgentOptions): Promise<Agent> {
  const { device, ledger } = config;
  const sources: SwitchSource[] = [];
  for (const source of config.collector.sources) sources.push(await openSource(source, clock, warn));
  const rpc = createLedgerRpc({
    urls: ledger.rpcUrls,
    programId: ledger.programId,
    random,
    clock,
    requestTimeoutMs: ledger.requestTimeout,
    onEndpoint: (event) => reporter.endpoint(event),
  });
  return createAgent({
    device,
    programId: ledger.programId,
    ...(signer === undefined ? {} : { signer }),
    ...(publisher === undefined ? {} : { publisher }),
    rpc,
    sources,
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
}

/** A source's library is loaded only when the configuration uses it: together they cost tens of megabytes. */
async function openSource(config: SourceConfig, clock: Clock, warn: (line: string) => void): Promise<SwitchSource> {
  const secret = (key: string, file: string): string => {
    const { value, warnings } = loadSecret(`collector.sources.${config.name}.${key}`, file);
    for (const line of warnings) warn(line);
    return value;
  };
  switch (config.type) {
    case 'eapi': {
      const { createEapiSource } = await import('./collector/eapi/index.ts');
      const { name, url, username, passwordFile, session, timeout } = config;
      const credentials =
        username === undefined || passwordFile === undefined
          ? {}
          : {
              credentials: {
                username,
                password: secret('passwordFile', passwordFile),
                login: session === 'cookie' ? 'session' : 'basic',
              } as const,
            };
      if (config.tls.insecure) warn(`source ${name} does not verify the switch's certificate: whoever answers is believed`);
      return createEapiSource({ name, endpoint: url, ...credentials, tls: tlsOf(config), timeoutMs: timeout, clock });
    }
    case 'snmp': {
      const { createSnmpSource } = await import('./collector/snmp/index.ts');
      const { name, host, port, community, communityFile, vrfs, timeout, maxRows } = config;
      const ofVrf = (own: string | undefined, file: string | undefined) =>
        own ?? (file === undefined ? undefined : secret('communityFile', file));
      return createSnmpSource({
        name,
        host,
        port,
        community: ofVrf(community, communityFile) ?? 'public',
        vrfs: vrfs.map((vrf) => {
          const own = ofVrf(vrf.community, vrf.communityFile);
          return own === undefined ? vrf.name : { vrf: vrf.name, community: own };
        }),
        timeoutMs: timeout,
        maxRows,
        clock,
      });
    }
  }
}

function tlsOf({ tls }: EapiSourceConfig): EapiTls {
  if (tls.insecure) return { kind: 'insecure' };
  if (tls.fingerprint !== undefined) return { kind: 'fingerprint', sha256: tls.fingerprint };
  if (tls.caFile === undefined) return { kind: 'system' };
  return { kind: 'ca', caFile: tls.caFile, ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }) };
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

function timingOf({ collector, ledger, worker }: AgentConfig): AgentTiming {
  return {
    intervalMs: collector.interval,
    collectTimeoutMs: collector.timeout,
    viewMaxAgeMs: ledger.viewMaxAge,
    viewIdleIntervalMs: ledger.viewIdleInterval,
    maxLedgerAgeMs: ledger.maxLedgerAge,
    authorityIntervalMs: ledger.authorityInterval,
    drainMs: worker.drainTimeout,
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
