import { isIP, isIPv4 } from 'node:net';
import type { Neighbor, NeighborKey, NeighborState, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError, type EpochMs, isRecord } from '../../lib/index.ts';
import { type Nanoseconds, nanoseconds } from '../../serviceability/index.ts';
import { hasNeighbors, neighborKeyText } from '../collector.ts';
import { idleText, notificationText } from '../down-reasons.ts';
import { commandError, concernsOneCommand, type EapiClient, errorsOf, NO_REASON, readEpochSeconds, saysNoBgp } from './client.ts';
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

/**
 * Reads the result of `show ip bgp summary vrf all`:
 * `{vrfs: {<vrf>: {asn, peers: {<address>: {peerState, upDownTime, asn, description?, peerStateIdleReason?}}}}, _meta?}`.
 *
 * A VRF of another shape, or with errors, is failed; a peer of another shape is in an unrecognized state. Throws `EAPI__NO_BGP`, `EAPI__EMPTY` or
 * `EAPI__MALFORMED` when the result says nothing about any neighbor.
 */
export function readSummary(result: JsonObject, { endpoint, source, switchTime }: SummaryOrigin) {
  const warning = noBgpWarning(result);
  const time = isRecord(result._meta) ? readEpochSeconds(result._meta.execStartTime) : switchTime;
  const vrfs = new Map(
    Object.entries(isRecord(result.vrfs) ? result.vrfs : {}).map(([name, vrf]): [VrfName, VrfReading] => [
      name,
      readVrf(vrf, source, time, warning),
    ]),
  );
  if (!hasNeighbors({ vrfs })) throw nothingSeen(result, vrfs, endpoint);
  const neighbors = [...vrfs.values()].flatMap((reading) => (reading.kind === 'collected' ? [...reading.neighbors.values()] : []));
  return {
    vrfs,
    /** How many neighbors are Established. */
    established: neighbors.filter(({ state }) => state === 'established').length,
  };
}

/** The warning of a result, or of one VRF in it, that BGP does not run. */
function noBgpWarning({ warnings }: JsonObject): string | undefined {
  const warning: unknown = Array.isArray(warnings) ? warnings.find((text) => typeof text === 'string' && saysNoBgp(text)) : undefined;
  return typeof warning === 'string' ? switchText(warning) : undefined;
}

function nothingSeen(result: JsonObject, vrfs: ReadonlyMap<VrfName, VrfReading>, endpoint: string): AgentError {
  const warning = noBgpWarning(result);
  if (warning !== undefined) return new AgentError('EAPI__NO_BGP', { endpoint, problem: warning });
  if (!isRecord(result.vrfs)) return new AgentError('EAPI__MALFORMED', { endpoint, problem: `vrfs is ${typeName(result.vrfs)}` });
  if (vrfs.size === 0) return new AgentError('EAPI__NO_BGP', { endpoint, problem: 'the summary names no VRF' });
  for (const [name, reading] of vrfs) {
    if (reading.kind === 'failed')
      return new AgentError('EAPI__MALFORMED', { endpoint, problem: `VRF ${switchText(name, 40)}: ${reading.problem}` });
  }
  return new AgentError('EAPI__EMPTY', { endpoint });
}

/** `warning` is for the whole result: BGP does not run in some VRF, or in none. */
function readVrf(value: unknown, source: string, switchTime: EpochMs | undefined, warning: string | undefined): VrfReading {
  if (!isRecord(value)) return { kind: 'failed', source, problem: `it is ${typeName(value)}` };
  const { peers } = value;
  // Some releases leave `peers` out, and no document says whether that means none or unknown: so it is unknown.
  if (!isRecord(peers)) return { kind: 'failed', source, problem: `its peers are ${typeName(peers)}` };
  const addresses = Object.keys(peers);
  // Data next to an error may be incomplete. If BGP does not run, an empty list of peers means nothing.
  const problem = errorsOf(value) ?? noBgpWarning(value) ?? (addresses.length === 0 ? warning : undefined);
  if (problem !== undefined) return { kind: 'failed', source, problem: problem || NO_REASON };
  const neighbors = new Map<string, Neighbor>();
  for (const address of addresses) {
    // It is unknown which neighbor a mangled name meant, so the VRF's list cannot be taken for complete.
    if (!isPeerName(address)) return { kind: 'failed', source, problem: `“${switchText(address, 40)}” is not the address of a peer` };
    neighbors.set(address, readPeer(address, peers[address], switchTime));
  }
  return { kind: 'collected', source, neighbors, changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS, switchTime };
}

/** No session is older: a larger value is a duration, or dates from before the switch set its clock. */
const LONGEST_AGE_MS = 10 * 365 * 24 * 3_600_000;

function readPeer(address: string, value: unknown, switchTime: EpochMs | undefined): Neighbor {
  if (!isRecord(value)) return { address, state: 'unrecognized' };
  const idleReason = readText(value.peerStateIdleReason);
  const changedAt = readEpochSeconds(value.upDownTime);
  const isPlausible = changedAt !== undefined && (switchTime ?? changedAt) - changedAt < LONGEST_AGE_MS;
  return {
    address,
    state: STATES.get(value.peerState) ?? 'unrecognized',
    changedAt: isPlausible ? changedAt : undefined,
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
function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MAX_DESCRIPTION && /^\P{Cc}+$/u.test(value) ? value : undefined;
}

/** Whether EOS names peers so: by an address, with a zone for a link-local one (`fe80::1%Et3`), or by an interface. */
function isPeerName(name: string): boolean {
  // An IPv4-mapped IPv6 address would not match its user.
  if (/^::ffff:/i.test(name)) return false;
  if (isIP(name) !== 0) return true;
  if (name.length > 100) return false;
  const zone = name.indexOf('%');
  return zone > 0 ? isIP(name.slice(0, zone)) === 6 : /^[A-Z][A-Za-z-]*\d[\d/.]*$/.test(name);
}

/** A minute: no BGP session with a hold time of seconds survives such a path. */
const MAX_RTT_US = 60_000_000;

/**
 * Takes the round-trip times of the `wanted` neighbors (by `neighborKeyText`) out of a result of `show ip bgp neighbors …`:
 * `{vrfs: {<vrf>: {peerList: [{peerAddress, state, peerTcpInfo: {sndRtt}}]}}}`, `sndRtt` in microseconds, 0 for no sample, null like every
 * other field of peerTcpInfo on some releases while the session is down. A session that is not Established has none.
 */
export function collectRtts(result: JsonObject, wanted: ReadonlySet<string>, into: Map<string, Nanoseconds>): void {
  for (const [key, peer] of peersOf(result)) {
    if (peer.state !== 'Established') continue;
    const rtt = isRecord(peer.peerTcpInfo) ? readRtt(peer.peerTcpInfo.sndRtt) : undefined;
    if (rtt !== undefined && wanted.has(key)) into.set(key, rtt);
  }
}

/**
 * Takes out of the same result why neighbors are down: `{idleReason?, lastErrorCode?, lastErrorSubcode?, lastErrorTimeInfo?: {time},
 * lastErrorRcvdCode?, …, establishFailHint?, lastSocketOutErrorMsg?}`, the later notification of the two.
 */
function collectDownReasons(result: JsonObject, into: Map<string, string>): void {
  for (const [key, peer] of peersOf(result)) {
    const reason = peer.state === 'Established' ? undefined : downReasonOf(peer);
    if (reason !== undefined) into.set(key, reason);
  }
}

function downReasonOf(peer: JsonObject): string | undefined {
  const notification = (prefix: 'lastError' | 'lastErrorRcvd', direction: 'sent' | 'received') => {
    const [code, subcode, info] = [peer[`${prefix}Code`], peer[`${prefix}Subcode`], peer[`${prefix}TimeInfo`]];
    if (!isByte(code)) return undefined;
    const time = isRecord(info) && typeof info.time === 'number' ? info.time : 0;
    return { text: notificationText(code, isByte(subcode) ? subcode : 0, direction), time };
  };
  const [sent, received] = [notification('lastError', 'sent'), notification('lastErrorRcvd', 'received')];
  const last = (received?.time ?? -1) > (sent?.time ?? -1) ? received : sent;
  const idle = readText(peer.idleReason);
  const hint = readText(peer.establishFailHint) ?? readText(peer.lastSocketOutErrorMsg);
  return idle === undefined ? (last?.text ?? hint) : `Idle: ${idle}`;
}

const isByte = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255;

/** The neighbors of a result, by `neighborKeyText`. */
function* peersOf(result: JsonObject): Generator<readonly [key: string, peer: JsonObject]> {
  if (!isRecord(result.vrfs)) return;
  for (const [vrf, reading] of Object.entries(result.vrfs)) {
    if (!isRecord(reading) || !Array.isArray(reading.peerList)) continue;
    for (const peer of reading.peerList as readonly unknown[])
      if (isRecord(peer) && typeof peer.peerAddress === 'string') yield [neighborKeyText({ vrf, address: peer.peerAddress }), peer];
  }
}

function readRtt(microseconds: unknown): Nanoseconds | undefined {
  if (typeof microseconds !== 'number' || !(microseconds >= 1 && microseconds <= MAX_RTT_US)) return undefined;
  return nanoseconds(Math.round(microseconds) * 1_000);
}

/** A client, and the switch's name in messages. */
interface Switch {
  readonly endpoint: string;
  readonly client: Pick<EapiClient, 'run'>;
}

const ALL_NEIGHBORS_COMMAND = 'show ip bgp neighbors vrf all';

/** The details of a neighbor take 3 to 5 kB: 500 make an answer of 2.5 MB, and more would exceed the bound of an answer. */
const MAX_NEIGHBORS_OF_ONE_COMMAND = 500;
const NEIGHBORS_PER_REQUEST = 20;

/** Some neighbors may be gone since the poll. More failures than that have another cause, and an RTT is not worth more requests. */
const MAX_FAILED_COMMANDS = 20;

/**
 * Reads round-trip times, each neighbor by its own command, many in one request:
 *
 *   [a b c d] ──► a, b answered, c failed ──► [d] ──► answered
 *
 * For more than half of the Established neighbors, one command for all costs the switch less. `established`: how many neighbors were Established in
 * the last poll.
 */
export async function readRtts(
  from: Switch,
  neighbors: readonly NeighborKey[],
  established: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Nanoseconds>> {
  const askable = new Map(neighbors.filter(isAskable).map((key) => [neighborKeyText(key), key]));
  const wanted: ReadonlySet<string> = new Set(askable.keys());
  const rtts = new Map<string, Nanoseconds>();
  const collect = (result: JsonObject): void => collectRtts(result, wanted, rtts);
  if (wanted.size * 2 > established && established <= MAX_NEIGHBORS_OF_ONE_COMMAND && wanted.size > 0) {
    const { results, failure } = await from.client.run([ALL_NEIGHBORS_COMMAND], signal);
    results.forEach(collect);
    if (failure === undefined) return rtts;
  }
  await readEach(from, [...askable.values()], collect, signal);
  return rtts;
}

/** Why these neighbors are down, by `neighborKeyText`. */
export async function readDownReasons(
  from: Switch,
  neighbors: readonly NeighborKey[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const reasons = new Map<string, string>();
  await readEach(from, neighbors.filter(isAskable), (result) => collectDownReasons(result, reasons), signal);
  return reasons;
}

async function readEach(
  { endpoint, client }: Switch,
  keys: readonly NeighborKey[],
  onResult: (result: JsonObject) => void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  for (let next = 0; next < keys.length && failures <= MAX_FAILED_COMMANDS; ) {
    const commands = keys.slice(next, next + NEIGHBORS_PER_REQUEST).map(neighborCommand);
    const { results, failure } = await client.run(commands, signal);
    results.forEach(onResult);
    next += results.length;
    if (failure === undefined) continue;
    if (!concernsOneCommand(failure)) throw commandError(endpoint, commands[results.length] ?? ALL_NEIGHBORS_COMMAND, failure);
    // The failed command ended the request: those after it are asked for again, without it.
    next += 1;
    failures += 1;
  }
}

/** Whether a key may be part of a command: only an IPv4 address and a plain VRF name, so that no other text can slip in. */
function isAskable({ vrf, address }: NeighborKey): boolean {
  return isIPv4(address) && /^[A-Za-z0-9_-]{1,100}$/.test(vrf);
}

function neighborCommand({ vrf, address }: NeighborKey): string {
  return `show ip bgp neighbors ${address} vrf ${vrf}`;
}
