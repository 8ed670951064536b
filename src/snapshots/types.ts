import { createHash } from 'node:crypto';
import { AgentError, type EpochMs, isRecord } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';

/** The words that may follow `show` where the answer would hold the switch's configuration or its files: keys and passwords are among it. */
const SECRETIVE = ['running-config', 'startup-config', 'session-config', 'configuration', 'archive', 'tech-support', 'file'];

/** Printable ASCII but for what a command line gives a meaning to: pipes, separators, redirections, quotes, expansions. */
const PLAIN = /^show [A-Za-z0-9 ./:_@%+,*()=-]*$/;
const MAX_LENGTH = 200;

/**
 * Why a command may not be run, in a few words; undefined for a harmless one. A list from outside must not be able to make the switch do more
 * than show, nor show what is secret. EOS takes any beginning of a word for the word, so a beginning is refused like the word.
 */
export function problemOfShowCommand(command: string): string | undefined {
  if (command.length > MAX_LENGTH) return `it has more than ${MAX_LENGTH} characters`;
  if (!command.startsWith('show ')) return 'it does not begin with `show `';
  if (!PLAIN.test(command)) return 'it holds more than plain words';
  const words = command.split(' ').filter((word) => word !== '');
  const what = words[1]?.toLowerCase();
  if (what === undefined) return 'it shows nothing';
  const secretive = SECRETIVE.find((word) => word.startsWith(what) || what.startsWith(word));
  return secretive === undefined ? undefined : `\`show ${secretive}\` reveals configuration or files`;
}

/** The kind of a show command: its words after `show`, joined by dashes, as state-ingest names them (`show ip mroute` is `ip-mroute`). */
function kindOfShowCommand(command: string): string {
  return command
    .replace(/^show /, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

/** What happens to snapshots. None of it touches a user's status. */
export interface SnapshotReporter {
  /** One snapshot has been stored. `failures` is how many rounds in a row its kind had failed before. */
  snapshotStored(event: {
    readonly kind: string;
    readonly bytes: number;
    /** From asking the switch to the end of storing. */
    readonly durationMs: number;
    readonly failures: number;
  }): void;
  /** One kind could not be collected or stored in this round; `failures` counts the rounds in a row, this one among them. */
  snapshotFailed(event: { readonly kind: string; readonly error: AgentError; readonly failures: number }): void;
  /** Entries of the list of what to collect are not collected; told once for each list that says so. */
  snapshotRefused(event: { readonly errors: readonly AgentError[] }): void;
  /** The place that takes snapshots is lost, told once a cause, and back. Nothing is collected meanwhile, but for trying again. */
  snapshotPlace(event: { readonly place: string; readonly state: 'lost' | 'back'; readonly error?: AgentError }): void;
}

/** One raw state of the device, ready to be stored. */
export interface Snapshot {
  /** What it is of, such as `ip-mroute`. */
  readonly kind: string;
  readonly device: Address;
  readonly takenAt: EpochMs;
  /** The JSON that is stored: `{"metadata":{"kind","timestamp","device"},"data":…}`. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, in lower-case hex. */
  readonly sha256: string;
}

/** Hashed at once; what is longer is hashed in turns, so that nothing else waits for it. */
const SLICE_BYTES = 1 << 20;

/**
 * Puts the snapshot around the data, which goes in byte for byte (the snapshot format of state-ingest): `data` is JSON, `takenAt` becomes a
 * timestamp in RFC 3339 with whole seconds, UTC.
 */
export async function makeSnapshot(input: Omit<Snapshot, 'bytes' | 'sha256'> & { readonly data: Uint8Array }): Promise<Snapshot> {
  const { kind, device, takenAt, data } = input;
  const metadata = JSON.stringify({ kind, timestamp: rfc3339(takenAt), device });
  const bytes = Buffer.concat([Buffer.from(`{"metadata":${metadata},"data":`), data, Buffer.from('}')]);
  return { kind, device, takenAt, bytes, sha256: await sha256InTurns(bytes) };
}

/** RFC 3339 in UTC with whole seconds, such as `2026-03-01T12:34:56Z`. */
export function rfc3339(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

async function sha256InTurns(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return hash.digest('hex');
}

/** One thing to collect. */
export type WantedItem =
  | { readonly type: 'show'; readonly kind: string; readonly command: string }
  /** The TCP sockets of BGP, as the kernel has them. */
  | { readonly type: 'bgp-sockets'; readonly kind: typeof BGP_SOCKETS };

export interface WantedState {
  readonly items: readonly WantedItem[];
  /** What is not collected, and why: `SNAPSHOT__ENTRY_REFUSED`. At most a few, however long the list is. */
  readonly refused: readonly AgentError[];
}

export const BGP_SOCKETS = 'bgp-sockets';

/** More than any server asks for; what comes after that is not run. */
const MAX_ITEMS = 32;
/** Refusals that are told of one list; the rest of them is counted in one more. */
const MAX_REFUSALS = 8;
/** A kind is a part of file names and of keys in the storage. */
const KIND = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * Reads a server's list, the answer to `GET /v1/state-to-collect`: `{"show_commands":[{"kind","command"}],"custom":["bgp-sockets"]}`.
 * Undefined when it is no such thing; an entry that makes no sense, or that is not harmless, is refused alone.
 */
export function readStateToCollect(answer: unknown): WantedState | undefined {
  if (!isRecord(answer)) return undefined;
  const { show_commands: shows = [], custom = [] } = answer;
  if (!isListOrNull(shows) || !isListOrNull(custom)) return undefined;
  return select([...(custom ?? []).map(customItem), ...(shows ?? []).map(showItem)]);
}

/** Reads the configured list: show commands, and `bgp-sockets`. */
export function readConfiguredState(collect: readonly string[]): WantedState {
  return select(
    collect.map((entry) => (entry === BGP_SOCKETS ? customItem(entry) : showItem({ kind: kindOfShowCommand(entry), command: entry }))),
  );
}

type Judged = { readonly item: WantedItem } | { readonly entry: string; readonly problem: string };

function customItem(entry: unknown): Judged {
  if (entry === BGP_SOCKETS) return { item: { type: BGP_SOCKETS, kind: BGP_SOCKETS } };
  return { entry: `custom ${named(entry)}`, problem: 'it is not known here' };
}

function showItem(entry: unknown): Judged {
  const { kind, command } = isRecord(entry) ? entry : {};
  if (typeof kind !== 'string' || typeof command !== 'string')
    return { entry: `entry ${named(entry)}`, problem: 'it has no kind and command' };
  if (!KIND.test(kind))
    return { entry: `kind ${named(kind)}`, problem: 'a kind is at most 64 lower-case letters, digits, dashes and dots' };
  const problem = problemOfShowCommand(command);
  return problem === undefined ? { item: { type: 'show', kind, command } } : { entry: `kind ${kind}, ${named(command)},`, problem };
}

function select(judged: readonly Judged[]): WantedState {
  const items = new Map<string, WantedItem>();
  const refused: AgentError[] = [];
  let untold = 0;
  let tooMany = 0;
  const refuse = (entry: string, problem: string): void => {
    if (refused.length < MAX_REFUSALS) refused.push(new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry, problem }));
    else untold += 1;
  };
  for (const each of judged) {
    if (!('item' in each)) refuse(each.entry, each.problem);
    else if (items.has(each.item.kind)) refuse(`kind ${each.item.kind}`, 'it is in the list twice');
    else if (items.size === MAX_ITEMS) tooMany += 1;
    else items.set(each.item.kind, each.item);
  }
  const rest = [
    { entry: `so much more (${untold})`, count: untold, problem: 'for reasons such as these' },
    { entry: `so much more (${tooMany})`, count: tooMany, problem: `at most ${MAX_ITEMS} are collected` },
  ].filter(({ count }) => count > 0);
  return {
    items: [...items.values()],
    refused: [...refused, ...rest.map(({ entry, problem }) => new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry, problem }))],
  };
}

/** Foreign text in quotes, made fit for one line. */
function named(value: unknown): string {
  const text = typeof value === 'string' ? value : typeof value;
  const plain = text.slice(0, 80).replaceAll(/[^\x20-\x7e]+/g, '?');
  return `“${plain}${text.length > 80 ? '…' : ''}”`;
}

/** Go writes an empty list as null. */
function isListOrNull(value: unknown): value is readonly unknown[] | null {
  return value === null || Array.isArray(value);
}

/** Where snapshots go, and who says which. */
export interface SnapshotSink {
  /** For messages: a server without anything secret, or a folder. */
  readonly place: string;
  /** What to collect now. Throws AgentError `SNAPSHOT__SERVER_…`. */
  wanted(signal: AbortSignal): Promise<WantedState>;
  /** Stores one snapshot, or throws AgentError `SNAPSHOT__…`, or the signal's reason. */
  store(snapshot: Snapshot, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
