import { createPrivateKey, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ReportableStatus, StatusIntent } from '../../src/bgp/index.ts';
import { AgentError, createVirtualClock, seededRandom, type VirtualClock } from '../../src/lib/index.ts';
import { type Address, nanoseconds, parseNetworkV4, slot } from '../../src/serviceability/index.ts';
import { createWorker, type SpendLimits, type WorkerTiming } from '../../src/worker/index.ts';
import { DEVICE, keyNumber, PROGRAM } from '../support/bgp-builders.ts';
import { createFakeLedger, ledgerOutage } from '../support/fake-ledger.ts';
import { recordingReporter } from '../support/recording-reporter.ts';

const TIMING: WorkerTiming = {
  statusPollIntervalMs: 450,
  rebroadcastIntervalMs: 2_000,
  blockhashMaxAgeMs: 2_000,
  sendStaggerMs: 10,
  maxInFlight: 64,
  skipPreflight: false,
};

const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
const signer = { address: keyNumber(700_000), sign: (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey)) };

function intentFor(n: number, to: ReportableStatus, changes: Partial<StatusIntent> = {}): StatusIntent {
  return {
    user: keyNumber(n),
    from: to === 'up' ? 'unknown' : 'up',
    to,
    reason: 'change',
    rttNs: nanoseconds(to === 'up' ? 4_200_000 : 0),
    tunnelNet: parseNetworkV4('169.254.0.0/31'),
    neighbor: { vrf: 'vrf1', address: '169.254.0.1' },
    ageMs: 0,
    accountState: 'as created',
    ...changes,
  };
}

const up = (...numbers: readonly number[]) => numbers.map((n) => intentFor(n, 'up'));
const down = (...numbers: readonly number[]) => numbers.map((n) => intentFor(n, 'down'));
const range = (count: number) => Array.from({ length: count }, (_, n) => n);

/** Promise.withResolvers is not in Node 20. */
function deferred() {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve() };
}

interface SetUpOptions {
  readonly timing?: Partial<WorkerTiming>;
  readonly limits?: Partial<SpendLimits>;
  readonly authority?: () => Promise<void>;
  /** The ledger of another worker, and its clock. */
  readonly on?: { readonly clock: VirtualClock; readonly ledger: ReturnType<typeof createFakeLedger> };
}

function setUp(options: SetUpOptions = {}) {
  const { clock = createVirtualClock() } = options.on ?? {};
  const { ledger = createFakeLedger(clock) } = options.on ?? {};
  const numbers = new Map(range(1_000).map((n): [string, string] => [keyNumber(n), `u${n}`]));
  const { lines, reporter } = recordingReporter((user) => numbers.get(user) ?? user);
  let redecisions = 0;
  let rebroadcasts = 0;
  const worker = createWorker({
    rpc: ledger.rpc,
    clock,
    random: seededRandom(1),
    programId: PROGRAM,
    device: DEVICE,
    signer,
    timing: { ...TIMING, ...options.timing },
    limits: { maxTransactionsPerMinute: 100_000, maxLamportsPerDay: 1_000_000_000, ...options.limits },
    reporter: {
      ...reporter,
      rebroadcast: () => {
        rebroadcasts += 1;
      },
    },
    verifyAuthority: options.authority ?? (async () => undefined),
    onRedecide: () => {
      redecisions += 1;
    },
    onInternalError: reporter.internalError,
  });
  worker.start();
  return {
    clock,
    ledger,
    lines,
    worker,
    redecisions: () => redecisions,
    rebroadcasts: () => rebroadcasts,
    /** Offers what a tick would, on a view of now unless told. */
    offer: (intents: readonly StatusIntent[], at = ledger.slot()) =>
      worker.setDesired(intents, { slot: slot(at), users: { has: () => true } }),
    history: () => ledger.history().map(({ user, status }) => `${numbers.get(user)} ${status}`),
    told: (...kinds: readonly string[]) => lines.filter((line) => kinds.some((kind) => line.startsWith(kind))),
  };
}

describe('landing', () => {
  test('rule 18: packs a hundred users into six transactions, each user once, after one simulation', async () => {
    const { clock, ledger, offer, history } = setUp();
    offer(up(...range(100)));
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([19, 19, 19, 19, 19, 5]);
    expect(new Set(history()).size).toBe(100);
    expect(history().length).toBe(100);
    expect(ledger.calls.filter((call) => call === 'simulateTransaction').length).toBe(1);
  });

  test('puts twenty into one transaction where the node does not tell the units', async () => {
    const { clock, ledger, offer } = setUp();
    ledger.state.unitsPerWrite = undefined;
    offer(up(...range(40)));
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([20, 20]);
  });

  test('tells of each write that landed, and carries the round-trip time with up only', async () => {
    const { clock, offer, lines, ledger } = setUp();
    offer([...up(1), ...down(2)]);
    await clock.advance(3_000);
    expect(lines).toEqual(['sent u1 up, u2 down', 'landed u1 up', 'landed u2 down']);
    expect(ledger.history().map(({ rttNs }) => rttNs)).toEqual([4_200_000n, 0n]);
  });

  test('calls processed not landed: it may be forked away', async () => {
    const { clock, offer, lines, ledger, worker } = setUp();
    ledger.state.confirmationStatus = 'processed';
    offer(up(1));
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up']);
    expect([...worker.inFlight().values()]).toEqual(['up']);
    ledger.state.confirmationStatus = 'confirmed';
    await clock.advance(500);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('makes no transaction for ride-alongs alone, and fills the room of one that goes anyway', async () => {
    const { clock, offer, ledger } = setUp();
    const rideAlongs = range(30).map((n) => intentFor(n + 100, 'up', { reason: 'ride-along', ageMs: n }));
    offer(rideAlongs);
    await clock.advance(10_000);
    expect(ledger.sends).toEqual([]);
    offer([...up(1), ...rideAlongs]);
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([19]);
    expect(ledger.sends[0]?.writes[0]?.user).toBe(keyNumber(1));
    // The oldest records ride.
    expect(ledger.sends[0]?.writes[1]?.user).toBe(keyNumber(129));
  });
});

describe('the newest status', () => {
  test('rule 18: replaces one that waits: what goes out is what is wanted when the batch is built', async () => {
    const { clock, offer, ledger, history } = setUp();
    ledger.state.outage = ledgerOutage();
    offer(up(1));
    await clock.advance(5_000);
    offer(down(1));
    ledger.state.outage = undefined;
    await clock.advance(5_000);
    expect(history()).toEqual(['u1 down']);
  });

  test('rule 17: waits for one that is in flight and goes right after it', async () => {
    const { clock, offer, lines, history } = setUp();
    offer(up(1));
    await clock.advance(100);
    offer(down(1));
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up', 'sent u1 down', 'landed u1 down']);
    expect(history()).toEqual(['u1 up', 'u1 down']);
  });

  test('rule 18: is withdrawn when the next tick does not want it any more', async () => {
    const { clock, offer, ledger } = setUp();
    ledger.state.outage = ledgerOutage();
    offer(down(1));
    await clock.advance(1_000);
    offer([]);
    ledger.state.outage = undefined;
    await clock.advance(10_000);
    expect(ledger.sends).toEqual([]);
  });

  test('rule 9: is not written again for a view that was read before it landed, and is for one that says otherwise', async () => {
    const { clock, offer, ledger } = setUp();
    const before = ledger.slot();
    offer(up(1));
    await clock.advance(3_000);
    offer(up(1), before);
    await clock.advance(3_000);
    expect(ledger.sends.length).toBe(1);
    offer(up(1));
    await clock.advance(3_000);
    expect(ledger.sends.length).toBe(2);
  });

  test('is written again when the ledger was set back to before it landed, and nothing waits for slots that are gone', async () => {
    const { clock, worker, offer, history } = setUp();
    offer(up(1));
    await clock.advance(3_000);
    expect([history(), worker.confirmedIn(keyNumber(1)), worker.lastConfirmedSlot]).toEqual([
      ['u1 up'],
      expect.any(BigInt),
      expect.any(BigInt),
    ]);
    offer([], 500);
    expect([worker.confirmedIn(keyNumber(1)), worker.lastConfirmedSlot]).toEqual([undefined, undefined]);
    offer(up(1), 501);
    await clock.advance(3_000);
    expect(history()).toEqual(['u1 up', 'u1 up']);
  });
});

describe('a transaction that was in the air when the ledger was set back', () => {
  test('keeps its users waiting for the life of a blockhash after that, not until the ledger is where it was', async () => {
    const { clock, offer, ledger, lines, redecisions, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    offer(up(1));
    await clock.advance(2_000);
    ledger.state.setBackBy = 5_000;
    offer([], ledger.slot());
    await clock.advance(100_000);
    expect([...worker.inFlight().keys()]).toEqual([keyNumber(1)]);
    await clock.advance(40_000);
    expect([lines, redecisions()]).toEqual([['sent u1 up', 'expired u1 up'], 1]);
  });

  test('may have been of before that point, and lands', async () => {
    const { clock, offer, ledger, lines } = setUp();
    ledger.state.fate = ({ skipPreflight }) => ({ landsAfterSlots: skipPreflight && ledger.slot() > 5_200 ? 1 : 'never' });
    offer(up(1));
    await clock.advance(2_000);
    ledger.state.setBackBy = 5_000;
    offer([], ledger.slot());
    await clock.advance(140_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('still expires when its blockhash does, where that is sooner', async () => {
    const { clock, offer, ledger, lines } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    offer(up(1));
    await clock.advance(30_000);
    ledger.state.setBackBy = 20;
    offer([], ledger.slot() - 60);
    offer([], ledger.slot() - 70);
    await clock.advance(45_000);
    expect(lines).toEqual(['sent u1 up', 'expired u1 up']);
  });
});

describe('a transaction that gets lost', () => {
  test('rule 17: is offered again every two seconds with the same bytes until it lands', async () => {
    const { clock, offer, ledger, lines, rebroadcasts } = setUp();
    ledger.state.fate = ({ skipPreflight }) => ({ landsAfterSlots: skipPreflight && ledger.sends.length > 3 ? 1 : 'never' });
    offer(up(1));
    await clock.advance(12_000);
    expect(new Set(ledger.sends.map(({ signature }) => signature)).size).toBe(1);
    expect(ledger.sends.length).toBe(4);
    expect(rebroadcasts()).toBe(3);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('rule 17: is given up only when its blockhash is dead and a last look finds nothing; then it is decided anew, never sent as it was', async () => {
    const { clock, offer, ledger, lines, redecisions, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    offer(up(1));
    await clock.advance(59_000);
    expect([...worker.inFlight().keys()]).toEqual([keyNumber(1)]);
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up', 'expired u1 up']);
    expect(redecisions()).toBe(1);
    const sent = ledger.sends.length;
    await clock.advance(60_000);
    expect(ledger.sends.length).toBe(sent);
    expect(ledger.calls.filter((call) => call === 'lastLook').length).toBe(1);
  });

  test('is given up, a little later, also when its blockhash came with a slot that is hours away, and is offered until then', async () => {
    const { clock, offer, ledger, lines, rebroadcasts } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    ledger.state.blockhashSlotsAhead = 60_000;
    offer(up(1));
    await clock.advance(89_000);
    expect([lines, rebroadcasts()]).toEqual([['sent u1 up'], 39]);
    ledger.state.blockhashSlotsAhead = 0;
    await clock.advance(5_000);
    expect(lines).toEqual(['sent u1 up', 'expired u1 up']);
  });

  test('that was refused in preflight while its status was asked for is not offered again beside the next one', async () => {
    const { clock, offer, ledger, history } = setUp();
    offer(up(900));
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
    ledger.rpc.signatureStatuses = async (signatures, options, signal) => {
      await statuses.promise;
      return signatureStatuses(signatures, options, signal);
    };
    offer(up(1));
    await clock.advance(3_000); // the first send hangs in preflight, the status poll hangs behind it
    preflight.resolve();
    await clock.advance(10);
    offer(down(1));
    statuses.resolve();
    await clock.advance(10_000);
    expect(history().slice(1)).toEqual(['u1 down']);
    expect(ledger.sends.filter(({ skipPreflight }) => skipPreflight)).toEqual([]);
  });

  test('rule 17: that landed after all is found by the last look', async () => {
    const { clock, offer, ledger, lines } = setUp();
    const statuses = ledger.rpc.signatureStatuses;
    const forgetful: typeof statuses = async (signatures, options, signal) => ({
      slot: (await statuses(signatures, options, signal)).slot,
      statuses: signatures.map(() => null),
    });
    ledger.rpc.signatureStatuses = forgetful;
    offer(up(1));
    await clock.advance(65_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('rule 17: stays in flight when the send got no answer, and counts once when it has landed', async () => {
    const { clock, offer, ledger, history } = setUp();
    ledger.state.fate = () => ({ outcome: { kind: 'unknown', error: new Error('timeout') } });
    offer(up(1));
    await clock.advance(5_000);
    expect(history()).toEqual(['u1 up']);
    expect(new Set(ledger.sends.map(({ signature }) => signature)).size).toBe(1);
  });

  test('rule 17: stays in flight while its status cannot be read, and is not sent as another', async () => {
    const { clock, offer, ledger, lines, worker } = setUp();
    const statuses = ledger.rpc.signatureStatuses;
    ledger.rpc.signatureStatuses = () => Promise.reject(ledgerOutage());
    for (let tick = 0; tick < 3; tick += 1) {
      offer(up(1));
      await clock.advance(5_000);
    }
    expect(worker.inFlight()).toEqual(new Map([[keyNumber(1), 'up']]));
    ledger.rpc.signatureStatuses = statuses;
    await clock.advance(1_000);
    expect(lines).toEqual(['sent u1 up', 'landed u1 up']);
  });

  test('rule 20: that no endpoint took goes again soon, without waiting for its expiry', async () => {
    const { clock, offer, ledger, history } = setUp();
    ledger.state.fate = () => (ledger.sends.length === 1 ? { outcome: { kind: 'not-sent', error: new Error('refused') } } : {});
    offer(up(1));
    await clock.advance(5_000);
    expect(history()).toEqual(['u1 up']);
  });
});

describe('one bad user', () => {
  test.each([
    ['of another device', { Custom: 8 }],
    ['whose account fails validation', { Custom: 26 }],
    ['whose account was deleted', 'ProgramFailedToComplete'],
    ['whose account is of another type', 'InvalidAccountData'],
  ])('rule 19: %s is taken out, and the nineteen others go again at once', async (_, error) => {
    const { clock, offer, ledger, history, told } = setUp();
    offer(up(900));
    await clock.advance(2_000); // the units are known: no simulation finds the bad user first
    ledger.refused.set(keyNumber(7), error);
    offer(up(...range(19)));
    await clock.advance(3_000);
    expect(history().slice(1)).toEqual(
      range(19)
        .filter((n) => n !== 7)
        .map((n) => `u${n} up`),
    );
    expect(told('rejected')).toEqual(['rejected u7 up: WRITE__USER_REJECTED']);
  });

  test('rule 20: is left alone for a minute, and written at once when its account changes', async () => {
    const { clock, offer, ledger, history, told, worker } = setUp();
    ledger.refused.set(keyNumber(7), { Custom: 26 });
    for (let tick = 0; tick < 5; tick += 1) {
      offer(up(7));
      await clock.advance(5_000);
    }
    expect(ledger.calls.filter((call) => call === 'simulateTransaction' || call === 'sendTransaction').length).toBe(1);
    expect(told('rejected').length).toBe(1);
    expect([...worker.backedOffUsers().keys()]).toEqual([keyNumber(7)]);
    ledger.refused.clear();
    offer([intentFor(7, 'up', { accountState: 'mended' })]);
    await clock.advance(3_000);
    expect(history()).toEqual(['u7 up']);
    expect(worker.backedOffUsers().size).toBe(0);
  });

  test('rule 20: is tried again after a minute, then two, then four: the cause may not have been its account', async () => {
    const { clock, offer, ledger, told, history, worker } = setUp();
    ledger.refused.set(keyNumber(7), { Custom: 8 });
    const rejections: number[] = [];
    for (let second = 0; second < 500; second += 5) {
      offer(up(7));
      await clock.advance(5_000);
      if (told('rejected').length > rejections.length) rejections.push(second);
    }
    expect(rejections).toEqual([0, 60, 180, 420]);
    ledger.refused.clear();
    for (let second = 0; second < 500; second += 5) {
      offer(up(7));
      await clock.advance(5_000);
    }
    expect(history().slice(0, 1)).toEqual(['u7 up']);
    expect(worker.backedOffUsers().size).toBe(0);
  });

  test('is found on the ledger as well, where preflight is skipped', async () => {
    const { clock, offer, ledger, history } = setUp({ timing: { skipPreflight: true } });
    offer(up(900));
    await clock.advance(2_000);
    ledger.refused.set(keyNumber(2), { Custom: 8 });
    offer(up(1, 2, 3));
    await clock.advance(5_000);
    expect(history().slice(1)).toEqual(['u1 up', 'u3 up']);
  });
});

describe('what only a person can mend', () => {
  test('a key that is no longer the publisher stops all writing, parks nobody, and is told once', async () => {
    let ours = false;
    const mismatch = new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: DEVICE, expected: keyNumber(1), actual: signer.address });
    const { clock, offer, ledger, lines, history, worker } = setUp({
      authority: async () => (ours ? undefined : Promise.reject(mismatch)),
    });
    for (const n of [1, 2]) ledger.refused.set(keyNumber(n), { Custom: 8 });
    for (let minute = 0; minute < 3; minute += 1) {
      offer(up(1, 2));
      await clock.advance(60_000);
      worker.resume();
    }
    expect(lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH']);
    expect(worker.backedOffUsers().size).toBe(0);
    ours = true;
    ledger.refused.clear();
    offer(up(1, 2));
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
  ])('%s stops all writing', async (_, error, code) => {
    const { clock, offer, ledger, lines, worker } = setUp();
    ledger.state.refuseAll = error;
    offer(up(1));
    await clock.advance(60_000);
    expect(lines).toEqual([`halted ${code}`]);
    expect(ledger.sends.length).toBe(0);
    expect(worker.halted?.code).toBe(code);
    await worker.whenIdle(new AbortController().signal);
  });
});

describe('a halt whose end is known', () => {
  const mismatch = new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: DEVICE, expected: keyNumber(1), actual: signer.address });
  const noMoney = new AgentError('WRITE__BALANCE_LOW', { publisher: signer.address, lamports: 1n, minBalance: 2n });

  test.each([
    ['authority', mismatch],
    ['balance', noMoney],
  ] as const)('is told to be over though nothing is there to be written: %s', (holder, error) => {
    const { lines, worker } = setUp();
    worker.halt(error, holder);
    worker.resume(holder);
    worker.resume(holder);
    expect(lines).toEqual([`halted ${error.code}`, 'resumed']);
  });

  test('is told again when it comes again before anything has landed', () => {
    const { lines, worker } = setUp();
    worker.halt(mismatch);
    worker.resume();
    worker.halt(mismatch);
    expect(lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH', 'resumed', 'halted LEDGER__PUBLISHER_MISMATCH']);
  });

  test('gives way to the other halt that goes on, and two of them are told once each', () => {
    const { lines, worker } = setUp();
    for (let minute = 0; minute < 3; minute += 1) {
      worker.halt(noMoney, 'balance');
      worker.halt(mismatch);
    }
    expect(lines.splice(0)).toEqual(['halted WRITE__BALANCE_LOW', 'halted LEDGER__PUBLISHER_MISMATCH']);
    worker.resume();
    expect([lines.splice(0), worker.halted?.code]).toEqual([['halted WRITE__BALANCE_LOW'], 'WRITE__BALANCE_LOW']);
    worker.resume('balance');
    expect([lines, worker.halted]).toEqual([['resumed'], undefined]);
  });

  test('is not over because what was in the air before it lands', async () => {
    const { clock, offer, lines, worker } = setUp();
    offer(up(1));
    await clock.advance(100);
    worker.halt(noMoney, 'balance');
    await clock.advance(3_000);
    expect([lines, worker.halted?.code]).toEqual([['sent u1 up', 'halted WRITE__BALANCE_LOW', 'landed u1 up'], 'WRITE__BALANCE_LOW']);
  });
});

describe('a ledger in trouble', () => {
  test('rule 20: an outage of a minute loses nothing, and writing resumes within seconds of its end', async () => {
    const { clock, offer, ledger, history } = setUp();
    ledger.state.outage = ledgerOutage();
    for (let tick = 0; tick < 12; tick += 1) {
      offer(up(1, 2));
      await clock.advance(5_000);
    }
    ledger.state.outage = undefined;
    await clock.advance(4_000);
    expect(history()).toEqual(['u1 up', 'u2 up']);
  });

  test('rule 17: an unknown blockhash is replaced and the write goes again', async () => {
    const { clock, offer, ledger, history } = setUp({ timing: { blockhashMaxAgeMs: 60_000 } });
    offer(up(900));
    await clock.advance(1_900);
    ledger.state.fate = () => (ledger.sends.length === 2 ? { outcome: { kind: 'rejected', err: 'BlockhashNotFound', logs: [] } } : {});
    offer(up(1));
    await clock.advance(3_000);
    expect(history()).toEqual(['u900 up', 'u1 up']);
    // One would have been young enough for both.
    expect(ledger.calls.filter((call) => call === 'latestBlockhash').length).toBe(2);
  });

  test('rule 19: running out of compute units leads to another measurement, not to a rejected user', async () => {
    const { clock, offer, ledger, history, worker } = setUp();
    offer(up(900));
    await clock.advance(2_000);
    ledger.state.refuseAll = { InstructionError: [1, 'ComputationalBudgetExceeded'] };
    offer(up(1));
    await clock.advance(50);
    ledger.state.refuseAll = undefined;
    await clock.advance(4_000);
    expect(history()).toEqual(['u900 up', 'u1 up']);
    expect(worker.backedOffUsers().size).toBe(0);
    expect(ledger.calls.filter((call) => call === 'simulateTransaction').length).toBe(2);
  });

  test('a node that cannot simulate costs the compute limit, not the write', async () => {
    const { clock, offer, ledger, history } = setUp();
    ledger.rpc.simulateTransaction = () =>
      Promise.reject(new AgentError('LEDGER__UNSUPPORTED', { endpoint: 'a', method: 'simulateTransaction', problem: 'no such method' }));
    offer(up(...range(20)));
    await clock.advance(3_000);
    expect(history().length).toBe(20);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([20]);
  });

  test('an error of a kind that is not known is retried with pauses, and takes no user out', async () => {
    const { clock, offer, ledger, worker, history } = setUp();
    ledger.state.refuseAll = { SomethingNew: { of: 'tomorrow' } };
    offer(up(1));
    await clock.advance(30_000);
    expect(ledger.calls.length).toBeLessThan(80);
    ledger.state.refuseAll = undefined;
    await clock.advance(4_000);
    expect(worker.backedOffUsers().size).toBe(0);
    expect(history()).toEqual(['u1 up']);
  });
});

describe('a culprit that the endpoint hides', () => {
  /** Fails every transaction that has this user in it, and does not say which instruction it was. */
  const hide = (ledger: ReturnType<typeof setUp>['ledger'], user: Address) => {
    ledger.state.fate = ({ writes }) =>
      writes.some((write) => write.user === user) ? { outcome: { kind: 'rejected', err: { Mystery: 'of this node' }, logs: [] } } : {};
  };

  test('is found by halves, and left alone; the others are written meanwhile', async () => {
    const { clock, offer, ledger, history, told, worker } = setUp();
    offer(up(900));
    await clock.advance(2_000);
    hide(ledger, keyNumber(13));
    offer(up(...range(19)));
    await clock.advance(10_000);
    expect(new Set(history().slice(1))).toEqual(
      new Set(
        range(19)
          .filter((n) => n !== 13)
          .map((n) => `u${n} up`),
      ),
    );
    expect(told('rejected')).toEqual(['rejected u13 up: WRITE__USER_REJECTED']);
    expect([...worker.backedOffUsers().keys()]).toEqual([keyNumber(13)]);
    expect(ledger.sends.length).toBeLessThan(20);
  });

  test('is not assumed while the ledger fails everything', async () => {
    const { clock, offer, ledger, worker, history } = setUp();
    offer(up(900));
    await clock.advance(2_000);
    ledger.state.fate = () => ({ outcome: { kind: 'rejected', err: { Mystery: 'of this node' }, logs: [] } });
    offer(up(...range(6)));
    await clock.advance(60_000);
    expect(worker.backedOffUsers().size).toBe(0);
    ledger.state.fate = () => ({});
    await clock.advance(20_000);
    expect(history().length).toBe(7);
  });
});

describe('a worker that takes the place of another one', () => {
  const left = async (fate: 'never' | number, { setBackBy = 0 } = {}) => {
    const old = setUp();
    old.ledger.state.fate = () => ({ landsAfterSlots: fate });
    old.offer(down(1));
    await old.clock.advance(500);
    const stopped = old.worker.stop(0);
    await old.clock.advance(100);
    const { unresolved } = await stopped;
    old.ledger.state.setBackBy = setBackBy;
    const next = setUp({ on: old });
    next.worker.adopt(unresolved);
    return next;
  };

  test('writes nothing for a user before the status that is left in the air has landed', async () => {
    const { clock, ledger, offer, worker, history, lines } = await left(20);
    expect([...worker.inFlight()]).toEqual([[keyNumber(1), 'down']]);
    ledger.state.fate = () => ({});
    offer(up(1));
    await clock.advance(6_000);
    expect(lines).toEqual([]);
    await clock.advance(6_000);
    expect(lines).toEqual(['landed u1 down', 'sent u1 up', 'landed u1 up']);
    expect(history()).toEqual(['u1 down', 'u1 up']);
    expect(worker.confirmedIn(keyNumber(1))).toBeDefined();
  });

  test('offers it again, and lets its users go when it has provably expired', async () => {
    const { clock, worker, lines, redecisions, rebroadcasts } = await left('never');
    await clock.advance(65_000);
    expect([lines, redecisions(), worker.inFlight().size]).toEqual([['expired u1 down'], 1, 0]);
    expect(rebroadcasts()).toBeGreaterThan(20);
  });

  test('does not wait for it where the ledger is another one, of lower heights', async () => {
    const { clock, worker, lines } = await left('never', { setBackBy: 5_000 });
    await clock.advance(140_000);
    expect([lines, worker.inFlight().size]).toEqual([['expired u1 down'], 0]);
  });
});

describe('a limit on spending', () => {
  const refreshes = (...numbers: readonly number[]) => numbers.map((n) => intentFor(n, 'up', { reason: 'refresh', ageMs: 3_600_000 }));

  test('on transactions a minute delays, and nothing is lost', async () => {
    const { clock, offer, ledger, history } = setUp({ limits: { maxTransactionsPerMinute: 2 } });
    offer(up(...range(100)));
    await clock.advance(10_000);
    expect(ledger.sends.length).toBe(2);
    await clock.advance(200_000);
    expect(history().length).toBe(100);
    expect(ledger.sends.length).toBe(6);
  });

  test('lets changes through where refreshes have to wait', async () => {
    const { clock, offer, ledger, worker } = setUp({ limits: { maxTransactionsPerMinute: 5 } });
    offer(refreshes(...range(19 * 6)));
    await clock.advance(10_000);
    // A fifth is kept for changes.
    expect(ledger.sends.length).toBe(4);
    expect(worker.allowance).toBe('changes');
    offer([...refreshes(...range(19 * 6)), ...up(900)]);
    await clock.advance(3_000);
    expect(ledger.sends.map(({ writes }) => writes.length)).toEqual([19, 19, 19, 19, 1]);
    expect(worker.allowance).toBe('nothing');
  });

  test('on lamports holds for a day', { timeout: 120_000 }, async () => {
    const { clock, offer, ledger, worker, told } = setUp({ limits: { maxLamportsPerDay: 10_000 } });
    offer(up(...range(60)));
    await clock.advance(20_000);
    expect(ledger.sends.length).toBe(2);
    expect(worker.lamportsOfTheDay).toBe(10_000);
    expect(told('budget')).toEqual(['budget nothing']);
    await clock.advance(25 * 3_600_000);
    expect(ledger.sends.length).toBe(4);
  });
});

describe('stopping', () => {
  test('sends nothing new, waits for what is in flight, and names what was left', async () => {
    const { clock, offer, ledger, worker, history } = setUp();
    offer(up(1));
    await clock.advance(100);
    const stopped = worker.stop(10_000);
    offer(up(2));
    await clock.advance(10_000);
    expect((await stopped).unresolved).toEqual([]);
    expect(history()).toEqual(['u1 up']);
    expect(ledger.sends.length).toBe(1);
  });

  test('rule 17: ends at its deadline', async () => {
    const { clock, offer, ledger, worker } = setUp();
    ledger.state.fate = () => ({ landsAfterSlots: 'never' });
    offer(up(1));
    await clock.advance(100);
    const stopped = worker.stop(3_000);
    await clock.advance(3_100);
    expect((await stopped).unresolved.flatMap(({ intents }) => intents.map(({ user }) => user))).toEqual([keyNumber(1)]);
  });
});

test('rule 17: whatever is offered, whenever, and however the ledger behaves, no user ever has two unresolved statuses, and the last one wins', {
  timeout: 120_000,
}, async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = seededRandom(seed);
    const { clock, offer, ledger, lines } = setUp();
    ledger.state.fate = () => {
      const roll = random();
      if (roll < 0.2) return { landsAfterSlots: 'never' };
      if (roll < 0.3) return { outcome: { kind: 'unknown', error: new Error('timeout') }, landsAfterSlots: Math.floor(random() * 40) };
      return { landsAfterSlots: Math.floor(random() * 10) };
    };
    const truth = new Map<Address, ReportableStatus>();
    const onLedger = () => new Map(ledger.history().map(({ user, status }) => [user, status]));
    for (let tick = 0; tick < 60; tick += 1) {
      for (const n of range(30)) if (random() < 0.1) truth.set(keyNumber(n), random() < 0.5 ? 'up' : 'down');
      const recorded = onLedger();
      offer(
        [...truth]
          .filter(([user, to]) => recorded.get(user) !== to)
          .map(([user, to]) =>
            intentFor(
              range(30).findIndex((n) => keyNumber(n) === user),
              to,
            ),
          ),
      );
      await clock.advance(5_000);
    }
    for (let tick = 0; tick < 30; tick += 1) {
      const recorded = onLedger();
      offer(
        [...truth]
          .filter(([user, to]) => recorded.get(user) !== to)
          .map(([user, to]) =>
            intentFor(
              range(30).findIndex((n) => keyNumber(n) === user),
              to,
            ),
          ),
      );
      await clock.advance(5_000);
    }
    expect({ seed, ledger: onLedger() }).toEqual({ seed, ledger: truth });
    expect({ seed, defects: lines.filter((line) => line.startsWith('defect')) }).toEqual({ seed, defects: [] });
  }
});
