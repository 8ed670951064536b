import type { Neighbor, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError, ANY_KEY, atOnce, type EpochMs, IN_LIST, type JsonPath } from '../../lib/index.ts';
import {
  isJsonObject,
  isPeerName,
  type JsonObject,
  oneLine,
  readAs,
  readEpochSeconds,
  readState,
  readText,
  saysNoBgp,
  typeName,
} from './client.ts';
import { createObjectFilter } from './json-stream.ts';

/** EOS allows 80 characters of description; more is none. */
const MAX_DESCRIPTION = 256;

/**
 * One peer of `show ip bgp summary`; of another shape it is in a state that nobody recognizes. Filled field by field rather than spread together:
 * this runs thousands of times a poll.
 */
function readPeer(address: string, value: unknown): Neighbor {
  if (!isJsonObject(value)) return { address, state: 'unrecognized' };
  const neighbor: { -readonly [K in keyof Neighbor]: Neighbor[K] } = { address, state: readState(value.peerState) };
  const changedAt = readEpochSeconds(value.upDownTime);
  if (changedAt !== undefined) neighbor.changedAt = changedAt;
  const remoteAs = readAs(value.asn);
  if (remoteAs !== undefined) neighbor.remoteAs = remoteAs;
  const description = readText(value.description, MAX_DESCRIPTION);
  if (description !== undefined) neighbor.description = description;
  const idleReason = readText(value.peerStateIdleReason, MAX_DESCRIPTION);
  if (idleReason !== undefined) neighbor.idleReason = idleReason;
  return neighbor;
}

/** Reads what the summary of this VRF has for this address. */
type PeerReader = (vrf: VrfName, address: string, value: unknown) => Neighbor;

/** The peers of one summary, read while its answer came in. */
interface SummaryPeers {
  /** Begins anew: an answer may be asked for twice. */
  filter(): (chunk: Buffer) => Buffer;
  /** For what the filter left in the place of a peer, that peer. */
  readonly read: PeerReader;
}

const PEERS: JsonPath = ['result', IN_LIST, 'vrfs', ANY_KEY, 'peers', ANY_KEY];
const VRF_LEVEL = 3;
const ADDRESS_LEVEL = 5;

/**
 * Takes the peers out of the answer to `show ip bgp summary vrf all` while it comes in:
 *
 *   …"peers":{"169.254.0.1":{…300 bytes…},…}…  ──►  a Neighbor each;  what is kept: …"peers":{"169.254.0.1":[0],"169.254.0.3":[1],…}…
 *
 * Parsed as a whole, an answer for 4,096 neighbors holds everything else up for as long as all the rest of a tick. A switch that writes such a list
 * itself can name no peer but one that it has told of for this VRF and address.
 */
export function createSummaryPeers(): SummaryPeers {
  let taken: { readonly vrf: VrfName; readonly neighbor: Neighbor }[] = [];
  return {
    filter() {
      taken = [];
      return createObjectFilter(PEERS, (peer, position) => {
        taken.push({ vrf: position.keyAt(VRF_LEVEL), neighbor: readPeer(position.keyAt(ADDRESS_LEVEL), peer) });
        return `[${taken.length - 1}]`;
      });
    },
    read(vrf, address, value) {
      const number: unknown = Array.isArray(value) && value.length === 1 ? value[0] : undefined;
      const one = typeof number === 'number' ? taken[number] : undefined;
      return one?.vrf === vrf && one.neighbor.address === address ? one.neighbor : readPeer(address, value);
    },
  };
}

export const SUMMARY_COMMAND = 'show ip bgp summary vrf all';

/** `upDownTime` of an unchanged session moves by a microsecond between polls; a flap moves it by more than this (rule 7). */
const CHANGED_AT_TOLERANCE_MS = 1_000;

interface SummaryOrigin {
  readonly endpoint: string;
  readonly source: string;
  /** The switch's time, where the result does not bring it along. */
  readonly switchTime?: EpochMs | undefined;
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
 * A VRF of another shape is failed; a peer of another shape is in a state that nobody recognizes. Throws `EAPI__NO_BGP`, `EAPI__EMPTY` or
 * `EAPI__MALFORMED` when nothing at all can be said.
 */
export function readSummary(result: JsonObject, where: SummaryOrigin): Summary {
  return atOnce(readSummaryInSteps(result, where, (_, address, value) => readPeer(address, value)));
}

/** The same, with a pause after each peer for whoever must not be held up by thousands, and with another reader of peers. */
export function* readSummaryInSteps(result: JsonObject, where: SummaryOrigin, readOne: PeerReader): Generator<void, Summary, void> {
  const { endpoint, source } = where;
  const warning = Array.isArray(result.warnings) ? result.warnings.find((text) => typeof text === 'string' && saysNoBgp(text)) : undefined;
  if (typeof warning === 'string') throw new AgentError('EAPI__NO_BGP', { endpoint, problem: oneLine(warning) });
  if (!isJsonObject(result.vrfs)) throw new AgentError('EAPI__MALFORMED', { endpoint, problem: `vrfs is ${typeName(result.vrfs)}` });
  const names = Object.keys(result.vrfs);
  if (names.length === 0) throw new AgentError('EAPI__NO_BGP', { endpoint, problem: 'the summary names no VRF' });

  const switchTime = isJsonObject(result._meta) ? readEpochSeconds(result._meta.execStartTime) : where.switchTime;
  const vrfs = new Map<VrfName, VrfReading>();
  let established = 0;
  let count = 0;
  let problem: string | undefined;
  for (const name of names) {
    const reading = yield* readVrf(result.vrfs[name], source, switchTime, (address, value) => readOne(name, address, value));
    vrfs.set(name, reading);
    if (reading.kind === 'failed') {
      problem ??= `VRF ${oneLine(name, 40)}: ${reading.problem}`;
      continue;
    }
    count += reading.neighbors.size;
    for (const { state } of reading.neighbors.values()) if (state === 'established') established += 1;
  }
  if (count === 0 && problem !== undefined) throw new AgentError('EAPI__MALFORMED', { endpoint, problem });
  if (count === 0) throw new AgentError('EAPI__EMPTY', { endpoint });
  return { vrfs, established };
}

function* readVrf(
  value: unknown,
  source: string,
  switchTime: EpochMs | undefined,
  readOne: (address: string, value: unknown) => Neighbor,
): Generator<void, VrfReading, void> {
  if (!isJsonObject(value)) return { kind: 'failed', source, problem: `it is ${typeName(value)}` };
  const { peers } = value;
  // Some releases leave `peers` out. Whether that means none or not known, nobody says: so it is not known.
  if (!isJsonObject(peers)) return { kind: 'failed', source, problem: `its peers are ${typeName(peers)}` };
  const neighbors = new Map<string, Neighbor>();
  for (const address of Object.keys(peers)) {
    // Whom a mangled name meant is unknown, so the VRF's list cannot be taken for complete.
    if (!isPeerName(address)) return { kind: 'failed', source, problem: `“${oneLine(address, 40)}” is no address of a peer` };
    neighbors.set(address, readOne(address, peers[address]));
    yield;
  }
  return {
    kind: 'collected',
    source,
    neighbors,
    changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS,
    ...(switchTime === undefined ? {} : { switchTime }),
  };
}
