import { isIP } from 'node:net';
import { createV3Session as createLibrarySession, type Varbind } from 'net-snmp';
import { AgentError, Stopped } from '../../lib/index.ts';
import { FencedSocket } from './fenced-socket.ts';
import type { IgnoredDatagrams } from './ignored-datagrams.ts';
import { netSnmpUser } from './net-snmp-user.ts';
import type { SnmpRequest, SnmpSession } from './snmp-session.ts';
import { createV3Admission } from './v3-admission.ts';
import { errorOfV3 } from './v3-errors.ts';
import type { SnmpUser } from './v3-user.ts';
import { varbindOf } from './v3-values.ts';

export interface V3SessionOptions {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  /** What messages call the agent. */
  readonly endpoint: string;
  readonly user: SnmpUser;
  /** The empty one is that of the default VRF. */
  readonly context: string;
  /** Upper bound for all that the session is used for, milliseconds. */
  readonly timeoutMs: number;
  readonly ignored: IgnoredDatagrams;
}

const TRANSMISSIONS = 4;

/**
 * SNMPv3 (RFC 3414), authenticated and encrypted as the user is, over net-snmp. Each session begins by discovering the
 * agent's engine, its boots and its time, so that no restart of the agent outlives a poll. Besides what requests reject with by contract: SNMP__USER_UNKNOWN,
 * SNMP__WRONG_PASSWORD, SNMP__WRONG_PRIVACY, SNMP__LEVEL_REFUSED, SNMP__OUT_OF_TIME.
 */
export function createV3Session({ address, port, endpoint, user, context, timeoutMs, ignored }: V3SessionOptions): SnmpSession {
  const transport = isIP(address) === 6 ? 'udp6' : 'udp4';
  let closed = false;
  const admission = createV3Admission(user);
  const socket = new FencedSocket(
    transport,
    (datagram, from) => {
      if (from.address !== address || from.port !== port) {
        ignored.strangers += 1;
        return false;
      }
      if (admission.admits(datagram)) return true;
      ignored.malformed += 1;
      return false;
    },
    () => {
      ignored.malformed += 1;
    },
  );
  const session = createLibrarySession(address, netSnmpUser(user), {
    port,
    transport,
    context,
    timeout: timeoutMs / TRANSMISSIONS,
    retries: TRANSMISSIONS - 1,
    dgramModule: { createSocket: () => socket },
  });
  session.on('error', () => {
    ignored.malformed += 1;
  });

  return {
    request(request, signal) {
      if (closed) return Promise.reject(new Stopped('the SNMP session is closed'));
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const onAbort = (): void => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        const answered: Answered = (error, varbinds) => {
          signal.removeEventListener('abort', onAbort);
          if (error !== null)
            return reject(closed ? new Stopped('the SNMP session is closed') : errorOfV3(error, admission.lastReport(), user, endpoint));
          try {
            resolve((varbinds ?? []).map(varbindOf));
          } catch (disorder) {
            reject(disorder);
          }
        };
        try {
          send(session, request, answered);
        } catch (error) {
          answered(error, undefined);
        }
      });
    },
    meaningOfSilence() {
      // Agents that decrypt a request to nonsense drop it. They also drop one for a context that they do not have.
      if (!admission.knowsEngineOnly() || user.priv === undefined || context !== '') return undefined;
      return new AgentError('SNMP__WRONG_PRIVACY', { endpoint, user: user.name, problem: 'it tells its engine, and answers no request' });
    },
    close() {
      if (closed) return;
      closed = true;
      session.close();
    },
  };
}

type Answered = (error: unknown, varbinds: readonly Varbind[] | undefined) => void;

function send(session: ReturnType<typeof createLibrarySession>, request: SnmpRequest, answered: Answered): void {
  const oids = request.oids.map((oid) => oid.join('.'));
  switch (request.kind) {
    case 'get':
      session.get(oids, answered);
      return;
    case 'get-next':
      session.getNext(oids, answered);
      return;
    case 'get-bulk':
      // It comes sorted by the names that were asked for; the order of the answer is row by row.
      session.getBulk(oids, 0, request.maxRepetitions, (error, columns) =>
        answered(
          error,
          error === null ? rowByRow((columns ?? []).map((column) => (Array.isArray(column) ? column : [column]))) : undefined,
        ),
      );
  }
}

function rowByRow(columns: readonly (readonly Varbind[])[]): readonly Varbind[] {
  const rows = Math.max(0, ...columns.map(({ length }) => length));
  return Array.from({ length: rows }, (_, row) => columns.flatMap((column) => column[row] ?? [])).flat();
}
