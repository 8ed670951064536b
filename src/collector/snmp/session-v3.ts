import { isIP } from 'node:net';
import { createV3Session as createLibrarySession, ResponseInvalidCode } from 'net-snmp';
import { AgentError, asError, Stopped, untilAborted } from '../../lib/index.ts';
import type { VarBind } from './message.ts';
import { errorOfStatus, type IgnoredDatagrams, SnmpProblem, type SnmpRequest, type SnmpSession, type SnmpUser } from './session.ts';
import { FilteringSocket, netSnmpUser, UsmFilter } from './usm-filter.ts';

/** `report` is the counter in the agent's last Report: net-snmp has it in words only. */
function errorOfV3(error: unknown, report: readonly number[] | undefined, { name: user }: SnmpUser, endpoint: string): Error {
  const { code, status } = numbersOf(error);
  if (status !== undefined) return errorOfStatus(status);
  switch (code) {
    case ResponseInvalidCode.EAuthFailure:
      return refusalOf(report, user, endpoint);
    case ResponseInvalidCode.ECouldNotDecrypt:
      return new AgentError('SNMP__WRONG_PRIVACY', { endpoint, user, problem: 'its answer cannot be decrypted with this password' });
    case NOT_IN_TIME_WINDOW:
      return outOfTime(endpoint);
    case ResponseInvalidCode.EUnexpectedReport:
      return isAbout(report, SNMP_UNAVAILABLE_CONTEXTS)
        ? new SnmpProblem('SNMP__VIEW_REFUSED', 'the agent refuses this context')
        : new SnmpProblem('SNMP__ERROR_STATUS', `the agent reported ${report?.join('.') ?? 'nothing'}`);
    case ResponseInvalidCode.EOutOfOrder:
      return new SnmpProblem('SNMP__NOT_IN_ORDER', 'rows that are not in order');
    case ResponseInvalidCode.EReqResOidNoMatch:
      return new SnmpProblem('SNMP__INCOMPLETE', 'an answer to other names than those asked for');
    case ResponseInvalidCode.EUnknownObjectType:
      return new SnmpProblem('SNMP__WRONG_TYPE', 'a value of a type that SNMP does not have');
    default:
      return asError(error);
  }
}

/** snmpUnavailableContexts and snmpUnknownContexts (RFC 3413 section 5.1.1), without the instance. */
const SNMP_UNAVAILABLE_CONTEXTS: readonly string[] = ['1.3.6.1.6.3.12.1.4', '1.3.6.1.6.3.12.1.5'];

function isAbout(report: readonly number[] | undefined, counters: readonly string[]): boolean {
  return counters.includes(report?.slice(0, -1).join('.') ?? '');
}

/** usmStats (RFC 3414 section 5), by the number before the instance. */
function refusalOf(report: readonly number[] | undefined, user: string, endpoint: string): AgentError {
  switch (report?.at(-2)) {
    case 1:
      return new AgentError('SNMP__LEVEL_REFUSED', { endpoint, user });
    case 2:
      return outOfTime(endpoint);
    case 3:
      return new AgentError('SNMP__USER_UNKNOWN', { endpoint, user });
    case 6:
      return new AgentError('SNMP__WRONG_PRIVACY', { endpoint, user, problem: 'the agent could not decrypt the request' });
    default:
      return new AgentError('SNMP__WRONG_PASSWORD', { endpoint, user });
  }
}

const outOfTime = (endpoint: string): AgentError =>
  new AgentError('SNMP__OUT_OF_TIME', { endpoint, problem: 'the time of one is outside the other’s window of 150 s' });

/** ENotInTimeWindow, which the library's types lack. */
const NOT_IN_TIME_WINDOW = 14;

function numbersOf(error: unknown): { readonly code: unknown; readonly status: number | undefined } {
  if (typeof error !== 'object' || error === null) return { code: undefined, status: undefined };
  return {
    code: 'code' in error ? error.code : undefined,
    status: 'status' in error && typeof error.status === 'number' ? error.status : undefined,
  };
}

interface V3SessionOptions {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  /** The agent's name in messages. */
  readonly endpoint: string;
  readonly user: SnmpUser;
  /** The empty one is the default VRF's. */
  readonly context: string;
  /** Upper bound for one answer, milliseconds. */
  readonly timeoutMs: number;
  readonly ignored: IgnoredDatagrams;
}

const TRANSMISSIONS = 4;

/**
 * SNMPv3 (RFC 3414) over net-snmp, at the security level of the user. Each session begins by discovering the agent's engine, its boots and its
 * time, so a restart of the agent affects one poll at most. Requests also reject with SNMP__USER_UNKNOWN, SNMP__WRONG_PASSWORD,
 * SNMP__WRONG_PRIVACY, SNMP__LEVEL_REFUSED and SNMP__OUT_OF_TIME.
 */
export function createV3Session({ address, port, endpoint, user, context, timeoutMs, ignored }: V3SessionOptions): SnmpSession {
  const transport = isIP(address) === 6 ? 'udp6' : 'udp4';
  let closed = false;
  const usmFilter = new UsmFilter(user);
  const socket = new FilteringSocket(transport, (datagram, from, deliver) => {
    if (from.address !== address || from.port !== port) {
      ignored.wrongSource += 1;
      return;
    }
    try {
      if (!usmFilter.pass(datagram, deliver)) ignored.malformed += 1;
    } catch {
      ignored.malformed += 1;
    }
  });
  const session = createLibrarySession(address, netSnmpUser(user), {
    port,
    transport,
    context,
    timeout: timeoutMs / TRANSMISSIONS,
    // The caller's deadline comes before the last wait is over.
    retries: TRANSMISSIONS,
    dgramModule: { createSocket: () => socket },
  });
  session.on('error', () => {
    ignored.malformed += 1;
  });

  return {
    async request(request, signal) {
      if (closed) throw new Stopped('the SNMP session is closed');
      signal.throwIfAborted();
      const answered = new Promise<readonly VarBind[]>((resolve, reject) => {
        const onAnswer = (error: unknown): void => {
          const { varbinds, lastReport } = usmFilter;
          if (error === null && varbinds !== undefined) resolve(varbinds);
          else reject(closed ? new Stopped('the SNMP session is closed') : errorOfV3(error, lastReport, user, endpoint));
        };
        try {
          send(session, request, onAnswer);
        } catch (error) {
          onAnswer(error);
        }
      });
      return untilAborted(answered, signal);
    },
    causeOfSilence() {
      // Agents drop a request that decrypts to garbage. They also drop one for a context that they do not have.
      if (!usmFilter.knowsEngineOnly || user.priv === undefined || context !== '') return undefined;
      return new AgentError('SNMP__WRONG_PRIVACY', {
        endpoint,
        user: user.name,
        problem: 'it announces its engine, and answers no request',
      });
    },
    close() {
      if (closed) return;
      closed = true;
      session.close();
    },
  };
}

/** Only the outcome is net-snmp's: it sorts the values of GETBULK by columns, and checks few of them. `UsmFilter` keeps them as received. */
function send(session: ReturnType<typeof createLibrarySession>, request: SnmpRequest, answered: (error: unknown) => void): void {
  const oids = request.oids.map((oid) => oid.join('.'));
  switch (request.kind) {
    case 'get':
      session.get(oids, answered);
      return;
    case 'get-next':
      session.getNext(oids, answered);
      return;
    case 'get-bulk':
      session.getBulk(oids, 0, request.maxRepetitions, answered);
  }
}
