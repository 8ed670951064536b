import { beforeEach, describe, expect, test } from 'vitest';
import {
  createAccount,
  createSigner,
  FOUNDATION_SEED,
  parseTransaction,
  signTransaction,
  WorldError,
} from '../../../localnet/ledger/index.ts';
import {
  type Address,
  accessPassAddress,
  decodeAccessPass,
  encodeAccessPass,
  formatNetworkV4,
  ipv4,
  lamports,
  parseNetworkV4,
  UNSPECIFIED_IPV4,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { createBed, existing, type Fixture } from './ledger-fixture.ts';

/*
 * Users of a device that has RFC-11's extension: the administration sends the program's own instructions, and keeps the slots right for what those
 * cannot do.
 */
let fixture: Fixture;
beforeEach(() => {
  fixture = createBed();
  fixture.ledger.admin.createExtension(fixture.device);
});

const stored = (user: Address) => rfc11.decodeUserWithSlots(existing(fixture.ledger.bank.account(user)).data);
const tunnel = (user: Address) => {
  const { value, slots } = stored(user);
  return [value.tunnelId, formatNetworkV4(value.tunnelNet), slots?.tunnelIdSlot, slots?.tunnelNetSlot];
};
function taken(): readonly number[] {
  const address = rfc11.resourceExtensionAddress(fixture.ledger.programId, fixture.device).address;
  const pool = existing(rfc11.idPool(rfc11.decodeResourceExtension(existing(fixture.ledger.bank.account(address)).data), 'tunnelId'));
  return Array.from({ length: pool.slots }, (_, slot) => slot).filter((slot) => pool.isAllocated(slot));
}
const passOf = (user: Address): Address => existing(stored(user).slots).accessPassPk;
function pass() {
  return decodeAccessPass(existing(fixture.ledger.bank.account(passOf(fixture.user()))).data);
}

test('program users are created, banned and deleted by instructions that land in blocks', () => {
  const [first, second, third] = [fixture.user(), fixture.user(), fixture.user()];
  fixture.ledger.admin.banUser(first);
  fixture.ledger.admin.deleteUser(second);
  const logs = [...fixture.ledger.bank.replica().naming(fixture.device, 'processed')].flatMap(({ landed }) => landed.result.logs);
  const count = (name: string) => logs.filter((line) => line === `Program log: Instruction: ${name}`).length;
  expect([count('CreateAndActivateUser'), count('BanUser'), count('DeleteUser')]).toEqual([3, 1, 1]);
  expect([taken(), tunnel(third)]).toEqual([[2], [502, '169.254.0.4/31', 2, 2]]);
});

test('program users made before time begins are genesis, and finalized', () => {
  const user = fixture.user();
  expect(fixture.ledger.bank.replica().view('finalized').account(user)).toBeDefined();
});

test('program users made later are processed at once and finalized like any transaction', () => {
  fixture.ledger.bank.begin();
  fixture.clock.pass(4_000);
  fixture.slot();
  const user = fixture.user();
  expect(fixture.ledger.bank.replica().view('processed').account(user)).toBeDefined();
  expect(fixture.ledger.bank.replica().view('finalized').account(user)).toBeUndefined();
  fixture.ledger.bank.advance(40);
  expect(fixture.ledger.bank.replica().view('finalized').account(user)).toBeDefined();
});

test('program users that a fork undoes are gone, and their tunnels free', () => {
  fixture.ledger.bank.begin();
  fixture.ledger.bank.advance(40);
  const user = fixture.user();
  fixture.ledger.bank.rollBack(1);
  expect([fixture.ledger.admin.user(user), taken()]).toEqual([undefined, []]);
});

test('program users can be many in one slot, the same one again and again', () => {
  fixture.ledger.bank.begin();
  const clientIp = ipv4('198.18.7.7');
  for (let n = 0; n < 5; n++) {
    const user = fixture.ledger.admin.createUser({ device: fixture.device, clientIp });
    expect(tunnel(user)[0]).toBe(500);
    fixture.ledger.admin.deleteUser(user);
  }
  expect(taken()).toEqual([]);
});

describe('users changed by hand', () => {
  test('users that are changed by hand take their slots along', () => {
    const user = fixture.user();
    fixture.ledger.admin.changeUser(user, { tunnelId: 600, tunnelNet: parseNetworkV4('169.254.9.0/31') });
    expect([taken(), tunnel(user)]).toEqual([[100], [600, '169.254.9.0/31', 100, 1_152]]);
    expect(tunnel(fixture.user())[0]).toBe(500);
    fixture.ledger.admin.deleteUser(user);
    expect(taken()).toEqual([0]);
  });

  test('users that are changed by hand to the tunnel of another share it, and it is free when both are gone', () => {
    const [first, second] = [fixture.user(), fixture.user()];
    fixture.ledger.admin.changeUser(second, { tunnelId: 500 });
    expect(taken()).toEqual([0]);
    fixture.ledger.admin.changeUser(second, { tunnelId: 700 });
    expect(taken()).toEqual([0, 200]);
    fixture.ledger.admin.deleteUser(first);
    fixture.ledger.admin.deleteUser(second);
    expect(taken()).toEqual([]);
  });

  test('users that are changed by hand so that the program would not delete them are deleted all the same, and counted off the pass', () => {
    const user = fixture.user();
    fixture.ledger.admin.setUserLayout(user, 177);
    fixture.ledger.admin.deleteUser(user);
    expect([fixture.ledger.admin.user(user), taken()]).toEqual([undefined, []]);
    expect(pass().unicastUserCount).toBe(1);
  });

  test('users that are changed by hand from the start get what they ask for', () => {
    const user = fixture.ledger.admin.createUser({ device: fixture.device, tunnelId: 555, publishers: [fixture.device] });
    expect(tunnel(user)).toEqual([555, '169.254.0.0/31', 55, 0]);
    expect(fixture.ledger.admin.user(user)).toMatchObject({ publishers: [fixture.device], tunnelFlags: 1 });
  });
});

test('program users that the program refuses do not exist, and the reason is shown', () => {
  fixture.ledger.admin.changeDevice(fixture.device, { status: 5 });
  expect(() => fixture.user()).toThrow(WorldError);
  expect(() => fixture.user()).toThrow('InvalidStatus');
  expect(fixture.ledger.admin.users(fixture.device).size).toBe(0);
});

describe('users that a customer created', () => {
  const customer = createSigner(new Uint8Array(32).fill(9));

  /** A user of the customer, by CreateAndActivateUser with its own pass; the device has two users then. */
  function customersUser(foundations: Address) {
    const { admin, bank, programId } = fixture.ledger;
    const { address: accessPass, bump } = accessPassAddress(programId, UNSPECIFIED_IPV4, customer.address);
    const value = {
      ...decodeAccessPass(existing(bank.account(passOf(foundations))).data),
      userPayer: customer.address,
      bumpSeed: bump,
      connectionCount: 0,
      unicastUserCount: 0,
    };
    bank.putAccount(accessPass, createAccount(programId, encodeAccessPass(value)));
    admin.fund(customer.address, lamports(10n ** 10n));
    const clientIp = ipv4('198.18.9.9');
    const user = rfc11.userAddress(programId, clientIp, 0).address;
    const extension = rfc11.resourceExtensionAddress(programId, fixture.device).address;
    const about = { programId, user, device: fixture.device, extension, accessPass, payer: customer.address };
    const rest = { userType: 0, cyoaType: 1, clientIp, tunnelEndpoint: UNSPECIFIED_IPV4 };
    const { blockhash } = bank.replica().view('processed').latestBlockhash();
    const wire = signTransaction(customer, blockhash, [rfc11.createAndActivateUser({ ...about, ...rest })]);
    bank.submit(parseTransaction(wire));
    bank.advance();
    const counts = () => {
      const { connectionCount, unicastUserCount, status } = decodeAccessPass(existing(bank.account(accessPass)).data);
      return [connectionCount, unicastUserCount, status];
    };
    return { user, accessPass, counts };
  }

  test.each(['ban', 'delete'] as const)(
    'users that a customer created: a %s by hand is charged to its pass, and frees its slots',
    (how) => {
      const { admin } = fixture.ledger;
      const foundations = fixture.user();
      const { user, accessPass, counts } = customersUser(foundations);
      expect([counts(), taken(), admin.device(fixture.device)?.usersCount]).toEqual([[1, 1, 1], [0, 1], 2]);
      if (how === 'ban') admin.banUser(user);
      else admin.deleteUser(user);
      expect([counts(), taken()]).toEqual([[0, 0, 2], [0]]);
      expect(decodeAccessPass(existing(fixture.ledger.bank.account(passOf(foundations))).data).unicastUserCount).toBe(1);
      expect(admin.device(fixture.device)?.usersCount).toBe(how === 'ban' ? 2 : 1);
      if (how === 'delete') return;
      expect(stored(user).slots).toEqual({
        tunnelIdSlot: 0xffff,
        tunnelNetSlot: 0xffff_ffff,
        dzIpSlot: 0xffff_ffff,
        accessPassPk: accessPass,
      });
      admin.deleteUser(user);
      expect([counts(), admin.user(user), admin.device(fixture.device)?.usersCount]).toEqual([[0, 0, 2], undefined, 1]);
    },
  );

  test('users that a customer created keep their pass when they are changed by hand', () => {
    const { user, accessPass } = customersUser(fixture.user());
    fixture.ledger.admin.changeUser(user, { tunnelId: 700 });
    expect(stored(user).slots).toMatchObject({ tunnelIdSlot: 200, accessPassPk: accessPass });
  });
});

test('a device with users from before gets no extension', () => {
  const other = fixture.ledger.admin.createDevice({ metricsPublisher: fixture.device });
  fixture.ledger.admin.createUser({ device: other });
  expect(() => fixture.ledger.admin.createExtension(other)).toThrow('already has users');
});

test('AllocateResource returns its slot as return data, in simulateTransaction and in getTransaction', () => {
  const { bank, programId } = fixture.ledger;
  const signer = createSigner(FOUNDATION_SEED);
  const call = (method: string, ...params: readonly unknown[]): unknown =>
    JSON.parse(fixture.ledger.call(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })));
  fixture.user();
  const extension = rfc11.resourceExtensionAddress(programId, fixture.device).address;
  const resourceType = rfc11.ResourceType.tunnelId;
  const allocation = rfc11.allocateResource({ programId, extension, authority: signer.address, resourceType });
  bank.begin();
  bank.advance(40);
  const { blockhash } = bank.replica().view('finalized').latestBlockhash();
  const wire = Buffer.from(signTransaction(signer, blockhash, [allocation])).toString('base64');
  const returnData = { programId, data: ['AQAAAA==', 'base64'] };
  expect(call('simulateTransaction', wire, { encoding: 'base64' })).toMatchObject({ result: { value: { err: null, returnData } } });
  const { result: signature } = Object(call('sendTransaction', wire, { encoding: 'base64' }));
  bank.advance(3);
  expect(call('getTransaction', signature, { commitment: 'confirmed' })).toMatchObject({ result: { meta: { err: null, returnData } } });
});

test('an epoch may be shorter than 432,000 slots', () => {
  const short = createBed({ slotsPerEpoch: 20n });
  const answer: unknown = JSON.parse(short.ledger.call(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getEpochInfo' })));
  expect(answer).toMatchObject({ result: { slotsInEpoch: 20, epoch: 1 } });
});
