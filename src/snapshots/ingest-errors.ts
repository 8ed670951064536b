import { AgentError, type EpochMs } from '../lib/index.ts';
import type { HttpReply } from './http-exchange.ts';

/** How far the timestamp of a request may be from the server's clock. */
const ACCEPTED_SKEW_MS = 5 * 60_000;
const DEFAULT_RETRY_MS = 60_000;
const MIN_RETRY_MS = 1_000;
/** A server that names a time in years is asked again all the same. */
const MAX_RETRY_MS = 15 * 60_000;

export interface Asked {
  /** The server, for messages. */
  readonly server: string;
  /** What was asked, such as `POST /v1/snapshots/upload-url`. */
  readonly request: string;
  /** The local time of the request. */
  readonly at: EpochMs;
  readonly publisher: string;
  readonly device: string;
}

/** The error that an answer other than 200 stands for. */
export function ingestError(reply: HttpReply, { server, request, at, publisher, device }: Asked): AgentError {
  const { status } = reply;
  const problem = problemOf(reply);
  if (status === 503 || status === 429) {
    const retryAfterMs = readRetryAfter(reply, at);
    return new AgentError('SNAPSHOT__SERVER_BUSY', { server, status, seconds: Math.ceil(retryAfterMs / 1_000), retryAfterMs });
  }
  if (status !== 401) return new AgentError('SNAPSHOT__SERVER_STATUS', { server, request, status, problem });
  const skewMs = skewOf(reply, at);
  if (skewMs === undefined || Math.abs(skewMs) <= ACCEPTED_SKEW_MS)
    return new AgentError('SNAPSHOT__UNAUTHORIZED', { server, publisher, device, problem });
  const direction = skewMs < 0 ? 'ahead of' : 'behind';
  return new AgentError('SNAPSHOT__CLOCK_SKEW', { server, skew: roughly(Math.abs(skewMs)), direction, skewMs });
}

/** How much the server's clock is ahead of ours, by the Date of its answer (whole seconds); undefined without one. */
function skewOf({ header }: HttpReply, at: EpochMs): number | undefined {
  const date = Date.parse(header('date') ?? '');
  return Number.isNaN(date) ? undefined : date - at;
}

/** Milliseconds by a Retry-After (RFC 9110 10.2.3), seconds or a date, within bounds. */
function readRetryAfter({ header }: HttpReply, at: EpochMs): number {
  const text = header('retry-after')?.trim() ?? '';
  const from = Date.parse(header('date') ?? '');
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : undefined;
  const until = /[A-Za-z]{3}/.test(text) ? Date.parse(text) - (Number.isNaN(from) ? at : from) : Number.NaN;
  const ms = seconds ?? (Number.isNaN(until) ? DEFAULT_RETRY_MS : until);
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, ms));
}

/** What the server says is wrong, `{"error","code"}`, in one line; its status alone where it says nothing that can be read. */
function problemOf({ status, body }: HttpReply): string {
  if (status >= 300 && status < 400) return 'it redirects, which is not followed';
  try {
    const answer: unknown = JSON.parse(body.subarray(0, 4_096).toString('utf8'));
    const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
    if (typeof error === 'string' && error !== '') return error.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 120);
  } catch {
    // Whatever it is, it is not the server's own word.
  }
  return 'no reason given';
}

function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(ms / 3_600_000);
  return hours < 72 ? `${hours} h` : `${Math.round(ms / 86_400_000)} days`;
}
