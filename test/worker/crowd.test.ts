import { expect, test } from 'vitest';
import { createAgentEvents } from '../../src/agent/events.ts';
import type { ReportableStatus, StatusIntent } from '../../src/bgp/index.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { nanoseconds, parseNetworkV4, slot } from '../../src/serviceability/index.ts';
import { Worker } from '../../src/worker/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { DEVICE, keyNumber, PROGRAM } from '../support/bgp-builders.ts';
import { createFakeLedger, ledgerOutage } from '../support/fake-ledger.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const USERS = 1_000;

function desired(to: ReportableStatus): readonly StatusIntent[] {
  return Array.from({ length: USERS }, (_, n) => ({
    user: keyNumber(n),
    from: to === 'up' ? 'down' : 'up',
    to,
    reason: 'change',
    rttNs: nanoseconds(0),
    tunnelNet: parseNetworkV4('169.254.0.0/31'),
    ageMs: 60_000,
    accountState: 'as created',
  }));
}

test('rule 18: a thousand users wait out an outage, and each is then written once, with its newest status', async () => {
  const clock = createVirtualClock();
  const ledger = createFakeLedger(clock);
  const defects: unknown[] = [];
  const worker = new Worker({
    rpc: ledger.rpc,
    clock,
    random: seededRandom(1),
    programId: PROGRAM,
    device: DEVICE,
    signer: signerNumber(7),
    timing: {
      statusPollIntervalMs: 450,
      rebroadcastIntervalMs: 2_000,
      blockhashMaxAgeMs: 2_000,
      sendStaggerMs: 10,
      maxInFlight: 64,
      skipPreflight: false,
    },
    limits: { maxTransactionsPerMinute: 100_000, maxLamportsPerDay: 1_000_000_000 },
    reporter: createAgentEvents().reporter,
    verifyAuthority: async () => undefined,
    onUndecided: () => undefined,
    onInternalError: (error) => defects.push(error),
  });
  const setDesired = (to: ReportableStatus): void =>
    worker.setDesired(desired(to), { slot: slot(ledger.slot()), readAt: clock.monotonic(), users: { has: () => true } });

  ledger.state.outage = ledgerOutage();
  worker.start();
  for (const to of ['down', 'up', 'down', 'up', 'down'] as const) {
    setDesired(to);
    await clock.advance(5_000);
  }
  expect(ledger.history()).toEqual([]);

  ledger.state.outage = undefined;
  await clock.advance(10_000);
  const written = ledger.history();
  expect(new Set(written.map(({ user }) => user)).size).toBe(USERS);
  expect(written.map(({ status }) => status)).toEqual(Array(USERS).fill('down'));
  expect(defects).toEqual([]);
  await worker.stop(0);
});
