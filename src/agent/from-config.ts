import type { StatusPolicy } from '../bgp/index.ts';
import {
  createNamespaces,
  createSocketsSource,
  type EapiSourceOptions,
  type EapiTls,
  loadBgpWatch,
  loadEapi,
  loadSnmp,
  loadTraps,
  type NamedSnmpVrf,
  type SnmpCredentials,
  type SnmpUser,
  type SwitchSource,
  type TriggerSource,
} from '../collector/index.ts';
import {
  type AgentConfig,
  type EapiSourceConfig,
  loadSecret,
  type PolicyConfig,
  type SnmpSourceConfig,
  type SnmpTrapsConfig,
  type SourceConfig,
  type TriggerConfig,
} from '../config/index.ts';
import { type Clock, type Random, systemClock } from '../lib/index.ts';
import type { Signer } from '../publisher/index.ts';
import { createLedgerRpc } from '../rpc/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { Collect, SnapshotReporter, SnapshotSink, Snapshotter } from '../snapshots/index.ts';
import { type Agent, type AgentTiming, createAgent } from './agent.ts';
import { type AgentCounts, createMeteredRpc, type LedgerMeter } from './counts.ts';
import type { AgentReporter } from './events.ts';

interface SourceContext {
  readonly clock: Clock;
  /** Logs a warning: secrets that others can read, certificates that are not verified. */
  readonly warn: (line: string) => void;
}

/** Reads the secret that the setting `key` of one item names. Throws AgentError `CONFIG__SECRET_UNREADABLE`. */
type ReadSecret = (key: string, file: string) => string;

const secretsOf =
  (list: 'sources' | 'wakeUps', name: string, warn: SourceContext['warn']): ReadSecret =>
  (key, file) => {
    const { value, warnings } = loadSecret(`collector.${list}.${name}.${key}`, file);
    for (const line of warnings) warn(line);
    return value;
  };

/**
 * The source that the configuration describes. Throws AgentError `CONFIG__SECRET_UNREADABLE`, or what a source throws for settings that no switch
 * could accept.
 */
export async function openSource(config: SourceConfig, { clock, warn }: SourceContext): Promise<SwitchSource> {
  const secret = secretsOf('sources', config.name, warn);
  switch (config.type) {
    case 'eapi': {
      const { createEapiSource } = await loadEapi();
      const { name, timeout } = config;
      if (config.tls.insecure)
        warn(`source ${name} does not verify the switch's certificate: any host that answers on its address is accepted`);
      return createEapiSource({ name, ...eapiAccess(config, warn), timeoutMs: timeout, clock });
    }
    case 'snmp': {
      const { createSnmpSource } = await loadSnmp();
      const { name, host, port, mib, vrfs, timeout, pollTimeout, maxRows } = config;
      return createSnmpSource({
        name,
        host,
        port,
        ...credentialsOf(config, secret),
        mib,
        vrfs: vrfs === 'auto' ? vrfs : vrfs.map((vrf) => vrfOf(vrf, secret)),
        timeoutMs: timeout,
        pollTimeoutMs: pollTimeout,
        maxRows,
        clock,
      });
    }
    case 'sockets': {
      const { name, folder, timeout } = config;
      return createSocketsSource({ name, folder, timeoutMs: timeout, clock });
    }
  }
}

/** Endpoint, credentials and TLS settings of an eAPI source. Throws AgentError `CONFIG__SECRET_UNREADABLE`. */
function eapiAccess(config: EapiSourceConfig, warn: SourceContext['warn']): Pick<EapiSourceOptions, 'endpoint' | 'credentials' | 'tls'> {
  const { name, url, username, passwordFile, session } = config;
  const access = { endpoint: url, tls: tlsOf(config) };
  if (username === undefined || passwordFile === undefined) return access;
  const password = secretsOf('sources', name, warn)('passwordFile', passwordFile);
  return { ...access, credentials: { username, password, login: session === 'cookie' ? 'session' : 'basic' } };
}

/** The trigger source that the configuration describes; as for a source. */
export async function openTrigger(
  config: TriggerConfig,
  { clock, warn, random }: SourceContext & { readonly random: Random },
): Promise<TriggerSource> {
  switch (config.type) {
    case 'bgp-watch': {
      const { createBgpWatch } = await loadBgpWatch();
      return createBgpWatch({ name: config.name, address: config.address, clock, random });
    }
    case 'snmp-traps': {
      const { createTrapTrigger } = await loadTraps();
      const { name, host, port, from } = config;
      const credentials = credentialsOf(config, secretsOf('wakeUps', name, warn));
      return createTrapTrigger({ name, host, port, ...credentials, from, clock, random });
    }
  }
}

function tlsOf({ tls }: EapiSourceConfig): EapiTls {
  if (tls.insecure) return { kind: 'insecure' };
  if (tls.fingerprint !== undefined) return { kind: 'fingerprint', sha256: tls.fingerprint };
  if (tls.caFile === undefined) return { kind: 'system' };
  return { kind: 'ca', caFile: tls.caFile, serverName: tls.serverName };
}

function credentialsOf(config: SnmpSourceConfig | SnmpTrapsConfig, secret: ReadSecret): SnmpCredentials {
  return config.version === '3' ? { user: userOf(config, secret) } : { community: communityOf(config, secret) ?? '' };
}

function communityOf(
  { community, communityFile }: Pick<SnmpTrapsConfig, 'community' | 'communityFile'>,
  secret: ReadSecret,
): string | undefined {
  return community ?? (communityFile === undefined ? undefined : secret('communityFile', communityFile));
}

function userOf(config: SnmpSourceConfig | SnmpTrapsConfig, secret: ReadSecret): SnmpUser {
  const { user = '', authProtocol, authPasswordFile = '', privProtocol, privPasswordFile = '' } = config;
  return {
    name: user,
    auth: authProtocol === 'none' ? undefined : { protocol: authProtocol, password: secret('authPasswordFile', authPasswordFile) },
    priv: privProtocol === 'none' ? undefined : { protocol: privProtocol, password: secret('privPasswordFile', privPasswordFile) },
  };
}

function vrfOf(vrf: Exclude<SnmpSourceConfig['vrfs'], 'auto'>[number], secret: ReadSecret): NamedSnmpVrf {
  return { vrf: vrf.name, community: communityOf(vrf, secret), context: vrf.context };
}

interface OpenSnapshotterOptions extends SourceContext {
  readonly config: AgentConfig;
  /** Absent in a dry run, which sends nothing. */
  readonly signer?: Signer;
  readonly random: Random;
  readonly reporter: SnapshotReporter & { internalError(error: unknown): void };
}

/** Where EOS mounts its network namespaces, unless a source of type sockets configures another folder. */
const NAMESPACES = '/var/run/netns';

/**
 * The snapshotter that the configuration describes; undefined, and its code not loaded, where it describes none. Throws AgentError
 * `CONFIG__SECRET_UNREADABLE`.
 */
export async function openSnapshotter({
  config,
  signer,
  clock,
  random,
  reporter,
  warn,
}: OpenSnapshotterOptions): Promise<Snapshotter | undefined> {
  const { snapshots, device } = config;
  if (snapshots.sink === 'none') return undefined;
  const sink = await openSink(config, { signer, clock, warn });
  if (sink === undefined) return undefined;
  const { createSnapshotter } = await import('../snapshots/index.ts');
  return createSnapshotter({
    device,
    sink,
    ...(await openCollect(config)),
    intervalMs: snapshots.interval,
    clock,
    random,
    reporter,
    onInternalError: (error) => reporter.internalError(error),
  });
}

/** Collects kinds of snapshots on this host and from its switch, until it is closed. Throws AgentError `CONFIG__SECRET_UNREADABLE`. */
export async function openCollect(config: AgentConfig): Promise<{ readonly collect: Collect; close(): Promise<void> }> {
  const { createCollectItem, createReadBgpSockets } = await import('../snapshots/index.ts');
  const shows = await openShowRunner(config);
  const folder = config.collector.sources.find((source) => source.type === 'sockets')?.folder ?? NAMESPACES;
  const namespaces = createNamespaces({ folder, flags: '-tinemoHO' });
  const readBgpSockets = createReadBgpSockets({ namespaces, timeoutMs: config.snapshots.commandTimeout });
  return { collect: createCollectItem({ shows, readBgpSockets }), close: async () => shows?.close() };
}

async function openSink(
  { snapshots, device }: AgentConfig,
  { signer, clock, warn }: SourceContext & { readonly signer: Signer | undefined },
): Promise<SnapshotSink | undefined> {
  const { sink, url, directory, requestTimeout, collect, maxFiles, maxBytes } = snapshots;
  if (sink === 'folder' && directory !== undefined) {
    const { createFolderSink } = await import('../snapshots/index.ts');
    return createFolderSink({ directory, collect, maxFiles, maxBytes });
  }
  if (sink !== 'state-ingest' || url === undefined) return undefined;
  if (signer === undefined) {
    warn('a dry run sends no snapshots');
    return undefined;
  }
  const { createStateIngest } = await import('../snapshots/index.ts');
  return createStateIngest({ url, device, signer, timeoutMs: requestTimeout, clock });
}

/** Uses the configured source, or the first of type eapi, on a connection of its own: no poll waits behind an answer of megabytes. */
async function openShowRunner({ snapshots, collector }: AgentConfig) {
  const { source: name, commandTimeout, maxAnswerBytes } = snapshots;
  const source = collector.sources.find((each) => each.type === 'eapi' && (name === undefined || each.name === name));
  if (source?.type !== 'eapi') return undefined;
  const { createEapiShowRunner } = await loadEapi();
  // Opening the source has logged the warnings already.
  const access = eapiAccess(source, () => undefined);
  return createEapiShowRunner({ ...access, timeoutMs: commandTimeout, maxAnswerBytes });
}

interface OpenAgentOptions {
  readonly config: AgentConfig;
  /** Absent in a dry run. */
  readonly signer?: Signer;
  /** Compared with the device's publisher; the signer's address by default. */
  readonly publisher?: Address;
  /** Logs a warning: secrets that others can read. */
  readonly warn: (line: string) => void;
  readonly reporter: AgentReporter;
  /** Measures the traffic with the ledger. */
  readonly meter?: LedgerMeter;
}

export interface OpenedAgent extends Agent {
  counts(): AgentCounts;
}

/** Builds the agent that a configuration describes: real sockets, real files. Throws AgentError `CONFIG__…` for a secret that cannot be read. */
export async function openAgent({ config, signer, publisher, warn, reporter, meter }: OpenAgentOptions): Promise<OpenedAgent> {
  const { device, ledger } = config;
  const clock = systemClock;
  const { random } = Math;
  const sources: SwitchSource[] = [];
  for (const source of config.collector.sources) sources.push(await openSource(source, { clock, warn }));
  const triggers: TriggerSource[] = [];
  for (const trigger of config.collector.wakeUps) triggers.push(await openTrigger(trigger, { clock, warn, random }));
  const rpc = createLedgerRpc({
    urls: ledger.rpcUrls,
    programId: ledger.programId,
    random,
    clock,
    requestTimeoutMs: ledger.requestTimeout,
    requestsPerSecond: ledger.requestsPerSecond,
    sendsPerSecond: ledger.sendsPerSecond,
    onEndpoint: (event) => reporter.endpoint(event),
    openTransport: meter === undefined ? undefined : (options) => createMeteredRpc(options, meter),
  });
  const snapshotter = await openSnapshotter({ config, signer, clock, random, reporter, warn });
  const agent = createAgent({
    device,
    programId: ledger.programId,
    signer,
    publisher,
    rpc,
    sources,
    triggers,
    snapshotter,
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
      dropCounters: [...sources, ...triggers].flatMap((part) => {
        const counts = part.dropCounters?.();
        return counts === undefined ? [] : [{ part: part.name, counts }];
      }),
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
