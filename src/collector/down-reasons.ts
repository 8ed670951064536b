import type { Neighbor, NeighborKey, VrfName, VrfReading } from '../bgp/index.ts';
import { type Clock, type MonotonicMs, monotonicMs, withDeadline } from '../lib/index.ts';
import { neighborKeyText } from './collector.ts';

/** EOS's reasons for the state Idle, as its command line shortens them, and what they mean. */
const IDLE: Readonly<Record<string, string>> = {
  Admin: 'Idle(Admin): shut down by configuration',
  NoInterface: 'Idle(NoIf): no interface leads to its address',
  MaxPath: 'Idle(MaxPath): more routes than maximum-routes allows',
};

/** The text of a `peerStateIdleReason`. */
export const idleText = (reason: string): string => IDLE[reason] ?? `Idle(${reason})`;

/** Error codes of a NOTIFICATION (RFC 4271 section 4.5, RFC 7313, RFC 9687), and the subcodes that a peer's configuration causes (RFC 4271, RFC 4486, RFC 9384). */
const ERRORS: Readonly<Record<number, string>> = {
  1: 'Message Header Error',
  2: 'OPEN Message Error',
  3: 'UPDATE Message Error',
  4: 'Hold Timer Expired',
  5: 'Finite State Machine Error',
  6: 'Cease',
  7: 'ROUTE-REFRESH Message Error',
  8: 'Send Hold Timer Expired',
};
const SUBCODES: Readonly<Record<number, readonly string[]>> = {
  2: [
    '',
    'Unsupported Version Number',
    'Bad Peer AS',
    'Bad BGP Identifier',
    'Unsupported Optional Parameter',
    '',
    'Unacceptable Hold Time',
  ],
  6: [
    '',
    'Maximum Number of Prefixes Reached',
    'Administrative Shutdown',
    'Peer De-configured',
    'Administrative Reset',
    'Connection Rejected',
    'Other Configuration Change',
    'Connection Collision Resolution',
    'Out of Resources',
    'Hard Reset',
    'BFD Down',
  ],
};

/** `last notification sent: Hold Timer Expired`; undefined for code 0, which is none. Where the direction is unknown, it is left out. */
export function notificationText(code: number, subcode: number, direction?: 'sent' | 'received'): string | undefined {
  if (code === 0) return undefined;
  const detail = subcode === 0 ? '' : `/${SUBCODES[code]?.[subcode] || `subcode ${subcode}`}`;
  return `last notification${direction === undefined ? '' : ` ${direction}`}: ${ERRORS[code] ?? `code ${code}`}${detail}`;
}

/** A reason costs a poll no longer than this. */
const DEADLINE_MS = 1_000;
/** After a failure. */
const PAUSE_MS = 60_000;
/** A session that stays down may fail in another way by then. */
const AGAIN_MS = 10 * 60_000;

interface Known extends Pick<Neighbor, 'changedAt' | 'establishedTransitions'> {
  readonly readAt: MonotonicMs;
  readonly reason: string | undefined;
}

/** A neighbor to ask about, and what is known of it. */
interface Due {
  readonly key: NeighborKey;
  readonly text: string;
  readonly neighbor: Neighbor;
  readonly before: Known | undefined;
}

/** Asks the switch why neighbors are down; resolves with texts by `neighborKeyText`. */
type ReadReasons = (neighbors: readonly NeighborKey[], signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;

/**
 * Why the neighbors of one source are down, where its poll does not show that. Asks for a few neighbors a poll, those that went down last
 * first, and keeps the answers for as long as a session stays down.
 */
export class DownReasons {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Neighbors asked for in one poll. */
  readonly #most: number;
  #known = new Map<string, Known>();
  #pausedUntil = monotonicMs(0);

  constructor(options: { readonly clock: Pick<Clock, 'monotonic'>; readonly most: number }) {
    this.#clock = options.clock;
    this.#most = options.most;
  }

  /**
   * The readings with the reasons of neighbors that are down. Rejects only when aborted: a failure costs the reasons, never the poll.
   */
  async addTo(vrfs: ReadonlyMap<VrfName, VrfReading>, read: ReadReasons, signal: AbortSignal): Promise<ReadonlyMap<VrfName, VrfReading>> {
    const now = this.#clock.monotonic();
    const due = this.#dueIn(vrfs, now);
    if (due.length > 0 && now >= this.#pausedUntil) await this.#ask(due.slice(0, this.#most), read, now, signal);
    if (this.#known.size === 0) return vrfs;
    return new Map([...vrfs].map(([vrf, reading]) => [vrf, withReasons(vrf, reading, this.#known)]));
  }

  /** The neighbors to ask about, the most urgent first. Keeps what is known only of sessions that are still down, since the same time. */
  #dueIn(vrfs: ReadonlyMap<VrfName, VrfReading>, now: MonotonicMs): readonly Due[] {
    const known = new Map<string, Known>();
    const due: Due[] = [];
    for (const [vrf, reading] of vrfs) {
      if (reading.kind === 'failed') continue;
      for (const neighbor of reading.neighbors.values()) {
        const { address, state, downReason } = neighbor;
        if (state === 'established' || state === 'unrecognized' || downReason !== undefined) continue;
        const text = neighborKeyText({ vrf, address });
        const last = this.#known.get(text);
        const before = last !== undefined && isSameDown(last, neighbor, reading.changedAtToleranceMs) ? last : undefined;
        if (before !== undefined) known.set(text, before);
        if (before === undefined || now - before.readAt >= AGAIN_MS) due.push({ key: { vrf, address }, text, neighbor, before });
      }
    }
    this.#known = known;
    return due.sort(
      (a, b) => (a.before?.readAt ?? 0) - (b.before?.readAt ?? 0) || (b.neighbor.changedAt ?? 0) - (a.neighbor.changedAt ?? 0),
    );
  }

  async #ask(asked: readonly Due[], read: ReadReasons, now: MonotonicMs, signal: AbortSignal): Promise<void> {
    try {
      const keys = asked.map(({ key }) => key);
      const reasons = await withDeadline(DEADLINE_MS, signal, (inner) => read(keys, inner));
      for (const { text, neighbor } of asked) {
        const { changedAt, establishedTransitions } = neighbor;
        this.#known.set(text, { changedAt, establishedTransitions, readAt: now, reason: reasons.get(text) });
      }
    } catch {
      signal.throwIfAborted();
      this.#pausedUntil = monotonicMs(now + PAUSE_MS);
    }
  }
}

function isSameDown(known: Known, { changedAt, establishedTransitions }: Neighbor, toleranceMs: number): boolean {
  return known.establishedTransitions === establishedTransitions && Math.abs((known.changedAt ?? 0) - (changedAt ?? 0)) <= toleranceMs;
}

function withReasons(vrf: VrfName, reading: VrfReading, known: ReadonlyMap<string, Known>): VrfReading {
  if (reading.kind === 'failed') return reading;
  const neighbors = new Map(reading.neighbors);
  for (const [address, neighbor] of neighbors) {
    const downReason = known.get(neighborKeyText({ vrf, address }))?.reason;
    if (downReason !== undefined) neighbors.set(address, { ...neighbor, downReason });
  }
  return { ...reading, neighbors };
}
