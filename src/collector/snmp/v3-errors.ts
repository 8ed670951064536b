import { ResponseInvalidCode } from 'net-snmp';
import { AgentError, describeError } from '../../lib/index.ts';
import { errorOfStatus, ViewRefused } from './snmp-session.ts';
import type { SnmpUser } from './v3-user.ts';

/** `report` is the counter that the agent's last Report told of: net-snmp has it in words only. */
export function errorOfV3(error: unknown, report: readonly number[] | undefined, { name: user }: SnmpUser, endpoint: string): Error {
  const { code, status } = numbersOf(error);
  if (status !== undefined) return errorOfStatus(status);
  switch (code) {
    case ResponseInvalidCode.EAuthFailure:
      return refusalOf(report, user, endpoint);
    case ResponseInvalidCode.ECouldNotDecrypt:
      return new AgentError('SNMP__WRONG_PRIVACY', { endpoint, user, problem: 'its answer is not readable with this password' });
    case NOT_IN_TIME_WINDOW:
      return outOfTime(endpoint);
    case ResponseInvalidCode.EUnexpectedReport:
      return new ViewRefused('the agent refuses this context');
    default:
      return error instanceof Error ? error : new Error(describeError(error));
  }
}

/** usmStats (RFC 3414 section 5), by the last number but the instance's. */
function refusalOf(report: readonly number[] | undefined, user: string, endpoint: string): AgentError {
  switch (report?.at(-2)) {
    case 1:
      return new AgentError('SNMP__LEVEL_REFUSED', { endpoint, user });
    case 2:
      return outOfTime(endpoint);
    case 3:
      return new AgentError('SNMP__USER_UNKNOWN', { endpoint, user });
    case 6:
      return new AgentError('SNMP__WRONG_PRIVACY', { endpoint, user, problem: 'the agent could not read the request' });
    default:
      return new AgentError('SNMP__WRONG_PASSWORD', { endpoint, user });
  }
}

const outOfTime = (endpoint: string): AgentError =>
  new AgentError('SNMP__OUT_OF_TIME', { endpoint, problem: 'what one says is outside the other’s window of 150 s' });

/** ENotInTimeWindow, which the library's types do not know yet. */
const NOT_IN_TIME_WINDOW = 14;

function numbersOf(error: unknown): { readonly code: unknown; readonly status: number | undefined } {
  if (typeof error !== 'object' || error === null) return { code: undefined, status: undefined };
  return {
    code: 'code' in error ? error.code : undefined,
    status: 'status' in error && typeof error.status === 'number' ? error.status : undefined,
  };
}
