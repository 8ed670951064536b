import { describe, expect, test } from 'vitest';
import { AgentError } from '../../src/lib/index.ts';
import { createUserViewReader, type LedgerRpc } from '../../src/rpc/index.ts';
import {
  type Address,
  encodeTenant,
  encodeUser,
  lamports,
  type Slot,
  slot,
  type Tenant,
  type User,
  UserType,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { calm, DEVICE, key, manualClock, PROGRAM, userOf } from './builders.ts';

type ReaderRpc = Pick<LedgerRpc, 'usersOfDevice' | 'accounts' | 'recentSlotTimeMs'>;

const tenant = (vrfId: number): Uint8Array =>
  encodeTenant({
    owner: key(1),
    bumpSeed: 255,
    code: 'acme',
    vrfId,
    referenceCount: 1,
    administrators: [],
    paymentStatus: 1,
    tokenAccount: ZERO_ADDRESS,
    metroRouting: false,
    routeLiveness: false,
    billing: { kind: 0, rate: 0n, lastDeductionDzEpoch: 0n },
    includeTopologies: [],
  } satisfies Tenant);

/** A ledger of plain values. What a test does not expect to be asked throws. */
function ledgerOf(users: Readonly<Record<number, Partial<User>>>) {
  const clock = manualClock();
  const state = {
    slots: [100],
    users: new Map(Object.entries(users).map(([byte, changes]) => [key(Number(byte)), userOf(changes)])),
    tenants: new Map<Address, { data: Uint8Array; owner?: Address }>(),
    tenantTrouble: undefined as Error | undefined,
    slotTime: async (): Promise<number | undefined> => undefined,
    wanted: [] as (bigint | undefined)[],
    /** Thrown instead of LEDGER__NOT_YET. */
    refusal: undefined as AgentError | undefined,
    tenantReads: [] as Address[][],
  };
  const rpc: ReaderRpc = {
    async usersOfDevice(device, { minContextSlot }) {
      expect(device).toBe(DEVICE);
      state.wanted.push(minContextSlot);
      const at = state.slots.length > 1 ? state.slots.shift() : state.slots[0];
      if (minContextSlot !== undefined && slot(at ?? 0) < minContextSlot) {
        throw state.refusal ?? new AgentError('LEDGER__NOT_YET', { endpoint: 'a', method: 'getProgramAccounts', problem: 'not reached' });
      }
      return { slot: slot(at ?? 0), accounts: new Map([...state.users].map(([pubkey, user]) => [pubkey, encodeUser(user)])) };
    },
    async accounts(addresses) {
      state.tenantReads.push([...addresses]);
      if (state.tenantTrouble !== undefined) throw state.tenantTrouble;
      const accounts = addresses.map((address) => {
        const account = state.tenants.get(address);
        return account === undefined ? null : { owner: account.owner ?? PROGRAM, lamports: lamports(1), data: account.data };
      });
      return { slot: slot(100), accounts };
    },
    recentSlotTimeMs: () => state.slotTime(),
  };
  return { state, clock, reader: createUserViewReader({ rpc, device: DEVICE, programId: PROGRAM, clock }) };
}

const vrfs = (view: { users: ReadonlyMap<Address, { expectedVrf?: string }> }): unknown =>
  [...view.users.values()].map(({ expectedVrf }) => expectedVrf);

describe('views', () => {
  test('a view holds every user decoded, the slot, and when the request was sent', async () => {
    const { reader, clock } = ledgerOf({ 11: { tunnelId: 500 }, 12: { tunnelId: 501, bgpStatus: 1, lastBgpReportedAt: slot(90) } });
    clock.advance(5_000);
    expect(await reader.read(calm())).toEqual({
      slot: 100n,
      readAt: 5_000,
      slotAt: 5_000,
      users: new Map([
        [key(11), { pubkey: key(11), user: userOf({ tunnelId: 500 }), expectedVrf: 'vrf1' }],
        [key(12), { pubkey: key(12), user: userOf({ tunnelId: 501, bgpStatus: 1, lastBgpReportedAt: slot(90) }), expectedVrf: 'vrf1' }],
      ]),
    });
  });

  test('a view of the slot of the one before keeps the time at which the slot was first seen', async () => {
    const { reader, clock } = ledgerOf({ 11: {} });
    clock.advance(5_000);
    await reader.read(calm());
    clock.advance(60_000);
    expect(await reader.read(calm())).toMatchObject({ slot: 100n, readAt: 65_000, slotAt: 5_000 });
  });

  test('a view shows changed, new and gone users, and keeps the unchanged ones', async () => {
    const { reader, state } = ledgerOf({ 11: {}, 12: {}, 13: {} });
    const before = await reader.read(calm());
    state.users.set(key(12), userOf({ bgpStatus: 2 }));
    state.users.delete(key(13));
    state.users.set(key(14), userOf({ tunnelId: 514 }));
    const after = await reader.read(calm());
    expect([...after.users].map(([pubkey, { user }]) => [pubkey, user.bgpStatus, user.tunnelId])).toEqual([
      [key(11), 0, 500],
      [key(12), 2, 500],
      [key(14), 0, 514],
    ]);
    expect(after.users.get(key(11))?.user).toBe(before.users.get(key(11))?.user);
  });

  test('a view with an account that is not a user is refused, and the error names it', async () => {
    const rpc: ReaderRpc = {
      usersOfDevice: async () => ({ slot: slot(1), accounts: new Map([[key(11), Uint8Array.of(5, 0)]]) }),
      accounts: () => Promise.reject(new Error('not expected')),
      recentSlotTimeMs: async () => undefined,
    };
    const reader = createUserViewReader({ rpc, device: DEVICE, programId: PROGRAM, clock: manualClock() });
    await expect(reader.read(calm())).rejects.toMatchObject({ code: 'LEDGER__BAD_ACCOUNT', context: { account: key(11) } });
  });
});

describe('answers older than the last view', () => {
  test('an older answer is dropped, and the next request demands the slot', async () => {
    const { reader, state } = ledgerOf({ 11: {} });
    state.slots = [100, 99, 101];
    await reader.read(calm());
    expect((await reader.read(calm())).slot).toBe(101n);
    expect(state.wanted).toEqual([undefined, undefined, 100n]);
  });

  test('an answer of the same slot is used', async () => {
    const { reader } = ledgerOf({ 11: {} });
    expect([(await reader.read(calm())).slot, (await reader.read(calm())).slot]).toEqual([100n, 100n]);
  });

  test('older answers without end are an error, and never a view', async () => {
    const clock = manualClock();
    let at = 100;
    const rpc: ReaderRpc = {
      // An endpoint that does not know minContextSlot.
      usersOfDevice: async () => ({ slot: slot(at), accounts: new Map() }),
      accounts: () => Promise.reject(new Error('not expected')),
      recentSlotTimeMs: async () => undefined,
    };
    const reader = createUserViewReader({ rpc, device: DEVICE, programId: PROGRAM, clock });
    await reader.read(calm());
    at = 90;
    await expect(reader.read(calm())).rejects.toMatchObject({
      code: 'LEDGER__STALE_ANSWER',
      message: 'the ledger answered for slot 90, older than slot 100 of the last view',
    });
    expect(clock.slept).toEqual([250, 250]);
    at = 100;
    expect((await reader.read(calm())).slot).toBe(100n);
  });

  test('an answer that another read has overtaken is dropped, too', async () => {
    const gates: (() => void)[] = [];
    let at = 100;
    const rpc: ReaderRpc = {
      async usersOfDevice() {
        const answered = slot(at++);
        await new Promise<void>((resolve) => gates.push(resolve));
        return { slot: answered, accounts: new Map() };
      },
      accounts: () => Promise.reject(new Error('not expected')),
      recentSlotTimeMs: async () => undefined,
    };
    const reader = createUserViewReader({ rpc, device: DEVICE, programId: PROGRAM, clock: manualClock() });
    const slow = reader.read(calm());
    const fast = reader.read(calm());
    gates[1]?.();
    expect((await fast).slot).toBe(101n);
    gates[0]?.();
    await expect.poll(() => gates.length).toBe(3);
    gates[2]?.();
    expect((await slow).slot).toBe(102n);
  });
});

describe('after a confirmed write', () => {
  test('requests demand the slot of the write, and an endpoint that is just behind is asked again', async () => {
    const { reader, state, clock } = ledgerOf({ 11: {} });
    state.slots = [104, 105];
    expect((await reader.read(calm(), { minContextSlot: slot(105) })).slot).toBe(105n);
    expect(state.wanted).toEqual([105n, 105n]);
    expect(clock.slept).toEqual([250]);
  });

  test('an endpoint that stays behind is asked without a slot, and its older answer is an error', async () => {
    const { reader, state } = ledgerOf({ 11: {} });
    await expect(reader.read(calm(), { minContextSlot: slot(105) })).rejects.toMatchObject({
      code: 'LEDGER__STALE_ANSWER',
      message: 'the ledger answered for slot 100, older than slot 105 of the last view',
    });
    expect(state.wanted).toEqual([105n, 105n, undefined]);
  });
});

describe('rollbacks', () => {
  /** Reads every second; the slots until one is applied, and how many readings were refused before it. */
  async function readUntilApplied(slots: (second: number) => number, options: { minContextSlot?: Slot } = {}, longestSeconds = 400) {
    const { reader, state, clock } = ledgerOf({ 11: {} });
    state.slots = [10_000];
    await reader.read(calm());
    for (let second = 0; second < longestSeconds; second += 1) {
      state.slots = [slots(second)];
      const { monotonic } = clock;
      const view = await reader.read(calm(), options).catch((error: unknown) => String(error));
      if (typeof view !== 'string') return { after: Math.round(monotonic() / 1_000), slot: view.slot, reader, state, clock };
      clock.advance(500);
    }
    return undefined;
  }

  test('a rollback is refused for two minutes, and then accepted', async () => {
    const found = await readUntilApplied((second) => 500 + second);
    expect([found?.after, found?.slot]).toEqual([120, 620n]);
  });

  test('a rollback is accepted also where one endpoint refuses the demanded slot and the others fail in other ways', async () => {
    const { reader, state, clock } = ledgerOf({ 11: {} });
    state.slots = [10_000];
    await reader.read(calm());
    state.refusal = new AgentError('LEDGER__UNSUPPORTED', { endpoint: 'b', method: 'getProgramAccounts', problem: '-32601' });
    let applied: bigint | undefined;
    for (let second = 0; second < 400 && applied === undefined; second += 1) {
      state.slots = [500 + second];
      applied = await reader.read(calm(), { minContextSlot: slot(10_000) }).then(
        (view) => view.slot,
        () => undefined,
      );
      clock.advance(500);
    }
    expect(applied).toBe(620n);
  });

  test('a second rollback is refused for two minutes from then', async () => {
    const found = await readUntilApplied((second) => (second < 60 ? 5_000 : 500) + second);
    expect([found?.after, found?.slot]).toEqual([180, 680n]);
  });

  test('after an accepted rollback views are read at once, and never older than the last one', async () => {
    const found = await readUntilApplied((second) => 500 + second);
    if (found === undefined) throw new Error('it was never accepted');
    found.state.slots = [640];
    expect((await found.reader.read(calm())).slot).toBe(640n);
    found.state.slots = [630];
    await expect(found.reader.read(calm())).rejects.toMatchObject({ code: 'LEDGER__STALE_ANSWER' });
  });

  test('after a rollback the slot of an earlier write is no longer demanded', async () => {
    const landed = { minContextSlot: slot(10_020) };
    const found = await readUntilApplied((second) => 500 + second, landed);
    if (found === undefined) throw new Error('it was never accepted');
    found.state.slots = [700];
    found.state.wanted.length = 0;
    expect((await found.reader.read(calm(), landed)).slot).toBe(700n);
    expect(found.state.wanted).toEqual([undefined]);
    found.state.slots = [10_100];
    expect((await found.reader.read(calm(), { minContextSlot: slot(10_050) })).slot).toBe(10_100n);
    expect(found.state.wanted).toEqual([undefined, 10_050n]);
  });

  test.each([
    ['lag by a minute and catch up', (second: number) => 9_850 + second * 2],
    ['stand still behind the last view', () => 9_000],
    ['are now newer and now older', (second: number) => (second % 50 === 49 ? 10_001 + second : 500 + second)],
    ['are older each time', (second: number) => 9_900 - 60 * second],
  ])('answers that %s are not a rollback', async (_, slots) => {
    const found = await readUntilApplied(slots, {}, 160);
    expect(found === undefined || found.slot >= 10_000n).toBe(true);
  });

  test('answers before and after a gap do not prove a rollback', async () => {
    const { reader, state, clock } = ledgerOf({ 11: {} });
    state.slots = [10_000];
    await reader.read(calm());
    for (const at of [500, 1_000]) {
      state.slots = [at];
      await expect(reader.read(calm())).rejects.toMatchObject({ code: 'LEDGER__STALE_ANSWER' });
      clock.advance(300_000);
    }
  });

  test('a rollback does not spoil the measured slot time', async () => {
    const found = await readUntilApplied((second) => 500 + second);
    if (found === undefined) throw new Error('it was never accepted');
    const { reader, state, clock } = found;
    clock.advance(10_000);
    state.slots = [645];
    expect((await reader.read(calm())).slotTimeMs).toBeCloseTo(400, -1);
  });
});

describe('the expected VRF', () => {
  test('the expected VRF is the tenant’s, vrf1 without a tenant, and default for multicast', async () => {
    const { reader, state } = ledgerOf({
      11: {},
      12: { tenantPk: key(50) },
      13: { tenantPk: key(51) },
      14: { userType: UserType.multicast, tenantPk: key(52) },
    });
    state.tenants.set(key(50), { data: tenant(7) }).set(key(51), { data: tenant(1_023) });
    expect(vrfs(await reader.read(calm()))).toEqual(['vrf1', 'vrf7', 'vrf1023', 'default']);
    expect(state.tenantReads).toEqual([[key(50), key(51)]]);
  });

  test.each([
    ['does not exist', undefined],
    ['belongs to another program', { data: tenant(7), owner: key(99) }],
    ['is of another type', { data: encodeUser(userOf()) }],
    ['is empty', { data: new Uint8Array() }],
    ['has no VRF', { data: tenant(0) }],
    ['has an invalid VRF', { data: tenant(1_024) }],
  ])('only the expected VRF is absent when the tenant %s', async (_, account) => {
    const { reader, state } = ledgerOf({ 11: { tenantPk: key(50) } });
    if (account !== undefined) state.tenants.set(key(50), account);
    const view = await reader.read(calm());
    expect([...view.users.values()]).toEqual([{ pubkey: key(11), user: userOf({ tenantPk: key(50) }) }]);
  });

  test('the expected VRF is read again after a minute, or for a new tenant', async () => {
    const { reader, state, clock } = ledgerOf({ 11: { tenantPk: key(50) } });
    state.tenants.set(key(50), { data: tenant(7) });
    await reader.read(calm());
    state.tenants.set(key(50), { data: tenant(8) });
    clock.advance(59_999);
    expect(vrfs(await reader.read(calm()))).toEqual(['vrf7']);
    clock.advance(1);
    expect(vrfs(await reader.read(calm()))).toEqual(['vrf8']);
    state.users.set(key(12), userOf({ tenantPk: key(51) }));
    state.tenants.set(key(51), { data: tenant(9) });
    expect(vrfs(await reader.read(calm()))).toEqual(['vrf8', 'vrf9']);
    expect(state.tenantReads).toEqual([[key(50)], [key(50)], [key(50), key(51)]]);
  });

  test('a known VRF outlives a read that fails, which is retried soon', async () => {
    const { reader, state, clock } = ledgerOf({ 11: { tenantPk: key(50) } });
    state.tenants.set(key(50), { data: tenant(7) });
    await reader.read(calm());
    state.tenantTrouble = new AgentError('LEDGER__NO_ENDPOINT', { problems: 'all gone' });
    clock.advance(60_000);
    expect(vrfs(await reader.read(calm()))).toEqual(['vrf7']);
    state.tenantTrouble = undefined;
    state.tenants.set(key(50), { data: tenant(8) });
    clock.advance(5_000);
    expect(vrfs(await reader.read(calm()))).toEqual(['vrf8']);
  });
});

describe('the slot time', () => {
  test('the slot time is the node’s own, read once a minute', async () => {
    const { reader, state, clock } = ledgerOf({ 11: {} });
    let asked = 0;
    state.slotTime = async () => 350 + asked++;
    const seen: unknown[] = [];
    for (const ms of [0, 30_000, 30_000]) {
      clock.advance(ms);
      seen.push((await reader.read(calm())).slotTimeMs);
    }
    expect(seen).toEqual([350, 350, 351]);
  });

  test('the slot time is measured between views where the node has none', async () => {
    const { reader, state, clock } = ledgerOf({ 11: {} });
    state.slots = [100, 110, 120, 120];
    const seen: unknown[] = [];
    for (const ms of [0, 4_000, 4_000]) {
      clock.advance(ms);
      seen.push((await reader.read(calm())).slotTimeMs);
    }
    expect(seen).toEqual([undefined, undefined, 400]);
  });

  test('a view does not need the slot time', async () => {
    const { reader, state } = ledgerOf({ 11: {} });
    state.slotTime = () => Promise.reject(new AgentError('LEDGER__NO_ENDPOINT', { problems: 'all gone' }));
    expect((await reader.read(calm())).users.size).toBe(1);
  });
});

test('an aborted signal ends the read with its reason', async () => {
  const abort = new AbortController();
  const reason = new Error('SIGTERM');
  const rpc: ReaderRpc = {
    usersOfDevice: (_, __, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    accounts: () => Promise.reject(new Error('not expected')),
    recentSlotTimeMs: (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  };
  const pending = createUserViewReader({ rpc, device: DEVICE, programId: PROGRAM, clock: manualClock() }).read(abort.signal);
  abort.abort(reason);
  await expect(pending).rejects.toBe(reason);
});
