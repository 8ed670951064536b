import { type Clock, Stopped } from '../../../../lib/index.ts';
import type { Endpoint } from '../endpoint.ts';
import { createNewsReader, type NewsReader } from './read-news.ts';
import type { Subscription } from './subscription.ts';

export interface SubscriptionHub {
  /** Adds a subscription and returns its number. `notify` gets each value; it is not called before this returns. */
  add(subscription: Subscription, notify: (id: number, result: unknown) => void): number;
  /** False when there is none of this number. */
  remove(id: number): boolean;
  /** Ends the ticking. */
  stop(): void;
}

interface Entry {
  readonly subscription: Subscription;
  readonly notify: (id: number, result: unknown) => void;
}

/** Looks a slot's time has, so that a subscriber hears of a slot soon after it has begun. */
const LOOKS_PER_SLOT = 4;
const SHORTEST_TICK_MS = 5;

/** The subscriptions of one node. The ledger moves when somebody looks, so while there are subscribers the hub looks. */
export function createSubscriptionHub({ endpoint, clock }: { readonly endpoint: Endpoint; readonly clock: Clock }): SubscriptionHub {
  const entries = new Map<number, Entry>();
  const tickMs = Math.max(SHORTEST_TICK_MS, endpoint.bank.slotMs / LOOKS_PER_SLOT);
  let nextId = 0;
  let reader: NewsReader | undefined;
  let ticking: AbortController | undefined;

  function look(): void {
    const news = reader?.read(endpoint.replica());
    for (const [id, { subscription, notify }] of entries) {
      const own = news?.get(subscription.commitment);
      if (own === undefined) continue;
      for (const result of subscription.read(own)) {
        notify(id, result);
        if (subscription.once) entries.delete(id);
      }
    }
  }

  async function tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(tickMs, signal).catch(() => undefined);
      if (!signal.aborted) look();
      if (entries.size === 0) stop();
    }
  }

  function stop(): void {
    ticking?.abort(new Stopped('nobody is subscribed'));
    ticking = undefined;
    reader = undefined;
  }

  return {
    add(subscription, notify) {
      reader ??= createNewsReader();
      // What happened before belongs to those who were there.
      look();
      const id = nextId;
      nextId += 1;
      entries.set(id, { subscription, notify });
      if (ticking === undefined) {
        ticking = new AbortController();
        void tick(ticking.signal);
      }
      return id;
    },
    remove(id) {
      const isThere = entries.delete(id);
      if (entries.size === 0) stop();
      return isThere;
    },
    stop() {
      entries.clear();
      stop();
    },
  };
}
