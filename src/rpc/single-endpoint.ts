import { AgentError, type Clock, isAgentError } from '../lib/index.ts';
import { AccountDataError, type Address, readUsers, ServiceabilityError, type UsersAnswer } from '../serviceability/index.ts';
import { EndpointError, resultOf } from './endpoint.ts';
import { asCount, asRecord, readEpochInfo, readGenesisHash, readOwnedAccounts } from './responses.ts';
import { type EndpointUrl, HttpJsonRpc, parseEndpointUrls } from './transport.ts';

/** For the few requests of a command, one of which may be for all users of the network: 11,000 of them have 150,000 values. */
const BOUNDS = { connections: 2, maxWaiting: 64, maxResponseBytes: 16 << 20 };
const CONFIRMED = { commitment: 'confirmed' };

/** One endpoint without failover: for commands that report on each of them. Its methods throw AgentError `LEDGER__…`, or the signal's reason. */
export type SingleEndpoint = ReturnType<typeof openEndpoint>;

interface OpenOptions {
  readonly clock: Clock;
  /** Upper bound for one request, milliseconds. */
  readonly timeoutMs: number;
}

/** Opens each endpoint by itself. The first request opens the first socket. Throws TypeError for an invalid URL. */
export function openEndpoints({ urls, ...options }: OpenOptions & { readonly urls: readonly string[] }): readonly SingleEndpoint[] {
  return parseEndpointUrls(urls).map((url) => openEndpoint(url, options));
}

function openEndpoint(url: EndpointUrl, { clock, timeoutMs }: OpenOptions) {
  const rpc = new HttpJsonRpc({ url, clock, timeoutMs, ...BOUNDS });
  const ask = async <T>(method: string, params: readonly unknown[], read: (result: unknown) => T, signal: AbortSignal): Promise<T> => {
    const reply = await rpc.call({ method, params }, signal);
    signal.throwIfAborted();
    try {
      return resultOf(reply, method, url, read);
    } catch (error) {
      throw error instanceof EndpointError ? error.error : error;
    }
  };
  return {
    /** Without anything secret of its URL. */
    name: url.name,
    /** One request, and its result as `read` reads it. */
    ask,
    /** One request, its result unread. */
    call: (method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> =>
      ask(method, params, (result) => result, signal),
    /** Its confirmed slot, and its latency in milliseconds; the first request opens the connection, too. */
    async probe(signal: AbortSignal) {
      const askedAt = clock.monotonic();
      const { slot } = await ask('getEpochInfo', [CONFIRMED], readEpochInfo, signal);
      return { slot, latencyMs: clock.monotonic() - askedAt };
    },
    /** The genesis hash of its cluster, base58. */
    genesisHash: (signal: AbortSignal): Promise<string> => ask('getGenesisHash', [], readGenesisHash, signal),
    /** Idempotent. */
    close: (): Promise<void> => rpc.close(),
  };
}

interface NetworkUsersQuery {
  /** In order of preference, at least one. */
  readonly endpoints: readonly SingleEndpoint[];
  readonly programId: Address;
  /** Only the users of this device; absent: those of every device. */
  readonly device?: Address;
}

/**
 * The users of a device or of the whole network (getProgramAccounts by account type, and by device where one is named), from the first endpoint
 * that succeeds. Throws AgentError: the endpoint's own, or LEDGER__NO_ENDPOINT with all their problems.
 */
export function readNetworkUsers({ endpoints, ...query }: NetworkUsersQuery, signal: AbortSignal): Promise<UsersAnswer> {
  return onFirst(endpoints, (endpoint) => readUsers({ ...query, rpc: endpoint.call }, signal), signal);
}

/** All accounts of a program at one slot, and the genesis hash of the cluster that answered, base58. */
export type ProgramAccounts = Awaited<ReturnType<typeof readProgramAccounts>>;

/**
 * Every account of the program in one answer (getProgramAccounts without a filter: about 4 MB for mainnet-beta), from the first endpoint that succeeds.
 * The answer may have up to 16 MiB. Throws like readNetworkUsers; LEDGER__BAD_ACCOUNT for an answer with an account that is malformed or
 * belongs to another program.
 */
export function readProgramAccounts({ endpoints, programId }: NetworkUsersQuery, signal: AbortSignal) {
  const params = [programId, { ...CONFIRMED, encoding: 'base64', withContext: true }];
  const ofEndpoint = async (endpoint: SingleEndpoint) => {
    const read = (result: unknown) => readOwnedAccounts(result, { endpoint: endpoint.name, programId });
    const genesisHash = await endpoint.genesisHash(signal);
    return { ...(await endpoint.ask('getProgramAccounts', params, read, signal)), genesisHash };
  };
  return onFirst(endpoints, ofEndpoint, signal);
}

/** The epoch of the ledger now, from the first endpoint that succeeds. Throws like readNetworkUsers. */
export function readEpoch({ endpoints }: Pick<NetworkUsersQuery, 'endpoints'>, signal: AbortSignal): Promise<bigint> {
  const read = (result: unknown): bigint => BigInt(asCount(asRecord(result, 'the epoch info').epoch, 'epoch'));
  return onFirst(endpoints, (endpoint) => endpoint.ask('getEpochInfo', [CONFIRMED], read, signal), signal);
}

async function onFirst<T>(
  endpoints: readonly SingleEndpoint[],
  read: (endpoint: SingleEndpoint) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const problems: AgentError[] = [];
  for (const endpoint of endpoints) {
    try {
      return await read(endpoint);
    } catch (error) {
      signal.throwIfAborted();
      problems.push(asAgentError(error, endpoint.name));
    }
  }
  const [first, ...rest] = problems;
  if (first !== undefined && rest.length === 0) throw first;
  throw new AgentError('LEDGER__NO_ENDPOINT', { problems: problems.map(({ message }) => message).join('; ') });
}

/** One malformed account spoils the answer; any other error is a bug. */
function asAgentError(error: unknown, endpoint: string): AgentError {
  if (isAgentError(error)) return error;
  if (!(error instanceof ServiceabilityError) && !(error instanceof AccountDataError)) throw error;
  // The SDK's own message says "malformed response" as well.
  const problem = error.code === 'RPC__BAD_ANSWER' ? String(error.context.problem) : error.message;
  return new AgentError('LEDGER__BAD_ANSWER', { endpoint, method: 'getProgramAccounts', problem }, { cause: error });
}
