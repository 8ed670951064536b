import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readOwnedAccounts, requireUserOf } from '../../src/rpc/responses.ts';
import { addressOf, encodeUser, slot } from '../../src/serviceability/index.ts';
import { accountEntry, calm, DEVICE, key, PROGRAM, rpcOver, slotted, type TestRpc, userEntry, userOf } from './builders.ts';
import { type FakeEndpoint, fakeEndpoint } from './fake-endpoint.ts';

let fake: FakeEndpoint;
let over: TestRpc;
beforeEach(async () => {
  fake = await fakeEndpoint();
  over = rpcOver([fake.url]);
});
afterEach(async () => {
  await over.rpc.close();
  await fake.close();
  expect(fake.unexpected).toEqual([]);
});

const read = (minContextSlot?: number) =>
  over.rpc.usersOfDevice(DEVICE, minContextSlot === undefined ? {} : { minContextSlot: slot(minContextSlot) }, calm());
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(JSON.stringify, (error) => `${error.code}: ${error.message.replaceAll(/:\d+/g, ':PORT')}`);

describe('users of a device', () => {
  test('users are read by type and device, never the whole program', async () => {
    fake.on('getProgramAccounts', slotted(70, [userEntry(11), userEntry(12, { tunnelId: 501 })]));
    expect(await read(69)).toEqual({
      slot: 70n,
      accounts: new Map([
        [key(11), Buffer.from(encodeUser(userOf()))],
        [key(12), Buffer.from(encodeUser(userOf({ tunnelId: 501 })))],
      ]),
    });
    expect(fake.calls[0]?.params).toEqual([
      PROGRAM,
      {
        encoding: 'base64',
        commitment: 'confirmed',
        withContext: true,
        filters: [{ memcmp: { offset: 0, bytes: '8' } }, { memcmp: { offset: 83, bytes: DEVICE } }],
        minContextSlot: 69,
      },
    ]);
  });

  test('a device may have no users', async () => {
    fake.on('getProgramAccounts', slotted(70, []));
    expect(await read()).toEqual({ slot: 70n, accounts: new Map() });
  });

  test('users are refused from an endpoint that ignores the demanded slot', async () => {
    fake.on('getProgramAccounts', slotted(70, []));
    expect(await failure(read(71))).toContain('LEDGER__NOT_YET');
  });
});

describe('one wrong account fails the whole answer', () => {
  const user = encodeUser(userOf());
  const malformed = (problem: string): string =>
    `LEDGER__BAD_ACCOUNT: the ledger endpoint http://127.0.0.1:PORT sent a malformed account ${key(12)}: ${problem}`;
  test.each([
    ['another owner', accountEntry(key(12), user, key(99)), `it belongs to ${key(99)}, not to ${PROGRAM}`],
    ['no owner', { pubkey: key(12), account: { data: ['', 'base64'] } }, `it belongs to no program, not to ${PROGRAM}`],
    [
      'another type',
      accountEntry(
        key(12),
        Uint8Array.from(user, (byte, at) => (at === 0 ? 5 : byte)),
      ),
      'it is of type 5, not a user',
    ],
    ['another device', accountEntry(key(12), encodeUser(userOf({ devicePk: key(98) }))), 'it is a user of another device'],
    ['no data', accountEntry(key(12), new Uint8Array()), 'its 0 bytes are too few for a user'],
    ['data cut before the device', accountEntry(key(12), user.subarray(0, 114)), 'its 114 bytes are too few for a user'],
    ['data in another encoding', { pubkey: key(12), account: { owner: PROGRAM, data: 'AQID' } }, 'its data is not [text, "base64"]'],
    ['data that is not base64', { pubkey: key(12), account: { owner: PROGRAM, data: ['A===', 'base64'] } }, 'its data is not whole base64'],
    ['no account', { pubkey: key(12) }, 'it has no account'],
    ['the address of another entry', { ...userEntry(11), pubkey: key(11) }, ''],
  ])('an answer with %s is refused, and the error names the account', async (name, entry, problem) => {
    fake.on('getProgramAccounts', slotted(70, [userEntry(11), entry]));
    const twice = name === 'the address of another entry';
    expect(await failure(read())).toBe(twice ? malformed('it is listed twice').replace(key(12), key(11)) : malformed(problem));
  });

  test.each([
    ['an invalid address', [{ ...userEntry(11), pubkey: 'abc' }], 'an account without an address'],
    ['a missing entry', [null], 'an account without an address'],
    ['an object for the list', {}, 'the list of accounts is an object, not a list'],
  ])('%s is a malformed response', async (_, value, problem) => {
    fake.on('getProgramAccounts', slotted(70, value));
    expect(await failure(read())).toBe(
      `LEDGER__BAD_ANSWER: malformed response to getProgramAccounts from the ledger endpoint http://127.0.0.1:PORT: ${problem}`,
    );
  });

  test('an answer without a slot is refused', async () => {
    fake.on('getProgramAccounts', { result: [userEntry(11)] });
    expect(await failure(read())).toContain('the result is a list, not an object');
  });

  test('another endpoint is asked, and the first one is quarantined', async () => {
    const other = await fakeEndpoint();
    fake.on('getProgramAccounts', slotted(70, [accountEntry(key(12), user, key(99))]));
    other.on('getProgramAccounts', slotted(70, [userEntry(11)])).on('getEpochInfo', { result: { absoluteSlot: 70, blockHeight: 60 } });
    const two = rpcOver([fake.url, other.url]);
    expect([...(await two.rpc.usersOfDevice(DEVICE, {}, calm())).accounts.keys()]).toEqual([key(11)]);
    expect(two.events).toEqual([`lost ${fake.url}: LEDGER__BAD_ACCOUNT`]);
    await two.rpc.close();
    await other.close();
  });
});

test('4,096 accounts are read', () => {
  const entries = Array.from({ length: 4_096 }, (_, index) => {
    const bytes = new Uint8Array(32).fill(200);
    new DataView(bytes.buffer).setUint16(30, index);
    return accountEntry(addressOf(bytes), encodeUser(userOf({ tunnelId: 500 + index })));
  });
  const from = { endpoint: 'a', programId: PROGRAM };
  expect(readOwnedAccounts({ context: { slot: 1 }, value: entries }, from, requireUserOf(DEVICE)).accounts.size).toBe(4_096);
});
