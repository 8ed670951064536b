import { createCipheriv } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import type { Neighbor, NeighborState } from '../../bgp/index.ts';
import { AgentError, type Clock, type EpochMs, type ErrorCode, epochMs } from '../../lib/index.ts';
import { idleText } from '../down-reasons.ts';
import { BerReader, MalformedDatagram, TAG } from './ber.ts';

/** How many datagrams were dropped, by reason. */
export type IgnoredDatagrams = ReturnType<typeof noneIgnored>;

export function noneIgnored() {
  return {
    /** Sent from another address or port than the agent's. */
    wrongSource: 0,
    /** Not, to the last octet, an SNMPv2c response. */
    malformed: 0,
    /** Without a pending request (late, repeated or forged), or with another community than that request's. */
    unasked: 0,
  };
}

export function addIgnored(total: IgnoredDatagrams, { wrongSource, malformed, unasked }: IgnoredDatagrams): void {
  total.wrongSource += wrongSource;
  total.malformed += malformed;
  total.unasked += unasked;
}

/**
 * What was ignored, for the error of a VRF: otherwise an agent that answers from another of its addresses would pass for a silent one. Empty
 * when nothing was.
 */
export function describeIgnored({ wrongSource, malformed, unasked }: IgnoredDatagrams): string {
  const parts: string[] = [];
  if (wrongSource > 0) parts.push(`${wrongSource} from another address or port`);
  if (malformed > 0) parts.push(`${malformed} malformed`);
  if (unasked > 0) parts.push(`${unasked} unsolicited`);
  return parts.length === 0 ? '' : `; datagrams ignored: ${parts.join(', ')}`;
}

/** A value of a response, as far as this collector uses its type. */
export type SnmpValue =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'unsigned'; readonly type: 'counter32' | 'gauge32' | 'timeTicks'; readonly value: number }
  | { readonly kind: 'octets'; readonly value: Buffer }
  | { readonly kind: 'oid'; readonly value: readonly number[] }
  | { readonly kind: 'exception'; readonly exception: 'noSuchObject' | 'noSuchInstance' | 'endOfMibView' }
  | { readonly kind: 'other'; readonly tag: number };

export interface VarBind {
  readonly oid: readonly number[];
  readonly value: SnmpValue;
}

/** An SNMPv2c message (RFC 1901, RFC 3416): a response, a trap or an inform. */
export interface SnmpMessage {
  /** BER tag of the PDU. */
  readonly pdu: number;
  readonly requestId: number;
  readonly community: string;
  /** In a response: 0 is success; the others are RFC 3416's error-status. */
  readonly errorStatus: number;
  readonly varbinds: readonly VarBind[];
}

/** What an agent did, or did not do, so that a VRF could not be read. */
export class SnmpProblem extends Error {
  override readonly name = 'SnmpProblem';
  constructor(
    /** Cause and remedy; its message names `{endpoint}` and `{problem}`. */
    readonly code: SnmpProblemCode,
    problem: string,
  ) {
    super(problem);
  }

  /** Whether its answers break the rules of SNMP or of the MIB: no other answer of the same walk is used either. */
  get isDisorder(): boolean {
    return DISORDER.has(this.code);
  }
}

type SnmpProblemCode = Exclude<
  Extract<ErrorCode, `SNMP__${string}`>,
  `SNMP__USER_${string}` | `SNMP__WRONG_P${string}` | 'SNMP__LEVEL_REFUSED' | 'SNMP__OUT_OF_TIME' | 'SNMP__EMPTY' | 'SNMP__TRAPS_UNHEARD'
>;

const DISORDER: ReadonlySet<SnmpProblemCode> = new Set<SnmpProblemCode>([
  'SNMP__NOT_IN_ORDER',
  'SNMP__WRONG_INDEX',
  'SNMP__WRONG_TYPE',
  'SNMP__ROW_TWICE',
  'SNMP__INCOMPLETE',
  'SNMP__NO_SUCH_INSTANCE',
  'SNMP__TOO_MANY_ROWS',
]);

const VERSION_2C = 1;

/**
 * Decodes one datagram that should be a message of SNMPv2c with one of these PDUs. Throws MalformedDatagram for anything else, to the last
 * octet: snmp-native's own parser checks few lengths and would return values of a cut message.
 */
export function decodeMessage(datagram: Buffer, pdus: readonly number[]): SnmpMessage {
  const outer = BerReader.of(datagram);
  const message = outer.expect(TAG.sequence);
  outer.finish();
  if (message.expect(TAG.integer).signed() !== VERSION_2C) throw new MalformedDatagram('not SNMPv2c');
  const community = message.expect(TAG.octetString).rest().toString('utf8');
  const { tag, content: pdu } = message.next();
  if (!pdus.includes(tag)) throw new MalformedDatagram(`a PDU with tag ${tag}`);
  message.finish();
  return { pdu: tag, community, ...readPdu(pdu) };
}

/** Reads a PDU to its end; SNMPv1's traps have another layout. Throws MalformedDatagram. */
export function readPdu(pdu: BerReader): Pick<SnmpMessage, 'requestId' | 'errorStatus' | 'varbinds'> {
  const requestId = pdu.expect(TAG.integer).signed();
  const errorStatus = pdu.expect(TAG.integer).signed();
  pdu.expect(TAG.integer).signed();
  const list = pdu.expect(TAG.sequence);
  pdu.finish();
  const varbinds: VarBind[] = [];
  while (list.remaining > 0) varbinds.push(varbind(list.expect(TAG.sequence)));
  return { requestId, errorStatus, varbinds };
}

export function decodeResponse(datagram: Buffer): SnmpMessage {
  return decodeMessage(datagram, [TAG.response]);
}

function varbind(reader: BerReader): VarBind {
  const oid = reader.expect(TAG.oid).objectIdentifier();
  const { tag, content } = reader.next();
  reader.finish();
  return { oid, value: snmpValue(tag, content) };
}

function snmpValue(tag: number, content: BerReader): SnmpValue {
  switch (tag) {
    case TAG.integer:
      return { kind: 'integer', value: content.signed() };
    case TAG.counter32:
      return { kind: 'unsigned', type: 'counter32', value: content.unsigned() };
    case TAG.gauge32:
      return { kind: 'unsigned', type: 'gauge32', value: content.unsigned() };
    case TAG.timeTicks:
      return { kind: 'unsigned', type: 'timeTicks', value: content.unsigned() };
    case TAG.octetString:
      return { kind: 'octets', value: content.rest() };
    case TAG.oid:
      return { kind: 'oid', value: content.objectIdentifier() };
    case TAG.noSuchObject:
    case TAG.noSuchInstance:
    case TAG.endOfMibView:
      content.finish();
      return { kind: 'exception', exception: EXCEPTIONS[tag] };
    default:
      return { kind: 'other', tag };
  }
}

const EXCEPTIONS = {
  [TAG.noSuchObject]: 'noSuchObject',
  [TAG.noSuchInstance]: 'noSuchInstance',
  [TAG.endOfMibView]: 'endOfMibView',
} as const;

export type Oid = readonly number[];

export type CellName = 'state' | 'adminStatus' | 'description' | 'remoteAs' | 'establishedTransitions' | 'establishedTime';

export interface PeerColumn {
  readonly cell: CellName;
  readonly oid: Oid;
  /** Whether it changes with the session; the others change with the neighbor's configuration only. */
  readonly isDynamic: boolean;
}

/** A table with a row a neighbor, of which only these columns are read: the whole table is ten times as large. */
export interface PeerMib {
  readonly name: 'bgp4' | 'arista';
  /** The first is the state. */
  readonly columns: readonly PeerColumn[];
  /** As many rows as keep an answer in one unfragmented datagram. */
  readonly rowsPerAnswer: number;
  /** The state's name, for messages. */
  readonly stateObject: string;
  /** The address in a row's index. Throws SNMP__WRONG_INDEX for an index that the MIB does not allow. */
  addressOf(index: Oid): string;
  /** Undefined for a value that is not an AS. */
  remoteAsOf(cell: SnmpValue): number | undefined;
  /** The columns of the last NOTIFICATION, read for neighbors that are down. */
  readonly errorColumns: readonly Oid[];
  /** The text of these columns' values; undefined where there was none. */
  errorOf(values: readonly (SnmpValue | undefined)[]): string | undefined;
}

/** The cells of one neighbor. */
export interface PeerRow {
  readonly index: Oid;
  readonly address: string;
  /** A cell that the agent's answer lacks is absent. */
  readonly cells: ReadonlyMap<CellName, SnmpValue>;
  /** When the row's last cell came in, on the clock of the snapshot. */
  readonly readAt: EpochMs;
}

/** bgpPeerState and aristaBgp4V2PeerState: idle(1) to established(6). */
const STATES: readonly (NeighborState | undefined)[] = [undefined, 'idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established'];

/** aristaBgp4V2PeerAdminStatus: halted(1), running(2). */
const HALTED = 1;

/** Throws SNMP__WRONG_TYPE when the state is not an INTEGER: such an agent answers from another table. */
export function neighborOf({ address, cells, readAt }: PeerRow, mib: PeerMib): Neighbor {
  const state = stateOf(cells.get('state'), mib);
  const remoteAs = cells.get('remoteAs');
  const seconds = unsigned(cells.get('establishedTime'), 'gauge32');
  const adminStatus = cells.get('adminStatus');
  const isHalted = state === 'idle' && adminStatus?.kind === 'integer' && adminStatus.value === HALTED;
  return {
    address,
    state,
    description: textOf(cells.get('description')),
    remoteAs: remoteAs === undefined ? undefined : mib.remoteAsOf(remoteAs),
    downReason: isHalted ? idleText('Admin') : undefined,
    changedAt: seconds === undefined ? undefined : changedAtOf(state, seconds, readAt),
    establishedTransitions: unsigned(cells.get('establishedTransitions'), 'counter32'),
  };
}

function stateOf(cell: SnmpValue | undefined, { stateObject }: PeerMib): NeighborState {
  if (cell === undefined) return 'unrecognized';
  if (cell.kind !== 'integer') throw new SnmpProblem('SNMP__WRONG_TYPE', `a ${stateObject} that is not an INTEGER`);
  return STATES[cell.value] ?? 'unrecognized';
}

function unsigned(cell: SnmpValue | undefined, type: 'counter32' | 'gauge32'): number | undefined {
  return cell?.kind === 'unsigned' && cell.type === type ? cell.value : undefined;
}

/** Text of an OCTET STRING; undefined where it is empty, too long, or has characters that no description has. */
function textOf(cell: SnmpValue | undefined): string | undefined {
  if (cell?.kind !== 'octets' || cell.value.length === 0 || cell.value.length > MAX_DESCRIPTION) return undefined;
  const text = cell.value.toString('utf8');
  return /^[^\p{Cc}\ufffd]+$/u.test(text) ? text : undefined;
}

const MAX_DESCRIPTION = 255;

/**
 * The seconds in Established or since the session was last Established, and 0 for a session that never was, so 0 dates only a session that is
 * up. Both MIBs define it so.
 */
function changedAtOf(state: NeighborState, seconds: number, readAt: EpochMs): EpochMs | undefined {
  if (state === 'unrecognized') return undefined;
  return state === 'established' || seconds > 0 ? epochMs(readAt - seconds * 1_000) : undefined;
}

export type SnmpRequest = { readonly oids: readonly Oid[] } & (
  | { readonly kind: 'get' }
  | { readonly kind: 'get-next' }
  | { readonly kind: 'get-bulk'; readonly maxRepetitions: number }
);

/** One socket to one agent, to read one VRF, for any number of concurrent requests. */
export interface SnmpSession {
  /**
   * Resolves with the varbinds of the answer. Rejects with SnmpProblem on an error-status, and with the signal's reason; over SNMPv3 with an
   * AgentError when the agent refuses the user. The caller bounds the time.
   */
  request(request: SnmpRequest, signal: AbortSignal): Promise<readonly VarBind[]>;
  /** The probable cause when requests stay unanswered, where this session knows one. */
  causeOfSilence?(): AgentError | undefined;
  /** Ends the socket; pending requests reject. Idempotent. */
  close(): void;
}

/** The values of error-status that agents give to a reader (RFC 3416 section 3). */
const ERROR_STATUS: Readonly<Record<number, string>> = {
  1: 'tooBig',
  2: 'noSuchName',
  5: 'genErr',
  6: 'noAccess',
  13: 'resourceUnavailable',
  16: 'authorizationError',
};

export function errorOfStatus(status: number): SnmpProblem {
  const name = ERROR_STATUS[status];
  const isRefusal = name === 'noAccess' || name === 'authorizationError';
  const problem = `the agent answered with error status ${status}${name === undefined ? '' : ` (${name})`}`;
  return new SnmpProblem(isRefusal ? 'SNMP__VIEW_REFUSED' : 'SNMP__ERROR_STATUS', problem);
}

/** The agent's numeric address, as a received datagram would show it. Rejects when the name does not resolve. */
export async function resolveHost(host: string): Promise<string> {
  const address = isIP(host) === 0 ? (await lookup(host, { order: 'ipv4first' })).address : host;
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}

/** Authentication protocols of SNMPv3: HMAC-MD5-96 and HMAC-SHA-96 (RFC 3414), the SHA-2 ones (RFC 7860). */
export type SnmpAuthProtocol = 'md5' | 'sha' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/**
 * Privacy protocols: CBC-DES (RFC 3414), CFB128-AES-128 (RFC 3826), and AES-256, for which two drafts extend the key differently:
 * `aes256b` is draft-blumenthal-aes-usm (Net-SNMP's), `aes256r` draft-reeder-snmpv3-usm-3desede (Cisco's and EOS's).
 */
export type SnmpPrivProtocol = 'des' | 'aes' | 'aes256b' | 'aes256r';

/** A user of the switch's SNMP agent, as in `snmp-server user NAME GROUP v3 auth sha … priv aes …`. Privacy needs authentication. */
export interface SnmpUser {
  readonly name: string;
  readonly auth?: { readonly protocol: SnmpAuthProtocol; readonly password: string };
  readonly priv?: { readonly protocol: SnmpPrivProtocol; readonly password: string };
}

/** SNMPv2c by community, or SNMPv3 as a user. */
export type SnmpCredentials =
  | {
      /** Community of the default VRF; that of VRF X is `<community>@X` unless the VRF has its own. */
      readonly community: string;
      readonly user?: never;
    }
  | {
      /** The context of the default VRF is the empty one; that of VRF X is `X` unless the VRF has its own. */
      readonly user: SnmpUser;
      readonly community?: never;
    };

/** RFC 3414 section 11.2. */
const SHORTEST_PASSWORD = 8;

/** Throws SNMP__USER_INVALID for a user that no agent could accept, and for a cipher that this Node.js lacks. */
export function requireUsable({ name, auth, priv }: SnmpUser): void {
  const invalid = (problem: string): AgentError => new AgentError('SNMP__USER_INVALID', { user: name, problem });
  if (name === '' || Buffer.byteLength(name) > 32) throw invalid('a name has 1 to 32 octets');
  if (auth === undefined && priv !== undefined) throw invalid('privacy needs authentication');
  if (auth !== undefined && auth.password.length < SHORTEST_PASSWORD)
    throw invalid(`the authentication password has fewer than ${SHORTEST_PASSWORD} characters`);
  if (priv !== undefined && priv.password.length < SHORTEST_PASSWORD)
    throw invalid(`the privacy password has fewer than ${SHORTEST_PASSWORD} characters`);
  if (priv?.protocol === 'des' && !hasDes()) throw invalid('the OpenSSL of this Node.js has no DES; use aes');
}

/** OpenSSL 3 lists DES among its ciphers also where it refuses to use it. */
function hasDes(): boolean {
  try {
    createCipheriv('des-cbc', Buffer.alloc(8, 1), Buffer.alloc(8));
    return true;
  } catch {
    return false;
  }
}

/** Admits so many a second. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #second = 0;
  #inSecond = 0;

  constructor(perSecond: number, clock: Pick<Clock, 'monotonic'>) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  admits(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    if (second !== this.#second) this.#inSecond = 0;
    this.#second = second;
    this.#inSecond += 1;
    return this.#inSecond <= this.#perSecond;
  }
}
