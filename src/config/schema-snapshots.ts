import { z } from 'zod';
import { about, choice, duration, filePath, NOT_AS_EXPECTED, section, settings, text, wholeNumber } from './setting.ts';

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
export const snapshotsSection = z
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
