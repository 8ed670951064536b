import { z } from 'zod';
import { rpcUrls } from './endpoints.ts';
import { sources } from './schema-sources.ts';
import { wakeUps } from './schema-wake-ups.ts';
import { duration, publicKey, section, settings, wholeNumber } from './setting.ts';

/** Reading the ledger. */
export const ledgerSection = z
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
export const collectorSection = z
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
