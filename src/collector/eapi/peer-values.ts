import { isIP } from 'node:net';
import type { NeighborState } from '../../bgp/index.ts';
import { type EpochMs, epochMs } from '../../lib/index.ts';

/** `peerState` of `show ip bgp summary`; the six of RFC 4271 8.2.2 as EOS writes them. */
const STATES: ReadonlyMap<unknown, NeighborState> = new Map([
  ['Idle', 'idle'],
  ['Connect', 'connect'],
  ['Active', 'active'],
  ['OpenSent', 'open-sent'],
  ['OpenConfirm', 'open-confirm'],
  ['Established', 'established'],
]);

/** Anything but the six, `NotNegotiated` included, is neither up nor down. */
export function readState(value: unknown): NeighborState {
  return STATES.get(value) ?? 'unrecognized';
}

/** An AS number as a number, as decimal text or as asdot text (RFC 5396); undefined for anything else. */
export function readAs(value: unknown): number | undefined {
  if (typeof value === 'number') return isAs(value) ? value : undefined;
  if (typeof value !== 'string' || value.length > 11) return undefined;
  if (/^\d+$/.test(value)) return isAs(Number(value)) ? Number(value) : undefined;
  const [, high, low] = /^(\d+)\.(\d+)$/.exec(value) ?? [];
  if (high === undefined || low === undefined || Number(high) > 0xffff || Number(low) > 0xffff) return undefined;
  const asn = Number(high) * 0x1_0000 + Number(low);
  return isAs(asn) ? asn : undefined;
}

function isAs(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 0xffff_ffff;
}

/** 2100-01-01; a switch that claims a later time has no clock worth reading. */
const LATEST_EPOCH_SECONDS = 4_102_444_800;

/** Epoch seconds, a number or decimal text, in whole milliseconds; undefined for anything else, zero included. */
export function readEpochSeconds(value: unknown): EpochMs | undefined {
  const seconds = typeof value === 'string' && /^\d{1,10}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < LATEST_EPOCH_SECONDS)) return undefined;
  return epochMs(Math.round(seconds * 1_000));
}

/** Text of at most `max` characters; undefined for anything else. */
export function readText(value: unknown, max: number): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= max ? value : undefined;
}

/**
 * Whether this is how EOS names a peer: by an address, with a zone for a link-local one (`fe80::1%Et3`), or by an interface. A text that
 * only looks like an address names nobody.
 */
export function isPeerName(name: string): boolean {
  if (isIP(name) !== 0) return true;
  if (name.length > 100) return false;
  const zone = name.indexOf('%');
  return zone > 0 ? isIP(name.slice(0, zone)) === 6 : /^[A-Z][A-Za-z-]*\d[\d/.]*$/.test(name);
}
