import { z } from 'zod';
import { lamports } from '../serviceability/index.ts';
import { choice, duration, section, settings, share, wholeNumber, yesOrNo } from './setting.ts';

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
export const policySection = z
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
export const workerSection = z
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
export const logSection = z
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
