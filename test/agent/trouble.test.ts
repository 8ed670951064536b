import { describe, expect, test } from 'vitest';
import type { Localnet } from '../../localnet/index.ts';
import type { FaultPatch } from '../../localnet/ledger/index.ts';
import type { SwitchFault } from '../../localnet/switch/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type Address, ipv4, lamports } from '../../src/serviceability/index.ts';
import { type AgentFixture, HANGING, makeFixture, PATIENTLY, SLOT_MS, settledFixture, signerNumber } from '../support/agent-fixture.ts';

/** What was just changed on the ledger is what everybody sees by then. */
const confirmed = () => systemClock.sleep(3 * SLOT_MS);

/** Nothing was written that is not so, and nothing broke. */
function expectHonest({ told }: AgentFixture): void {
  expect(told('defect', 'rejected', 'halted')).toEqual([]);
}

describe.concurrent('a switch that', PATIENTLY, () => {
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
  test.for(faults)('rule 20: %s makes nobody down, is told once, and is read again afterwards', async ([, fault], { onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, ['hang', 'slow'].includes(fault.kind) ? HANGING : {});
    const landed = fixture.told('landed').length;
    const end = fixture.localnet.switchFaults.begin(fault);
    fixture.localnet.disconnect(fixture.user(2));
    await fixture.until('the source lost', () => fixture.told('source').length === 1);
    await systemClock.sleep(1_200);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expect(fixture.told('landed').length).toBe(landed);
    end();
    await fixture.until('the truth after it', () => fixture.ledgerSays()[2] === 'down');
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'down', 'up']);
    expect(fixture.told('source')).toEqual(['source eapi lost', 'source eapi back']);
    expectHonest(fixture);
  });

  test.for([
    ['cannot read one VRF', { kind: 'vrf-failing', vrf: 'vrf2' }],
    ['does not show one VRF', { kind: 'vrf-missing', vrf: 'vrf2' }],
  ] as const)('rule 3: %s holds the users of that one, and goes on with the others', async ([, fault], { onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const end = fixture.localnet.switchFaults.begin(fault);
    for (const n of [0, 1]) fixture.localnet.disconnect(fixture.user(n)); // vrf1, vrf2
    await fixture.until('the user of vrf1 down', () => fixture.ledgerSays()[0] === 'down');
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
    end();
    await fixture.until('the user of vrf2 down', () => fixture.ledgerSays()[1] === 'down');
    expectHonest(fixture);
  });

  test('fails on its first source is read by the second, and nobody notices on the ledger', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { sources: ['eapi', 'snmp'] });
    fixture.localnet.switchFaults.begin({ kind: 'http-status', status: 500 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.told('source')).toEqual(['source eapi lost']);
    expect(fixture.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectHonest(fixture);
  });

  test('reboots makes everybody down once, and up again', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 12 });
    fixture.localnet.sim.reboot();
    await fixture.until('everybody down', () => fixture.ledgerSays().every((status) => status === 'down'));
    for (const user of fixture.users) fixture.localnet.connect(user);
    await fixture.until('everybody up', () => fixture.ledgerSays().every((status) => status === 'up'));
    expectHonest(fixture);
  });
});

describe.concurrent('a ledger that', PATIENTLY, () => {
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
  test.for(faults)('rule 9: %s loses nothing: what changed meanwhile is right soon after', async ([, fault], { onTestFinished }) => {
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
    await fixture.until('the truth after it', () => fixture.ledgerSays()[0] === 'down' && fixture.ledgerSays()[3] === 'up');
    expect(fixture.ledgerSays()).toEqual(['down', 'up', 'up', 'up']);
    // A fault is told when it comes and when it goes, not at each request.
    expect(fixture.told('endpoint', 'ledger view').length).toBeLessThanOrEqual(6);
    expectHonest(fixture);
  });

  test.for([
    ['owner', 'wrong-owner', 'LEDGER__DEVICE_WRONG_OWNER'],
    ['type', 'wrong-type', 'LEDGER__NOT_A_DEVICE'],
  ] as const)('answers accounts of another %s is not believed, and is again afterwards', async ([, kind, code], { onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ account: { kind } });
    await fixture.until('the halt', () => fixture.told('halted').length === 1);
    fixture.localnet.disconnect(fixture.user(0));
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the truth after it', () => fixture.ledgerSays()[0] === 'down');
    expect(fixture.told('halted', 'rejected', 'defect')).toEqual([`halted ${code}`]);
  });

  test('rule 17: loses every other transaction still gets every status, each once', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 40 });
    fixture.localnet.ledger.faults.set({ dropProbability: 0.5, duplicateProbability: 0.3 });
    for (const user of fixture.users) fixture.localnet.disconnect(user);
    await fixture.until('everybody down', () => fixture.told('landed').length >= 80);
    expect(fixture.ledgerSays()).toEqual(Array(40).fill('down'));
    expect(fixture.told('landed').length).toBe(80);
    expectHonest(fixture);
  });

  test('rule 17: forgets blockhashes early gets fresh ones', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    fixture.localnet.ledger.faults.set({ blockhashLifetime: 0 });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('an attempt in vain', () => fixture.told('failed', 'expired').length >= 1);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    fixture.localnet.ledger.faults.set({ blockhashLifetime: 150 });
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.ledgerSays()).toEqual(['up', 'down', 'up', 'up']);
    expectHonest(fixture);
  });

  test('rule 20: fails at its first endpoint is reached through the second', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { endpoints: 1, ...HANGING });
    fixture.localnet.ledger.faults.set({ rpc: [{ kind: 'hang' }] });
    fixture.localnet.disconnect(fixture.user(1));
    await fixture.until('one down', () => fixture.ledgerSays()[1] === 'down');
    expect(fixture.told('endpoint')).toEqual(['endpoint number 0 lost']);
    expectHonest(fixture);
  });
});

describe.concurrent('a key or a device that', PATIENTLY, () => {
  test("rule 20: is not the device's publisher: said once, nothing written", async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished, { signer: signerNumber(8) });
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await systemClock.sleep(1_500);
    expect(fixture.lines).toEqual(['halted LEDGER__PUBLISHER_MISMATCH']);
    expect(fixture.localnet.ledger.bank.counters.received).toBe(0);
  });

  test('is replaced stops the writing, and writes again once it is named again', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const { admin } = fixture.localnet.ledger;
    admin.changeDevice(fixture.localnet.device, { metricsPublisher: signerNumber(8).address });
    await fixture.until('the halt', () => fixture.told('halted').length === 1);
    fixture.localnet.disconnect(fixture.user(0));
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()[0]).toBe('up');
    admin.changeDevice(fixture.localnet.device, { metricsPublisher: signerNumber(7).address });
    await fixture.until('down at last', () => fixture.ledgerSays()[0] === 'down');
    await fixture.until('the resumption', () => fixture.told('resumed').length === 1);
    expect(fixture.told('halted', 'resumed', 'rejected')).toEqual(['halted LEDGER__PUBLISHER_MISMATCH', 'resumed']);
  });

  test.for<readonly [string, string, (localnet: Localnet) => Address]>([
    ['does not exist', 'LEDGER__DEVICE_UNKNOWN', () => signerNumber(9).address],
    [
      'is a user',
      'LEDGER__NOT_A_DEVICE',
      (fixture: AgentFixture['localnet']) => [...fixture.ledger.admin.users().keys()][0] ?? signerNumber(9).address,
    ],
    ['belongs to another program', 'LEDGER__DEVICE_WRONG_OWNER', () => signerNumber(7).address],
  ])('%s: said once, nothing written', async ([, code, device], { onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished, { device });
    fixture.agent.start();
    await systemClock.sleep(1_000);
    expect(fixture.told('halted')).toEqual([`halted ${code}`]);
    expect(fixture.localnet.ledger.bank.counters.received).toBe(0);
    expect(fixture.told('defect')).toEqual([]);
  });

  test('rule 20: has no money: said once, and writing goes on when it has some', async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished);
    const publisher = signerNumber(7).address;
    fixture.localnet.ledger.admin.fund(publisher, lamports(0));
    await confirmed();
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await fixture.until('the halt', () => fixture.told('halted').length === 1);
    await systemClock.sleep(1_200);
    expect(fixture.told('halted')).toEqual(['halted WRITE__NO_FUNDS']);
    fixture.localnet.ledger.admin.fund(publisher, lamports(1_000_000_000));
    await fixture.until('everybody up', () => fixture.told('landed').length === 4);
    expect(fixture.told('resumed')).toEqual(['resumed']);
  });
});

describe.concurrent('a user that', PATIENTLY, () => {
  test('is deleted between decision and landing takes nobody else with it', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished, { users: 6 });
    fixture.localnet.ledger.faults.set({ delaySlots: 8 });
    for (const n of [1, 2, 4]) fixture.localnet.disconnect(fixture.user(n));
    await fixture.until('a transaction in flight', () => fixture.told('sent').some((line) => line.includes('u2 down')));
    fixture.localnet.removeUser(fixture.user(2));
    fixture.localnet.ledger.faults.clear();
    await fixture.until('the others down', () => fixture.ledgerSays()[1] === 'down' && fixture.ledgerSays()[4] === 'down');
    expect(fixture.told('rejected').length).toBeLessThanOrEqual(1);
    expect(fixture.told('defect', 'halted')).toEqual([]);
  });

  test('the program refuses is told once and left alone, and written at once when its account changes', async ({ onTestFinished }) => {
    const fixture = await makeFixture(onTestFinished);
    const { admin } = fixture.localnet.ledger;
    admin.changeUser(fixture.user(1), { dzIp: ipv4('10.0.0.1') });
    await confirmed();
    for (const user of fixture.users) fixture.localnet.connect(user);
    fixture.agent.start();
    await fixture.until('the others up', () => [0, 2, 3].every((n) => fixture.ledgerSays()[n] === 'up'));
    await systemClock.sleep(800);
    expect(fixture.told('rejected')).toEqual(['rejected u1 up: WRITE__USER_REJECTED']);
    admin.changeUser(fixture.user(1), { dzIp: ipv4('198.18.0.77') });
    await fixture.until('it is up too', () => fixture.ledgerSays()[1] === 'up');
  });

  test('rule 5: shares its tunnel_net with another is held, and so is the other', async ({ onTestFinished }) => {
    const fixture = await settledFixture(onTestFinished);
    const first = fixture.localnet.ledger.admin.user(fixture.user(0));
    if (first === undefined) throw new Error('no first user');
    fixture.localnet.ledger.admin.changeUser(fixture.user(2), { tunnelNet: first.tunnelNet });
    await systemClock.sleep(600);
    fixture.localnet.disconnect(fixture.user(0));
    await systemClock.sleep(1_000);
    expect(fixture.ledgerSays()).toEqual(['up', 'up', 'up', 'up']);
    expectHonest(fixture);
  });
});
