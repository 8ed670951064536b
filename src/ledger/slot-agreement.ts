import { AgentError, type Clock, type MonotonicMs } from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { Endpoint } from './endpoint.ts';
import { EndpointFault } from './faults.ts';
import { mostSlotsIn } from './slot-time.ts';

/** Whether the slots that endpoints answer for can be true, judged by time and by one another. */
export interface SlotAgreement {
  /** Notes that an endpoint answered for a slot. Throws EndpointFault when that lies too far behind the others, or ahead of what can be. */
  note(endpoint: Endpoint, slot: Slot): void;
}

/** What one endpoint says. */
interface Claim {
  /** The newest slot of its story. */
  readonly slot: Slot;
  readonly at: MonotonicMs;
  /** Since when its answers tell one story, each no further than time allows from the one before. */
  readonly since: MonotonicMs;
  readonly believed: boolean;
}

/** The newest slot that is believed. */
interface Tip {
  readonly slot: Slot;
  readonly at: MonotonicMs;
  /** Since when it has been followed without a leap that nothing explains. */
  readonly since: MonotonicMs;
  /** When somebody was last heard at it. */
  readonly heardAt: MonotonicMs;
}

/** More slots than this behind the others, and an endpoint's answers are too old to decide by. */
const MOST_SLOTS_BEHIND = 50n;
/** What may lie between two endpoints beyond the time that has passed: a minute of slots. */
const LEEWAY = 150n;
/** Endpoints lag, often, and by up to an hour when they start; none is ahead. Up to this a difference means that the lower one lags. */
const AN_HOUR = 9_000n;
/** What an endpoint said longer ago speaks for nothing any more. */
const RECENT_MS = 60_000;
/** What nobody else says or denies is believed when it was said for so long. */
const PATIENCE_MS = 120_000;
const SLOTS = 'slots';

/**
 * A tip is followed: the newest slot believed so far, and when. It rises with time, at most as fast as slots can pass.
 *
 *   near the tip, or up to an hour above ──► the tip
 *   further above ── most endpoints say so, or it alone for long ──► the tip     else the endpoint is ahead, and set aside
 *   below ── most say so and it is more than an hour, or nobody has spoken for the tip for long ──► the tip: it was set back, or never true
 *         ── another one that serves is above ──► the endpoint lags, and is set aside
 *         ── none is ──► it serves: the last one left is the truth there is
 */
export function createSlotAgreement({ clock, all }: { readonly clock: Clock; readonly all: readonly Endpoint[] }): SlotAgreement {
  const claims = new Map<Endpoint, Claim>();
  let tip: Tip | undefined;

  /** Endpoints that were heard lately, but for this one, whose claims are like this. */
  const others = (endpoint: Endpoint, now: MonotonicMs, isSo: (claim: Claim) => boolean): number =>
    all.filter((other) => {
      const claim = other === endpoint ? undefined : claims.get(other);
      return claim !== undefined && now - claim.at < RECENT_MS && isSo(claim);
    }).length;

  function mayLeap(endpoint: Endpoint, claim: Claim, from: Tip, now: MonotonicMs): boolean {
    const { slot } = claim;
    if (slot <= reach(from, now) + AN_HOUR) return true;
    const against = others(endpoint, now, (other) => slot > reach(other, now));
    const alongside = 1 + others(endpoint, now, (other) => agrees(other, slot, now));
    if (against > alongside) return false;
    return !isProven(from) || (alongside > against && (alongside > 1 || isOld(claim, now)));
  }

  function mayFall(endpoint: Endpoint, slot: Slot, from: Tip, now: MonotonicMs): boolean {
    if (now - from.heardAt >= PATIENCE_MS) return true;
    if (slot + AN_HOUR >= from.slot) return false;
    const against = others(endpoint, now, (other) => slot + LEEWAY < other.slot);
    const alongside = 1 + others(endpoint, now, (other) => agrees(other, slot, now));
    return alongside > 1 && alongside > against;
  }

  /** How far the best of the others that serve is above. */
  function behindOthers(endpoint: Endpoint, slot: Slot, now: MonotonicMs): bigint {
    let most = 0n;
    for (const other of all) {
      const claim = claims.get(other);
      if (other === endpoint || claim === undefined || !claim.believed || !other.serves || now - claim.at >= RECENT_MS) continue;
      if (claim.slot - slot > most) most = claim.slot - slot;
    }
    return most;
  }

  function follow(slot: Slot, now: MonotonicMs, since: MonotonicMs): void {
    tip = { slot, at: now, since, heardAt: now };
  }

  return {
    note(endpoint, slot) {
      const now = clock.monotonic();
      const name = endpoint.url.name;
      const claim = continued(claims.get(endpoint), slot, now);
      claims.set(endpoint, claim);
      if (tip === undefined) follow(slot, now, now);
      else if (slot > reach(tip, now)) {
        if (!mayLeap(endpoint, claim, tip, now)) {
          claims.set(endpoint, { ...claim, believed: false });
          throw setAside(new AgentError('LEDGER__AHEAD', { endpoint: name, slot, slots: slot - tip.slot }));
        }
        follow(slot, now, slot > reach(tip, now) + AN_HOUR ? now : tip.since);
      } else if (slot > tip.slot) follow(slot, now, tip.since);
      else if (slot + MOST_SLOTS_BEHIND >= tip.slot) tip = { ...tip, heardAt: now };
      else if (mayFall(endpoint, slot, tip, now)) follow(slot, now, now);
      else {
        const slots = behindOthers(endpoint, slot, now);
        if (slots > MOST_SLOTS_BEHIND) throw setAside(new AgentError('LEDGER__LAGGING', { endpoint: name, slots }));
      }
      if (endpoint.health.healthy) endpoint.health.succeeded(SLOTS, now);
    },
  };
}

/** The highest slot that an endpoint which was seen at one can have come to by now. */
function reach({ slot, at }: { readonly slot: Slot; readonly at: MonotonicMs }, now: MonotonicMs): bigint {
  return slot + mostSlotsIn(now - at) + LEEWAY;
}

function agrees(claim: Claim, slot: Slot, now: MonotonicMs): boolean {
  return slot + LEEWAY >= claim.slot && slot <= reach(claim, now);
}

function continued(before: Claim | undefined, slot: Slot, now: MonotonicMs): Claim {
  if (before === undefined || !agrees(before, slot, now)) return { slot, at: now, since: now, believed: true };
  return { slot, at: now, since: before.since, believed: true };
}

const isOld = ({ since }: Claim, now: MonotonicMs): boolean => now - since >= PATIENCE_MS;

/** Followed for a while, and moving as long as it was heard. The first answer of all, and a node that stands still, prove nothing. */
const isProven = ({ since, at, heardAt }: Tip): boolean => at - since >= RECENT_MS && heardAt - at < RECENT_MS;

function setAside(error: AgentError): EndpointFault {
  return new EndpointFault(error, { setAside: true, tryNext: true, mayHaveActed: false }, SLOTS);
}
