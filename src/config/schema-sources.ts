import { z } from 'zod';
import { EOS_COMMAND_API_SOCKET, eapiUrl } from './endpoints.ts';
import {
  about,
  choice,
  duration,
  filePath,
  type SettingMeta,
  secretText,
  section,
  settings,
  text,
  wholeNumber,
  yesOrNo,
} from './setting.ts';

const sourceName = () =>
  z.exactOptional(
    text({
      description: 'Name in logs and metrics; by default the type, numbered when it occurs more than once.',
      expects: 'a short name',
      max: 40,
    }),
  );

const sourceTimeout = (standard: string, description: string) => duration({ default: standard, min: '100ms', max: '1m', description });

const sourceType = (description: string): SettingMeta => ({ ...about({ description }), expects: 'eapi or snmp', form: 'choice' });

/** SHA-256 of the certificate in DER, as `openssl x509 -fingerprint -sha256` prints it; kept in lower case without colons. */
const fingerprint = z
  .string()
  .regex(/^(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$/)
  .transform((value) => value.replaceAll(':', '').toLowerCase())
  .register(settings, {
    ...about({ description: 'Trust exactly the certificate with this SHA-256 fingerprint, whoever signed it.' }),
    expects: 'a SHA-256 fingerprint, 32 bytes in hex, with or without colons',
    form: 'text',
  });

const tls = z
  .strictObject({
    caFile: z.exactOptional(
      filePath({ description: 'Trust certificates signed by an authority of this PEM file, instead of those of the system.' }),
    ),
    serverName: z.exactOptional(
      text({ description: 'The name in the certificate, where it is not the one in url; needs caFile.', expects: 'a host name', max: 255 }),
    ),
    fingerprint: z.exactOptional(fingerprint),
    insecure: yesOrNo({ default: false, description: 'Do not verify the certificate at all. For a lab only.' }),
  })
  .prefault({})
  .register(settings, section('How the certificate of an https:// address is verified.'));

/** EOS command API, over HTTPS, HTTP or the local Unix socket. */
export const eapiSource = z.strictObject({
  type: z.literal('eapi').register(settings, sourceType('EOS command API.')),
  name: sourceName(),
  url: eapiUrl({ description: 'Address of the command API: https://HOST[:PORT], http://HOST[:PORT] or unix:///PATH.' }),
  username: z.exactOptional(
    text({ description: 'EOS user; needed for https:// and http://, unused for unix://.', expects: 'a user name', max: 64 }),
  ),
  passwordFile: z.exactOptional(filePath({ description: "File that holds this user's password." })),
  session: choice({
    of: ['basic', 'cookie'],
    default: 'basic',
    description: 'basic sends the credentials with each request; cookie logs in once, which spares an AAA server.',
  }),
  tls,
  timeout: sourceTimeout('5s', 'Longest wait for one answer.'),
});

const community = () =>
  z.exactOptional(
    secretText({
      description: 'Community in clear text; prefer communityFile.',
      expects: 'a community (one line, without spaces at its ends)',
    }),
  );

const communityFile = () => z.exactOptional(filePath({ description: 'File that holds the community.' }));

/** A VRF; a name alone stands for a section with that name. */
export const vrf = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z.strictObject({
    name: text({ description: 'VRF as EOS names it; the global one is "default".', expects: 'the name of a VRF', max: 100 }),
    community: community(),
    communityFile: communityFile(),
  }),
);

const vrfs = z
  .array(vrf)
  .min(1)
  .max(1_024)
  .prefault(['default'])
  .register(settings, {
    ...about({ description: 'VRFs to read, each a name or a section with a community of its own; without one, COMMUNITY@VRF is asked.' }),
    expects: 'a list of VRF names',
    form: 'list',
  });

/** BGP4-MIB and ARISTA-BGP4V2-MIB over SNMP v2c. */
export const snmpSource = z.strictObject({
  type: z.literal('snmp').register(settings, sourceType('SNMP v2c.')),
  name: sourceName(),
  host: text({ description: 'Host name or address of the SNMP agent.', expects: 'a host name or address', max: 255 }),
  port: wholeNumber({ default: 161, min: 1, max: 65_535, description: 'UDP port of the SNMP agent.' }),
  version: choice({ of: ['2c'], default: '2c', description: 'Version of the protocol.' }),
  community: community(),
  communityFile: communityFile(),
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

const source = z.discriminatedUnion('type', [eapiSource, snmpSource]);

/** Gives every source its name: what is written, else its type, else its type and a number. */
export const sources = z
  .array(source)
  .min(1)
  .max(8)
  .transform((list) => list.map((item, index) => ({ ...item, name: item.name ?? defaultName(list, index) })))
  .prefault([{ type: 'eapi', url: EOS_COMMAND_API_SOCKET }])
  .register(settings, {
    ...about({ description: 'Ways to read the switch, in order: the first complete answer wins, the others fill the VRFs that it lacks.' }),
    expects: 'a list of sources, each with a type of eapi or snmp',
    form: 'list',
  });

function defaultName(list: readonly { readonly type: string }[], index: number): string {
  const type = list[index]?.type ?? '';
  const earlier = list.slice(0, index).filter((other) => other.type === type).length;
  return earlier === 0 ? type : `${type}-${earlier + 1}`;
}
