import type { ReportableStatus, StatusIntent } from '../bgp/index.ts';
import type { Clock, MonotonicMs } from '../platform/index.ts';
import type { WaitingIntent } from '../publisher/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';

export interface DesiredStates {
  /**
   * Replaces all that was wanted by what the newest tick wants: the newest status of each user, and nothing that a tick no longer stands
   * behind (rules 17 and 18). Bounded by the users of the device.
   */
  replace(intents: readonly StatusIntent[], viewSlot: Slot): void;
  /** What may go out now: users in flight wait for their outcome. Not copied: thousands may wait, and each transaction looks through them. */
  waiting(isInFlight: (user: Address) => boolean): Iterable<WaitingIntent>;
  /** The slot of the view that the newest tick decided on: a node from before it may not know a user that exists. */
  readonly viewSlot: Slot | undefined;
  /** Whether any of what is wanted, in the air or not, is like this. */
  some(isSo: (wanted: WaitingIntent) => boolean): boolean;
  /** This status of this user is on the ledger as of `slot`. */
  landed(user: Address, status: ReportableStatus, slot: Slot): void;
  remove(user: Address): void;
  has(user: Address): boolean;
}

/** The newest status that each user should have on the ledger, and what has landed there since the view that asked for it was read. */
export function createDesiredStates(clock: Pick<Clock, 'monotonic'>): DesiredStates {
  let wanted = new Map<Address, WaitingIntent & { readonly since: MonotonicMs }>();
  let decidedAt: Slot | undefined;
  /** Landed after the view of the newest tick was read: that view can't know of them. */
  const landings = new Map<Address, { readonly status: ReportableStatus; readonly slot: Slot }>();
  return {
    get viewSlot() {
      return decidedAt;
    },
    replace(intents, viewSlot) {
      // Views go back only with the ledger itself: what had landed may have gone with it.
      if (decidedAt !== undefined && viewSlot < decidedAt) landings.clear();
      decidedAt = viewSlot;
      for (const [user, { slot }] of landings) {
        if (slot <= viewSlot) landings.delete(user);
      }
      const next: typeof wanted = new Map();
      for (const intent of intents) {
        if (landings.get(intent.user)?.status === intent.to) continue;
        const before = wanted.get(intent.user);
        next.set(intent.user, { intent, since: before?.intent.to === intent.to ? before.since : clock.monotonic() });
      }
      wanted = next;
    },
    *waiting(isInFlight) {
      for (const each of wanted.values()) if (!isInFlight(each.intent.user)) yield each;
    },
    some(isSo) {
      for (const each of wanted.values()) if (isSo(each)) return true;
      return false;
    },
    landed(user, status, slot) {
      landings.set(user, { status, slot });
      if (wanted.get(user)?.intent.to === status) wanted.delete(user);
    },
    remove(user) {
      wanted.delete(user);
    },
    has: (user) => wanted.has(user),
  };
}
