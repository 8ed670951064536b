import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readDeviceAuthority } from '../../src/rpc/index.ts';
import { addressBytes, encodeUser } from '../../src/serviceability/index.ts';
import { base64, calm, DEVICE, key, OUR_KEY, PROGRAM, rpcOver, slotted, type TestRpc, userOf } from './builders.ts';
import { type FakeEndpoint, type FakeReply, fakeEndpoint } from './fake-endpoint.ts';

let first: FakeEndpoint;
let second: FakeEndpoint;
let both: TestRpc;

beforeEach(async () => {
  [first, second] = await Promise.all([fakeEndpoint(), fakeEndpoint()]);
  for (const [fake, balance] of [
    [first, 1],
    [second, 2],
  ] as const) {
    fake.on('getMultipleAccounts', holding(deviceData()));
    fake.on('getBalance', slotted(1000, balance)).on('getEpochInfo', { result: { absoluteSlot: 1000, blockHeight: 1000 } });
    fake.on('getGenesisHash', { result: key(200) });
  }
  both = rpcOver([first.url, second.url]);
});
afterEach(async () => {
  await both.rpc.close();
  await Promise.all([first.close(), second.close()]);
  expect([...first.unexpected, ...second.unexpected]).toEqual([]);
});

/** A Device account up to its contributor. */
function deviceData(): Uint8Array {
  const fixed = Buffer.alloc(120);
  fixed[0] = 5;
  fixed[119] = 1;
  const code = Buffer.concat([Buffer.from([9, 0, 0, 0]), Buffer.from('ams-dz001')]);
  const prefixes = Buffer.from([1, 0, 0, 0, 203, 0, 114, 0, 29]);
  return Buffer.concat([fixed, code, prefixes, addressBytes(OUR_KEY), Buffer.alloc(32, 8)]);
}
const holding = (data: Uint8Array, owner: string = PROGRAM): FakeReply =>
  slotted(1000, [{ owner, lamports: 1, data: [base64(data), 'base64'] }]);
const holdingNothing = slotted(1000, [null]);

const authority = () => readDeviceAuthority({ rpc: both.rpc, device: DEVICE, programId: PROGRAM, publisher: OUR_KEY }, calm());
const authorityOr = (): Promise<string> =>
  authority().then(
    ({ code }) => code,
    (error) => error.code,
  );
const balance = (): Promise<bigint> => both.rpc.balance(OUR_KEY, calm());

describe('endpoints without our device', () => {
  test.each([
    ['does not have our device', holdingNothing, `device ${DEVICE} does not exist on this ledger`],
    [
      'has it with another owner',
      holding(deviceData(), key(99)),
      `device ${DEVICE} belongs to program ${key(99)}, not to the serviceability program ${PROGRAM}`,
    ],
    [
      'has something else in its place',
      holding(encodeUser(userOf())),
      `account ${DEVICE} is not a device: the account is of type 7, not a device account (type 5)`,
    ],
  ])('an endpoint that %s is quarantined when another one has it, and the error says why', async (_, answer, problem) => {
    const lost: string[] = [];
    await both.rpc.close();
    both = rpcOver([first.url, second.url], {
      onEndpoint: (event) => lost.push(event.state === 'lost' ? event.error.message : event.state),
    });
    first.on('getMultipleAccounts', answer);
    expect(await authorityOr()).toBe('ams-dz001');
    expect(lost).toEqual([`the ledger endpoint ${first.url} does not have our device, but another endpoint does: ${problem}`]);
    expect(await balance()).toBe(2n);
  });

  test('an endpoint that lacks our device serves nothing until it has it, however healthy it is', async () => {
    first.on('getMultipleAccounts', holdingNothing);
    await authority();
    for (let minute = 0; minute < 5; minute += 1) {
      both.clock.advance(60_000);
      const probes = first.calls.length;
      expect(await balance()).toBe(2n);
      await expect.poll(() => first.calls.length).toBeGreaterThan(probes);
    }
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__WITHOUT_DEVICE`]);

    first.on('getMultipleAccounts', holding(deviceData()));
    both.clock.advance(60_000);
    await expect.poll(balance).toBe(1n);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__WITHOUT_DEVICE`, `back ${first.url}`]);
  });

  test('an endpoint that lacks our device is not used when it is the last one left', async () => {
    first.on('getMultipleAccounts', holdingNothing);
    await authority();
    second.always({ status: 503 });
    both.clock.advance(500);
    expect(await balance().catch((error) => error.code)).toBe('LEDGER__UNAVAILABLE');
    expect(first.methods()).not.toContain('getBalance');
  });
});

describe('devices that are gone', () => {
  test('the device is gone when every serving endpoint answers so, and none of them is quarantined', async () => {
    for (const fake of [first, second]) fake.on('getMultipleAccounts', holdingNothing);
    expect(await authorityOr()).toBe('LEDGER__DEVICE_UNKNOWN');
    expect(both.events).toEqual([]);
    expect(await balance()).toBe(1n);
  });

  test('the device is not gone while an endpoint that served a moment ago has not answered', async () => {
    first.on('getMultipleAccounts', { status: 503 });
    second.on('getMultipleAccounts', holdingNothing);
    expect(await authorityOr()).toBe('LEDGER__NO_ENDPOINT');
  });

  test('the device is gone although a quarantined endpoint cannot be asked', async () => {
    first.always({ status: 503 });
    await balance();
    second.on('getMultipleAccounts', holdingNothing);
    both.clock.advance(300);
    expect(await authorityOr()).toBe('LEDGER__DEVICE_UNKNOWN');
  });

  test('a device with another publisher does not quarantine the endpoint', async () => {
    const asked = readDeviceAuthority({ rpc: both.rpc, device: DEVICE, programId: PROGRAM, publisher: key(66) }, calm());
    await expect(asked).rejects.toMatchObject({ code: 'LEDGER__PUBLISHER_MISMATCH' });
    expect(second.methods()).not.toContain('getMultipleAccounts');
    expect(both.events).toEqual([]);
  });
});

describe('endpoints of another cluster', () => {
  test('an endpoint of another cluster is quarantined, and the error names both genesis hashes', async () => {
    const lost: string[] = [];
    await both.rpc.close();
    both = rpcOver([first.url, second.url], {
      onEndpoint: (event) => lost.push(event.state === 'lost' ? event.error.message : event.state),
    });
    second.on('getGenesisHash', { result: key(201) });
    await authority();
    await expect
      .poll(() => lost)
      .toEqual([
        `the ledger endpoint ${second.url} belongs to another cluster (genesis hash ${key(201)}) than ${first.url} (${key(200)}), which has our device`,
      ]);
    first.always({ status: 503 });
    both.clock.advance(300);
    expect(await balance().catch((error) => error.code)).toBe('LEDGER__UNAVAILABLE');
    expect(second.methods()).not.toContain('getBalance');
  });

  test('an endpoint of another cluster is found wherever it stands in the list', async () => {
    first.on('getGenesisHash', { result: key(201) }).on('getMultipleAccounts', holdingNothing);
    await authority();
    expect(await balance()).toBe(2n);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__WITHOUT_DEVICE`]);
  });

  test('an endpoint of another cluster is used once its URL leads to the right one', async () => {
    second.on('getGenesisHash', { result: key(201) });
    await authority();
    await expect.poll(() => both.events).toEqual([`lost ${second.url}: LEDGER__OTHER_CLUSTER`]);
    second.on('getGenesisHash', { result: key(200) });
    both.clock.advance(600);
    await balance();
    await expect.poll(() => both.events).toEqual([`lost ${second.url}: LEDGER__OTHER_CLUSTER`, `back ${second.url}`]);
  });

  test('clusters are compared once, and again a minute later where an endpoint did not answer', async () => {
    second.on('getGenesisHash', { error: { code: -32601, message: 'no' } });
    await authority();
    await expect.poll(() => second.methods()).toContain('getGenesisHash');
    second.on('getGenesisHash', { result: key(201) });
    const eventsAfterAnother = () => authority().then(() => both.events);
    await expect.poll(eventsAfterAnother).toEqual([`lost ${second.url}: LEDGER__OTHER_CLUSTER`]);
    await authority();
    expect(first.methods().filter((method) => method === 'getGenesisHash')).toEqual(['getGenesisHash']);
  });

  test('a single endpoint is not asked for its cluster', async () => {
    const alone = rpcOver([first.url]);
    await readDeviceAuthority({ rpc: alone.rpc, device: DEVICE, programId: PROGRAM }, calm());
    await alone.rpc.balance(OUR_KEY, calm());
    expect(first.methods()).toEqual(['getMultipleAccounts', 'getBalance']);
    await alone.rpc.close();
  });
});
