import { describe, expect, test } from 'vitest';
import type { FaultPatch } from '../../localnet/ledger/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { expectNoFailure, HANGING, PATIENTLY, settledFixture } from '../support/agent-fixture.ts';

describe.concurrent('ledger faults', PATIENTLY, () => {
  const faults: readonly [string, FaultPatch][] = [
    ['resets connections', { rpc: [{ kind: 'reset' }] }],
    ['answers 429', { rpc: [{ kind: 'rate-limited', retryAfterSeconds: 1 }] }],
    ['answers 503', { rpc: [{ kind: 'unavailable' }] }],
    ['hangs', { rpc: [{ kind: 'hang' }] }],
    ['answers HTML', { rpc: [{ kind: 'html' }] }],
    ['is cut off in its answers', { rpc: [{ kind: 'truncate' }] }],
    ['produces no blocks', { frozen: true }],
    ['lags', { lagSlots: 200 }],
    ['has an internal error', { rpc: [{ kind: 'error', code: -32_603, message: 'internal error' }] }],
    [
      'cannot list accounts',
      { rpc: [{ kind: 'error', code: -32_010, message: 'excluded from account secondary indexes', methods: ['getProgramAccounts'] }] },
    ],
  ];
  test.for(faults)(
    'rule 9: a ledger that %s loses no status: changes made meanwhile are written soon after',
    async ([, fault], { onTestFinished }) => {
      // A view from before the fault is too old to write on by the time that a Down is believed.
      const fixture = await settledFixture(onTestFinished, {
        timing: { viewMaxAgeMs: 600 },
        policy: { downGraceMs: 700 },
        ...(fault.rpc?.some(({ kind }) => kind === 'hang') ? HANGING : {}),
      });
      fixture.localnet.ledger.faults.set(fault);
      fixture.localnet.disconnect(fixture.user(0));
      fixture.localnet.disconnect(fixture.user(3));
      await systemClock.sleep(800);
      fixture.localnet.connect(fixture.user(3));
      await systemClock.sleep(800);
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      fixture.localnet.ledger.faults.clear();
      await fixture.until('the right status afterwards', () => fixture.ledgerSays()[0] === 'down' && fixture.ledgerSays()[3] === 'up');
      expect(fixture.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
      // A fault is reported when it begins and when it ends, not at each request.
      expect(fixture.eventsOf('endpoint', 'ledger view').length).toBeLessThanOrEqual(6);
      expectNoFailure(fixture);
    },
  );

  test.for([
    ['owner', 'wrong-owner', 'LEDGER__DEVICE_WRONG_OWNER'],
    ['type', 'wrong-type', 'LEDGER__NOT_A_DEVICE'],
  ] as const)(
    'rule 20: a ledger that returns accounts of another %s halts writes until it recovers',
    async ([, kind, code], { onTestFinished }) => {
      const fixture = await settledFixture(onTestFinished);
      fixture.localnet.ledger.faults.set({ account: { kind } });
      await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
      fixture.localnet.disconnect(fixture.user(0));
      await systemClock.sleep(1_000);
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      fixture.localnet.ledger.faults.clear();
      await fixture.until('the right status afterwards', () => fixture.ledgerSays()[0] === 'down');
      expect(fixture.eventsOf('halted', 'rejected', 'defect')).toEqual([`halted ${code}`]);
    },
  );

  test('rule 17: a ledger that drops every other transaction still gets every status once', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 40 });
    fixture.localnet.ledger.faults.set({ dropProbability: 0.5, duplicateProbability: 0.3 });
    for (const user of fixture.users) fixture.localnet.disconnect(user);
    await fixture.until('all users down', () => fixture.eventsOf('landed').length >= 80);
    expect(fixture.ledgerSays()).toEqual(Array(40).fill('down'));
    expect(fixture.eventsOf('landed').length).toBe(80);
    expectNoFailure(fixture);
  });

  test('rule 17: a ledger that expires blockhashes early gets fresh ones', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ blockhashLifetime: 0 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('an attempt in vain', () => fixture.eventsOf('failed', 'expired').length >= 1);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    fixture.localnet.ledger.faults.set({ blockhashLifetime: 150 });
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectNoFailure(fixture);
  });

  test('rule 20: a ledger that fails at its first endpoint is reached through the second', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { endpoints: 1, ...HANGING });
    fixture.localnet.ledger.faults.set({ rpc: [{ kind: 'hang' }] });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.eventsOf('endpoint')).toEqual(['endpoint number 0 lost']);
    expectNoFailure(fixture);
  });
});
