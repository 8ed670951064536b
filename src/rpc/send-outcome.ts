import bs58 from 'bs58';
import { AgentError, isRecord } from '../lib/index.ts';
import { badAnswer, type EndpointError, toEndpointError } from './endpoint.ts';
import { saysRateLimit } from './refusals.ts';
import { Malformed, readSimulated, type TransactionErrorJson } from './responses.ts';
import type { EndpointUrl, RpcFailure, RpcReply } from './transport.ts';

/*
 * What one attempt to send a transaction proves. An attempt is one request with its bytes to one endpoint.
 *
 *   event of the transport, or answer                               outcome    may land
 *   ──────────────────────────────────────────────────────────────  ─────────  ────────
 *   no answer yet                                                   (open)     yes
 *   no room in our queue, DNS failure, connection refused, TLS or
 *     connect failure or time-out: no byte of the request written   not-sent   no
 *   reset, end of connection, time-out, cut or oversized answer
 *     after the first byte may have been written                    unknown    yes
 *   HTTP 401, 403, 413, 429; JSON-RPC codes of those numbers, but
 *     not with a 5xx                                                not-sent   no
 *   any other known rate limit, by code or wording, but not with a
 *     5xx, -32603, -32000 or no code, and not if the text names a
 *     queue or a forwarded request                                  not-sent   no
 *   -32005 "Node is behind / unhealthy", -32016 "Minimum context
 *     slot": Agave checks both before it queues the transaction,
 *     and answers both without a 5xx                                not-sent   no
 *   -32002 with the error of the transaction in `data`              rejected   no
 *   -32003 "signature verification failure"                         rejected   no
 *   "already processed" in any wording, code or place but a log     accepted   yes
 *   the signature of the transaction                                accepted   yes
 *   everything else: any other status or code, also -32601 and
 *     -32602, -32002 without `data`, an error without a code,
 *     redirects, text, HTML, another signature; under any status
 *     an error together with a result, a result with an error
 *     status, the id of another request                             unknown    yes
 *
 * A refusal speaks for its own attempt only: neither for an earlier one, nor for another endpoint. So one attempt that may land decides for the
 * transaction, and no later answer changes that. Only its status, or its proven expiry, does.
 */

/**
 * The outcome of one attempt, or of all attempts with the same bytes.
 * accepted: a node took it, or says that it already has it. unknown: a node may have it. Both may land; `error` is the newest one since it was last
 * taken.
 * rejected: a node refused it in preflight, and no node can have it. not-sent: no node can have it, for any other reason.
 */
export type SendOutcome =
  | { readonly kind: 'accepted' | 'unknown'; readonly error?: AgentError }
  | Rejection
  | { readonly kind: 'not-sent'; readonly error: AgentError };

interface Rejection {
  readonly kind: 'rejected';
  readonly err: TransactionErrorJson;
  readonly logs: readonly string[];
  readonly unitsConsumed?: number;
  /** In the endpoint's words. */
  readonly error?: AgentError;
}

/** One request to one endpoint. */
interface SendAttempt {
  readonly endpoint: string;
}

/**
 * The bytes of one signed transaction, and every attempt to send them: the first send and all repeats, to all endpoints.
 *
 *   nothing sent ──► open or unknown: may land ──► accepted: may land
 *        │
 *        └──► every attempt refused: rejected or not-sent
 */
export class SendAttempts {
  readonly wire: Uint8Array;
  readonly #open = new Set<SendAttempt>();
  /** Strongest first: accepted, then unknown. */
  #mayLand: 'accepted' | 'unknown' | undefined;
  /** Of an attempt that ended after the last acceptance. */
  #newestError: AgentError | undefined;
  #rejection: Rejection | undefined;
  /** The last refusal of each endpoint. */
  readonly #refusals = new Map<string, AgentError>();

  constructor(wire: Uint8Array) {
    this.wire = wire;
  }

  /** The first signature, which names the transaction: 64 bytes after their count. */
  get signature(): string {
    return bs58.encode(this.wire.subarray(1, 65));
  }

  /** From here on the endpoint may get the bytes. */
  begin(endpoint: string): SendAttempt {
    const attempt = { endpoint };
    this.#open.add(attempt);
    return attempt;
  }

  /** Ends an attempt. One that has ended can no longer be refused. */
  end(attempt: SendAttempt, outcome: SendOutcome): void {
    const wasOpen = this.#open.delete(attempt);
    this.#newestError = outcome.kind === 'accepted' ? outcome.error : (outcome.error ?? this.#newestError);
    if (outcome.kind === 'accepted') this.#mayLand = 'accepted';
    else if (outcome.kind === 'unknown') this.#mayLand ??= 'unknown';
    else if (!wasOpen) return;
    // A node that lags does not know a new blockhash; one that ran the transaction knows more.
    else if (outcome.kind === 'rejected' && (this.#rejection === undefined || this.#rejection.err === 'BlockhashNotFound'))
      this.#rejection = outcome;
    else if (outcome.kind === 'not-sent') this.#refusals.set(attempt.endpoint, outcome.error);
  }

  /** No endpoint could be asked. */
  notOffered(error: AgentError): void {
    this.#newestError = error;
    this.#refusals.clear();
    this.#refusals.set('', error);
  }

  /** The outcome of all attempts so far. */
  outcome(): SendOutcome {
    const kind = this.#mayLand ?? (this.#open.size > 0 ? 'unknown' : undefined);
    if (kind !== undefined) return { kind, error: this.#newestError };
    return this.#rejection ?? { kind: 'not-sent', error: this.#refusal() };
  }

  #refusal(): AgentError {
    const errors = [...this.#refusals.values()];
    const [first] = errors;
    if (first !== undefined && errors.length === 1) return first;
    const problems = errors.map(({ message }) => message).join('; ') || 'none was asked';
    return new AgentError('LEDGER__NO_ENDPOINT', { problems }, { cause: new AggregateError(errors) });
  }
}

const PREFLIGHT_FAILED = -32002;
const SIGNATURE_DOES_NOT_VERIFY = -32003;
const NODE_UNHEALTHY = -32005;
const MIN_CONTEXT_SLOT_NOT_REACHED = -32016;
/** Errors of something behind the front end, which may have forwarded the request; 0 stands for no code. */
const INTERNAL_ERRORS: ReadonlySet<number> = new Set([-32603, -32000, 0]);

/** HTTP statuses, and JSON-RPC codes of front ends, of a request that was refused before it was read or passed on. */
const REFUSED_BEFORE_FORWARDING: ReadonlySet<number> = new Set([401, 403, 413, 429]);
/** Limits that a request meets behind the front end, after it was passed on. */
const MAY_HAVE_PASSED = /\bupstream\b|\bqueued?\b|\bforward|\bbroadcast|\bsubmitted\b|\baccepted\b|\bretry limit|\bretries\b/i;
/** But not "already used the requests of this day", nor AccountBorrowFailed's "already borrowed". */
const ALREADY_PROCESSED =
  /\balready\b(?! (used|borrowed|reached|exceeded|exhausted|rate|hit)\b)|AlreadyProcessed|duplicate (transaction|signature)|been (processed|included|confirmed)|previously (processed|included|confirmed|submitted|sent)/i;

/** Reads one endpoint's reply to sendTransaction by the table above. `failure`: the endpoint's error, where the reply is one. */
export function readSendReply(
  reply: RpcReply,
  signature: string,
  url: EndpointUrl,
): { readonly outcome: SendOutcome; readonly failure?: EndpointError } {
  if (reply.kind === 'result') {
    if (reply.value === signature) return { outcome: { kind: 'accepted' } };
    const isSignature = typeof reply.value === 'string' && /^[1-9A-HJ-NP-Za-km-z]{64,88}$/.test(reply.value);
    return unknown(
      isSignature
        ? badAnswer('the signature of another transaction', url, 'sendTransaction')
        : badAnswer('a result that is not a signature', url, 'sendTransaction', reply.value),
    );
  }
  const failure = toEndpointError(reply, url, 'sendTransaction');
  // If the wording is not a node's, it may mean something else. Then it is the cause if nothing lands.
  if (saysAlreadyProcessed(reply)) return { outcome: { kind: 'accepted', error: isOfNode(reply) ? undefined : failure.error } };
  const rejection = reply.kind === 'rpc-error' ? readRejection(reply) : undefined;
  if (rejection !== undefined) return { outcome: { ...rejection, error: failure.error } };
  return isRefusedForCertain(reply) ? { outcome: { kind: 'not-sent', error: failure.error }, failure } : unknown(failure);
}

function unknown(failure: EndpointError) {
  return { outcome: { kind: 'unknown', error: failure.error }, failure } as const;
}

/** Logs do not count: they are the program's words. */
function saysAlreadyProcessed(reply: RpcFailure): boolean {
  if (reply.kind === 'failed') return false;
  if (reply.kind !== 'rpc-error') return ALREADY_PROCESSED.test(reply.text ?? '');
  const { err } = isRecord(reply.data) ? reply.data : {};
  return ALREADY_PROCESSED.test(`${reply.message} ${JSON.stringify(err)}`);
}

/** A node's own AlreadyProcessed. */
function isOfNode(reply: RpcFailure): boolean {
  return reply.kind === 'rpc-error' && reply.code === PREFLIGHT_FAILED;
}

/** The preflight's refusal, where the reply is one with all its parts. */
function readRejection({ code, message, data }: RpcReply & { kind: 'rpc-error' }): Rejection | undefined {
  if (code === SIGNATURE_DOES_NOT_VERIFY && /signature verif/i.test(message))
    return { kind: 'rejected', err: 'SignatureFailure', logs: [] };
  if (code !== PREFLIGHT_FAILED || !isRecord(data)) return undefined;
  try {
    const { err, logs, unitsConsumed } = readSimulated(data);
    return err === null ? undefined : { kind: 'rejected', err, logs, unitsConsumed };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function isRefusedForCertain(reply: RpcFailure): boolean {
  switch (reply.kind) {
    case 'failed':
      return reply.progress !== 'offered' && reply.progress !== 'answering';
    case 'http-error':
      return REFUSED_BEFORE_FORWARDING.has(reply.status) && !reply.mayHaveRun;
    case 'rpc-error': {
      const { code = 0, message, status = 200 } = reply;
      if (REFUSED_BEFORE_FORWARDING.has(status)) return true;
      // A gateway may report what the last of several endpoints behind it answered.
      if (status >= 500) return false;
      if (REFUSED_BEFORE_FORWARDING.has(code)) return true;
      if (saysRateLimit(reply)) return !INTERNAL_ERRORS.has(code) && !(code >= 500 && code < 600) && !MAY_HAVE_PASSED.test(message);
      if (code === NODE_UNHEALTHY) return /node is (behind|unhealthy)/i.test(message);
      return code === MIN_CONTEXT_SLOT_NOT_REACHED && /minimum context slot/i.test(message);
    }
    case 'garbled':
      return false;
  }
}
