import bs58 from 'bs58';
import { AgentError, Stopped } from '../lib/index.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import { badAnswer, type EndpointFault, faultOf } from './faults.ts';
import { isRecord, Malformed } from './json.ts';
import type { RpcReply } from './json-rpc.ts';
import type { SendOutcome } from './ledger-rpc.ts';
import { readSimulated } from './read-results.ts';

const PREFLIGHT_FAILED = -32002;
const SIGNATURE_DOES_NOT_VERIFY = -32003;

/** The transaction's first signature, which names it: 64 bytes after their count. */
export function signatureOf(wire: Uint8Array): string {
  return bs58.encode(wire.subarray(1, 65));
}

/**
 * What one endpoint's reply to sendTransaction says about the transaction. Throws EndpointFault when the endpoint failed; its `mayHaveActed`
 * then tells whether the transaction can have been broadcast.
 */
export function readSendReply(reply: RpcReply, signature: string, url: EndpointUrl): SendOutcome {
  if (reply.kind === 'result') {
    if (reply.value === signature) return { kind: 'accepted' };
    throw badAnswer('another signature than that of the transaction', url, 'sendTransaction');
  }
  if (reply.kind === 'rpc-error' && reply.code === PREFLIGHT_FAILED) return readPreflight(reply, url);
  if (reply.kind === 'rpc-error' && reply.code === SIGNATURE_DOES_NOT_VERIFY)
    return { kind: 'rejected', err: 'SignatureFailure', logs: [] };
  throw faultOf(reply, url, 'sendTransaction');
}

/** A preflight that failed is a refusal before the broadcast, but for one: the transaction is already in. */
function readPreflight(reply: RpcReply & { kind: 'rpc-error' }, url: EndpointUrl): SendOutcome {
  if (!isRecord(reply.data)) throw faultOf(reply, url, 'sendTransaction');
  try {
    const { err, logs, unitsConsumed } = readSimulated(reply.data);
    if (err === 'AlreadyProcessed') return { kind: 'accepted' };
    if (err === null) throw new Malformed('a preflight that failed without an error');
    return { kind: 'rejected', err, logs, ...(unitsConsumed === undefined ? {} : { unitsConsumed }) };
  } catch (error) {
    if (error instanceof Malformed) throw badAnswer(error.message, url, 'sendTransaction');
    throw error;
  }
}

/** What one endpoint that failed leaves us knowing. */
export function outcomeOfFault({ error, verdict }: EndpointFault): SendOutcome {
  return verdict.mayHaveActed ? { kind: 'unknown', error } : { kind: 'not-sent', error };
}

/**
 * All endpoints' outcomes as one, as soon as it is certain: the first `accepted` decides; for anything less every endpoint must have spoken.
 * `unknown` outweighs `rejected`, because one endpoint that may have broadcast the transaction is enough for it to land.
 */
export function combineOutcomes(pending: readonly Promise<SendOutcome>[]): Promise<SendOutcome> {
  return new Promise((resolve, reject) => {
    const outcomes: SendOutcome[] = [];
    for (const one of pending) {
      one.then((outcome) => {
        outcomes.push(outcome);
        if (outcome.kind === 'accepted') resolve(outcome);
        else if (outcomes.length === pending.length) resolve(mostTelling(outcomes));
      }, reject);
    }
    if (pending.length === 0)
      resolve({ kind: 'not-sent', error: new AgentError('LEDGER__NO_ENDPOINT', { problems: 'all are set aside or closed' }) });
  });
}

function mostTelling(outcomes: readonly SendOutcome[]): SendOutcome {
  const rejections = outcomes.filter((outcome) => outcome.kind === 'rejected');
  return (
    outcomes.find(({ kind }) => kind === 'unknown') ??
    // A lagging endpoint does not know a new blockhash; one that got as far as running the transaction knows more.
    rejections.find(({ err }) => err !== 'BlockhashNotFound') ??
    rejections[0] ??
    outcomes[0] ?? { kind: 'not-sent', error: new Stopped('no endpoint was asked') }
  );
}
