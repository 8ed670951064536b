import { AgentError } from '../lib/index.ts';
import { kindOfShowCommand, problemOfShowCommand } from './show-command.ts';

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
export const MAX_ITEMS = 32;
/** Refusals that are told of one list; the rest of them is counted in one more. */
const MAX_REFUSALS = 8;
/** A kind is a part of file names and of keys in the storage. */
const KIND = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * Reads a server's list, the answer to `GET /v1/state-to-collect`: `{"show_commands":[{"kind","command"}],"custom":["bgp-sockets"]}`.
 * Undefined when it is no such thing; an entry that makes no sense, or that is not harmless, is refused alone.
 */
export function readStateToCollect(answer: unknown): WantedState | undefined {
  if (!isObject(answer)) return undefined;
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
  const { kind, command } = isObject(entry) ? entry : {};
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Go writes an empty list as null. */
function isListOrNull(value: unknown): value is readonly unknown[] | null {
  return value === null || Array.isArray(value);
}
