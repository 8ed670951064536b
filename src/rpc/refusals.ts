import { DeadlineExceeded, describeError, isRecord } from '../lib/index.ts';
import type { RpcFailure } from './transport.ts';

/**
 * The consequences of a reply without a result: the error, and whether to quarantine the endpoint. The next endpoint is asked in any case, because
 * providers reuse each other's codes.
 */
const VERDICTS = {
  unreachable: { code: 'LEDGER__UNREACHABLE', quarantine: true },
  timedOut: { code: 'LEDGER__TIMEOUT', quarantine: true },
  unavailable: { code: 'LEDGER__UNAVAILABLE', quarantine: true },
  rateLimited: { code: 'LEDGER__RATE_LIMITED', quarantine: true },
  denied: { code: 'LEDGER__ACCESS_DENIED', quarantine: true },
  badAnswer: { code: 'LEDGER__BAD_ANSWER', quarantine: true },
  tooLarge: { code: 'LEDGER__TOO_LARGE', quarantine: true },
  busy: { code: 'LEDGER__BUSY', quarantine: false },
  unsupported: { code: 'LEDGER__UNSUPPORTED', quarantine: false },
  refused: { code: 'LEDGER__REQUEST_REFUSED', quarantine: false },
  nodeError: { code: 'LEDGER__NODE_ERROR', quarantine: false },
  behind: { code: 'LEDGER__NOT_YET', quarantine: false },
} as const;
export type Verdict = (typeof VERDICTS)[keyof typeof VERDICTS];

const { unavailable, denied, unsupported, refused } = VERDICTS;
export const minContextSlotVerdict = VERDICTS.behind;

const INVALID_REQUEST = -32600;
/** Providers report a bad key with -32600 or a code of their own; only the words are common. */
const ACCESS_WORDS = /\bunauthori[sz]ed\b|\bforbidden\b|\bapi[ -]?key\b|\byour key\b|\baccess (is )?denied\b|\bcredentials?\b/i;

/** The error codes of Solana's JSON-RPC (`rpc-client-api` custom errors) and of JSON-RPC 2.0. All others are errors of the node. */
const BY_RPC_CODE: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [-32002, refused], // preflight failed
  [-32003, refused], // a signature does not verify
  [-32004, minContextSlotVerdict], // block not available
  [-32005, unavailable], // node unhealthy or behind
  [-32006, refused], // precompile verification failed
  [-32010, unsupported], // key excluded from the account indexes
  [-32011, unsupported], // no transaction history
  [-32013, refused], // signature of a wrong length
  [-32014, minContextSlotVerdict], // block status not available yet
  [-32015, refused], // unsupported transaction version
  [-32016, minContextSlotVerdict], // minContextSlot not reached
  [INVALID_REQUEST, refused],
  [-32601, unsupported], // method not found
  [-32602, refused], // invalid parameters: perhaps only this node is too old for them
  [-32700, refused], // parse error
]);

/** Any HTTP status but 2xx, and JSON-RPC codes of front ends that repeat one. */
function byHttpStatus(status: number): Verdict {
  if (status >= 500 || status === 408 || status === 499) return unavailable;
  if (status === 410) return unsupported;
  return status === 413 ? refused : denied;
}

export function verdictOf(reply: RpcFailure): Verdict {
  if (isRateLimit(reply)) return VERDICTS.rateLimited;
  switch (reply.kind) {
    case 'rpc-error': {
      const { code = 0, status = 200 } = reply;
      if (status >= 401 && status <= 403) return denied;
      const byCode = BY_RPC_CODE.get(code);
      if ((byCode === undefined || code === INVALID_REQUEST) && ACCESS_WORDS.test(reply.message)) return denied;
      if (byCode !== undefined) return byCode;
      if (code >= 400 && code < 600) return byHttpStatus(code);
      return status >= 300 ? byHttpStatus(status) : VERDICTS.nodeError;
    }
    case 'http-error':
      return byHttpStatus(reply.status);
    case 'garbled':
      return reply.isTooLarge === true ? VERDICTS.tooLarge : VERDICTS.badAnswer;
    case 'failed':
      if (reply.progress === 'queued' || reply.progress === 'overflow') return VERDICTS.busy;
      return reply.cause instanceof DeadlineExceeded ? VERDICTS.timedOut : VERDICTS.unreachable;
  }
}

/** HTTP's number, its form in JSON-RPC front ends, and Syndica's. */
const RATE_LIMIT_CODES: ReadonlySet<number | undefined> = new Set([429, -32429, 7429]);
/** QuickNode says it with -32007, Chainstack with -32005, Helius with -32600, others in plain text: only the words are common. */
const RATE_LIMIT_WORDS =
  /\brates?\b|rate-?limit|\blimit(s|ed|ing)?\b|\btoo (many|fast|frequent)|\bslow(ing)? down|deprioriti[sz]ed|max(imum)? usage|\bcapacity\b|\bquota\b|throttl|\bback ?off\b|per (second|minute|hour|day|month)\b/i;
/** Wording for a single request that is too large or too slow for the endpoint, at any request rate. */
const OTHER_LIMIT_WORDS =
  /\btoo many (accounts|pubkeys|addresses|filters|inputs)\b|\btoo (large|big|long)\b|\b(body|request|response|payload|account|batch) size\b|\btime[- ]?out|\btimed out\b|\btime limit\b|\bdeadline\b/i;
/** Agave's own errors that can have such words in them: preflight, invalid parameters, an aborted scan. */
const NO_RATE_LIMIT_CODES: ReadonlySet<number | undefined> = new Set([-32602, -32012]);

/** Whether the endpoint says that we ask too often, by status, code, Retry-After or words. */
export function isRateLimit(reply: RpcFailure): boolean {
  if (reply.kind === 'failed') return false;
  return (reply.retryAfterMs !== undefined && (reply.status ?? 200) < 500) || saysRateLimit(reply);
}

/** The same without Retry-After, which can come with any problem. */
export function saysRateLimit(reply: Exclude<RpcFailure, { kind: 'failed' }>): boolean {
  if (reply.status === 429) return true;
  if (reply.kind !== 'rpc-error') return saysLimit(reply.text ?? '');
  const { code, message, data } = reply;
  if (RATE_LIMIT_CODES.has(code)) return true;
  // A program's own words say nothing about our rate.
  const isSimulation = isRecord(data) && ('err' in data || 'logs' in data);
  return !isSimulation && !/simulation failed/i.test(message) && !NO_RATE_LIMIT_CODES.has(code) && saysLimit(message);
}

function saysLimit(words: string): boolean {
  return RATE_LIMIT_WORDS.test(words) && !OTHER_LIMIT_WORDS.test(words);
}

/** What the endpoint said, or what became of the request. May contain secrets of the URL. */
export function problemOf(reply: RpcFailure): string {
  switch (reply.kind) {
    case 'rpc-error': {
      const status = reply.status === undefined || reply.status < 300 ? '' : `, HTTP status ${reply.status}`;
      return `${reply.message || 'no reason given'} (${reply.code === undefined ? 'no code' : `code ${reply.code}`}${status})`;
    }
    case 'http-error': {
      const { status, text, location } = reply;
      const target = location === undefined ? '' : `, a redirect to ${location}, which the agent does not follow`;
      return `HTTP status ${status}${target}${text === undefined ? '' : `: ${text}`}`;
    }
    case 'garbled':
      return reply.text === undefined ? reply.problem : `${reply.problem}: ${reply.text}`;
    case 'failed': {
      // Two attempts to connect (IPv6 and IPv4) come as one error without a message of its own.
      const { cause, message } = reply;
      if (message !== undefined) return message;
      const inner = cause instanceof AggregateError && cause.message === '' ? cause.errors : [cause];
      const problem = inner.map(describeError).join('; ');
      return reply.progress === 'answering' && !(cause instanceof DeadlineExceeded) ? `the response broke off (${problem})` : problem;
    }
  }
}
