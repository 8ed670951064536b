import { isAddress } from './address.ts';
import { AccountType } from './borsh.ts';
import { type Address, decodeBase64, isRecord, ServiceabilityError, type Slot, slot } from './units.ts';
import { createUserDecoder, type User } from './user.ts';

/**
 * One JSON-RPC request to a node: resolves with its `result`, rejects on any failure. The SDK needs nothing else of a transport, so an
 * application can pass its own, with failover, credentials and rate limits.
 */
export type RpcCall = (method: string, params: readonly unknown[], signal: AbortSignal) => Promise<unknown>;

/** The part of a `fetch` response that fetchRpc uses. */
export interface FetchAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** The part of `fetch` that fetchRpc uses. */
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
  /** Default: the global `fetch`. */
  readonly fetch?: FetchLike;
  /** Time limit for request and response, milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Maximum response size, bytes. Default: 64 MiB. */
  readonly maxBytes?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_BYTES = 64 * 1_024 * 1_024;

/**
 * An RpcCall over `fetch` to one node, without retries. Rejects with ServiceabilityError: `RPC__HTTP` for a status other than 2xx,
 * `RPC__ERROR` for a JSON-RPC error, `RPC__BAD_ANSWER` for a response that is not JSON-RPC, `RPC__TIMEOUT`. Otherwise rejects with the error
 * of `fetch`, or with the reason of the aborted signal.
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

/** Aborts the work with the signal or at the deadline; clears its timer and its listener. */
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
  // One buffer that grows: a text of a million chunks of one byte would take 40 times their size.
  let bytes = new Uint8Array(4_096);
  for (let total = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new TextDecoder().decode(bytes.subarray(0, total));
    const start = total;
    total += value.length;
    if (total > maxBytes) {
      await reader.cancel();
      throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: `longer than ${maxBytes} bytes` });
    }
    if (total > bytes.length) {
      const longer = new Uint8Array(Math.max(total, Math.min(2 * bytes.length, maxBytes)));
      longer.set(bytes);
      bytes = longer;
    }
    bytes.set(value, start);
  }
}

/** Three times as deep as any response, and more values than 65,536 users have: JSON.parse takes up to a kilobyte for a level or a value. */
const MAX_LEVELS = 32;
const MAX_VALUES = 1_000_000;
const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d];

/** What makes the JSON take too much memory to parse; undefined for text that may be parsed. */
function excessOf(text: string): string | undefined {
  let [levels, values, inText] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) inText = !inText;
    else if (inText) at += code === BACKSLASH ? 1 : 0;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) levels--;
    else if (code === COMMA) values++;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values++;
      if (++levels > MAX_LEVELS) return `nested deeper than ${MAX_LEVELS} levels`;
    }
    if (values > MAX_VALUES) return `more than ${MAX_VALUES} values`;
  }
  return undefined;
}

function readResult(text: string, method: string): unknown {
  const excess = excessOf(text);
  if (excess !== undefined) throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: excess });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: 'not JSON' });
  }
  if (isRecord(json) && isRecord(json.error)) {
    const { code, message } = json.error;
    throw new ServiceabilityError('RPC__ERROR', { method, code: Number(code), message: String(message).slice(0, 200) });
  }
  if (!isRecord(json) || !('result' in json)) throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: 'no result' });
  return json.result;
}

/** Offset of device_pk in a User account, for memcmp filters. */
export const USER_DEVICE_OFFSET = 83;

/** Solana's commitment levels. */
export type Commitment = 'processed' | 'confirmed' | 'finalized';

/** Options of readUsers. */
export interface ReadUsersOptions {
  readonly rpc: RpcCall;
  readonly programId: Address;
  /** Reads only the users of this device; absent for the whole network. */
  readonly device?: Address;
  /** Default: `confirmed`. */
  readonly commitment?: Commitment;
  /** A response with more users is an error. Default: 65,536. */
  readonly maxUsers?: number;
}

/** A user and the base64 of its account, to detect unchanged accounts without decoding. */
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
 * Reads the users of a device or a network (getProgramAccounts with filters). All or nothing: throws ServiceabilityError `RPC__BAD_ANSWER` if
 * any account is not a User of this program and device, so a user missing from the result was removed. Rejections of `rpc` pass through.
 * Reuses entries of `before` whose bytes are unchanged.
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
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) throw malformed('no context with a slot');
  if (!Array.isArray(value)) throw malformed('value is not a list');
  if (value.length > maxUsers) throw malformed(`${value.length} users; the maximum is ${maxUsers}`);
  const users = new Map<Address, UserEntry>();
  const decode = createUserDecoder();
  for (const item of value as readonly unknown[]) {
    const pubkey = isRecord(item) ? item.pubkey : undefined;
    const known = typeof pubkey === 'string' ? before.get(pubkey as Address) : undefined;
    if (known === undefined && !isAddress(pubkey)) throw malformed('an account without an address');
    const address = pubkey as Address;
    if (users.has(address)) throw malformed(`account ${address} is listed twice`);
    const encoded = encodedData(item, programId, address);
    users.set(address, known?.encoded === encoded ? known : { encoded, user: decodeOne(encoded, address, device, decode) });
  }
  return { slot: slot(at), users };
}

function encodedData(item: unknown, programId: Address, address: Address): string {
  const account = isRecord(item) ? item.account : undefined;
  if (!isRecord(account) || account.owner !== programId) throw malformed(`account ${address} has another owner than the program`);
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

/** One difference between two reads of the users; `slot` is the later read's. */
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

/** The differences between two reads: removed users first, then new and changed ones in the order of the later read. */
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
      // Bytes after the last known field can change alone.
      if (fields.length > 0) changes.push({ kind: 'changed', address, user: entry.user, before: former.user, fields, slot });
    }
  }
  return changes;
}

/** The fields that differ between two states of a user, in the order of the account. */
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

/** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
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

/** A condition variable: a trigger that arrives between two waits ends the next wait at once; any number of triggers count as one. */
class Notifier {
  readonly #sleep: Sleep;
  #triggered = false;
  #highest: Slot | undefined;
  #waiting: AbortController | undefined;

  constructor(sleep: Sleep) {
    this.#sleep = sleep;
  }

  /** `slot` is the slot of the change, if known. */
  trigger(slot?: Slot): void {
    this.#triggered = true;
    this.#highest = later(this.#highest, slot);
    this.#waiting?.abort(new Error('triggered'));
  }

  /** Resets the pending triggers and returns their highest slot. */
  take(): Slot | undefined {
    const slot = this.#highest;
    this.#triggered = false;
    this.#highest = undefined;
    return slot;
  }

  /** Resolves after `ms` milliseconds, at a trigger, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#triggered || signal.aborted) return;
    const waiting = new AbortController();
    const onAbort = (): void => waiting.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting = waiting;
    try {
      await this.#sleep(ms, waiting.signal);
    } catch (error) {
      if (!waiting.signal.aborted) throw error;
    } finally {
      this.#waiting = undefined;
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/*
 *   interval ─┐
 *   hint ─────┴─► getProgramAccounts ──► older than the newest? dropped ──► compared with the last read ──► changes
 *
 * Only complete responses are compared, so lost hints and lost connections lose no change.
 */

/**
 * A source of hints: calls `trigger` whenever a user may have changed, with the slot if known, until the signal aborts. See
 * subscriptionHint.
 */
export type UserHint = (trigger: (slot?: Slot) => void, signal: AbortSignal) => void;

/** Options of watchUsers. */
export interface WatchUsersOptions extends ReadUsersOptions {
  /** Ends the watch, and the iteration with it. */
  readonly signal?: AbortSignal;
  /** Poll interval without hints, milliseconds. Default: 5,000. */
  readonly intervalMs?: number;
  /** Minimum time between two polls, milliseconds. Default: 250. */
  readonly minIntervalMs?: number;
  /** Maximum backoff after failed polls, milliseconds: 1,000 after the first failure, doubling with each. Default: 60,000. */
  readonly maxRetryMs?: number;
  readonly hint?: UserHint;
  /** Called with the error of each failed poll. An error that it throws ends the watch and the iteration. */
  readonly onError?: (error: unknown) => void;
  /** Default: setTimeout. */
  readonly sleep?: Sleep;
}

const FIRST_RETRY_MS = 1_000;
/** Maximum consecutive polls for a hinted slot that the node has not reached; then the poll interval applies again. */
const MAX_CHASES = 10;

/**
 * Yields the changes of the users of a device or a network. The first poll reports every user as `added`. A change is a difference between
 * two polls: several changes of one user are one, and a change reverted in between is not seen. Does not poll while the consumer is busy.
 * Ends without an error when the signal aborts or the consumer leaves the loop.
 *
 * Failed polls are passed to `onError` and retried. Responses from an older slot than the newest (a node that lags) are dropped.
 */
export async function* watchUsers(options: WatchUsersOptions): AsyncGenerator<UserChange, void, void> {
  const { signal, intervalMs = 5_000, minIntervalMs = 250, maxRetryMs = 60_000, sleep = timerSleep, onError } = options;
  const stopping = new AbortController();
  const notifier = new Notifier(sleep);
  const end = (): void => stopping.abort(signal?.reason instanceof Error ? signal.reason : new Error('the watch ended'));
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  else options.hint?.((slot) => notifier.trigger(slot), stopping.signal);

  let known: ReadonlyMap<Address, UserEntry> = new Map();
  let newest: Slot | undefined;
  let wanted: Slot | undefined;
  let chases = 0;
  let failures = 0;
  try {
    while (!stopping.signal.aborted) {
      wanted = later(notifier.take(), wanted);
      const answer = await poll();
      if (answer === undefined) continue;
      if (newest === undefined || answer.slot >= newest) {
        const changes = userChanges(known, answer.users, answer.slot);
        known = answer.users;
        newest = answer.slot;
        for (const change of changes) {
          if (stopping.signal.aborted) return;
          yield change;
        }
      }
      await pause(minIntervalMs);
      const behind: boolean = wanted !== undefined && newest < wanted && chases < MAX_CHASES;
      chases = behind ? chases + 1 : 0;
      if (!behind) {
        wanted = undefined;
        await notifier.wait(Math.max(0, intervalMs - minIntervalMs), stopping.signal);
      }
    }
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }

  /** Undefined after a failure and its backoff. */
  async function poll(): Promise<UsersAnswer | undefined> {
    try {
      const answer = await readUsers(options, stopping.signal, known);
      failures = 0;
      return answer;
    } catch (error) {
      if (stopping.signal.aborted) return undefined;
      onError?.(error);
      await pause(Math.min(maxRetryMs, FIRST_RETRY_MS * 2 ** Math.min(failures, 20)));
      failures += 1;
      return undefined;
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    });
  }
}

function later(one: Slot | undefined, other: Slot | undefined): Slot | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

/**
 * The part of a WebSocket that subscriptionHint uses. The global WebSocket of browsers and Node 22 fits, and so does the one of the package
 * `ws`: event types are `never`, because each of them declares its own.
 */
export interface WebSocketLike {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(): void;
}

/** Options of subscriptionHint. */
export interface SubscriptionHintOptions {
  readonly programId: Address;
  /** As for watchUsers. */
  readonly device?: Address;
  /** Default: `confirmed`. Must be the watch's commitment, or polls come too early. */
  readonly commitment?: Commitment;
  /** Opens a connection, such as `() => new WebSocket(url)`. An error that it throws counts as a failed connection. */
  readonly connect: () => WebSocketLike;
  /** Maximum reconnect backoff, milliseconds: 1,000 at first, doubling with each failure. Default: 30,000. */
  readonly maxReconnectMs?: number;
  readonly sleep?: Sleep;
}

const FIRST_RECONNECT_MS = 1_000;
/** A notification has one account. */
const MAX_MESSAGE_LENGTH = 1 << 20;

/**
 * Hints from programSubscribe. Nodes drop notifications, so a notification only triggers a poll, and each new connection triggers one, too.
 * Never throws: without a connection the watch polls at its interval.
 */
export function subscriptionHint(options: SubscriptionHintOptions): UserHint {
  return (trigger, signal) => {
    void keepConnected(options, trigger, signal);
  };
}

async function keepConnected(options: SubscriptionHintOptions, trigger: (slot?: Slot) => void, signal: AbortSignal): Promise<void> {
  const { maxReconnectMs = 30_000, sleep = timerSleep } = options;
  let failures = 0;
  while (!signal.aborted) {
    const subscribed = await connectOnce(options, trigger, signal);
    failures = subscribed ? 0 : failures + 1;
    await sleep(Math.min(maxReconnectMs, FIRST_RECONNECT_MS * 2 ** Math.min(failures, 20)), signal).catch(() => undefined);
  }
}

/** One connection, from open to close; resolves to whether it subscribed. */
function connectOnce(
  { programId, device, commitment = 'confirmed', connect }: SubscriptionHintOptions,
  trigger: (slot?: Slot) => void,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    let subscribed = false;
    let socket: WebSocketLike | undefined;
    const finish = (): void => {
      signal.removeEventListener('abort', finish);
      if (socket !== undefined) {
        socket.onopen = socket.onmessage = socket.onclose = null;
        // A socket closed before it opened emits an error, which must not be unhandled.
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
      const message = readMessage(data);
      if (message === undefined) return;
      if (message.kind === 'refused') finish();
      else {
        subscribed = true;
        trigger(message.slot);
      }
    };
  });
}

/** Undefined for a message that is neither a notification nor the response to the subscription. */
function readMessage(data: unknown): { readonly kind: 'changed'; readonly slot?: Slot } | { readonly kind: 'refused' } | undefined {
  if (typeof data !== 'string' || data.length > MAX_MESSAGE_LENGTH || excessOf(data) !== undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!isRecord(json)) return undefined;
  if (json.id === 1) return json.error === undefined ? { kind: 'changed' } : { kind: 'refused' };
  if (json.method !== 'programNotification' || !isRecord(json.params) || !isRecord(json.params.result)) return undefined;
  const { context } = json.params.result;
  const at = isRecord(context) ? context.slot : undefined;
  return typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 ? { kind: 'changed', slot: slot(at) } : { kind: 'changed' };
}

/** Runs it; false when it threw. */
function quietly(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}
