import { decodeBase64 } from '../address.ts';
import type { Address } from '../units.ts';
import { Rfc11Instruction, type Rfc11InstructionName } from './instructions.ts';
import { type ResourceTypeName, resourceTypeOfLabel } from './resource-extension.ts';

/** One value that an instruction allocated, or one slot that it freed. */
export interface LoggedSlot {
  /** As logged: `tunnel_net`, `dz_ip`, `tunnel_id`, `tunnel_id_a`, `tunnel_id_b`, `segment_routing_id`, `multicast_ip` or `multicast`. */
  readonly resource: string;
  /** The address, network or number; absent for a freed slot, and where nothing was allocated. */
  readonly value?: string;
  /** Absent where there was none. */
  readonly slot?: number;
}

/**
 * What one log line of the program says.
 * - slot: one bitmap operation of a pool.
 * - allocated, deallocated: all that an instruction took or gave back, once.
 * - marked: SetResourceState.
 * - created, closed, backfilled: accounts.
 * - swept: how many users SweepExpiredUsers marked.
 * - returned: the slot that AllocateResource returns.
 */
export type Rfc11LogDetail =
  | { readonly kind: 'slot'; readonly operation: 'allocate' | 'release'; readonly resource: ResourceTypeName; readonly slot: number }
  | { readonly kind: 'allocated' | 'deallocated'; readonly slots: readonly LoggedSlot[] }
  | { readonly kind: 'marked'; readonly resource: ResourceTypeName; readonly slots: readonly number[] }
  | { readonly kind: 'created' | 'closed' | 'backfilled'; readonly accounts: readonly string[] }
  | { readonly kind: 'contributor'; readonly device: string; readonly from: string; readonly to: string }
  | { readonly kind: 'swept'; readonly users: number }
  | { readonly kind: 'returned'; readonly slot: number };

/** One instruction of RFC-11 in a transaction's logs. */
export interface Rfc11LogEntry {
  readonly instruction: Rfc11InstructionName;
  /** False for an instruction that failed: its details took no effect. Neither did those of the others in its transaction. */
  readonly succeeded: boolean;
  readonly details: readonly Rfc11LogDetail[];
}

const LOG = 'Program log: ';

/**
 * Reads the log lines of a transaction (`meta.logMessages` of getTransaction, `logs` of a subscription), so that an indexer follows allocations
 * without account data. Lines of other programs and lines of unknown form are skipped; logs that the node cut end early. Never throws.
 */
export function parseRfc11Logs(logs: readonly string[], programId: Address): readonly Rfc11LogEntry[] {
  const entries: { instruction: Rfc11InstructionName; succeeded: boolean; details: Rfc11LogDetail[] }[] = [];
  const callers: (readonly [program: string, entry: (typeof entries)[number] | undefined])[] = [];
  let current: (typeof entries)[number] | undefined;
  for (const line of logs) {
    const [, program = '', event = ''] = /^Program (\w{32,44}) (invoke|success|failed)\b/.exec(line) ?? [];
    const top = callers.at(-1);
    if (event === 'invoke') {
      callers.push([program, current]);
      current = undefined;
    } else if (event !== '' && top !== undefined) {
      if (current !== undefined) current.succeeded = event === 'success';
      current = top[1];
      callers.pop();
    } else if (top?.[0] === programId && line.startsWith(LOG)) {
      const text = line.slice(LOG.length);
      const name = instructionOf(text);
      if (name !== undefined) {
        current = { instruction: name, succeeded: false, details: [] };
        entries.push(current);
      } else if (current !== undefined) {
        const detail = detailOf(text);
        if (detail !== undefined) current.details.push(detail);
      }
    } else if (current !== undefined && line.startsWith(`Program return: ${programId} `)) {
      const slot = returnedSlot(line.slice(line.lastIndexOf(' ') + 1));
      if (slot !== undefined) current.details.push({ kind: 'returned', slot });
    }
  }
  return entries;
}

/** The slot that AllocateResource returns: four little-endian bytes of return data, as simulateTransaction and getTransaction give it in base64. */
export function returnedSlot(base64: string): number | undefined {
  const bytes = decodeBase64(base64);
  return bytes?.length === 4 ? new DataView(bytes.buffer).getUint32(0, true) : undefined;
}

function instructionOf(text: string): Rfc11InstructionName | undefined {
  const [, name = ''] = /^Instruction: (\w+)$/.exec(text) ?? [];
  return name in Rfc11Instruction ? (name as Rfc11InstructionName) : undefined;
}

function detailOf(text: string): Rfc11LogDetail | undefined {
  const bitmap = /^(Allocate|Release)Resource: (\w+) slot (\d+)$/.exec(text);
  const resource = resourceTypeOfLabel(bitmap?.[2] ?? /^SetResourceState: (\w+) /.exec(text)?.[1] ?? '');
  if (bitmap !== null && resource !== undefined)
    return { kind: 'slot', operation: bitmap[1] === 'Allocate' ? 'allocate' : 'release', resource, slot: Number(bitmap[3]) };
  const marked = /^SetResourceState: \w+ marked \d+ slots(?:: ([\d, ]+))?(?:; \d+ were taken already)?$/.exec(text);
  if (marked !== null && resource !== undefined) return { kind: 'marked', resource, slots: numbersOf(marked[1] ?? '') };
  if (text.startsWith('Allocated ')) return { kind: 'allocated', slots: parts(text.slice('Allocated '.length)).flatMap(allocatedPart) };
  if (text.startsWith('Deallocated slots: '))
    return { kind: 'deallocated', slots: parts(text.slice('Deallocated slots: '.length)).flatMap(deallocatedPart) };
  const account = /^(Created|Closed|Backfilled)\b/.exec(text)?.[1]?.toLowerCase();
  if (account === 'created' || account === 'closed' || account === 'backfilled')
    return { kind: account, accounts: text.match(/\b[1-9A-HJ-NP-Za-km-z]{32,44}\b/g) ?? [] };
  const [, device, from, to] = /^Contributor of (\w+): (\w+) -> (\w+)$/.exec(text) ?? [];
  if (device !== undefined && from !== undefined && to !== undefined) return { kind: 'contributor', device, from, to };
  const swept = /^Marked (\d+) users as OutOfCredits$/.exec(text);
  return swept === null ? undefined : { kind: 'swept', users: Number(swept[1]) };
}

const parts = (text: string): readonly string[] => text.split(', ');
const numbersOf = (text: string): readonly number[] => (text.match(/\d+/g) ?? []).map(Number);

/** `tunnel_net: 169.254.0.0/31 (slot 0)`; `none` in either place stands for nothing. */
function allocatedPart(part: string): readonly LoggedSlot[] {
  const [, resource, value, slot] = /^(\w+): (\S+)(?: \(slot (\w+)\))?$/.exec(part) ?? [];
  if (resource === undefined || value === undefined) return [];
  return [{ resource, ...(value !== 'none' && { value }), ...slotIn(slot) }];
}

/** `tunnel_id 0`, or `dz_ip none`. */
function deallocatedPart(part: string): readonly LoggedSlot[] {
  const [, resource, slot] = /^(\w+) (\w+)$/.exec(part) ?? [];
  return resource === undefined ? [] : [{ resource, ...slotIn(slot) }];
}

const slotIn = (text: string | undefined): { readonly slot?: number } => (/^\d+$/.test(text ?? '') ? { slot: Number(text) } : {});
