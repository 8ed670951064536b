import { describe, expect, test } from 'vitest';
import { createLocalnet, type Localnet } from '../../../localnet/index.ts';
import { parseTransaction } from '../../../localnet/ledger/index.ts';
import { createSimulatedEapi, createSimulatedSwitch, createSwitchFaults } from '../../../localnet/switch/index.ts';
import { createLocalnetController } from '../../../localnet/world.ts';
import { seededRandom, systemClock } from '../../../src/lib/index.ts';
import {
  type Address,
  accessPassAddress,
  decodeAccessPass,
  encodeAccessPass,
  formatNetworkV4,
  lamports,
  UNSPECIFIED_IPV4,
  UserStatus,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import {
  type AgentFixture,
  type AtEnd,
  makeFixture,
  PATIENTLY,
  SLOT_MS,
  settledFixture,
  signerNumber,
} from '../../support/agent-fixture.ts';
import { addressOfKey, build, existing, keypair, SOL, toWeb3 } from '../ledger/ledger-fixture.ts';

const extensionOf = ({ ledger, programId }: Localnet, device: Address): rfc11.ResourceExtension =>
  rfc11.decodeResourceExtension(existing(ledger.bank.account(rfc11.resourceExtensionAddress(programId, device).address)).data);
const userOf = (localnet: Localnet, user: Address) => existing(localnet.ledger.admin.user(user));
const statusOf = (localnet: Localnet, user: Address): number => userOf(localnet, user).bgpStatus;
const [UNKNOWN, UP, DOWN] = [0, 1, 2];

test.concurrent("localnet's users are the program's own: created by instruction, with slots that their values have", async ({
  onTestFinished,
}) => {
  const { localnet, user } = await makeFixture(onTestFinished, { users: 3 });
  const { value, slots } = rfc11.decodeUserWithSlots(existing(localnet.ledger.bank.account(user(1))).data);
  expect([
    value.tunnelId,
    formatNetworkV4(value.tunnelNet),
    value.dzIp,
    slots?.tunnelIdSlot,
    slots?.tunnelNetSlot,
    slots?.dzIpSlot,
  ]).toEqual([501, '169.254.0.2/31', '198.19.64.3', 1, 1, 3]);
  localnet.removeUser(user(1));
  expect(rfc11.idPool(extensionOf(localnet, localnet.device), 'tunnelId')?.allocatedCount).toBe(2);
  expect(userOf(localnet, localnet.addUser()).tunnelId).toBe(501);
  const landed = [...localnet.ledger.bank.replica().naming(localnet.device, 'processed')].map(({ landed: { result } }) => result);
  const said = landed.flatMap(({ logs }) => logs).filter((line) => line.startsWith('Program log: Instruction: '));
  expect(said.map((line) => line.split(': ').at(-1))).toEqual([
    'CreateAndActivateUser',
    'DeleteUser',
    ...Array(3).fill('CreateAndActivateUser'),
    'CreateResourceExtension',
  ]);
});

describe.concurrent('two devices with the same tunnel_net', PATIENTLY, () => {
  /** A second device of the same ledger with a switch of its own, as a localnet that shares the first one's ledger. */
  async function secondDevice(atEnd: AtEnd, first: Localnet): Promise<Localnet> {
    const { admin } = first.ledger;
    const device = admin.createDevice({ metricsPublisher: signerNumber(7).address, code: 'lo-dz002' });
    admin.createExtension(device);
    const sim = createSimulatedSwitch({ clock: systemClock, hostname: 'lo-dz002' });
    sim.addVrf('vrf1');
    const eapi = createSimulatedEapi({ switch: sim, faults: createSwitchFaults(), clock: systemClock });
    const controller = createLocalnetController({ admin, device, sim });
    admin.createUser({ device });
    controller.sync();
    const [addresses, { socketPath }] = await Promise.all([first.start(), eapi.start()]);
    atEnd(() => eapi.stop());
    const sessionOf = (user: Address) => existing(controller.sessionOf(user));
    return {
      ...first,
      device,
      sim,
      start: async () => ({ ...addresses, eapiSocket: socketPath }),
      connect(user) {
        sim.establish(sessionOf(user).vrf, sessionOf(user).address);
      },
      disconnect(user) {
        sim.drop(sessionOf(user).vrf, sessionOf(user).address);
      },
    };
  }

  test('two devices with the same tunnel_net keep their users apart: each agent maps only its own', async ({ onTestFinished }) => {
    const first = await makeFixture(onTestFinished, { users: 1 });
    const second = await makeFixture(onTestFinished, { localnet: await secondDevice(onTestFinished, first.localnet) });
    const [here, there] = [first.user(0), second.user(0)];
    expect(userOf(first.localnet, here).tunnelNet).toEqual(userOf(first.localnet, there).tunnelNet);
    expect(userOf(first.localnet, here).tunnelId).toBe(userOf(first.localnet, there).tunnelId);

    first.localnet.connect(here);
    first.agent.start();
    second.agent.start();
    await first.until('only the first up', () => statusOf(first.localnet, here) === UP && statusOf(first.localnet, there) === DOWN);
    second.localnet.connect(there);
    first.localnet.disconnect(here);
    await second.until('the other way round', () => statusOf(first.localnet, here) === DOWN && statusOf(first.localnet, there) === UP);
    expect(first.eventsOf('landed').every((line) => line.includes('u0'))).toBe(true);
    expect([...first.eventsOf('rejected', 'defect'), ...second.eventsOf('rejected', 'defect')]).toEqual([]);
  });
});

describe.concurrent('a /31 that goes from one user to another', PATIENTLY, () => {
  /** Statuses that the ledger has held of a user since now, in order. */
  function watch({ localnet }: AgentFixture, user: Address, atEnd: AtEnd): readonly number[] {
    const seen: number[] = [];
    const end = localnet.ledger.bank.onLanded(({ transaction, result }) => {
      const written = result.writes.get(user);
      if (result.err === null && written !== undefined && transaction.accountKeys.includes(user)) {
        seen.push(rfc11.decodeUserWithSlots(written.data).value.bgpStatus);
      }
    });
    atEnd(async () => end());
    return seen;
  }

  test("a /31 that goes from one user to another between two ticks does not carry the first one's Up along", async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 2, policy: { connectGraceMs: 800 } });
    const { localnet } = fixture;
    const { tunnelNet } = userOf(localnet, fixture.user(0));
    localnet.removeUser(fixture.user(0));
    const heir = localnet.addUser();
    const seen = watch(fixture, heir, onTestFinished);
    expect([heir === fixture.user(0), userOf(localnet, heir).tunnelNet]).toEqual([false, tunnelNet]);
    await fixture.until('its own Down after the grace', () => statusOf(localnet, heir) === DOWN);
    expect(seen.filter((status) => status === UP)).toEqual([]);
    localnet.connect(heir);
    await fixture.until('its own Up', () => statusOf(localnet, heir) === UP);
    expect(fixture.eventsOf('defect')).toEqual([]);
  });

  test("a /31 that goes from one user to another while the first one's Up is still in flight, neither: that write fails, and the heir stays Unknown", async ({
    onTestFinished,
  }) => {
    const fixture = await makeFixture(onTestFinished, { users: 2, policy: { connectGraceMs: 60_000 } });
    const { localnet, agent } = fixture;
    localnet.ledger.faults.set({ delaySlots: 10 });
    localnet.connect(fixture.user(0));
    agent.start();
    await fixture.until('in flight', () => fixture.eventsOf('sent').length > 0);
    localnet.removeUser(fixture.user(0));
    const heir = localnet.addUser();
    const seen = watch(fixture, heir, onTestFinished);
    localnet.ledger.faults.clear();
    await systemClock.sleep(20 * SLOT_MS);
    expect([seen, statusOf(localnet, heir)]).toEqual([[], UNKNOWN]);
    expect(fixture.eventsOf('defect', 'halted')).toEqual([]);
  });
});

describe.concurrent('transactions in flight', PATIENTLY, () => {
  test('in mid-flight a ban lets the Up land, which the agent takes back once, and no other user is disturbed', async ({
    onTestFinished,
  }) => {
    const fixture = await makeFixture(onTestFinished);
    const { localnet, agent } = fixture;
    localnet.ledger.faults.set({ delaySlots: 8 });
    for (const user of fixture.users) localnet.connect(user);
    agent.start();
    await fixture.until('in flight', () => fixture.eventsOf('sent').length > 0);
    localnet.ledger.admin.banUser(fixture.user(3));
    expect(rfc11.idPool(extensionOf(localnet, localnet.device), 'tunnelId')?.allocatedCount).toBe(3);
    localnet.ledger.faults.clear();
    await fixture.until('the others up, the banned one down', () => fixture.ledgerSays().join() === 'up,up,up,down');
    expect(userOf(localnet, fixture.user(3)).status).toBe(UserStatus.banned);
    await systemClock.sleep(500);
    expect(fixture.eventsOf('landed u3 down').length).toBeLessThanOrEqual(1);
    expect(fixture.eventsOf('defect', 'halted', 'rejected')).toEqual([]);
  });

  test('in mid-flight a sweep leaves the tunnels taken; each Up is taken back once, and then nothing is written', async ({
    onTestFinished,
  }) => {
    const publisher = signerNumber(7).address;
    const localnet = createLocalnet({ users: 4, random: seededRandom(1), publisher, slotMs: SLOT_MS, slotsPerEpoch: 32n });
    onTestFinished(() => localnet.stop());
    const fixture = await settledFixture(onTestFinished, { localnet });
    const { bank, admin } = localnet.ledger;
    const owner = userOf(localnet, fixture.user(0)).owner;
    const pass = accessPassAddress(localnet.programId, UNSPECIFIED_IPV4, owner).address;
    const held = existing(bank.account(pass));
    bank.putAccount(pass, { ...held, data: encodeAccessPass({ ...decodeAccessPass(held.data), lastAccessEpoch: 0n }) });
    const caller = keypair('anybody');
    admin.fund(addressOfKey(caller), lamports(SOL));
    const { blockhash } = bank.replica().view('confirmed').latestBlockhash();
    const sweep = rfc11.sweepExpiredUsers({
      programId: localnet.programId,
      accessPass: pass,
      users: fixture.users,
      caller: addressOfKey(caller),
    });
    bank.submit(parseTransaction(build([toWeb3(sweep)], { signers: [caller], payer: caller, version: 'legacy', blockhash })));
    await fixture.until('all swept', () => fixture.users.every((user) => userOf(localnet, user).status === UserStatus.outOfCredits));
    await fixture.until('all down', () => fixture.ledgerSays().every((status) => status === 'down'));
    await systemClock.sleep(800);
    // An Up and a Down each, and nothing since.
    expect(fixture.eventsOf('landed').length).toBe(8);
    expect(rfc11.idPool(extensionOf(localnet, localnet.device), 'tunnelId')?.allocatedCount).toBe(4);
    expect(() => localnet.addUser()).toThrow('InvalidLastAccessEpoch');
    expect(fixture.eventsOf('defect', 'halted', 'rejected')).toEqual([]);
  });

  test('in mid-flight a delete takes one user out of the batch, and the others land', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 6 });
    fixture.localnet.ledger.faults.set({ delaySlots: 8 });
    for (const n of [1, 2, 4]) fixture.localnet.disconnect(fixture.user(n));
    await fixture.until('in flight', () => fixture.eventsOf('sent').some((line) => line.includes('u2 down')));
    fixture.localnet.removeUser(fixture.user(2));
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the others down', () => fixture.ledgerSays()[1] === 'down' && fixture.ledgerSays()[4] === 'down');
    expect(fixture.localnet.ledger.admin.user(fixture.user(2))).toBeUndefined();
    expect(fixture.eventsOf('defect', 'halted')).toEqual([]);
  });
});
