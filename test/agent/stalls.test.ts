import { describe, expect, test } from 'vitest';
import type { FaultPatch } from '../../localnet/ledger/faults.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type AgentFixture, type AtEnd, PATIENTLY, settledFixture } from '../support/agent-fixture.ts';

/** Forty-five seconds of the agent pass in a good second, over real sockets. */
const RATE = 15;
const TIMING = {
  intervalMs: 3_000,
  viewMaxAgeMs: 9_000,
  viewIdleIntervalMs: 30_000,
  maxLedgerAgeMs: 900_000,
  authorityIntervalMs: 30_000,
  worker: {
    statusPollIntervalMs: 1_500,
    rebroadcastIntervalMs: 6_000,
    blockhashMaxAgeMs: 6_000,
    sendStaggerMs: 10,
    maxInFlight: 64,
    skipPreflight: false,
  },
};
const POLICY = { downGraceMs: 0, downConfirmations: 1 };

/** All users are up. On a busy machine the beginning may take so long that it counts as a stall. */
async function fastFixture(atEnd: AtEnd): Promise<{ readonly fixture: AgentFixture; readonly stalls: () => readonly string[] }> {
  const fixture = await settledFixture(atEnd, { clockRate: RATE, timing: TIMING, policy: POLICY });
  await fixture.until('no stall', () => !fixture.eventsOf('writes ').at(-1)?.startsWith('writes stalled'));
  const before = fixture.eventsOf('writes ').length;
  return { fixture, stalls: () => fixture.eventsOf('writes ').slice(before) };
}

const error = (method: string, code: number, message: string): FaultPatch => ({
  rpc: [{ kind: 'error', methods: [method], code, message }],
});

describe.concurrent('writes that do not land, over sockets', PATIENTLY, () => {
  test('rule 20: a ledger that stands still is reported while nothing waits, and its end', async ({ onTestFinished }) => {
    const { fixture, stalls } = await fastFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ frozen: true });
    await fixture.until('the stall', () => stalls().length > 0);
    expect(stalls()).toEqual([expect.stringMatching(/^writes stalled: the ledger makes no progress: every answer is of slot \d+$/)]);
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the end', () => stalls().length > 1);
    expect(stalls().slice(1)).toEqual(['writes land again']);
  });

  test('rule 20: a ledger that drops every transaction is reported, and its end', async ({ onTestFinished }) => {
    const { fixture, stalls } = await fastFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ dropProbability: 1 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('the stall', () => stalls().length > 0);
    expect(stalls()).toEqual([expect.stringMatching(/^writes stalled: no write has been confirmed: /)]);
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the end', () => fixture.ledgerSays()[1] === 'down' && stalls().at(-1) === 'writes land again');
    expect(stalls().filter((line) => line.startsWith('writes stalled')).length).toBe(1);
  });

  test.for([
    ['sendTransaction', -32007, '50/second request limit reached - reduce calls per second or upgrade your account at the provider'],
    ['sendTransaction', -32601, 'Method not found'],
    ['getLatestBlockhash', -32600, 'Request deprioritized'],
    ['getSignatureStatuses', -32601, 'Method not found'],
    ['getEpochInfo', -32601, 'Method not found'],
  ] as const)('rule 20: an endpoint that answers %s with %i is quoted', async ([method, code, message], { onTestFinished }) => {
    const { fixture, stalls } = await fastFixture(onTestFinished);
    fixture.localnet.ledger.faults.set(error(method, code, message));
    // The blockhash of the writes before is 2 s old at most, and would do for one more.
    await systemClock.sleep(500);
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('the stall', () => stalls().length > 0);
    expect(stalls()[0]).toContain(message);
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the end', () => fixture.ledgerSays()[1] === 'down' && stalls().at(-1) === 'writes land again');
  });

  test('rule 9: transactions that land late are no other writer', async ({ onTestFinished }) => {
    const { fixture } = await fastFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ delaySlots: 20 });
    for (const change of ['disconnect', 'connect', 'disconnect'] as const) {
      fixture.localnet[change](fixture.user(1));
      await fixture.until('the status', () => fixture.ledgerSays()[1] === (change === 'connect' ? 'up' : 'down'));
    }
    expect(fixture.eventsOf('foreign writes', 'defect')).toEqual([]);
  });
});
