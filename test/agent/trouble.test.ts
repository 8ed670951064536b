import { describe, expect, test } from 'vitest';
import type { Localnet } from '../../localnet/index.ts';
import type { FaultPatch } from '../../localnet/ledger/index.ts';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type Address, ipv4, lamports } from '../../src/serviceability/index.ts';
import { type AgentFixture, HANGING, makeFixture, PATIENTLY, SLOT_MS, settledFixture, signerNumber } from '../support/agent-fixture.ts';

/** A change of the ledger is visible after these slots. */
const confirmed = () => systemClock.sleep(3 * SLOT_MS);

/** No write was rejected, and nothing halted or failed internally. */
function expectNoFailure({ eventsOf }: AgentFixture): void {
  expect(eventsOf('defect', 'rejected', 'halted')).toEqual([]);
}

describe.concurrent('switch faults', PATIENTLY, () => {
  const faults: readonly [string, SwitchFault][] = [
    ['refuses connections', { kind: 'refuse' }],
    ['hangs', { kind: 'hang' }],
    ['is too slow', { kind: 'slow', delayMs: 15_000 }],
    ['answers HTML', { kind: 'garbage' }],
    ['is cut off in its answer', { kind: 'cut' }],
    ['answers with wrong types', { kind: 'wrong-types' }],
    ['answers with no VRF at all', { kind: 'empty' }],
    ['answers 503', { kind: 'http-status', status: 503 }],
    ['says that BGP is inactive', { kind: 'command-error', code: 1000, errors: ['BGP inactive'] }],
  ];
  test.for(faults)(
    'rule 20: a switch that %s makes no user Down, is reported once, and is read again afterwards',
    async ([, fault], { onTestFinished }) => {
      const fixture = await settledFixture(onTestFinished, ['hang', 'slow'].includes(fault.kind) ? HANGING : {});
      const landed = fixture.eventsOf('landed').length;
      const end = fixture.localnet.switchFaults.begin(fault);
      fixture.localnet.disconnect(fixture.user(2));
      await fixture.until('the source lost', () => fixture.eventsOf('source').length === 1);
      await systemClock.sleep(1_200);
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      expect(fixture.eventsOf('landed').length).toBe(landed);
      end();
      await fixture.until('the right status afterwards', () => fixture.ledgerSays()[2] === 'down');
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'down', 'up']);
      expect(fixture.eventsOf('source')).toEqual(['source eapi lost', 'source eapi back']);
      expectNoFailure(fixture);
    },
  );

  test.for([
    ['cannot read one VRF', { kind: 'vrf-failing', vrf: 'vrf2' }],
    ['does not show one VRF', { kind: 'vrf-missing', vrf: 'vrf2' }],
  ] as const)('rule 3: a switch that %s holds the users of that VRF and goes on with the others', async ([, fault], { onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const end = fixture.localnet.switchFaults.begin(fault);
    for (const n of [0, 1]) fixture.localnet.disconnect(fixture.user(n)); // vrf1, vrf2
    await fixture.until('the user of vrf1 down', () => fixture.ledgerSays()[0] === 'down');
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
    end();
    await fixture.until('the user of vrf2 down', () => fixture.ledgerSays()[1] === 'down');
    expectNoFailure(fixture);
  });

  test('a switch that fails on its first source is read by the second', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { sources: ['eapi', 'snmp'] });
    fixture.localnet.switchFaults.begin({ kind: 'http-status', status: 500 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.eventsOf('source')).toEqual(['source eapi lost']);
    expect(fixture.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectNoFailure(fixture);
  });

  test('a switch that reboots makes all users Down once, and Up again', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 12 });
    fixture.localnet.sim.reboot();
    await fixture.until('all users down', () => fixture.ledgerSays().every((status) => status === 'down'));
    for (const user of fixture.users) fixture.localnet.connect(user);
    await fixture.until('all users up', () => fixture.ledgerSays().every((status) => status === 'up'));
    expectNoFailure(fixture);
  });
});

describe.concurrent('ledger faults', PATIENTLY, () => {
  const faults: readonly [string, FaultPatch][] = [
    ['resets connections', { rpc: [{ kind: 'reset' }] }],
    ['answers 429', { rpc: [{ kind: 'rate-limited', retryAfterSeconds: 1 }] }],
    ['answers 503', { rpc: [{ kind: 'unavailable' }] }],
    ['hangs', { rpc: [{ kind: 'hang' }] }],
    ['answers HTML', { rpc: [{ kind: 'html' }] }],
    ['is cut off in its answers', { rpc: [{ kind: 'truncate' }] }],
    ['produces no blocks', { frozen: true }],
    ['lags', { lagSlots: 200 }],
    ['has an internal error', { rpc: [{ kind: 'error', code: -32_603, message: 'internal error' }] }],
    [
      'cannot list accounts',
      { rpc: [{ kind: 'error', code: -32_010, message: 'excluded from account secondary indexes', methods: ['getProgramAccounts'] }] },
    ],
  ];
  test.for(faults)(
    'rule 9: a ledger that %s loses no status: changes made meanwhile are written soon after',
    async ([, fault], { onTestFinished }) => {
      // A view from before the fault is too old to write on by the time that a Down is believed.
      const fixture = await settledFixture(onTestFinished, {
        timing: { viewMaxAgeMs: 600 },
        policy: { downGraceMs: 700 },
        ...(fault.rpc?.some(({ kind }) => kind === 'hang') ? HANGING : {}),
      });
      fixture.localnet.ledger.faults.set(fault);
      fixture.localnet.disconnect(fixture.user(0));
      fixture.localnet.disconnect(fixture.user(3));
      await systemClock.sleep(800);
      fixture.localnet.connect(fixture.user(3));
      await systemClock.sleep(800);
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      fixture.localnet.ledger.faults.clear();
      await fixture.until('the right status afterwards', () => fixture.ledgerSays()[0] === 'down' && fixture.ledgerSays()[3] === 'up');
      expect(fixture.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
      // A fault is reported when it begins and when it ends, not at each request.
      expect(fixture.eventsOf('endpoint', 'ledger view').length).toBeLessThanOrEqual(6);
      expectNoFailure(fixture);
    },
  );

  test.for([
    ['owner', 'wrong-owner', 'LEDGER__DEVICE_WRONG_OWNER'],
    ['type', 'wrong-type', 'LEDGER__NOT_A_DEVICE'],
  ] as const)(
    'rule 20: a ledger that returns accounts of another %s halts writes until it recovers',
    async ([, kind, code], { onTestFinished }) => {
      const fixture = await settledFixture(onTestFinished);
      fixture.localnet.ledger.faults.set({ account: { kind } });
      await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
      fixture.localnet.disconnect(fixture.user(0));
      await systemClock.sleep(1_000);
      expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
      fixture.localnet.ledger.faults.clear();
      await fixture.until('the right status afterwards', () => fixture.ledgerSays()[0] === 'down');
      expect(fixture.eventsOf('halted', 'rejected', 'defect')).toEqual([`halted ${code}`]);
    },
  );

  test('rule 17: a ledger that drops every other transaction still gets every status once', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 40 });
    fixture.localnet.ledger.faults.set({ dropProbability: 0.5, duplicateProbability: 0.3 });
    for (const user of fixture.users) fixture.localnet.disconnect(user);
    await fixture.until('all users down', () => fixture.eventsOf('landed').length >= 80);
    expect(fixture.ledgerSays()).toEqual(Array(40).fill('down'));
    expect(fixture.eventsOf('landed').length).toBe(80);
    expectNoFailure(fixture);
  });

  test('rule 17: a ledger that expires blockhashes early gets fresh ones', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ blockhashLifetime: 0 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('an attempt in vain', () => fixture.eventsOf('failed', 'expired').length >= 1);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    fixture.localnet.ledger.faults.set({ blockhashLifetime: 150 });
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectNoFailure(fixture);
  });

  test('rule 20: a ledger that fails at its first endpoint is reached through the second', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { endpoints: 1, ...HANGING });
    fixture.localnet.ledger.faults.set({ rpc: [{ kind: 'hang' }] });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.eventsOf('endpoint')).toEqual(['endpoint number 0 lost']);
    expectNoFailure(fixture);
  });
});

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
    await systemClock.sleep(1_000);
    expect(fixture.eventsOf('halted')).toEqual([`halted ${code}`]);
    expect(fixture.localnet.ledger.bank.counters.received).toBe(0);
    expect(fixture.eventsOf('defect')).toEqual([]);
  });

  test('rule 20: a key without funds is reported once, and writes resume when it has some', async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished);
    const publisher = signerNumber(7).address;
    fixture.localnet.ledger.admin.fund(publisher, lamports(0));
    await confirmed();
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await fixture.until('the halt', () => fixture.eventsOf('halted').length === 1);
    await systemClock.sleep(1_200);
    expect(fixture.eventsOf('halted')).toEqual(['halted WRITE__NO_FUNDS']);
    fixture.localnet.ledger.admin.fund(publisher, lamports(1_000_000_000));
    await fixture.until('all users up', () => fixture.eventsOf('landed').length === 4);
    expect(fixture.eventsOf('resumed')).toEqual(['resumed']);
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
    await confirmed();
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
