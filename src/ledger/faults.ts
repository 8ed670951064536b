import { AgentError, DeadlineExceeded, describeError, type ErrorCode } from '../lib/index.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import type { EndpointWork } from './endpoint-work.ts';
import type { RpcReply } from './json-rpc.ts';

/** Codes whose message is made of the endpoint, the method and the problem, as every trouble with one endpoint is. */
export type FaultCode = Extract<
  ErrorCode,
  | 'LEDGER__UNREACHABLE'
  | 'LEDGER__TIMEOUT'
  | 'LEDGER__RATE_LIMITED'
  | 'LEDGER__UNAVAILABLE'
  | 'LEDGER__BAD_ANSWER'
  | 'LEDGER__NOT_YET'
  | 'LEDGER__ACCESS_DENIED'
  | 'LEDGER__UNSUPPORTED'
  | 'LEDGER__REQUEST_REFUSED'
  | 'LEDGER__NODE_ERROR'
  | 'LEDGER__BUSY'
>;

/** What one kind of trouble means for the endpoint, for the call, and for a transaction that was in the request. */
export interface Verdict {
  readonly code: FaultCode;
  /** The endpoint is no good for other calls either, for now. */
  readonly setAside: boolean;
  /** Another endpoint may do better. */
  readonly tryNext: boolean;
  /** The request may have been acted upon all the same. */
  readonly mayHaveActed: boolean;
}

/** One endpoint failed one request. */
export class EndpointFault extends Error {
  override readonly name = 'EndpointFault';
  constructor(
    readonly error: AgentError,
    readonly verdict: Omit<Verdict, 'code'>,
    /** What has to work again before the endpoint is said to be back: a method, or its slots. */
    readonly topic: string,
    readonly more: FaultMore = {},
  ) {
    super(error.message, { cause: error });
  }
}

interface FaultMore {
  /** The endpoint asked not to be asked again for so many milliseconds. */
  readonly retryAfterMs?: number;
  /** Nothing but this work shows that the endpoint is good again; until then it is not used, not even as the last one left. */
  readonly recheck?: EndpointWork<unknown>;
  /** What it is found to be at fault with once another endpoint has answered better. Without one that does, it may be right. */
  readonly ifContradicted?: EndpointFault;
}

const busyNode: Verdict = { code: 'LEDGER__UNAVAILABLE', setAside: true, tryNext: true, mayHaveActed: true };
const rateLimited: Verdict = { code: 'LEDGER__RATE_LIMITED', setAside: true, tryNext: true, mayHaveActed: false };
const denied: Verdict = { code: 'LEDGER__ACCESS_DENIED', setAside: true, tryNext: true, mayHaveActed: false };
const notYet: Verdict = { code: 'LEDGER__NOT_YET', setAside: false, tryNext: true, mayHaveActed: false };
const unsupported: Verdict = { code: 'LEDGER__UNSUPPORTED', setAside: false, tryNext: true, mayHaveActed: false };
const refused: Verdict = { code: 'LEDGER__REQUEST_REFUSED', setAside: false, tryNext: false, mayHaveActed: false };
const nodeError: Verdict = { code: 'LEDGER__NODE_ERROR', setAside: false, tryNext: true, mayHaveActed: true };

/** The error codes of Solana's JSON-RPC (`rpc-client-api` custom errors), of JSON-RPC 2.0, and HTTP statuses that gateways put in their place. */
const BY_RPC_CODE: ReadonlyMap<number, Verdict> = new Map([
  [-32002, refused], // preflight failed: the send reads the details before it comes here
  [-32003, refused], // a signature does not verify
  [-32004, notYet], // block not available
  [-32005, { ...busyNode, mayHaveActed: false }], // node unhealthy or behind: checked before anything is done
  [-32006, refused], // precompile verification failed
  [-32007, { ...nodeError, mayHaveActed: false }], // slot skipped
  [-32009, { ...nodeError, mayHaveActed: false }], // slot skipped in long-term storage
  [-32010, unsupported], // key excluded from the account indexes
  [-32011, unsupported], // no transaction history
  [-32013, refused], // signature of a wrong length
  [-32014, notYet], // block status not available yet
  [-32015, refused], // unsupported transaction version
  [-32016, notYet], // minContextSlot not reached
  [-32429, rateLimited],
  [-32600, refused],
  [-32601, unsupported],
  [-32602, { ...refused, tryNext: true }], // perhaps only this node is too old for the parameters
  [-32700, { ...refused, tryNext: true }],
  [429, rateLimited],
  ...[500, 502, 503, 504].map((status): [number, Verdict] => [status, busyNode]),
]);

/** Any other answer than 2xx. A gateway's 5xx does not tell whether it had passed the request on. */
function byHttpStatus(status: number): Verdict {
  if (status === 429) return rateLimited;
  if (status >= 500 || status === 408) return busyNode;
  return status === 413 ? refused : denied;
}

/** What it means that an endpoint gave no usable result. */
export function faultOf(reply: Exclude<RpcReply, { kind: 'result' }>, url: EndpointUrl, method: string): EndpointFault {
  switch (reply.kind) {
    case 'rpc-error':
      return fault(
        BY_RPC_CODE.get(reply.code) ?? nodeError,
        url,
        method,
        `${reply.message || 'no reason given'} (code ${reply.code})`,
        reply,
      );
    case 'http-error':
      return fault(byHttpStatus(reply.status), url, method, `HTTP status ${reply.status}`, reply);
    case 'garbled':
      return badAnswer(reply.problem, url, method, reply);
    case 'failed':
      return failed(reply, url, method);
  }
}

/** The endpoint answered, but not what the method promises. */
export function badAnswer(problem: string, url: EndpointUrl, method: string, more: FaultDetails = {}): EndpointFault {
  return fault({ code: 'LEDGER__BAD_ANSWER', setAside: true, tryNext: true, mayHaveActed: true }, url, method, problem, more);
}

/** The endpoint's answer is from before what was asked for. */
export function tooEarly(problem: string, url: EndpointUrl, method: string): EndpointFault {
  return fault(notYet, url, method, problem);
}

function failed({ progress, cause, address }: RpcReply & { kind: 'failed' }, url: EndpointUrl, method: string): EndpointFault {
  const mayHaveActed = progress === 'offered' || progress === 'answering';
  const ours = progress === 'queued' || progress === 'overflow';
  const code = ours ? 'LEDGER__BUSY' : cause instanceof DeadlineExceeded ? 'LEDGER__TIMEOUT' : 'LEDGER__UNREACHABLE';
  return fault({ code, setAside: !ours, tryNext: true, mayHaveActed }, url, method, networkProblem(cause), { cause, address });
}

interface FaultDetails {
  readonly retryAfterMs?: number | undefined;
  readonly cause?: Error;
  /** Which address behind the host's name it was. */
  readonly address?: string | undefined;
}

function fault(verdict: Verdict, url: EndpointUrl, method: string, problem: string, { retryAfterMs, cause, address }: FaultDetails = {}) {
  const context = { endpoint: url.name, method, problem: oneLine(url.redact(problem)), ...(address === undefined ? {} : { address }) };
  const error = new AgentError(verdict.code, context, cause === undefined ? undefined : { cause });
  return new EndpointFault(error, verdict, method, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** Two attempts to connect (IPv6 and IPv4) come as one error without a message of its own. */
function networkProblem(cause: Error): string {
  const inner = cause instanceof AggregateError && cause.message === '' ? cause.errors : [cause];
  return inner.map(describeError).join('; ');
}

const LONGEST_PROBLEM = 300;

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST_PROBLEM ? `${line.slice(0, LONGEST_PROBLEM - 1)}…` : line;
}
