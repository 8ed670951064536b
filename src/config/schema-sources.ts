import { isIP } from 'node:net';
import * as z from 'zod';
import {
  type About,
  about,
  choice,
  duration,
  filePath,
  hostName,
  NOT_AS_EXPECTED,
  type SettingMeta,
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
  if (/^unix:\/\/\/\S+$/.test(url)) return Buffer.byteLength(url) - 'unix://'.length <= MAX_SOCKET_PATH_BYTES ? 'unix' : undefined;
  if (!URL.canParse(url)) return undefined;
  if (url.startsWith('grpc://')) return isHostAndPort(url.slice('grpc://'.length), false) ? 'grpc' : undefined;
  const parsed = new URL(url);
  if (!['', '/', '/command-api'].includes(parsed.pathname) || `${parsed.search}${parsed.hash}` !== '') return undefined;
  return parsed.protocol === 'https:' ? 'https' : parsed.protocol === 'http:' ? 'http' : undefined;
}

function eapiUrl(options: About) {
  return z
    .string()
    .refine((url) => eapiScheme(url) !== undefined, { error: NOT_AS_EXPECTED, abort: true })
    .refine((url) => !hasCredentials(url), { error: 'must not contain a user or password; use username and passwordFile' })
    .register(settings, {
      ...about(options),
      expects: 'an address such as "https://127.0.0.1", "unix:///var/run/command-api.sock" or "grpc://127.0.0.1:9543"',
      form: 'text',
      guess: eapiUrlMeant,
    });
}

function eapiUrlMeant(text: string): string | undefined {
  if (/^\/\S+$/.test(text)) return `"unix://${text}"`;
  return /^[\w.-]+(?::\d{1,5})?\/?$/.test(text) && /[.:]|localhost/.test(text) ? `"https://${text}"` : undefined;
}

/** `host:port`, an IPv6 address in brackets. */
function hostAndPort(options: About & { readonly default: string }) {
  return z
    .string()
    .refine((value) => isHostAndPort(value, true), { error: NOT_AS_EXPECTED })
    .prefault(options.default)
    .register(settings, { ...about(options), expects: `a host and a port such as "${options.default}"`, form: 'text' });
}

function isHostAndPort(value: string, withPort: boolean): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?\/?$/.exec(value) ?? [];
  if (port === undefined) return !withPort && /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)\/?$/.test(value);
  return Number(port) >= 1 && Number(port) <= 65_535;
}

/** Ledger endpoints in order of preference; they may carry an access token and are printed without it. */
export function rpcUrls(options: About) {
  const url = z.string().refine((text) => text.length <= 2_048 && isHttp(text), { error: NOT_AS_EXPECTED });
  const many = z.array(url).min(1).max(8);
  return many
    .refine((urls) => new Set(urls).size === urls.length, { error: 'lists an endpoint twice' })
    .register(settings, { ...about(options), expects: 'a list of one to eight https:// or http:// addresses', form: 'urls' });
}

/** Whether the URL leads to this host itself, so that no network is between. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ['https:', 'http:'].includes(new URL(text).protocol);
}

function hasCredentials(url: string): boolean {
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
const typeOf = (description: string, expects: string): SettingMeta => ({ ...about({ description }), expects, form: 'choice' });

/** Names an item by its type; from the second of its type on, with a number. */
function defaultName(list: readonly { readonly type: string }[], index: number): string {
  const type = list[index]?.type ?? '';
  const earlier = list.slice(0, index).filter((other) => other.type === type).length;
  return earlier === 0 ? type : `${type}-${earlier + 1}`;
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

/** The user-based security model (RFC 3414), for sources and traps. */
const userFields = {
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

/** YAML reads `version: 3` as a number. */
export const snmpVersion = z
  .preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    choice({ of: ['2c', '3'], default: '2c', description: 'SNMP version: 2c uses communities, 3 uses a user.' }),
  )
  .prefault('2c');

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
export const vrfs = z
  .preprocess((value) => (value === AUTO ? [] : Array.isArray(value) && value.length === 0 ? null : value), z.array(vrf).max(1_024))
  .transform((list) => (list.length === 0 ? AUTO : list))
  .prefault(['default'])
  .register(settings, {
    ...about({
      description:
        'VRFs to read, each a name or a section with its own community. The default community of a VRF is COMMUNITY@VRF. auto reads all VRFs that the switch lists.',
    }),
    expects: 'auto or a list of VRF names',
    guess: (text) => (/^[A-Za-z][\w.-]*$/.test(text) ? `[${text}]` : /^[\w.-]+$/.test(text) ? `["${text}"]` : undefined),
    form: 'list',
  });

const SOURCE_TYPES = 'eapi, snmp or sockets';

/** BGP4-MIB and ARISTA-BGP4V2-MIB over SNMP v2c or v3. */
const snmpSource = z.strictObject({
  type: z.literal('snmp').register(settings, typeOf('SNMP.', SOURCE_TYPES)),
  name: sourceName(),
  host: hostName({ description: 'Host name or address of the SNMP agent.' }),
  port: wholeNumber({ default: 161, min: 1, max: 65_535, description: 'UDP port of the SNMP agent.' }),
  version: snmpVersion,
  community: community(),
  communityFile: communityFile(),
  ...userFields,
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
const fingerprint = z
  .string()
  .regex(/^(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$/)
  .transform((value) => value.replaceAll(':', '').toLowerCase())
  .register(settings, {
    ...about({ description: 'Trust only the certificate with this SHA-256 fingerprint, whatever its issuer.' }),
    expects: 'a SHA-256 fingerprint, 32 bytes in hex, with or without colons',
    form: 'text',
  });

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
  type: z.literal('eapi').register(settings, typeOf('EOS command API.', SOURCE_TYPES)),
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
  type: z
    .literal('sockets')
    .register(settings, typeOf('Kernel sockets of the switch itself, read by ss in each network namespace.', SOURCE_TYPES)),
  name: sourceName(),
  folder: systemFolder({ description: 'Folder of the network namespaces; each of its entries is read.', default: '/var/run/netns' }),
  timeout: sourceTimeout('5s', 'Timeout of ss in one namespace.'),
});

const source = z.discriminatedUnion('type', [eapiSource, snmpSource, socketsSource]);

/** Every source has a name: the configured one, else its type, with a number from the second on. */
export const sources = z
  .array(source)
  .min(1)
  .max(8)
  .transform((list) => list.map((item, index) => ({ ...item, name: item.name ?? defaultName(list, index) })))
  .prefault([{ type: 'eapi', url: EOS_COMMAND_API_SOCKET }])
  .register(settings, {
    ...about({
      description:
        'Sources that read the switch, in order of preference. The first complete answer is used; later sources supply the VRFs that it lacks.',
    }),
    expects: 'a list of sources, each with a type of eapi, snmp or sockets',
    form: 'list',
  });

const WAKE_UP_TYPES = 'bgp-watch or snmp-traps';

/** The BGP peer changes that EosSdkRpc streams. */
const bgpWatch = z.strictObject({
  type: z.literal('bgp-watch').register(settings, typeOf("EosSdkRpc's stream of BGP peer changes.", WAKE_UP_TYPES)),
  name: sourceName(),
  address: hostAndPort({ description: 'Address of EosSdkRpc.', default: '127.0.0.1:9543' }),
});

const senders = z
  .array(z.string().refine((value) => isIP(value) !== 0, { error: NOT_AS_EXPECTED }))
  .min(1)
  .max(64)
  .register(settings, {
    ...about({ description: 'Source addresses to accept, those that the switch sends from. Default: all.' }),
    expects: 'a list of IP addresses',
    form: 'list',
  });

/** BGP traps and informs that the switch sends to this host. */
const snmpTraps = z.strictObject({
  type: z.literal('snmp-traps').register(settings, typeOf('SNMP notifications of BGP that the switch sends to this host.', WAKE_UP_TYPES)),
  name: sourceName(),
  host: text({ description: 'Local address to listen on.', expects: 'an address', max: 255 }).prefault('127.0.0.1'),
  port: wholeNumber({ default: 162, min: 1, max: 65_535, description: 'UDP port to listen on; a port below 1024 requires a privilege.' }),
  version: snmpVersion,
  community: community(),
  communityFile: communityFile(),
  ...userFields,
  from: z.exactOptional(senders),
});

const wakeUp = z.discriminatedUnion('type', [bgpWatch, snmpTraps]);

export const wakeUps = z
  .array(wakeUp)
  .max(8)
  .transform((list) => list.map((item, index) => ({ ...item, name: item.name ?? defaultName(list, index) })))
  .prefault([])
  .register(settings, {
    ...about({
      description: 'Notifications of the switch that trigger a poll at once. Optional: without them, collector.interval applies.',
    }),
    expects: `a list of wake-ups, each with a type of ${WAKE_UP_TYPES}`,
    form: 'list',
  });
