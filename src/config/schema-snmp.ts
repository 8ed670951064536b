import { z } from 'zod';
import { sourceName, sourceTimeout, typeOf } from './schema-items.ts';
import { about, choice, filePath, hostName, secretText, settings, text, wholeNumber } from './setting.ts';

const AUTO = 'auto';

export const community = () =>
  z.exactOptional(
    secretText({
      description: 'Community in clear text; prefer communityFile.',
      expects: 'a community (one line, without spaces at its ends)',
    }),
  );

export const communityFile = () => z.exactOptional(filePath({ description: 'File that holds the community.' }));

/** The user-based security model (RFC 3414), for a source and for traps alike. */
export const userFields = {
  user: z.exactOptional(text({ description: 'SNMPv3 user.', expects: 'a user name', max: 32 })),
  authProtocol: choice({
    of: ['none', 'md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'],
    default: 'sha256',
    description: 'How the SNMPv3 user is authenticated.',
  }),
  authPasswordFile: z.exactOptional(filePath({ description: "File that holds the SNMPv3 user's authentication passphrase." })),
  privProtocol: choice({
    of: ['none', 'des', 'aes', 'aes256b', 'aes256r'],
    default: 'aes',
    description:
      'How SNMPv3 messages are encrypted: aes is AES-128, aes256r is AES-256 as Cisco and EOS extend its key, aes256b as Net-SNMP does.',
  }),
  privPasswordFile: z.exactOptional(filePath({ description: "File that holds the SNMPv3 user's encryption passphrase." })),
};

/** YAML takes `version: 3` for a number. */
export const snmpVersion = z
  .preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    choice({ of: ['2c', '3'], default: '2c', description: 'Version of SNMP: 2c with communities, 3 with a user.' }),
  )
  .prefault('2c');

/** A VRF; a name alone stands for a section with that name. */
export const vrf = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z.strictObject({
    name: text({ description: 'VRF as EOS names it; the global one is "default".', expects: 'the name of a VRF', max: 100 }),
    community: community(),
    communityFile: communityFile(),
    context: z.exactOptional(
      text({ description: "SNMPv3 context of the VRF; by default the VRF's name.", expects: 'the name of a context', max: 100 }),
    ),
  }),
);

/** `auto` is kept as the list without an entry, which cannot be written; the transformation gives it its name back. */
export const vrfs = z
  .preprocess((value) => (value === AUTO ? [] : Array.isArray(value) && value.length === 0 ? null : value), z.array(vrf).max(1_024))
  .transform((list) => (list.length === 0 ? AUTO : list))
  .prefault(['default'])
  .register(settings, {
    ...about({
      description:
        'VRFs to read, each a name or a section with a community of its own; without one, COMMUNITY@VRF is asked. auto reads those that the switch lists.',
    }),
    expects: 'auto or a list of VRF names',
    guess: (text) => (/^[A-Za-z][\w.-]*$/.test(text) ? `[${text}]` : undefined),
    form: 'list',
  });

/** BGP4-MIB and ARISTA-BGP4V2-MIB over SNMP v2c or v3. */
export const snmpSource = z.strictObject({
  type: z.literal('snmp').register(settings, typeOf('SNMP.', 'eapi, snmp or sockets')),
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
    description: 'Tables to read: BGP4-MIB, ARISTA-BGP4V2-MIB (which has descriptions and 4-octet AS numbers), or what the switch has.',
  }),
  vrfs,
  timeout: sourceTimeout('2s', 'Longest wait for one answer.'),
  maxRows: wholeNumber({
    default: 8_192,
    min: 16,
    max: 1_000_000,
    unit: 'neighbors',
    description: 'A VRF with more neighbors than this is refused rather than read on.',
  }),
});
