import type { StatusIntent } from '../bgp/index.ts';
import type { TransactionErrorJson } from '../ledger/index.ts';
import { AgentError, isAgentError } from '../platform/index.ts';
import { classifyFailure } from './classify-failure.ts';
import type { Flight } from './flights.ts';
import type { WorkerContext } from './worker-context.ts';

export type FailedTransaction = Pick<Flight, 'signature' | 'intents' | 'prefixInstructions'>;

/**
 * Draws the consequence of a transaction that failed, in preflight, in simulation or on the ledger. Its users are free again by then: all but
 * a culprit are still wanted, and go out with the next transaction (rule 19).
 */
export async function settleFailure(
  context: WorkerContext,
  { signature, intents, prefixInstructions }: FailedTransaction,
  err: TransactionErrorJson,
  logs: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { programId, signer, gate, compute, blockhashes, reporter } = context;
  const users = intents.map(({ user }) => user);
  const verdict = classifyFailure({ err, logs, signature, prefixInstructions, users, programId, publisher: signer.address });
  switch (verdict.kind) {
    case 'user':
      park(context, intents[verdict.index], signature, verdict.error);
      return;
    case 'not-allowed': {
      const problem = await authorityProblem(context, signal);
      if (problem === undefined) {
        park(context, intents[verdict.index], signature, verdict.error);
        return;
      }
      if (problem.class === 'agent-never') gate.halt(problem, 'failure');
      else gate.pause();
      reporter.withdrawn({ signature, intents });
      return;
    }
    case 'halt':
      gate.halt(verdict.error, 'failure');
      reporter.withdrawn({ signature, intents });
      return;
    case 'retry':
      if (verdict.because === 'blockhash') blockhashes.invalidate();
      if (verdict.because === 'units') compute.exceeded();
      if (verdict.because === 'heap') compute.needHeap();
      if (verdict.because === 'unexplained') accuse(context, intents, signature, verdict.error);
      else gate.pause();
      reporter.failed({ signature, intents, error: verdict.error });
  }
}

/** Nobody said whose fault it was: halves go again, until one user is left alone with it (rule 19). */
function accuse(context: WorkerContext, intents: readonly StatusIntent[], signature: string, error: AgentError): void {
  switch (context.suspects.accuse(intents.map(({ user }) => user))) {
    case 'split':
      return;
    case 'alone':
      context.gate.pause();
      return;
    case 'guilty':
      for (const intent of intents) {
        park(context, intent, signature, new AgentError('WRITE__USER_REJECTED', { user: intent.user, problem: error.message }));
      }
  }
}

function park({ parked, desired, reporter }: WorkerContext, intent: StatusIntent | undefined, signature: string, error: AgentError): void {
  if (intent === undefined) return;
  parked.park(intent, error);
  desired.remove(intent.user);
  reporter.rejected({ intent, signature, error });
}

/** NotAllowed is said of a wrong key and of a user of another device alike; the device's account tells which. */
async function authorityProblem({ verifyAuthority }: WorkerContext, signal: AbortSignal): Promise<AgentError | undefined> {
  try {
    await verifyAuthority(signal);
    return undefined;
  } catch (error) {
    if (isAgentError(error)) return error;
    throw error;
  }
}
