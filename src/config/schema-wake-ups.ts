import { isIP } from 'node:net';
import { z } from 'zod';
import { hostAndPort } from './endpoints.ts';
import { defaultName, sourceName, typeOf } from './schema-items.ts';
import { community, communityFile, snmpVersion, userFields } from './schema-snmp.ts';
import { about, NOT_AS_EXPECTED, settings, text, wholeNumber } from './setting.ts';

const WAKE_UP_TYPES = 'bgp-watch or snmp-traps';

/** The stream of peer changes that EosSdkRpc offers. */
const bgpWatch = z.strictObject({
  type: z.literal('bgp-watch').register(settings, typeOf("EosSdkRpc's stream of BGP peer changes.", WAKE_UP_TYPES)),
  name: sourceName(),
  address: hostAndPort({ description: 'Where EosSdkRpc listens.', default: '127.0.0.1:9543' }),
});

const senders = z
  .array(z.string().refine((value) => isIP(value) !== 0, { error: NOT_AS_EXPECTED }))
  .min(1)
  .max(64)
  .register(settings, {
    ...about({ description: 'Addresses to listen to, those that the switch sends from; without it, to everybody.' }),
    expects: 'a list of IP addresses',
    form: 'list',
  });

/** BGP traps and informs that the switch sends here. */
const snmpTraps = z.strictObject({
  type: z.literal('snmp-traps').register(settings, typeOf('SNMP notifications of BGP that the switch sends here.', WAKE_UP_TYPES)),
  name: sourceName(),
  host: text({ description: 'Local address to listen on.', expects: 'an address', max: 255, default: '127.0.0.1' }),
  port: wholeNumber({ default: 162, min: 1, max: 65_535, description: 'UDP port to listen on; below 1024 takes a privilege.' }),
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
    ...about({ description: 'What makes the next poll come at once, when the switch tells of a change; none of it is needed.' }),
    expects: `a list of wake-ups, each with a type of ${WAKE_UP_TYPES}`,
    form: 'list',
  });
