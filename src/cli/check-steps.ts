import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openSource } from '../agent/from-config.ts';
import { type LedgerUser, type LedgerView, ledgerStatus, type NeighborSnapshot, type VrfName, type VrfReading } from '../bgp/index.ts';
import {
  type AgentConfig,
  type LoadedConfig,
  type LoadedKeypair,
  loadKeypair,
  type SnapshotsConfig,
  type SourceConfig,
} from '../config/index.ts';
import {
  AgentError,
  type Clock,
  DeadlineExceeded,
  describeError,
  type EpochMs,
  epochMs,
  isAgentError,
  withDeadline,
} from '../lib/index.ts';
import { sol, span } from '../observability/index.ts';
import { buildTransaction } from '../publisher/index.ts';
import {
  createUserViewReader,
  type DeviceAuthority,
  type EndpointProbe,
  type LedgerRpc,
  readDeviceAuthority,
  type SingleEndpoint,
} from '../rpc/index.ts';
import {
  AccountDataError,
  type Address,
  DeviceStatus,
  decodeProgramConfig,
  describeTransactionFailure,
  deviceStatusName,
  formatNetworkV4,
  formatProgramVersion,
  nanoseconds,
  type ProgramConfig,
  parseTransactionFailure,
  programConfigAddress,
  type Slot,
  tunnelSides,
  UserStatus,
  ZERO_ADDRESS,
} from '../serviceability/index.ts';
import { LAMPORTS_PER_TRANSACTION, refreshLamportsPerHour } from '../worker/index.ts';

/** The users of the ledger beside the neighbors of the switch. Each list names users or neighbors for people. */
interface UserComparison {
  readonly activated: number;
  /** Have their neighbor where it belongs. */
  readonly found: number;
  readonly established: number;
  /** The switch has no such neighbor in any VRF. */
  readonly missing: readonly string[];
  /** Their neighbor is in another VRF than the controller puts it in. */
  readonly wrongVrf: readonly string[];
  /** Not found where some VRF could not be read. */
  readonly unknown: readonly string[];
  /** tunnel_nets that several activated users have: none of them can be observed. */
  readonly duplicated: readonly string[];
  /** tunnel_nets that are no /31. */
  readonly invalid: readonly string[];
  /** Neighbors described `USER-<id>` of which the ledger has no user. */
  readonly orphaned: readonly string[];
}

/** Compares them by (VRF, address), the client side of the tunnel first, as the agent does. Pure. */
export function compareUsers(view: LedgerView, vrfs: ReadonlyMap<VrfName, VrfReading>): UserComparison {
  const activated = [...view.users.values()].filter(({ user }) => user.status === UserStatus.activated);
  const lists = { missing: [] as string[], wrongVrf: [] as string[], unknown: [] as string[], invalid: [] as string[] };
  const someFailed = [...vrfs.values()].some(({ kind }) => kind === 'failed');
  let [found, established] = [0, 0];
  for (const { pubkey, user, expectedVrf } of activated) {
    const name = `USER-${user.tunnelId} (${pubkey})`;
    const sides = tunnelSides(user.tunnelNet);
    if (sides === undefined) {
      lists.invalid.push(`${name} ${formatNetworkV4(user.tunnelNet)}`);
      continue;
    }
    const at = [sides.clientSide, sides.deviceSide].flatMap((address) => locate(vrfs, address));
    const best = at.find(({ vrf }) => vrf === expectedVrf) ?? at[0];
    if (best === undefined) (someFailed ? lists.unknown : lists.missing).push(`${name} ${sides.clientSide}`);
    else if (expectedVrf !== undefined && best.vrf !== expectedVrf) lists.wrongVrf.push(`${name} in ${best.vrf} instead of ${expectedVrf}`);
    else found += 1;
    if (best?.established === true) established += 1;
  }
  const nets = activated.map(({ user }) => formatNetworkV4(user.tunnelNet));
  const duplicated = [...new Set(nets.filter((net, index) => nets.indexOf(net) !== index))];
  return { activated: activated.length, found, established, ...lists, duplicated, orphaned: orphans(view, vrfs) };
}

/** The readings of several sources as one: of each VRF the first that was collected. */
export function mergeReadings(snapshots: readonly NeighborSnapshot[]): ReadonlyMap<VrfName, VrfReading> {
  const merged = new Map<VrfName, VrfReading>();
  for (const { vrfs } of snapshots) {
    for (const [vrf, reading] of vrfs) if (merged.get(vrf)?.kind !== 'collected') merged.set(vrf, reading);
  }
  return merged;
}

function locate(vrfs: ReadonlyMap<VrfName, VrfReading>, address: string) {
  return [...vrfs].flatMap(([vrf, reading]) => {
    const neighbor = reading.kind === 'collected' ? reading.neighbors.get(address) : undefined;
    return neighbor === undefined ? [] : [{ vrf, established: neighbor.state === 'established' }];
  });
}

function orphans({ users }: LedgerView, vrfs: ReadonlyMap<VrfName, VrfReading>): readonly string[] {
  const ids = new Set([...users.values()].map(({ user }) => user.tunnelId));
  return [...vrfs].flatMap(([vrf, reading]) => {
    if (reading.kind === 'failed') return [];
    return [...reading.neighbors.values()].flatMap(({ address, description = '' }) => {
      const id = /^USER-(\d+)$/.exec(description)?.[1];
      return id === undefined || ids.has(Number(id)) ? [] : [`${description} (${vrf} ${address})`];
    });
  });
}

export type CheckState = 'ok' | 'warn' | 'fail' | 'skipped';

/** What one step found. */
interface Finding {
  readonly state: CheckState;
  readonly detail: string;
  /** What to do about it; for `warn` and `fail`. */
  readonly remedy?: string;
}

interface Step {
  readonly name: string;
  /** Throws AgentError for what fails, Skip where it makes no sense. */
  look(signal: AbortSignal): Finding | Promise<Finding>;
}

/** One step as it is printed. */
export interface CheckEvent {
  readonly event: 'check';
  readonly name: string;
  readonly state: CheckState;
  readonly detail: string;
  readonly remedy: string | null;
}

/** A step that needs what another one has failed to get, or what is not configured. */
class Skip extends Error {
  override readonly name = 'Skip';
}

const ok = (detail: string): Finding => ({ state: 'ok', detail });
const warn = (detail: string, remedy: string): Finding => ({ state: 'warn', detail, remedy });
const fail = (detail: string, remedy: string): Finding => ({ state: 'fail', detail, remedy });

const LATE_REMEDY = 'the network drops packets, or the other side is very slow; check the network and firewalls';
const DEFECT_REMEDY = 'this is a bug in dzd-telemetry; report it with this line';

/**
 * Takes one step within its deadline, and makes a finding of whatever comes of it. Rejects only when `signal` was aborted: a step that fails,
 * hangs or throws never hides the others.
 */
export async function takeStep({ name, look }: Step, deadlineMs: number, clock: Clock, signal: AbortSignal): Promise<CheckEvent> {
  const found = await withDeadline(
    deadlineMs,
    signal,
    (inner) => Promise.race([Promise.resolve().then(() => look(inner)), untilAborted(inner)]),
    clock,
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    return findingOf(error);
  });
  return { event: 'check', name, state: found.state, detail: found.detail, remedy: found.remedy ?? null };
}

function findingOf(error: unknown): Finding {
  if (error instanceof Skip) return { state: 'skipped', detail: error.message };
  if (error instanceof DeadlineExceeded) return fail(error.message, LATE_REMEDY);
  if (isAgentError(error)) return fail(error.message, error.remedy);
  return fail(describeError(error), DEFECT_REMEDY);
}

/** For work that does not listen to its signal. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** One reading of one source. */
interface SourceLook {
  readonly snapshot: NeighborSnapshot;
  readonly durationMs: number;
  /** This host's clock, half-way through the reading. */
  readonly at: EpochMs;
  /** What opening it warned of. */
  readonly warnings: readonly string[];
}

/** What several steps need, each looked up once. All of them throw what went wrong. */
interface Lookups {
  key(): LoadedKeypair;
  authority(): Promise<DeviceAuthority>;
  view(): Promise<LedgerView>;
  source(source: SourceConfig): Promise<SourceLook>;
  probe(endpoint: SingleEndpoint): Promise<EndpointProbe>;
  /** The genesis hash of the endpoint's cluster. */
  genesisHash(endpoint: SingleEndpoint): Promise<string>;
  /** The same, as something that another step stands on: where it fails, that step is skipped. */
  given<T>(what: string, found: Promise<T>): Promise<T>;
}

interface LookupsOptions {
  readonly config: AgentConfig;
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  /** Of the whole check: a step that ends early must not take from another what both wait for. */
  readonly signal: AbortSignal;
}

export function createLookups({ config, rpc, clock, signal }: LookupsOptions): Lookups {
  const { device, ledger } = config;
  const query = { rpc, device, programId: ledger.programId };
  const authority = once(() => readDeviceAuthority(query, signal));
  const view = once(() => createUserViewReader({ ...query, clock }).read(signal));
  const sources = new Map<string, () => Promise<SourceLook>>();
  const probes = new Map<SingleEndpoint, () => Promise<EndpointProbe>>();
  const hashes = new Map<SingleEndpoint, () => Promise<string>>();

  async function read(source: SourceConfig): Promise<SourceLook> {
    const warnings: string[] = [];
    const opened = await openSource(source, { clock, warn: (line) => warnings.push(line) });
    try {
      const [startedAt, wall] = [clock.monotonic(), clock.wall()];
      const snapshot = await opened.collect(signal);
      const durationMs = clock.monotonic() - startedAt;
      return { snapshot, durationMs, at: epochMs(wall + durationMs / 2), warnings };
    } finally {
      await opened.close();
    }
  }

  return {
    key() {
      if (config.keypair === undefined) throw new AgentError('CONFIG__KEYPAIR_NOT_NAMED', {});
      return loadKeypair(config.keypair);
    },
    authority,
    view,
    source: (source) => memo(sources, source.name, () => read(source)),
    probe: (endpoint) => memo(probes, endpoint, () => probeWarm(endpoint, signal)),
    genesisHash: (endpoint) => memo(hashes, endpoint, () => endpoint.genesisHash(signal)),
    given: (what, found) =>
      found.catch(() => {
        throw new Skip(`${what} could not be read`);
      }),
  };
}

/** The first request opens the connection; the second tells how long a request takes. */
async function probeWarm(endpoint: SingleEndpoint, signal: AbortSignal): Promise<EndpointProbe> {
  await endpoint.probe(signal);
  return endpoint.probe(signal);
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read();
    return reading;
  };
}

function memo<K, T>(readings: Map<K, () => Promise<T>>, key: K, read: () => Promise<T>): Promise<T> {
  const known = readings.get(key) ?? once(read);
  readings.set(key, known);
  return known();
}

/** `1 user`, `2 users`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function effectiveSources({ collector }: AgentConfig): string {
  return `${count(collector.sources.length, 'source')} (${collector.sources.map(({ name }) => name).join(', ')})`;
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** At most three of them, and how many more there are. */
function examples(all: readonly string[]): string {
  const shown = all.slice(0, 3).join(', ');
  return all.length > 3 ? `${shown} and ${all.length - 3} more` : shown;
}

/** The configuration itself: it was loaded, or there would be no check. */
export function configurationStep({ config, file, warnings }: LoadedConfig): Step {
  return {
    name: 'configuration',
    look() {
      const what = `${file ?? 'no file'}: network ${config.env}, ${effectiveSources(config)}`;
      if (warnings.length === 0) return ok(what);
      return warn(warnings.join('; '), 'correct these settings, or keep them if they are intended; docs/configuration.md lists every key');
    },
  };
}

export function keySteps({ device }: AgentConfig, { key, authority, given }: Lookups): readonly Step[] {
  return [
    {
      name: 'key',
      look() {
        const { keypair, warnings } = key();
        if (warnings.length > 0) return warn(warnings.join('; '), 'make it readable by the user of this process only: chmod 400');
        return ok(`${keypair.address}, readable by its owner only`);
      },
    },
    {
      name: 'device',
      async look() {
        const { code, status } = await authority();
        const what = `${code} is ${deviceStatusName(status)}`;
        if (status === DeviceStatus.activated) return ok(what);
        if (status === DeviceStatus.drained)
          return warn(
            what,
            'the controller shuts down the sessions of a drained device, so its users are reported down; undrain it if this is not intended',
          );
        return fail(what, `ask its contributor to activate it; \`doublezero device get --code ${code}\` shows its status`);
      },
    },
    {
      name: 'publisher',
      async look() {
        const address = ownAddress(key);
        const { metricsPublisher, code } = await given('the device', authority());
        if (metricsPublisher === address) return ok(`the key is the metrics publisher of ${code}`);
        return fail(
          `device ${device} accepts reports only from its metrics publisher ${metricsPublisher}; our key is ${address}`,
          'load the key of that publisher, or ask the contributor to set ours as the metrics publisher (`doublezero device update`)',
        );
      },
    },
  ];
}

/** Throws Skip without a key: why there is none is a finding of its own. */
function ownAddress(key: Lookups['key']) {
  try {
    return key().keypair.address;
  } catch (error) {
    if (isAgentError(error)) throw new Skip('no key to compare');
    throw error;
  }
}

const HOUR_MS = 3_600_000;
/** Less than this is worth a warning: somebody has to notice it, and to send funds. */
const SCANT_HOURS = 7 * 24;
/** What lasts longer need not be told to the day. */
const MANY_HOURS = 10 * 365 * 24;
const SIGNATURE_BYTES = 64;

/** What the ledger's program is and does, and what the key can pay for. Nothing of it is sent. */
export function programSteps({ device, ledger, policy, worker }: AgentConfig, rpc: LedgerRpc, lookups: Lookups): readonly Step[] {
  const { authority, view, given } = lookups;
  return [
    {
      name: 'program',
      async look(signal) {
        const { programId } = ledger;
        const { accounts } = await rpc.accounts([programConfigAddress(programId).address], signal);
        const account = accounts[0] ?? null;
        const found = account === null || account.owner !== programId ? undefined : decodeConfig(account.data);
        if (found === undefined)
          return fail(
            `${programId} has no ProgramConfig on this ledger`,
            'check that env or ledger.rpcUrls and ledger.programId belong to the same network',
          );
        const { version, minCompatibleVersion } = found;
        return ok(`version ${formatProgramVersion(version)}, minimum client version ${formatProgramVersion(minCompatibleVersion)}`);
      },
    },
    {
      name: 'instruction',
      async look(signal) {
        const { metricsPublisher } = await given('the device', authority());
        const { users } = await given('the users', view());
        const all = [...users.values()];
        const user = all.find((each) => each.user.status === UserStatus.activated) ?? all[0];
        if (user === undefined) throw new Skip('the device has no user to simulate it for');
        const simulated = await rpc.simulateTransaction(unsigned(ledger.programId, device, metricsPublisher, user), signal);
        if (simulated.err === null) {
          const units = simulated.unitsConsumed === undefined ? '' : `, ${count(simulated.unitsConsumed, 'compute unit')}`;
          return ok(`SetUserBGPStatus simulated for ${user.pubkey}${units}; nothing was sent`);
        }
        return fail(
          `SetUserBGPStatus simulated for ${user.pubkey}: ${describeTransactionFailure(parseTransactionFailure(simulated.err))}`,
          'the program of this network may be too old for the instruction (RFC-19), or the publisher may lack permission or funds; see the steps above',
        );
      },
    },
    {
      name: 'balance',
      async look(signal) {
        const { metricsPublisher } = await given('the device', authority());
        const users = await view().then(
          (read) => read.users.size,
          () => undefined,
        );
        const lamports = await rpc.balance(metricsPublisher, signal);
        const remedy = `send funds of this ledger to ${metricsPublisher}`;
        const floor = worker.minBalance > LAMPORTS_PER_TRANSACTION ? worker.minBalance : BigInt(LAMPORTS_PER_TRANSACTION);
        if (lamports < floor) return fail(`${sol(lamports)}, below the minimum of ${sol(floor)}`, remedy);
        if (users === undefined) return ok(sol(lamports));
        const hours = hoursToEmpty(lamports, users, policy.refreshInterval);
        if (hours === Number.POSITIVE_INFINITY) return ok(`${sol(lamports)}; there are no users yet`);
        const lasts = `${sol(lamports)}, enough to refresh ${count(users, 'user')} for ${hours > MANY_HOURS ? 'more than ten years' : `about ${span(hours * HOUR_MS)}`}`;
        return hours < SCANT_HOURS ? warn(lasts, remedy) : ok(lasts);
      },
    },
  ];
}

/** How long refreshes alone take to use it up; changes come on top. */
function hoursToEmpty(lamports: bigint, users: number, refreshIntervalMs: number): number {
  const perHour = refreshLamportsPerHour(users, refreshIntervalMs);
  return perHour === 0 ? Number.POSITIVE_INFINITY : Number(lamports) / perHour;
}

/** A transaction that writes the status that is on the ledger already. Its signature is 64 zero bytes, so that no node would accept it. */
function unsigned(programId: Address, device: Address, metricsPublisher: Address, { pubkey, user }: LedgerUser): Uint8Array {
  const status = ledgerStatus(user.bgpStatus);
  const signer = { address: metricsPublisher, sign: () => new Uint8Array(SIGNATURE_BYTES) };
  const writes = [{ user: pubkey, status, rttNs: status === 'up' ? user.bgpRttNs : nanoseconds(0) }];
  return buildTransaction({ programId, device, signer, blockhash: ZERO_ADDRESS, writes, compute: {} }).wire;
}

/** Undefined for what is no ProgramConfig. */
function decodeConfig(data: Uint8Array): ProgramConfig | undefined {
  try {
    return decodeProgramConfig(data);
  } catch (error) {
    if (error instanceof AccountDataError) return undefined;
    throw error;
  }
}

/** An endpoint that is further behind is not decided by. */
const MOST_SLOTS_BEHIND = 50n;
/** Session ages are taken by the switch's own clock, so a difference harms nobody but who compares logs. */
const TOLERATED_SKEW_MS = 2_000;

/** Each ledger endpoint: whether it answers, how fast, whether it belongs to the others' cluster, and how far behind them it is. */
export function endpointSteps(endpoints: readonly SingleEndpoint[], { probe, genesisHash }: Lookups): readonly Step[] {
  /** The clusters of those that tell theirs, in order; with a single endpoint there is nothing to compare. */
  const clusters = async (): Promise<readonly { readonly of: SingleEndpoint; readonly hash: string }[]> => {
    if (endpoints.length === 1) return [];
    const told = await Promise.allSettled(endpoints.map(async (of) => ({ of, hash: await genesisHash(of) })));
    return told.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  };
  return endpoints.map((endpoint) => ({
    name: `endpoint ${endpoint.name}`,
    async look() {
      const { slot, latencyMs } = await probe(endpoint);
      const told = await clusters();
      const [first] = told;
      const own = told.find(({ of }) => of === endpoint);
      if (first !== undefined && own !== undefined && own.hash !== first.hash)
        return fail(
          `it belongs to another cluster (genesis hash ${own.hash}) than ${first.of.name} (${first.hash})`,
          'list endpoints of one cluster only in ledger.rpcUrls; the agent uses the cluster that has the device, and ignores the others',
        );
      const others = await Promise.all(
        endpoints.map((each) =>
          probe(each).then(
            ({ slot: at }) => at,
            () => slot,
          ),
        ),
      );
      const behind = others.reduce<Slot>((most, at) => (at > most ? at : most), slot) - slot;
      const what = `slot ${slot} in ${milliseconds(latencyMs)}${endpoints.length > 1 ? `, ${behind} behind the highest` : ''}`;
      if (behind <= MOST_SLOTS_BEHIND) return ok(what);
      return warn(
        what,
        `the agent does not use an endpoint that is more than ${MOST_SLOTS_BEHIND} slots behind; add another one to ledger.rpcUrls`,
      );
    },
  }));
}

/** Each source: whether it answers, how fast, what it sees, and what time the switch has. */
export function sourceSteps(sources: readonly SourceConfig[], { source: read, given }: Lookups): readonly Step[] {
  return sources.flatMap((source): readonly Step[] => [
    {
      name: `source ${source.name}`,
      async look() {
        const { snapshot, durationMs, warnings } = await read(source);
        return judge(`${describe(snapshot)}, read in ${milliseconds(durationMs)}`, snapshot, warnings);
      },
    },
    {
      name: `clock ${source.name}`,
      async look() {
        const { snapshot, at } = await given(`source ${source.name}`, read(source));
        const readings = [...snapshot.vrfs.values()];
        const times = readings.flatMap((reading) =>
          reading.kind === 'collected' && reading.switchTime !== undefined ? [reading.switchTime] : [],
        );
        const [switchTime] = times;
        if (switchTime === undefined) throw new Skip('this source does not report the time of the switch');
        const skewMs = switchTime - at;
        const what = `the clock of the switch is ${milliseconds(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`;
        if (Math.abs(skewMs) <= TOLERATED_SKEW_MS) return ok(what);
        return warn(
          `the clock of the switch is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`,
          'set both by NTP: session ages use the clock of the switch alone, but logs will not line up, and a state-ingest server refuses signatures more than 5 min off',
        );
      },
    },
  ]);
}

function describe({ vrfs }: NeighborSnapshot): string {
  let [neighbors, established] = [0, 0];
  for (const reading of vrfs.values()) {
    if (reading.kind === 'failed') continue;
    neighbors += reading.neighbors.size;
    for (const { state } of reading.neighbors.values()) if (state === 'established') established += 1;
  }
  return `${count(vrfs.size, 'VRF')}, ${count(neighbors, 'neighbor')}, ${established} established`;
}

function judge(what: string, { vrfs }: NeighborSnapshot, warnings: readonly string[]): Finding {
  const failed = [...vrfs].flatMap(([vrf, reading]) => (reading.kind === 'failed' ? [`${vrf}: ${reading.problem}`] : []));
  if (failed.length > 0 && failed.length === vrfs.size)
    return fail(`no VRF could be read: ${examples(failed)}`, 'see docs/sources.md for what the source needs on the switch');
  if (failed.length > 0)
    return warn(
      `${what}; not read: ${examples(failed)}`,
      'this source does not observe the users of these VRFs; add another source, or see docs/sources.md',
    );
  return warnings.length === 0 ? ok(what) : warn(`${what}; ${warnings.join('; ')}`, 'docs/sources.md lists what the source needs');
}

/** A state-ingest server refuses what is signed further from its own time. */
const ACCEPTED_SKEW_MS = 5 * 60_000;

/** Can snapshots be taken to where the configuration sends them? */
export function snapshotStep({ sink, url, directory, requestTimeout }: SnapshotsConfig, clock: Clock): Step {
  return {
    name: 'snapshots',
    look(signal) {
      if (sink === 'state-ingest' && url !== undefined) return server(url, requestTimeout, clock, signal);
      if (sink === 'folder' && directory !== undefined) return folder(directory);
      throw new Skip('not configured');
    },
  };
}

async function server(url: string, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const { probeStateIngest } = await import('../snapshots/index.ts');
  const { wanted, latencyMs, skewMs } = await probeStateIngest({ url, timeoutMs, clock }, signal);
  const what = `the server requests ${count(wanted.items.length, 'kind')}, answered in ${milliseconds(latencyMs)}`;
  if (skewMs !== undefined && Math.abs(skewMs) > ACCEPTED_SKEW_MS)
    return fail(
      `${what}; its clock is ${span(Math.abs(skewMs))} ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`,
      'set the clock of this host by NTP: signatures more than 5 min off are refused',
    );
  if (wanted.refused.length > 0)
    return warn(
      `${what}; ${wanted.refused.map(({ message }) => message).join('; ')}`,
      'refused kinds are not collected; docs/snapshots.md lists the others',
    );
  return ok(what);
}

/** The sink makes the folder when it is missing: then the nearest one above it counts. */
async function folder(directory: string): Promise<Finding> {
  const remedy = 'set snapshots.directory to another folder, or let the user of this process write to it';
  const there = await stat(directory).catch(() => undefined);
  if (there !== undefined && !there.isDirectory()) return fail(`${directory} is not a folder`, remedy);
  const place = there === undefined ? await nearestFolder(dirname(directory)) : directory;
  try {
    await access(place, constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(`${place} is not writable: ${describeError(error)}`, remedy);
  }
  return ok(there === undefined ? `${directory} will be created` : `${directory} is writable`);
}

async function nearestFolder(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  return there !== undefined || dirname(path) === path ? path : nearestFolder(dirname(path));
}

const ODDITIES: readonly (readonly [
  list: keyof UserComparison & ('missing' | 'wrongVrf' | 'unknown' | 'duplicated' | 'invalid' | 'orphaned'),
  words: string,
])[] = [
  ['missing', 'on the ledger without a neighbor on the switch'],
  ['wrongVrf', 'in another VRF than expected'],
  ['unknown', 'not found while a VRF could not be read'],
  ['duplicated', 'with a tunnel_net that several users share'],
  ['invalid', 'with a tunnel_net that is not a /31'],
  ['orphaned', 'on the switch without a user on the ledger'],
];

/** Do the ledger and the switch know the same users? */
export function userStep(sources: readonly SourceConfig[], { view, source: read, given }: Lookups): Step {
  return {
    name: 'users',
    async look() {
      const ledger = await given('the users of the ledger', view());
      const looks = await Promise.allSettled(sources.map((source) => read(source)));
      const snapshots = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value.snapshot] : []));
      if (snapshots.length === 0) throw new Skip('no source could be read');
      const compared = compareUsers(ledger, mergeReadings(snapshots));
      const what = `${count(compared.activated, 'activated user')}, ${compared.found} with a neighbor in the right VRF, ${compared.established} established`;
      const odd = ODDITIES.flatMap(([list, words]) => {
        const all = compared[list];
        return all.length === 0 ? [] : [`${all.length} ${words}: ${examples(all)}`];
      });
      if (odd.length === 0) return ok(what);
      return warn(
        `${what}; ${odd.join('; ')}`,
        'a recent change reaches the switch within about a minute; if this persists, fix the controller or the ledger. `dzd-telemetry explain USER` shows one user',
      );
    },
  };
}
