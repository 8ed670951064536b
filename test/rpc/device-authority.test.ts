import { expect, test } from 'vitest';
import { type AccountInfo, type DeviceAuthority, type LedgerRpc, readDeviceAuthority } from '../../src/rpc/index.ts';
import { type Address, addressBytes, encodeUser, lamports, slot } from '../../src/serviceability/index.ts';
import { calm, DEVICE, key, OUR_KEY, PROGRAM, userOf } from './builders.ts';

/** A Device account up to its contributor: what stands before the interfaces. */
function deviceData(publisher: Address, status = 1): Uint8Array {
  const fixed = Buffer.alloc(120);
  fixed[0] = 5;
  fixed[119] = status;
  const code = Buffer.concat([Buffer.from([9, 0, 0, 0]), Buffer.from('ams-dz001')]);
  const prefixes = Buffer.from([1, 0, 0, 0, 203, 0, 114, 0, 29]);
  return Buffer.concat([fixed, code, prefixes, addressBytes(publisher), Buffer.alloc(32, 8)]);
}
function reading(account: Partial<AccountInfo> | null, publisher: Address | undefined = OUR_KEY): Promise<DeviceAuthority> {
  const rpc: Pick<LedgerRpc, 'accounts'> = {
    async accounts(addresses) {
      expect(addresses).toEqual([DEVICE]);
      return { slot: slot(40), accounts: [account && { owner: PROGRAM, lamports: lamports(1), data: deviceData(OUR_KEY), ...account }] };
    },
  };
  return readDeviceAuthority({ rpc, device: DEVICE, programId: PROGRAM, ...(publisher === undefined ? {} : { publisher }) }, calm());
}

test('a device that names our key is read with its code and status', async () => {
  expect(await reading({ data: deviceData(OUR_KEY, 5) })).toEqual({
    slot: 40n,
    device: DEVICE,
    code: 'ams-dz001',
    status: 5,
    metricsPublisher: OUR_KEY,
  });
});

test.each([
  ['is missing', null, 'LEDGER__DEVICE_UNKNOWN', `device ${DEVICE} does not exist on this ledger`],
  [
    'belongs to another program',
    { owner: key(99) },
    'LEDGER__DEVICE_WRONG_OWNER',
    `device ${DEVICE} belongs to program ${key(99)}, not to the serviceability program ${PROGRAM}`,
  ],
  [
    'is a user',
    { data: encodeUser(userOf()) },
    'LEDGER__NOT_A_DEVICE',
    `account ${DEVICE} is not a device: the account is of type 7, not a device account (type 5)`,
  ],
  [
    'is empty',
    { data: new Uint8Array() },
    'LEDGER__NOT_A_DEVICE',
    `account ${DEVICE} is not a device: the account has no data, so it is closed or was never a device account`,
  ],
  [
    'names another key',
    { data: deviceData(key(66)) },
    'LEDGER__PUBLISHER_MISMATCH',
    `device ${DEVICE} accepts reports only from its metrics publisher ${key(66)}; our key is ${OUR_KEY}`,
  ],
])('a device account that %s is one clear error', async (_, account, code, message) => {
  await expect(reading(account)).rejects.toMatchObject({ code, class: 'fatal', message });
});

test('without a key, the publisher is returned and not compared', async () => {
  const rpc: Pick<LedgerRpc, 'accounts'> = {
    accounts: async () => ({ slot: slot(40), accounts: [{ owner: PROGRAM, lamports: lamports(1), data: deviceData(key(66)) }] }),
  };
  expect((await readDeviceAuthority({ rpc, device: DEVICE, programId: PROGRAM }, calm())).metricsPublisher).toBe(key(66));
});

test('the agent reads the status of a device that names another publisher', async () => {
  const rpc: Pick<LedgerRpc, 'accounts'> = {
    accounts: async () => ({ slot: slot(40), accounts: [{ owner: PROGRAM, lamports: lamports(1), data: deviceData(key(66), 5) }] }),
  };
  const statuses: number[] = [];
  const query = { rpc, device: DEVICE, programId: PROGRAM, publisher: OUR_KEY, onStatus: (status: number) => void statuses.push(status) };
  await expect(readDeviceAuthority(query, calm())).rejects.toMatchObject({ code: 'LEDGER__PUBLISHER_MISMATCH' });
  expect(statuses).toEqual([5]);
});
