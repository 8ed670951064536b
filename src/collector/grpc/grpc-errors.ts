import type * as Grpc from '@grpc/grpc-js';
import { AgentError, describeError, isAgentError } from '../../lib/index.ts';
import { StreamEnded } from './grpc-calls.ts';

export interface CallPlace {
  readonly endpoint: string;
  readonly method: string;
}

/** The AgentError `GRPC__…` of a failed call, by its status. */
export function grpcError(error: unknown, { status }: Pick<typeof Grpc, 'status'>, { endpoint, method }: CallPlace): AgentError {
  if (isAgentError(error)) return error;
  if (error instanceof StreamEnded) return new AgentError('GRPC__WATCH_ENDED', { endpoint, problem: error.message }, { cause: error });
  const { code, details } = serviceError(error);
  const problem = oneLine(details);
  const options = { cause: error };
  switch (code) {
    case status.UNAVAILABLE:
      return new AgentError('GRPC__UNREACHABLE', { endpoint, problem }, options);
    case status.UNIMPLEMENTED:
      return new AgentError('GRPC__NOT_SERVED', { endpoint, method, problem }, options);
    case status.RESOURCE_EXHAUSTED:
      return new AgentError('GRPC__EXHAUSTED', { endpoint, problem }, options);
    default:
      return new AgentError(
        'GRPC__FAILED',
        { endpoint, method, status: code === undefined ? 'no status' : `${status[code]}`, problem },
        options,
      );
  }
}

/** The status of a failed call, where it has one. */
function serviceError(error: unknown): { readonly code?: number; readonly details: string } {
  if (!(error instanceof Error)) return { details: describeError(error) };
  const details = 'details' in error && typeof error.details === 'string' && error.details !== '' ? error.details : describeError(error);
  return 'code' in error && typeof error.code === 'number' ? { code: error.code, details } : { details };
}

/** The library's texts name every address it tried; the beginning tells. */
function oneLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
