import type { StatusIntent } from '../bgp/index.ts';
import type { Clock } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { AgentStatus, TransactionReport } from './agent-status.ts';

export interface TransactionLog {
  sent(signature: string, intents: readonly StatusIntent[]): void;
  /** How it ended; only the first word about a signature counts. `problem` says why it failed. */
  settled(signature: string, how: 'landed' | 'expired' | 'failed', problem?: string): void;
  counts(): AgentStatus['transactions'];
  /** The newest last. */
  list(): readonly TransactionReport[];
  /** The status that is on its way, by user. */
  inFlight(): ReadonlyMap<Address, string>;
}

/** More than the worker has in flight at once would be history that nobody reads. */
const MOST_KEPT = 100;
/** By then a blockhash has expired for long: whoever followed it does no more. */
const FORGOTTEN_MS = 300_000;

interface Flight {
  readonly sentAt: number;
  readonly intents: readonly StatusIntent[];
}

/** Remembers the transactions in flight, and how the last ones ended. */
export function createTransactionLog(clock: Pick<Clock, 'wall'>): TransactionLog {
  const flights = new Map<string, Flight>();
  const ended: TransactionReport[] = [];
  const counts = { sent: 0, landed: 0, expired: 0, failed: 0 };

  const forgetOld = (): void => {
    for (const [signature, { sentAt }] of flights) if (clock.wall() - sentAt > FORGOTTEN_MS) flights.delete(signature);
  };
  return {
    sent(signature, intents) {
      forgetOld();
      counts.sent += 1;
      flights.set(signature, { sentAt: clock.wall(), intents });
    },
    settled(signature, how, problem) {
      const flight = flights.get(signature);
      if (flight === undefined) return;
      flights.delete(signature);
      counts[how] += 1;
      const { sentAt, intents } = flight;
      ended.push({ signature, users: intents.length, sentAt, state: how, tookMs: clock.wall() - sentAt, problem: problem ?? null });
      if (ended.length > MOST_KEPT) ended.shift();
    },
    counts: () => ({ ...counts }),
    list() {
      forgetOld();
      const flying = [...flights].map(([signature, { sentAt, intents }]): TransactionReport => {
        return { signature, users: intents.length, sentAt, state: 'in-flight', tookMs: null, problem: null };
      });
      return [...ended, ...flying].sort((a, b) => a.sentAt - b.sentAt);
    },
    inFlight() {
      forgetOld();
      return new Map([...flights.values()].flatMap(({ intents }) => intents).map(({ user, to }): [Address, string] => [user, to]));
    },
  };
}
