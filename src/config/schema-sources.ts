import { isIP } from 'node:net';
import * as z from 'zod';
import { isLoopbackHost } from '../lib/index.ts';
import {
  type About,
  choice,
  described,
  duration,
  filePath,
  hostName,
  NOT_AS_EXPECTED,
  secretText,
  section,
  settings,
  systemFolder,
  text,
  wholeNumber,
  yesOrNo,
} from './fields.ts';

/** The local eAPI listener of EOS, reachable from every network namespace because it is a path. */
const EOS_COMMAND_API_SOCKET = 'unix:///var/run/command-api.sock';

/** The size of a path in `sockaddr_un`, without its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107;

/** The schemes of an eAPI address. */
export type EapiScheme = 'https' | 'http' | 'unix' | 'grpc';

/** The scheme of an eAPI URL, or undefined for other text. */
export function eapiScheme(url: string): EapiScheme | undefined {
  if (/^unix:\/\/\/\S+$/.test(url)) return 'unix';
  if (!URL.canParse(url)) return undefined;
  if (url.startsWith('grpc://')) return isHostAndPort(url.slice('grpc://'.length), false) ? 'grpc' : undefined;
  const parsed = new URL(url);
  if (!['', '/', '/command-api'].includes(parsed.pathname) || `${parsed.search}${parsed.hash}` !== '') return undefined;
  return parsed.protocol === 'https:' ? 'https' : parsed.protocol === 'http:' ? 'http' : undefined;
}

function eapiUrl(options: About) {
  const field = z
    .string()
    .refine((url) => eapiScheme(url) !== 'unix' || Buffer.byteLength(url) - 'unix://'.length <= MAX_SOCKET_PATH_BYTES, {
      error: `names a Unix socket whose path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`,
      abort: true,
    })
    .refine((url) => eapiScheme(url) !== undefined, { error: NOT_AS_EXPECTED, abort: true })
    .refine((url) => !hasCredentials(url), { error: 'must not contain a user or password; use username and passwordFile' });
  const expects = 'an address such as "https://127.0.0.1", "unix:///var/run/command-api.sock" or "grpc://127.0.0.1:9543"';
  return described(field, options, { expects, form: 'text', guess: eapiUrlMeant });
}

function eapiUrlMeant(text: string): string | undefined {
  if (/^\/\S+$/.test(text)) return `"unix://${text}"`;
  return /^[\w.-]+(?::\d{1,5})?\/?$/.test(text) && /[.:]|localhost/.test(text) ? `"https://${text}"` : undefined;
}

/** `host:port`, an IPv6 address in brackets. */
function hostAndPort(options: About & { readonly default: string }) {
  const field = z.string().refine((value) => isHostAndPort(value, true), { error: NOT_AS_EXPECTED });
  return described(field.prefault(options.default), options, { expects: `a host and a port such as "${options.default}"`, form: 'text' });
}

function isHostAndPort(value: string, withPort: boolean): boolean {
  const [all, port] = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?\/?$/.exec(value) ?? [];
  if (port === undefined) return !withPort && all !== undefined;
  return Number(port) >= 1 && Number(port) <= 65_535;
}

/** Ledger endpoints in order of preference; they may carry an access token and are printed without it. */
export function rpcUrls(options: About) {
  const url = z.string().refine((text) => text.length <= 2_048 && isHttp(text), { error: NOT_AS_EXPECTED });
  const many = z.array(url).min(1).max(8);
  const field = many.refine((urls) => new Set(urls).size === urls.length, { error: 'lists an endpoint twice' });
  return described(field, options, { expects: 'a list of one to eight https:// or http:// addresses', form: 'urls' });
}

/** Whether the URL leads to this host itself. */
export const isLoopback = (url: string): boolean => URL.canParse(url) && isLoopbackHost(new URL(url).hostname);

export function isHttp(text: string): boolean {
  return URL.canParse(text) && ['https:', 'http:'].includes(new URL(text).protocol);
}

export function hasCredentials(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return `${username}${password}` !== '';
}

const sourceName = () =>
  z.exactOptional(
    text({
      description: 'Name in logs and metrics. Default: the type, with a number from the second of its type on.',
      expects: 'a short name',
      max: 40,
    }),
  );

const sourceTimeout = (standard: string, description: string) => duration({ default: standard, min: '100ms', max: '1m', description });

/** The setting that selects one of the shapes in `expects`. */
function typeOf<const T extends string>(type: T, expects: string, description: string) {
  return described(z.literal(type), { description }, { expects, form: 'choice' });
}

/** Gives each item a name: the configured one, else its type, with a number from the second of its type on. */
function named<T extends { readonly type: string; readonly name?: string }>(list: readonly T[]) {
  return list.map((item, index) => {
    const earlier = list.slice(0, index).filter(({ type }) => type === item.type).length;
    return { ...item, name: item.name ?? (earlier === 0 ? item.type : `${item.type}-${earlier + 1}`) };
  });
}

const AUTO = 'auto';

const community = () =>
  z.exactOptional(
    secretText({
      description: 'Community in clear text; prefer communityFile.',
      expects: 'a community (one line, without spaces at its ends)',
    }),
  );

const communityFile = () => z.exactOptional(filePath({ description: 'File that holds the community.' }));

/** YAML reads `version: 3` as a number. */
export const snmpVersion = z
  .preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    choice({ of: ['2c', '3'], default: '2c', description: 'SNMP version: 2c uses communities, 3 uses a user.' }),
  )
  .prefault('2c');

/** SNMPv2c by community, or SNMPv3 by the user-based security model (RFC 3414), for sources and traps. */
const snmpAccess = {
  version: snmpVersion,
  community: community(),
  communityFile: communityFile(),
  user: z.exactOptional(text({ description: 'SNMPv3 user.', expects: 'a user name', max: 32 })),
  authProtocol: choice({
    of: ['none', 'md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'],
    default: 'sha256',
    description: 'Authentication protocol of the SNMPv3 user.',
  }),
  authPasswordFile: z.exactOptional(filePath({ description: "File that holds the SNMPv3 user's authentication passphrase." })),
  privProtocol: choice({
    of: ['none', 'des', 'aes', 'aes256b', 'aes256r'],
    default: 'aes',
    description:
      'Encryption protocol of the SNMPv3 user: aes is AES-128, aes256r is AES-256 with the key extension of Cisco and EOS, aes256b with that of Net-SNMP.',
  }),
  privPasswordFile: z.exactOptional(filePath({ description: "File that holds the SNMPv3 user's encryption passphrase." })),
};

/** A VRF; a name alone stands for a section with that name. */
export const vrf = z
  .preprocess(
    (value) => (typeof value === 'string' ? { name: value } : value),
    z.strictObject({
      name: text({ description: 'Name of the VRF on EOS; the global VRF is "default".', expects: 'the name of a VRF', max: 100 }),
      community: community(),
      communityFile: communityFile(),
      context: z.exactOptional(
        text({ description: "SNMPv3 context of the VRF. Default: the VRF's name.", expects: 'the name of a context', max: 100 }),
      ),
    }),
  )
  .register(settings, { ...section('A VRF.'), expects: 'the name of a VRF, or a section with its name' });

/** Inside, `auto` is the empty list, which a file cannot contain; the transformation restores the name. */
const vrfList = z
  .preprocess((value) => (value === AUTO ? [] : Array.isArray(value) && value.length === 0 ? null : value), z.array(vrf).max(1_024))
  .transform((list) => (list.length === 0 ? AUTO : list))
  .prefault(['default']);

export const vrfs = described(
  vrfList,
  {
    description:
      'VRFs to read, each a name or a section with its own community. The default community of a VRF is COMMUNITY@VRF. auto reads all VRFs that the switch lists.',
  },
  {
    expects: 'auto or a list of VRF names',
    guess: (text) => (/^[A-Za-z][\w.-]*$/.test(text) ? `[${text}]` : /^[\w.-]+$/.test(text) ? `["${text}"]` : undefined),
    form: 'list',
  },
);

const SOURCE_TYPES = 'eapi, snmp or sockets';

/** BGP4-MIB and ARISTA-BGP4V2-MIB over SNMP v2c or v3. */
const snmpSource = z.strictObject({
  type: typeOf('snmp', SOURCE_TYPES, 'SNMP.'),
  name: sourceName(),
  host: hostName({ description: 'Host name or address of the SNMP agent.' }),
  port: wholeNumber({ default: 161, min: 1, max: 65_535, description: 'UDP port of the SNMP agent.' }),
  ...snmpAccess,
  mib: choice({
    of: ['auto', 'bgp4', 'arista'],
    default: 'auto',
    description:
      'Tables to read: BGP4-MIB, ARISTA-BGP4V2-MIB (which has descriptions and 4-octet AS numbers), or the better one that the switch has.',
  }),
  vrfs,
  timeout: sourceTimeout('2s', 'Timeout of one answer, retransmissions included.'),
  pollTimeout: duration({
    default: '40s',
    min: '200ms',
    max: '10m',
    description:
      'Timeout of one poll, in place of collector.timeout. VRFs that were not read by then are failed. The default is what 4,096 neighbors take at 50 ms an answer.',
  }),
  maxRows: wholeNumber({
    default: 8_192,
    min: 16,
    max: 1_000_000,
    unit: 'neighbors',
    description: 'A VRF with more neighbors than this is refused rather than read on.',
  }),
});

/** SHA-256 of the certificate in DER, as `openssl x509 -fingerprint -sha256` prints it; kept in lower case without colons. */
const fingerprint = described(
  z
    .string()
    .regex(/^(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$/)
    .transform((value) => value.replaceAll(':', '').toLowerCase()),
  { description: 'Trust only the certificate with this SHA-256 fingerprint, whatever its issuer.' },
  { expects: 'a SHA-256 fingerprint, 32 bytes in hex, with or without colons', form: 'text' },
);

const tls = z
  .strictObject({
    caFile: z.exactOptional(
      filePath({ description: 'Trust the certificate authorities of this PEM file instead of those of the system.' }),
    ),
    serverName: z.exactOptional(
      text({
        description: 'Name in the certificate, if it differs from the one in url; requires caFile.',
        expects: 'a host name',
        max: 255,
      }),
    ),
    fingerprint: z.exactOptional(fingerprint),
    insecure: yesOrNo({ default: false, description: 'Do not verify the certificate at all. For a lab only.' }),
  })
  .prefault({})
  .register(settings, section('How the certificate of an https:// URL is verified.'));

/** EOS command API, over HTTPS, HTTP, the local Unix socket or EosSdkRpc. */
const eapiSource = z.strictObject({
  type: typeOf('eapi', SOURCE_TYPES, 'EOS command API.'),
  name: sourceName(),
  url: eapiUrl({
    description: 'URL of the command API: https://HOST[:PORT], http://HOST[:PORT], unix:///PATH, or grpc://HOST[:PORT] for EosSdkRpc.',
  }),
  username: z.exactOptional(
    text({
      description: 'EOS user; required for https:// and http://, not used for unix:// and grpc://.',
      expects: 'a user name',
      max: 64,
    }),
  ),
  passwordFile: z.exactOptional(filePath({ description: "File that holds this user's password." })),
  session: choice({
    of: ['basic', 'cookie'],
    default: 'basic',
    description: 'basic sends the credentials with each request; cookie logs in once, which takes load off an AAA server.',
  }),
  tls,
  timeout: sourceTimeout('5s', 'Timeout of one request.'),
});

/** TCP sessions on port 179, as the kernel of the switch has them. */
const socketsSource = z.strictObject({
  type: typeOf('sockets', SOURCE_TYPES, 'Kernel sockets of the switch itself, read by ss in each network namespace.'),
  name: sourceName(),
  folder: systemFolder({ description: 'Folder of the network namespaces; each of its entries is read.', default: '/var/run/netns' }),
  timeout: sourceTimeout('5s', 'Timeout of ss in one namespace.'),
});

const source = z.discriminatedUnion('type', [eapiSource, snmpSource, socketsSource]);

export const sources = described(
  z
    .array(source)
    .min(1)
    .max(8)
    .transform(named)
    .prefault([{ type: 'eapi', url: EOS_COMMAND_API_SOCKET }]),
  {
    description:
      'Sources that read the switch, in order of preference. The first complete answer is used; later sources supply the VRFs that it lacks.',
  },
  { expects: `a list of sources, each with a type of ${SOURCE_TYPES}`, form: 'list' },
);

const WAKE_UP_TYPES = 'bgp-watch or snmp-traps';

/** The BGP peer changes that EosSdkRpc streams. */
const bgpWatch = z.strictObject({
  type: typeOf('bgp-watch', WAKE_UP_TYPES, "EosSdkRpc's stream of BGP peer changes."),
  name: sourceName(),
  address: hostAndPort({ description: 'Address of EosSdkRpc.', default: '127.0.0.1:9543' }),
});

const ipAddress = z.string().refine((value) => isIP(value) !== 0, { error: NOT_AS_EXPECTED });

const senders = described(
  z.array(ipAddress).min(1).max(64),
  { description: 'Source addresses to accept, those that the switch sends from. Default: all.' },
  { expects: 'a list of IP addresses', form: 'list' },
);

/** BGP traps and informs that the switch sends to this host. */
const snmpTraps = z.strictObject({
  type: typeOf('snmp-traps', WAKE_UP_TYPES, 'SNMP notifications of BGP that the switch sends to this host.'),
  name: sourceName(),
  host: text({ description: 'Local address to listen on.', expects: 'an address', max: 255 }).prefault('127.0.0.1'),
  port: wholeNumber({ default: 162, min: 1, max: 65_535, description: 'UDP port to listen on; a port below 1024 requires a privilege.' }),
  ...snmpAccess,
  from: z.exactOptional(senders),
});

const wakeUp = z.discriminatedUnion('type', [bgpWatch, snmpTraps]);

export const wakeUps = described(
  z.array(wakeUp).max(8).transform(named).prefault([]),
  { description: 'Notifications of the switch that trigger a poll at once. Optional: without them, collector.interval applies.' },
  { expects: `a list of wake-ups, each with a type of ${WAKE_UP_TYPES}`, form: 'list' },
);
