import { expect, test } from 'vitest';
import { DeadlineExceeded } from '../../src/lib/index.ts';
import { SendAttempts, type SendOutcome } from '../../src/rpc/index.ts';
import { readSendReply } from '../../src/rpc/send-outcome.ts';
import { parseEndpointUrl, type RpcReply } from '../../src/rpc/transport.ts';
import { wireOf } from './builders.ts';

const WIRE = wireOf();
const { signature: SIGNATURE } = new SendAttempts(WIRE);
const ENDPOINT = parseEndpointUrl('https://rpc.example.com');
const cause = new Error('gone');
const simulated = (err: unknown) => ({ err, logs: ['Program log: rate limit, already processed'] });
const rpcError = (code: number, message: string, data?: unknown): RpcReply => ({ kind: 'rpc-error', code, message, data });
const REJECTED = { InstructionError: [3, { Custom: 8 }] };

/** What the ledger can do at worst after an endpoint behaved so: whether it can have the bytes. */
const EVENTS: readonly (readonly [string, 'may land' | 'cannot land', RpcReply])[] = [
  ['the signature', 'may land', { kind: 'result', value: SIGNATURE }],
  ['another signature', 'may land', { kind: 'result', value: '1111' }],
  ['no room in the queue', 'cannot land', { kind: 'failed', progress: 'overflow', cause }],
  ['no room in time', 'cannot land', { kind: 'failed', progress: 'queued', cause: new DeadlineExceeded(5) }],
  ['DNS, connect or TLS failure', 'cannot land', { kind: 'failed', progress: 'waiting', cause }],
  ['no connection in time', 'cannot land', { kind: 'failed', progress: 'waiting', cause: new DeadlineExceeded(5) }],
  ['a reset', 'may land', { kind: 'failed', progress: 'offered', cause, wasReset: true }],
  ['no answer in time', 'may land', { kind: 'failed', progress: 'offered', cause: new DeadlineExceeded(5) }],
  ['a cut answer', 'may land', { kind: 'failed', progress: 'answering', cause }],
  ['an HTML page', 'may land', { kind: 'garbled', problem: 'an HTML page' }],
  ...[401, 403, 413, 429].map((status) => [`HTTP ${status}`, 'cannot land', { kind: 'http-error', status }] as const),
  ...[301, 307, 400, 402, 404, 405, 408, 410, 499, 500, 502, 503, 504].map(
    (status) => [`HTTP ${status}`, 'may land', { kind: 'http-error', status }] as const,
  ),
  ['a program error', 'cannot land', rpcError(-32002, 'Transaction simulation failed', simulated(REJECTED))],
  [
    'an unknown blockhash',
    'cannot land',
    rpcError(-32002, 'Transaction simulation failed: Blockhash not found', simulated('BlockhashNotFound')),
  ],
  ['a failed preflight without data', 'may land', rpcError(-32002, 'Transaction simulation failed: Blockhash not found')],
  ['a failed preflight without an error', 'may land', rpcError(-32002, 'Transaction simulation failed', simulated(null))],
  ['AlreadyProcessed', 'may land', rpcError(-32002, 'Transaction simulation failed', simulated('AlreadyProcessed'))],
  [
    'already processed, no data',
    'may land',
    rpcError(-32002, 'Transaction simulation failed: This transaction has already been processed'),
  ],
  ['already processed, program error', 'may land', rpcError(-32002, 'This transaction has already been processed', simulated(REJECTED))],
  ['already processed, limit', 'may land', rpcError(-32429, 'transaction already in block')],
  ['already processed, other code', 'may land', rpcError(-32603, 'AlreadyProcessed')],
  ['already processed, -32003', 'may land', rpcError(-32003, 'duplicate signature: already landed')],
  ['a wrong signature', 'cannot land', rpcError(-32003, 'Transaction signature verification failure')],
  ['-32003 in other words', 'may land', rpcError(-32003, 'no')],
  ['a node that lags', 'cannot land', rpcError(-32005, 'Node is behind by 42 slots', { numSlotsBehind: 42 })],
  ['-32005 in other words', 'may land', rpcError(-32005, 'upstream failed')],
  ['too old a slot', 'cannot land', rpcError(-32016, 'Minimum context slot has not been reached', { contextSlot: 7 })],
  ['code 429', 'cannot land', rpcError(429, 'Too many requests for a specific RPC call')],
  ['code -32429', 'cannot land', rpcError(-32429, 'rate limited')],
  ['QuickNode at its limit', 'cannot land', rpcError(-32007, '50/second request limit reached - reduce calls per second')],
  ['Chainstack at its limit', 'cannot land', rpcError(-32005, "You've exceeded the RPS limit available on the current plan")],
  ['a limit and an internal error', 'may land', rpcError(-32603, 'rate limit reached')],
  ['a limit without a code', 'may land', { kind: 'rpc-error', message: 'rate limit reached' }],
  ['a limit with HTTP 503', 'may land', { kind: 'rpc-error', code: -32005, message: 'rate limit reached', status: 503 }],
  ...[429, 403, -32005, -32016].map(
    (code) =>
      [
        `code ${code} with HTTP 502`,
        'may land',
        { kind: 'rpc-error', code, message: 'Node is behind, minimum context slot', status: 502 },
      ] as const,
  ),
  ['a limit in plain text', 'may land', { kind: 'garbled', problem: '17 bytes', text: 'max usage reached' }],
  ['Retry-After alone', 'may land', { kind: 'rpc-error', code: -32600, message: 'no', retryAfterMs: 5_000 }],
  ['any code with HTTP 403', 'cannot land', { kind: 'rpc-error', code: -32600, message: 'no', status: 403 }],
  ['already processed with HTTP 429', 'may land', { kind: 'http-error', status: 429, text: 'already processed' }],
  ['code 403', 'cannot land', rpcError(403, 'Access forbidden')],
  ['a used-up quota', 'cannot land', { kind: 'http-error', status: 429, text: 'You have already used the requests of this day' }],
  ['a borrowed account', 'cannot land', rpcError(-32002, 'Account is already borrowed', simulated('AccountBorrowFailed'))],
  ...[-32000, -32004, -32007, -32009, -32011, -32014, -32015, -32055, -32600, -32601, -32602, -32603, -32700, 500, 503].map(
    (code) => [`code ${code}`, 'may land', rpcError(code, 'because')] as const,
  ),
];

const mayLand = ({ kind }: SendOutcome): boolean => kind === 'accepted' || kind === 'unknown';
const outcomeOf = (reply: RpcReply): SendOutcome => readSendReply(reply, SIGNATURE, ENDPOINT).outcome;

test.each(EVENTS)('rule 18: after %s a transaction %s', (_, atWorst, reply) => {
  expect(mayLand(outcomeOf(reply))).toBe(atWorst === 'may land');
});

/** One step of a sequence: an attempt begins and is answered, or stays open; or the oldest open attempt at the endpoint is answered late. */
interface Step {
  readonly name: string;
  readonly endpoint: 'one' | 'two';
  readonly reply?: SendOutcome;
  readonly landsAtWorst: boolean;
  readonly isLate: boolean;
}

function allSteps(): readonly Step[] {
  const names = ['the signature', 'a reset', 'DNS, connect or TLS failure', 'HTTP 429', 'HTTP 503', 'a program error', 'code -32601'];
  const chosen = names.flatMap((name) => EVENTS.filter(([other]) => other === name));
  return (['one', 'two'] as const).flatMap((endpoint): Step[] => [
    { name: 'no answer yet', endpoint, landsAtWorst: true, isLate: false },
    ...[false, true].flatMap((isLate) =>
      chosen.map(([name, atWorst, reply]): Step => {
        return { name, endpoint, reply: outcomeOf(reply), landsAtWorst: atWorst === 'may land', isLate };
      }),
    ),
  ]);
}

/** A ledger that gets the bytes wherever it can: one flag for each attempt that it may have got, until an answer to that attempt excludes it. */
class WorstLedger {
  readonly #attempts: { readonly endpoint: string; isOpen: boolean; canLand: boolean }[] = [];

  take({ endpoint, reply, landsAtWorst, isLate }: Step): void {
    const late = this.#attempts.find((attempt) => attempt.isOpen && attempt.endpoint === endpoint);
    if (!isLate) this.#attempts.push({ endpoint, isOpen: reply === undefined, canLand: landsAtWorst });
    else if (late !== undefined) {
      late.isOpen = false;
      late.canLand = landsAtWorst;
    }
  }

  get canLand(): boolean {
    return this.#attempts.some((attempt) => attempt.canLand);
  }
}

test('rule 18: in every sequence of up to four events at two endpoints, what can land at worst may land', () => {
  const steps = allSteps();
  let sequences = 0;
  const wrong: string[] = [];
  const walk = (sequence: readonly Step[]): void => {
    if (sequence.length > 0) {
      sequences += 1;
      const attempts = new SendAttempts(WIRE);
      const ledger = new WorstLedger();
      const open: { readonly endpoint: string }[] = [];
      for (const step of sequence) {
        ledger.take(step);
        const late = open.findIndex(({ endpoint }) => endpoint === step.endpoint);
        const [attempt] = step.isLate ? (late < 0 ? [] : open.splice(late, 1)) : [attempts.begin(step.endpoint)];
        if (attempt === undefined) continue;
        if (step.reply === undefined) open.push(attempt);
        else attempts.end(attempt, step.reply);
      }
      if (mayLand(attempts.outcome()) !== ledger.canLand)
        wrong.push(`${sequence.map(({ name, endpoint }) => `${endpoint}: ${name}`).join(', ')}: ${attempts.outcome().kind}`);
    }
    if (sequence.length < 4) for (const step of steps) walk([...sequence, step]);
  };
  walk([]);
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(sequences).toBe(30 + 30 ** 2 + 30 ** 3 + 30 ** 4);
});

test('rule 19: a rejection by one endpoint counts while the others refuse', () => {
  const attempts = new SendAttempts(WIRE);
  for (const name of ['HTTP 429', 'an unknown blockhash', 'a program error', 'HTTP 403']) {
    const [, , reply] = EVENTS.find(([other]) => other === name) ?? [];
    if (reply !== undefined) attempts.end(attempts.begin(name), outcomeOf(reply));
  }
  expect(attempts.outcome()).toMatchObject({ kind: 'rejected', err: REJECTED });
});

test('rule 18: a refusal that follows the end of an attempt changes nothing', () => {
  const attempts = new SendAttempts(WIRE);
  const attempt = attempts.begin('one');
  attempts.end(attempt, { kind: 'unknown' });
  attempts.end(attempt, { kind: 'rejected', err: 'BlockhashNotFound', logs: [] });
  expect(attempts.outcome()).toEqual({ kind: 'unknown' });
});

test('rule 20: a transaction that no endpoint took names the refusal of each', () => {
  const attempts = new SendAttempts(WIRE);
  for (const [name, status] of [
    ['one', 429],
    ['two', 403],
  ] as const)
    attempts.end(attempts.begin(name), outcomeOf({ kind: 'http-error', status }));
  expect(attempts.outcome()).toMatchObject({
    kind: 'not-sent',
    error: { code: 'LEDGER__NO_ENDPOINT', message: expect.stringMatching(/HTTP status 429.*; .*HTTP status 403/) },
  });
});
