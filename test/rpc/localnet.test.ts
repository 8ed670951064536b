import { PublicKey, Transaction, TransactionInstruction } from '@solana/web3.js';
import bs58 from 'bs58';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLocalLedger, createSigner, type Ed25519Signer, type LedgerEndpoint, type LocalLedger } from '../../localnet/ledger/index.ts';
import { seededRandom } from '../../src/lib/index.ts';
import { createUserViewReader, type LedgerRpc, readDeviceAuthority, SendAttempts, type SendOutcome } from '../../src/rpc/index.ts';
import { type Address, lamports, nanoseconds, setUserBgpStatusInstruction, UserType } from '../../src/serviceability/index.ts';
import { asTimePasses, letTimersStandStill } from '../support/passing-time.ts';
import { calm, type ManualClock, manualClock, rpcOver } from './builders.ts';

const SLOT_MS = 400;
const PUBLISHER = createSigner(new Uint8Array(32).fill(7));
const OTHER_KEY = createSigner(new Uint8Array(32).fill(8));

let clock: ManualClock;
let ledger: LocalLedger;
let second: LedgerEndpoint;
let rpc: LedgerRpc;
let events: string[];
let device: Address;
let user: Address;

beforeEach(async () => {
  clock = manualClock();
  ledger = createLocalLedger({ clock, random: seededRandom(5), slotMs: SLOT_MS });
  const { rpcUrl } = await ledger.start();
  second = await ledger.addEndpoint();
  device = ledger.admin.createDevice({ metricsPublisher: PUBLISHER.address, code: 'ams-dz001', interfaces: 3 });
  user = ledger.admin.createUser({ device });
  ledger.admin.fund(PUBLISHER.address, lamports(1_000_000_000));
  ledger.admin.fund(OTHER_KEY.address, lamports(1_000_000_000));
  clock.advance(20 * SLOT_MS);
  ({ rpc, events } = rpcOver([rpcUrl, second.rpcUrl], { clock, programId: ledger.programId }));
});
afterEach(async () => {
  await rpc.close();
  await ledger.stop();
});

const reader = () => createUserViewReader({ rpc, device, programId: ledger.programId, clock });
const signed = async (by: Ed25519Signer = PUBLISHER) => {
  const latest = await rpc.latestBlockhash(calm());
  const { programId, accounts, data } = setUserBgpStatusInstruction({
    programId: ledger.programId,
    user,
    device,
    metricsPublisher: by.address,
    status: 'up',
    rttNs: nanoseconds(7_500_000),
  });
  const keys = accounts.map(({ address, signer, writable }) => ({
    pubkey: new PublicKey(address),
    isSigner: signer,
    isWritable: writable,
  }));
  const transaction = new Transaction({ feePayer: new PublicKey(by.address), blockhash: latest.blockhash, lastValidBlockHeight: 0 });
  transaction.add(new TransactionInstruction({ programId: new PublicKey(programId), keys, data: Buffer.from(data) }));
  transaction.addSignature(new PublicKey(by.address), Buffer.from(by.sign(transaction.serializeMessage())));
  return { ...latest, wire: new Uint8Array(transaction.serialize()) };
};
/** The name of a transaction: its first signature. */
const nameOf = ({ wire }: { wire: Uint8Array }): string => bs58.encode(wire.subarray(1, 65));

describe('a healthy ledger', () => {
  test('users are read with their VRFs, and the device as ours', async () => {
    const tenant = ledger.admin.createTenant({ code: 'acme', vrfId: 12 });
    const ofTenant = ledger.admin.createUser({ device, tenant });
    const multicast = ledger.admin.createUser({ device, userType: UserType.multicast });
    ledger.admin.createUser({ device: ledger.admin.createDevice({ metricsPublisher: OTHER_KEY.address }) });
    clock.advance(4 * SLOT_MS);
    const view = await reader().read(calm());
    expect([...view.users.values()].map(({ pubkey, expectedVrf }) => [pubkey, expectedVrf]).sort()).toEqual(
      [
        [user, 'vrf1'],
        [ofTenant, 'vrf12'],
        [multicast, 'default'],
      ].sort(),
    );
    expect(view.users.get(user)?.user).toEqual(ledger.admin.user(user));
    expect(await readDeviceAuthority({ rpc, device, programId: ledger.programId, publisher: PUBLISHER.address }, calm())).toMatchObject({
      code: 'ams-dz001',
      status: 1,
      metricsPublisher: PUBLISHER.address,
    });
    await expect(
      readDeviceAuthority({ rpc, device, programId: ledger.programId, publisher: OTHER_KEY.address }, calm()),
    ).rejects.toMatchObject({
      code: 'LEDGER__PUBLISHER_MISMATCH',
    });
    expect(await rpc.balance(PUBLISHER.address, calm())).toBe(1_000_000_000n);
  });

  test('the slot time is read', async () => {
    clock.advance(180_000);
    // Nodes give the length of a sample in whole seconds.
    expect(Math.abs(((await reader().read(calm())).slotTimeMs ?? 0) - SLOT_MS)).toBeLessThan(8);
  });

  test('a status is sent and confirmed, and the next view shows it', async () => {
    const views = reader();
    const before = await views.read(calm());
    expect(before.users.get(user)?.user.bgpStatus).toBe(0);
    const transaction = await signed();
    expect(await rpc.simulateTransaction(transaction.wire, calm())).toMatchObject({ err: null, unitsConsumed: expect.any(Number) });
    expect(await rpc.sendTransaction(new SendAttempts(transaction.wire), { skipPreflight: false }, calm())).toEqual({ kind: 'accepted' });
    clock.advance(3 * SLOT_MS);
    const { statuses } = await rpc.signatureStatuses([nameOf(transaction)], calm());
    expect(statuses).toEqual([{ slot: expect.any(BigInt), confirmationStatus: 'confirmed', err: null }]);
    const landedAt = statuses[0]?.slot;
    const after = await views.read(calm(), landedAt === undefined ? {} : { minContextSlot: landedAt });
    expect(after.users.get(user)?.user).toMatchObject({ bgpStatus: 1, bgpRttNs: 7_500_000n, lastBgpReportedAt: landedAt });
    expect(await rpc.sendTransaction(new SendAttempts(transaction.wire), { skipPreflight: false }, calm())).toEqual({ kind: 'accepted' });
  });

  test('the report of another key is rejected before it is broadcast', async () => {
    const outcome = await rpc.sendTransaction(new SendAttempts((await signed(OTHER_KEY)).wire), { skipPreflight: false }, calm());
    expect(outcome).toMatchObject({ kind: 'rejected', err: { InstructionError: [0, { Custom: 8 }] } } satisfies Partial<SendOutcome>);
  });

  test('a lost transaction is proven to have expired', async () => {
    ledger.faults.set({ dropProbability: 1 });
    second.faults.set({ dropProbability: 1 });
    const transaction = await signed();
    expect(await rpc.sendTransaction(new SendAttempts(transaction.wire), { skipPreflight: true }, calm())).toEqual({ kind: 'accepted' });
    clock.advance(100 * SLOT_MS);
    const early = await rpc.checkExpiry([nameOf(transaction)], calm());
    expect([early.statuses, early.blockHeight > transaction.lastValidBlockHeight]).toEqual([[null], false]);
    clock.advance(60 * SLOT_MS);
    const late = await rpc.checkExpiry([nameOf(transaction)], calm());
    expect([late.statuses, late.blockHeight > transaction.lastValidBlockHeight]).toEqual([[null], true]);
  });
});

describe('with one failing endpoint', () => {
  test.each([
    ['rate-limited', 'LEDGER__RATE_LIMITED'],
    ['unavailable', 'LEDGER__UNAVAILABLE'],
    ['html', 'LEDGER__BAD_ANSWER'],
    ['hang', 'LEDGER__TIMEOUT'],
    ['reset', 'LEDGER__UNREACHABLE'],
    ['truncate', 'LEDGER__UNREACHABLE'],
  ] as const)('%s, views and sends go through the other', async (kind, code) => {
    const transaction = await signed();
    letTimersStandStill();
    ledger.faults.set({ rpc: [{ kind }] });
    expect((await asTimePasses(25, reader().read(calm()))).users.size).toBe(1);
    expect(await asTimePasses(25, rpc.sendTransaction(new SendAttempts(transaction.wire), { skipPreflight: false }, calm()))).toEqual({
      kind: 'accepted',
    });
    expect(events).toEqual([expect.stringContaining(code)]);
  });

  test('a lagging endpoint is quarantined, and no older view is returned', async () => {
    const views = reader();
    const before = await views.read(calm());
    ledger.faults.set({ lagSlots: 100 });
    clock.advance(20_000);
    expect((await views.read(calm())).slot).toBeGreaterThan(before.slot);
    expect(events.every((event) => event.includes('LAGGING'))).toBe(true);
  });

  test.each(['wrong-owner', 'wrong-type', 'truncated'] as const)(
    'an endpoint that sends accounts with fault %s is not used',
    async (kind) => {
      ledger.faults.set({ account: { kind } });
      expect((await reader().read(calm())).users.size).toBe(1);
      second.faults.set({ account: { kind } });
      clock.advance(1_000);
      await expect(reader().read(calm())).rejects.toMatchObject({ message: expect.stringContaining(user) });
    },
  );
});
