import { beforeEach, describe, expect, test } from 'vitest';
import { WorldError } from '../../../localnet/ledger/index.ts';
import {
  type Address,
  accessPassAddress,
  decodeAccessPass,
  formatNetworkV4,
  ipv4,
  parseNetworkV4,
  UNSPECIFIED_IPV4,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { type Bed, createBed, existing } from './ledger-bed.ts';

/*
 * Users of a device that has RFC-11's extension: the administration sends the program's own instructions, and keeps the slots right for what those
 * cannot do.
 */
let bed: Bed;
beforeEach(() => {
  bed = createBed();
  bed.ledger.admin.createExtension(bed.device);
});

const stored = (user: Address) => rfc11.decodeUserWithSlots(existing(bed.ledger.bank.account(user)).data);
const tunnel = (user: Address) => {
  const { value, slots } = stored(user);
  return [value.tunnelId, formatNetworkV4(value.tunnelNet), slots?.tunnelIdSlot, slots?.tunnelNetSlot];
};
function taken(): readonly number[] {
  const address = rfc11.resourceExtensionAddress(bed.ledger.programId, bed.device).address;
  const pool = existing(rfc11.idPool(rfc11.decodeResourceExtension(existing(bed.ledger.bank.account(address)).data), 'tunnelId'));
  return Array.from({ length: pool.slots }, (_, slot) => slot).filter((slot) => pool.isAllocated(slot));
}
function pass() {
  const { address } = accessPassAddress(bed.ledger.programId, UNSPECIFIED_IPV4, stored(bed.user()).value.owner);
  return decodeAccessPass(existing(bed.ledger.bank.account(address)).data);
}

test('are created, banned and deleted by instructions that land in blocks', () => {
  const [first, second, third] = [bed.user(), bed.user(), bed.user()];
  bed.ledger.admin.banUser(first);
  bed.ledger.admin.deleteUser(second);
  const logs = [...bed.ledger.bank.replica().naming(bed.device, 'processed')].flatMap(({ landed }) => landed.result.logs);
  const count = (name: string) => logs.filter((line) => line === `Program log: Instruction: ${name}`).length;
  expect([count('CreateAndActivateUser'), count('BanUser'), count('DeleteUser')]).toEqual([3, 1, 1]);
  expect([taken(), tunnel(third)]).toEqual([[2], [502, '169.254.0.4/31', 2, 2]]);
});

test('made before time begins are genesis, and finalized', () => {
  const user = bed.user();
  expect(bed.ledger.bank.replica().view('finalized').account(user)).toBeDefined();
});

test('made later are processed at once and finalized like any transaction', () => {
  bed.ledger.bank.begin();
  bed.clock.pass(4_000);
  bed.slot();
  const user = bed.user();
  expect(bed.ledger.bank.replica().view('processed').account(user)).toBeDefined();
  expect(bed.ledger.bank.replica().view('finalized').account(user)).toBeUndefined();
  bed.ledger.bank.advance(40);
  expect(bed.ledger.bank.replica().view('finalized').account(user)).toBeDefined();
});

test('that a fork undoes are gone, and their tunnels free', () => {
  bed.ledger.bank.begin();
  bed.ledger.bank.advance(40);
  const user = bed.user();
  bed.ledger.bank.rollBack(1);
  expect([bed.ledger.admin.user(user), taken()]).toEqual([undefined, []]);
});

test('can be many in one slot, the same one again and again', () => {
  bed.ledger.bank.begin();
  const clientIp = ipv4('198.18.7.7');
  for (let n = 0; n < 5; n++) {
    const user = bed.ledger.admin.createUser({ device: bed.device, clientIp });
    expect(tunnel(user)[0]).toBe(500);
    bed.ledger.admin.deleteUser(user);
  }
  expect(taken()).toEqual([]);
});

describe('that are changed by hand', () => {
  test('take their slots along', () => {
    const user = bed.user();
    bed.ledger.admin.changeUser(user, { tunnelId: 600, tunnelNet: parseNetworkV4('169.254.9.0/31') });
    expect([taken(), tunnel(user)]).toEqual([[100], [600, '169.254.9.0/31', 100, 1_152]]);
    expect(tunnel(bed.user())[0]).toBe(500);
    bed.ledger.admin.deleteUser(user);
    expect(taken()).toEqual([0]);
  });

  test('to the tunnel of another share it, and it is free when both are gone', () => {
    const [first, second] = [bed.user(), bed.user()];
    bed.ledger.admin.changeUser(second, { tunnelId: 500 });
    expect(taken()).toEqual([0]);
    bed.ledger.admin.changeUser(second, { tunnelId: 700 });
    expect(taken()).toEqual([0, 200]);
    bed.ledger.admin.deleteUser(first);
    bed.ledger.admin.deleteUser(second);
    expect(taken()).toEqual([]);
  });

  test('so that the program would not delete them are deleted all the same, and counted off the pass', () => {
    const user = bed.user();
    bed.ledger.admin.setUserLayout(user, 177);
    bed.ledger.admin.deleteUser(user);
    expect([bed.ledger.admin.user(user), taken()]).toEqual([undefined, []]);
    expect(pass().unicastUserCount).toBe(1);
  });

  test('from the start get what they ask for', () => {
    const user = bed.ledger.admin.createUser({ device: bed.device, tunnelId: 555, publishers: [bed.device] });
    expect(tunnel(user)).toEqual([555, '169.254.0.0/31', 55, 0]);
    expect(bed.ledger.admin.user(user)).toMatchObject({ publishers: [bed.device], tunnelFlags: 1 });
  });
});

test('that the program refuses are not there, and the reason is told', () => {
  bed.ledger.admin.changeDevice(bed.device, { status: 5 });
  expect(() => bed.user()).toThrow(WorldError);
  expect(() => bed.user()).toThrow('InvalidStatus');
  expect(bed.ledger.admin.users(bed.device).size).toBe(0);
});

test('a device with users from before gets no extension', () => {
  const other = bed.ledger.admin.createDevice({ metricsPublisher: bed.device });
  bed.ledger.admin.createUser({ device: other });
  expect(() => bed.ledger.admin.createExtension(other)).toThrow('has users from before its extension');
});

test('an epoch may be shorter than 432,000 slots', () => {
  const short = createBed({ slotsPerEpoch: 20n });
  const answer: unknown = JSON.parse(short.ledger.call(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getEpochInfo' })));
  expect(answer).toMatchObject({ result: { slotsInEpoch: 20, epoch: 1 } });
});
