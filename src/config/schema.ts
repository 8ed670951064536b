import { z } from 'zod';
import { findNetwork, lamports, NETWORKS } from '../serviceability/index.ts';
import {
  about,
  choice,
  duration,
  filePath,
  NOT_AS_EXPECTED,
  orList,
  publicKey,
  section,
  settings,
  share,
  text,
  wholeNumber,
  yesOrNo,
} from './fields.ts';
import { rpcUrls, sources, wakeUps } from './schema-sources.ts';

const MAX_PORT = 65_535;

/** `host:port` or `[v6]:port`, read into its two halves. */
const listen = z
  .string()
  .transform((text, context) => {
    const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
    const port = Number(digits);
    const host = bracketed ?? plain;
    if (host !== undefined && port <= MAX_PORT) return { host, port };
    context.addIssue({ code: 'custom', message: NOT_AS_EXPECTED });
    return z.NEVER;
  })
  .prefault('127.0.0.1:50100')
  .register(settings, {
    ...about({
      reloadable: false,
      description: 'Address to listen on; EOS leaves TCP 50000 to 50100 open in its control-plane ACL. Port 0 takes any that is free.',
    }),
    expects: 'an address and a port, such as "127.0.0.1:50100" or "[::1]:50100"',
    form: 'text',
    guess: listenMeant,
  });

function listenMeant(text: string): string | undefined {
  if (/^:?\d{1,5}$/.test(text)) return Number(text.replace(':', '')) <= MAX_PORT ? `"127.0.0.1:${text.replace(':', '')}"` : undefined;
  const [, host, port = ':50100'] = /^(?:https?:\/\/)?([\w.-]+)(:\d{1,5})?\/?$/.exec(text) ?? [];
  return host === undefined || Number(port.slice(1)) > MAX_PORT ? undefined : `"${host}${port}"`;
}

/** The agent's window: health, metrics, status. */
const httpSection = z
  .strictObject({
    enabled: yesOrNo({
      default: true,
      reloadable: false,
      description: 'Serve /metrics, /status and the like. A dry run and --once never do.',
    }),
    tokenFile: z.exactOptional(
      filePath({
        reloadable: false,
        description:
          'File that holds a token, asked for on everything but /-/healthy and /-/ready: as bearer token, or as the password that a browser asks for.',
      }),
    ),
    listen,
  })
  .prefault({})
  .register(settings, section('Health, metrics and status over HTTP.'));

/** Reading the ledger. */
const ledgerSection = z
  .strictObject({
    rpcUrls: rpcUrls({ description: 'RPC endpoints of the ledger, the preferred one first.', ofNetwork: true }),
    programId: publicKey({ description: 'The serviceability program.', ofNetwork: true }),
    requestTimeout: duration({ default: '10s', min: '100ms', max: '2m', description: 'Longest wait for one answer of an endpoint.' }),
    requestsPerSecond: wholeNumber({
      default: 150,
      min: 1,
      max: 10_000,
      unit: 'requests',
      description:
        'Most requests a second to one endpoint, all methods together; one method of reading takes half of it at most, and after a 429 all takes less for a while.',
    }),
    sendsPerSecond: wholeNumber({
      default: 100,
      min: 1,
      max: 10_000,
      unit: 'sends',
      description: 'Most of those requests that send a transaction, repeats included; they take four fifths of them at most.',
    }),
    viewMaxAge: duration({
      default: '5s',
      min: '500ms',
      max: '5m',
      description: 'A decision to write is made on a reading of the users that is at most this old.',
    }),
    viewIdleInterval: duration({
      default: '30s',
      min: '500ms',
      max: '1h',
      description: 'How often the users are read while there is nothing to write.',
    }),
    maxLedgerAge: duration({
      default: '5m',
      min: '1s',
      max: '1d',
      description: 'With a reading older than this, nothing is decided at all.',
    }),
    authorityInterval: duration({
      default: '1m',
      min: '1s',
      max: '1d',
      description: "How often the device's account is read to see whether this key is still its metrics publisher.",
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
      description: 'Longest time that one poll of one source may take.',
    }),
    sources,
    wakeUps,
    maxWakeUpsPerMinute: wholeNumber({
      default: 60,
      min: 1,
      max: 240,
      unit: 'polls',
      description: 'More polls than this in a minute are not brought forward by wake-ups, however many there are.',
    }),
  })
  .prefault({})
  .register(settings, section('Reading the switch.'));

/** What state-ingest asks for by default, under the names that it gives to it. */
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

const serverUrl = z
  .string()
  .refine((value) => value.length <= 2_048 && isPlainHttp(value), { error: NOT_AS_EXPECTED })
  .register(settings, {
    ...about({ description: 'Base address of the state-ingest server; needed for the sink of that name.' }),
    expects: 'an https:// or http:// address without user, query or fragment',
    form: 'text',
  });

const collect = z
  .array(z.string().regex(/^(?:bgp-sockets|show (?! )[^|;<>\p{Cc}]{1,190})$/u))
  .min(1)
  .max(32)
  .prefault(DEFAULT_COLLECT)
  .register(settings, {
    ...about({
      description: 'What to take, for the folder: plain show commands, and bgp-sockets. A state-ingest server says itself what it wants.',
    }),
    expects: 'a list of at most 32 show commands without pipes, and bgp-sockets',
    form: 'list',
  });

/** Raw state beside the statuses. */
const snapshotsSection = z
  .strictObject({
    url: z.exactOptional(serverUrl),
    directory: z.exactOptional(
      filePath({ description: 'Folder of the snapshots; needed for the sink folder, and made if it is missing.' }),
    ),
    source: z.exactOptional(
      text({
        description: 'The source of type eapi that runs the show commands, on a connection of its own; the first of that type by default.',
        expects: 'the name of a source',
        max: 40,
      }),
    ),
    collect,
    interval: duration({ default: '60s', min: '5s', max: '1d', description: 'Time from the start of one round to the start of the next.' }),
    commandTimeout: duration({ default: '10s', min: '100ms', max: '1m', description: 'Longest wait for the answer to one command.' }),
    requestTimeout: duration({ default: '10s', min: '100ms', max: '2m', description: 'Longest wait for one answer of the server.' }),
    maxAnswerBytes: wholeNumber({
      default: 8_388_608,
      min: 65_536,
      max: 67_108_864,
      unit: 'bytes',
      description: 'A longer answer to a command is given up. Two of them may be in memory at once.',
    }),
    maxFiles: wholeNumber({
      default: 1_000,
      min: 1,
      max: 100_000,
      unit: 'files',
      description: 'Files in the folder; the oldest give way.',
    }),
    maxBytes: wholeNumber({
      default: 104_857_600,
      min: 65_536,
      max: 1_099_511_627_776,
      unit: 'bytes',
      description: 'Bytes in the files of the folder; the oldest give way.',
    }),
    sink: choice({
      of: ['none', 'state-ingest', 'folder'],
      default: 'none',
      description: 'Where snapshots go: nowhere and none are taken, to a state-ingest server, or into a folder.',
    }),
  })
  .prefault({})
  .register(settings, section('Raw snapshots of the device beside the statuses (docs/snapshots.md).'));

function isPlainHttp(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ['https:', 'http:'].includes(protocol) && `${username}${password}${search}${hash}` === '';
}

/** Route-flap damping, on users instead of routes (RFC 2439, RFC 7196). */
const damping = z
  .strictObject({
    mode: choice({
      of: ['observe', 'enforce'],
      default: 'observe',
      description: 'observe only measures and tells; enforce writes a user that flaps at most once per suppressedInterval.',
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
      description: 'Above this figure a user is suppressed; RFC 7196 advises 6000 or more.',
    }),
    reuse: wholeNumber({ default: 750, min: 1, max: 1_000_000, description: 'Below this figure it is free again.' }),
    maxSuppress: duration({
      default: '1h',
      min: '1s',
      max: '7d',
      description: 'Longest time for which a user stays suppressed after its last transition.',
    }),
    suppressedInterval: duration({
      default: '5m',
      min: '1s',
      max: '1d',
      description: 'How often a suppressed user, or one that another writer contests, is written.',
    }),
  })
  .prefault({})
  .register(settings, section('Damping of users that flap.'));

/** When a status is believed and when it is written. */
const policySection = z
  .strictObject({
    downGrace: duration({
      default: '6s',
      min: '0s',
      max: '1h',
      description: 'How long a session has to be down before Down is written; 6s is twice the hold time that DoubleZero configures.',
    }),
    downConfirmations: wholeNumber({
      default: 2,
      min: 1,
      max: 100,
      unit: 'polls',
      description: 'Polls in a row that have to see a session down when the switch does not say since when it is.',
    }),
    connectGrace: duration({
      default: '60s',
      min: '0s',
      max: '1d',
      description: 'How long a new user that was never seen up may take to connect before its first Down.',
    }),
    refreshInterval: duration({
      default: '1h',
      min: '1s',
      max: '7d',
      description: 'How old a report may become before it is repeated.',
    }),
    refreshJitter: share({
      default: 0.1,
      min: 0,
      max: 0.5,
      description: 'Share of refreshInterval by which users refresh earlier, a fixed part for each, so that they spread.',
    }),
    rideAlongAfter: share({
      default: 0.75,
      min: 0,
      max: 1,
      description: 'Share of refreshInterval after which a report is repeated early when a transaction goes out with room.',
    }),
    massDownShare: share({
      default: 0.5,
      min: 0.01,
      max: 1,
      description: 'When this share of the users that were up reads down at once, the switch is polled again before it is believed.',
    }),
    massDownMinimum: wholeNumber({
      default: 10,
      min: 1,
      max: 100_000,
      unit: 'users',
      description: 'Fewer users than this going down at once are believed without a second poll.',
    }),
    minWriteInterval: duration({
      default: '10s',
      min: '0s',
      max: '1h',
      description: 'One user is written at most once in this time; the newest status waits.',
    }),
    damping,
  })
  .prefault({})
  .register(settings, section('When a status is believed and when it is written.'));

/** Landing transactions. */
const workerSection = z
  .strictObject({
    statusPollInterval: duration({
      default: '450ms',
      min: '50ms',
      max: '1m',
      description: 'How often the status of the signatures in flight is asked for.',
    }),
    rebroadcastInterval: duration({
      default: '2s',
      min: '100ms',
      max: '1m',
      description: 'How often a transaction that has not landed is sent again.',
    }),
    blockhashMaxAge: duration({
      default: '2s',
      min: '100ms',
      max: '30s',
      description: 'A blockhash older than this is fetched anew before signing.',
    }),
    maxInFlight: wholeNumber({
      default: 256,
      min: 1,
      max: 256,
      unit: 'transactions',
      description: 'Transactions that may wait for confirmation at once.',
    }),
    sendStagger: duration({ default: '10ms', min: '0s', max: '5s', description: 'Pause between two sends.' }),
    skipPreflight: yesOrNo({
      default: false,
      description: 'Send without letting the endpoint simulate first; faster, and it reports errors later.',
    }),
    maxTransactionsPerMinute: wholeNumber({
      default: 600,
      min: 1,
      max: 100_000,
      unit: 'transactions',
      description: 'Most transactions in a minute; changes go before refreshes when it is short.',
    }),
    maxLamportsPerDay: wholeNumber({
      default: 100_000_000,
      min: 5_000,
      max: 1_000_000_000_000,
      unit: 'lamports',
      description: 'Most fees in a day; changes go before refreshes when it is short.',
    }),
    drainTimeout: duration({
      default: '10s',
      min: '0s',
      max: '5m',
      description: 'How long a stopping agent waits for transactions in flight.',
    }),
    minBalance: z.int().min(0).transform(lamports).prefault(0).register(settings, {
      description: 'Nothing is sent while the key holds less than this.',
      expects: 'a whole number of lamports, 0 or more',
      form: 'number',
      unit: 'lamports',
      reloadable: true,
      secret: false,
    }),
  })
  .prefault({})
  .register(settings, section('Landing transactions.'));

/** What the agent says of itself. */
const logSection = z
  .strictObject({
    level: choice({
      of: ['debug', 'info', 'warn', 'error'],
      default: 'info',
      reloadable: false,
      description: 'The least important line that is written.',
    }),
    format: choice({
      of: ['auto', 'json', 'pretty', 'journald'],
      default: 'auto',
      reloadable: false,
      description:
        "journald is json with each line's priority before it. auto is pretty on a terminal, journald where standard error leads to systemd's journal, and json elsewhere.",
    }),
  })
  .prefault({})
  .register(settings, section('What the agent says of itself, on standard error.'));

const environment = z
  .string()
  .transform((name, context) => {
    const found = findNetwork(name);
    if (found !== undefined) return found.name;
    context.addIssue({ code: 'custom', message: NOT_AS_EXPECTED });
    return z.NEVER;
  })
  .register(settings, {
    ...about({
      description: 'The DoubleZero network; it presets ledger.rpcUrls and ledger.programId. Also mainnet, m, t, d, local and l.',
    }),
    expects: orList(NETWORKS.map((network) => network.name)),
    form: 'choice',
  });

/**
 * The whole configuration, the one place where a key, its default, its bounds and its description are written. Validation, flags,
 * environment variables, docs/configuration.md and the examples in config/ come from it.
 *
 *   file text ─ yaml-file ─┐
 *   DZD_… ── text-values ──┼─ load-config ─► this schema ─► cross-checks ─► AgentConfig
 *   --flags ─ text-values ─┘       ▲
 *                              presets
 */
export const configSchema = z
  .strictObject({
    env: environment,
    device: publicKey({ reloadable: false, description: "This device's account on the ledger." }),
    keypair: z.exactOptional(
      filePath({
        reloadable: false,
        description: "Key file of the device's metrics publisher, as solana-keygen writes it; --dry-run does without.",
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
export type LedgerConfig = AgentConfig['ledger'];
export type CollectorConfig = AgentConfig['collector'];
export type SourceConfig = CollectorConfig['sources'][number];
export type EapiSourceConfig = Extract<SourceConfig, { readonly type: 'eapi' }>;
export type SocketsSourceConfig = Extract<SourceConfig, { readonly type: 'sockets' }>;
export type TriggerConfig = CollectorConfig['wakeUps'][number];
export type SnmpTrapsConfig = Extract<TriggerConfig, { readonly type: 'snmp-traps' }>;
export type SnmpSourceConfig = Extract<SourceConfig, { readonly type: 'snmp' }>;
export type PolicyConfig = AgentConfig['policy'];
export type WorkerConfig = AgentConfig['worker'];
export type HttpConfig = AgentConfig['http'];
export type SnapshotsConfig = AgentConfig['snapshots'];
export type LogConfig = AgentConfig['log'];
