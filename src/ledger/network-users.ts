import { AgentError, isAgentError } from '../lib/index.ts';
import { AccountDataError, type Address, readUsers, ServiceabilityError, type UsersAnswer } from '../serviceability/index.ts';
import type { SingleEndpoint } from './open-endpoints.ts';

export interface NetworkUsersQuery {
  /** In order of preference, at least one. */
  readonly endpoints: readonly SingleEndpoint[];
  readonly programId: Address;
  /** Only the users of this device; absent: those of every device. */
  readonly device?: Address;
}

/**
 * The users of a device or of the whole network (getProgramAccounts by account type, and by device where one is named), from the first endpoint
 * that manages it. Throws AgentError: the endpoint's own, or LEDGER__NO_ENDPOINT with all their problems.
 */
export async function readNetworkUsers({ endpoints, ...query }: NetworkUsersQuery, signal: AbortSignal): Promise<UsersAnswer> {
  const problems: AgentError[] = [];
  for (const endpoint of endpoints) {
    try {
      return await readUsers({ ...query, rpc: endpoint.call }, signal);
    } catch (error) {
      signal.throwIfAborted();
      problems.push(asAgentError(error, endpoint.name));
    }
  }
  const [first, ...rest] = problems;
  if (first !== undefined && rest.length === 0) throw first;
  throw new AgentError('LEDGER__NO_ENDPOINT', { problems: problems.map(({ message }) => message).join('; ') });
}

/** An answer with one wrong account is no answer; anything else that is thrown is a defect. */
function asAgentError(error: unknown, endpoint: string): AgentError {
  if (isAgentError(error)) return error;
  if (!(error instanceof ServiceabilityError) && !(error instanceof AccountDataError)) throw error;
  return new AgentError('LEDGER__BAD_ANSWER', { endpoint, method: 'getProgramAccounts', problem: error.message }, { cause: error });
}
