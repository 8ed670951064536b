import { isRecord } from './json.ts';
import { type Commitment, userFilters } from './read-users.ts';
import { type Address, type Slot, slot } from './units.ts';
import { type Sleep, timerSleep } from './wake-bell.ts';
import type { UserHint } from './watch-users.ts';

/**
 * What of a WebSocket is used; the global one of browsers and Node 22 is one, and so is that of the package `ws`. Events are `never`, so that each of
 * these fits, whatever it calls its own.
 */
export interface WebSocketLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(): void;
}

/** What subscriptionHint subscribes to, and how. */
export interface SubscriptionHintOptions {
  readonly programId: Address;
  /** As for watchUsers. */
  readonly device?: Address;
  /** `confirmed` unless told; the same as the watch's, or polls come too early. */
  readonly commitment?: Commitment;
  /** Opens a connection, such as `() => new WebSocket(url)`. What it throws counts as a connection that failed. */
  readonly connect: () => WebSocketLike;
  /** Milliseconds after which a lost connection is opened again at most: 1,000 at first, doubled with each failure; 30,000 unless told. */
  readonly maxReconnectMs?: number;
  readonly sleep?: Sleep;
}

const FIRST_RECONNECT_MS = 1_000;

/**
 * Hints from programSubscribe. Nodes drop notifications, so what one says is not believed but looked up by a poll; and there is a poll after
 * each connection, for what happened while there was none. Throws nothing: without a connection the watch goes on by its interval.
 */
export function subscriptionHint(options: SubscriptionHintOptions): UserHint {
  return (wake, signal) => {
    void keepConnected(options, wake, signal);
  };
}

async function keepConnected(options: SubscriptionHintOptions, wake: (slot?: Slot) => void, signal: AbortSignal): Promise<void> {
  const { maxReconnectMs = 30_000, sleep = timerSleep } = options;
  let failures = 0;
  while (!signal.aborted) {
    const subscribed = await connectOnce(options, wake, signal);
    failures = subscribed ? 0 : failures + 1;
    await sleep(Math.min(maxReconnectMs, FIRST_RECONNECT_MS * 2 ** Math.min(failures, 20)), signal).catch(() => undefined);
  }
}

/** One connection from its opening to its end; says whether it came to a subscription. */
function connectOnce(
  { programId, device, commitment = 'confirmed', connect }: SubscriptionHintOptions,
  wake: (slot?: Slot) => void,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    let subscribed = false;
    let socket: WebSocketLike | undefined;
    const finish = (): void => {
      signal.removeEventListener('abort', finish);
      if (socket !== undefined) {
        socket.onopen = socket.onmessage = socket.onclose = null;
        // A socket that is closed before it is open reports that as an error, which must not be unhandled.
        socket.onerror = () => undefined;
        quietly(() => socket?.close());
      }
      resolve(subscribed);
    };
    signal.addEventListener('abort', finish, { once: true });
    if (!quietly(() => (socket = connect())) || socket === undefined) {
      finish();
      return;
    }
    socket.onclose = socket.onerror = finish;
    socket.onopen = () => {
      const config = { encoding: 'base64', commitment, filters: userFilters(device) };
      const request = { jsonrpc: '2.0', id: 1, method: 'programSubscribe', params: [programId, config] };
      if (!quietly(() => socket?.send(JSON.stringify(request)))) finish();
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      const news = readNews(data);
      if (news === undefined) return;
      if (news.kind === 'refused') finish();
      else {
        subscribed = true;
        wake(news.slot);
      }
    };
  });
}

/** undefined for a message that is neither a notification nor the answer to the subscription. */
function readNews(data: unknown): { readonly kind: 'news'; readonly slot?: Slot } | { readonly kind: 'refused' } | undefined {
  if (typeof data !== 'string') return undefined;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!isRecord(json)) return undefined;
  if (json.id === 1) return json.error === undefined ? { kind: 'news' } : { kind: 'refused' };
  if (json.method !== 'programNotification' || !isRecord(json.params) || !isRecord(json.params.result)) return undefined;
  const { context } = json.params.result;
  const at = isRecord(context) ? context.slot : undefined;
  return typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 ? { kind: 'news', slot: slot(at) } : { kind: 'news' };
}

/** Runs it and says whether it threw. */
function quietly(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}
