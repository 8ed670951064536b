import type { AgentReporter } from '../agent/events.ts';
import type { Observation, StatusIntent, UserOutcome } from '../bgp/index.ts';
import { type Clock, systemClock } from '../lib/index.ts';
import type { LogFields, Logger } from './logger.ts';

type SnapshotEvent = 'snapshotStored' | 'snapshotFailed' | 'snapshotRefused' | 'snapshotPlace';

/** A kind that goes on failing is told again so many rounds later, so that it is not forgotten: once an hour at the usual interval. */
const REMIND_AFTER = 60;
/** What breaks the switch or the folder breaks every kind of a round: one of them speaks for the others that fail alike meanwhile. */
const ALIKE_MS = 60_000;

/** One line when something about snapshots changes; what stays as it is, and what another kind has told, goes to debug. */
function createSnapshotLog(logger: Logger, clock: Pick<Clock, 'monotonic'>): Pick<AgentReporter, SnapshotEvent> {
  /** Kinds whose failure was told, so that their return is. */
  const told = new Set<string>();
  /** Until when a failure of this code was told by some kind. */
  const quietUntil = new Map<string, number>();
  return {
    snapshotStored({ kind, bytes, durationMs, failures }) {
      if (told.delete(kind)) logger.info('snapshots are stored again', { kind, bytes, failures });
      else logger.debug('snapshot stored', { kind, bytes, durationMs: Math.round(durationMs) });
    },
    snapshotFailed({ kind, error, failures }) {
      const isDue = failures % REMIND_AFTER === 1;
      const isNews = isDue && clock.monotonic() >= (quietUntil.get(error.code) ?? Number.NEGATIVE_INFINITY);
      if (isNews) {
        told.add(kind);
        quietUntil.set(error.code, clock.monotonic() + ALIKE_MS);
      }
      logger[isNews ? 'warn' : 'debug']('a snapshot failed, and others may alike; statuses do not depend on them', {
        kind,
        error,
        failures,
      });
    },
    snapshotRefused({ errors }) {
      for (const error of errors) logger.warn('not everything that is asked for is collected', { error });
    },
    snapshotPlace({ place, state, error }) {
      if (state === 'back') logger.info('snapshots are taken again', { place });
      else logger.warn('snapshots rest; statuses do not depend on them', { place, ...(error === undefined ? {} : { error }) });
    },
  };
}

/** Facts of one write. */
function writeFields({ user, from, to, reason, neighbor, rttNs }: StatusIntent): LogFields {
  return {
    user,
    from,
    to,
    reason,
    ...(neighbor === undefined ? {} : { vrf: neighbor.vrf, peer: neighbor.address }),
    ...(rttNs > 0n ? { rttNs } : {}),
  };
}

/** Reasons that are about one user and for a person to look at; the others are about the switch, and told of the switch. */
const WORTH_A_LINE: ReadonlySet<string> = new Set([
  'tunnel-net-invalid',
  'tunnel-net-shared',
  'neighbor-of-another-user',
  'state-unrecognized',
]);

/** `switch-not-read` has a line of its own. */
const ABOUT_THE_SWITCH = ['vrf-not-collected', 'no-neighbors-at-all', 'mass-down-unconfirmed'] as const;

const EXPLANATIONS: Readonly<Record<string, string>> = {
  'tunnel-net-invalid': "the user's tunnel_net on the ledger is no IPv4 /31: nothing is reported for it",
  'tunnel-net-shared': 'two users of this device have the same tunnel_net on the ledger: nothing is reported for either',
  'neighbor-of-another-user': "the user's address is configured for another user on the switch: nothing is reported until it is not",
  'state-unrecognized': 'the switch names a BGP state that is not of RFC 4271: nothing is reported for this user',
};

/** Below this many hours of money left, somebody should know. */
const LOW_HOURS = 48;
/** Foreign writes come in swarms; one line an hour tells of all. */
const FOREIGN_QUIET_MS = 3_600_000;

/** Writes one line a change of state, none a tick: what an operator reads at 3 a.m. */
export function createLogReporter(logger: Logger, clock: Pick<Clock, 'monotonic'> = systemClock): AgentReporter {
  /** Reasons that are about the switch and not about one user: told when they begin and when they end, with how many it concerns. */
  const held = new Map<string, number>();
  const tellHeld = (outcomes: ReadonlyMap<string, UserOutcome>, failedVrfs: ReadonlyMap<string, string> | undefined): void => {
    for (const because of ABOUT_THE_SWITCH) {
      const users = [...outcomes.values()].filter(({ observation }) => observation.kind === 'unobserved' && observation.reason === because);
      const before = held.get(because) ?? 0;
      held.set(because, users.length);
      if (before === 0 && users.length > 0) {
        const vrfs = [...new Set(users.map(({ entry }) => entry.expectedVrf ?? 'unknown'))];
        const [problem] = because === 'vrf-not-collected' ? vrfs.flatMap((vrf) => failedVrfs?.get(vrf) ?? []) : [];
        logger.warn('users cannot be observed: nothing is reported for them', {
          because,
          users: users.length,
          vrfs,
          ...(problem === undefined ? {} : { problem }),
          remedy: 'compare `show ip bgp summary vrf all` on the switch',
        });
      } else if (before > 0 && users.length === 0 && outcomes.size > 0)
        logger.info('users that were held are observed again', { heldBecause: because });
    }
  };
  let wasRead: boolean | undefined;
  let wasLow = false;
  let foreignQuietUntil = Number.NEGATIVE_INFINITY;
  const foreign = new Set<string>();
  return {
    ...createSnapshotLog(logger, clock),
    tick({ switchRead, durationMs, outcomes, intents, viewSlot, failedVrfs }) {
      logger.debug('tick', {
        durationMs: Math.round(durationMs),
        users: outcomes.size,
        intents: intents.length,
        switchRead,
        ...(viewSlot === undefined ? {} : { slot: viewSlot }),
      });
      tellHeld(outcomes, failedVrfs);
      if (wasRead === switchRead) return;
      if (!switchRead) logger.error('no source could read the switch: no status is decided until one can');
      else if (wasRead === false) logger.info('the switch is read again');
      wasRead = switchRead;
    },
    observed({ user, before, outcome }) {
      logObservation(logger, user, before, outcome);
    },
    massDown({ wentDown, wereUp, confirmed }) {
      const fields = { wentDown, wereUp, confirmed };
      if (confirmed === wentDown) logger.warn('most sessions went down at once, and a second poll confirms it', fields);
      else logger.warn('most sessions read down at once, and a second poll does not confirm all of it: those are held', fields);
    },
    ledgerView({ state, error }) {
      if (state === 'back') logger.info('the users are read from the ledger again');
      else if (state === 'set-back')
        logger.warn('the ledger was set back, or had been misread: what is older than what was known has been all it says for two minutes');
      else if (state === 'too-old') logger.error('what is known of the ledger is too old: nothing is decided until it can be read');
      else logger.warn('the users cannot be read from the ledger; nothing is written meanwhile', error === undefined ? {} : { error });
    },
    polled: () => undefined,
    source({ source, state, error }) {
      if (state === 'back') logger.info('source is back', { source });
      else logger.warn('source is lost', { source, ...(error === undefined ? {} : { error }) });
    },
    trigger(event) {
      const { kind, source } = event;
      switch (kind) {
        case 'woke':
        case 'held-back':
          logger.debug(kind === 'woke' ? 'woken by the switch' : 'a wake-up is held back', { source });
          break;
        case 'storm':
          logger.warn('the switch tells of more changes than are followed at once; the poll goes on at its interval', {
            source,
            maxPerMinute: event.maxPerMinute,
          });
          break;
        case 'lost':
          logger.warn('wake-ups are lost; changes are seen at the next poll', { source, error: event.error });
          break;
        case 'back':
          logger.info('wake-ups are back', { source });
          break;
      }
    },
    endpoint({ endpoint, state, error }) {
      if (state === 'back') logger.info('ledger endpoint is back', { endpoint });
      else logger.warn('ledger endpoint is lost', { endpoint, ...(error === undefined ? {} : { error }) });
    },
    authorized({ device, code, publisher }) {
      logger.info('reporting for device', { device, code, publisher });
    },
    balance({ lamports, hoursToEmpty, publisher }) {
      logger.debug('balance', { publisher, lamports });
      const isLow = hoursToEmpty < LOW_HOURS;
      if (isLow === wasLow) return;
      wasLow = isLow;
      if (isLow)
        logger.warn('the metrics publisher runs out of SOL', {
          publisher,
          lamports,
          hoursToEmpty: Math.round(hoursToEmpty),
          remedy: 'send SOL of the DoubleZero ledger to the publisher',
        });
      else logger.info('the metrics publisher has SOL for days again', { publisher, lamports });
    },
    damping({ user, state, penalty, msUntilReuse }) {
      const fields = { user, penalty: Math.round(penalty) };
      if (state === 'free') logger.info('user is calm again', fields);
      else
        logger.warn('user flaps more than damping tolerates; damping.mode enforce alone holds it back', {
          ...fields,
          freeInMinutes: Math.ceil(msUntilReuse / 60_000),
        });
    },
    foreignWrites({ users }) {
      for (const user of users) foreign.add(user);
      if (clock.monotonic() < foreignQuietUntil) return;
      foreignQuietUntil = clock.monotonic() + FOREIGN_QUIET_MS;
      logger.warn('another writer reports for this device: is a second agent running with its key?', {
        users: foreign.size,
        for: users[0],
      });
      foreign.clear();
    },
    sent({ signature, intents }) {
      logger.debug('transaction sent', { signature, users: intents.length });
    },
    confirmed({ intent, signature, slot, latencyMs }) {
      logger.info('status written', { ...writeFields(intent), signature, slot, latencyMs: Math.round(latencyMs) });
    },
    rejected({ intent, signature, error }) {
      logger.error('status rejected; tried again at once when the account changes, else later', {
        ...writeFields(intent),
        signature,
        error,
      });
    },
    expired({ signature, intents }) {
      logger.warn('transaction expired without landing; its users are decided anew', { signature, users: intents.length });
    },
    failed({ signature, intents, error }) {
      logger.warn('transaction failed; its users are written again', { signature, users: intents.length, error });
    },
    rebroadcast({ signature }) {
      logger.debug('transaction sent again', { signature });
    },
    withdrawn({ signature, intents }) {
      logger.debug('transaction withdrawn: it cannot land', { signature, users: intents.length });
    },
    halted(error) {
      logger.error('nothing is written until this is mended', { error });
    },
    budget({ allowance }) {
      if (allowance === 'everything') logger.info('the spending limit has room again');
      else if (allowance === 'changes') logger.warn('the spending limit is nearly used up: only changes are written, refreshes wait');
      else
        logger.error(
          'the spending limit is used up: nothing is written until it has room; see worker.maxTransactionsPerMinute and worker.maxLamportsPerDay',
        );
    },
    resumed() {
      logger.info('writing again');
    },
    internalError(error) {
      logger.error('a defect of the agent, survived; please report it', {
        error: error instanceof Error ? error : new Error(String(error)),
      });
    },
  };
}

function logObservation(logger: Logger, user: string, before: Observation | undefined, { observation, newFlaps }: UserOutcome): void {
  if (observation.kind === 'unobserved') {
    if (WORTH_A_LINE.has(observation.reason))
      logger.warn(EXPLANATIONS[observation.reason] ?? observation.reason, { user, because: observation.reason });
    return;
  }
  const at =
    observation.at === undefined ? {} : { vrf: observation.at.vrf, peer: observation.at.address, state: observation.at.neighbor.state };
  // What was so before this process looked, or went on while it could not look, is no news.
  if (before === undefined || newFlaps === 0) logger.debug(`session is ${observation.kind}`, { user, ...at });
  else logger.info(`session is ${observation.kind}`, { user, ...at });
}
