import { createPrivateKey, sign } from 'node:crypto';
import { expect } from 'vitest';
import type { ReportableStatus, StatusIntent } from '../../src/bgp/index.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { SlotProgressWatch } from '../../src/rpc/slots.ts';
import { type Address, nanoseconds, parseNetworkV4, slot } from '../../src/serviceability/index.ts';
import { type SpendLimits, Worker, type WorkerTiming } from '../../src/worker/index.ts';
import { DEVICE, keyNumber, PROGRAM } from '../support/bgp-builders.ts';
import { createFakeLedger, ledgerOutage } from '../support/fake-ledger.ts';
import { recordingReporter } from '../support/recording-reporter.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';

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
export const signer = { address: keyNumber(700_000), sign: (message: Uint8Array) => new Uint8Array(sign(null, message, privateKey)) };

export function intentFor(n: number, to: ReportableStatus, changes: Partial<StatusIntent> = {}): StatusIntent {
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

export const up = (...numbers: readonly number[]) => numbers.map((n) => intentFor(n, 'up'));
export const down = (...numbers: readonly number[]) => numbers.map((n) => intentFor(n, 'down'));
export const range = (count: number) => Array.from({ length: count }, (_, n) => n);
/** The short name of each user, by its address. */
const NAMES = new Map(range(1_000).map((n): [string, string] => [keyNumber(n), `u${n}`]));

interface SetUpOptions {
  readonly timing?: Partial<WorkerTiming>;
  readonly limits?: Partial<SpendLimits>;
  readonly authority?: () => Promise<void>;
  /** Ledger and clock of the worker that this one succeeds. */
  readonly on?: { readonly clock: VirtualClock; readonly ledger: ReturnType<typeof createFakeLedger> };
}

/** A worker on a virtual clock before a fake ledger. */
export function setUp(options: SetUpOptions = {}) {
  const { clock = createVirtualClock() } = options.on ?? {};
  const { ledger = createFakeLedger(clock) } = options.on ?? {};
  const progress = new SlotProgressWatch();
  ledger.rpc.slotProgress = () => progress.progress;
  ledger.rpc.noteConfirmation = () => progress.confirmed(clock.monotonic());
  const { lines, reporter } = recordingReporter((user) => NAMES.get(user) ?? user);
  let reevaluations = 0;
  let rebroadcasts = 0;
  const stalls: string[] = [];
  const worker = new Worker({
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
      writesStalled: ({ error, forMs, repeated, nothingToWrite }) => {
        const idle = nothingToWrite ? ', with nothing to write' : '';
        stalls.push(`${repeated ? 'still ' : ''}stalled for ${Math.round(forMs / 1_000)} s${idle}: ${error.message}`);
      },
      writesResumed: ({ forMs, nothingToWrite }) =>
        stalls.push(`${nothingToWrite ? 'slots advance' : 'resumed'} after ${Math.round(forMs / 1_000)} s`),
    },
    verifyAuthority: options.authority ?? (async () => undefined),
    onUndecided: () => {
      reevaluations += 1;
    },
    onInternalError: reporter.internalError,
  });
  worker.start();
  return {
    clock,
    ledger,
    progress,
    lines,
    worker,
    reevaluations: () => reevaluations,
    rebroadcasts: () => rebroadcasts,
    stalls,
    /** Sets what a tick desires, by default on a view of the current slot. */
    setDesired: (intents: readonly StatusIntent[], at = ledger.slot()) => {
      progress.note('rpc', slot(at), clock.monotonic());
      worker.setDesired(intents, { slot: slot(at), readAt: clock.monotonic(), users: { has: () => true } });
    },
    history: () => ledger.history().map(({ user, status }) => `${NAMES.get(user)} ${status}`),
    linesOf: (...kinds: readonly string[]) => lines.filter((line) => kinds.some((kind) => line.startsWith(kind))),
  };
}

/** For each of these seeds: whatever is desired and however the ledger behaves, the newest status wins, and nothing fails internally. */
export async function expectNewestToWin(first: number, last: number): Promise<void> {
  const users = range(30).map(keyNumber);
  for (let seed = first; seed <= last; seed += 1) {
    const random = seededRandom(seed);
    const { clock, setDesired, ledger, lines } = setUp();
    ledger.state.fate = () => {
      const roll = random();
      if (roll < 0.2) return { landsAfterSlots: 'never' };
      if (roll < 0.3) return { outcome: { kind: 'unknown', error: ledgerOutage() }, landsAfterSlots: Math.floor(random() * 40) };
      return { landsAfterSlots: Math.floor(random() * 10) };
    };
    const desired = new Map<Address, ReportableStatus>();
    const onLedger = () => new Map(ledger.history().map(({ user, status }) => [user, status]));
    for (let tick = 0; tick < 60; tick += 1) {
      for (const user of users) if (random() < 0.1) desired.set(user, random() < 0.5 ? 'up' : 'down');
      const recorded = onLedger();
      setDesired([...desired].filter(([user, to]) => recorded.get(user) !== to).map(([user, to]) => intentFor(users.indexOf(user), to)));
      await clock.advance(5_000);
    }
    for (let tick = 0; tick < 30; tick += 1) {
      const recorded = onLedger();
      setDesired([...desired].filter(([user, to]) => recorded.get(user) !== to).map(([user, to]) => intentFor(users.indexOf(user), to)));
      await clock.advance(5_000);
    }
    expect({ seed, ledger: onLedger() }).toEqual({ seed, ledger: desired });
    expect({ seed, defects: lines.filter((line) => line.startsWith('defect')) }).toEqual({ seed, defects: [] });
  }
}
