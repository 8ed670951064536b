import bs58 from 'bs58';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SendAttempts, type SendOutcome } from '../../src/rpc/index.ts';
import { asTimePasses, letTimersStandStill } from '../support/passing-time.ts';
import { base64, calm, OUR_KEY, rpcOver, slotted, wireOf } from './builders.ts';
import { closedPort, type FakeEndpoint, type FakeReply, fakeEndpoint } from './fake-endpoint.ts';

const WIRE = wireOf();
const SIGNATURE = bs58.encode(WIRE.subarray(1, 65));

let fakes: FakeEndpoint[];
beforeEach(async () => {
  fakes = await Promise.all([fakeEndpoint(), fakeEndpoint()]);
});
afterEach(async () => {
  await Promise.all(fakes.map((fake) => fake.close()));
});

const preflight = (err: unknown, more: object = {}): FakeReply => ({
  error: { code: -32002, message: 'Transaction simulation failed', data: { err, logs: ['Program log: no'], ...more } },
});
const REPLIES: Readonly<Record<string, FakeReply>> = {
  accepts: { result: SIGNATURE },
  'has it already': preflight('AlreadyProcessed'),
  'rejects it': preflight({ InstructionError: [3, { Custom: 8 }] }, { unitsConsumed: 4_321 }),
  'lacks the blockhash': preflight('BlockhashNotFound'),
  'finds the signature wrong': { error: { code: -32003, message: 'signature verification failure' } },
  'has it already and gives no data': {
    error: { code: -32002, message: 'Transaction simulation failed: This transaction has already been processed' },
  },
  'limits in words': {
    error: { code: -32007, message: '50/second request limit reached - reduce calls per second or upgrade your account at the provider' },
  },
  'does not know the method': { error: { code: -32601, message: 'Method not found' } },
  limits: { status: 429 },
  'limits in JSON-RPC': { error: { code: -32429, message: 'slow' } },
  'is unhealthy': { error: { code: -32005, message: 'Node is behind by 42 slots' } },
  'denies access': { status: 403 },
  'cannot read it': { error: { code: -32602, message: 'failed to deserialize' } },
  'fails as a gateway': { status: 502 },
  'is unavailable': { status: 503 },
  'fails inside': { error: { code: -32603, message: 'internal' } },
  hangs: 'hang',
  'cuts the connection': 'reset',
  'sends a page': { raw: '<html>' },
  'names another signature': { result: '1111' },
  'rejects without a reason': preflight(null),
  'rejects in a strange shape': { error: { code: -32002, message: 'no', data: 'no' } },
};

async function send(urls: readonly string[]): Promise<SendOutcome> {
  letTimersStandStill();
  const { rpc } = rpcOver(urls);
  const outcome = await asTimePasses(25, rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: false }, calm()));
  await rpc.close();
  return outcome;
}
const answering = (one: string, two?: string): readonly string[] =>
  [one, two].flatMap((name, index) => (name === undefined ? [] : [fakes[index]?.always(REPLIES[name]).url ?? '']));
/** The kind, and what goes with it in a word: the error of the transaction, or the code of ours. */
const brief = (outcome: SendOutcome): string => {
  if (outcome.kind === 'accepted') return 'accepted';
  if (outcome.kind === 'rejected') return `rejected ${JSON.stringify(outcome.err)}`;
  return `${outcome.kind} ${outcome.error?.code}`;
};

describe('a send to one endpoint', () => {
  test.each([
    ['accepts', 'accepted'],
    ['has it already', 'accepted'],
    ['has it already and gives no data', 'accepted'],
    ['limits in words', 'not-sent LEDGER__RATE_LIMITED'],
    ['does not know the method', 'unknown LEDGER__UNSUPPORTED'],
    ['rejects it', 'rejected {"InstructionError":[3,{"Custom":8}]}'],
    ['lacks the blockhash', 'rejected "BlockhashNotFound"'],
    ['finds the signature wrong', 'rejected "SignatureFailure"'],
    ['limits', 'not-sent LEDGER__RATE_LIMITED'],
    ['limits in JSON-RPC', 'not-sent LEDGER__RATE_LIMITED'],
    ['is unhealthy', 'not-sent LEDGER__UNAVAILABLE'],
    ['denies access', 'not-sent LEDGER__ACCESS_DENIED'],
    ['cannot read it', 'unknown LEDGER__REQUEST_REFUSED'],
    ['fails as a gateway', 'unknown LEDGER__UNAVAILABLE'],
    ['is unavailable', 'unknown LEDGER__UNAVAILABLE'],
    ['fails inside', 'unknown LEDGER__NODE_ERROR'],
    ['hangs', 'unknown LEDGER__TIMEOUT'],
    ['cuts the connection', 'unknown LEDGER__UNREACHABLE'],
    ['sends a page', 'unknown LEDGER__BAD_ANSWER'],
    ['names another signature', 'unknown LEDGER__BAD_ANSWER'],
    ['rejects without a reason', 'unknown LEDGER__REQUEST_REFUSED'],
    ['rejects in a strange shape', 'unknown LEDGER__REQUEST_REFUSED'],
  ])('a send to an endpoint that %s is %s', async (name, expected) => {
    expect(brief(await send(answering(name)))).toBe(expected);
  });

  test('a send to an endpoint that refuses the connection is not-sent', async () => {
    expect(brief(await send([await closedPort()]))).toBe('not-sent LEDGER__UNREACHABLE');
  });

  test.each([
    ['whose name does not resolve', async () => 'http://ledger.invalid'],
    ['that speaks no TLS', async () => fakes[0]?.url.replace('http:', 'https:') ?? ''],
  ])('rule 18: a send to an endpoint %s is not-sent', async (_, url) => {
    expect(brief(await send([await url()]))).toBe('not-sent LEDGER__UNREACHABLE');
    expect(fakes[0]?.calls).toEqual([]);
  });

  test('a rejection carries logs and units', async () => {
    expect(await send(answering('rejects it'))).toMatchObject({
      kind: 'rejected',
      err: { InstructionError: [3, { Custom: 8 }] },
      logs: ['Program log: no'],
      unitsConsumed: 4_321,
    });
  });
});

describe('a send to two endpoints', () => {
  test.each([
    ['accepts', 'rejects it', 'accepted'],
    ['rejects it', 'accepts', 'accepted'],
    ['hangs', 'accepts', 'accepted'],
    ['limits', 'accepts', 'accepted'],
    ['has it already', 'fails as a gateway', 'accepted'],
    ['rejects it', 'rejects it', 'rejected {"InstructionError":[3,{"Custom":8}]}'],
    ['lacks the blockhash', 'rejects it', 'rejected {"InstructionError":[3,{"Custom":8}]}'],
    ['rejects it', 'limits', 'rejected {"InstructionError":[3,{"Custom":8}]}'],
    ['rejects it', 'hangs', 'unknown LEDGER__TIMEOUT'],
    ['rejects it', 'is unavailable', 'unknown LEDGER__UNAVAILABLE'],
    ['cuts the connection', 'rejects it', 'unknown LEDGER__UNREACHABLE'],
    ['limits', 'hangs', 'unknown LEDGER__TIMEOUT'],
    ['limits', 'denies access', 'not-sent LEDGER__NO_ENDPOINT'],
  ])('a send to an endpoint that %s and one that %s is %s', async (one, two, expected) => {
    expect(brief(await send(answering(one, two)))).toBe(expected);
  });

  test('two endpoints get the same bytes at once, broadcast once by each node', async () => {
    await send(answering('accepts', 'accepts'));
    await expect.poll(() => fakes.map((fake) => fake.calls.filter(({ method }) => method === 'sendTransaction').length)).toEqual([1, 1]);
    const config = { encoding: 'base64', skipPreflight: false, preflightCommitment: 'confirmed', maxRetries: 0 };
    expect(fakes[0]?.calls.find(({ method }) => method === 'sendTransaction')?.params).toEqual([base64(WIRE), config]);
    expect(fakes[1]?.calls.find(({ method }) => method === 'sendTransaction')?.params).toEqual([base64(WIRE), config]);
  });

  test('a send that one endpoint accepts does not wait for the other', async () => {
    const { rpc } = rpcOver(answering('hangs', 'accepts'), { requestTimeoutMs: 15_000 });
    expect(await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm())).toEqual({ kind: 'accepted' });
    await rpc.close();
  });
});

describe('repeated sends', () => {
  const REFUSALS = ['limits', 'limits in JSON-RPC', 'denies access', 'rejects it', 'lacks the blockhash', 'is unhealthy'];
  /** Answers once so, and from then on so. */
  const first = (name: string, then: string): string => {
    let isFirst = true;
    fakes[0]?.always(() => {
      const reply = REPLIES[isFirst ? name : then];
      isFirst = false;
      return reply ?? 'hang';
    });
    return fakes[0]?.url ?? '';
  };

  test.each(REFUSALS)('rule 18: a send whose connection is cut may land although its immediate repeat %s', async (then) => {
    expect((await send([first('cuts the connection', then)])).kind).toBe('unknown');
    expect(fakes[0]?.calls.length).toBe(2);
  });

  test('a send whose connection is cut is repeated at once, one time', async () => {
    expect(brief(await send([first('cuts the connection', 'accepts')]))).toBe('accepted');
    expect(brief(await send(answering('cuts the connection')))).toBe('unknown LEDGER__UNREACHABLE');
    expect(fakes[0]?.calls.length).toBe(4);
  });

  test.each(REFUSALS)('rule 18: a send without a usable answer may land although the next send %s', async (then) => {
    const { rpc, clock } = rpcOver([first('sends a page', then)]);
    const attempts = new SendAttempts(WIRE);
    expect(brief(await rpc.sendTransaction(attempts, { skipPreflight: false }, calm()))).toBe('unknown LEDGER__BAD_ANSWER');
    clock.advance(2_000);
    expect((await rpc.sendTransaction(attempts, { skipPreflight: true }, calm())).kind).toBe('unknown');
    expect(fakes[0]?.calls.length).toBe(2);
    await rpc.close();
  });

  test('rule 20: if an endpoint claims to have a transaction already, the outcome quotes it, in case nothing lands', async () => {
    fakes[0]?.always({ status: 403, body: 'Your IP has already been blocked' });
    const outcome = await send([fakes[0]?.url ?? '']);
    expect(outcome).toMatchObject({
      kind: 'accepted',
      error: { message: expect.stringContaining('HTTP status 403: Your IP has already been blocked') },
    });
  });

  test.each(REFUSALS)('rule 20: the outcome of a send that was accepted quotes the repeat that %s', async (then) => {
    const { rpc, clock } = rpcOver([first('accepts', then)]);
    const attempts = new SendAttempts(WIRE);
    expect(await rpc.sendTransaction(attempts, { skipPreflight: false }, calm())).toEqual({ kind: 'accepted' });
    clock.advance(2_000);
    const again = await rpc.sendTransaction(attempts, { skipPreflight: true }, calm());
    expect(again).toMatchObject({ kind: 'accepted', error: { context: { method: 'sendTransaction' } } });
    fakes[0]?.always(REPLIES.accepts);
    clock.advance(60_000);
    expect(await rpc.sendTransaction(attempts, { skipPreflight: true }, calm())).toEqual({ kind: 'accepted' });
    await rpc.close();
  });

  test('rule 18: a send may land while an earlier one with the same bytes has no answer', async () => {
    const { rpc } = rpcOver([first('hangs', 'rejects it')], { requestTimeoutMs: 15_000 });
    const attempts = new SendAttempts(WIRE);
    const abort = new AbortController();
    const earlier = rpc.sendTransaction(attempts, { skipPreflight: false }, abort.signal);
    await expect.poll(() => fakes[0]?.calls.length).toBe(1);
    expect((await rpc.sendTransaction(attempts, { skipPreflight: false }, calm())).kind).toBe('unknown');
    abort.abort(new Error('over'));
    await expect(earlier).rejects.toThrow('over');
    expect(brief(attempts.outcome())).toBe('unknown LEDGER__UNREACHABLE');
    await rpc.close();
  });
});

describe('sends', () => {
  test('a send goes only to healthy endpoints, and to quarantined ones when no other is left', async () => {
    const { rpc, clock } = rpcOver(answering('is unavailable', 'accepts'));
    await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm());
    const sends = (): number[] => fakes.map((fake) => fake.calls.filter(({ method }) => method === 'sendTransaction').length);
    await expect.poll(sends).toEqual([1, 1]);
    await expect
      .poll(
        async () =>
          (await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm())).kind === 'accepted' && sends()[0] === 1,
      )
      .toBe(true);
    fakes[0]?.always(REPLIES.accepts);
    fakes[1]?.always(REPLIES['is unavailable']);
    expect((await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm())).kind).toBe('unknown');
    clock.advance(300);
    expect((await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm())).kind).toBe('accepted');
    await rpc.close();
  });

  test('a send is not made while the only endpoint has asked for a pause', async () => {
    fakes[0]?.always({ status: 429, headers: { 'retry-after': '5' } });
    const { rpc } = rpcOver([fakes[0]?.url ?? '']);
    await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm());
    expect(brief(await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm()))).toBe('not-sent LEDGER__RATE_LIMITED');
    expect(fakes[0]?.calls.length).toBe(1);
    await rpc.close();
  });

  test('a send overtakes reads that wait for a connection', async () => {
    const [fake] = fakes;
    const held: (() => void)[] = [];
    fake
      ?.on('getBalance', () => new Promise((resolve) => held.push(() => resolve(slotted(1, 1)))))
      .on('sendTransaction', { result: SIGNATURE });
    const { rpc } = rpcOver([fake?.url ?? ''], { connections: 1 });
    const signal = calm();
    const reads = [rpc.balance(OUR_KEY, signal), rpc.balance(OUR_KEY, signal), rpc.balance(OUR_KEY, signal)];
    await expect.poll(() => held.length).toBe(1);
    const sent = rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, signal);
    for (let released = 0; released < 3; released++) {
      await expect.poll(() => held.length).toBe(released + 1);
      held[released]?.();
    }
    expect(await sent).toEqual({ kind: 'accepted' });
    await Promise.all(reads);
    expect(fake?.methods()).toEqual(['getBalance', 'sendTransaction', 'getBalance', 'getBalance']);
    await rpc.close();
  });

  test('a send throws only for an aborted signal', async () => {
    const { rpc } = rpcOver(answering('hangs', 'hangs'));
    const abort = new AbortController();
    const pending = rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, abort.signal);
    await expect.poll(() => fakes.every((fake) => fake.methods().includes('sendTransaction'))).toBe(true);
    const reason = new Error('SIGTERM');
    abort.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await rpc.close();
    expect(brief(await rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: true }, calm()))).toBe('not-sent LEDGER__NO_ENDPOINT');
  });
});
