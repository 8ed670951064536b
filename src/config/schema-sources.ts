import { z } from 'zod';
import { EOS_COMMAND_API_SOCKET, eapiUrl } from './endpoints.ts';
import { defaultName, sourceName, sourceTimeout, typeOf } from './schema-items.ts';
import { snmpSource } from './schema-snmp.ts';
import { about, choice, filePath, section, settings, systemFolder, text, yesOrNo } from './setting.ts';

const SOURCE_TYPES = 'eapi, snmp or sockets';

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

/** EOS command API, over HTTPS, HTTP, the local Unix socket or EosSdkRpc. */
export const eapiSource = z.strictObject({
  type: z.literal('eapi').register(settings, typeOf('EOS command API.', SOURCE_TYPES)),
  name: sourceName(),
  url: eapiUrl({
    description: 'Address of the command API: https://HOST[:PORT], http://HOST[:PORT], unix:///PATH, or grpc://HOST[:PORT] for EosSdkRpc.',
  }),
  username: z.exactOptional(
    text({ description: 'EOS user; needed for https:// and http://, unused for unix:// and grpc://.', expects: 'a user name', max: 64 }),
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

/** TCP sessions on port 179, as the kernel of the switch has them. */
export const socketsSource = z.strictObject({
  type: z
    .literal('sockets')
    .register(settings, typeOf('Kernel sockets, by ss in each network namespace of the switch itself.', SOURCE_TYPES)),
  name: sourceName(),
  folder: systemFolder({ description: 'Folder of the network namespaces; each of its entries is read.', default: '/var/run/netns' }),
  timeout: sourceTimeout('5s', 'Longest wait for ss in one namespace.'),
});

const source = z.discriminatedUnion('type', [eapiSource, snmpSource, socketsSource]);

/** Gives every source its name: what is written, else its type, else its type and a number. */
export const sources = z
  .array(source)
  .min(1)
  .max(8)
  .transform((list) => list.map((item, index) => ({ ...item, name: item.name ?? defaultName(list, index) })))
  .prefault([{ type: 'eapi', url: EOS_COMMAND_API_SOCKET }])
  .register(settings, {
    ...about({ description: 'Ways to read the switch, in order: the first complete answer wins, the others fill the VRFs that it lacks.' }),
    expects: 'a list of sources, each with a type of eapi, snmp or sockets',
    form: 'list',
  });
