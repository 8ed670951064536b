import { describeError } from '../../../lib/index.ts';
import type { Endpoint } from './endpoint.ts';
import { stringifyJson } from './json.ts';
import { answerError, answerResult, type RpcBody, type RpcRequest, type RpcResponse } from './json-rpc.ts';
import { accountMethods } from './methods/account-methods.ts';
import { clusterMethods } from './methods/cluster-methods.ts';
import { historyMethods } from './methods/history-methods.ts';
import { programAccountMethods } from './methods/program-account-methods.ts';
import { sendMethods } from './methods/send-methods.ts';
import { RpcCode, RpcError } from './rpc-error.ts';
import type { RpcMethods } from './rpc-method.ts';

const SOLANA_METHODS: RpcMethods = { ...accountMethods, ...clusterMethods, ...historyMethods, ...programAccountMethods, ...sendMethods };

export interface RpcHandler {
  /** Answers a body, as JSON text; empty when it was notifications only. Never throws for what a client sends. */
  answer(body: RpcBody, endpoint: Endpoint): string;
  /** Answers every request of the body with this error. */
  refuse(body: RpcBody, error: RpcError): string;
}

/** JSON-RPC without a transport: Solana's methods, and those of `more`. */
export function createRpcHandler(more: RpcMethods): RpcHandler {
  const methods = new Map(Object.entries({ ...SOLANA_METHODS, ...more }));

  const answerOne = (request: RpcRequest | RpcError, endpoint: Endpoint): RpcResponse | undefined => {
    if (request instanceof RpcError) return answerError(null, request);
    const response = call(request, endpoint);
    return request.id === undefined ? undefined : response;
  };
  const call = ({ id, method, params }: RpcRequest, endpoint: Endpoint): RpcResponse => {
    const run = methods.get(method);
    if (run === undefined) return answerError(id, new RpcError(RpcCode.methodNotFound, 'Method not found'));
    try {
      return answerResult(id, run(endpoint, params));
    } catch (error) {
      return answerError(
        id,
        error instanceof RpcError ? error : new RpcError(RpcCode.internalError, `Internal error: ${describeError(error)}`),
      );
    }
  };

  return {
    answer: (body, endpoint) => assemble(body, (request) => answerOne(request, endpoint)),
    refuse: (body, error) => assemble(body, (request) => answerError(request instanceof RpcError ? null : request.id, error)),
  };
}

function assemble({ isBatch, requests }: RpcBody, answer: (request: RpcRequest | RpcError) => RpcResponse | undefined): string {
  const answers = requests.map(answer).filter((response) => response !== undefined);
  if (answers.length === 0) return '';
  return stringifyJson(isBatch ? answers : answers[0]);
}
