import { createCipheriv } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import { Packet, Session } from 'snmp-native';
import { AgentError, type Clock, type ErrorCode, Stopped, untilAborted } from '../../lib/index.ts';
import { decodeResponse, type Oid, type SnmpMessage, unlessMalformed, type VarBind } from './message.ts';

/** Why datagrams are dropped. */
const IGNORED = {
  /** Not the agent's. */
  wrongSource: 'from another address or port',
  /** Not exactly one SNMPv2c response, or not acceptable for SNMPv3. */
  malformed: 'malformed',
  /** Without a pending request (late, repeated or forged), or with another community than that request's. */
  unasked: 'unsolicited',
};
const REASONS = Object.keys(IGNORED) as (keyof typeof IGNORED)[];

/** How many datagrams were dropped, by reason. */
export type IgnoredDatagrams = Record<keyof typeof IGNORED, number>;

export const noneIgnored = (): IgnoredDatagrams => ({ wrongSource: 0, malformed: 0, unasked: 0 });

export function addIgnored(total: IgnoredDatagrams, more: IgnoredDatagrams): void {
  for (const reason of REASONS) total[reason] += more[reason];
}

/**
 * What was ignored, for the error of a VRF: otherwise an agent that answers from another of its addresses would pass for a silent one. Empty
 * when nothing was.
 */
export function describeIgnored(ignored: IgnoredDatagrams): string {
  const parts = REASONS.filter((reason) => ignored[reason] > 0).map((reason) => `${ignored[reason]} ${IGNORED[reason]}`);
  return parts.length === 0 ? '' : `; datagrams ignored: ${parts.join(', ')}`;
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

interface V2cSessionOptions {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  readonly community: string;
  /** How long each transmission of a request waits for the answer, milliseconds; the request fails after the last. */
  readonly waits: readonly number[];
  /** Counts dropped datagrams. */
  readonly ignored: IgnoredDatagrams;
}

/**
 * snmp-native sends, retransmits and numbers the requests. This code receives, through its `msgReceived` option, because its own receiver
 * checks neither the sender nor the community, and an answer without varbinds would throw out of the socket's listener.
 */
export function createV2cSession({ address, port, community, waits, ignored }: V2cSessionOptions): SnmpSession {
  const waiting = new Map<number, (response: SnmpMessage) => void>();
  let closed = false;

  const receive = (datagram: Buffer, from: RemoteInfo): void => {
    if (from.address !== address || from.port !== port) {
      ignored.wrongSource += 1;
      return;
    }
    const response = unlessMalformed(() => decodeResponse(datagram));
    if (response === undefined) {
      ignored.malformed += 1;
      return;
    }
    const answered = waiting.get(response.requestId);
    if (answered === undefined || withoutVrf(response.community) !== withoutVrf(community)) {
      ignored.unasked += 1;
      return;
    }
    answered(response);
  };

  const session = new Session({
    host: address,
    port,
    family: isIP(address) === 6 ? 'udp6' : 'udp4',
    timeouts: [...waits],
    msgReceived: receive,
  });
  session.on('error', () => {
    // Only the library's own receiver emits it, but an EventEmitter without a listener would throw.
  });

  return {
    async request(request, signal) {
      if (closed) throw new Stopped('the SNMP session is closed');
      signal.throwIfAborted();
      const packet = packetOf(request, community);
      const answered = new Promise<readonly VarBind[]>((resolve, reject) => {
        session.sendMsg(packet, {}, (error) =>
          reject(closed ? new Stopped('the SNMP session is closed') : (error ?? new Error('no answer'))),
        );
        waiting.set(packet.pdu.reqid, ({ errorStatus, varbinds }) =>
          errorStatus === 0 ? resolve(varbinds) : reject(errorOfStatus(errorStatus)),
        );
      });
      const { reqid } = packet.pdu;
      return untilAborted(answered, signal).finally(() => {
        waiting.delete(reqid);
        clearTimeout(session.reqs[reqid]?.timeout);
        delete session.reqs[reqid];
      });
    },
    close() {
      if (closed) return;
      closed = true;
      session.close();
    },
  };
}

function packetOf(request: SnmpRequest, community: string): Packet {
  const packet = new Packet();
  packet.community = community;
  packet.pdu.type = PDU_TYPES[request.kind];
  packet.pdu.varbinds = request.oids.map((oid) => ({ oid: [...oid], type: NULL, value: null }));
  if (request.kind === 'get-bulk') {
    packet.pdu.error = 0;
    packet.pdu.errorIndex = request.maxRepetitions;
  }
  return packet;
}

const NULL = 5;
/** snmp-native's numbers. */
const PDU_TYPES = { get: 0, 'get-next': 1, 'get-bulk': 5 } as const;

/** An agent may answer a request for `name@vrf` with the name alone. */
function withoutVrf(community: string): string {
  return community.split('@', 1)[0] ?? '';
}
