import { createHash } from 'node:crypto';
import { AgentError, type EpochMs, isRecord } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';

/**
 * What may follow `show`, with any words after it: state without configuration, credentials, users or logs. Whole words only, since EOS takes a
 * beginning for the word. `snmp mib` itself walks any MIB, the table of communities too.
 */
const HARMLESS = [
  ...['arp', 'bfd peers', 'bgp instance', 'bgp neighbors', 'bgp summary', 'clock', 'hostname', 'interfaces', 'inventory'],
  ...['ip arp', 'ip bgp', 'ip igmp', 'ip interface', 'ip mroute', 'ip msdp', 'ip pim', 'ip route'],
  ...['ipv6 bgp', 'ipv6 interface', 'ipv6 neighbors', 'ipv6 route', 'isis', 'lldp neighbors', 'mac address-table', 'mpls'],
  ...['ntp status', 'port-channel', 'snmp mib ifmib ifindex', 'system environment', 'uptime', 'version', 'vlan', 'vrf'],
];

/** Printable ASCII without the characters that a command line interprets: pipes, separators, redirections, quotes, expansions. */
const PLAIN = /^show [A-Za-z0-9 ./:_@%+,*()=-]*$/;
const MAX_LENGTH = 200;

/**
 * Why a command must not run, in a few words; undefined for a harmless one. A list from outside must not make the switch do more than show,
 * nor show secrets.
 */
export function problemOfShowCommand(command: string): string | undefined {
  if (command.length > MAX_LENGTH) return `it has more than ${MAX_LENGTH} characters`;
  if (!command.startsWith('show ')) return 'it does not begin with `show `';
  if (!PLAIN.test(command)) return 'it contains more than plain words';
  const words = command.split(' ').filter((word) => word !== '');
  if (words.length === 1) return 'it shows nothing';
  const isHarmless = HARMLESS.some((each) => `${words.slice(1).join(' ')} `.startsWith(`${each} `));
  return isHarmless ? undefined : 'it is not among the commands that may be shown, see docs/snapshots.md';
}

/** The kind of a show command: its words after `show`, joined by dashes, as state-ingest names them (`show ip mroute` is `ip-mroute`). */
function kindOfShowCommand(command: string): string {
  return command
    .replace(/^show /, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

/** What happens to snapshots. Statuses do not depend on it. */
export interface SnapshotReporter {
  /** One snapshot has been stored. `failures` is the number of consecutive rounds in which its kind had failed before. */
  snapshotStored(event: {
    readonly kind: string;
    readonly bytes: number;
    /** From the request to the switch to the end of storing. */
    readonly durationMs: number;
    readonly failures: number;
  }): void;
  /** One kind could not be collected or stored in this round; `failures` counts consecutive rounds, this one included. */
  snapshotFailed(event: { readonly kind: string; readonly error: AgentError; readonly failures: number }): void;
  /** Entries of the list are not collected; reported once for each list with such entries. */
  snapshotRefused(event: { readonly errors: readonly AgentError[] }): void;
  /** The server or the folder fails, reported once for each cause, and recovers. Meanwhile only retries collect. */
  snapshotPlace(event: { readonly place: string; readonly state: 'lost' | 'back'; readonly error?: AgentError }): void;
}

/** One raw state of the device, ready to be stored. */
export interface Snapshot {
  /** Such as `ip-mroute`. */
  readonly kind: string;
  readonly device: Address;
  readonly takenAt: EpochMs;
  /** The JSON that is stored: `{"metadata":{"kind","timestamp","device"},"data":…}`. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, in lower-case hex. */
  readonly sha256: string;
}

/**
 * Wraps the data, byte for byte, in the snapshot format of state-ingest: `data` is JSON, `takenAt` becomes a timestamp in RFC 3339 with whole
 * seconds, UTC.
 */
export function makeSnapshot(input: Omit<Snapshot, 'bytes' | 'sha256'> & { readonly data: Uint8Array }): Snapshot {
  const { kind, device, takenAt, data } = input;
  const metadata = JSON.stringify({ kind, timestamp: rfc3339(takenAt), device });
  const bytes = Buffer.concat([Buffer.from(`{"metadata":${metadata},"data":`), data, Buffer.from('}')]);
  return { kind, device, takenAt, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** RFC 3339 in UTC with whole seconds, such as `2026-03-01T12:34:56Z`. */
export function rfc3339(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** One item to collect. */
export type WantedItem =
  | { readonly type: 'show'; readonly kind: string; readonly command: string }
  /** The kernel's TCP sockets of BGP. */
  | { readonly type: 'bgp-sockets'; readonly kind: typeof BGP_SOCKETS };

export interface WantedState {
  readonly items: readonly WantedItem[];
  /** The entries that are not collected, as `SNAPSHOT__ENTRY_REFUSED`. At most a few, however long the list is. */
  readonly refused: readonly AgentError[];
}

const BGP_SOCKETS = 'bgp-sockets';

/** More than any server asks for; later entries are not collected. */
const MAX_ITEMS = 32;
/** Reported refusals of one list; one more counts the rest. */
const MAX_REFUSALS = 8;
/** A kind is a part of file names and of keys in the storage. */
const KIND = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * Reads a server's list, the answer to `GET /v1/state-to-collect`: `{"show_commands":[{"kind","command"}],"custom":["bgp-sockets"]}`.
 * Undefined for another shape; a malformed or harmful entry is refused alone.
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

type CheckedEntry = { readonly item: WantedItem } | { readonly entry: string; readonly problem: string };

function customItem(entry: unknown): CheckedEntry {
  if (entry === BGP_SOCKETS) return { item: { type: BGP_SOCKETS, kind: BGP_SOCKETS } };
  return { entry: `custom ${named(entry)}`, problem: 'this agent does not know it' };
}

function showItem(entry: unknown): CheckedEntry {
  const { kind, command } = isRecord(entry) ? entry : {};
  if (typeof kind !== 'string' || typeof command !== 'string')
    return { entry: `entry ${named(entry)}`, problem: 'it has no kind and command' };
  if (!KIND.test(kind))
    return { entry: `kind ${named(kind)}`, problem: 'a kind is at most 64 lower-case letters, digits, dashes and dots' };
  const problem = problemOfShowCommand(command);
  return problem === undefined ? { item: { type: 'show', kind, command } } : { entry: `kind ${kind}, ${named(command)},`, problem };
}

function select(entries: readonly CheckedEntry[]): WantedState {
  const items = new Map<string, WantedItem>();
  const refused: AgentError[] = [];
  let unreported = 0;
  let tooMany = 0;
  const refuse = (entry: string, problem: string): void => {
    if (refused.length < MAX_REFUSALS) refused.push(new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry, problem }));
    else unreported += 1;
  };
  for (const each of entries) {
    if (!('item' in each)) refuse(each.entry, each.problem);
    else if (items.has(each.item.kind)) refuse(`kind ${each.item.kind}`, 'it is in the list twice');
    else if (items.size === MAX_ITEMS) tooMany += 1;
    else items.set(each.item.kind, each.item);
  }
  for (const [count, problem] of [
    [unreported, 'for similar reasons'],
    [tooMany, `at most ${MAX_ITEMS} are collected`],
  ] as const) {
    if (count > 0) refused.push(new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry: `the rest of the list (${count})`, problem }));
  }
  return { items: [...items.values()], refused };
}

/** Text from outside in quotes, fit for one line. */
function named(value: unknown): string {
  const text = typeof value === 'string' ? value : typeof value;
  const plain = text.slice(0, 80).replaceAll(/[^\x20-\x7e]+/g, '?');
  return `“${plain}${text.length > 80 ? '…' : ''}”`;
}

/** Go writes an empty list as null. */
function isListOrNull(value: unknown): value is readonly unknown[] | null {
  return value === null || Array.isArray(value);
}

/** Where snapshots go, and the list of what to collect. */
export interface SnapshotSink {
  /** For messages: a server without secrets, or a folder. */
  readonly place: string;
  /** What to collect now. Throws AgentError `SNAPSHOT__SERVER_…`. */
  wanted(signal: AbortSignal): Promise<WantedState>;
  /** Stores one snapshot, or throws AgentError `SNAPSHOT__…`, or the signal's reason. */
  store(snapshot: Snapshot, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
