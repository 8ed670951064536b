import { decodeBase64, isAddress } from './address.ts';
import { AccountType } from './borsh.ts';
import { type Address, ServiceabilityError, type Slot, slot } from './units.ts';
import { createUserDecoder, type User } from './user.ts';

/** Whether the value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * One JSON-RPC request to a node: resolves with its `result`, rejects with whatever went wrong. All that this SDK needs of a transport, so
 * that an application can bring its own with failover, credentials and limits.
 */
export type RpcCall = (method: string, params: readonly unknown[], signal: AbortSignal) => Promise<unknown>;

/** What of an answer to `fetch` is used. */
export interface FetchAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** `fetch`, as narrow as it is needed here. */
export type FetchLike = (
  url: string,
  init: {
    readonly method: 'POST';
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<FetchAnswer>;

/** Settings of fetchRpc. */
export interface FetchRpcOptions {
  /** The global `fetch` unless told. */
  readonly fetch?: FetchLike;
  /** For request and answer together, milliseconds; 10,000 unless told. */
  readonly timeoutMs?: number;
  /** An answer above this many bytes is refused; 64 MiB unless told. */
  readonly maxBytes?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_BYTES = 64 * 1_024 * 1_024;

/**
 * An RpcCall over `fetch` to one node: no retries, no pooling of its own. It rejects with ServiceabilityError: `RPC__HTTP` for a status other
 * than 2xx, `RPC__ERROR` for an error of JSON-RPC, `RPC__BAD_ANSWER` for anything that is no JSON-RPC, `RPC__TIMEOUT`; else with what `fetch`
 * rejects with, or the reason of an aborted signal.
 */
export function fetchRpc(
  url: string,
  { fetch = globalThis.fetch, timeoutMs, maxBytes = DEFAULT_MAX_BYTES }: FetchRpcOptions = {},
): RpcCall {
  const deadlineMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let id = 0;
  return async (method, params, signal) => {
    id += 1;
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    return withDeadline(deadlineMs, new ServiceabilityError('RPC__TIMEOUT', { method, timeoutMs: deadlineMs }), signal, async (inner) => {
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: inner });
      if (!answer.ok) {
        await answer.body?.cancel();
        throw new ServiceabilityError('RPC__HTTP', { method, status: answer.status });
      }
      return readResult(await readText(answer, maxBytes, method), method);
    });
  };
}

/** Ends with the signal or the deadline, whichever is first, and leaves neither a timer nor a listener behind. */
async function withDeadline<T>(ms: number, late: Error, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const inner = new AbortController();
  const onAbort = (): void => inner.abort(signal.reason);
  const timer = setTimeout(() => inner.abort(late), ms);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(inner.signal);
  } catch (error) {
    throw inner.signal.aborted ? inner.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function readText({ body }: FetchAnswer, maxBytes: number, method: string): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let total = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    total += value.length;
    if (total > maxBytes) {
      await reader.cancel();
      throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: `it is longer than ${maxBytes} bytes` });
    }
    text += decoder.decode(value, { stream: true });
  }
}

function readResult(text: string, method: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: 'it is not JSON' });
  }
  if (isRecord(json) && isRecord(json.error)) {
    const { code, message } = json.error;
    throw new ServiceabilityError('RPC__ERROR', { method, code: Number(code), message: String(message).slice(0, 200) });
  }
  if (!isRecord(json) || !('result' in json)) throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: 'it has no result' });
  return json.result;
}

/** Offset of device_pk in a User account (User account layout): what a memcmp filter compares. */
export const USER_DEVICE_OFFSET = 83;

/** How final what is read must be. */
export type Commitment = 'processed' | 'confirmed' | 'finalized';

/** What readUsers reads, and how. */
export interface ReadUsersOptions {
  readonly rpc: RpcCall;
  readonly programId: Address;
  /** Only the users of this device; absent for those of the whole network. */
  readonly device?: Address;
  /** `confirmed` unless told. */
  readonly commitment?: Commitment;
  /** An answer with more users is an error; 65,536 unless told. */
  readonly maxUsers?: number;
}

/** A user and the base64 of its account, by which an unchanged one is known again. */
export interface UserEntry {
  readonly user: User;
  readonly encoded: string;
}

/** The users at a slot. */
export interface UsersAnswer {
  readonly slot: Slot;
  readonly users: ReadonlyMap<Address, UserEntry>;
}

/** The filters of getProgramAccounts and programSubscribe: the type byte (base58 `8` is the byte 07), and the device. */
export function userFilters(device?: Address): readonly unknown[] {
  const type = { memcmp: { offset: 0, bytes: '8' } };
  return device === undefined ? [type] : [type, { memcmp: { offset: USER_DEVICE_OFFSET, bytes: device } }];
}

/**
 * Reads the users of a device or a network (getProgramAccounts with filters). All or nothing: an answer with one account that is no User of
 * this program and device is ServiceabilityError `RPC__BAD_ANSWER`, never a shorter list, so that a missing user is a removed one. What
 * `rpc` rejects with is passed on. Entries of `before` with the same bytes are taken over as they are.
 */
export async function readUsers(
  options: ReadUsersOptions,
  signal: AbortSignal,
  before: ReadonlyMap<Address, UserEntry> = new Map(),
): Promise<UsersAnswer> {
  const { rpc, programId, device, commitment = 'confirmed', maxUsers = 65_536 } = options;
  const config = { encoding: 'base64', commitment, withContext: true, filters: userFilters(device) };
  const result = await rpc('getProgramAccounts', [programId, config], signal);
  const context = isRecord(result) ? result.context : undefined;
  const at = isRecord(context) ? context.slot : undefined;
  const value = isRecord(result) ? result.value : undefined;
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) throw malformed('it has no context with a slot');
  if (!Array.isArray(value)) throw malformed('its value is not a list');
  if (value.length > maxUsers) throw malformed(`it has ${value.length} users, and at most ${maxUsers} are expected`);
  const users = new Map<Address, UserEntry>();
  const decode = createUserDecoder();
  for (const item of value as readonly unknown[]) {
    const pubkey = isRecord(item) ? item.pubkey : undefined;
    const known = typeof pubkey === 'string' ? before.get(pubkey as Address) : undefined;
    if (known === undefined && !isAddress(pubkey)) throw malformed('an account has no address');
    const address = pubkey as Address;
    if (users.has(address)) throw malformed(`account ${address} is listed twice`);
    const encoded = encodedData(item, programId, address);
    users.set(address, known?.encoded === encoded ? known : { encoded, user: decodeOne(encoded, address, device, decode) });
  }
  return { slot: slot(at), users };
}

function encodedData(item: unknown, programId: Address, address: Address): string {
  const account = isRecord(item) ? item.account : undefined;
  if (!isRecord(account) || account.owner !== programId) throw malformed(`account ${address} does not belong to the program`);
  const { data } = account;
  if (!Array.isArray(data) || typeof data[0] !== 'string' || data[1] !== 'base64') throw malformed(`account ${address} is not in base64`);
  return data[0];
}

function decodeOne(encoded: string, address: Address, device: Address | undefined, decode: (data: Uint8Array) => User): User {
  const data = decodeBase64(encoded);
  if (data === undefined) throw malformed(`account ${address} is not in base64`);
  if (data[0] !== AccountType.user) throw malformed(`account ${address} is not a user`);
  const user = decode(data);
  if (device !== undefined && user.devicePk !== device) throw malformed(`account ${address} is a user of another device`);
  return user;
}

function malformed(problem: string): ServiceabilityError {
  return new ServiceabilityError('RPC__BAD_ANSWER', { method: 'getProgramAccounts', problem });
}

/** One difference between what was known of the users and what an answer of `slot` says. */
export type UserChange =
  | { readonly kind: 'added'; readonly address: Address; readonly user: User; readonly slot: Slot }
  | {
      readonly kind: 'changed';
      readonly address: Address;
      readonly user: User;
      readonly before: User;
      /** The fields that differ, in the order of the account; never empty. */
      readonly fields: readonly (keyof User)[];
      readonly slot: Slot;
    }
  | { readonly kind: 'removed'; readonly address: Address; readonly before: User; readonly slot: Slot };

/** The differences from one answer to the next: first what was removed, then what is new or changed in the order of the answer. */
export function userChanges(
  before: ReadonlyMap<Address, UserEntry>,
  after: ReadonlyMap<Address, UserEntry>,
  slot: Slot,
): readonly UserChange[] {
  const changes: UserChange[] = [];
  for (const [address, { user }] of before) {
    if (!after.has(address)) changes.push({ kind: 'removed', address, before: user, slot });
  }
  for (const [address, entry] of after) {
    const former = before.get(address);
    if (former === undefined) changes.push({ kind: 'added', address, user: entry.user, slot });
    else if (former !== entry) {
      const fields = changedFields(former.user, entry.user);
      // Bytes behind the last field that this SDK knows can change alone.
      if (fields.length > 0) changes.push({ kind: 'changed', address, user: entry.user, before: former.user, fields, slot });
    }
  }
  return changes;
}

/** The fields in which two states of a user differ, in the order of the account. */
export function changedFields(before: User, after: User): readonly (keyof User)[] {
  const fields = Object.keys(after) as readonly (keyof User)[];
  return fields.filter((field) => !isSame(before[field], after[field]));
}

function isSame(one: User[keyof User], other: User[keyof User]): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((key, index) => key === other[index]);
  if (typeof one !== 'object' || typeof other !== 'object' || !('prefixLength' in one) || !('prefixLength' in other)) return false;
  return one.address === other.address && one.prefixLength === other.prefixLength;
}

/** Ends after so many milliseconds, or rejects with the signal's reason as soon as it aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** Sleep on the timers of Node or the browser. */
const timerSleep: Sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });

/** Rings that come while nobody waits are not lost; any number of them count as one. */
interface WakeBell {
  /** `slot` is where the news is from, where that is known. */
  ring(slot?: Slot): void;
  /** Forgets the rings so far, and gives the highest slot that they named. */
  take(): Slot | undefined;
  /** Ends after so many milliseconds, at a ring, or when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

function createWakeBell(sleep: Sleep): WakeBell {
  let rung = false;
  let highest: Slot | undefined;
  let nap: AbortController | undefined;
  return {
    ring(slot) {
      rung = true;
      if (slot !== undefined && (highest === undefined || slot > highest)) highest = slot;
      nap?.abort(new Error('there is news'));
    },
    take() {
      const slot = highest;
      rung = false;
      highest = undefined;
      return slot;
    },
    async wait(ms, signal) {
      if (rung || signal.aborted) return;
      const current = new AbortController();
      const onAbort = (): void => current.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      nap = current;
      try {
        await sleep(ms, current.signal);
      } catch (error) {
        if (!current.signal.aborted) throw error;
      } finally {
        nap = undefined;
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

/*
 *   interval ─┐
 *   hint ─────┴─► getProgramAccounts ──► older than the newest? dropped ──► compared with what is known ──► changes
 *
 * Only whole answers are compared, so that nothing is missed however many hints were lost or the connection was away.
 */

/**
 * A source of hints: calls `wake` whenever something may have changed, with the slot where it knows it, until the signal aborts. See
 * subscriptionHint.
 */
export type UserHint = (wake: (slot?: Slot) => void, signal: AbortSignal) => void;

/** What watchUsers watches, and how. */
export interface WatchUsersOptions extends ReadUsersOptions {
  /** Ends the watch, and the iteration with it. */
  readonly signal?: AbortSignal;
  /** Milliseconds from one poll to the next while there is no hint; 5,000 unless told. */
  readonly intervalMs?: number;
  /** Milliseconds between two polls at least, however many hints there are; 250 unless told. */
  readonly minIntervalMs?: number;
  /** Milliseconds after which a poll that failed is repeated at most: 1,000 after the first failure, doubled with each; 60,000 unless told. */
  readonly maxRetryMs?: number;
  readonly hint?: UserHint;
  /** Told of every poll that failed. What it throws ends the watch, and the iteration with that error. Nothing unless told. */
  readonly onError?: (error: unknown) => void;
  /** Timers unless told. */
  readonly sleep?: Sleep;
}

const FIRST_RETRY_MS = 1_000;
/** Polls in a row for a slot that a hint has named and the node has not reached; then the interval goes on. */
const MAX_CHASES = 10;

/**
 * The changes of the users of a device or a network, from the first poll on, in which every user is `added`. A change is a difference between
 * two polls: one that was undone between them is not seen, and several of one user are one. Nothing is polled while the consumer is busy, so
 * that nothing piles up. Ends without an error when the signal aborts; leaving the loop ends it too.
 *
 * Polls that fail are told to `onError` and repeated. An answer of an older slot than one before (a node that is behind) is dropped.
 */
export async function* watchUsers(options: WatchUsersOptions): AsyncGenerator<UserChange, void, void> {
  const { signal, intervalMs = 5_000, minIntervalMs = 250, maxRetryMs = 60_000, sleep = timerSleep, onError } = options;
  const life = new AbortController();
  const bell = createWakeBell(sleep);
  const end = (): void => life.abort(signal?.reason instanceof Error ? signal.reason : new Error('the watch ends'));
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  else options.hint?.((slot) => bell.ring(slot), life.signal);

  let known: ReadonlyMap<Address, UserEntry> = new Map();
  let newest: Slot | undefined;
  let wanted: Slot | undefined;
  let chases = 0;
  let failures = 0;
  try {
    while (!life.signal.aborted) {
      wanted = later(bell.take(), wanted);
      const answer = await poll();
      if (answer === undefined) continue;
      if (newest === undefined || answer.slot >= newest) {
        const changes = userChanges(known, answer.users, answer.slot);
        known = answer.users;
        newest = answer.slot;
        for (const change of changes) {
          if (life.signal.aborted) return;
          yield change;
        }
      }
      await pause(minIntervalMs);
      const behind: boolean = wanted !== undefined && newest < wanted && chases < MAX_CHASES;
      chases = behind ? chases + 1 : 0;
      if (!behind) {
        wanted = undefined;
        await bell.wait(Math.max(0, intervalMs - minIntervalMs), life.signal);
      }
    }
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }

  /** undefined when it failed; then it has waited already. */
  async function poll(): Promise<UsersAnswer | undefined> {
    try {
      const answer = await readUsers(options, life.signal, known);
      failures = 0;
      return answer;
    } catch (error) {
      if (life.signal.aborted) return undefined;
      onError?.(error);
      await pause(Math.min(maxRetryMs, FIRST_RETRY_MS * 2 ** Math.min(failures, 20)));
      failures += 1;
      return undefined;
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, life.signal).catch((error: unknown) => {
      if (!life.signal.aborted) throw error;
    });
  }
}

function later(one: Slot | undefined, other: Slot | undefined): Slot | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

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
