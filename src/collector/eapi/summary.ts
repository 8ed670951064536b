import { isIP } from 'node:net';
import type { Neighbor, NeighborState, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError, type EpochMs, isRecord } from '../../lib/index.ts';
import { idleText } from '../down-reasons.ts';
import { readEpochSeconds, saysNoBgp } from './client.ts';
import { type JsonObject, switchText, typeName } from './json.ts';

export const SUMMARY_COMMAND = 'show ip bgp summary vrf all';

/** `upDownTime` of an unchanged session moves by a microsecond between polls; a flap moves it by more than this (rule 7). */
const CHANGED_AT_TOLERANCE_MS = 1_000;

/** EOS allows 80 characters of description; a longer text is not one. */
const MAX_DESCRIPTION = 256;

interface SummaryOrigin {
  readonly endpoint: string;
  readonly source: string;
  /** The switch's time, where the result does not contain it. */
  readonly switchTime?: EpochMs;
}

export interface Summary {
  readonly vrfs: ReadonlyMap<VrfName, VrfReading>;
  /** How many neighbors are Established. */
  readonly established: number;
}

/**
 * Reads the result of `show ip bgp summary vrf all`:
 * `{vrfs: {<vrf>: {asn, peers: {<address>: {peerState, upDownTime, asn, description?, peerStateIdleReason?}}}}, _meta?}`.
 *
 * A VRF of another shape is failed; a peer of another shape is in an unrecognized state. Throws `EAPI__NO_BGP`, `EAPI__EMPTY` or
 * `EAPI__MALFORMED` when the result says nothing about any neighbor.
 */
export function readSummary(result: JsonObject, { endpoint, source, switchTime }: SummaryOrigin): Summary {
  const warning = Array.isArray(result.warnings) ? result.warnings.find((text) => typeof text === 'string' && saysNoBgp(text)) : undefined;
  if (typeof warning === 'string') throw new AgentError('EAPI__NO_BGP', { endpoint, problem: switchText(warning) });
  if (!isRecord(result.vrfs)) throw new AgentError('EAPI__MALFORMED', { endpoint, problem: `vrfs is ${typeName(result.vrfs)}` });
  const names = Object.keys(result.vrfs);
  if (names.length === 0) throw new AgentError('EAPI__NO_BGP', { endpoint, problem: 'the summary names no VRF' });

  const time = isRecord(result._meta) ? readEpochSeconds(result._meta.execStartTime) : switchTime;
  const vrfs = new Map<VrfName, VrfReading>();
  let established = 0;
  let count = 0;
  let problem: string | undefined;
  for (const name of names) {
    const reading = readVrf(result.vrfs[name], source, time);
    vrfs.set(name, reading);
    if (reading.kind === 'failed') {
      problem ??= `VRF ${switchText(name, 40)}: ${reading.problem}`;
      continue;
    }
    count += reading.neighbors.size;
    for (const { state } of reading.neighbors.values()) if (state === 'established') established += 1;
  }
  if (count === 0 && problem !== undefined) throw new AgentError('EAPI__MALFORMED', { endpoint, problem });
  if (count === 0) throw new AgentError('EAPI__EMPTY', { endpoint });
  return { vrfs, established };
}

function readVrf(value: unknown, source: string, switchTime: EpochMs | undefined): VrfReading {
  if (!isRecord(value)) return { kind: 'failed', source, problem: `it is ${typeName(value)}` };
  const { peers } = value;
  // Some releases leave `peers` out, and no document says whether that means none or unknown: so it is unknown.
  if (!isRecord(peers)) return { kind: 'failed', source, problem: `its peers are ${typeName(peers)}` };
  const neighbors = new Map<string, Neighbor>();
  for (const address of Object.keys(peers)) {
    // It is unknown which neighbor a mangled name meant, so the VRF's list cannot be taken for complete.
    if (!isPeerName(address)) return { kind: 'failed', source, problem: `“${switchText(address, 40)}” is not the address of a peer` };
    neighbors.set(address, readPeer(address, peers[address]));
  }
  return { kind: 'collected', source, neighbors, changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS, switchTime };
}

function readPeer(address: string, value: unknown): Neighbor {
  if (!isRecord(value)) return { address, state: 'unrecognized' };
  const idleReason = readText(value.peerStateIdleReason);
  return {
    address,
    state: STATES.get(value.peerState) ?? 'unrecognized',
    changedAt: readEpochSeconds(value.upDownTime),
    remoteAs: readAs(value.asn),
    description: readText(value.description),
    downReason: idleReason === undefined ? undefined : idleText(idleReason),
  };
}

/** `peerState`: the six states of RFC 4271 8.2.2 as EOS writes them. Any other, `NotNegotiated` included, is neither up nor down. */
const STATES: ReadonlyMap<unknown, NeighborState> = new Map([
  ['Idle', 'idle'],
  ['Connect', 'connect'],
  ['Active', 'active'],
  ['OpenSent', 'open-sent'],
  ['OpenConfirm', 'open-confirm'],
  ['Established', 'established'],
]);

/** An AS number as a number, as decimal text or as asdot text (RFC 5396); undefined for anything else. */
function readAs(value: unknown): number | undefined {
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

/** A text with control characters is none: nothing of it can be compared or shown. */
export function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MAX_DESCRIPTION && /^\P{Cc}+$/u.test(value) ? value : undefined;
}

/** Whether EOS names peers so: by an address, with a zone for a link-local one (`fe80::1%Et3`), or by an interface. */
function isPeerName(name: string): boolean {
  if (isIP(name) !== 0) return true;
  if (name.length > 100) return false;
  const zone = name.indexOf('%');
  return zone > 0 ? isIP(name.slice(0, zone)) === 6 : /^[A-Z][A-Za-z-]*\d[\d/.]*$/.test(name);
}
