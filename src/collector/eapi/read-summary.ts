import type { Neighbor, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError, type EpochMs } from '../../platform/index.ts';
import { saysNoBgp } from './command-error.ts';
import { isJsonObject, type JsonObject, typeName } from './json.ts';
import { isPeerName, readAs, readEpochSeconds, readState, readText } from './peer-values.ts';
import { oneLine } from './text.ts';

export const SUMMARY_COMMAND = 'show ip bgp summary vrf all';

/** `upDownTime` of an unchanged session moves by a microsecond between polls; a flap moves it by more than this (rule 7). */
const CHANGED_AT_TOLERANCE_MS = 1_000;

/** EOS allows 80 characters of description; more is none. */
const MAX_DESCRIPTION = 256;

export interface SummaryOrigin {
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
  const { endpoint, source } = where;
  const warning = Array.isArray(result.warnings) ? result.warnings.find((text) => typeof text === 'string' && saysNoBgp(text)) : undefined;
  if (typeof warning === 'string') throw new AgentError('EAPI__NO_BGP', { endpoint, problem: oneLine(warning) });
  if (!isJsonObject(result.vrfs)) throw new AgentError('EAPI__MALFORMED', { endpoint, problem: `vrfs is ${typeName(result.vrfs)}` });
  const names = Object.keys(result.vrfs);
  if (names.length === 0) throw new AgentError('EAPI__NO_BGP', { endpoint, problem: 'the summary names no VRF' });

  const switchTime = isJsonObject(result._meta) ? readEpochSeconds(result._meta.execStartTime) : where.switchTime;
  const vrfs = new Map<VrfName, VrfReading>();
  let established = 0;
  let peers = 0;
  let problem: string | undefined;
  for (const name of names) {
    const reading = readVrf(result.vrfs[name], source, switchTime);
    vrfs.set(name, reading);
    if (reading.kind === 'failed') {
      problem ??= `VRF ${oneLine(name, 40)}: ${reading.problem}`;
      continue;
    }
    peers += reading.neighbors.size;
    for (const { state } of reading.neighbors.values()) if (state === 'established') established += 1;
  }
  if (peers === 0 && problem !== undefined) throw new AgentError('EAPI__MALFORMED', { endpoint, problem });
  if (peers === 0) throw new AgentError('EAPI__EMPTY', { endpoint });
  return { vrfs, established };
}

function readVrf(value: unknown, source: string, switchTime: EpochMs | undefined): VrfReading {
  if (!isJsonObject(value)) return { kind: 'failed', source, problem: `it is ${typeName(value)}` };
  const { peers } = value;
  // Some releases leave `peers` out. Whether that means none or not known, nobody says: so it is not known.
  if (!isJsonObject(peers)) return { kind: 'failed', source, problem: `its peers are ${typeName(peers)}` };
  const neighbors = new Map<string, Neighbor>();
  for (const address of Object.keys(peers)) {
    // Whom a mangled name meant is unknown, so the VRF's list cannot be taken for complete.
    if (!isPeerName(address)) return { kind: 'failed', source, problem: `“${oneLine(address, 40)}” is no address of a peer` };
    neighbors.set(address, readPeer(address, peers[address]));
  }
  return {
    kind: 'collected',
    source,
    neighbors,
    changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS,
    ...(switchTime === undefined ? {} : { switchTime }),
  };
}

/** One peer. Filled field by field rather than spread together: this runs thousands of times a poll. */
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
