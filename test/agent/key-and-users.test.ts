import { describe, expect, test } from 'vitest';
import type { Localnet } from '../../localnet/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type Address, ipv4, lamports } from '../../src/serviceability/index.ts';
import { type AgentFixture, expectNoFailure, makeFixture, PATIENTLY, settledFixture, signerNumber } from '../support/agent-fixture.ts';

describe.concurrent('key and device', PATIENTLY, () => {
  test("rule 20: a key that is not the device's publisher is reported once and writes nothing", async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished, { signer: signerNumber(8) });
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await systemClock.sleep(1_500);
    expect(fixture.lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH']);
    expect(fixture.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('rule 20: a key that the device no longer names halts writes until the device names it again', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const { admin } = fixture.localnet.ledger;
    admin.changeDevice(fixture.localnet.device, { metricsPublisher: signerNumber(8).address });
    await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
    fixture.localnet.disconnect(fixture.user(0));
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()[0]).toBe('up');
    admin.changeDevice(fixture.localnet.device, { metricsPublisher: signerNumber(7).address });
    await fixture.until('down after the resumption', () => fixture.ledgerSays()[0] === 'down');
    await fixture.until('the resumption', () => fixture.eventsOf('resumed').length === 1);
    expect(fixture.eventsOf('halted', 'resumed', 'rejected')).toEqual(['halted LEDGER__PUBLISHER_MISMATCH', 'resumed']);
  });

  test.for<readonly [string, string, (localnet: Localnet) => Address]>([
    ['does not exist', 'LEDGER__DEVICE_UNKNOWN', () => signerNumber(9).address],
    [
      'is a user',
      'LEDGER__NOT_A_DEVICE',
      (fixture: AgentFixture['localnet']) => [...fixture.ledger.admin.users().keys()][0] ?? signerNumber(9).address,
    ],
    ['belongs to another program', 'LEDGER__DEVICE_WRONG_OWNER', () => signerNumber(7).address],
  ])('rule 20: a device address that %s is reported once, and nothing is written', async ([, code, device], { onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished, { device });
    fixture.agent.start();
    await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
    await systemClock.sleep(1_000);
    expect(fixture.eventsOf('halted')).toEqual([`halted ${code}`]);
    expect(fixture.localnet.ledger.bank.counters.received).toBe(0);
    expect(fixture.eventsOf('defect')).toEqual([]);
  });

  test('rule 20: a key without funds is reported once, and writes resume when it has some', async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished);
    const publisher = signerNumber(7).address;
    fixture.localnet.ledger.admin.fund(publisher, lamports(0));
    fixture.localnet.ledger.bank.advance(3);
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
    await systemClock.sleep(1_200);
    expect(fixture.eventsOf('halted')).toEqual(['halted WRITE__NO_FUNDS']);
    fixture.localnet.ledger.admin.fund(publisher, lamports(1_000_000_000));
    await fixture.until('all users up', () => fixture.eventsOf('landed').length === 4);
    expect(fixture.eventsOf('resumed')).toEqual(['resumed']);
  });

  test('rule 20: the agent reports a key that cannot pay for one transaction, and the end of that halt, even with nothing to write', async ({
    onTestFinished,
  }) => {
    const fixture = await settledFixture(onTestFinished);
    const publisher = signerNumber(7).address;
    fixture.localnet.ledger.admin.fund(publisher, lamports(4_999));
    await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
    expect(fixture.eventsOf('halted')).toEqual(['halted WRITE__NO_FUNDS']);
    fixture.localnet.ledger.admin.fund(publisher, lamports(5_000));
    await fixture.until('the end', () => fixture.eventsOf('resumed').length === 1);
  });
});

describe.concurrent('single users', PATIENTLY, () => {
  test('rule 19: a user deleted between decision and confirmation does not affect others', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 6 });
    fixture.localnet.ledger.faults.set({ delaySlots: 8 });
    for (const n of [1, 2, 4]) fixture.localnet.disconnect(fixture.user(n));
    await fixture.until('a transaction in flight', () => fixture.eventsOf('sent').some((line) => line.includes('u2 down')));
    fixture.localnet.removeUser(fixture.user(2));
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the others down', () => fixture.ledgerSays()[1] === 'down' && fixture.ledgerSays()[4] === 'down');
    expect(fixture.eventsOf('rejected').length).toBeLessThanOrEqual(1);
    expect(fixture.eventsOf('defect', 'halted')).toEqual([]);
  });

  test('rule 20: a user that the program rejects is reported once, and written at once when its account changes', async ({
    onTestFinished,
  }) => {
    const fixture = await makeFixture(onTestFinished);
    const { admin } = fixture.localnet.ledger;
    admin.changeUser(fixture.user(1), { dzIp: ipv4('10.0.0.1') });
    fixture.localnet.ledger.bank.advance(3);
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await fixture.until('the others up', () => [0, 2, 3].every((n) => fixture.ledgerSays()[n] === 'up'));
    await systemClock.sleep(800);
    expect(fixture.eventsOf('rejected')).toEqual(['rejected u1 up: WRITE__USER_REJECTED']);
    admin.changeUser(fixture.user(1), { dzIp: ipv4('198.18.0.77') });
    await fixture.until('it is up too', () => fixture.ledgerSays()[1] === 'up');
  });

  test('rule 5: two users that share a tunnel_net are both held', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const first = fixture.localnet.ledger.admin.user(fixture.user(0));
    if (first === undefined) throw new Error('no first user');
    fixture.localnet.ledger.admin.changeUser(fixture.user(2), { tunnelNet: first.tunnelNet });
    await systemClock.sleep(600);
    fixture.localnet.disconnect(fixture.user(0));
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expectNoFailure(fixture);
  });
});
