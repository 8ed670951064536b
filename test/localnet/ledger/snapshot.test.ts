import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLocalLedger, parseTransaction } from '../../../localnet/ledger/index.ts';
import { lamports, UserType } from '../../../src/serviceability/index.ts';
import { addressOfKey, build, createBed, createTestClock, existing, keypair } from './ledger-fixture.ts';

const through = <T>(value: T): T => JSON.parse(JSON.stringify(value));

type Step =
  | { readonly kind: 'create'; readonly userType: number; readonly program: boolean }
  | { readonly kind: 'delete' | 'ban' | 'report'; readonly which: number }
  | { readonly kind: 'advance'; readonly slots: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('create' as const),
    userType: fc.constantFrom(0, UserType.ibrlWithAllocatedIp, UserType.multicast),
    program: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'ban' as const, 'report' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('advance' as const), slots: fc.integer({ min: 1, max: 40 }) }),
);

test('whatever happened, a restored ledger has every account as it was, and goes on as the first one would', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const fixture = createBed();
      const { ledger } = fixture;
      const extended = ledger.admin.createDevice({ metricsPublisher: addressOfKey(fixture.publisher), code: 'dz2' });
      ledger.admin.createExtension(extended);
      for (const one of steps) {
        const users = [...ledger.admin.users().keys()];
        if (one.kind === 'advance') ledger.bank.advance(one.slots);
        else if (one.kind === 'create')
          ledger.admin.createUser({ device: one.program ? extended : fixture.device, userType: one.userType });
        else {
          const user = users[one.which % Math.max(1, users.length)];
          if (user === undefined) continue;
          if (one.kind === 'delete') ledger.admin.deleteUser(user);
          else if (one.kind === 'ban') ledger.admin.banUser(user);
          else fixture.land([fixture.setStatus(user, 'up', 5)]);
        }
      }
      const snapshot = through(ledger.snapshot());
      const restored = createLocalLedger({ clock: createTestClock(), restore: snapshot });
      expect(restored.snapshot()).toEqual({ ...snapshot, slot: snapshot.slot + 151, blockHeight: snapshot.blockHeight + 151 });

      for (const device of [fixture.device, extended]) {
        const inputs = { device, clientIp: existing(ledger.admin.device(device)).publicIp };
        const [before, after] = [ledger, restored].map(({ admin }) => admin.user(admin.createUser(inputs)));
        expect(after).toEqual(before);
      }
      expect(restored.admin.createDevice({ metricsPublisher: addressOfKey(fixture.publisher) })).toBe(
        ledger.admin.createDevice({ metricsPublisher: addressOfKey(fixture.publisher) }),
      );
    }),
    { numRuns: 40 },
  );
});

test('a transaction that landed before cannot land again, and new ones do', () => {
  const fixture = createBed();
  const user = fixture.user();
  const { blockhash } = fixture.ledger.bank.replica().view('processed').latestBlockhash();
  const wire = build([fixture.setStatus(user, 'up')], {
    signers: [fixture.publisher],
    payer: fixture.publisher,
    version: 'legacy',
    blockhash,
  });
  fixture.ledger.bank.submit(parseTransaction(wire));
  fixture.ledger.bank.advance();
  const restored = createLocalLedger({ clock: createTestClock(), restore: fixture.ledger.snapshot() });
  restored.bank.submit(parseTransaction(wire));
  restored.bank.advance(3);
  expect(restored.bank.counters).toMatchObject({ succeeded: 0, failed: 0 });

  const view = restored.bank.replica().view('finalized');
  const again = build([fixture.setStatus(user, 'down')], {
    signers: [fixture.publisher],
    payer: fixture.publisher,
    version: 'legacy',
    blockhash: view.latestBlockhash().blockhash,
  });
  restored.bank.submit(parseTransaction(again));
  restored.bank.advance();
  expect(restored.admin.user(user)?.bgpStatus).toBe(2);
  expect(restored.bank.airdrop(addressOfKey(keypair('someone')), lamports(5n))).toEqual(expect.any(String));
});

test.each([
  ['an address twice', (s: ReturnType<typeof snapshotOf>) => ({ ...s, accounts: [...s.accounts, ...s.accounts] })],
  ['a slot that is none', (s: ReturnType<typeof snapshotOf>) => ({ ...s, slot: -1 })],
  [
    'a number beyond 64 bits',
    (s: ReturnType<typeof snapshotOf>) => ({ ...s, accounts: s.accounts.map((a) => ({ ...a, lamports: '99999999999999999999' })) }),
  ],
  ['data that is no base64', (s: ReturnType<typeof snapshotOf>) => ({ ...s, accounts: s.accounts.map((a) => ({ ...a, data: '*' })) })],
  ['a short genesis hash', (s: ReturnType<typeof snapshotOf>) => ({ ...s, genesisHash: 'abc' })],
  ['a key that it does not know', (s: ReturnType<typeof snapshotOf>) => ({ ...s, votes: [] })],
])('a snapshot with %s is refused', (_, spoil) => {
  expect(() => createLocalLedger({ restore: spoil(snapshotOf()) })).toThrow(/expected|Unrecognized|Too small|Invalid/);
});

const snapshotOf = () => through(createBed().ledger.snapshot());
