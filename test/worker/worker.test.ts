import { describe, expect, test } from 'vitest';
import type { ReportableStatus, StatusIntent } from '../../src/bgp/index.ts';
import { AgentError } from '../../src/lib/index.ts';
import type { SendOutcome } from '../../src/rpc/index.ts';
import { type Address, slot } from '../../src/serviceability/index.ts';
import { DEVICE, keyNumber } from '../support/bgp-builders.ts';
import { ledgerOutage } from '../support/fake-ledger.ts';
import { down, expectNewestToWin, intentFor, range, setUp, signer, up } from './worker-fixture.ts';

/** Promise.withResolvers is not in Node 20. */
function deferred() {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve() };
}

describe('confirmation', () => {
  test('rule 18: a hundred users fit into six transactions, each user once, after one simulation', async () => {
    const { clock, ledger, setDesired, history } = setUp();
    setDesired(up(...range(100)));
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([19, 19, 19, 19, 19, 5]);
    expect(new Set(history()).size).toBe(100);
    expect(history().length).toBe(100);
    expect(ledger.calls.filter((call) => call === 'simulateTransaction').length).toBe(1);
  });

  test('twenty writes fit into one transaction when the simulation reports no compute units', async () => {
    const { clock, ledger, setDesired } = setUp();
    ledger.state.unitsPerWrite = undefined;
    setDesired(up(...range(40)));
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([20, 20]);
  });

  test('each confirmed write is reported, and only an up carries a round-trip time', async () => {
    const { clock, setDesired, lines, ledger } = setUp();
    setDesired([...up(1), ...down(2)]);
    await clock.advance(3_000);
    expect(lines).toEqual(['sent u1 up, u2 down', 'landed u1 up', 'landed u2 down']);
    expect(ledger.history().map(({ rttNs }) => rttNs)).toEqual([4_200_000n, 0n]);
  });

  test('a processed transaction is not confirmed: it may still be forked away', async () => {
    const { clock, setDesired, lines, ledger, worker } = setUp();
    ledger.state.confirmationStatus = 'processed';
    setDesired(up(1));
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up']);
    expect([...worker.inFlight().values()]).toEqual(['up']);
    ledger.state.confirmationStatus = 'confirmed';
    await clock.advance(500);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('early refreshes alone make no transaction, and fill the free places of one that is sent anyway', async () => {
    const { clock, setDesired, ledger } = setUp();
    const earlyRefreshes = range(30).map((n) => intentFor(n + 100, 'up', { reason: 'ride-along', ageMs: n }));
    setDesired(earlyRefreshes);
    await clock.advance(10_000);
    expect(ledger.sends).toEqual([]);
    setDesired([...up(1), ...earlyRefreshes]);
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([19]);
    expect(ledger.sends[0]?.writes[0]?.user).toBe(keyNumber(1));
    // The oldest records come first.
    expect(ledger.sends[0]?.writes[1]?.user).toBe(keyNumber(129));
  });
});

describe('the newest desired status', () => {
  test('rule 18: a newer status replaces one that waits: a batch holds what is desired when it is built', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    ledger.state.outage = ledgerOutage();
    setDesired(up(1));
    await clock.advance(5_000);
    setDesired(down(1));
    ledger.state.outage = undefined;
    await clock.advance(5_000);
    expect(history()).toEqual(['u1 down']);
  });

  test('rule 17: a newer status waits for the one in flight and is sent right after it', async () => {
    const { clock, setDesired, lines, history } = setUp();
    setDesired(up(1));
    await clock.advance(100);
    setDesired(down(1));
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up', 'sent u1 down', 'landed u1 down']);
    expect(history()).toEqual(['u1 up', 'u1 down']);
  });

  test('rule 18: a waiting status is withdrawn when the next tick no longer desires it', async () => {
    const { clock, setDesired, ledger } = setUp();
    ledger.state.outage = ledgerOutage();
    setDesired(down(1));
    await clock.advance(1_000);
    setDesired([]);
    ledger.state.outage = undefined;
    await clock.advance(10_000);
    expect(ledger.sends).toEqual([]);
  });

  test('rule 9: a confirmed status is not written again for a view from before the confirmation, only for a newer view that lacks it', async () => {
    const { clock, setDesired, ledger } = setUp();
    const before = ledger.slot();
    setDesired(up(1));
    await clock.advance(3_000);
    setDesired(up(1), before);
    await clock.advance(3_000);
    expect(ledger.sends.length).toBe(1);
    setDesired(up(1));
    await clock.advance(3_000);
    expect(ledger.sends.length).toBe(2);
  });

  test('rule 9: two minutes after a confirmation, a view shows it, although a node named a slot far ahead for it', async () => {
    const { clock, worker, setDesired, ledger } = setUp();
    const before = ledger.slot();
    setDesired(up(1), before);
    await clock.advance(3_000);
    expect(worker.lastConfirmedSlot).toBeGreaterThan(before);
    await clock.advance(115_000);
    setDesired(up(1), before);
    await clock.advance(3_000);
    expect(ledger.sends.length).toBe(1);
    await clock.advance(3_000);
    setDesired(up(1), before);
    expect(worker.lastConfirmedSlot).toBeUndefined();
    await clock.advance(3_000);
    expect(ledger.sends.length).toBe(2);
  });

  test('a rollback of the ledger forgets confirmations, so that the status is written again', async () => {
    const { clock, worker, setDesired, history } = setUp();
    setDesired(up(1));
    await clock.advance(3_000);
    expect([history(), worker.confirmedIn(keyNumber(1)), worker.lastConfirmedSlot]).toEqual([
      ['u1 up'],
      expect.any(BigInt),
      expect.any(BigInt),
    ]);
    setDesired([], 500);
    expect([worker.confirmedIn(keyNumber(1)), worker.lastConfirmedSlot]).toEqual([undefined, undefined]);
    setDesired(up(1), 501);
    await clock.advance(3_000);
    expect(history()).toEqual(['u1 up', 'u1 up']);
  });
});

describe('a rollback of the ledger', () => {
  test('after a rollback, users of a transaction in flight wait for the life of a blockhash, not for the old block height', async () => {
    const { clock, setDesired, ledger, lines, reevaluations, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    setDesired(up(1));
    await clock.advance(2_000);
    ledger.state.rollbackSlots = 5_000;
    setDesired([], ledger.slot());
    await clock.advance(100_000);
    expect([...worker.inFlight().keys()]).toEqual([keyNumber(1)]);
    await clock.advance(40_000);
    expect([lines, reevaluations()]).toEqual([['sent u1 up', 'expired u1 up'], 1]);
  });

  test('a transaction in flight during a rollback can still be confirmed', async () => {
    const { clock, setDesired, ledger, lines } = setUp();
    ledger.state.fate = ({ skipPreflight }) => ({ landsAfterSlots: skipPreflight && ledger.slot() > 5_200 ? 1 : 'never' });
    setDesired(up(1));
    await clock.advance(2_000);
    ledger.state.rollbackSlots = 5_000;
    setDesired([], ledger.slot());
    await clock.advance(140_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('after a rollback, a transaction still expires with its blockhash when that is sooner', async () => {
    const { clock, setDesired, ledger, lines } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    setDesired(up(1));
    await clock.advance(30_000);
    ledger.state.rollbackSlots = 20;
    setDesired([], ledger.slot() - 60);
    setDesired([], ledger.slot() - 70);
    await clock.advance(45_000);
    expect(lines).toEqual(['sent u1 up', 'expired u1 up']);
  });
});

describe('a lost transaction', () => {
  test('rule 17: an unconfirmed transaction is rebroadcast every two seconds with the same bytes', async () => {
    const { clock, setDesired, ledger, lines, rebroadcasts } = setUp();
    ledger.state.fate = ({ skipPreflight }) => ({ landsAfterSlots: skipPreflight && ledger.sends.length > 3 ? 1 : 'never' });
    setDesired(up(1));
    await clock.advance(12_000);
    expect(new Set(ledger.sends.map(({ signature }) => signature)).size).toBe(1);
    expect(ledger.sends.length).toBe(4);
    expect(rebroadcasts()).toBe(3);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('rule 17: a transaction expires only after its blockhash and a last status check; its users are re-evaluated and its bytes never sent again', async () => {
    const { clock, setDesired, ledger, lines, reevaluations, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    setDesired(up(1));
    await clock.advance(59_000);
    expect([...worker.inFlight().keys()]).toEqual([keyNumber(1)]);
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up', 'expired u1 up']);
    expect(reevaluations()).toBe(1);
    const sent = ledger.sends.length;
    await clock.advance(60_000);
    expect(ledger.sends.length).toBe(sent);
    expect(ledger.calls.filter((call) => call === 'checkExpiry').length).toBe(1);
  });

  test('a transaction whose blockhash came with a slot hours ahead expires a little later and is rebroadcast until then', async () => {
    const { clock, setDesired, ledger, lines, rebroadcasts } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    ledger.state.blockhashSlotsAhead = 60_000;
    setDesired(up(1));
    await clock.advance(89_000);
    expect([lines, rebroadcasts()]).toEqual([['sent u1 up'], 39]);
    ledger.state.blockhashSlotsAhead = 0;
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up', 'expired u1 up']);
  });

  test('a transaction that preflight rejects during a status poll is not rebroadcast', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    setDesired(up(900));
    await clock.advance(3_000);
    const preflight = deferred();
    const statuses = deferred();
    const { sendTransaction, signatureStatuses } = ledger.rpc;
    ledger.rpc.sendTransaction = async (wire, options, signal) => {
      ledger.rpc.sendTransaction = sendTransaction;
      await preflight.promise;
      const outcome = await sendTransaction(wire, options, signal);
      return outcome.kind === 'accepted' ? { kind: 'rejected', err: 'BlockhashNotFound', logs: [] } : outcome;
    };
    ledger.state.fate = () => (ledger.sends.length === 2 ? { outcome: { kind: 'rejected', err: 'BlockhashNotFound', logs: [] } } : {});
    ledger.rpc.signatureStatuses = async (signatures, signal) => {
      await statuses.promise;
      return signatureStatuses(signatures, signal);
    };
    setDesired(up(1));
    await clock.advance(3_000); // the first send hangs in preflight, the status poll hangs behind it
    preflight.resolve();
    await clock.advance(10);
    setDesired(down(1));
    statuses.resolve();
    await clock.advance(10_000);
    expect(history().slice(1)).toEqual(['u1 down']);
    expect(ledger.sends.filter(({ skipPreflight }) => skipPreflight)).toEqual([]);
  });

  test('rule 17: the last status check before expiry finds a transaction that was confirmed after all', async () => {
    const { clock, setDesired, ledger, lines } = setUp();
    const statuses = ledger.rpc.signatureStatuses;
    const forgetful: typeof statuses = async (signatures, signal) => ({
      slot: (await statuses(signatures, signal)).slot,
      statuses: signatures.map(() => null),
    });
    ledger.rpc.signatureStatuses = forgetful;
    setDesired(up(1));
    await clock.advance(65_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('rule 17: a send without an answer stays in flight and is confirmed once', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    ledger.state.fate = () => ({ outcome: { kind: 'unknown', error: ledgerOutage() } });
    setDesired(up(1));
    await clock.advance(5_000);
    expect(history()).toEqual(['u1 up']);
    expect(new Set(ledger.sends.map(({ signature }) => signature)).size).toBe(1);
  });

  test('rule 17: a transaction stays in flight while its status cannot be read, and no other replaces it', async () => {
    const { clock, setDesired, ledger, lines, worker } = setUp();
    const statuses = ledger.rpc.signatureStatuses;
    ledger.rpc.signatureStatuses = () => Promise.reject(ledgerOutage());
    for (let tick = 0; tick < 3; tick += 1) {
      setDesired(up(1));
      await clock.advance(5_000);
    }
    expect(worker.inFlight()).toEqual(new Map([[keyNumber(1), 'up']]));
    ledger.rpc.signatureStatuses = statuses;
    await clock.advance(1_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('rule 20: a transaction that no endpoint accepted is replaced at once, without waiting for its expiry', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    ledger.state.fate = () => (ledger.sends.length === 1 ? { outcome: { kind: 'not-sent', error: ledgerOutage() } } : {});
    setDesired(up(1));
    await clock.advance(5_000);
    expect(history()).toEqual(['u1 up']);
  });
});

describe('a first send that is open when its resend begins', () => {
  /** The resend begins after two seconds, and ends after the first send. */
  const refusingLate = ({ clock, ledger }: ReturnType<typeof setUp>, outcome: SendOutcome): void => {
    const { sendTransaction } = ledger.rpc;
    let sends = 0;
    ledger.rpc.sendTransaction = async (attempts, options, signal) => {
      sends += 1;
      if (sends > 2) return sendTransaction(attempts, options, signal);
      const attempt = attempts.begin('the fake ledger');
      await clock.sleep(sends === 1 ? 2_700 : 900, signal);
      attempts.end(attempt, outcome);
      return attempts.outcome();
    };
  };

  test('rule 20: a transaction is replaced as soon as its resend shows that no endpoint has it', async () => {
    const at = setUp();
    refusingLate(at, { kind: 'not-sent', error: ledgerOutage() });
    at.setDesired(up(1));
    await at.clock.advance(10_000);
    expect(at.history()).toEqual(['u1 up']);
    expect(at.linesOf('sent').length).toBe(2);
  });

  test('rule 19: a user whose rejection only the resend shows backs off at once', async () => {
    const at = setUp();
    at.setDesired(up(900));
    await at.clock.advance(2_000);
    const prefix = 1; // the compute limit
    refusingLate(at, { kind: 'rejected', err: { InstructionError: [prefix, { Custom: 5 }] }, logs: [] });
    at.setDesired(up(1));
    await at.clock.advance(10_000);
    expect(at.linesOf('rejected')).toEqual(['rejected u1 up: WRITE__USER_REJECTED']);
    expect(at.rebroadcasts()).toBe(1);
  });
});

describe('a rejected user', () => {
  test('rule 19: a failure on the ledger asks for a decision on users that a tick had settled while they were in flight', async () => {
    const { clock, setDesired, ledger, reevaluations } = setUp({ timing: { skipPreflight: true } });
    setDesired(up(900));
    await clock.advance(2_000);
    ledger.refused.set(keyNumber(2), { Custom: 26 });
    setDesired(up(1, 2));
    await clock.advance(10);
    setDesired([]);
    await clock.advance(3_000);
    expect(reevaluations()).toBe(1);
    // These are still desired, and go again without a tick.
    ledger.refused.set(keyNumber(3), { Custom: 26 });
    setDesired(up(3, 4));
    await clock.advance(3_000);
    expect(reevaluations()).toBe(1);
  });

  test.each([
    ['of another device', { Custom: 8 }],
    ['whose account fails validation', { Custom: 26 }],
    ['whose account was deleted', 'ProgramFailedToComplete'],
    ['whose account is of another type', 'InvalidAccountData'],
  ])('rule 19: a user %s backs off, and the other users of its batch are sent again at once', async (_, error) => {
    const { clock, setDesired, ledger, history, linesOf } = setUp();
    setDesired(up(900));
    await clock.advance(2_000); // the units are known: no simulation finds the rejected user first
    ledger.refused.set(keyNumber(7), error);
    setDesired(up(...range(19)));
    await clock.advance(3_000);
    expect(history().slice(1)).toEqual(
      range(19)
        .filter((n) => n !== 7)
        .map((n) => `u${n} up`),
    );
    expect(linesOf('rejected')).toEqual(['rejected u7 up: WRITE__USER_REJECTED']);
  });

  test('rule 20: a rejected user waits half a minute, and is written at once when its account changes', async () => {
    const { clock, setDesired, ledger, history, linesOf, worker } = setUp();
    ledger.refused.set(keyNumber(7), { Custom: 26 });
    for (let tick = 0; tick < 5; tick += 1) {
      setDesired(up(7));
      await clock.advance(5_000);
    }
    expect(ledger.calls.filter((call) => call === 'simulateTransaction' || call === 'sendTransaction').length).toBe(1);
    expect(linesOf('rejected').length).toBe(1);
    expect([...worker.backedOffUsers().keys()]).toEqual([keyNumber(7)]);
    ledger.refused.clear();
    setDesired([intentFor(7, 'up', { accountState: 'changed' })]);
    await clock.advance(3_000);
    expect(history()).toEqual(['u7 up']);
    expect(worker.backedOffUsers().size).toBe(0);
  });

  test('rule 20: a rejected user is retried after half a minute, one minute and two: the cause may not be its account', async () => {
    const { clock, setDesired, ledger, linesOf, history, worker } = setUp();
    ledger.refused.set(keyNumber(7), { Custom: 8 });
    const rejections: number[] = [];
    for (let second = 0; second < 500; second += 5) {
      setDesired(up(7));
      await clock.advance(5_000);
      if (linesOf('rejected').length > rejections.length) rejections.push(second);
    }
    expect(rejections).toEqual([0, 30, 90, 210, 450]);
    ledger.refused.clear();
    for (let second = 0; second < 500; second += 5) {
      setDesired(up(7));
      await clock.advance(5_000);
    }
    expect(history().slice(0, 1)).toEqual(['u7 up']);
    expect(worker.backedOffUsers().size).toBe(0);
  });

  test('without preflight, the confirmed error names the rejected user', async () => {
    const { clock, setDesired, ledger, history } = setUp({ timing: { skipPreflight: true } });
    setDesired(up(900));
    await clock.advance(2_000);
    ledger.refused.set(keyNumber(2), { Custom: 8 });
    setDesired(up(1, 2, 3));
    await clock.advance(5_000);
    expect(history().slice(1)).toEqual(['u1 up', 'u3 up']);
  });
});

describe('a halt by a failed transaction', () => {
  test('a key that is no longer the publisher halts all writes, backs off no user, and is reported once', async () => {
    let ours = false;
    const mismatch = new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: DEVICE, expected: keyNumber(1), actual: signer.address });
    const { clock, setDesired, ledger, lines, history, worker } = setUp({
      authority: async () => (ours ? undefined : Promise.reject(mismatch)),
    });
    for (const n of [1, 2]) ledger.refused.set(keyNumber(n), { Custom: 8 });
    for (let minute = 0; minute < 3; minute += 1) {
      setDesired(up(1, 2));
      await clock.advance(60_000);
      worker.resume();
    }
    expect(lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH']);
    expect(worker.backedOffUsers().size).toBe(0);
    ours = true;
    ledger.refused.clear();
    setDesired(up(1, 2));
    await clock.advance(3_000);
    expect(history()).toEqual(['u1 up', 'u2 up']);
    expect(lines.at(-1)).toBe('landed u2 up');
    expect(lines).toContain('resumed');
  });

  test.each([
    ['no funds', 'AccountNotFound', 'WRITE__NO_FUNDS'],
    ['no funds for the fee', 'InsufficientFundsForFee', 'WRITE__NO_FUNDS'],
    ['no funds for rent', { InsufficientFundsForRent: { account_index: 0 } }, 'WRITE__NO_FUNDS'],
    ['a program that is too old', { InstructionError: [0, 'InvalidInstructionData'] }, 'WRITE__PROGRAM_TOO_OLD'],
  ])('%s halts all writes', async (_, error, code) => {
    const { clock, setDesired, ledger, lines, worker } = setUp();
    ledger.state.refuseAll = error;
    setDesired(up(1));
    await clock.advance(60_000);
    expect(lines).toEqual([`halted ${code}`]);
    expect(ledger.sends.length).toBe(0);
    expect(worker.halted?.code).toBe(code);
    await worker.whenIdle(new AbortController().signal);
  });

  test('the end of a halt is reported even if its users no longer need a write', async () => {
    const { clock, setDesired, ledger, lines, worker } = setUp();
    ledger.state.refuseAll = 'AccountNotFound';
    setDesired(up(1));
    await clock.advance(5_000);
    setDesired([]);
    await clock.advance(5_000);
    expect(lines.splice(0)).toEqual(['halted WRITE__NO_FUNDS']);
    worker.resume();
    setDesired([intentFor(2, 'up', { reason: 'ride-along', ageMs: 3_000_000 })]);
    expect([lines, worker.halted]).toEqual([['resumed'], undefined]);
  });

  test('the halt by a program that is too old is over only when a transaction is confirmed', async () => {
    const { clock, setDesired, ledger, lines, worker } = setUp();
    ledger.state.refuseAll = { InstructionError: [0, 'InvalidInstructionData'] };
    setDesired(up(1));
    await clock.advance(5_000);
    worker.resume();
    setDesired([]);
    await clock.advance(5_000);
    expect(lines.splice(0)).toEqual(['halted WRITE__PROGRAM_TOO_OLD']);
    ledger.state.refuseAll = undefined;
    setDesired(up(1));
    await clock.advance(5_000);
    expect(lines).toContain('resumed');
  });

  test('a halt by a watch for the same cause continues even if nothing is left to write', async () => {
    const { clock, setDesired, ledger, lines, worker } = setUp();
    ledger.state.refuseAll = 'AccountNotFound';
    setDesired(up(1));
    await clock.advance(5_000);
    worker.halt(new AgentError('WRITE__NO_FUNDS', { publisher: signer.address, problem: 'it holds nothing' }), 'balance');
    worker.resume('authority');
    setDesired([]);
    expect([lines.splice(0), worker.halted?.code]).toEqual([['halted WRITE__NO_FUNDS'], 'WRITE__NO_FUNDS']);
    worker.resume('balance');
    expect([lines, worker.halted]).toEqual([['resumed'], undefined]);
  });
});

describe('a halt by a watch', () => {
  const mismatch = new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: DEVICE, expected: keyNumber(1), actual: signer.address });
  const balanceLow = new AgentError('WRITE__BALANCE_LOW', { publisher: signer.address, lamports: 1n, minBalance: 2n });

  test.each([
    ['authority', mismatch],
    ['balance', balanceLow],
  ] as const)('the end of a halt is reported although nothing waits to be written: %s', (holder, error) => {
    const { lines, worker } = setUp();
    worker.halt(error, holder);
    worker.resume(holder);
    worker.resume(holder);
    expect(lines).toEqual([`halted ${error.code}`, 'resumed']);
  });

  test('a halt that returns before any confirmation is reported again', () => {
    const { lines, worker } = setUp();
    worker.halt(mismatch);
    worker.resume();
    worker.halt(mismatch);
    expect(lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH', 'resumed', 'halted LEDGER__PUBLISHER_MISMATCH']);
  });

  test('two halts are reported once each, and the end of one reports the other', () => {
    const { lines, worker } = setUp();
    for (let minute = 0; minute < 3; minute += 1) {
      worker.halt(balanceLow, 'balance');
      worker.halt(mismatch);
    }
    expect(lines.splice(0)).toEqual(['halted WRITE__BALANCE_LOW', 'halted LEDGER__PUBLISHER_MISMATCH']);
    worker.resume();
    expect([lines.splice(0), worker.halted?.code]).toEqual([['halted WRITE__BALANCE_LOW'], 'WRITE__BALANCE_LOW']);
    worker.resume('balance');
    expect([lines, worker.halted]).toEqual([['resumed'], undefined]);
  });

  test('a halt outlasts the confirmation of a transaction that was sent before it', async () => {
    const { clock, setDesired, lines, worker } = setUp();
    setDesired(up(1));
    await clock.advance(100);
    worker.halt(balanceLow, 'balance');
    await clock.advance(3_000);
    expect([lines, worker.halted?.code]).toEqual([['sent u1 up', 'halted WRITE__BALANCE_LOW', 'landed u1 up'], 'WRITE__BALANCE_LOW']);
  });
});

describe('a failing ledger', () => {
  test('rule 20: an outage of a minute loses no write, and writes resume within seconds of its end', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    ledger.state.outage = ledgerOutage();
    for (let tick = 0; tick < 12; tick += 1) {
      setDesired(up(1, 2));
      await clock.advance(5_000);
    }
    ledger.state.outage = undefined;
    await clock.advance(4_000);
    expect(history()).toEqual(['u1 up', 'u2 up']);
  });

  test('rule 17: an unknown blockhash is replaced and the write is sent again', async () => {
    const { clock, setDesired, ledger, history } = setUp({ timing: { blockhashMaxAgeMs: 60_000 } });
    setDesired(up(900));
    await clock.advance(1_900);
    ledger.state.fate = () => (ledger.sends.length === 2 ? { outcome: { kind: 'rejected', err: 'BlockhashNotFound', logs: [] } } : {});
    setDesired(up(1));
    await clock.advance(3_000);
    expect(history()).toEqual(['u900 up', 'u1 up']);
    // The first one was young enough for both.
    expect(ledger.calls.filter((call) => call === 'latestBlockhash').length).toBe(2);
  });

  test('rule 19: running out of compute units leads to another measurement, not to a rejected user', async () => {
    const { clock, setDesired, ledger, history, worker } = setUp();
    setDesired(up(900));
    await clock.advance(2_000);
    ledger.state.refuseAll = { InstructionError: [1, 'ComputationalBudgetExceeded'] };
    setDesired(up(1));
    await clock.advance(50);
    ledger.state.refuseAll = undefined;
    await clock.advance(4_000);
    expect(history()).toEqual(['u900 up', 'u1 up']);
    expect(worker.backedOffUsers().size).toBe(0);
    expect(ledger.calls.filter((call) => call === 'simulateTransaction').length).toBe(2);
  });

  test('a node that cannot simulate costs the compute limit, not the write', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    ledger.rpc.simulateTransaction = () =>
      Promise.reject(new AgentError('LEDGER__UNSUPPORTED', { endpoint: 'a', method: 'simulateTransaction', problem: 'no such method' }));
    setDesired(up(...range(20)));
    await clock.advance(3_000);
    expect(history().length).toBe(20);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([20]);
  });

  test('a node that does not answer a simulation delays one write by three seconds, and no other write in the next minute', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    const after = (ms: number, onOver: () => void) => {
      const stopped = new AbortController();
      clock.sleep(ms, stopped.signal).then(onOver, () => undefined);
      return () => stopped.abort(new Error('settled'));
    };
    Object.assign(clock, { after });
    let simulations = 0;
    ledger.rpc.simulateTransaction = (_, signal) => {
      simulations += 1;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    setDesired(up(1));
    await clock.advance(6_000);
    expect([history(), simulations]).toEqual([['u1 up'], 1]);
    setDesired(up(2));
    await clock.advance(3_000);
    expect([history(), simulations]).toEqual([['u1 up', 'u2 up'], 1]);
  });

  test('if endpoints fail every simulation, writes carry no compute limit, and the agent simulates again later', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    const { simulateTransaction } = ledger.rpc;
    let simulations = 0;
    ledger.rpc.simulateTransaction = () => {
      simulations += 1;
      return Promise.reject(new AgentError('LEDGER__ACCESS_DENIED', { endpoint: 'a', problem: 'HTTP status 403' }));
    };
    setDesired(up(1));
    await clock.advance(8_000);
    setDesired(up(2));
    await clock.advance(8_000);
    expect([history(), simulations]).toEqual([['u1 up', 'u2 up'], 3]);
    ledger.rpc.simulateTransaction = simulateTransaction;
    await clock.advance(60_000);
    setDesired(up(3));
    await clock.advance(3_000);
    expect(history()).toEqual(['u1 up', 'u2 up', 'u3 up']);
    expect(ledger.calls.filter((call) => call === 'simulateTransaction').length).toBe(1);
  });

  test('an unknown error is retried with pauses and backs off no user', async () => {
    const { clock, setDesired, ledger, worker, history } = setUp();
    ledger.state.refuseAll = { SomethingNew: { of: 'tomorrow' } };
    setDesired(up(1));
    await clock.advance(30_000);
    expect(ledger.calls.length).toBeLessThan(80);
    ledger.state.refuseAll = undefined;
    await clock.advance(4_000);
    expect(worker.backedOffUsers().size).toBe(0);
    expect(history()).toEqual(['u1 up']);
  });
});

describe('a rejected user that the endpoint does not name', () => {
  /** Fails every transaction of this user without naming the instruction. */
  const hide = (ledger: ReturnType<typeof setUp>['ledger'], user: Address) => {
    ledger.state.fate = ({ writes }) =>
      writes.some((write) => write.user === user) ? { outcome: { kind: 'rejected', err: { Mystery: 'of this node' }, logs: [] } } : {};
  };

  test('bisection finds a rejected user that the endpoint does not name, and the other users are written meanwhile', async () => {
    const { clock, setDesired, ledger, history, linesOf, worker } = setUp();
    setDesired(up(900));
    await clock.advance(2_000);
    hide(ledger, keyNumber(13));
    setDesired(up(...range(19)));
    await clock.advance(10_000);
    expect(new Set(history().slice(1))).toEqual(
      new Set(
        range(19)
          .filter((n) => n !== 13)
          .map((n) => `u${n} up`),
      ),
    );
    expect(linesOf('rejected')).toEqual(['rejected u13 up: WRITE__USER_REJECTED']);
    expect([...worker.backedOffUsers().keys()]).toEqual([keyNumber(13)]);
    expect(ledger.sends.length).toBeLessThan(20);
  });

  test('rule 19: a user whose account is short of rent is isolated and does not halt writes', async () => {
    const { clock, setDesired, ledger, history, linesOf, worker } = setUp();
    setDesired(up(900));
    await clock.advance(2_000);
    const err = { InsufficientFundsForRent: { account_index: 2 } };
    ledger.state.fate = ({ writes }) =>
      writes.some(({ user }) => user === keyNumber(3)) ? { outcome: { kind: 'rejected', err, logs: [] } } : {};
    setDesired(up(...range(5)));
    await clock.advance(10_000);
    expect(worker.halted).toBeUndefined();
    expect(history().length).toBe(range(5).length);
    expect(linesOf('rejected')).toEqual(['rejected u3 up: WRITE__USER_REJECTED']);
  });

  test('bisection blames no user while every transaction fails', async () => {
    const { clock, setDesired, ledger, worker, history } = setUp();
    setDesired(up(900));
    await clock.advance(2_000);
    ledger.state.fate = () => ({ outcome: { kind: 'rejected', err: { Mystery: 'of this node' }, logs: [] } });
    setDesired(up(...range(6)));
    await clock.advance(60_000);
    expect(worker.backedOffUsers().size).toBe(0);
    ledger.state.fate = () => ({});
    await clock.advance(20_000);
    expect(history().length).toBe(7);
  });
});

describe('the successor of another worker', () => {
  const left = async (fate: 'never' | number, { rollbackSlots = 0 } = {}) => {
    const old = setUp();
    old.ledger.state.fate = () => ({ landsAfterSlots: fate });
    old.setDesired(down(1));
    await old.clock.advance(500);
    const stopped = old.worker.stop(0);
    await old.clock.advance(100);
    const handover = await stopped;
    old.ledger.state.rollbackSlots = rollbackSlots;
    const next = setUp({ on: old });
    next.worker.adopt(handover);
    return next;
  };

  test('a successor writes nothing for a user before the adopted transaction is confirmed', async () => {
    const { clock, ledger, setDesired, worker, history, lines } = await left(20);
    expect([...worker.inFlight()]).toEqual([[keyNumber(1), 'down']]);
    ledger.state.fate = () => ({});
    setDesired(up(1));
    await clock.advance(6_000);
    expect(lines).toEqual([]);
    await clock.advance(6_000);
    expect(lines).toEqual(['landed u1 down', 'sent u1 up', 'landed u1 up']);
    expect(history()).toEqual(['u1 down', 'u1 up']);
    expect(worker.confirmedIn(keyNumber(1))).toBeDefined();
  });

  test('a successor rebroadcasts an adopted transaction and releases its users when it expires', async () => {
    const { clock, worker, lines, reevaluations, rebroadcasts } = await left('never');
    await clock.advance(65_000);
    expect([lines, reevaluations(), worker.inFlight().size]).toEqual([['expired u1 down'], 1, 0]);
    expect(rebroadcasts()).toBeGreaterThan(20);
  });

  test('rule 21: a successor continues the spending and the reports of its predecessor, under its own limits', async () => {
    const old = setUp({ limits: { maxLamportsPerDay: 10_000 } });
    old.setDesired(up(...range(60)));
    await old.clock.advance(3_600_000);
    expect(old.linesOf('budget')).toEqual(['budget none']);
    const same = setUp({ on: old, limits: { maxLamportsPerDay: 10_000 } });
    same.worker.adopt(await old.worker.stop(0));
    same.setDesired(up(...range(60)));
    await same.clock.advance(20_000);
    expect([same.ledger.sends.length, Math.round(same.worker.lamportsPerHour), same.linesOf('budget')]).toEqual([2, 9_945, []]);
    const larger = setUp({ on: same, limits: { maxLamportsPerDay: 50_000 } });
    larger.worker.adopt(await same.worker.stop(0));
    larger.setDesired(up(...range(60)));
    await larger.clock.advance(20_000);
    expect([larger.worker.lamportsOfTheDay, larger.linesOf('budget')[0]]).toEqual([30_000, 'budget all']);
  });

  test('an adopted transaction expires on a ledger of lower block heights, too', async () => {
    const { clock, worker, lines } = await left('never', { rollbackSlots: 5_000 });
    await clock.advance(140_000);
    expect([lines, worker.inFlight().size]).toEqual([['expired u1 down'], 0]);
  });
});

describe('suspected users', () => {
  test('rule 19: a change that failed alone is sent again although only early refreshes are free of suspicion', async () => {
    const { clock, setDesired, ledger, history } = setUp();
    let isBusy = true;
    ledger.state.fate = () => (isBusy ? { outcome: { kind: 'rejected', err: 'AccountInUse', logs: [] } } : {});
    setDesired(up(1));
    await clock.advance(2_000);
    isBusy = false;
    setDesired([...up(1), intentFor(2, 'up', { reason: 'ride-along', ageMs: 3_000_000 })]);
    await clock.advance(30_000);
    expect(history()).toContain('u1 up');
  });
});

describe('a spending limit', () => {
  const refreshes = (...numbers: readonly number[]) => numbers.map((n) => intentFor(n, 'up', { reason: 'refresh', ageMs: 3_600_000 }));

  test('a limit on transactions a minute delays writes and loses none', async () => {
    const { clock, setDesired, ledger, history } = setUp({ limits: { maxTransactionsPerMinute: 2 } });
    setDesired(up(...range(100)));
    await clock.advance(10_000);
    expect(ledger.sends.length).toBe(2);
    await clock.advance(200_000);
    expect(history().length).toBe(100);
    expect(ledger.sends.length).toBe(6);
  });

  test('rule 21: a transaction that no endpoint took costs nothing of the limits', async () => {
    const { clock, setDesired, ledger, worker, history } = setUp({ limits: { maxTransactionsPerMinute: 2, maxLamportsPerDay: 10_000 } });
    ledger.state.fate = () => (ledger.sends.length <= 4 ? { outcome: { kind: 'not-sent', error: ledgerOutage() } } : {});
    setDesired(up(1));
    await clock.advance(50_000);
    expect(history()).toEqual(['u1 up']);
    expect([ledger.sends.length, worker.lamportsOfTheDay]).toEqual([5, 5_000]);
  });

  test('rule 21: a transaction that the program rejects before a block, or that expires, costs no lamports of the day', async () => {
    const { clock, setDesired, ledger, worker } = setUp();
    ledger.refused.set(keyNumber(7), { Custom: 26 });
    setDesired(up(7));
    await clock.advance(5_000);
    expect([ledger.sends.length, worker.lamportsOfTheDay]).toEqual([0, 0]);
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    setDesired(up(1));
    await clock.advance(1_000);
    expect(worker.lamportsOfTheDay).toBe(5_000);
    worker.setDesired([], { slot: slot(ledger.slot()), readAt: clock.monotonic(), users: { has: () => true } });
    await clock.advance(120_000);
    expect([worker.inFlight().size, worker.lamportsOfTheDay]).toEqual([0, 0]);
  });

  test('changes are sent where the limit makes refreshes wait', async () => {
    const { clock, setDesired, ledger, worker } = setUp({ limits: { maxTransactionsPerMinute: 5 } });
    setDesired(refreshes(...range(19 * 6)));
    await clock.advance(10_000);
    // A fifth is reserved for changes.
    expect(ledger.sends.length).toBe(4);
    expect(worker.allowance).toBe('changes-only');
    setDesired([...refreshes(...range(19 * 6)), ...up(900)]);
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([19, 19, 19, 19, 1]);
    expect(worker.allowance).toBe('none');
  });

  test('a limit on lamports holds for a day', { timeout: 120_000 }, async () => {
    const { clock, setDesired, ledger, worker, linesOf } = setUp({ limits: { maxLamportsPerDay: 10_000 } });
    setDesired(up(...range(60)));
    await clock.advance(20_000);
    expect(ledger.sends.length).toBe(2);
    expect(worker.lamportsOfTheDay).toBe(10_000);
    expect(linesOf('budget')).toEqual(['budget none']);
    await clock.advance(25 * 3_600_000);
    expect(ledger.sends.length).toBe(4);
  });
});

describe('stopping', () => {
  test('a stopping worker sends nothing new and waits for what is in flight', async () => {
    const { clock, setDesired, ledger, worker, history } = setUp();
    setDesired(up(1));
    await clock.advance(100);
    const stopped = worker.stop(10_000);
    setDesired(up(2));
    await clock.advance(10_000);
    expect((await stopped).unresolved).toEqual([]);
    expect(history()).toEqual(['u1 up']);
    expect(ledger.sends.length).toBe(1);
  });

  test('rule 17: a stopping worker ends at its deadline and returns what is unresolved', async () => {
    const { clock, setDesired, ledger, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    setDesired(up(1));
    await clock.advance(100);
    const stopped = worker.stop(3_000);
    await clock.advance(3_100);
    expect((await stopped).unresolved.flatMap(({ intents }) => intents.map(({ user }) => user))).toEqual([keyNumber(1)]);
  });
});

/** `worker.long.test.ts` has the other seeds. */
test(
  'rule 17: whatever is desired and however the ledger behaves, a user has at most one unresolved status, and the newest one wins',
  {
    timeout: 120_000,
  },
  () => expectNewestToWin(1, 6),
);

describe('writes that do not land', () => {
  /** Desires as the ticks of an agent do: every five seconds what the ledger does not hold yet. */
  async function ticking({ clock, setDesired }: ReturnType<typeof setUp>, seconds: number, desired: () => readonly StatusIntent[]) {
    for (let passed = 0; passed < seconds; passed += 5) {
      setDesired(desired());
      await clock.advance(5_000);
    }
  }
  const refusal = (problem: string) => new AgentError('LEDGER__RATE_LIMITED', { endpoint: 'https://rpc', problem });

  test('rule 20: a ledger that drops every transaction is reported within a minute, after five minutes again, and its end once', async () => {
    const at = setUp();
    at.ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    await ticking(at, 40, () => up(1));
    expect(at.stalls).toEqual([]);
    await ticking(at, 10, () => up(1));
    expect(at.stalls).toEqual([
      'stalled for 45 s: no write has been confirmed: no endpoint reports an error, but transactions stay unconfirmed (1 in flight)',
    ]);
    await ticking(at, 270, () => up(1));
    expect(at.stalls.slice(1)).toEqual([
      expect.stringMatching(/^still stalled for 300 s: no write has been confirmed: transaction \w+ expired/),
    ]);
    at.ledger.state.fate = () => ({});
    await ticking(at, 70, () => (at.history().length > 0 ? [] : up(1)));
    expect(at.stalls.slice(2)).toEqual([expect.stringMatching(/^resumed after 3\d\d s$/)]);
  });

  test('rule 20: a confirmed write is progress of the ledger, for the page as well, although no slot reaches a false one', async () => {
    const at = setUp();
    at.progress.note('rpc', slot(1_000_000), at.clock.monotonic());
    for (let user = 1; user <= 12; user += 1) await ticking(at, 5, () => up(user));
    expect(at.history().length).toBe(12);
    expect(at.stalls).toEqual([]);
    const { advancedAt = 0, answeredAt = 0 } = at.progress.progress ?? {};
    expect(answeredAt - advancedAt).toBeLessThan(5_000);
  });

  test('rule 20: a rate limit is reported in the words of the endpoint', async () => {
    const at = setUp();
    at.ledger.state.fate = () => ({
      outcome: { kind: 'not-sent', error: refusal('50/second request limit reached') },
      landsAfterSlots: 'never',
    });
    await ticking(at, 50, () => up(1));
    expect(at.stalls).toEqual([
      'stalled for 45 s: the ledger endpoint https://rpc rate-limits our requests: 50/second request limit reached',
    ]);
  });

  test('rule 20: a reload does not hide that writes do not land', async () => {
    const old = setUp();
    old.ledger.state.fate = () => ({ outcome: { kind: 'not-sent', error: refusal('no more sends') }, landsAfterSlots: 'never' });
    await ticking(old, 60, () => up(1));
    const stopped = old.worker.stop(0);
    await old.clock.advance(100);
    const next = setUp({ on: old });
    next.worker.adopt(await stopped);
    expect(next.stalls).toEqual(['stalled for 60 s: the ledger endpoint https://rpc rate-limits our requests: no more sends']);
    old.ledger.state.fate = () => ({});
    await ticking(next, 5, () => up(1));
    expect(next.stalls.slice(1)).toEqual([expect.stringMatching(/^resumed after 6\d s$/)]);
  });

  test('rule 20: sends that no endpoint takes back off, also while a transaction in flight is answered for', async () => {
    const at = setUp();
    at.ledger.state.fate = () =>
      at.ledger.sends.length === 1 ? { landsAfterSlots: 'never' } : { outcome: { kind: 'not-sent', error: refusal('too large') } };
    await ticking(at, 2, () => up(1));
    await ticking(at, 40, () => up(1, 2));
    const refused = at.ledger.sends.filter(({ writes }) => writes.some(({ user }) => user === keyNumber(2)));
    expect(refused.length).toBeGreaterThan(15);
    expect(refused.length).toBeLessThan(50);
  });

  test('rule 20: the repeats of a send that was accepted are reported in the words of the endpoint that refuses them', async () => {
    const at = setUp();
    at.ledger.state.fate = () => {
      const isFirst = new Set(at.ledger.sends.map(({ signature }) => signature)).size === at.ledger.sends.length;
      return isFirst ? { landsAfterSlots: 'never' } : { outcome: { kind: 'not-sent', error: refusal('no more sends') } };
    };
    await ticking(at, 50, () => up(1));
    expect(at.ledger.sends.length).toBeGreaterThan(10);
    expect(at.stalls).toEqual(['stalled for 45 s: the ledger endpoint https://rpc rate-limits our requests: no more sends']);
  });

  test('rule 20: a blockhash, a simulation, a send or a status that no endpoint answers is reported in its words', async () => {
    const unsupported = (method: string) => new AgentError('LEDGER__UNSUPPORTED', { endpoint: 'https://rpc', method, problem: '-32601' });
    for (const method of ['latestBlockhash', 'signatureStatuses'] as const) {
      const at = setUp();
      const fails = () => Promise.reject(unsupported(method));
      Object.assign(at.ledger.rpc, { [method]: fails });
      await ticking(at, 50, () => up(1));
      expect(at.stalls).toEqual([`stalled for 45 s: the ledger endpoint https://rpc does not serve ${method}: -32601`]);
    }
    const at = setUp();
    at.ledger.state.fate = () => ({ outcome: { kind: 'unknown', error: unsupported('sendTransaction') }, landsAfterSlots: 'never' });
    await ticking(at, 50, () => up(1));
    expect(at.stalls).toEqual(['stalled for 45 s: the ledger endpoint https://rpc does not serve sendTransaction: -32601']);
  });

  test('rule 20: if the preflight of an endpoint fails a transaction every time, the report quotes the endpoint', async () => {
    const at = setUp();
    const error = refusal('Transaction simulation failed: Account in use (code -32002)');
    at.ledger.state.fate = () => ({ outcome: { kind: 'rejected', err: 'AccountInUse', logs: [], error }, landsAfterSlots: 'never' });
    await ticking(at, 60, () => up(1));
    expect(at.stalls[0]).toMatch(/^stalled for 4[5-9] s: .*https:\/\/rpc .*Account in use \(code -32002\)$/);
  });

  test('rule 20: a permanent BlockhashNotFound backs off to four sends a minute, and is reported', async () => {
    const at = setUp();
    at.ledger.state.fate = () => ({ outcome: { kind: 'rejected', err: 'BlockhashNotFound', logs: [] }, landsAfterSlots: 'never' });
    await ticking(at, 60, () => up(1));
    const early = at.ledger.sends.length;
    await ticking(at, 240, () => up(1));
    expect(early).toBeLessThanOrEqual(15);
    expect((at.ledger.sends.length - early) / 4).toBeLessThanOrEqual(8);
    expect(at.stalls[0]).toMatch(/^stalled for 45 s: the blockhash of transaction \w+ is unknown or expired$/);
    at.ledger.state.fate = () => ({});
    await ticking(at, 30, () => (at.history().length > 0 ? [] : up(1)));
    expect(at.history()).toEqual(['u1 up']);
    // The backoff begins anew after a confirmation.
    const before = at.clock.monotonic();
    at.setDesired(down(1));
    await at.clock.advance(3_000);
    expect(at.ledger.sends.at(-1)?.at).toBeLessThan(before + 100);
  });

  test('rule 20: a ledger that stands still is reported also while nothing waits, and its end when slots advance', async () => {
    const at = setUp();
    await ticking(at, 10, () => []);
    const frozen = at.ledger.slot();
    for (let passed = 0; passed < 50; passed += 5) {
      at.setDesired([], frozen);
      await at.clock.advance(5_000);
    }
    expect(at.stalls).toEqual([
      expect.stringMatching(/^stalled for 4\d s, with nothing to write: the ledger makes no progress: every answer is of slot 1\d+$/),
    ]);
    at.setDesired([]);
    expect(at.stalls.slice(1)).toEqual([expect.stringMatching(/^slots advance after \d+ s$/)]);
  });

  test('rule 20: a write that waits while the ledger stands still is reported once more, as one that does not land', async () => {
    const at = setUp();
    at.ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    await ticking(at, 10, () => []);
    const frozen = at.ledger.slot();
    const tickFrozen = async (seconds: number, intents: readonly StatusIntent[]): Promise<void> => {
      for (let passed = 0; passed < seconds; passed += 5) {
        at.setDesired(intents, frozen);
        await at.clock.advance(5_000);
      }
    };
    Object.assign(at.ledger.rpc, { latestBlockhash: () => Promise.reject(refusal('no more requests')) });
    await tickFrozen(60, []);
    await tickFrozen(60, up(1));
    expect(at.stalls).toEqual([
      expect.stringMatching(/^stalled for 4\d s, with nothing to write: the ledger makes no progress/),
      expect.stringMatching(/^stalled for 1\d\d s: the ledger endpoint https:\/\/rpc rate-limits our requests: no more requests$/),
    ]);
    at.setDesired([]);
    expect(at.stalls.slice(2)).toEqual([expect.stringMatching(/^resumed after \d+ s$/)]);
  });

  test('rule 20: a stall of transactions does not end with one poll that cannot observe their users', async () => {
    const at = setUp();
    at.ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    await ticking(at, 130, () => up(1));
    expect(at.stalls.length).toBe(1);
    await at.clock.advance(120_000);
    at.setDesired([]);
    at.setDesired(up(1));
    expect(at.stalls.length).toBe(1);
  });

  test('rule 20: writes that cannot be decided are reported with what keeps the ledger from being read', async () => {
    const at = setUp();
    for (let passed = 0; passed < 50; passed += 5) {
      at.worker.withhold(refusal('no more requests'));
      await at.clock.advance(5_000);
    }
    expect(at.stalls).toEqual(['stalled for 45 s: the ledger endpoint https://rpc rate-limits our requests: no more requests']);
    at.setDesired([]);
    expect(at.stalls.length).toBe(2);
  });

  test('rule 20: changes that the spend limits hold are reported, and refreshes that they hold are not', async () => {
    for (const [reason, stalled] of [
      ['change', 1],
      ['refresh', 0],
    ] as const) {
      const at = setUp({ limits: { maxLamportsPerDay: 5_000 } });
      at.setDesired(up(1));
      await at.clock.advance(5_000);
      await ticking(at, 110, () => [intentFor(2, 'up', { reason })]);
      expect(at.stalls).toEqual(
        Array(stalled).fill(
          'stalled for 45 s: no write has been confirmed: the spend limits worker.maxTransactionsPerMinute and worker.maxLamportsPerDay leave no room',
        ),
      );
    }
  });

  test('rule 20: neither an idle worker, nor steady confirmations, nor halted writes, nor a rejected user are a stall', async () => {
    const idle = setUp();
    await ticking(idle, 600, () => []);
    const busy = setUp();
    let n = 0;
    await ticking(busy, 600, () => up(n++ % 50));
    const halted = setUp();
    halted.worker.halt(new AgentError('WRITE__BALANCE_LOW', { publisher: signer.address, lamports: 0, minBalance: 1 }), 'balance');
    await ticking(halted, 600, () => up(1));
    const rejected = setUp();
    rejected.ledger.refused.set(keyNumber(1), { Custom: 5 });
    await ticking(rejected, 600, () => up(1));
    expect([idle.stalls, busy.stalls, halted.stalls, rejected.stalls]).toEqual([[], [], [], []]);
  });
});

describe('own writes that land late', () => {
  test('rule 9: a write that was given up is known as own for 600 slots, with its user and status', async () => {
    const { clock, ledger, setDesired, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    setDesired(up(1));
    await clock.advance(65_000);
    expect([...worker.inFlight()]).toEqual([]);
    const isOwn = (n: number, status: ReportableStatus, at: number) => worker.isOwnWrite(keyNumber(n), status, slot(at));
    expect([isOwn(1, 'up', 10_020), isOwn(1, 'up', 10_600), isOwn(1, 'up', 10_601), isOwn(1, 'up', 9_999)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([isOwn(1, 'down', 10_020), isOwn(2, 'up', 10_020)]).toEqual([false, false]);
    setDesired([], 10_601);
    expect(isOwn(1, 'up', 10_020)).toBe(false);
  });

  test('rule 9: a write that an endpoint denied to have taken, and one that a preflight refused, are known as own when they land', async () => {
    for (const outcome of [
      { kind: 'not-sent', error: ledgerOutage() },
      { kind: 'rejected', err: 'BlockhashNotFound', logs: [] },
    ] as const) {
      const { clock, ledger, setDesired, worker } = setUp();
      ledger.state.fate = () => ({ outcome, landsAfterSlots: 'never' });
      setDesired(up(1));
      await clock.advance(100);
      expect(worker.isOwnWrite(keyNumber(1), 'up', slot(10_010))).toBe(true);
    }
  });

  test('rule 9: the slot of a confirmed write and any before it is own', async () => {
    const { clock, setDesired, worker } = setUp();
    setDesired(up(1));
    await clock.advance(3_000);
    const confirmed = worker.confirmedIn(keyNumber(1)) ?? slot(0);
    const isOwn = (at: bigint) => worker.isOwnWrite(keyNumber(1), 'down', slot(Number(at)));
    expect([isOwn(confirmed), isOwn(confirmed - 1n), isOwn(confirmed + 1n)]).toEqual([true, true, false]);
  });
});
