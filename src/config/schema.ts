import * as z from 'zod';
import { findNetwork, lamports, NETWORKS } from '../serviceability/index.ts';
import {
  choice,
  described,
  duration,
  filePath,
  NOT_AS_EXPECTED,
  orList,
  parsedText,
  publicKey,
  section,
  settings,
  share,
  text,
  wholeNumber,
  yesOrNo,
} from './fields.ts';
import { hasCredentials, isHttp, rpcUrls, sources, wakeUps } from './schema-sources.ts';

const MAX_PORT = 65_535;

/** `host:port` or `[v6]:port`, parsed into host and port. */
const listen = described(
  parsedText((text) => {
    const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
    const port = Number(digits);
    const host = bracketed ?? plain;
    return host !== undefined && port <= MAX_PORT ? { host, port } : undefined;
  }).prefault('127.0.0.1:50100'),
  {
    reloadable: false,
    description: 'Address and port to listen on. EOS permits TCP 50000 to 50100 in its control-plane ACL. Port 0 picks a free port.',
  },
  { expects: 'an address and a port, such as "127.0.0.1:50100" or "[::1]:50100"', form: 'text', guess: listenMeant },
);

function listenMeant(text: string): string | undefined {
  if (/^:?\d{1,5}$/.test(text)) return Number(text.replace(':', '')) <= MAX_PORT ? `"127.0.0.1:${text.replace(':', '')}"` : undefined;
  const [, host, port = ':50100'] = /^(?:https?:\/\/)?([\w.-]+)(:\d{1,5})?\/?$/.exec(text) ?? [];
  return host === undefined || Number(port.slice(1)) > MAX_PORT ? undefined : `"${host}${port}"`;
}

/** The HTTP server of the agent. */
const httpSection = z
  .strictObject({
    enabled: yesOrNo({
      default: true,
      reloadable: false,
      description: 'Serve /metrics, /status and health checks. A dry run and --once never serve them.',
    }),
    tokenFile: z.exactOptional(
      filePath({
        reloadable: false,
        description:
          'File that holds a token. Every path but /-/healthy and /-/ready then requires it, as bearer token or as basic-auth password.',
      }),
    ),
    listen,
  })
  .prefault({})
  .register(settings, section('Health, metrics and status over HTTP.'));

/** Reading the ledger. */
const ledgerSection = z
  .strictObject({
    rpcUrls: rpcUrls({ description: 'RPC endpoints of the ledger, in order of preference.', ofNetwork: true }),
    programId: publicKey({ description: 'The serviceability program.', ofNetwork: true }),
    requestTimeout: duration({ default: '10s', min: '100ms', max: '2m', description: 'Timeout of one request to an endpoint.' }),
    requestsPerSecond: wholeNumber({
      default: 150,
      min: 1,
      max: 10_000,
      unit: 'requests',
      description: 'Maximum requests in any second to one endpoint, all methods together. Sends go before reads.',
    }),
    sendsPerSecond: wholeNumber({
      default: 100,
      min: 1,
      max: 10_000,
      unit: 'sends',
      description: 'Maximum transaction sends in any second to one endpoint, resends included; at most four fifths of requestsPerSecond.',
    }),
    viewMaxAge: duration({
      default: '5s',
      min: '500ms',
      max: '5m',
      description: 'Maximum age of the ledger data that a write is decided on.',
    }),
    viewIdleInterval: duration({
      default: '30s',
      min: '500ms',
      max: '1h',
      description: 'Interval between reads of the users while there is nothing to write.',
    }),
    maxLedgerAge: duration({
      default: '5m',
      min: '1s',
      max: '1d',
      description: 'Stop deciding when ledger data is older than this.',
    }),
    authorityInterval: duration({
      default: '45s',
      min: '1s',
      max: '1d',
      description: "Interval between checks that this key is still the device's metrics publisher.",
    }),
  })
  .register(settings, section('Reading the ledger.'));

/** Reading the switch. */
const collectorSection = z
  .strictObject({
    interval: duration({
      default: '5s',
      min: '500ms',
      max: '10m',
      description: 'Time from the start of one poll to the start of the next.',
    }),
    timeout: duration({
      default: '10s',
      min: '200ms',
      max: '10m',
      description: 'Timeout of one poll of one source; SNMP sources have their own, pollTimeout.',
    }),
    sources,
    wakeUps,
    maxWakeUpsPerMinute: wholeNumber({
      default: 60,
      min: 1,
      max: 240,
      unit: 'polls',
      description: 'Maximum polls per minute that wake-ups trigger. Beyond it, collector.interval applies.',
    }),
  })
  .prefault({})
  .register(settings, section('Reading the switch.'));

/** The kinds that state-ingest requests by default, under its names. */
const DEFAULT_COLLECT = [
  'show snmp mib ifmib ifindex',
  'show isis database detail',
  'show ip mroute',
  'show ip mroute count',
  'show ip msdp summary',
  'show ip msdp pim sa-cache',
  'show ip msdp sa-cache',
  'show ip msdp sa-cache rejected',
  'bgp-sockets',
];

const hasQuery = (url: string): boolean => `${new URL(url).search}${new URL(url).hash}` !== '';

const serverUrl = described(
  z.string().refine((url) => url.length <= 2_048 && isHttp(url) && !hasCredentials(url) && !hasQuery(url), { error: NOT_AS_EXPECTED }),
  { description: 'Base URL of the state-ingest server; required for the sink state-ingest.' },
  { expects: 'an https:// or http:// URL without user, query or fragment', form: 'text' },
);

const snapshotKind = z.string().regex(/^(?:bgp-sockets|show (?! )[^|;<>\p{Cc}]{1,190})$/u);

const collect = described(
  z.array(snapshotKind).min(1).max(32).prefault(DEFAULT_COLLECT),
  { description: 'Snapshots to take for the folder: plain show commands, and bgp-sockets. A state-ingest server requests its own list.' },
  { expects: 'a list of at most 32 show commands without pipes, and bgp-sockets', form: 'list' },
);

/** Raw state snapshots. */
const snapshotsSection = z
  .strictObject({
    url: z.exactOptional(serverUrl),
    directory: z.exactOptional(filePath({ description: 'Folder for the snapshots; required for the sink folder, created if missing.' })),
    source: z.exactOptional(
      text({
        description: 'The eapi source that runs the show commands, on its own connection. Default: the first of that type.',
        expects: 'the name of a source',
        max: 40,
      }),
    ),
    collect,
    interval: duration({ default: '60s', min: '5s', max: '1d', description: 'Time from the start of one round to the start of the next.' }),
    commandTimeout: duration({ default: '10s', min: '100ms', max: '1m', description: 'Timeout of one command.' }),
    requestTimeout: duration({ default: '10s', min: '100ms', max: '2m', description: 'Timeout of one request to the server.' }),
    maxAnswerBytes: wholeNumber({
      default: 4_194_304,
      min: 65_536,
      max: 8_388_608,
      unit: 'bytes',
      description:
        'Maximum output of one command; longer output is dropped. Reading one takes up to eight times its size in memory. Up to two are in memory at once.',
    }),
    maxFiles: wholeNumber({
      default: 1_000,
      min: 1,
      max: 100_000,
      unit: 'files',
      description: 'Maximum files in the folder; the oldest are deleted.',
    }),
    maxBytes: wholeNumber({
      default: 104_857_600,
      min: 65_536,
      max: 1_099_511_627_776,
      unit: 'bytes',
      description: 'Maximum bytes in the folder; the oldest files are deleted.',
    }),
    sink: choice({
      of: ['none', 'state-ingest', 'folder'],
      default: 'none',
      description: 'Where snapshots go: none takes no snapshots, state-ingest uploads them to a server, folder writes files.',
    }),
  })
  .prefault({})
  .register(settings, section('Raw state snapshots of the device (docs/snapshots.md).'));

/** Route-flap damping, on users instead of routes (RFC 2439, RFC 7196). */
const damping = z
  .strictObject({
    mode: choice({
      of: ['observe', 'enforce'],
      default: 'observe',
      description: 'observe only measures and reports; enforce writes a suppressed user at most once per suppressedInterval.',
    }),
    penalty: wholeNumber({
      default: 1_000,
      min: 1,
      max: 100_000,
      description: 'Figure of merit added by each transition.',
    }),
    halfLife: duration({
      default: '15m',
      min: '1s',
      max: '1d',
      description: 'Time in which the figure of merit halves.',
    }),
    suppress: wholeNumber({
      default: 6_000,
      min: 1,
      max: 1_000_000,
      description: 'A user above this figure of merit is suppressed; RFC 7196 recommends 6000 or more.',
    }),
    reuse: wholeNumber({ default: 750, min: 1, max: 1_000_000, description: 'A suppressed user below this figure of merit is released.' }),
    maxSuppress: duration({
      default: '1h',
      min: '1s',
      max: '7d',
      description: 'Maximum time that a user stays suppressed after its last transition.',
    }),
    suppressedInterval: duration({
      default: '5m',
      min: '1s',
      max: '1d',
      description: 'Minimum time between writes of a suppressed user, or of a user whose status another writer changes back.',
    }),
  })
  .prefault({})
  .register(settings, section('Damping of flapping users.'));

/** When a status is accepted, and when it is written. */
const policySection = z
  .strictObject({
    downGrace: duration({
      default: '6s',
      min: '0s',
      max: '1h',
      description: 'Time that a session must be down before Down is written. 6s is twice the hold time that DoubleZero configures.',
    }),
    downConfirmations: wholeNumber({
      default: 2,
      min: 1,
      max: 100,
      unit: 'polls',
      description: 'Consecutive polls that must see a session down if the switch does not report since when.',
    }),
    connectGrace: duration({
      default: '60s',
      min: '0s',
      max: '1d',
      description: 'Time that a new user has to connect before its first Down is written.',
    }),
    refreshInterval: duration({
      default: '1h',
      min: '1s',
      max: '7d',
      description: 'Age at which a report is refreshed, which means written again.',
    }),
    refreshJitter: share({
      default: 0.1,
      min: 0,
      max: 0.5,
      description: 'Share of refreshInterval over which refreshes spread: each user refreshes earlier by a fixed part of it.',
    }),
    rideAlongAfter: share({
      default: 0.75,
      min: 0,
      max: 1,
      description: 'Share of refreshInterval after which a report is refreshed early if a transaction has room.',
    }),
    massDownShare: share({
      default: 0.5,
      min: 0.01,
      max: 1,
      description: 'If at least this share of the users that were up reads down at once, a second poll must confirm it.',
    }),
    massDownMinimum: wholeNumber({
      default: 10,
      min: 1,
      max: 100_000,
      unit: 'users',
      description: 'If fewer users than this go down at once, no second poll is needed.',
    }),
    minWriteInterval: duration({
      default: '10s',
      min: '0s',
      max: '1h',
      description: 'Minimum time between two writes of one user; the newest status waits.',
    }),
    damping,
  })
  .prefault({})
  .register(settings, section('When a status is accepted, and when it is written.'));

/** Sending and confirming transactions. */
const workerSection = z
  .strictObject({
    statusPollInterval: duration({
      default: '450ms',
      min: '50ms',
      max: '1m',
      description: 'Interval between status requests for the signatures in flight.',
    }),
    rebroadcastInterval: duration({
      default: '2s',
      min: '100ms',
      max: '1m',
      description: 'Interval between resends of an unconfirmed transaction.',
    }),
    blockhashMaxAge: duration({
      default: '2s',
      min: '100ms',
      max: '30s',
      description: 'Maximum age of a blockhash at signing; an older one is fetched again.',
    }),
    maxInFlight: wholeNumber({
      default: 256,
      min: 1,
      max: 256,
      unit: 'transactions',
      description: 'Maximum transactions waiting for confirmation.',
    }),
    sendStagger: duration({ default: '10ms', min: '0s', max: '5s', description: 'Pause between two sends.' }),
    skipPreflight: yesOrNo({
      default: false,
      description: 'Send without preflight simulation: faster, but errors are reported later.',
    }),
    maxTransactionsPerMinute: wholeNumber({
      default: 600,
      min: 1,
      max: 100_000,
      unit: 'transactions',
      description: 'Maximum transactions per minute. Near the limit, changes go before refreshes.',
    }),
    maxLamportsPerDay: wholeNumber({
      default: 100_000_000,
      min: 5_000,
      max: 1_000_000_000_000,
      unit: 'lamports',
      description: 'Maximum fees per day. Near the limit, changes go before refreshes.',
    }),
    drainTimeout: duration({
      default: '10s',
      min: '0s',
      max: '5m',
      description: 'Time that a stopping agent waits for transactions in flight.',
    }),
    minBalance: described(
      z.int().min(0).transform(lamports).prefault(0),
      { description: 'Minimum balance of the key. Below it, nothing is sent.' },
      { expects: `a whole number of lamports from 0 to ${Number.MAX_SAFE_INTEGER}`, form: 'number', unit: 'lamports' },
    ),
  })
  .prefault({})
  .register(settings, section('Sending and confirming transactions.'));

/** Logging. */
const logSection = z
  .strictObject({
    level: choice({
      of: ['debug', 'info', 'warn', 'error'],
      default: 'info',
      reloadable: false,
      description: 'Minimum level of the lines that are logged.',
    }),
    format: choice({
      of: ['auto', 'json', 'pretty', 'journald'],
      default: 'auto',
      reloadable: false,
      description:
        "journald is json with a priority before each line. auto means pretty on a terminal, journald if standard error leads to systemd's journal, else json.",
    }),
  })
  .prefault({})
  .register(settings, section('Logging, to standard error.'));

const environment = described(
  parsedText((name) => findNetwork(name)?.name),
  { description: 'The DoubleZero network; it presets ledger.rpcUrls and ledger.programId. Aliases: mainnet, m, t, d, local and l.' },
  { expects: orList(NETWORKS.map((network) => network.name)), form: 'choice' },
);

/**
 * The configuration: the only place with keys, defaults, bounds and descriptions. Validation, flags, environment variables,
 * docs/configuration.md and the examples in config/ are generated from it.
 *
 *   file ─── yaml ────────┐
 *   DZD_… ── schema-tree ─┼─ load ─► this schema ─► validate ─► AgentConfig
 *   --flags ─ schema-tree ┘   ▲
 *                          presets
 */
export const configSchema = z
  .strictObject({
    env: environment,
    device: publicKey({ reloadable: false, description: "This device's account on the ledger." }),
    keypair: z.exactOptional(
      filePath({
        reloadable: false,
        description: "Key file of the device's metrics publisher, as solana-keygen writes it. --dry-run needs none.",
      }),
    ),
    ledger: ledgerSection,
    collector: collectorSection,
    policy: policySection,
    worker: workerSection,
    snapshots: snapshotsSection,
    http: httpSection,
    log: logSection,
  })
  .register(settings, section('The configuration.'));

type Immutable<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Immutable<Item>[]
    : { readonly [Key in keyof T]: Immutable<T[Key]> };

/** The configuration after validation. Durations are milliseconds; every default is filled in. */
export type AgentConfig = Immutable<z.output<typeof configSchema>>;
type CollectorConfig = AgentConfig['collector'];
export type SourceConfig = CollectorConfig['sources'][number];
export type EapiSourceConfig = Extract<SourceConfig, { readonly type: 'eapi' }>;
export type TriggerConfig = CollectorConfig['wakeUps'][number];
export type SnmpTrapsConfig = Extract<TriggerConfig, { readonly type: 'snmp-traps' }>;
export type SnmpSourceConfig = Extract<SourceConfig, { readonly type: 'snmp' }>;
export type PolicyConfig = AgentConfig['policy'];
export type HttpConfig = AgentConfig['http'];
export type LogConfig = AgentConfig['log'];
