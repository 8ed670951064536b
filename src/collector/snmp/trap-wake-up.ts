import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { AgentError, backoffDelays, type Clock, describeError, lifeController, type Random, Stopped } from '../../lib/index.ts';
import type { WakeUpSource, WakeUpState } from '../wake-up-source.ts';
import { MalformedDatagram } from './ber.ts';
import { decodeNotification, isBgpNotification } from './notification.ts';
import type { Oid } from './peer-mib.ts';
import type { SnmpCredentials } from './snmp-access.ts';
import { noTraps, type TrapCounts } from './trap-counts.ts';
import type { V3NotificationReader } from './v3-notifications.ts';
import { requireUsable } from './v3-user.ts';

export type TrapWakeUpOptions = SnmpCredentials & {
  /** Its name in the configuration. */
  readonly name: string;
  /** Address of this host to listen at. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Addresses to listen to; to everybody without it. */
  readonly from?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
};

export interface TrapWakeUp extends WakeUpSource {
  /** Where it listens now; undefined while it does not. */
  listening(): { readonly host: string; readonly port: number } | undefined;
  counts(): Readonly<TrapCounts>;
}

/** A reboot of the largest switch sends some 4,000 at once, and the first one is enough. */
const DATAGRAMS_A_SECOND = 500;

/**
 * Hears the switch's traps and informs of BGP, over SNMPv2c with a community or over SNMPv3 from a user:
 *
 *   datagram ──► allowed address? ──► well-formed? ──► community or user? ──► a session of BGP? ──► wake
 *                       └──────────────────┴────────────────────┴──────────────────┴──► counted, ignored
 *
 * A trap is only a hint (rule 1): what it says of the session is not even read, so a forged or repeated one costs a poll, and no more. Throws
 * SNMP__USER_INVALID itself; a socket that cannot be bound is told as lost, with SNMP__TRAPS_UNHEARD, and tried again.
 */
export function createTrapWakeUp(options: TrapWakeUpOptions): TrapWakeUp {
  const { name, host, port, user, community, clock, random } = options;
  if (user !== undefined) requireUsable(user);
  const allowed = options.from === undefined ? undefined : new Set(options.from);
  const counts = noTraps();
  const life = lifeController();
  const shedding = createShedding(clock);
  let listening: { readonly host: string; readonly port: number } | undefined;
  let v3: V3NotificationReader | undefined;
  let started: Promise<void> | undefined;

  /** What the datagram notifies of; a reason for which it is ignored; nothing for a mere question. */
  const read = (datagram: Buffer, from: RemoteInfo, socket: Socket): { readonly what: Oid | undefined } | keyof TrapCounts | undefined => {
    if (v3 !== undefined) {
      const outcome = v3.receive(datagram, from);
      return outcome.kind === 'discovery' ? undefined : outcome.kind === 'notification' ? outcome : outcome.kind;
    }
    try {
      const notification = decodeNotification(datagram);
      if (notification.community !== community) return 'refused';
      if (notification.acknowledgement !== undefined) reply(socket, notification.acknowledgement, from);
      return notification;
    } catch (error) {
      if (error instanceof MalformedDatagram) return 'malformed';
      throw error;
    }
  };

  const onDatagram = (datagram: Buffer, from: RemoteInfo, socket: Socket, onWake: () => void): void => {
    if (allowed?.has(plainAddress(from.address)) === false) {
      counts.strangers += 1;
      return;
    }
    const outcome = shedding.isTooMuch() ? 'shed' : read(datagram, from, socket);
    if (outcome === undefined) return;
    if (typeof outcome === 'string') {
      counts[outcome] += 1;
    } else if (outcome.what === undefined || !isBgpNotification(outcome.what)) {
      counts.unrelated += 1;
    } else {
      counts.woke += 1;
      onWake();
    }
  };

  /** Listens until the socket fails, which it rejects with, or the signal aborts. */
  const listen = async (onWake: () => void, onListening: () => void, signal: AbortSignal): Promise<void> => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    if (user !== undefined) {
      const { createV3NotificationReader } = await import('./v3-notifications.ts');
      v3 = createV3NotificationReader({ user, clock, reply: (message, to) => reply(socket, message, to) });
    }
    try {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => resolve();
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        socket.on('error', reject);
        socket.on('message', (datagram, from) => onDatagram(datagram, from, socket, onWake));
        socket.on('listening', () => {
          const { address, port: bound } = socket.address();
          listening = { host: address, port: bound };
          onListening();
        });
        socket.bind(port, host);
      });
    } finally {
      listening = undefined;
      socket.close();
    }
  };

  const run = async (onWake: () => void, onState: (event: WakeUpState) => void, signal: AbortSignal): Promise<void> => {
    let lost = false;
    let delays = backoffDelays({ baseMs: 1_000, maxMs: 60_000, random });
    const onListening = (): void => {
      if (lost) onState({ state: 'back' });
      lost = false;
      delays = backoffDelays({ baseMs: 1_000, maxMs: 60_000, random });
    };
    while (!signal.aborted) {
      try {
        await listen(onWake, onListening, signal);
      } catch (cause) {
        const error = new AgentError('SNMP__TRAPS_UNHEARD', { endpoint: `${host}:${port}`, problem: describeError(cause) }, { cause });
        if (!lost) onState({ state: 'lost', error });
        lost = true;
        await clock.sleep(delays.next().value, signal).catch(() => undefined);
      }
    }
  };

  return {
    name,
    start(onWake, signal, onState = () => undefined) {
      started ??= run(onWake, onState, AbortSignal.any([signal, life.signal]));
    },
    async close() {
      life.abort(new Stopped('the trap receiver is closed'));
      await started;
    },
    listening: () => listening,
    counts: () => ({ ...counts }),
    leftOut() {
      const { woke: _, ...ignored } = counts;
      return ignored;
    },
  };
}

/** The same address, whether it came over a socket of IPv4 or one of both. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function reply(socket: Socket, message: Buffer, to: { readonly port: number; readonly address: string }): void {
  socket.send(message, to.port, to.address, () => {
    // A sender that misses its answer sends again.
  });
}

/** Counts a second's datagrams. */
function createShedding(clock: Pick<Clock, 'monotonic'>): { isTooMuch(): boolean } {
  let second = 0;
  let inSecond = 0;
  return {
    isTooMuch() {
      const now = Math.floor(clock.monotonic() / 1_000);
      if (now !== second) inSecond = 0;
      second = now;
      inSecond += 1;
      return inSecond > DATAGRAMS_A_SECOND;
    },
  };
}
